//! Queries: from the compiler's typed form to record batches, over one snapshot.
//!
//! Reads snapshots only; writes nothing. `plan` decides what happens in which order (pure), `exec` makes DataFusion
//! operators of it, `expr` evaluates conditions, `search` resolves text predicates and rankings, `topology` and `columns`
//! answer hops and late fetches from storage or from memory, [`cache`] bounds what is kept, `run` puts them together,
//! [`json`] renders results. [`context`] gathers what a graph knows about a text, from rankings and hops; [`embedding`] is
//! what turns texts of a query into vectors.
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
