//! A graph as a chain of immutable commit records: publishing, branches, history, recovery.
//!
//! The only crate that can make a change visible. Owns everything under `__manifest/` and `__recovery/` of a root
//! ([`commit`]), branches, tags and the walk over history ([`branch`]), and the physical shape of entities ([`model`]). Uses
//! `omnigraph-storage` for objects and tables; knows nothing of rows, queries or constraints.
//!
//! Invariants: (1) a commit becomes visible by exactly one put-if-absent of the next record in its branch's log; (2) a
//! record that exists is never rewritten; (3) no operation on the hot path costs more because the graph is older.

// DataFusion's expression types nest deeper than the default when auto traits are proved for futures over them.
#![recursion_limit = "256"]

pub mod branch;
pub mod commit;
pub mod error;
pub mod model;

pub use error::{GraphError, Result};
