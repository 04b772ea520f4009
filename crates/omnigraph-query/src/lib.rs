//! Queries: from the compiler's typed form to record batches, over one snapshot.
//!
//! Owns the plans of reads, the operators that run them and the caches between runs, the adjacency of edge types in
//! memory, what search functions come to, contexts of a text, and results as JSON. Reads snapshots of `omnigraph-graph`
//! and the tables and indexes of `omnigraph-storage`; writes nothing.
//!
//! To read in this order:
//! 1. `run` puts a read together: tables, searches, plan, operators, result.
//! 2. `search` computes what does not depend on the match: rows of text predicates, prefilters, rankings, measures.
//! 3. `plan` decides what happens in which order. Pure.
//! 4. `exec` makes DataFusion operators of a plan; `expr` evaluates conditions in them.
//! 5. `topology` answers hops and `columns` late fetches, from memory or from storage; [`cache`] bounds what is in memory.
//! 6. [`json`] renders results, [`context`] gathers what a graph knows about a text, [`embedding`] is what turns texts
//!    into vectors.
//!
//! Invariants: (1) answers depend on the snapshot, the query and its parameters only, never on caches, start variables
//! or traversal strategy; (2) results stream, and memory is bounded by the root's budget; (3) a key equality never scans.

// DataFusion's expression types nest deeper than the default when auto traits are proved for futures over them.
#![recursion_limit = "256"]

pub mod cache;
mod columns;
pub mod context;
pub mod embedding;
pub mod error;
mod exec;
mod expr;
pub mod json;
mod plan;
mod run;
mod search;
mod topology;

pub use error::{QueryError, Result};
pub use run::{explain, run};

#[cfg(test)]
mod tests;
