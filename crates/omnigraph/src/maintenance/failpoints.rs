//! The named fault points of maintenance. They exist with the crate feature `failpoints` only.

pub(crate) use omnigraph_storage::objects::fault::hit;

/// Optimize has found the graph settled; nothing is planned.
pub(crate) const OPTIMIZE_BEGIN: &str = "optimize.post_recovery_check_pre_main_gate";
/// Optimize has captured the head that it compacts; nothing is written.
pub(crate) const OPTIMIZE_CAPTURED: &str = "optimize.post_authority_capture_pre_gates";
/// Optimize is about to look at one table; nothing is written.
pub(crate) const OPTIMIZE_TABLE: &str = "optimize.before_compact";
/// Cleanup has found the graph settled, and is about to check again; nothing is removed.
pub(crate) const CLEANUP_CHECKED: &str = "cleanup.post_recovery_check_pre_gates";
/// Cleanup is about to reclaim the files of a table that a live branch names.
pub(crate) const CLEANUP_TABLE: &str = "cleanup.table_gc";
/// Cleanup is about to reclaim a table that no live branch names.
pub(crate) const CLEANUP_ORPHAN: &str = "cleanup.reconcile_fork";

/// Every point, for the tests that walk them all.
#[cfg(feature = "failpoints")]
pub(crate) const ALL: [&str; 6] =
    [OPTIMIZE_BEGIN, OPTIMIZE_CAPTURED, OPTIMIZE_TABLE, CLEANUP_CHECKED, CLEANUP_TABLE, CLEANUP_ORPHAN];
