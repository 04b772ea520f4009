//! The one write path: every writer kind supplies a plan, and everything else happens here.
//!
//! A writer kind is a [`Planner`]. An attempt plans on the head, writes and syncs table versions, stores the intent and
//! publishes ([`super::publish`]); then the intent is retired. When another commit moved what the plan depends on, the whole
//! attempt runs again on the new head, a bounded number of times with growing, jittered pauses. Writers of one process
//! queue up for a branch, and one may plan on the commit that the writer before it is about to make ([`super::queue`]):
//! neither a record nor an answer of such a plan gets out before that commit is there.
//!
//! Invariants: (1) a plan is published only on a head where everything it wrote or read is as it was planned on; (2) a
//! conditional request never publishes on another head than the one it names, and never runs twice; (3) a request that
//! changes nothing stores nothing.
//! Cost: finding the head (one request), staging, one put of the intent, one conditional put, one deletion in the
//! background. Nothing grows with history.
//! Cancellation: dropping the future leaves the complete commit or nothing visible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_storage::TableChange;
use omnigraph_storage::objects::retry::jittered;

use super::graph::Graph;
use super::ids::{BranchName, CommitId, OperationId};
use super::publish::{Attempt, Declared, Effect, Operation, PlannedCommit};
use super::queue::{PendingCommit, PublishOutcome, Turn};
use super::record::{Authorship, CommitKind, CommitRecord};
use super::snapshot::Snapshot;
use super::{failpoints, format};
use crate::error::{GraphError, Result};

/// Times a request is planned again after its first plan was void.
const MAX_REPLANS: u32 = 32;
const FIRST_BACKOFF: Duration = Duration::from_millis(5);

/// What a write wants besides its plan.
#[derive(Clone, Debug)]
pub struct WriteRequest {
    /// The branch to publish on.
    pub branch: BranchName,
    /// Recorded as author.
    pub actor: Option<String>,
    /// What kind of commit.
    pub kind: CommitKind,
    /// Publish only while this is the head.
    pub if_commit: Option<CommitId>,
}

impl WriteRequest {
    /// Tells whether the request may be planned on a commit that is yet to be made: not with a condition, which names one
    /// that is, and not when it is of another kind than data, as those look at more of the graph than its head.
    fn may_plan_on_pending(&self) -> bool {
        self.if_commit.is_none() && self.kind == CommitKind::Data
    }

    /// Checks the condition against a head.
    ///
    /// # Errors
    /// [`GraphError::PreconditionFailed`].
    pub(super) fn check(&self, head: &Snapshot) -> Result<()> {
        match self.if_commit {
            Some(expected) if expected != head.record().id => Err(GraphError::PreconditionFailed {
                branch: self.branch.to_string(),
                expected: expected.to_string(),
                actual: head.record().id.to_string(),
            }),
            Some(_) | None => Ok(()),
        }
    }
}

/// What a planner made of a snapshot.
pub struct Planned<T> {
    /// What the caller gets.
    pub output: T,
    /// What the next commit is to be.
    pub commit: PlannedCommit,
    /// Types whose content the plan or its validation looked at.
    pub reads: BTreeSet<TypeKey>,
    /// Publish a commit also when nothing changes.
    pub publish_unchanged: bool,
}

impl<T> Planned<T> {
    /// Makes a plan of table changes under the same schema; publishes nothing when there are none.
    pub fn changes(
        output: T,
        changes: BTreeMap<TypeKey, TableChange>,
        reads: BTreeSet<TypeKey>,
    ) -> Planned<T> {
        let effects = changes.into_iter().map(|(key, change)| (key, Effect::Change(change))).collect();
        let commit = PlannedCommit { effects, ..PlannedCommit::default() };
        Planned { output, commit, reads, publish_unchanged: false }
    }
}

/// What planners fail with: errors of the layers above, that carry those of this one.
pub trait PlanError: From<GraphError> + Send {
    /// Tells whether a table version that the snapshot names, or a file of one, does not exist any more
    /// ([`GraphError::is_gone`]).
    fn is_gone(&self) -> bool;
}

impl PlanError for GraphError {
    fn is_gone(&self) -> bool {
        GraphError::is_gone(self)
    }
}

/// A writer kind: makes a validated plan on a snapshot.
///
/// Planning may happen several times, and changes nothing that anybody can see. It may store files that no commit names,
/// as a schema change does with its new tables; when the plan becomes void they stay for cleanup.
#[async_trait]
pub trait Planner: Send + Sync {
    /// What the caller gets.
    type Output: Send;
    /// What planning fails with.
    type Error: PlanError;

    /// Plans on one snapshot.
    ///
    /// # Errors
    /// Whatever makes the request impossible on this snapshot.
    async fn plan(&self, snapshot: &Snapshot) -> std::result::Result<Planned<Self::Output>, Self::Error>;
}

/// What a write did.
#[derive(Debug)]
pub struct WriteResult<T> {
    /// What the plan that took effect put out.
    pub output: T,
    /// The commit it published; none when nothing changed.
    pub commit: Option<Arc<CommitRecord>>,
}

/// What planning came to.
enum Prepared<T, E> {
    /// There is something to publish.
    Changed(Box<Publication<T>>),
    /// The request is fulfilled as things are.
    Unchanged(T),
    /// The request is impossible as things are.
    Refused(E),
}

/// A commit that is ready to be published.
struct Publication<T> {
    /// What the caller gets once it is published.
    output: T,
    attempt: Attempt<Declared>,
    /// The record as it was shown to the next writer, which is told whether it came about; none when none was shown.
    shown: Option<(Arc<CommitRecord>, PublishOutcome)>,
}

impl Graph {
    /// Runs a write to its end.
    ///
    /// # Errors
    /// Those of the planner; [`GraphError::BranchNotFound`]; [`GraphError::PreconditionFailed`];
    /// [`GraphError::Contention`] when the plan was void too often; [`GraphError::Storage`]: nothing has happened.
    /// [`GraphError::RecoveryRequired`]: the outcome cannot be told until the next write or the next open settles it.
    pub async fn write<P: Planner>(
        &self,
        request: &WriteRequest,
        planner: &P,
    ) -> std::result::Result<WriteResult<P::Output>, P::Error> {
        self.ensure_writable()?;
        self.settle_intents().await?;
        let author = Authorship {
            operation_id: OperationId::mint(),
            actor: request.actor.clone(),
            created_at: format::now_micros(),
            kind: request.kind,
        };
        let mut operation = Operation::new(author, self.unsettled_intents().clone());
        let result = self.run(request, planner, &mut operation).await;
        if operation.is_open() {
            return result;
        }
        match (operation.take_in_flight(), &result) {
            (Some(in_flight), Ok(_)) => self.retire(in_flight).await,
            // An intent left behind would be finished by recovery, and the failed write become visible.
            (Some(in_flight), Err(_)) => {
                if let Err(error) = in_flight.withdraw(self.root()).await {
                    return Err(operation.recovery_required(&error).into());
                }
            }
            (None, _) => {}
        }
        result
    }

    async fn run<P: Planner>(
        &self,
        request: &WriteRequest,
        planner: &P,
        operation: &mut Operation,
    ) -> std::result::Result<WriteResult<P::Output>, P::Error> {
        for plans in 0..=MAX_REPLANS {
            if plans > 0 {
                self.counts().replanned();
                tokio::time::sleep(backoff(plans, self.root().tuning().longest_backoff)).await;
            }
            let uid = self.branch(&request.branch).await?.uid;
            let turn = self.queues().turn(uid, plans).await;
            if let Some(written) = turn.run(self.attempt(request, planner, operation, &turn)).await? {
                return Ok(written);
            }
            tracing::debug!(branch = %request.branch, plans, "planning again on a new head");
        }
        Err(GraphError::Contention { branch: request.branch.to_string(), attempts: MAX_REPLANS + 1 }.into())
    }

    /// Plans and publishes once; none when the plan was void.
    async fn attempt<P: Planner>(
        &self,
        request: &WriteRequest,
        planner: &P,
        operation: &mut Operation,
        turn: &Turn,
    ) -> std::result::Result<Option<WriteResult<P::Output>>, P::Error> {
        let (base, pending) = self.base(request, turn).await?;
        request.check(&base)?;
        let prepared = self.prepare(planner, operation, turn, &base).await?;
        let base_stands = is_published(pending).await;
        match prepared {
            Prepared::Changed(publication) => {
                let Publication { output, attempt, shown } = *publication;
                let commit = self.publish(request, operation, attempt, base_stands).await?;
                if let (Some(commit), Some((as_shown, outcome))) = (&commit, shown)
                    && *commit == as_shown
                {
                    outcome.published();
                }
                Ok(commit.map(|commit| WriteResult { output, commit: Some(commit) }))
            }
            Prepared::Unchanged(_) | Prepared::Refused(_) if !base_stands => Ok(None),
            Prepared::Unchanged(output) => {
                failpoints::hit(self.root(), failpoints::NO_EFFECT).map_err(GraphError::from)?;
                if request.if_commit.is_some() {
                    request.check(&self.head(&request.branch).await?)?;
                }
                Ok(Some(WriteResult { output, commit: None }))
            }
            // What another commit replaced meanwhile, cleanup may remove.
            Prepared::Refused(error)
                if error.is_gone() && self.head(&request.branch).await?.record().id != base.record().id =>
            {
                Ok(None)
            }
            Prepared::Refused(error) => Err(error),
        }
    }

    /// Returns what a request is planned on: the commit that the writer before is about to make, or the head.
    async fn base(&self, request: &WriteRequest, turn: &Turn) -> Result<(Snapshot, Option<PendingCommit>)> {
        match turn.pending() {
            Some(pending) if request.may_plan_on_pending() => Ok((pending.snapshot().clone(), Some(pending))),
            pending => {
                is_published(pending).await;
                Ok((self.head(&request.branch).await?, None))
            }
        }
    }

    /// Plans, and makes durable what publication needs. The turn is handed on as soon as it is known what is about to be
    /// published.
    async fn prepare<P: Planner>(
        &self,
        planner: &P,
        operation: &mut Operation,
        turn: &Turn,
        base: &Snapshot,
    ) -> std::result::Result<Prepared<P::Output, P::Error>, P::Error> {
        let Planned { output, commit, reads, publish_unchanged } = match planner.plan(base).await {
            Ok(planned) => planned,
            Err(error) => return Ok(Prepared::Refused(error)),
        };
        let unsynced = match Attempt::planned(base.clone(), commit, reads).write(self.schemas()).await {
            Ok(unsynced) => unsynced,
            Err(error) => return Ok(Prepared::Refused(error.into())),
        };
        if unsynced.is_empty() && !publish_unchanged {
            return Ok(Prepared::Unchanged(output));
        }
        let pending = unsynced.pending_snapshot(operation);
        let shown = pending.map(|commit| (commit.shared_record(), turn.hand_on(commit)));
        let attempt = unsynced.sync().await?.declare(operation).await?;
        Ok(Prepared::Changed(Box::new(Publication { output, attempt, shown })))
    }
}

/// Waits for the commit of the writer before, where there is one; false when it was not published as it was shown.
async fn is_published(pending: Option<PendingCommit>) -> bool {
    match pending {
        Some(pending) => pending.published().await,
        None => true,
    }
}

/// Returns the pause before planning again: doubling, and jittered.
fn backoff(plans: u32, longest: Duration) -> Duration {
    let full = (FIRST_BACKOFF * 2_u32.pow(plans.min(10))).min(longest);
    jittered(full)
}
