//! Three-way merge of branches.
//!
//! A merge compares the heads of source and target with their merge base, type by type. (A type that was dropped and
//! declared again is another incarnation, and compared with nothing of the old one.) A table that only one side changed
//! is taken from that side by naming its version. A table that both changed is merged entity by entity: the changes of
//! one side, the other side, are staged on the version of the opposite one, the ground. The ground is the target,
//! unless the source alone changed the schema: then the rows of the target are carried over to it.
//!
//! Constraints are judged on the ground with the other side's changes. Both sides satisfy them, so only changes of
//! types that meet can break one: an edge type and its node types, where one side changed one and the other side
//! another. The rest is not even read.
//!
//! [`schemas`] chooses the ground; [`plan`] decides type by type; [`entities`] merges one type, with [`fields`] to pair
//! columns of two schemas and [`rows`] to gather the result.
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
pub use plan::MergeOutcome;
pub(crate) use plan::{Merge, MergeReport};
