//! Storage: objects under one root, and immutable table versions. The only module that names Lance types.
//!
//! Owns how bytes reach a directory, a bucket or memory ([`root`]), and how rows become Lance versions ([`table`],
//! [`stage`]). Knows nothing of graphs, types or commits.
//!
//! Invariants: (1) an object made with put-if-absent appears whole or not at all, and exactly one of racing creators
//! wins; (2) a table version, once returned by [`stage::stage`], never changes and, with [`Durability::Full`], survives power
//! loss; (3) no cache here can be stale, because everything cached is named by something immutable.
//!
//! Reading order: where ([`uri`], [`root`], [`retry`], [`durable`]), then tables ([`cache`], [`table`], [`scan`], [`sorted`],
//! [`difference`], what is derived from fragments: [`key_index`], [`ordered`], [`text`], [`vectors`], [`kept`], [`indexes`]), then changes ([`tail`], [`compact`], [`stage`], [`reshape`]) and what they leave behind
//! ([`reclaim`]). [`fault`] names the points at which tests stop a writer.

pub(crate) mod cache;
pub(crate) mod compact;
pub(crate) mod difference;
pub(crate) mod durable;
pub(crate) mod failure;
pub(crate) mod fault;
mod fragment;
mod grams;
pub(crate) mod indexes;
mod kept;
pub(crate) mod key_index;
pub(crate) mod narrow;
pub(crate) mod once;
mod ordered;
pub(crate) mod postings;
pub(crate) mod reclaim;
pub(crate) mod reshape;
pub(crate) mod retry;
pub(crate) mod root;
pub(crate) mod scan;
mod settings;
pub(crate) mod sorted;
pub(crate) mod stage;
pub(crate) mod stats;
pub(crate) mod stores;
pub(crate) mod table;
pub(crate) mod tail;
pub(crate) mod text;
pub(crate) mod uri;
pub(crate) mod values;
pub(crate) mod vectors;

#[cfg(test)]
mod tests;

pub(crate) use difference::Selection;
pub(crate) use key_index::KeyIndex;
pub(crate) use once::build_once;
pub(crate) use reshape::reshape;
pub(crate) use retry::Tries;
pub use root::Durability;
pub(crate) use root::{Created, KEPT_ROWS, Root, RootOptions, blocking};
pub(crate) use scan::Scan;
pub(crate) use stage::{TableChange, Written, stage, write};
pub(crate) use table::{ROW_ADDRESS, Table, TableVersion};
