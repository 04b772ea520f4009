//! From a plan to a published commit: the steps of one attempt, as types that each step consumes.
//!
//! [`Attempt::planned`] takes a [`PlannedCommit`], [`Attempt::write`] makes table versions of it (`Attempt<Unsynced>`),
//! [`Attempt::sync`] makes them durable (`Attempt<Staged>`), [`Attempt::declare`] stores the intent (`Attempt<Declared>`)
//! and [`Graph::publish`] creates the commit record. What is not durable cannot be published.
//!
//! Invariants: (1) staged versions are durable before the intent names them, the intent before the record is created;
//! (2) a lost race changes nothing: the staged versions are published on the new head when no table that the plan wrote
//! or read has moved and the schema is the same, and are abandoned otherwise; (3) an operation is published at most
//! once, however often its acknowledgement is lost; (4) what was planned on a pending commit ([`super::queue`]) is
//! published after that commit, or on a head that agrees with it as in (2).
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
use super::intent::{self, InFlight, Intent, UnsettledIntents};
use super::log::Append;
use super::record::{Authorship, CommitKind, CommitRecord, RecordChange, TablePin};
use super::schema::{SchemaContract, Schemas};
use super::snapshot::Snapshot;
use super::write::WriteRequest;
use crate::error::{GraphError, Result};

/// Tables staged at the same time by one attempt.
const STAGED_AT_ONCE: usize = 8;
/// Publications of one attempt that lose their race before the attempt is planned again.
const MAX_RACES: u32 = 64;

/// One attempt at a write request, on one snapshot.
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

/// What a plan wants the next commit to be.
#[derive(Default)]
pub struct PlannedCommit {
    /// Effects by type.
    pub effects: BTreeMap<TypeKey, Effect>,
    /// Another schema.
    pub schema: Option<Arc<SchemaContract>>,
    /// The merged head, for a merge.
    pub merged: Option<Arc<CommitRecord>>,
}

/// The step after writing: table versions that may not be on disk yet.
pub(crate) struct Unsynced {
    staged: Staged,
    tables: Vec<omnigraph_storage::WrittenTable>,
}

/// The step after syncing: durable table versions that nothing names.
pub(crate) struct Staged {
    /// New pins; none where a type goes.
    pins: BTreeMap<TypeKey, Option<TablePin>>,
    schema: Option<Arc<SchemaContract>>,
    merged: Option<Arc<CommitRecord>>,
    /// Whether a version is pinned as it is, so that only this plan keeps cleanups from removing it.
    adopts: bool,
}

/// The step before publication: durable table versions that an intent names.
pub(crate) struct Declared {
    staged: Staged,
    /// What the intent is about to publish on the base.
    record: CommitRecord,
}

/// A write request on its way: what stays the same through all its attempts.
pub(crate) struct Operation {
    author: Authorship,
    commit_id: CommitId,
    unsettled: UnsettledIntents,
    in_flight: Option<InFlight>,
    /// A put of the record was begun and its outcome is not known.
    open: bool,
}

impl Operation {
    /// Begins a request; nothing is stored.
    pub(crate) fn new(author: Authorship, unsettled: UnsettledIntents) -> Operation {
        Operation { author, commit_id: CommitId::mint(), unsettled, in_flight: None, open: false }
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
            self.in_flight = Some(self.unsettled.begin(self.author.operation_id));
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

impl Attempt<PlannedCommit> {
    /// Takes what a planner made of a snapshot.
    pub(crate) fn planned(
        base: Snapshot,
        commit: PlannedCommit,
        reads: BTreeSet<TypeKey>,
    ) -> Attempt<PlannedCommit> {
        Attempt { base, reads, step: commit }
    }

    /// Makes every change a table version, tables in parallel.
    ///
    /// # Errors
    /// What planning left in its streams, or a storage failure; files without a name stay for cleanup.
    pub(crate) async fn write(self, schemas: &Schemas) -> Result<Attempt<Unsynced>> {
        let Attempt { base, reads, step: PlannedCommit { effects, schema, merged } } = self;
        if let Some(contract) = &schema {
            schemas.put(contract.clone()).await?;
        }
        let adopts = effects.values().any(|effect| matches!(effect, Effect::Pin(_)));
        let writing = effects.into_iter().map(|(key, effect)| write_table(base.clone(), key, effect).boxed());
        let changed = stream::iter(writing)
            .buffer_unordered(STAGED_AT_ONCE)
            .try_filter_map(|changed| std::future::ready(Ok(changed)))
            .try_collect::<Vec<ChangedTable>>()
            .await?;
        let (mut pins, mut tables) = (BTreeMap::new(), Vec::new());
        for ChangedTable { key, pin, written } in changed {
            pins.insert(key, pin);
            tables.extend(written);
        }
        let staged = Staged { pins, schema, merged, adopts };
        Ok(Attempt { base, reads, step: Unsynced { staged, tables } })
    }
}

/// A table whose pin is to change.
struct ChangedTable {
    key: TypeKey,
    pin: Option<TablePin>,
    written: Option<omnigraph_storage::WrittenTable>,
}

/// Writes the version of one table; nothing when its pin stays.
async fn write_table(base: Snapshot, key: TypeKey, effect: Effect) -> Result<Option<ChangedTable>> {
    let before = base.pin(&key);
    match (effect, before) {
        (Effect::Change(change), Some(before)) => {
            let table = base.table(&key).await?;
            let written = omnigraph_storage::write(&table, change).await?;
            let after = written.table();
            let pin = (after.version() != table.version()).then(|| before.advanced_to(after));
            Ok(pin.map(|pin| ChangedTable { key, pin: Some(pin), written: Some(written) }))
        }
        (Effect::Change(_), None) => {
            Err(GraphError::internal(format!("a plan changes {key}, which its base does not name")))
        }
        (Effect::Pin(pin), _) => {
            Ok((before != Some(&pin)).then_some(ChangedTable { key, pin: Some(pin), written: None }))
        }
        (Effect::Remove, _) => Ok(before.is_some().then_some(ChangedTable { key, pin: None, written: None })),
    }
}

impl Attempt<Unsynced> {
    /// Tells whether the record would say the same as its base.
    pub(crate) fn is_empty(&self) -> bool {
        let Staged { pins, schema, merged, adopts: _ } = &self.step.staged;
        pins.is_empty() && schema.is_none() && merged.is_none()
    }

    /// Returns the graph as this attempt is about to make it, if it is published on its base; none for what changes
    /// more than rows.
    pub(super) fn pending_snapshot(&self, operation: &mut Operation) -> Option<Snapshot> {
        let staged = &self.step.staged;
        if staged.schema.is_some() || staged.merged.is_some() {
            return None;
        }
        let record = staged.record_on(&self.base, operation);
        let (contract, target, root) =
            (self.base.contract().clone(), self.base.branch_target().clone(), self.base.root().clone());
        Some(Snapshot::new(Arc::new(record), contract, target, root, true))
    }

    /// Waits until all versions are on disk.
    ///
    /// # Errors
    /// A storage failure; files without a name stay for cleanup.
    pub(crate) async fn sync(self) -> Result<Attempt<Staged>> {
        let Attempt { base, reads, step: Unsynced { staged, tables } } = self;
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

impl Attempt<Staged> {
    /// Makes the intent of publishing on the base durable.
    ///
    /// # Errors
    /// A storage failure; the intent may be there.
    pub(super) async fn declare(self, operation: &mut Operation) -> Result<Attempt<Declared>> {
        let Attempt { base, reads, step: staged } = self;
        let record = staged.record_on(&base, operation);
        operation.declare(&base, &record).await?;
        Ok(Attempt { base, reads, step: Declared { staged, record } })
    }
}

impl Staged {
    /// Tells whether what was planned on `base` may be published on top of `head`.
    fn holds_on(&self, head: &Snapshot, base: &Snapshot, reads: &BTreeSet<TypeKey>) -> bool {
        let same_branch = base.branch_target().uid == head.branch_target().uid;
        // What a merge makes depends on the whole history of its target.
        let same_head = base.record().id == head.record().id;
        let dependencies = self.pins.keys().chain(reads);
        same_branch
            && (self.merged.is_none() || same_head)
            && base.record().agrees_on(head.record(), dependencies)
    }

    /// Returns the record that publishes the staged versions on top of `head`. The operation keeps its id, so that the
    /// same head gives the same record again.
    fn record_on(&self, head: &Snapshot, operation: &mut Operation) -> CommitRecord {
        let change = RecordChange {
            pins: &self.pins,
            schema: self.schema.as_ref().map(|contract| contract.hash.as_str()),
            merged: self.merged.as_deref(),
        };
        let target = head.branch_target();
        let record = head.record().successor(target, operation.commit_id, &operation.author, change);
        operation.commit_id = record.id;
        record
    }
}

impl Graph {
    /// Publishes what an intent names; none when another commit made the plan void. `base_stands` tells whether the base
    /// is published; otherwise the head is looked at first.
    ///
    /// # Errors
    /// [`GraphError::PreconditionFailed`]; [`GraphError::RecoveryRequired`] when the outcome cannot be told; a failure to
    /// store the intent. Except for the second nothing has happened.
    pub(super) async fn publish(
        &self,
        request: &WriteRequest,
        operation: &mut Operation,
        attempt: Attempt<Declared>,
        base_stands: bool,
    ) -> Result<Option<Arc<CommitRecord>>> {
        let Attempt { base, reads, step: Declared { staged, record } } = attempt;
        let mut declared = base_stands.then_some(record);
        for _ in 0..MAX_RACES {
            let record = match declared.take() {
                Some(record) => record,
                None => {
                    let head = self.head(&request.branch).await?;
                    request.check(&head)?;
                    if !staged.holds_on(&head, &base, &reads) {
                        return Ok(None);
                    }
                    let record = staged.record_on(&head, operation);
                    operation.declare(&head, &record).await?;
                    record
                }
            };
            if staged.adopts && self.wait_for_cleanup().await? {
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
