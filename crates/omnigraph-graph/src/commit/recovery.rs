//! Recovery: finishes or discards writes that ended between storing their intent and deleting it.
//!
//! Owns `__manifest/audit/<operation id>.json`, and the deletion of intents whose write has ended. An intent holds the
//! record that its write was about to publish, so what stands at the position of that record in the log tells what
//! happened ([`PositionState`]). [`decide`] chooses from that; [`settle`] acts: it publishes if it has to, stores the audit
//! record (put-if-absent: exactly one), and deletes the intent.
//!
//! Invariants: (1) nothing published is undone and no table is touched; (2) an operation is published at most once, as
//! recovery creates the very record the writer would have created; (3) any step may be repeated, at any moment, with
//! live writers in this or other processes.
//! Cost: [`sweep`] is one listing plus a few requests per intent found; it runs when a graph is opened for writing and on
//! request. Intents that writes of a handle left unsettled are read by name, at its next write.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use omnigraph_storage::{StorageError, StorageFailureKind, Table};
use serde::{Deserialize, Serialize};

use super::format::{self, MANIFEST, STORAGE_FORMAT};
use super::graph::Graph;
use super::ids::{CommitId, OperationId};
use super::intent::{self, Intent, IntentTable, Liveness};
use super::log::Append;
use super::record::{CommitKind, CommitRecord};
use super::{failpoints, refs};
use crate::error::Result;

/// Recorded as author of commits that recovery publishes.
pub(crate) const ACTOR: &str = "omnigraph:recovery";
/// Age below which an intent is left alone, unless its writer has certainly ended.
const GRACE: TimeDelta = TimeDelta::minutes(10);

/// What stands where the intent's record belongs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PositionState {
    /// Nothing, and the record before it is the one the intent was planned on.
    Free,
    /// The record of this operation.
    Ours(Arc<CommitRecord>),
    /// The record of another operation, or the log is not what the intent was planned on.
    Taken,
    /// The branch does not live any more.
    BranchGone,
    /// The intent names no record.
    Unknown,
}

/// What to do with an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Publish its record.
    RollForward,
    /// It is published; only bookkeeping is missing.
    Finish,
    /// Never publish it.
    RollBack,
    /// Never publish it, as there is no branch to publish on.
    Discard,
}

/// Decides from what was observed.
pub(crate) fn decide(state: &PositionState, staged: bool) -> Decision {
    match (state, staged) {
        (PositionState::BranchGone, _) => Decision::Discard,
        (PositionState::Ours(_), _) => Decision::Finish,
        (PositionState::Free, true) => Decision::RollForward,
        (PositionState::Free, false) | (PositionState::Taken | PositionState::Unknown, _) => {
            Decision::RollBack
        }
    }
}

/// Tells whether an intent may be acted upon.
pub(crate) fn is_abandoned(liveness: Liveness, age: TimeDelta) -> bool {
    match liveness {
        Liveness::Running => false,
        Liveness::Ended => true,
        Liveness::Unknown => age > GRACE,
    }
}

/// How an interrupted write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecoveryOutcome {
    /// It is published.
    RolledForward,
    /// It never will be.
    RolledBack,
    /// It never will be, as its branch is gone.
    OrphanedBranchDiscarded,
}

/// One table of an interrupted write that was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableOutcome {
    /// The type.
    pub table_key: String,
    /// The version users saw before.
    pub from_version: u64,
    /// The version published.
    pub to_version: u64,
}

impl From<&IntentTable> for TableOutcome {
    fn from(table: &IntentTable) -> Self {
        TableOutcome {
            table_key: table.table_key.clone(),
            from_version: table.expected_version,
            to_version: table.post_commit_pin,
        }
    }
}

/// The audit record of an interrupted write.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Audit {
    /// Storage format.
    pub(crate) format: u32,
    /// The commit that carries the outcome: the published one; none when nothing was.
    pub graph_commit_id: Option<CommitId>,
    /// The outcome.
    pub recovery_kind: RecoveryOutcome,
    /// Who made the interrupted call.
    pub recovery_for_actor: Option<String>,
    /// The interrupted operation.
    pub operation_id: OperationId,
    /// What kind of write it was.
    pub sidecar_writer_kind: String,
    /// The tables that moved.
    pub per_table_outcomes: Vec<TableOutcome>,
    /// Microseconds since the epoch.
    pub created_at: i64,
}

/// Settles every abandoned intent of the root, oldest first.
///
/// # Errors
/// [`GraphError::RecoveryRequired`] for an intent that cannot be read; a storage failure. Intents not yet settled stay.
pub(crate) async fn sweep(graph: &Graph) -> Result<()> {
    let mut found = intent::list(graph.root()).await?;
    found.retain(|object| object.path.ends_with(".json"));
    found.sort_by(|a, b| a.path.cmp(&b.path));
    if !found.is_empty() {
        failpoints::hit(graph.root(), failpoints::RECOVERY_LISTED)?;
    }
    for object in found {
        failpoints::hit(graph.root(), failpoints::RECOVERY_READ)?;
        settle(graph, &object.path, object.modified).await?;
    }
    Ok(())
}

/// Settles the intents that writes of this handle left behind.
pub(crate) async fn settle_intents(graph: &Graph) -> Result<()> {
    for operation in graph.unsettled_intents().operations() {
        settle(graph, &intent::path(operation), Utc::now()).await?;
        graph.unsettled_intents().settled(operation);
    }
    Ok(())
}

async fn settle(graph: &Graph, path: &str, modified: DateTime<Utc>) -> Result<()> {
    let Some(intent) = intent::load(graph.root(), path).await? else {
        return Ok(());
    };
    let liveness = intent.writer.as_ref().map_or(Liveness::Unknown, |w| w.liveness(intent.operation_id));
    if !is_abandoned(liveness, Utc::now() - modified) {
        tracing::debug!(operation_id = %intent.operation_id, "left the intent of a live writer alone");
        return Ok(());
    }
    let state = position_state(graph, &intent).await?;
    let staged = state == PositionState::Free && is_staged(graph, &intent).await?;
    let (outcome, commit) = match decide(&state, staged) {
        Decision::RollForward => roll_forward(graph, &intent).await?,
        Decision::Finish => (RecoveryOutcome::RolledForward, published_id(&state)),
        Decision::RollBack => (RecoveryOutcome::RolledBack, None),
        Decision::Discard => (RecoveryOutcome::OrphanedBranchDiscarded, None),
    };
    record_audit(graph, &intent, outcome, commit).await?;
    intent::delete(graph.root(), path).await?;
    graph.counts().settled();
    tracing::info!(operation_id = %intent.operation_id, ?outcome, "settled an interrupted write");
    Ok(())
}

async fn position_state(graph: &Graph, intent: &Intent) -> Result<PositionState> {
    let Some(branch) = refs::load(graph.root(), &intent.branch_name()).await? else {
        return Ok(PositionState::BranchGone);
    };
    let Some(record) = &intent.record else {
        return Ok(PositionState::Unknown);
    };
    if branch.uid != record.branch_uid {
        return Ok(PositionState::BranchGone);
    }
    match graph.log().get(branch.uid, record.seq).await? {
        Some(found) if found.operation_id == intent.operation_id => Ok(PositionState::Ours(found)),
        Some(_) => Ok(PositionState::Taken),
        None => {
            let head = graph.heads().find(&branch).await?;
            let fits = head.seq.next() == record.seq && record.first_parent() == Some(head.id);
            Ok(if fits { PositionState::Free } else { PositionState::Taken })
        }
    }
}

/// Tells whether every table version the intent names is really there.
async fn is_staged(graph: &Graph, intent: &Intent) -> Result<bool> {
    let pins = intent.type_keys().filter_map(|key| intent.record.as_ref()?.pin(&key).cloned());
    for pin in pins {
        match Table::open(graph.root(), &pin.path, pin.version).await {
            Ok(_) => {}
            Err(StorageError::Storage(failure)) if failure.kind == StorageFailureKind::NotFound => {
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

async fn roll_forward(graph: &Graph, intent: &Intent) -> Result<(RecoveryOutcome, Option<CommitId>)> {
    failpoints::hit(graph.root(), failpoints::RECOVERY_PUBLISH)?;
    let Some(record) = intent.record.clone() else {
        return Ok((RecoveryOutcome::RolledBack, None));
    };
    let record = CommitRecord { actor: Some(ACTOR.to_owned()), kind: CommitKind::Recovery, ..record };
    match graph.log().append(record).await? {
        Append::Published(record) => {
            graph.published(&record);
            Ok((RecoveryOutcome::RolledForward, Some(record.id)))
        }
        Append::Lost => Ok((RecoveryOutcome::RolledBack, None)),
    }
}

async fn record_audit(
    graph: &Graph,
    intent: &Intent,
    outcome: RecoveryOutcome,
    commit: Option<CommitId>,
) -> Result<()> {
    let point = match outcome {
        RecoveryOutcome::OrphanedBranchDiscarded => failpoints::RECOVERY_ORPHAN_AUDIT,
        RecoveryOutcome::RolledForward | RecoveryOutcome::RolledBack => failpoints::RECOVERY_AUDIT,
    };
    failpoints::hit(graph.root(), point)?;
    let moved = matches!(outcome, RecoveryOutcome::RolledForward);
    let audit = Audit {
        format: STORAGE_FORMAT,
        graph_commit_id: commit,
        recovery_kind: outcome,
        recovery_for_actor: intent.actor_id.clone(),
        operation_id: intent.operation_id,
        sidecar_writer_kind: intent.writer_kind.clone(),
        per_table_outcomes: intent.tables.iter().filter(|_| moved).map(TableOutcome::from).collect(),
        created_at: format::now_micros(),
    };
    graph.root().create(&audit_path(intent.operation_id), format::encode(&audit)).await?;
    Ok(())
}

fn published_id(state: &PositionState) -> Option<CommitId> {
    match state {
        PositionState::Ours(record) => Some(record.id),
        PositionState::Free | PositionState::Taken | PositionState::BranchGone | PositionState::Unknown => {
            None
        }
    }
}

/// Returns the object of an operation's audit record.
pub(crate) fn audit_path(operation: OperationId) -> String {
    format!("{MANIFEST}/audit/{operation}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_write_whose_position_is_free_is_rolled_forward() {
        assert_eq!(decide(&PositionState::Free, true), Decision::RollForward);
        assert_eq!(decide(&PositionState::Free, false), Decision::RollBack);
        for staged in [false, true] {
            assert_eq!(decide(&PositionState::Taken, staged), Decision::RollBack);
            assert_eq!(decide(&PositionState::Unknown, staged), Decision::RollBack);
            assert_eq!(decide(&PositionState::BranchGone, staged), Decision::Discard);
        }
    }

    #[test]
    fn young_intents_of_writers_that_may_live_are_left_alone() {
        let (young, old) = (TimeDelta::minutes(9), TimeDelta::minutes(11));
        assert!(!is_abandoned(Liveness::Running, old));
        assert!(is_abandoned(Liveness::Ended, young));
        assert!(!is_abandoned(Liveness::Unknown, young));
        assert!(is_abandoned(Liveness::Unknown, old));
    }
}
