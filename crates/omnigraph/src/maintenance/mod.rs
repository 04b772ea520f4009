//! Keeping the store small and fast: compaction, indexes, removal of garbage, and the check for drift.
//!
//! Owns nothing on disk. [`optimize`] compacts tables by a write like any other; [`indexes`] keeps what is derived from
//! data files; [`background`] does both behind the writes of an open handle. [`cleanup`] alone removes files: [`mark`]
//! reads every commit, [`retention`] decides what they keep, [`omnigraph_storage::tables::reclaim`] finds the rest of
//! each table, and [`packing`] joins old records. [`settled`] keeps optimize and cleanup away from interrupted writes.
//! [`repair`] has nothing to do, as a table version that no commit names cannot be reached.
//!
//! Invariant: no answer changes, except that a reclaimed commit is reported as such.

mod background;
mod cleanup;
pub(crate) mod failpoints;
pub(crate) mod indexes;
mod mark;
mod optimize;
mod packing;
mod repair;
mod retention;
mod settled;

pub(crate) use background::maintain;
pub use cleanup::{CleanupPolicyOptions, DatasetCleanupStats};
pub(crate) use cleanup::{cleanup, reclaim_dropped};
pub use indexes::{IndexKind, IndexState, IndexStatus, PendingIndex};
pub(crate) use optimize::optimize;
pub use optimize::{DatasetOptimizeStats, SkipReason};
pub(crate) use repair::repair;
pub use repair::{DatasetRepairStats, RepairAction, RepairClassification, RepairOptions, RepairStats};

/// Names the storage of commits in statistics, beside the type keys.
const MANIFEST_KEY: &str = "__manifest";
