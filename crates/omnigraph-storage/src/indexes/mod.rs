//! Indexes derived from immutable data files, one part per fragment, cached in memory and kept beside the file.
//!
//! [`part`] is where a part is kept and what its bytes are wrapped in; [`build`] tells which parts a table has and makes
//! what is missing. Kinds: exact keys ([`key_index`] over [`postings`] in memory and [`btree`] on disk), terms of texts
//! ([`text`]), runs of characters ([`ngram`]), quantized vectors ([`vectors`]). [`prefilter`] tells from them which rows a
//! range, a prefix or a part of a text may mean.

pub(crate) mod btree;
pub mod build;
pub mod key_index;
pub(crate) mod ngram;
pub(crate) mod part;
pub mod postings;
pub mod prefilter;
pub mod text;
pub mod vectors;
