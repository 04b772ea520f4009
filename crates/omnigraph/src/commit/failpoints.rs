//! The named fault points of this module: one per durable step. They exist with the crate feature `failpoints` only.
//!
//! Action `return` makes a point fail with a bad request `injected failpoint triggered: <name>`; `panic` models a crash,
//! `pause` parks the writer.

use crate::error::Result;

/// The root is stamped; nothing else exists.
pub(crate) const INIT_CLAIMED: &str = "init.after_claim";
/// Tables, contract and first record are durable; no ref names them, so there is no graph.
pub(crate) const INIT_PREPARED: &str = "init.after_schema_contract_written";
/// The ref of `main` is durable: the graph exists.
pub(crate) const INIT_CREATED: &str = "init.post_manifest_create";
/// Every table is staged; no intent names the versions.
pub(crate) const STAGED: &str = "mutation.post_stage_pre_effect_gate";
/// As [`STAGED`], at the put of the intent.
pub(crate) const INTENT_WRITE: &str = "recovery.sidecar_write";
/// The intent is durable; the record is not. Recovery rolls forward.
pub(crate) const INTENT_WRITTEN: &str = "mutation.post_finalize_pre_publisher";
/// As [`INTENT_WRITTEN`], immediately before the put that publishes.
pub(crate) const PUBLISH_BEFORE: &str = "graph_publish.before_commit_append";
/// The record is durable, its acknowledgement is lost.
pub(crate) const PUBLISH_AFTER: &str = "graph_publish.after_manifest_commit";
/// The commit is visible; its intent is still there.
pub(crate) const INTENT_DELETE: &str = "recovery.sidecar_delete";
/// Recovery is about to list intents.
pub(crate) const RECOVERY_LIST: &str = "recovery.sidecar_list";
/// Recovery has listed an intent and is about to read it.
pub(crate) const RECOVERY_READ: &str = "recovery.post_sidecar_list_pre_read";
/// Recovery has decided to publish; nothing has happened.
pub(crate) const RECOVERY_PUBLISH: &str = "recovery.before_roll_forward_publish";
/// The outcome stands; its audit record does not.
pub(crate) const RECOVERY_AUDIT: &str = "recovery.record_audit";
/// As [`RECOVERY_AUDIT`], for an intent of a deleted branch.
pub(crate) const RECOVERY_ORPHAN_AUDIT: &str = "recovery.orphan_discard_audit_append";
/// As [`PUBLISH_BEFORE`], for maintenance only.
pub(crate) const OPTIMIZE_PUBLISH: &str = "optimize.post_phase_b_pre_manifest_commit";
/// Cleanup is about to read the ref of a live branch; nothing is removed.
pub(crate) const CLEANUP_BRANCH: &str = "cleanup.resolve_branch_snapshot";

/// The ref of a new branch is durable, its acknowledgement is lost.
pub(crate) const BRANCH_CREATED: &str = "branch_create.post_native";
/// A branch is claimed for deletion; it lives.
pub(crate) const BRANCH_CLAIMED: &str = "branch_delete.post_table_gates";
/// The ref of a branch is gone, the acknowledgement is lost.
pub(crate) const BRANCH_DELETED: &str = "branch_delete.post_native";

/// A merge has found no conflict; nothing is staged.
pub(crate) const MERGE_VALIDATED: &str = "branch_merge.post_candidate_validation";
/// The merged tables are durable; no intent names them.
pub(crate) const MERGE_STAGED: &str = "branch_merge.post_effects_pre_confirm";

/// Every point, for the test that walks them all.
#[cfg(feature = "failpoints")]
pub(crate) const ALL: [&str; 19] = [
    INIT_CLAIMED,
    INIT_PREPARED,
    INIT_CREATED,
    STAGED,
    INTENT_WRITE,
    INTENT_WRITTEN,
    PUBLISH_BEFORE,
    PUBLISH_AFTER,
    INTENT_DELETE,
    RECOVERY_LIST,
    RECOVERY_READ,
    RECOVERY_PUBLISH,
    RECOVERY_AUDIT,
    RECOVERY_ORPHAN_AUDIT,
    BRANCH_CREATED,
    BRANCH_CLAIMED,
    BRANCH_DELETED,
    MERGE_VALIDATED,
    MERGE_STAGED,
];

/// Passes a fault point.
///
/// # Errors
/// What the point is armed with; nothing without the feature.
pub(crate) fn hit(name: &'static str) -> Result<()> {
    fail::fail_point!(name, |_| Err(crate::error::OmniError::bad_request(format!(
        "injected failpoint triggered: {name}"
    ))));
    let _ = name;
    Ok(())
}
