//! A table: one immutable version of one Lance dataset.
//!
//! Owns creating, opening and random access. A table is created once by an ordinary Lance commit and from then on
//! changes by detached versions only ([`crate::tables::stage`]), so a [`Table`] never moves.
//!
//! Cost: opening reads one manifest (none when cached); `take` reads the pages that hold the rows.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions, UInt64Array};
use arrow_schema::{Schema, SchemaRef};
use datafusion::physical_plan::SendableRecordBatchStream;
use lance::Dataset;
use lance::dataset::builder::DatasetBuilder;
use lance::dataset::{InsertBuilder, ProjectionRequest, TakeBuilder, WriteMode, WriteParams};
use lance_table::format::Fragment;
use serde::{Deserialize, Serialize};

use crate::error::{Result, StorageError};
use crate::indexes::key_index::KeyIndex;
use crate::objects::root::{Root, blocking};
use crate::objects::{durable, failure};
use crate::tables::reclaim;
use crate::tables::scan::{self, Scan};

/// Name of the row address column: UInt64, fragment id << 32 | offset, fixed within one table version.
pub const ROW_ADDRESS: &str = "_rowaddr";

/// Lance's id of a table version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TableVersion(pub u64);

impl fmt::Display for TableVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Size of a table version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStats {
    /// Live rows.
    pub rows: u64,
    /// Bytes of data files, rows that are deleted in place included.
    pub bytes: u64,
    /// Fragments.
    pub fragments: u64,
}

/// A handle on one immutable version of a table; cheap to clone.
#[derive(Clone)]
pub struct Table(Arc<Inner>);

struct Inner {
    root: Root,
    path: Arc<str>,
    dataset: Arc<Dataset>,
    schema: SchemaRef,
    stats: TableStats,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("path", &self.0.path)
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}

impl Table {
    /// Creates an empty table; durable when this returns, and garbage until a commit names it.
    ///
    /// # Errors
    /// `Storage` with kind `Precondition` when the path has a table already.
    pub async fn create(root: &Root, path: &str, schema: SchemaRef) -> Result<Table> {
        let uri = root.table_uri(path);
        let params = WriteParams {
            mode: WriteMode::Create,
            store_params: Some(root.lance_params()),
            ..write_params(root)
        };
        let empty = RecordBatch::new_empty(schema);
        let created = InsertBuilder::new(uri.as_str()).with_params(&params).execute(vec![empty]).await;
        let dataset = created.map_err(|error| failure::table(path, error))?;
        if let Some(directory) = root.synced_file(path) {
            let manifest = root.synced_file(&version_file(path, &dataset)).expect("the root syncs its files");
            let synced = blocking(move || -> std::io::Result<()> {
                durable::sync_file(&manifest)?;
                if let Some(versions) = manifest.parent() {
                    durable::sync_directory(versions, durable::Sync::Full)?;
                }
                // Lance made the directories above as well, up to the root or beyond: their names must survive too.
                for directory in directory.ancestors().take(4).filter(|at| !at.as_os_str().is_empty()) {
                    durable::sync_directory(directory, durable::Sync::Full)?;
                }
                Ok(())
            });
            synced.await.map_err(|error| failure::file(path, &error))?;
        }
        Ok(Table::new(root.clone(), path.into(), dataset))
    }

    /// Opens a version of a table.
    ///
    /// # Errors
    /// `Storage` with kind `NotFound` when there is no such version.
    pub async fn open(root: &Root, path: &str, version: TableVersion) -> Result<Table> {
        let path: Arc<str> = path.into();
        let key = (root.identity().clone(), path.clone(), version);
        if let Some(table) = root.caches().tables.get(&key) {
            return Ok(Table(Arc::new(Inner { root: root.clone(), ..table.0.as_ref().share() })));
        }
        let loaded = DatasetBuilder::from_uri(root.table_uri(&path))
            .with_version(version.0)
            .with_session(root.caches().session.clone())
            .with_store_params(root.lance_params())
            .load()
            .await;
        let dataset = loaded.map_err(|error| failure::table(&path, error))?;
        Ok(Table::new(root.clone(), path, dataset))
    }

    /// Opens a version that a cleanup may have removed: of the caches of this process, one of another process tells
    /// nothing, so what they hold counts only if it still exists. Cost: one manifest read when cached.
    ///
    /// # Errors
    /// As [`Table::open`].
    pub async fn open_past(root: &Root, path: &str, version: TableVersion) -> Result<Table> {
        let key = (root.identity().clone(), path.into(), version);
        if root.caches().tables.contains_key(&key) && !reclaim::exists(root, path, version).await? {
            Table::forget(root, path, version);
        }
        Table::open(root, path, version).await
    }

    /// Drops a version from the caches, so that the next opening looks whether it still exists.
    pub(crate) fn forget(root: &Root, path: &str, version: TableVersion) {
        root.caches().tables.invalidate(&(root.identity().clone(), path.into(), version));
    }

    /// Wraps and caches a dataset just loaded or committed.
    pub(crate) fn new(root: Root, path: Arc<str>, dataset: Dataset) -> Table {
        let schema: SchemaRef = Arc::new(Schema::from(dataset.schema()));
        let mut stats = TableStats::default();
        for fragment in dataset.fragments().iter() {
            stats.rows += live_rows(fragment);
            stats.bytes += data_bytes(fragment);
            stats.fragments += 1;
        }
        let key = (root.identity().clone(), path.clone(), TableVersion(dataset.manifest().version));
        let caches = root.caches();
        let table = Table(Arc::new(Inner { root, path, dataset: Arc::new(dataset), schema, stats }));
        caches.tables.insert(key, table.clone());
        table
    }

    /// Returns the root.
    pub fn root(&self) -> &Root {
        &self.0.root
    }

    /// Returns the path relative to the root.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Returns the version.
    pub fn version(&self) -> TableVersion {
        TableVersion(self.0.dataset.manifest().version)
    }

    /// Returns the columns.
    pub fn schema(&self) -> SchemaRef {
        self.0.schema.clone()
    }

    /// Returns the size.
    pub fn stats(&self) -> TableStats {
        self.0.stats
    }

    /// Returns the number of live rows.
    pub fn row_count(&self) -> u64 {
        self.0.stats.rows
    }

    /// Returns the addresses of the live rows as ranges, ascending and apart. Cost: the deletion files, no data file.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn live_rows(&self) -> Result<Vec<Range<u64>>> {
        let mut ranges = Vec::new();
        for fragment in self.0.dataset.get_fragments() {
            let first = (fragment.id() as u64) << 32;
            let end = first + physical_rows(fragment.metadata());
            let deleted = fragment.get_deletion_vector().await;
            let deleted = deleted.map_err(|error| failure::table(self.path(), error))?;
            let mut start = first;
            for offset in deleted.iter().flat_map(|deleted| deleted.to_sorted_iter()) {
                let at = first + u64::from(offset);
                if start < at {
                    ranges.push(start..at);
                }
                start = at + 1;
            }
            if start < end {
                ranges.push(start..end);
            }
        }
        ranges.sort_unstable_by_key(|range| range.start);
        Ok(ranges)
    }

    /// Reads live rows in ascending address; the address column comes last when asked for.
    ///
    /// # Errors
    /// `internal` for a column or fragment the table does not have. Failures of the store come through the stream.
    pub fn scan(&self, scan: Scan) -> Result<SendableRecordBatchStream> {
        scan::stream(self, scan)
    }

    /// Reads rows by address, in the order given, duplicates allowed.
    ///
    /// # Errors
    /// `internal` for an unknown column, or an address without a live row.
    pub async fn take(&self, addresses: &[u64], columns: &[String]) -> Result<RecordBatch> {
        let schema = self.project(columns)?;
        if columns.is_empty() || addresses.is_empty() {
            let rows = if columns.is_empty() { addresses.len() } else { 0 };
            let arrays =
                schema.fields().iter().map(|field| arrow_array::new_empty_array(field.data_type())).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            return Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?);
        }
        let mut sorted = addresses.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let wanted = sorted.len();
        let in_order = sorted == addresses;
        let positions = (!in_order).then(|| {
            let position =
                |address| sorted.binary_search(address).expect("every address is in its sorted copy") as u64;
            UInt64Array::from_iter_values(addresses.iter().map(position))
        });
        let dataset = self.0.dataset.clone();
        let taken = async {
            let projection = ProjectionRequest::from_columns(columns, dataset.schema());
            let projection = Arc::new(projection.into_projection_plan(dataset.clone())?);
            TakeBuilder::try_new_from_addresses(dataset, sorted, projection)?.execute().await
        };
        let batch = taken.await.map_err(|error| failure::table(self.path(), error))?;
        if batch.num_rows() != wanted {
            return Err(StorageError::internal(format!(
                "table {}: {} of {wanted} addressed rows are live",
                self.path(),
                batch.num_rows()
            )));
        }
        let arrays = schema.fields().iter().map(|field| {
            let column = batch.column_by_name(field.name()).ok_or_else(|| {
                StorageError::internal(format!(
                    "table {}: column '{}' was not read",
                    self.path(),
                    field.name()
                ))
            })?;
            match &positions {
                None => Ok(column.clone()),
                Some(positions) => Ok(arrow_select::take::take(column, positions, None)?),
            }
        });
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(schema, arrays)?)
    }

    /// Returns the exact index of the live rows by the values of `columns`; built on use, fragment by fragment.
    pub fn key_index(&self, columns: &[&str]) -> KeyIndex {
        KeyIndex::new(self.clone(), columns)
    }

    pub(crate) fn dataset(&self) -> &Arc<Dataset> {
        &self.0.dataset
    }

    pub(crate) fn shared_path(&self) -> &Arc<str> {
        &self.0.path
    }

    /// Returns the named columns, in the order given.
    pub fn project(&self, columns: &[String]) -> Result<SchemaRef> {
        let fields = columns.iter().map(|name| {
            let field = self.0.schema.fields().find(name).map(|(_, field)| field.clone());
            field.ok_or_else(|| {
                StorageError::internal(format!("table {} has no column '{name}'", self.path()))
            })
        });
        Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
    }
}

impl Inner {
    fn share(&self) -> Inner {
        Inner {
            root: self.root.clone(),
            path: self.path.clone(),
            dataset: self.dataset.clone(),
            schema: self.schema.clone(),
            stats: self.stats,
        }
    }
}

/// Returns how every table is written: stable row ids, newest stable file version, bounded files.
pub(crate) fn write_params(root: &Root) -> WriteParams {
    WriteParams {
        max_rows_per_file: crate::tables::stage::ROWS_PER_FILE,
        enable_stable_row_ids: true,
        enable_v2_manifest_paths: true,
        session: Some(root.caches().session.clone()),
        auto_cleanup: None,
        skip_auto_cleanup: true,
        ..WriteParams::default()
    }
}

/// Returns the root-relative path of a dataset's version file.
pub(crate) fn version_file(path: &str, dataset: &Dataset) -> String {
    let name = dataset.manifest_location().path.filename().unwrap_or_default().to_owned();
    format!("{path}/_versions/{name}")
}

/// Returns the rows a fragment stores, deleted ones included.
pub(crate) fn physical_rows(fragment: &Fragment) -> u64 {
    fragment.physical_rows.expect("every fragment of the current file format states its rows") as u64
}

/// Returns the rows of a fragment that are deleted in place.
pub(crate) fn deleted_rows(fragment: &Fragment) -> u64 {
    fragment.deletion_file.as_ref().map_or(0, |deletions| {
        deletions.num_deleted_rows.expect("every deletion file of the current format states its rows") as u64
    })
}

/// Returns the live rows of a fragment.
pub(crate) fn live_rows(fragment: &Fragment) -> u64 {
    physical_rows(fragment) - deleted_rows(fragment)
}

/// Returns the bytes of a fragment's data files.
pub(crate) fn data_bytes(fragment: &Fragment) -> u64 {
    fragment.files.iter().filter_map(|file| file.file_size_bytes.get()).map(std::num::NonZeroU64::get).sum()
}
