//! Snapshots: all pins of one commit together with the schema that belongs to it.
//!
//! A snapshot never changes and never reads another commit. Cost: an `Arc` clone; opening a table is cached by storage.

use std::fmt;
use std::sync::Arc;

use omnigraph_compiler::catalog::{Catalog, TypeKey};

use super::record::{CommitRecord, Lane, TablePin};
use super::schema::SchemaContract;
use crate::error::{OmniError, Result, StorageFailureKind};
use crate::storage::{Root, Table};

/// One commit, its schema, and the root that holds its tables.
#[derive(Clone)]
pub(crate) struct Snapshot {
    inner: Arc<Inner>,
}

struct Inner {
    record: Arc<CommitRecord>,
    schema: Arc<SchemaContract>,
    lane: Lane,
    root: Root,
}

impl Snapshot {
    /// Joins a record with its contract. `lane` is the branch whose view this is: on a fork without commits of its own
    /// it differs from the branch the record landed on.
    pub(crate) fn new(
        record: Arc<CommitRecord>,
        schema: Arc<SchemaContract>,
        lane: Lane,
        root: Root,
    ) -> Snapshot {
        Snapshot { inner: Arc::new(Inner { record, schema, lane, root }) }
    }

    /// Returns the commit.
    pub(crate) fn record(&self) -> &CommitRecord {
        &self.inner.record
    }

    /// Returns the commit, shared.
    #[cfg(test)]
    pub(crate) fn shared_record(&self) -> Arc<CommitRecord> {
        self.inner.record.clone()
    }

    /// Returns the branch whose view this is: the one a write planned on it lands on.
    pub(crate) fn lane(&self) -> &Lane {
        &self.inner.lane
    }

    /// Returns the compiled schema.
    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.inner.schema.catalog
    }

    /// Returns the source text of the schema.
    pub(crate) fn schema_source(&self) -> &str {
        &self.inner.schema.source
    }

    /// Returns the root that holds the tables.
    pub(crate) fn root(&self) -> &Root {
        &self.inner.root
    }

    /// Returns what the commit names for a type.
    pub(crate) fn pin(&self, key: &TypeKey) -> Option<&TablePin> {
        self.inner.record.pin(key)
    }

    /// Opens the table version of a type.
    ///
    /// # Errors
    /// [`OmniError::HistoricalVersionReclaimed`] when cleanup removed it; internal when the commit has no such type.
    pub(crate) async fn table(&self, key: &TypeKey) -> Result<Table> {
        let pin = self.pin(key).ok_or_else(|| {
            OmniError::internal(format!("commit {} names no table for {key}", self.record().id))
        })?;
        Table::open(self.root(), &pin.path, pin.version).await.map_err(|error| match error {
            OmniError::Storage(failure) if failure.kind == StorageFailureKind::NotFound => {
                OmniError::HistoricalVersionReclaimed {
                    type_key: key.to_string(),
                    published_dataset_version: pin.table_version,
                }
            }
            other => other,
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
