//! Keeping the store small and fast: compaction, reclamation, and the check for drift.
//!
//! Owns nothing on disk. [`optimize`] is a write like any other; [`indexes`] keeps what is derived from fragments, and
//! [`tend`] does both behind the writes of a live handle; [`cleanup`] alone removes files, and only those that
//! [`census`] and [`omnigraph_storage::tables::reclaim`] prove to be garbage; [`repair`] has nothing to do, as a table
//! version that no commit names cannot be reached.
//!
//! Invariant: no answer changes, except that a reclaimed commit is reported as such.

mod census;
mod cleanup;
pub(crate) mod failpoints;
pub(crate) mod indexes;
mod optimize;
pub(crate) mod packing;
mod pending;
mod repair;
pub(crate) mod retention;
mod tend;

#[cfg(test)]
#[cfg(feature = "failpoints")]
mod tests;

pub use cleanup::{CleanupPolicyOptions, DatasetCleanupStats};
pub(crate) use cleanup::{cleanup, reclaim_dropped};
pub use indexes::{IndexKind, IndexState, IndexStatus};
pub(crate) use optimize::optimize;
pub use optimize::{DatasetOptimizeStats, PendingIndex, SkipReason};
pub(crate) use repair::repair;
pub use repair::{DatasetRepairStats, RepairAction, RepairClassification, RepairOptions, RepairStats};
pub(crate) use tend::tend;

/// Names the storage of commits in statistics, beside the type keys.
const MANIFEST_KEY: &str = "__manifest";

/// Tables maintained at the same time.
const TABLES_AT_ONCE: usize = 8;

/// Returns how many tables are maintained at the same time: `OMNIGRAPH_MAINTENANCE_CONCURRENCY`, or 8.
fn tables_at_once() -> usize {
    let configured = std::env::var("OMNIGRAPH_MAINTENANCE_CONCURRENCY").ok();
    configured.and_then(|text| text.trim().parse().ok()).filter(|n| *n > 0).unwrap_or(TABLES_AT_ONCE)
}
