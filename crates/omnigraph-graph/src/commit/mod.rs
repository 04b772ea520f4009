//! Commits: the records a graph consists of, and the one door through which it changes.
//!
//! Owns `__manifest/` except for tags and the refs of deleted branches ([`crate::branch`]), `__recovery/`, and the copy of
//! the schema for people, `_schema.pg`. Uses `omnigraph-storage` for objects and tables; knows nothing of rows, queries or
//! constraints. Nothing outside this module can make a change visible: [`Graph::write`] is the only publisher, and a
//! commit becomes visible by exactly one put-if-absent of the next record in its branch's log.
//!
//! Reading order: names ([`ids`]); the stored objects ([`record`], [`format`](mod@format), [`refs`], [`schema`], [`log`], [`pack`]);
//! finding the newest record ([`head`]) and what it pins ([`snapshot`]); writing ([`write`](mod@write), [`publish`], [`intent`], and
//! [`queue`] for writers of one process); what an interrupted write leaves behind ([`recovery`], [`audits`]); keeping out
//! of a cleanup's way ([`cleanup_mark`]); the handle that ties them together ([`graph`], [`init`]); what it counts
//! ([`counts`]); and where tests stop it ([`failpoints`]).

pub mod audits;
pub mod cleanup_mark;
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
pub mod queue;
pub mod record;
pub mod recovery;
pub mod refs;
pub mod schema;
pub mod snapshot;
pub mod write;

#[cfg(test)]
mod tests;

pub use format::STORAGE_FORMAT;
pub use graph::Graph;
pub use ids::{BranchName, CommitId, Seq};
pub use publish::{Effect, PlannedCommit};
pub use record::CommitKind;
pub use record::{CommitRecord, TablePin};
pub use snapshot::Snapshot;
pub use write::{PlanError, Planned, Planner, WriteRequest, WriteResult};
