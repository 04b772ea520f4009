//! Staging: turns one change of a table into its next version, invisible until a commit names it.
//!
//! There is one path for append, delete, replace, upsert and compaction. It writes the new rows, together with the live rows of the
//! small fragments that [`crate::tables::tail`] folds, marks removed rows of the other fragments, and commits all of it as ONE
//! detached Lance version (two when rows are removed beside an append too large to hold: Lance would otherwise keep an
//! entry per new row in memory).
//!
//! Invariants: the base is untouched; the result is exactly the base without `remove`, plus `append`; with
//! [`crate::Durability::Full`] every file the result names, and its name, is on disk when [`stage`] or
//! [`WrittenTable::sync`] returns, if the base was.
//! Memory: at most [`tail::FULL_BYTES`] of appended rows are held back to decide on folding; the rest streams.
//! Cancellation: a dropped `stage` leaves files that no commit names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow_schema::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{FutureExt, StreamExt, TryStreamExt};
use lance::Dataset;
use lance::dataset::transaction::{Operation, Transaction, UpdateMode};
use lance::dataset::{CommitBuilder, InsertBuilder, WriteMode, WriteParams};
use lance_table::format::Fragment;
use lance_table::io::deletion::{DELETIONS_DIR, relative_deletion_file_path};
use parking_lot::Mutex;
use roaring::{RoaringBitmap, RoaringTreemap};

use crate::error::{Result, StorageError};
use crate::objects::root::blocking;
use crate::objects::{durable, failure, fault};
use crate::tables::compact;
use crate::tables::scan::Scan;
use crate::tables::table::{self, Table};
use crate::tables::tail::{self, FragmentSize};

/// Most rows of a data file.
pub(crate) const ROWS_PER_FILE: usize = 1 << 20;

const DATA_DIRECTORY: &str = "data";
const VERSIONS_DIRECTORY: &str = "_versions";
const FILES_AT_ONCE: usize = 16;

/// One change of a table.
#[derive(Default)]
pub struct TableChange {
    /// Addresses, in the base, of the rows to remove.
    pub remove: RoaringTreemap,
    /// Whether to remove all rows of the base.
    pub replace_all: bool,
    /// Rows to add, with the table's columns.
    pub append: Option<SendableRecordBatchStream>,
    /// Whether to rewrite the fragments that [`crate::tables::compact`] chooses; of use only without the other changes.
    pub compact: bool,
}

impl TableChange {
    /// Rewrites small and sparse fragments into full ones; the rows stay what they are.
    pub fn compaction() -> TableChange {
        TableChange { compact: true, ..TableChange::default() }
    }
}

/// A table version whose files need not have reached the disk.
pub struct WrittenTable {
    table: Table,
    files: Vec<Unsynced>,
}

impl WrittenTable {
    /// Returns the version. A commit must not name it yet.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Waits until every file of the version, and its name, is on disk, as far as the root promises it.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn sync(self) -> Result<Table> {
        sync(self.files).await?;
        fault::hit(self.table.root(), fault::STAGE_SYNCED)?;
        Ok(self.table)
    }
}

/// Writes a change of `base` and returns the new version, durable; `base` itself when there is nothing to change.
///
/// # Errors
/// As [`write`](write()).
pub async fn stage(base: &Table, change: TableChange) -> Result<Table> {
    write(base, change).await?.sync().await
}

/// Writes a change of `base` and returns the new version; `base` itself when there is nothing to change.
///
/// # Errors
/// What the `append` stream raises, as it was raised; `internal` when an address is not in the base; `Storage`.
pub async fn write(base: &Table, change: TableChange) -> Result<WrittenTable> {
    fault::hit(base.root(), fault::STAGE_BEGIN)?;
    let TableChange { remove, replace_all, append, compact } = change;
    let first = FirstRows::read(append).await?;
    let mut plan = match compact {
        true => FragmentPlan::compaction(base),
        false => FragmentPlan::of(base, remove, replace_all, first.rows).await?,
    };
    if plan.is_nothing() && first.is_empty() {
        return Ok(WrittenTable { table: base.clone(), files: Vec::new() });
    }

    let small = first.rest.is_none() && !plan.large;
    let added = write_rows(base, first, &plan).await?;
    fault::hit(base.root(), fault::STAGE_DATA_WRITTEN)?;
    let data = added
        .iter()
        .flat_map(|fragment| &fragment.files)
        .map(|file| format!("{DATA_DIRECTORY}/{}", file.path));
    let data: Vec<String> = data.collect();
    let marked = mark_rows(base, std::mem::take(&mut plan.mark)).await?;
    fault::hit(base.root(), fault::STAGE_DELETIONS_WRITTEN)?;
    let deletions = marked.iter().filter_map(|fragment| {
        let file = fragment.deletion_file.as_ref()?;
        Some(relative_deletion_file_path(fragment.id, file))
    });
    let deletions: Vec<String> = deletions.collect();

    let mut dataset = base.dataset().clone();
    for operation in operations(&dataset, plan.drop, marked, added, small) {
        dataset = Arc::new(commit(base, dataset, operation).await?);
    }
    fault::hit(base.root(), fault::STAGE_VERSION_WRITTEN)?;
    let files = unsynced(base, &dataset, data, deletions);
    let table = Table::new(base.root().clone(), base.shared_path().clone(), Arc::unwrap_or_clone(dataset));
    Ok(WrittenTable { table, files })
}

/// The first rows of an append: all of them when `rest` is `None`.
#[derive(Default)]
struct FirstRows {
    batches: Vec<RecordBatch>,
    rows: u64,
    rest: Option<SendableRecordBatchStream>,
}

impl FirstRows {
    async fn read(append: Option<SendableRecordBatchStream>) -> Result<FirstRows> {
        let mut first = FirstRows::default();
        let Some(mut stream) = append else { return Ok(first) };
        let mut bytes = 0;
        while let Some(batch) = stream.try_next().await.map_err(failure::stream)? {
            first.rows += batch.num_rows() as u64;
            bytes += batch.get_array_memory_size() as u64;
            first.batches.push(batch);
            if first.rows >= tail::FULL_ROWS || bytes >= tail::FULL_BYTES {
                first.rows = first.rows.max(tail::FULL_ROWS);
                first.rest = Some(stream);
                break;
            }
        }
        Ok(first)
    }

    fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

/// What happens to the fragments of the base.
#[derive(Default)]
struct FragmentPlan {
    /// Fragments that disappear: emptied, folded or replaced.
    drop: Vec<u64>,
    /// Fragments whose live rows are rewritten.
    fold: Vec<u32>,
    /// Rows to leave out of what is rewritten.
    remove: RoaringTreemap,
    /// Offsets to mark as deleted, per fragment that stays.
    mark: BTreeMap<u64, RoaringBitmap>,
    /// Whether more rows are rewritten than may be held.
    large: bool,
}

impl FragmentPlan {
    async fn of(
        base: &Table,
        remove: RoaringTreemap,
        replace_all: bool,
        appended: u64,
    ) -> Result<FragmentPlan> {
        let dataset = base.dataset();
        if replace_all {
            let drop = dataset.fragments().iter().map(|fragment| fragment.id).collect();
            return Ok(FragmentPlan { drop, ..FragmentPlan::default() });
        }
        let mut removals: BTreeMap<u64, RoaringBitmap> =
            remove.bitmaps().map(|(fragment, offsets)| (u64::from(fragment), offsets.clone())).collect();
        let (mut sizes, mut plan) = (Vec::new(), FragmentPlan { remove, ..FragmentPlan::default() });
        for fragment in dataset.fragments().iter() {
            let physical = table::physical_rows(fragment);
            let mut live = table::live_rows(fragment);
            if let Some(offsets) = removals.remove(&fragment.id) {
                if offsets.max().is_some_and(|offset| u64::from(offset) >= physical) {
                    return Err(unknown_rows(base, fragment.id));
                }
                live -= newly_deleted(base, fragment, &offsets).await?;
                plan.mark.insert(fragment.id, offsets);
            }
            if live == 0 {
                plan.drop.push(fragment.id);
            } else {
                sizes.push(FragmentSize {
                    id: fragment.id,
                    physical,
                    live,
                    bytes: table::data_bytes(fragment),
                });
            }
        }
        if let Some(fragment) = removals.keys().next() {
            return Err(unknown_rows(base, *fragment));
        }
        let fold = tail::fold(&sizes, appended);
        plan.drop.extend(&fold);
        for gone in &plan.drop {
            plan.mark.remove(gone);
        }
        plan.fold = fold.into_iter().map(address_part).collect();
        Ok(plan)
    }

    fn compaction(base: &Table) -> FragmentPlan {
        let sizes = compact::sizes(base);
        let chosen = compact::choose(&sizes);
        let rewritten = sizes.iter().filter(|size| chosen.contains(&size.id)).map(|size| size.live);
        FragmentPlan {
            large: rewritten.sum::<u64>() >= tail::FULL_ROWS,
            fold: chosen.iter().copied().map(address_part).collect(),
            drop: chosen,
            ..FragmentPlan::default()
        }
    }

    fn is_nothing(&self) -> bool {
        self.drop.is_empty() && self.mark.is_empty()
    }
}

fn address_part(fragment: u64) -> u32 {
    u32::try_from(fragment).expect("a row address has 32 bits for its fragment")
}

fn unknown_rows(base: &Table, fragment: u64) -> StorageError {
    StorageError::internal(format!(
        "a change of table {} removes rows that fragment {fragment} lacks",
        base.path()
    ))
}

/// Counts the offsets that are not deleted yet.
async fn newly_deleted(base: &Table, fragment: &Fragment, offsets: &RoaringBitmap) -> Result<u64> {
    if fragment.deletion_file.is_none() {
        return Ok(offsets.len());
    }
    let file = file_fragment(base, fragment.id)?;
    let deleted = file.get_deletion_vector().await.map_err(|error| failure::table(base.path(), error))?;
    let known =
        deleted.map_or(0, |deleted| offsets.iter().filter(|offset| deleted.contains(*offset)).count());
    Ok(offsets.len() - known as u64)
}

fn file_fragment(base: &Table, id: u64) -> Result<lance::dataset::fragment::FileFragment> {
    let id = usize::try_from(id).map_err(|_| unknown_rows(base, id))?;
    base.dataset().get_fragment(id).ok_or_else(|| unknown_rows(base, id as u64))
}

/// Writes the appended and the folded rows to new data files.
async fn write_rows(base: &Table, first: FirstRows, plan: &FragmentPlan) -> Result<Vec<Fragment>> {
    if first.is_empty() && plan.fold.is_empty() {
        return Ok(Vec::new());
    }
    let schema = base.schema();
    let appended = futures::stream::iter(first.batches.into_iter().map(Ok)).chain(match first.rest {
        Some(rest) => rest,
        None => none(&schema),
    });
    let folded = if plan.fold.is_empty() { none(&schema) } else { surviving(base, plan)? };
    // Lance wraps what a stream raises; the original is kept aside to be returned as it was.
    let raised: Arc<Mutex<Option<StorageError>>> = Arc::default();
    let (keep, shape) = (raised.clone(), schema.clone());
    let rows = appended.chain(folded).map(move |batch| {
        let batch = batch.map_err(failure::stream).and_then(|batch| retyped(&batch, &shape));
        batch.map_err(|error| {
            let shown = DataFusionError::Execution(error.to_string());
            keep.lock().get_or_insert(error);
            shown
        })
    });
    let rows: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
    let params = WriteParams { mode: WriteMode::Append, ..table::write_params(base.root()) };
    let written = InsertBuilder::new(base.dataset().clone())
        .with_params(&params)
        .execute_uncommitted_stream(rows)
        .await;
    if let Some(error) = raised.lock().take() {
        return Err(error);
    }
    match written.map_err(|error| failure::table(base.path(), error))?.operation {
        Operation::Append { fragments } => Ok(fragments),
        other => Err(StorageError::internal(format!("an append was written as {other}"))),
    }
}

fn none(schema: &SchemaRef) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(schema.clone(), futures::stream::empty()))
}

/// Gives a batch the table's own schema, so that differing metadata cannot matter.
fn retyped(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), batch.columns().to_vec(), &options)?)
}

/// Reads the rows of folded fragments that the change does not remove.
fn surviving(base: &Table, plan: &FragmentPlan) -> Result<SendableRecordBatchStream> {
    let schema = base.schema();
    let columns = schema.fields().iter().map(|field| field.name().clone());
    let scan = Scan { fragments: Some(plan.fold.clone()), with_address: true, ..Scan::columns(columns) };
    let rows = base.scan(scan)?;
    let remove = plan.remove.clone();
    let kept = rows.map(move |batch| {
        let batch = batch?;
        let last = batch.num_columns() - 1;
        let addresses: &UInt64Array = batch.column(last).as_primitive::<UInt64Type>();
        let keep: BooleanArray =
            addresses.values().iter().map(|address| Some(!remove.contains(*address))).collect();
        let data: Vec<usize> = (0..last).collect();
        Ok(arrow_select::filter::filter_record_batch(&batch.project(&data)?, &keep)?)
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, kept)))
}

/// Writes the deletion files of fragments that stay.
async fn mark_rows(base: &Table, mark: BTreeMap<u64, RoaringBitmap>) -> Result<Vec<Fragment>> {
    let marked = futures::stream::iter(mark).map(|(id, offsets)| {
        async move {
            let marked = file_fragment(base, id)?.extend_deletions(offsets).await;
            let marked = marked.map_err(|error| failure::table(base.path(), error))?;
            let marked = marked
                .ok_or_else(|| StorageError::internal(format!("fragment {id} was planned to keep rows")))?;
            Ok(marked.metadata().clone())
        }
        .boxed()
    });
    marked.buffered(FILES_AT_ONCE).try_collect().await
}

/// Composes what to commit, in order.
fn operations(
    dataset: &Dataset,
    dropped: Vec<u64>,
    marked: Vec<Fragment>,
    added: Vec<Fragment>,
    small: bool,
) -> Vec<Operation> {
    let removes = !dropped.is_empty() || !marked.is_empty();
    if removes && small && !added.is_empty() {
        // Every field is named, so that Lance lets no index claim to cover the new fragments.
        let fields = dataset.schema().fields_pre_order();
        return vec![Operation::Update {
            removed_fragment_ids: dropped,
            updated_fragments: marked,
            new_fragments: added,
            fields_modified: Vec::new(),
            compacted_sstables: Vec::new(),
            fields_for_preserving_frag_bitmap: fields.map(|field| field.id.cast_unsigned()).collect(),
            update_mode: Some(UpdateMode::RewriteRows),
            inserted_rows_filter: None,
            updated_fragment_offsets: None,
        }];
    }
    let remove = removes.then(|| Operation::Delete {
        updated_fragments: marked,
        deleted_fragment_ids: dropped,
        predicate: String::new(),
    });
    let append = (!added.is_empty()).then_some(Operation::Append { fragments: added });
    remove.into_iter().chain(append).collect()
}

/// Commits an operation as a detached version.
pub(crate) async fn commit(base: &Table, dataset: Arc<Dataset>, operation: Operation) -> Result<Dataset> {
    let transaction = Transaction::new(dataset.manifest().version, operation, None);
    let committed =
        CommitBuilder::new(dataset).with_detached(true).with_skip_auto_cleanup(true).execute(transaction);
    committed.await.map_err(|error| failure::table(base.path(), error))
}

/// A file, or a directory for the names in it, that the disk may not have yet.
pub(crate) enum Unsynced {
    File(PathBuf),
    Directory(PathBuf),
}

/// Returns the files of a new version with the directories of their names; none where the root does not sync.
pub(crate) fn unsynced(
    base: &Table,
    dataset: &Dataset,
    data: Vec<String>,
    deletions: Vec<String>,
) -> Vec<Unsynced> {
    let file = |relative: &str| base.root().synced_file(&format!("{}/{relative}", base.path()));
    let Some(directory) = base.root().synced_file(base.path()) else { return Vec::new() };

    let had_data = base.stats().fragments > 0;
    let had_deletions = base.dataset().fragments().iter().any(|fragment| fragment.deletion_file.is_some());
    let mut directories = vec![directory.join(VERSIONS_DIRECTORY)];
    if !data.is_empty() {
        directories.push(directory.join(DATA_DIRECTORY));
    }
    if !deletions.is_empty() {
        directories.push(directory.join(DELETIONS_DIR));
    }
    if (!data.is_empty() && !had_data) || (!deletions.is_empty() && !had_deletions) {
        // The first file of its kind: its directory may be as recent as itself.
        directories.push(directory.clone());
    }
    let version = base.root().synced_file(&table::version_file(base.path(), dataset));
    let files = data.iter().chain(&deletions).filter_map(|relative| file(relative)).chain(version);
    files.map(Unsynced::File).chain(directories.into_iter().map(Unsynced::Directory)).collect()
}

/// Waits until files are on disk, and the names in directories.
pub(crate) async fn sync(files: Vec<Unsynced>) -> Result<()> {
    let synced = futures::stream::iter(files).map(|file| {
        blocking(move || {
            let (path, done) = match &file {
                Unsynced::File(path) => (path, durable::sync_file(path)),
                Unsynced::Directory(path) => (path, durable::sync_directory(path, durable::Sync::Full)),
            };
            done.map_err(|error| failure::file(&path.to_string_lossy(), &error))
        })
    });
    synced.buffer_unordered(FILES_AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(())
}
