//! Commits: the records a graph consists of, and the one door through which it changes.
//!
//! Owns everything under `__manifest/` and `__recovery/`, and the convenience copy `_schema.pg`. Uses
//! [`crate::storage`] for objects and tables; knows nothing of rows, queries or constraints. Nothing outside this
//! module can make a change visible: [`Graph::write`] is the only publisher, and a commit becomes visible by exactly
//! one put-if-absent of the next record in its branch's log.
//!
//! Reading order: names ([`ids`]), the stored objects ([`record`], [`format`], [`refs`], [`schema`], [`log`], [`pack`]), finding the
//! newest record ([`head`]) and what it pins ([`snapshot`]), then writing ([`write`], [`publish`], [`intent`]), what a crash
//! leaves behind ([`recovery`], [`audits`]), keeping out of a cleanup's way ([`cleaning`]), and the handle that ties them
//! together ([`graph`], [`init`]); [`counts`] is what it counts.

pub mod audits;
pub mod cleaning;
pub mod counts;
pub mod failpoints;
pub mod format;
pub mod graph;
pub mod head;
pub mod ids;
pub mod init;
pub mod intent;
pub mod log;
pub mod pack;
pub mod publish;
pub mod record;
pub mod recovery;
pub mod refs;
pub mod schema;
pub mod snapshot;
pub mod turns;
pub mod write;

#[cfg(test)]
mod tests;

pub use format::STORAGE_FORMAT;
pub use graph::Graph;
pub use ids::{BranchName, CommitId, Seq};
pub use publish::{Effect, Outcome};
pub use record::CommitKind;
pub use record::{CommitRecord, TablePin};
pub use snapshot::Snapshot;
pub use write::{PlanError, Planned, Planner, WriteRequest, WriteResult};
