//! Three-way merge of branches.
//!
//! A merge compares the heads of source and target with their merge base, type lifetime by type lifetime. A table that
//! only one side changed is taken from that side by naming its version. A table that both changed is merged entity by
//! entity: one side's version is the ground, the other side's changes are staged on it. The ground is the target, unless
//! the source alone changed the schema: then the rows of the target are carried over to it.
//!
//! Constraints are judged on the ground with the other side's changes. Both sides satisfy them, so only changes of types
//! that meet can break one: an edge type and its node types, where one side changed one and the other side another. The
//! rest is not even read.
//!
//! Invariants: (1) the plan holds only on the target head it was made on; (2) conflicts are reported all at once,
//! structural ones first; (3) nothing is staged unless there are none.
//! Cost: proportional to the rows that either side changed in types that both changed or that meet.

mod entities;
mod fields;
mod plan;
mod rows;
mod schemas;

pub use entities::Preferred;
pub(crate) use entities::Resolution;
pub(crate) use plan::{Merge, MergeReport, Outcome};
