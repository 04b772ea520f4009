//! The WordNet database to a graph of words and synsets (formats: wndb(5), wninput(5)).
//!
//! Input: the files `data.*` and `index.*` for nouns, verbs, adjectives and adverbs in one folder. Of two pointers that
//! say the same from both ends (hypernym and hyponym, holonym and meronym) one edge is made; a symmetric relation is
//! one edge, from the smaller id, to be walked in both directions with `<edge>`.

mod database;
mod graph;
mod line;
mod model;
mod slice;

pub use database::Database;
pub use graph::write;
pub use model::{Part, Relation, SynsetId, WordRelation};
pub use slice::{DEFAULT_ROOTS, slice};
