//! Fault points, by what passes them.

use omnigraph::failpoints::{ScopedFailPoint, names};

use super::action::Action;

/// Points that [`names`] does not list, as only one kind of write passes them.
const SCHEMA: [&str; 3] = [
    "schema_apply.before_staging_write",
    "schema_apply.after_manifest_commit",
    "schema_apply.post_table_commit",
];
const MAINTENANCE: [&str; 7] = [
    "optimize.post_recovery_check_pre_main_gate",
    "optimize.before_compact",
    "optimize.post_phase_b_pre_manifest_commit",
    "cleanup.post_recovery_check_pre_gates",
    "cleanup.resolve_branch_snapshot",
    "cleanup.table_gc",
    "cleanup.reconcile_fork",
];

/// A point that fails once.
pub(crate) struct Armed(#[expect(dead_code, reason = "disarms when dropped")] ScopedFailPoint);

impl Armed {
    pub(crate) fn new(point: &'static str) -> Armed {
        Armed(ScopedFailPoint::new(point, "1*return").unwrap())
    }
}

/// Returns a point that an action may pass.
pub(crate) fn of(action: &Action, choice: u8) -> &'static str {
    let passes = |name: &&str| {
        let (area, _) = name.split_once('.').expect("a point is named after its area");
        let write = matches!(area, "mutation" | "graph_publish" | "stage")
            || matches!(*name, "recovery.sidecar_write" | "recovery.sidecar_delete");
        match action {
            Action::Load { .. } | Action::Mutate { .. } => write,
            Action::Create { .. } => area == "branch_create",
            Action::Delete { .. } => area == "branch_delete",
            Action::Merge { .. } => write || area == "branch_merge",
            Action::Apply { .. } => write || area == "schema_apply",
            Action::Optimize { .. } => write || area == "optimize",
            Action::Cleanup { .. } | Action::Tag { .. } => area == "cleanup",
        }
    };
    pick(passes, choice)
}

/// Returns a point of recovery.
pub(crate) fn of_recovery(choice: u8) -> &'static str {
    pick(|name| name.starts_with("recovery."), choice)
}

fn pick(passes: impl Fn(&&str) -> bool, choice: u8) -> &'static str {
    let all = names().into_iter().chain(SCHEMA).chain(MAINTENANCE);
    let passed: Vec<&'static str> = all.filter(passes).collect();
    passed[usize::from(choice) % passed.len()]
}
