//! The cleanup mark: keeps a cleanup apart from requests that need an old version again.
//!
//! Owns `__manifest/cleanup.json`, which stands while a cleanup runs.
//!
//! A cleanup reads what is still needed, and then removes the rest. Meanwhile a request may make an old version needed
//! again: a branch or a tag at an old commit, or a plan that pins a version as it is. So the cleanup stores its mark
//! before it reads anything, and such a request looks for the mark after its own object is durable. Either the cleanup
//! sees that object, or the request sees the mark, waits until it is gone, and looks whether the versions still exist.
//!
//! Cost: one read for such a request; nothing for any other. A mark that a dead process left is ignored, after
//! [`STALE`] when it cannot be told whether the process lives: until then the cleanup renews it.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use omnigraph_storage::tables::reclaim;
use omnigraph_storage::{Created, Root};
use serde::{Deserialize, Serialize};

use super::format::{self, MANIFEST, STORAGE_FORMAT};
use super::graph::Graph;
use super::ids::OperationId;
use super::intent::{Liveness, Running, Writer};
use super::record::CommitRecord;
use crate::error::{GraphError, Result};

const RENEWED_EVERY: Duration = Duration::from_secs(60);
const STALE: TimeDelta = TimeDelta::minutes(10);
/// How long a request waits for a cleanup.
const CLEANUP_WAIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// The mark as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredMark {
    format: u32,
    operation_id: OperationId,
    /// When it was last stored, in microseconds since the epoch.
    renewed_at: i64,
    writer: Writer,
}

impl StoredMark {
    fn new(operation_id: OperationId) -> StoredMark {
        let writer = Writer::current().clone();
        StoredMark { format: STORAGE_FORMAT, operation_id, renewed_at: format::now_micros(), writer }
    }

    fn stands(&self) -> bool {
        match self.writer.liveness(self.operation_id) {
            Liveness::Running => true,
            Liveness::Ended => false,
            Liveness::Unknown => {
                let renewed = chrono::DateTime::from_timestamp_micros(self.renewed_at).unwrap_or_default();
                Utc::now() - renewed < STALE
            }
        }
    }
}

/// The mark of a cleanup that is running; renewed until it ends.
pub struct CleanupMark {
    root: Root,
    running: Running,
    renewal: tokio::task::JoinHandle<()>,
}

impl CleanupMark {
    /// Ends the cleanup and removes the mark. A failure is logged: a mark counts no more once its operation has ended.
    pub async fn end(self) {
        self.renewal.abort();
        match load(&self.root).await {
            Ok(Some(mark)) if mark.operation_id == self.running.operation() => {
                if let Err(error) = self.root.delete(&path()).await {
                    tracing::warn!(%error, "could not remove the mark of a cleanup");
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "could not read the mark of a cleanup"),
        }
    }
}

impl Drop for CleanupMark {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl Graph {
    /// Marks the graph as being cleaned up.
    ///
    /// # Errors
    /// A conflict (`another cleanup is running`).
    pub async fn begin_cleanup(&self) -> Result<CleanupMark> {
        let running = Running::begin(OperationId::mint());
        let operation = running.operation();
        let bytes = format::encode(&StoredMark::new(operation));
        if let Created::Taken(found) = self.root().create(&path(), bytes.clone()).await? {
            if format::decode::<StoredMark>(self.root(), &path(), &found)?.stands() {
                return Err(GraphError::refused("another cleanup is running; retry"));
            }
            self.root().put(&path(), bytes).await?;
        }
        let root = self.root().clone();
        let renewal = tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEWED_EVERY).await;
                if let Err(error) = root.put(&path(), format::encode(&StoredMark::new(operation))).await {
                    tracing::warn!(%error, "could not renew the mark of a cleanup");
                }
            }
        });
        Ok(CleanupMark { root: self.root().clone(), running, renewal })
    }

    /// Waits for the cleanup that runs; tells whether one did, so that old versions may be gone.
    ///
    /// Called when what makes old versions needed is durable: a cleanup that begins later sees it.
    ///
    /// # Errors
    /// A conflict (`a cleanup is running`) after a minute.
    pub(crate) async fn wait_for_cleanup(&self) -> Result<bool> {
        let started = Instant::now();
        let mut met = None;
        while let Some(mark) = load(self.root()).await? {
            if *met.get_or_insert(mark.operation_id) != mark.operation_id || !mark.stands() {
                break;
            }
            if started.elapsed() > CLEANUP_WAIT {
                return Err(GraphError::refused("a cleanup is running; retry when it has ended"));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(met.is_some())
    }

    /// Checks that a commit, which this process may only remember, still exists; then what it descends from does as well.
    ///
    /// # Errors
    /// Not found (`commit '<id>' not found`).
    pub(crate) async fn require_record(&self, record: &CommitRecord) -> Result<()> {
        self.log().forget(record);
        let found = self.log().get(record.branch_uid, record.seq).await?;
        match found {
            Some(found) if found.id == record.id => Ok(()),
            _ => Err(GraphError::not_found(format!("commit '{}' not found", record.id))),
        }
    }

    /// Checks that every version a commit names is still there.
    ///
    /// # Errors
    /// [`GraphError::HistoricalVersionReclaimed`].
    pub(crate) async fn require_versions(&self, record: &CommitRecord) -> Result<()> {
        for pin in &record.tables {
            if !reclaim::exists(self.root(), &pin.path, pin.version).await? {
                return Err(GraphError::HistoricalVersionReclaimed {
                    type_key: pin.key(),
                    published_dataset_version: pin.table_version,
                });
            }
        }
        Ok(())
    }
}

async fn load(root: &Root) -> Result<Option<StoredMark>> {
    match root.get(&path()).await? {
        Some(bytes) => format::decode(root, &path(), &bytes).map(Some),
        None => Ok(None),
    }
}

fn path() -> String {
    format!("{MANIFEST}/cleanup.json")
}
