//! The named fault points of maintenance. They exist with the crate feature `failpoints` only.

pub(super) use crate::commit::failpoints::hit;

/// Optimize has found the graph settled; nothing is planned.
pub(super) const OPTIMIZE_BEGIN: &str = "optimize.post_recovery_check_pre_main_gate";
/// Optimize is about to look at one table; nothing is written.
pub(super) const OPTIMIZE_TABLE: &str = "optimize.before_compact";
/// Cleanup has found the graph settled, and is about to check again; nothing is removed.
pub(super) const CLEANUP_CHECKED: &str = "cleanup.post_recovery_check_pre_gates";
/// Cleanup is about to reclaim the files of a table that a live branch names.
pub(super) const CLEANUP_TABLE: &str = "cleanup.table_gc";
/// Cleanup is about to reclaim a table that no live branch names.
pub(super) const CLEANUP_ORPHAN: &str = "cleanup.reconcile_fork";
