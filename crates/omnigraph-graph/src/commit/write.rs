//! The one write path: every writer kind supplies a plan, and everything else happens here.
//!
//! Plan on the head, stage, publish ([`super::publish`]), retire the intent. When another commit moved what the plan
//! depends on, the whole attempt runs again on the new head, a bounded number of times with growing, jittered pauses.
//! Where another writer of this process is about to publish, the plan is made on what that will be ([`super::turns`]):
//! neither a result nor an error of such a plan gets out before that commit is there.
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
use rand::Rng;

use super::graph::Graph;
use super::ids::{BranchName, CommitId, OperationId};
use super::publish::{Attempt, Effect, Operation, Outcome, Written};
use super::record::{Authorship, CommitKind, CommitRecord};
use super::snapshot::Snapshot;
use super::turns::Turn;
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
    /// Tells whether the request may be planned on a commit that is yet to be made. A condition names one that is, and
    /// other kinds than data look at more of the graph than its head.
    fn may_follow(&self) -> bool {
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
    /// What is to become of the snapshot.
    pub outcome: Outcome,
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
        let outcome = Outcome { effects, ..Outcome::default() };
        Planned { output, outcome, reads, publish_unchanged: false }
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
/// Planning may happen several times, and changes nothing that anybody can see; it may write files that nothing names.
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

/// What planning and staging came to.
enum Prepared<T> {
    /// There is something to publish.
    Changed {
        /// What the caller gets once it is published.
        output: T,
        /// The new table versions, perhaps not on disk yet.
        written: Attempt<Written>,
    },
    /// The request is fulfilled as things are.
    Unchanged(T),
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
        self.settle_leftovers().await?;
        let author = Authorship {
            operation_id: OperationId::mint(),
            actor: request.actor.clone(),
            created_at: format::now_micros(),
            kind: request.kind,
        };
        let mut operation = Operation::new(author, self.leftovers().clone());
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
            let turn = self.turns().take(uid, plans).await;
            if let Some(written) = turn.during(self.attempt(request, planner, operation, &turn)).await? {
                return Ok(written);
            }
            tracing::debug!(branch = %request.branch, plans, "planning again on a new head");
        }
        Err(GraphError::Contention { branch: request.branch.to_string(), attempts: MAX_REPLANS + 1 }.into())
    }

    /// Plans, stages and publishes once; none when the plan was void.
    async fn attempt<P: Planner>(
        &self,
        request: &WriteRequest,
        planner: &P,
        operation: &mut Operation,
        turn: &Turn,
    ) -> std::result::Result<Option<WriteResult<P::Output>>, P::Error> {
        let ahead = match turn.ahead() {
            Some(ahead) if request.may_follow() => Some(ahead),
            Some(ahead) => {
                ahead.published().await;
                None
            }
            None => None,
        };
        let head = match &ahead {
            Some(ahead) => ahead.commit().clone(),
            None => self.head(&request.branch).await?,
        };
        request.check(&head)?;
        let prepared = self.prepare(planner, &head).await;
        // Neither a refusal nor "nothing to change" gets out before the commit that it rests on is there.
        if !matches!(prepared, Ok(Prepared::Changed { .. }))
            && let Some(ahead) = &ahead
            && !ahead.published().await
        {
            return Ok(None);
        }
        let (output, written) = match prepared {
            Ok(Prepared::Changed { output, written }) => (output, written),
            Ok(Prepared::Unchanged(output)) => {
                failpoints::hit(self.root(), failpoints::NO_EFFECT).map_err(GraphError::from)?;
                if request.if_commit.is_some() {
                    request.check(&self.head(&request.branch).await?)?;
                }
                return Ok(Some(WriteResult { output, commit: None }));
            }
            // What another commit replaced meanwhile, cleanup may remove.
            Err(error)
                if error.is_gone() && self.head(&request.branch).await?.record().id != head.record().id =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let shown = written.foreseen(operation).map(|commit| (commit.shared_record(), turn.pass_on(commit)));
        let staged = written.sync().await?;
        let commit = self.publish(request, operation, staged, ahead).await?;
        if let (Some(commit), Some((foreseen, fate))) = (&commit, shown)
            && *commit == foreseen
        {
            fate.published();
        }
        Ok(commit.map(|commit| WriteResult { output, commit: Some(commit) }))
    }

    /// Plans on a head and writes what the plan changes.
    async fn prepare<P: Planner>(
        &self,
        planner: &P,
        head: &Snapshot,
    ) -> std::result::Result<Prepared<P::Output>, P::Error> {
        let Planned { output, outcome, reads, publish_unchanged } = planner.plan(head).await?;
        let written = Attempt::planned(head.clone(), outcome, reads).write(self.schemas()).await?;
        Ok(if written.is_empty() && !publish_unchanged {
            Prepared::Unchanged(output)
        } else {
            Prepared::Changed { output, written }
        })
    }
}

/// Returns the pause before planning again: half of it fixed and doubling up to a longest one, half of it random.
fn backoff(plans: u32, longest: Duration) -> Duration {
    let full = (FIRST_BACKOFF * 2_u32.pow(plans.min(10))).min(longest);
    full.mul_f64(rand::rng().random_range(0.5..1.0))
}
