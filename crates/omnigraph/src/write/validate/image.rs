//! The state of the graph after a write, as far as the checks ask about it: a snapshot plus a delta.
//!
//! Invariants: (1) every table whose entities were consulted is in the read set; (2) addresses are those of the
//! snapshot's table versions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;
use futures::stream::BoxStream;
use omnigraph_compiler::catalog::{Catalog, TypeKey};
use omnigraph_graph::commit::Snapshot;
use omnigraph_graph::model::ID;
use omnigraph_storage::objects::failure;
use omnigraph_storage::{Scan, Table};
use parking_lot::Mutex;
use roaring::RoaringTreemap;

use super::violations::{Extent, Refusal};
use crate::error::{OmniError, Place, Result, Unit};
use crate::write::delta::{Delta, OnDuplicate, OnExisting, TypeDelta};
use crate::write::spool::{LINE, Spool};

/// Rows per step: small enough that the work on one never holds a runtime thread for long.
pub(super) const CHUNK_ROWS: usize = 8192;

/// Part of the root's memory budget that one key set may take, and its floor in bytes.
const KEY_MEMORY_SHARE: u64 = 4;
const KEY_MEMORY_FLOOR: usize = 1 << 20;

/// The delta of one type over its table, as resolved so far.
pub(in crate::write) struct Change {
    /// The type.
    pub(in crate::write) key: TypeKey,
    /// Its table in the snapshot.
    pub(in crate::write) table: Table,
    /// Rows added or changed; absent when there are none.
    pub(in crate::write) rows: Option<Spool>,
    /// Stored entities that are removed or replaced.
    pub(in crate::write) remove: RoaringTreemap,
    /// Whether every stored entity is removed.
    pub(in crate::write) replace_all: bool,
    /// What a row means whose id is stored already.
    pub(super) on_existing: OnExisting,
    /// What two rows with one id mean.
    pub(super) on_duplicate: OnDuplicate,
    /// Stored entities whose id one of the rows has; known once ids are resolved.
    pub(super) replaced: RoaringTreemap,
    /// Ordinals of rows that a later row with the same id supersedes; known once ids are resolved.
    pub(in crate::write) superseded: RoaringTreemap,
}

/// A snapshot plus a delta.
pub(in crate::write) struct Image {
    snapshot: Snapshot,
    pub(super) changes: BTreeMap<TypeKey, Change>,
    reads: Mutex<BTreeSet<TypeKey>>,
    /// What the line column of the rows counts, if refusals are to name it.
    unit: Option<Unit>,
    /// How many violations the caller wants to know of.
    pub(super) extent: Extent,
    /// Bytes that the keys of one pass may take.
    pub(super) key_memory: usize,
}

impl Image {
    /// Opens the tables of the changed types.
    pub(in crate::write) async fn open(snapshot: &Snapshot, delta: Delta) -> Result<Image> {
        let unit = delta.unit;
        let mut changes = BTreeMap::new();
        for (key, delta) in delta.types {
            let table = snapshot.table(&key).await?;
            changes.insert(key.clone(), Change::new(key, table, delta));
        }
        let share = snapshot.root().memory_budget() / KEY_MEMORY_SHARE;
        let key_memory = usize::try_from(share).unwrap_or(usize::MAX).max(KEY_MEMORY_FLOOR);
        let reads = Mutex::new(BTreeSet::new());
        Ok(Image { snapshot: snapshot.clone(), changes, reads, unit, extent: Extent::First, key_memory })
    }

    /// Returns the changes and the types that were read.
    pub(in crate::write) fn into_parts(self) -> (BTreeMap<TypeKey, Change>, BTreeSet<TypeKey>) {
        (self.changes, self.reads.into_inner())
    }

    /// Tells whether what is known to be refused is all that the caller wants to know.
    pub(super) fn knows_enough(&self, refused: &[Refusal]) -> bool {
        self.extent == Extent::First && !refused.is_empty()
    }

    pub(super) fn catalog(&self) -> &Arc<Catalog> {
        self.snapshot.catalog()
    }

    /// Returns the stored table of a type and notes that it was read.
    pub(super) async fn stored(&self, key: &TypeKey) -> Result<Table> {
        self.reads.lock().insert(key.clone());
        match self.changes.get(key) {
            Some(change) => Ok(change.table.clone()),
            None => Ok(self.snapshot.table(key).await?),
        }
    }

    /// Tells whether the stored entity at an address is in the final image as it is.
    pub(super) fn stays(&self, key: &TypeKey, address: u64) -> bool {
        self.changes.get(key).is_none_or(|change| change.keeps(address))
    }

    /// Tells whether the final image has an entity with the id of the stored one at an address.
    pub(super) fn id_remains(&self, key: &TypeKey, address: u64) -> bool {
        self.changes.get(key).is_none_or(|change| change.keeps(address) || change.replaced.contains(address))
    }

    /// Returns the id of a stored entity.
    pub(super) async fn stored_id(&self, key: &TypeKey, address: u64) -> Result<String> {
        let batch = self.stored(key).await?.take(&[address], &[ID.to_owned()]).await?;
        Ok(strings(batch.column(0))?.value(0).to_owned())
    }

    /// Returns where a row stands in the input. Reads the spool again, so that only a refusal pays for it.
    pub(super) async fn place(&self, change: &Change, ordinal: u64) -> Result<Option<Place>> {
        let Some(unit) = self.unit else { return Ok(None) };
        let row = change.row(ordinal, &[LINE]).await?;
        let number = row.column(0).as_primitive::<UInt64Type>().value(0);
        Ok(Some(Place { unit, number }))
    }

    /// Returns where the last live row with this text in a column stands, if there is one. Costs as [`Image::place`].
    pub(super) async fn last_place(
        &self,
        change: &Change,
        column: &str,
        text: &str,
    ) -> Result<Option<Place>> {
        let Some(unit) = self.unit else { return Ok(None) };
        let mut last = None;
        let mut chunks = change.chunks(&[column, LINE])?;
        while let Some(chunk) = chunks.next().await? {
            let lines = chunk.batch.column(1).as_primitive::<UInt64Type>().values();
            let rows = (chunk.first..).zip(chunk.strings(0)?).zip(lines);
            let matching = rows.filter(|((ordinal, value), _)| *value == Some(text) && change.live(*ordinal));
            last = matching.last().map(|(_, line)| *line).or(last);
        }
        Ok(last.map(|number| Place { unit, number }))
    }

    /// Streams one text column of the stored entities that the delta of a type removes; with `replaced`, also of those
    /// that a row replaces.
    pub(super) async fn removed(&self, change: &Change, column: &str, replaced: bool) -> Result<Removed> {
        let table = self.stored(&change.key).await?;
        let source = if change.replace_all {
            let keep_out = if replaced { RoaringTreemap::new() } else { change.replaced.clone() };
            let scan = Scan {
                columns: vec![column.to_owned()],
                fragments: None,
                with_address: true,
                batch_rows: CHUNK_ROWS,
            };
            RemovedSource::Scan { stream: table.scan(scan)?, keep_out }
        } else {
            let addresses = if replaced { change.remove.clone() } else { &change.remove - &change.replaced };
            RemovedSource::Take {
                table,
                addresses: Box::new(addresses.into_iter()),
                column: column.to_owned(),
            }
        };
        Ok(Removed(source))
    }
}

impl Change {
    fn new(key: TypeKey, table: Table, delta: TypeDelta) -> Change {
        let replaced = match &delta.on_existing {
            OnExisting::Resolved { replaced } => replaced.clone(),
            OnExisting::Reject | OnExisting::Replace => RoaringTreemap::new(),
        };
        Change {
            key,
            table,
            rows: delta.rows.filter(|rows| rows.rows() > 0),
            remove: delta.remove,
            replace_all: delta.replace_all,
            on_existing: delta.on_existing,
            on_duplicate: delta.on_duplicate,
            replaced,
            superseded: RoaringTreemap::new(),
        }
    }

    /// Tells whether the stored entity at an address stays as it is.
    pub(super) fn keeps(&self, address: u64) -> bool {
        !self.replace_all && !self.remove.contains(address)
    }

    /// Tells whether any stored entity goes away or is replaced.
    pub(super) fn removes(&self) -> bool {
        if self.replace_all { self.table.row_count() > 0 } else { !self.remove.is_empty() }
    }

    /// Streams the named columns of the rows, superseded ones included.
    pub(super) fn chunks(&self, columns: &[&str]) -> Result<Chunks> {
        let Some(spool) = &self.rows else {
            return Ok(Chunks { batches: futures::stream::empty().boxed(), next: 0, rest: None });
        };
        let schema = spool.schema();
        let indexes =
            columns.iter().map(|name| schema.index_of(name)).collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(Chunks { batches: spool.stream(Some(&indexes)), next: 0, rest: None })
    }

    /// Tells whether a row counts, by its ordinal.
    pub(super) fn live(&self, ordinal: u64) -> bool {
        self.superseded.is_empty() || !self.superseded.contains(ordinal)
    }

    /// Returns the named columns of one row.
    pub(super) async fn row(&self, ordinal: u64, columns: &[&str]) -> Result<RecordBatch> {
        let mut chunks = self.chunks(columns)?;
        while let Some(chunk) = chunks.next().await? {
            if let Some(at) = ordinal.checked_sub(chunk.first)
                && at < chunk.batch.num_rows() as u64
            {
                return Ok(chunk.batch.slice(at as usize, 1));
            }
        }
        Err(OmniError::internal(format!("{} has no input row {ordinal}", self.key)))
    }
}

/// Consecutive rows of a delta.
pub(super) struct Chunk {
    /// Ordinal of the first row, from 0.
    pub(super) first: u64,
    /// The columns asked for, in that order.
    pub(super) batch: RecordBatch,
}

impl Chunk {
    /// Returns a text column.
    pub(in crate::write) fn strings(&self, column: usize) -> Result<&StringArray> {
        strings(self.batch.column(column))
    }
}

/// A stream of [`Chunk`]s of bounded length that gives way to other tasks.
pub(super) struct Chunks {
    batches: BoxStream<'static, Result<RecordBatch>>,
    next: u64,
    rest: Option<RecordBatch>,
}

impl Chunks {
    pub(super) async fn next(&mut self) -> Result<Option<Chunk>> {
        tokio::task::consume_budget().await;
        let batch = loop {
            let batch = match self.rest.take() {
                Some(rest) => rest,
                None => match self.batches.next().await {
                    Some(batch) => batch?,
                    None => return Ok(None),
                },
            };
            if batch.num_rows() > 0 {
                break batch;
            }
        };
        let rows = batch.num_rows().min(CHUNK_ROWS);
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        let first = self.next;
        self.next += rows as u64;
        Ok(Some(Chunk { first, batch: batch.slice(0, rows) }))
    }
}

/// A stream of text values of removed entities.
pub(super) struct Removed(RemovedSource);

enum RemovedSource {
    Scan { stream: SendableRecordBatchStream, keep_out: RoaringTreemap },
    Take { table: Table, addresses: Box<dyn Iterator<Item = u64> + Send>, column: String },
}

impl Removed {
    pub(super) async fn next(&mut self) -> Result<Option<StringArray>> {
        tokio::task::consume_budget().await;
        match &mut self.0 {
            RemovedSource::Scan { stream, keep_out } => {
                let batch = stream.next().await.transpose().map_err(failure::stream)?;
                let Some(batch) = batch else { return Ok(None) };
                let values = strings(batch.column(0))?;
                let addresses = batch.column(1).as_primitive::<UInt64Type>();
                let kept = values.iter().zip(addresses.values());
                Ok(Some(kept.filter(|(_, address)| !keep_out.contains(**address)).map(|(v, _)| v).collect()))
            }
            RemovedSource::Take { table, addresses, column } => {
                let some: Vec<u64> = addresses.take(CHUNK_ROWS).collect();
                if some.is_empty() {
                    return Ok(None);
                }
                let batch = table.take(&some, std::slice::from_ref(column)).await?;
                Ok(Some(strings(batch.column(0))?.clone()))
            }
        }
    }
}

/// Views a column as text.
pub(in crate::write) fn strings(column: &ArrayRef) -> Result<&StringArray> {
    column
        .as_string_opt::<i32>()
        .ok_or_else(|| OmniError::internal(format!("a text column has type {}", column.data_type())))
}
