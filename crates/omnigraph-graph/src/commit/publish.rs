//! From a plan to a published commit: the steps of one attempt, as types that each step consumes.
//!
//! `Attempt<Plan>` → [`Attempt::write`] → `Attempt<Written>` → [`Attempt::sync`] → `Attempt<Staged>` → [`Graph::publish`].
//! What is not durable cannot be published.
//!
//! Invariants: (1) staged versions are durable before the intent names them, the intent before the record is created;
//! (2) a lost race changes nothing: the staged versions are published on the new head when no table that the plan wrote
//! or read has moved and the schema is the same, and are abandoned otherwise; (3) an operation is published at most
//! once, however often its acknowledgement is lost; (4) what was planned on a commit that another writer is about to
//! make ([`super::turns`]) is published after that commit, or on a head that agrees with it as in (2).
//! Cost: per publication one put of the intent and one conditional put; per lost race the finding of the new head.
//! Cancellation: dropping the future leaves the commit or nothing; an intent it may leave is settled by the next write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_storage::{self, TableChange};

use super::failpoints;
use super::graph::Graph;
use super::ids::CommitId;
use super::intent::{self, InFlight, Intent, Leftovers};
use super::log::Append;
use super::record::{Authorship, CommitKind, CommitRecord, RecordChange, TablePin};
use super::schema::{SchemaContract, Schemas};
use super::snapshot::Snapshot;
use super::turns::Ahead;
use super::write::WriteRequest;
use crate::error::{GraphError, Result};

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

/// What happens to the table of one type.
pub enum Effect {
    /// The next version of the table that the base pins under this key.
    Change(TableChange),
    /// This table version is named as it is: created, reshaped or compacted by the planner, or adopted from another
    /// branch. Replaces the pin of the key, or adds it.
    Pin(TablePin),
    /// The key is pinned no more.
    Remove,
}

/// What a plan is to make of its base.
#[derive(Default)]
pub struct Outcome {
    /// Effects by type.
    pub effects: BTreeMap<TypeKey, Effect>,
    /// Another schema.
    pub schema: Option<Arc<SchemaContract>>,
    /// The merged head, for a merge.
    pub merged: Option<Arc<CommitRecord>>,
}

/// The step before staging: what is to change.
pub(crate) struct Plan {
    outcome: Outcome,
}

/// The step before staging is complete: table versions that may not be on disk yet.
pub struct Written {
    staged: Staged,
    tables: Vec<omnigraph_storage::WrittenTable>,
}

/// The step before publication: durable table versions that nothing names.
pub(crate) struct Staged {
    /// New pins; none where a type goes.
    pins: BTreeMap<TypeKey, Option<TablePin>>,
    schema: Option<Arc<SchemaContract>>,
    merged: Option<Arc<CommitRecord>>,
    /// Whether a version is pinned as it is, so that only this plan keeps cleanups from removing it.
    adopts: bool,
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

    /// Makes the error of a write whose outcome is left to recovery.
    pub(super) fn recovery_required(&self, cause: &GraphError) -> GraphError {
        GraphError::RecoveryRequired {
            operation_id: self.author.operation_id.to_string(),
            reason: format!(
                "{cause}; the next write of this handle finishes or discards it, or reopen the graph read-write"
            ),
        }
    }
}

impl Attempt<Plan> {
    /// Takes what a planner made of a snapshot.
    pub(crate) fn planned(base: Snapshot, outcome: Outcome, reads: BTreeSet<TypeKey>) -> Attempt<Plan> {
        Attempt { base, reads, step: Plan { outcome } }
    }

    /// Makes every change a table version, tables in parallel.
    ///
    /// # Errors
    /// What planning left in its streams, or a storage failure; files without a name stay for cleanup.
    pub(crate) async fn write(self, schemas: &Schemas) -> Result<Attempt<Written>> {
        let Attempt { base, reads, step: Plan { outcome } } = self;
        if let Some(contract) = &outcome.schema {
            schemas.put(contract.clone()).await?;
        }
        let adopts = outcome.effects.values().any(|effect| matches!(effect, Effect::Pin(_)));
        let staging =
            outcome.effects.into_iter().map(|(key, effect)| write_table(base.clone(), key, effect).boxed());
        let moved = stream::iter(staging)
            .buffer_unordered(STAGED_AT_ONCE)
            .try_filter_map(|changed| std::future::ready(Ok(changed)))
            .try_collect::<Vec<Moved>>()
            .await?;
        let (mut pins, mut tables) = (BTreeMap::new(), Vec::new());
        for Moved { key, pin, written } in moved {
            pins.insert(key, pin);
            tables.extend(written);
        }
        let staged = Staged { pins, schema: outcome.schema, merged: outcome.merged, adopts };
        Ok(Attempt { base, reads, step: Written { staged, tables } })
    }
}

/// A table whose pin is to change.
struct Moved {
    key: TypeKey,
    pin: Option<TablePin>,
    written: Option<omnigraph_storage::WrittenTable>,
}

/// Writes the version of one table; nothing when its pin stays.
async fn write_table(base: Snapshot, key: TypeKey, effect: Effect) -> Result<Option<Moved>> {
    let before = base.pin(&key);
    match (effect, before) {
        (Effect::Change(change), Some(before)) => {
            let table = base.table(&key).await?;
            let written = omnigraph_storage::write(&table, change).await?;
            let after = written.table();
            let pin = (after.version() != table.version()).then(|| before.advanced_to(after));
            Ok(pin.map(|pin| Moved { key, pin: Some(pin), written: Some(written) }))
        }
        (Effect::Change(_), None) => {
            Err(GraphError::internal(format!("a plan changes {key}, which its base does not name")))
        }
        (Effect::Pin(pin), _) => {
            Ok((before != Some(&pin)).then_some(Moved { key, pin: Some(pin), written: None }))
        }
        (Effect::Remove, _) => Ok(before.is_some().then_some(Moved { key, pin: None, written: None })),
    }
}

impl Attempt<Written> {
    /// Tells whether the record would say the same as its base.
    pub(crate) fn is_empty(&self) -> bool {
        let Staged { pins, schema, merged, adopts: _ } = &self.step.staged;
        pins.is_empty() && schema.is_none() && merged.is_none()
    }

    /// Returns the graph as this attempt is about to make it, if it is published on its base; none for what changes
    /// more than rows.
    pub(super) fn foreseen(&self, operation: &mut Operation) -> Option<Snapshot> {
        let staged = &self.step.staged;
        if staged.schema.is_some() || staged.merged.is_some() {
            return None;
        }
        let record = staged.record_on(&self.base, &self.reads, &self.base, operation)?;
        // Publication on the base makes the very record.
        operation.commit_id = record.id;
        let (contract, lane, root) =
            (self.base.contract().clone(), self.base.lane().clone(), self.base.root().clone());
        Some(Snapshot::new(Arc::new(record), contract, lane, root, true))
    }

    /// Waits until all versions are on disk.
    ///
    /// # Errors
    /// A storage failure; files without a name stay for cleanup.
    pub(crate) async fn sync(self) -> Result<Attempt<Staged>> {
        let Attempt { base, reads, step: Written { staged, tables } } = self;
        let root = base.root().clone();
        let syncing = tables.into_iter().map(|written| async {
            written.sync().await?;
            failpoints::hit(&root, failpoints::TABLE_STAGED)
        });
        futures::future::try_join_all(syncing).await?;
        failpoints::hit(&root, failpoints::STAGED)?;
        Ok(Attempt { base, reads, step: staged })
    }
}

impl Staged {
    /// Returns the record that publishes the staged versions on top of `head`; none when the plan, made on `base`, does
    /// not hold there.
    fn record_on(
        &self,
        base: &Snapshot,
        reads: &BTreeSet<TypeKey>,
        head: &Snapshot,
        operation: &Operation,
    ) -> Option<CommitRecord> {
        let Staged { pins, schema, merged, adopts: _ } = self;
        let same_branch = base.lane().uid == head.lane().uid;
        // What a merge makes depends on the whole history of its target.
        let same_head = base.record().id == head.record().id;
        let dependencies = pins.keys().chain(reads);
        let holds = same_branch
            && (merged.is_none() || same_head)
            && base.record().agrees_on(head.record(), dependencies);
        holds.then(|| {
            let change = RecordChange {
                pins,
                schema: schema.as_ref().map(|contract| contract.hash.as_str()),
                merged: merged.as_deref(),
            };
            head.record().successor(head.lane(), operation.commit_id, &operation.author, change)
        })
    }
}

impl Graph {
    /// Publishes staged versions, after the commit that they were planned `ahead` on; none when another commit made the
    /// plan void.
    ///
    /// # Errors
    /// [`GraphError::PreconditionFailed`]; [`GraphError::RecoveryRequired`] when the outcome cannot be told; a failure to
    /// store the intent. Except for the second nothing has happened.
    pub(super) async fn publish(
        &self,
        request: &WriteRequest,
        operation: &mut Operation,
        attempt: Attempt<Staged>,
        mut ahead: Option<Ahead>,
    ) -> Result<Option<Arc<CommitRecord>>> {
        let Attempt { base, reads, step: staged } = attempt;
        let mut head = base.clone();
        for _ in 0..MAX_RACES {
            let Some(record) = staged.record_on(&base, &reads, &head, operation) else {
                return Ok(None);
            };
            operation.commit_id = record.id;
            operation.declare(&head, &record).await?;
            if let Some(ahead) = ahead.take()
                && !ahead.published().await
            {
                head = self.head(&request.branch).await?;
                continue;
            }
            if staged.adopts && self.outlast_cleanup().await? {
                match self.require_versions(&record).await {
                    Ok(()) => {}
                    Err(GraphError::HistoricalVersionReclaimed { .. }) => return Ok(None),
                    Err(error) => return Err(error),
                }
            }
            operation.open = true;
            let appended = match failpoints::hit(self.root(), failpoints::RACE) {
                Ok(()) => self.put_record(record).await,
                Err(_) => Ok(Append::Lost),
            };
            match appended {
                Ok(Append::Published(record)) => {
                    operation.open = false;
                    self.published(&record);
                    return Ok(Some(record));
                }
                Ok(Append::Lost) => {
                    self.counts().lost_race();
                    operation.open = false;
                }
                Err(error) => return Err(operation.recovery_required(&error)),
            }
            head = self.head(&request.branch).await?;
            request.check(&head)?;
        }
        Ok(None)
    }

    async fn put_record(&self, record: CommitRecord) -> Result<Append> {
        failpoints::hit(self.root(), failpoints::INTENT_WRITTEN)?;
        failpoints::hit(self.root(), failpoints::PUBLISH_BEFORE)?;
        match record.kind {
            CommitKind::Maintenance => failpoints::hit(self.root(), failpoints::OPTIMIZE_PUBLISH)?,
            CommitKind::Schema => failpoints::hit(self.root(), failpoints::SCHEMA_PUBLISH)?,
            CommitKind::Merge => failpoints::hit(self.root(), failpoints::MERGE_PUBLISH)?,
            CommitKind::Init | CommitKind::Data | CommitKind::Recovery => {}
        }
        self.log().append(record).await
    }
}
