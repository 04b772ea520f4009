//! Admission of references to bytes outside the graph.
//!
//! All of a write's references are decided before any byte is read: each must lie below an allowed base and be there.
//! Then rows that replace a whole type keep them as references; all others get the bytes themselves, so that a later change
//! of the source has no effect.
//!
//! Cost: one look per distinct URI, one read per cell that is copied. Memory: the bytes of one source, and a batch of at
//! most [`SLICE_BYTES`] or one row.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use arrow_array::builder::LargeBinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, LargeBinaryArray, RecordBatch};
use arrow_schema::DataType;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use omnigraph_graph::model::blob::{Blob, is_requested};

use super::spool::{LINE, MemoryBudget, Spool, SpoolWriter};
use crate::blob::source::{Source, Sources};
use crate::error::{OmniError, Place, Result, Unit};

const PROBED_AT_ONCE: usize = 8;
/// Copied bytes gathered before rows go to the spool.
const SLICE_BYTES: u64 = 8 << 20;

/// Rows that may hold requested references.
pub(super) struct Incoming<'a> {
    /// The rows; replaced by admitted ones.
    pub(super) rows: &'a mut Spool,
    /// Whether they become the whole content of their type.
    pub(super) replaces_all: bool,
}

/// Admits what the rows of one write refer to.
///
/// # Errors
/// [`OmniError::ExternalBlobPolicy`], [`OmniError::ExternalBlobSource`].
pub(super) async fn admit(
    sources: &Sources,
    unit: Unit,
    mut incoming: Vec<Incoming<'_>>,
    budget: &Arc<MemoryBudget>,
) -> Result<()> {
    let mut requested = BTreeMap::new();
    for incoming in &incoming {
        collect(incoming.rows, &mut requested).await?;
    }
    if requested.is_empty() {
        return Ok(());
    }
    let mut allowed = Vec::with_capacity(requested.len());
    for (uri, (line, property)) in &requested {
        let at = Some(Place { unit, number: *line });
        let checked = sources.check(uri).map_err(|error| match error {
            OmniError::ExternalBlobPolicy { uri, reason, .. } => {
                OmniError::ExternalBlobPolicy { uri, reason: format!("property '{property}': {reason}"), at }
            }
            other => other,
        })?;
        allowed.push((uri, checked));
    }
    let probing: Vec<_> = allowed
        .iter()
        .map(|(uri, allowed)| async move { Ok(((*uri).clone(), sources.probe(uri, allowed).await?)) }.boxed())
        .collect();
    let found: Result<BTreeMap<String, Source>> =
        stream::iter(probing).buffered(PROBED_AT_ONCE).try_collect().await;
    let found = found?;
    for incoming in &mut incoming {
        if has_requests(incoming.rows).await? {
            *incoming.rows = rewrite(incoming, &found, budget).await?;
        }
    }
    Ok(())
}

fn blob_columns(spool: &Spool) -> Vec<usize> {
    let schema = spool.schema();
    let blobs =
        schema.fields().iter().enumerate().filter(|(_, field)| *field.data_type() == DataType::LargeBinary);
    blobs.map(|(index, _)| index).collect()
}

/// Collects the requested URIs with the line and property that first ask for them.
async fn collect(spool: &Spool, requested: &mut BTreeMap<String, (u64, String)>) -> Result<()> {
    let mut columns = blob_columns(spool);
    if columns.is_empty() {
        return Ok(());
    }
    columns.push(spool.schema().index_of(LINE)?);
    let mut batches = spool.stream(Some(&columns));
    while let Some(batch) = batches.try_next().await? {
        let schema = batch.schema();
        let (lines, blobs) = batch.columns().split_last().expect("the line is a column");
        for (field, column) in schema.fields().iter().zip(blobs) {
            let cells = column.as_binary::<i64>();
            for row in (0..cells.len()).filter(|row| requests(cells, *row)) {
                if let Blob::Requested(uri) = Blob::read(cells.value(row))?
                    && let Entry::Vacant(entry) = requested.entry(uri.to_owned())
                {
                    entry.insert((lines.as_primitive::<UInt64Type>().value(row), field.name().clone()));
                }
            }
        }
    }
    Ok(())
}

async fn has_requests(spool: &Spool) -> Result<bool> {
    let mut found = BTreeMap::new();
    collect(spool, &mut found).await?;
    Ok(!found.is_empty())
}

fn requests(cells: &LargeBinaryArray, row: usize) -> bool {
    !cells.is_null(row) && is_requested(cells.value(row))
}

async fn rewrite(
    incoming: &Incoming<'_>,
    found: &BTreeMap<String, Source>,
    budget: &Arc<MemoryBudget>,
) -> Result<Spool> {
    let columns = blob_columns(incoming.rows);
    let mut writer = SpoolWriter::new(incoming.rows.schema(), budget.clone());
    let mut batches = incoming.rows.stream(None);
    while let Some(batch) = batches.try_next().await? {
        for slice in slices(&batch, &columns, found, incoming.replaces_all)? {
            writer.push(admitted(&slice, &columns, found, incoming.replaces_all).await?)?;
        }
    }
    writer.finish()
}

/// Cuts a batch so that what is copied into each piece stays small.
fn slices(
    batch: &RecordBatch,
    columns: &[usize],
    found: &BTreeMap<String, Source>,
    keeps: bool,
) -> Result<Vec<RecordBatch>> {
    if keeps {
        return Ok(vec![batch.clone()]);
    }
    let (mut pieces, mut from, mut bytes) = (Vec::new(), 0, 0);
    for row in 0..batch.num_rows() {
        let mut more = 0;
        for column in columns {
            let cells = batch.column(*column).as_binary::<i64>();
            if requests(cells, row)
                && let Blob::Requested(uri) = Blob::read(cells.value(row))?
            {
                more += found.get(uri).map_or(0, |source| source.size);
            }
        }
        if bytes > 0 && bytes + more > SLICE_BYTES {
            pieces.push(batch.slice(from, row - from));
            (from, bytes) = (row, 0);
        }
        bytes += more;
    }
    pieces.push(batch.slice(from, batch.num_rows() - from));
    Ok(pieces)
}

async fn admitted(
    batch: &RecordBatch,
    columns: &[usize],
    found: &BTreeMap<String, Source>,
    keeps: bool,
) -> Result<RecordBatch> {
    let mut arrays: Vec<ArrayRef> = batch.columns().to_vec();
    for column in columns {
        let cells = batch.column(*column).as_binary::<i64>();
        if !(0..cells.len()).any(|row| requests(cells, row)) {
            continue;
        }
        let mut builder = LargeBinaryBuilder::new();
        for row in 0..cells.len() {
            if cells.is_null(row) {
                builder.append_null();
                continue;
            }
            match Blob::read(cells.value(row))? {
                Blob::Requested(uri) if keeps => builder.append_value(Blob::External(uri).stored()),
                Blob::Requested(uri) => {
                    let source =
                        found.get(uri).ok_or_else(|| OmniError::internal("a reference was not looked at"))?;
                    builder.append_value(Blob::Managed(&source.read().await?).stored());
                }
                Blob::Managed(_) | Blob::External(_) => builder.append_value(cells.value(row)),
            }
        }
        arrays[*column] = Arc::new(builder.finish());
    }
    Ok(RecordBatch::try_new(batch.schema(), arrays)?)
}
