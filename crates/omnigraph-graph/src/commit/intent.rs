//! Write intents: what a write that is about to publish would publish, in case it is interrupted.
//!
//! Owns `__recovery/<operation id>.json`. An intent is put after every table version it names is durable and before the
//! record is created; it is put again when a lost race makes the write publish on another head. So it always holds the
//! complete record, and with it the one position in the log at which its operation can still appear: whoever finds an
//! intent reads that position and knows what happened. A crash before the intent leaves unnamed files for cleanup,
//! nothing else.
//!
//! An intent is not needed for correctness: a commit is visible by its record alone. It costs one put, which a write
//! waits for. One more before the tables are written would cost a second put, and could name no version.
//!
//! Invariant: while a write of this process may still publish, its operation counts as running and nobody in this
//! process settles it. When such a write ends without deleting its intent, however it ends, its handle remembers the
//! intent as unsettled ([`UnsettledIntents`]), and its next write settles it without listing anything.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_storage::Root;
use omnigraph_storage::objects::root::ObjectInfo;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::ids::{BranchName, OperationId};
use super::record::{CommitKind, CommitRecord};
use super::{failpoints, format};
use crate::error::{GraphError, Result};

/// Directory of intents.
pub const DIRECTORY: &str = "__recovery/";
/// Version of the intent format.
const SCHEMA_VERSION: u64 = 1;

/// A table version a write made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct IntentTable {
    /// The type.
    pub(crate) table_key: String,
    /// URI of the table.
    pub(crate) table_path: String,
    /// The version users saw before.
    pub(crate) expected_version: u64,
    /// The version users see once it is published.
    pub(crate) post_commit_pin: u64,
    /// The branch that receives it; absent for `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) table_branch: Option<BranchName>,
}

/// A write in flight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Version of this format.
    pub(crate) schema_version: u64,
    /// The operation; equals the file stem.
    pub operation_id: OperationId,
    /// Microseconds since the epoch, decimal.
    pub(crate) started_at: String,
    /// Where it publishes; absent for `main`.
    #[serde(default)]
    pub(crate) branch: Option<BranchName>,
    /// Who asked.
    #[serde(default)]
    pub(crate) actor_id: Option<String>,
    /// What kind of write.
    pub(crate) writer_kind: String,
    /// The table versions it made.
    pub(crate) tables: Vec<IntentTable>,
    /// The record it is about to publish. An intent without one cannot be finished.
    #[serde(default)]
    pub(crate) record: Option<CommitRecord>,
    /// The process.
    #[serde(default)]
    pub writer: Option<Writer>,
}

impl Intent {
    /// Describes the publication of `record` over `base`.
    pub(crate) fn new(root: &Root, base: &CommitRecord, record: &CommitRecord) -> Intent {
        let branch = (!record.branch.is_main()).then(|| record.branch.clone());
        let changed = record.tables.iter().filter_map(|pin| {
            let before = base.pin(&pin.key());
            let same = before.is_some_and(|before| before.same_image(pin));
            (!same).then(|| IntentTable {
                table_key: pin.key().to_string(),
                table_path: format!("{}/{}", root.uri(), pin.path),
                expected_version: before.map_or(0, |before| before.table_version),
                post_commit_pin: pin.table_version,
                table_branch: branch.clone(),
            })
        });
        Intent {
            schema_version: SCHEMA_VERSION,
            operation_id: record.operation_id,
            started_at: record.created_at.to_string(),
            actor_id: record.actor.clone(),
            writer_kind: writer_kind(record.kind).to_owned(),
            tables: changed.collect(),
            branch,
            record: Some(record.clone()),
            writer: Some(Writer::current().clone()),
        }
    }

    /// Returns the branch it publishes on.
    pub(crate) fn branch_name(&self) -> BranchName {
        self.branch.clone().unwrap_or_else(BranchName::main)
    }

    /// Returns the keys of the types it changes.
    pub(crate) fn type_keys(&self) -> impl Iterator<Item = TypeKey> + '_ {
        self.tables.iter().filter_map(|table| TypeKey::parse(&table.table_key))
    }
}

/// Stores an intent, replacing the operation's earlier one.
pub(crate) async fn put(root: &Root, intent: &Intent) -> Result<()> {
    failpoints::hit(root, failpoints::INTENT_WRITE)?;
    Ok(root.put(&path(intent.operation_id), format::encode(intent)).await?)
}

/// Lists the objects of all intents, in no order.
pub async fn list(root: &Root) -> Result<Vec<ObjectInfo>> {
    failpoints::hit(root, failpoints::RECOVERY_LIST)?;
    Ok(root.list(DIRECTORY).await?)
}

/// Reads an intent; absent means that somebody settled it.
///
/// # Errors
/// [`GraphError::RecoveryRequired`] for an intent this release cannot read; it stays where it is.
pub async fn load(root: &Root, path: &str) -> Result<Option<Intent>> {
    match root.get(path).await? {
        Some(bytes) => parse(path, &bytes).map(Some),
        None => Ok(None),
    }
}

/// Deletes an intent; deleting it twice is deleting it once.
pub(crate) async fn delete(root: &Root, path: &str) -> Result<()> {
    failpoints::hit(root, failpoints::INTENT_DELETE)?;
    Ok(root.delete(path).await?)
}

/// Returns the object of an operation's intent.
pub fn path(operation: OperationId) -> String {
    format!("{DIRECTORY}{operation}.json")
}

fn parse(path: &str, bytes: &Bytes) -> Result<Intent> {
    #[derive(Deserialize)]
    struct Stamp {
        schema_version: u64,
    }
    let refuse = |reason: String| GraphError::RecoveryRequired {
        operation_id: path.trim_start_matches(DIRECTORY).trim_end_matches(".json").to_owned(),
        reason,
    };
    let value: serde_json::Value = serde_json::from_slice(bytes)
        .map_err(|error| refuse(format!("{path} is not valid JSON: {error}")))?;
    let broken = |error: serde_json::Error| refuse(format!("failed to deserialize {path}: {error}"));
    let stamp = Stamp::deserialize(&value).map_err(broken)?;
    if stamp.schema_version != SCHEMA_VERSION {
        return Err(refuse(format!(
            "{path} has schema_version={}; this release supports only schema_version={SCHEMA_VERSION}",
            stamp.schema_version
        )));
    }
    Intent::deserialize(&value).map_err(broken)
}

fn writer_kind(kind: CommitKind) -> &'static str {
    match kind {
        CommitKind::Init => "Init",
        CommitKind::Data => "Mutation",
        CommitKind::Schema => "SchemaApply",
        CommitKind::Merge => "BranchMerge",
        CommitKind::Maintenance => "Optimize",
        CommitKind::Recovery => "Recovery",
    }
}

/// The process that writes an intent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Writer {
    /// Minted when the process first wrote.
    pub(crate) process: OperationId,
    /// Process id.
    pub(crate) pid: u32,
    /// Identifies the boot of the machine and the process namespace, where the system tells.
    #[serde(default)]
    pub(crate) machine: Option<String>,
}

/// What is known about the writer of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// The write is running.
    Running,
    /// The write has certainly ended.
    Ended,
    /// Another machine, or a system that does not tell.
    Unknown,
}

impl Writer {
    /// Returns this process.
    pub(crate) fn current() -> &'static Writer {
        static CURRENT: LazyLock<Writer> = LazyLock::new(|| Writer {
            process: OperationId::mint(),
            pid: std::process::id(),
            machine: machine(),
        });
        &CURRENT
    }

    /// Tells whether this writer still runs an operation.
    pub fn liveness(&self, operation: OperationId) -> Liveness {
        let current = Writer::current();
        if self.process == current.process {
            let running = RUNNING.lock().contains(&operation);
            return if running { Liveness::Running } else { Liveness::Ended };
        }
        let same_machine = self.machine.is_some() && self.machine == current.machine;
        let gone = same_machine && !std::path::Path::new(&format!("/proc/{}", self.pid)).exists();
        // An existing process may be another one that got the same id, so it proves nothing.
        if gone { Liveness::Ended } else { Liveness::Unknown }
    }
}

fn machine() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// Operations of this process that may still publish.
static RUNNING: LazyLock<Mutex<BTreeSet<OperationId>>> = LazyLock::new(Mutex::default);

/// An operation of this process that has not ended; it has when this is dropped.
pub(crate) struct Running(OperationId);

impl Running {
    /// Marks an operation as running.
    pub(crate) fn begin(operation: OperationId) -> Running {
        RUNNING.lock().insert(operation);
        Running(operation)
    }

    /// Returns the operation.
    pub(crate) fn operation(&self) -> OperationId {
        self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.lock().remove(&self.0);
    }
}

/// Operations whose intents writes of one handle left behind. Bounded by the writes that failed.
#[derive(Clone, Default)]
pub struct UnsettledIntents(Arc<Mutex<BTreeSet<OperationId>>>);

impl UnsettledIntents {
    /// Returns the operations, oldest first.
    pub fn operations(&self) -> Vec<OperationId> {
        self.0.lock().iter().copied().collect()
    }

    /// Forgets an operation that is settled.
    pub(crate) fn settled(&self, operation: OperationId) {
        self.0.lock().remove(&operation);
    }

    /// Marks an operation as running, before its intent is put.
    pub(crate) fn begin(&self, operation: OperationId) -> InFlight {
        InFlight { running: Running::begin(operation), unsettled: self.clone(), retired: false }
    }
}

/// A running operation whose intent may exist. Dropping it without retirement makes its intent unsettled.
pub(crate) struct InFlight {
    running: Running,
    unsettled: UnsettledIntents,
    retired: bool,
}

impl InFlight {
    /// Deletes the intent of a write that failed, so that no recovery finishes it later.
    ///
    /// # Errors
    /// The intent may still be there, and is settled by the next write.
    pub(crate) async fn withdraw(mut self, root: &Root) -> Result<()> {
        let path = path(self.running.operation());
        if let Err(error) = delete(root, &path).await
            && !matches!(root.get(&path).await, Ok(None))
        {
            return Err(error);
        }
        self.retired = true;
        Ok(())
    }

    /// Deletes the intent; a failure is logged and leaves it to the next write.
    pub(crate) async fn retire(mut self, root: &Root) {
        let operation = self.running.operation();
        match delete(root, &path(operation)).await {
            Ok(()) => self.retired = true,
            Err(error) => {
                tracing::warn!(%error, operation_id = %operation, "could not delete the intent")
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // Before `running` is dropped: whoever finds the operation ended finds it among the unsettled intents.
        if !self.retired {
            self.unsettled.0.lock().insert(self.running.operation());
        }
    }
}
