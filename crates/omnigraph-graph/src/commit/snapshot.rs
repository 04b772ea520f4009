//! Snapshots: all pins of one commit together with the schema that belongs to it.
//!
//! A snapshot never changes, and what it answers depends on its commit alone. Only when a table version is not found does
//! it look at the head of its branch, to tell what was cleaned up from what is lost.
//! Cost: an `Arc` clone; opening a table is cached by storage, and for a commit that is no head looks once whether the
//! version still exists.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use omnigraph_compiler::catalog::{Catalog, TypeKey};
use omnigraph_storage::{Root, StorageError, StorageFailureKind, Table};
use parking_lot::Mutex;

use super::head::Heads;
use super::log::Log;
use super::record::{BranchTarget, CommitRecord, TablePin};
use super::refs;
use super::schema::SchemaContract;
use crate::error::{GraphError, Result};

/// One commit, its schema, and the root that holds its tables.
#[derive(Clone)]
pub struct Snapshot {
    inner: Arc<Inner>,
}

struct Inner {
    record: Arc<CommitRecord>,
    schema: Arc<SchemaContract>,
    target: BranchTarget,
    root: Root,
    /// Tables whose version may be gone, as no head was just seen to name it. One that was found once is not looked for
    /// again.
    unproven: Mutex<BTreeSet<TypeKey>>,
}

impl Snapshot {
    /// Joins a record with its contract. `target` is the branch whose view this is: on a fork without commits of its own
    /// it differs from the branch the record landed on. `is_head` tells that the record is a branch's newest.
    pub(crate) fn new(
        record: Arc<CommitRecord>,
        schema: Arc<SchemaContract>,
        target: BranchTarget,
        root: Root,
        is_head: bool,
    ) -> Snapshot {
        let unproven =
            if is_head { BTreeSet::new() } else { record.tables.iter().map(TablePin::key).collect() };
        Snapshot { inner: Arc::new(Inner { record, schema, target, root, unproven: Mutex::new(unproven) }) }
    }

    /// Returns the commit.
    pub fn record(&self) -> &CommitRecord {
        &self.inner.record
    }

    /// Returns the commit, shared.
    pub fn shared_record(&self) -> Arc<CommitRecord> {
        self.inner.record.clone()
    }

    /// Returns the branch whose view this is: the one a write planned on it lands on.
    pub fn branch_target(&self) -> &BranchTarget {
        &self.inner.target
    }

    /// Returns the compiled schema.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.inner.schema.catalog
    }

    /// Returns the schema, as it is stored.
    pub fn contract(&self) -> &Arc<SchemaContract> {
        &self.inner.schema
    }

    /// Returns the source text of the schema.
    pub fn schema_source(&self) -> &str {
        &self.inner.schema.source
    }

    /// Returns the root that holds the tables.
    pub fn root(&self) -> &Root {
        &self.inner.root
    }

    /// Returns what the commit names for a type.
    pub fn pin(&self, key: &TypeKey) -> Option<&TablePin> {
        self.inner.record.pin(key)
    }

    /// Opens the table version of a type.
    ///
    /// # Errors
    /// [`GraphError::HistoricalVersionReclaimed`] when cleanup removed it, [`GraphError::TableMissing`] when it is gone
    /// although the branch still needs it; internal when the commit has no such type.
    pub async fn table(&self, key: &TypeKey) -> Result<Table> {
        let pin = self.pin(key).ok_or_else(|| {
            GraphError::internal(format!("commit {} names no table for {key}", self.record().id))
        })?;
        let unproven = self.inner.unproven.lock().contains(key);
        let opened = match unproven {
            true => Table::open_past(self.root(), &pin.path, pin.version).await,
            false => Table::open(self.root(), &pin.path, pin.version).await,
        };
        match opened {
            Ok(table) => {
                if unproven {
                    self.inner.unproven.lock().remove(key);
                }
                Ok(table)
            }
            Err(StorageError::Storage(failure)) if failure.kind == StorageFailureKind::NotFound => {
                let (type_key, published_dataset_version) = (key.clone(), pin.table_version);
                Err(if self.reclaimable(key, pin).await? {
                    GraphError::HistoricalVersionReclaimed { type_key, published_dataset_version }
                } else {
                    let path = pin.path.to_string();
                    GraphError::TableMissing { type_key, published_dataset_version, path }
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells whether a table version may have been removed on purpose: cleanup keeps what the head of a branch names.
    /// Looks the head up, so it is only for a version that was not found.
    async fn reclaimable(&self, key: &TypeKey, pin: &TablePin) -> Result<bool> {
        let root = self.root();
        let branch = refs::load(root, &self.branch_target().name)
            .await?
            .filter(|found| found.uid == self.branch_target().uid);
        let Some(branch) = branch else { return Ok(true) };
        let head = Heads::new(root.clone(), Log::new(root.clone())).find(&branch).await?;
        Ok(match head.pin(key).filter(|live| live.path == pin.path) {
            None => true,
            Some(live) if live.version == pin.version => false,
            // A table that lost its live version as well was not cleaned up.
            Some(live) => Table::open(root, &live.path, live.version).await.is_ok(),
        })
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("commit", &self.record().id)
            .field("seq", &self.record().seq)
            .finish()
    }
}
