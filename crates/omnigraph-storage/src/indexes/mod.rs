//! Indexes: derived from immutable data files, one part per fragment, stored beside the file and cached in memory.
//!
//! [`part`] says where a part is stored, reads and writes it; [`build`] says which parts a table should have and makes the
//! missing ones. Kinds: exact keys ([`key_index`], over [`postings`] in memory and [`btree`] in storage), terms of texts
//! ([`text`]), n-grams of texts ([`ngram`]), quantized vectors ([`vectors`]). [`prefilter`] finds with them the rows that a
//! range, a prefix or a substring may mean.

pub(crate) mod btree;
pub mod build;
pub mod key_index;
pub(crate) mod ngram;
pub(crate) mod part;
pub mod postings;
pub mod prefilter;
pub mod text;
pub mod vectors;
