//! From a plan to a published commit: the steps of one attempt, as types that each step consumes.
//!
//! `Attempt<Plan>` → [`Attempt::stage`] → `Attempt<Staged>` → [`Graph::publish`]. The unstaged cannot be published.
//!
//! Invariants: (1) staged versions are durable before the intent names them, the intent before the record is created;
//! (2) a lost race changes nothing: the staged versions are published on the new head when no table that the plan wrote
//! or read has moved and the schema is the same, and are abandoned otherwise; (3) an operation is published at most
//! once, however often its acknowledgement is lost.
//! Cost: per publication one put of the intent and one conditional put; per lost race the finding of the new head.
//! Cancellation: dropping the future leaves the commit or nothing; an intent it may leave is settled by the next write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use omnigraph_compiler::catalog::TypeKey;

use super::failpoints;
use super::graph::Graph;
use super::ids::CommitId;
use super::intent::{self, InFlight, Intent, Leftovers};
use super::log::Append;
use super::record::{Authorship, CommitRecord};
use super::snapshot::Snapshot;
use super::write::WriteRequest;
use crate::error::{OmniError, Result};
use crate::storage::{self, Table, TableChange};

/// Tables staged at the same time by one attempt.
const STAGED_AT_ONCE: usize = 8;
/// Publications of one attempt that lose their race before the attempt is planned again.
const MAX_RACES: u32 = 64;

/// One try of a write request, on one snapshot.
pub(crate) struct Attempt<S> {
    base: Snapshot,
    reads: BTreeSet<TypeKey>,
    step: S,
}

/// The step before staging: what is to change.
pub(crate) struct Plan {
    changes: BTreeMap<TypeKey, TableChange>,
}

/// The step before publication: durable table versions that nothing names.
pub(crate) struct Staged {
    tables: BTreeMap<TypeKey, Table>,
}

/// A write request on its way: what stays the same through all its attempts.
pub(crate) struct Operation {
    author: Authorship,
    commit_id: CommitId,
    leftovers: Leftovers,
    in_flight: Option<InFlight>,
    /// A put of the record was begun and its outcome is not known.
    open: bool,
}

impl Operation {
    /// Begins a request; nothing is stored.
    pub(crate) fn new(author: Authorship, leftovers: Leftovers) -> Operation {
        Operation { author, commit_id: CommitId::mint(), leftovers, in_flight: None, open: false }
    }

    /// Tells whether the operation may yet become visible by recovery.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Takes the intent out, for retirement.
    pub(crate) fn take_in_flight(&mut self) -> Option<InFlight> {
        self.in_flight.take()
    }

    /// Makes the intent of a publication durable.
    async fn declare(&mut self, base: &Snapshot, record: &CommitRecord) -> Result<()> {
        if self.in_flight.is_none() {
            self.in_flight = Some(self.leftovers.begin(self.author.operation_id));
        }
        intent::put(base.root(), &Intent::new(base.root(), base.record(), record)).await
    }

    fn recovery_required(&self, cause: &OmniError) -> OmniError {
        OmniError::RecoveryRequired {
            operation_id: self.author.operation_id.to_string(),
            reason: format!(
                "{cause}; the next write, or opening the graph for writing, finishes or discards it"
            ),
        }
    }
}

impl Attempt<Plan> {
    /// Takes what a planner made of a snapshot.
    pub(crate) fn planned(
        base: Snapshot,
        changes: BTreeMap<TypeKey, TableChange>,
        reads: BTreeSet<TypeKey>,
    ) -> Attempt<Plan> {
        Attempt { base, reads, step: Plan { changes } }
    }

    /// Makes every change a durable table version, tables in parallel.
    ///
    /// # Errors
    /// What planning left in its streams, or a storage failure; files without a name stay for cleanup.
    pub(crate) async fn stage(self) -> Result<Attempt<Staged>> {
        let Attempt { base, reads, step } = self;
        let staging =
            step.changes.into_iter().map(|(key, change)| stage_table(base.clone(), key, change).boxed());
        let staged = stream::iter(staging)
            .buffer_unordered(STAGED_AT_ONCE)
            .try_filter_map(|changed| std::future::ready(Ok(changed)))
            .try_collect::<BTreeMap<TypeKey, Table>>()
            .await?;
        failpoints::hit(failpoints::STAGED)?;
        Ok(Attempt { base, reads, step: Staged { tables: staged } })
    }
}

/// Stages one table; none when its version stays.
async fn stage_table(base: Snapshot, key: TypeKey, change: TableChange) -> Result<Option<(TypeKey, Table)>> {
    let before = base.table(&key).await?;
    let after = storage::stage(&before, change).await?;
    Ok((after.version() != before.version()).then_some((key, after)))
}

impl Attempt<Staged> {
    /// Tells whether no table changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.step.tables.is_empty()
    }

    /// Returns the record that publishes the staged versions on top of `head`; none when the plan does not hold there.
    fn record_on(&self, head: &Snapshot, operation: &Operation) -> Option<CommitRecord> {
        let same_branch = self.base.lane().uid == head.lane().uid;
        let dependencies = self.step.tables.keys().chain(&self.reads);
        let holds = same_branch && self.base.record().agrees_on(head.record(), dependencies);
        holds.then(|| {
            let staged = &self.step.tables;
            head.record().successor(head.lane(), operation.commit_id, &operation.author, staged)
        })
    }
}

impl Graph {
    /// Publishes staged versions; none when another commit made the plan void.
    ///
    /// # Errors
    /// [`OmniError::PreconditionFailed`]; [`OmniError::RecoveryRequired`] when the outcome cannot be told; a failure to
    /// store the intent. Except for the second nothing has happened.
    pub(super) async fn publish(
        &self,
        request: &WriteRequest,
        operation: &mut Operation,
        attempt: Attempt<Staged>,
    ) -> Result<Option<Arc<CommitRecord>>> {
        let mut head = attempt.base.clone();
        for _ in 0..MAX_RACES {
            let Some(record) = attempt.record_on(&head, operation) else {
                return Ok(None);
            };
            operation.commit_id = record.id;
            operation.declare(&head, &record).await?;
            operation.open = true;
            match self.put_record(record).await {
                Ok(Append::Published(record)) => {
                    operation.open = false;
                    self.published(&record);
                    return Ok(Some(record));
                }
                Ok(Append::Lost) => operation.open = false,
                Err(error) => return Err(operation.recovery_required(&error)),
            }
            head = self.head(&request.branch).await?;
            request.check(&head)?;
        }
        Ok(None)
    }

    async fn put_record(&self, record: CommitRecord) -> Result<Append> {
        failpoints::hit(failpoints::INTENT_WRITTEN)?;
        failpoints::hit(failpoints::PUBLISH_BEFORE)?;
        self.log().append(record).await
    }
}
