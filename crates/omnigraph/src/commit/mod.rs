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

pub(crate) mod audits;
pub(crate) mod cleaning;
pub(crate) mod counts;
pub(crate) mod failpoints;
pub(crate) mod format;
pub(crate) mod graph;
pub(crate) mod head;
pub(crate) mod ids;
pub(crate) mod init;
pub(crate) mod intent;
pub(crate) mod log;
pub(crate) mod pack;
pub(crate) mod publish;
pub(crate) mod record;
pub(crate) mod recovery;
pub(crate) mod refs;
pub(crate) mod schema;
pub(crate) mod snapshot;
pub(crate) mod turns;
pub(crate) mod write;

#[cfg(test)]
mod tests;

pub use format::STORAGE_FORMAT;
pub(crate) use graph::Graph;
pub(crate) use ids::{BranchName, CommitId, Seq};
pub(crate) use publish::{Effect, Outcome};
pub use record::CommitKind;
pub(crate) use record::{CommitRecord, TablePin};
pub(crate) use snapshot::Snapshot;
pub(crate) use write::{Planned, Planner, WriteRequest, Written};
