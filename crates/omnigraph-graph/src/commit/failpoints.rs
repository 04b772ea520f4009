//! The named fault points of commits and branches, one per durable step, at which tests stop a request. They exist with
//! the crate feature `failpoints` only.
//!
//! Action `return` makes a point fail with a bad request `injected failpoint triggered: <name>`; `panic` models a crash,
//! `pause` parks the writer. Points of other modules stand in [`omnigraph_storage::objects::fault`], `write::schema_apply` and
//! `maintenance`.
//!
//! Names of fault points that other engines of this kind have and this one does not, and why:
//!
//! | Names | Why |
//! |---|---|
//! | `fork.*`, `classify.fresh_read`, `*.post_sidecar_pre_fork`, `mutation.post_fork_pre_commit` | no table is ever forked |
//! | `recovery.sidecar_confirm`, `schema_apply.post_sidecar_pre_effect` | an intent is complete when it is put, and all it names is durable |
//! | `recovery.post_table_restore_pre_publish`, `recovery.post_rollback_publish_pre_audit` | rolling back restores and publishes nothing |
//! | `branch_delete.before_table_cleanup`, `branch_delete.before_commit_graph_reclaim` | deleting a branch removes its ref; storage is left to cleanup |
//! | `branch_merge.adopt_*`, `branch_merge.between_delete_chunks`, `branch_merge.rewrite_after_merge_pre_delete` | a table is one version made in one step; within it the points `stage.*` stand |
//! | `ensure_indices.*`, `optimize.inject_reindex_conflict` | indexes are stored beside data files, which no commit names: a crash leaves some out, and they are built again |
//! | `init.after_schema_pg_written`, `init.schema_cleanup_delete` | the copy of the schema is written when the graph exists; a failed creation has nothing to take back |
//! | `open.before_schema_contract_read` | opening reads no contract; the first request does, see [`SCHEMA_READ`] |
//! | `storage.local_create_if_absent_probe` | no probe: a file system without hard links refuses the first put-if-absent |
//! | `read.refresh_post_state_pre_lineage`, `blob_read.post_capture`, `change_feed.skip_etag_witness` | a record is read whole; its bytes are immutable |

pub use omnigraph_storage::objects::fault::hit;

/// The root is stamped; nothing else exists.
pub const INIT_CLAIMED: &str = "init.after_claim";
/// The empty table of a type of a new graph is durable, its acknowledgement lost.
pub const INIT_TABLE: &str = "init.table_create_ack_lost";
/// Tables, contract and first record are durable; no ref names them, so there is no graph.
pub const INIT_PREPARED: &str = "init.after_schema_contract_written";
/// The ref of `main` is durable, its acknowledgement lost.
pub const INIT_UNACKNOWLEDGED: &str = "init.manifest_create_ack_lost";
/// An unacknowledged creation of the ref of `main` is about to be looked for.
pub const INIT_PROBE: &str = "init.manifest_create_probe";
/// The ref of `main` is durable: the graph exists.
pub const INIT_CREATED: &str = "init.post_manifest_create";
/// As [`INIT_CREATED`], with the copy of the schema for people.
pub const INIT_READY: &str = "init.after_coordinator_init";
/// A request is about to read the contract of a schema it has not met.
pub const SCHEMA_READ: &str = "schema_reload.before_contract_read";
/// One table of several is staged; no intent names the version.
pub const TABLE_STAGED: &str = "mutation.post_table_commit";
/// A mutation is about to delete nodes; nothing is staged.
pub const NODE_DELETION: &str = "mutation.delete_node_pre_primary_delete";
/// A request turned out to change nothing; its condition is about to be looked at again.
pub const NO_EFFECT: &str = "mutation.post_no_effect_pre_gate";
/// Every table is staged; no intent names the versions.
pub const STAGED: &str = "mutation.post_stage_pre_effect_gate";
/// As [`STAGED`], at the put of the intent.
pub const INTENT_WRITE: &str = "recovery.sidecar_write";
/// The intent is durable; the record is not. Recovery rolls forward.
pub const INTENT_WRITTEN: &str = "mutation.post_finalize_pre_publisher";
/// As [`INTENT_WRITTEN`], for schema changes only: the contract is durable as well.
pub const SCHEMA_PUBLISH: &str = "schema_apply.after_staging_write";
/// As [`INTENT_WRITTEN`], for merges only.
pub const MERGE_PUBLISH: &str = "branch_merge.post_phase_b_pre_manifest_commit";
/// As [`INTENT_WRITTEN`]; an armed `return` counts as a lost race, which is run again.
pub const RACE: &str = "publish.load_state_retryable_contention";
/// As [`INTENT_WRITTEN`], immediately before the put that publishes.
pub const PUBLISH_BEFORE: &str = "graph_publish.before_commit_append";
/// The record is durable, its acknowledgement is lost.
pub const PUBLISH_AFTER: &str = "graph_publish.after_manifest_commit";
/// The commit is visible; its intent is still there.
pub const INTENT_DELETE: &str = "recovery.sidecar_delete";
/// Recovery is about to list intents.
pub const RECOVERY_LIST: &str = "recovery.sidecar_list";
/// As [`RECOVERY_READ`], once per pass.
pub const RECOVERY_LISTED: &str = "recovery.post_list_pre_gates";
/// Recovery has listed an intent and is about to read it.
pub const RECOVERY_READ: &str = "recovery.post_sidecar_list_pre_read";
/// Recovery has decided to publish; nothing has happened.
pub const RECOVERY_PUBLISH: &str = "recovery.before_roll_forward_publish";
/// The outcome stands; its audit record does not.
pub const RECOVERY_AUDIT: &str = "recovery.record_audit";
/// As [`RECOVERY_AUDIT`], for an intent of a deleted branch.
pub const RECOVERY_ORPHAN_AUDIT: &str = "recovery.orphan_discard_audit_append";
/// As [`PUBLISH_BEFORE`], for maintenance only.
pub const OPTIMIZE_PUBLISH: &str = "optimize.post_phase_b_pre_manifest_commit";
/// Cleanup is about to read the ref of a live branch; nothing is removed.
pub const CLEANUP_BRANCH: &str = "cleanup.resolve_branch_snapshot";

/// A branch is about to be created or deleted; nothing has happened but that, before a creation, the intents that this
/// handle left unsettled were settled.
pub const BRANCH_BARRIER: &str = "branch_control.post_recovery_barrier";
/// The ref of a new branch is durable; that everything it needs is still there is not yet checked.
pub const BRANCH_CONFIRM: &str = "branch_create.after_manifest_branch_create";

/// The ref of a new branch is durable, its acknowledgement is lost.
pub const BRANCH_CREATED: &str = "branch_create.post_native";
/// A branch is claimed for deletion; it lives.
pub const BRANCH_CLAIMED: &str = "branch_delete.post_table_gates";
/// The ref of a branch is gone, the acknowledgement is lost.
pub const BRANCH_DELETED: &str = "branch_delete.post_native";

/// A merge has captured its source, its target and their base.
pub const MERGE_CAPTURED: &str = "branch_merge.post_authority_capture";

/// A merge has found no conflict; nothing is staged.
pub const MERGE_VALIDATED: &str = "branch_merge.post_candidate_validation";
/// One merged table is durable; no intent names it.
pub const MERGE_TABLE: &str = "branch_merge.rewrite_after_delete_pre_confirm";
/// The merged tables are durable; no intent names them.
pub const MERGE_STAGED: &str = "branch_merge.post_effects_pre_confirm";

/// A feed has captured the head it reads up to.
pub const FEED_CAPTURED: &str = "change_feed.post_capture";
/// A feed is about to read the tables of a commit.
pub const FEED_READ: &str = "change_feed.pre_table_open";

/// Every point, for the tests that walk them all.
#[cfg(feature = "failpoints")]
pub const ALL: [&str; 39] = [
    INIT_CLAIMED,
    INIT_TABLE,
    INIT_PREPARED,
    INIT_UNACKNOWLEDGED,
    INIT_PROBE,
    INIT_CREATED,
    INIT_READY,
    SCHEMA_READ,
    TABLE_STAGED,
    NODE_DELETION,
    NO_EFFECT,
    STAGED,
    INTENT_WRITE,
    INTENT_WRITTEN,
    SCHEMA_PUBLISH,
    MERGE_PUBLISH,
    RACE,
    PUBLISH_BEFORE,
    PUBLISH_AFTER,
    INTENT_DELETE,
    RECOVERY_LIST,
    RECOVERY_LISTED,
    RECOVERY_READ,
    RECOVERY_PUBLISH,
    RECOVERY_AUDIT,
    RECOVERY_ORPHAN_AUDIT,
    OPTIMIZE_PUBLISH,
    CLEANUP_BRANCH,
    BRANCH_BARRIER,
    BRANCH_CONFIRM,
    BRANCH_CREATED,
    BRANCH_CLAIMED,
    BRANCH_DELETED,
    MERGE_CAPTURED,
    MERGE_VALIDATED,
    MERGE_TABLE,
    MERGE_STAGED,
    FEED_CAPTURED,
    FEED_READ,
];
