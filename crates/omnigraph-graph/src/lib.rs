//! A graph as a chain of immutable commit records: the only crate that can make a change visible.
//!
//! Owns everything under `__manifest/` and `__recovery/` of a root, and the copy of the schema for people, `_schema.pg`:
//! commit records and the logs they stand in, refs of branches, tags, write intents and what recovery did about them.
//! [`commit`] publishes and recovers, [`branch`] creates and deletes branches, finds commits and compares two of them,
//! [`model`] says which columns a table of entities has. Uses `omnigraph-storage` for objects and tables; knows nothing
//! of the values in rows, of queries or of constraints: what to write is planned above, by a [`commit::Planner`].
//!
//! Reading order: [`commit::record`] (what a commit is), [`commit::log`] and [`commit::refs`] (where it stands),
//! [`commit::head`] and [`commit::snapshot`] (how it is read), [`commit::write`] and [`commit::publish`] (how the next one
//! is made), [`commit::intent`] and [`commit::recovery`] (what happens when that is interrupted), then [`branch`].
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
