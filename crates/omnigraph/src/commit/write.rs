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
use rand::Rng;

use super::failpoints;
use super::format;
use super::graph::Graph;
use super::ids::{BranchName, CommitId, OperationId};
use super::publish::{Attempt, Effect, Operation, Outcome};
use super::record::{Authorship, CommitKind, CommitRecord};
use super::snapshot::Snapshot;
use super::turns::Turn;
use crate::error::{ManifestDetails, OmniError, Result, StorageFailureKind};
use crate::storage::TableChange;

/// Times a request is planned again after its first plan was void.
const MAX_REPLANS: u32 = 32;
const FIRST_BACKOFF: Duration = Duration::from_millis(5);
/// Tests lose races on purpose, and need no politeness.
const LONGEST_BACKOFF: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 500 });

/// What a write wants besides its plan.
#[derive(Clone, Debug)]
pub(crate) struct WriteRequest {
    /// The branch to publish on.
    pub(crate) branch: BranchName,
    /// Recorded as author.
    pub(crate) actor: Option<String>,
    /// What kind of commit.
    pub(crate) kind: CommitKind,
    /// Publish only while this is the head.
    pub(crate) if_commit: Option<CommitId>,
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
    /// [`OmniError::PreconditionFailed`].
    pub(super) fn check(&self, head: &Snapshot) -> Result<()> {
        match self.if_commit {
            Some(expected) if expected != head.record().id => Err(OmniError::PreconditionFailed {
                branch: self.branch.to_string(),
                expected: expected.to_string(),
                actual: head.record().id.to_string(),
            }),
            Some(_) | None => Ok(()),
        }
    }
}

/// What a planner made of a snapshot.
pub(crate) struct Planned<T> {
    /// What the caller gets.
    pub(crate) output: T,
    /// What is to become of the snapshot.
    pub(crate) outcome: Outcome,
    /// Types whose content the plan or its validation looked at.
    pub(crate) reads: BTreeSet<TypeKey>,
    /// Publish a commit also when nothing changes.
    pub(crate) publish_unchanged: bool,
}

impl<T> Planned<T> {
    /// Makes a plan of table changes under the same schema; publishes nothing when there are none.
    pub(crate) fn changes(
        output: T,
        changes: BTreeMap<TypeKey, TableChange>,
        reads: BTreeSet<TypeKey>,
    ) -> Planned<T> {
        let effects = changes.into_iter().map(|(key, change)| (key, Effect::Change(change))).collect();
        let outcome = Outcome { effects, ..Outcome::default() };
        Planned { output, outcome, reads, publish_unchanged: false }
    }
}

/// A writer kind: makes a validated plan on a snapshot. Planning has no effect and may happen several times.
#[async_trait]
pub(crate) trait Planner: Send + Sync {
    /// What the caller gets.
    type Output: Send;

    /// Plans on one snapshot.
    async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<Self::Output>>;
}

/// What a write did.
#[derive(Debug)]
pub(crate) struct Written<T> {
    /// What the plan that took effect put out.
    pub(crate) output: T,
    /// The commit it published; none when nothing changed.
    pub(crate) commit: Option<Arc<CommitRecord>>,
}

impl Graph {
    /// Runs a write to its end.
    ///
    /// # Errors
    /// Those of the planner; [`OmniError::BranchNotFound`]; [`OmniError::PreconditionFailed`]; a conflict when the plan
    /// was void too often; [`OmniError::Storage`]: nothing has happened. [`OmniError::RecoveryRequired`]: the outcome
    /// cannot be told until the next write or the next open settles it.
    pub(crate) async fn write<P: Planner>(
        &self,
        request: &WriteRequest,
        planner: &P,
    ) -> Result<Written<P::Output>> {
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
                    return Err(operation.recovery_required(&error));
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
    ) -> Result<Written<P::Output>> {
        for plans in 0..=MAX_REPLANS {
            if plans > 0 {
                self.counts().replanned();
                tokio::time::sleep(backoff(plans)).await;
            }
            let uid = self.branch(&request.branch).await?.uid;
            let turn = self.turns().take(uid, plans).await;
            if let Some(written) = turn.during(self.attempt(request, planner, operation, &turn)).await? {
                return Ok(written);
            }
            tracing::debug!(branch = %request.branch, plans, "planning again on a new head");
        }
        let attempts = MAX_REPLANS + 1;
        Err(OmniError::conflict(
            format!("branch '{}' changed under the write {attempts} times; retry", request.branch),
            ManifestDetails::RowLevelCasContention { attempts },
        ))
    }

    /// Plans, stages and publishes once; none when the plan was void.
    async fn attempt<P: Planner>(
        &self,
        request: &WriteRequest,
        planner: &P,
        operation: &mut Operation,
        turn: &Turn,
    ) -> Result<Option<Written<P::Output>>> {
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
        let prepared = async {
            let Planned { output, outcome, reads, publish_unchanged } = planner.plan(&head).await?;
            let written = Attempt::planned(head.clone(), outcome, reads).write(self.schemas()).await?;
            Ok((output, publish_unchanged, written))
        };
        let prepared = prepared.await;
        let ends_here = match &prepared {
            Ok((_, publish_unchanged, written)) => written.is_empty() && !publish_unchanged,
            Err(_) => true,
        };
        if ends_here
            && let Some(ahead) = &ahead
            && !ahead.published().await
        {
            return Ok(None);
        }
        let (output, publish_unchanged, written) = match prepared {
            Ok(prepared) => prepared,
            // What another commit replaced meanwhile, cleanup may remove.
            Err(error)
                if is_gone(&error) && self.head(&request.branch).await?.record().id != head.record().id =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if written.is_empty() && !publish_unchanged {
            failpoints::hit(self.root(), failpoints::NO_EFFECT)?;
            if request.if_commit.is_some() {
                request.check(&self.head(&request.branch).await?)?;
            }
            return Ok(Some(Written { output, commit: None }));
        }
        let shown = written.foreseen(operation).map(|commit| (commit.shared_record(), turn.pass_on(commit)));
        let staged = written.sync().await?;
        let commit = self.publish(request, operation, staged, ahead).await?;
        if let (Some(commit), Some((foreseen, fate))) = (&commit, shown)
            && *commit == foreseen
        {
            fate.published();
        }
        Ok(commit.map(|commit| Written { output, commit: Some(commit) }))
    }
}

/// Tells whether a version or a file of it does not exist any more.
fn is_gone(error: &OmniError) -> bool {
    match error {
        OmniError::HistoricalVersionReclaimed { .. } => true,
        OmniError::Storage(failure) => failure.kind == StorageFailureKind::NotFound,
        _ => false,
    }
}

/// Returns the pause before planning again: half of it fixed and doubling, half of it random.
fn backoff(plans: u32) -> Duration {
    let full = (FIRST_BACKOFF * 2_u32.pow(plans.min(10))).min(LONGEST_BACKOFF);
    full.mul_f64(rand::rng().random_range(0.5..1.0))
}
