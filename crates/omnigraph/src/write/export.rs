//! Export: a snapshot as a strict graph batch, byte for byte reproducible.
//!
//! Types come in type-key order (edges before nodes, each by name), rows by id. Ids are sorted with spilling, rows are
//! fetched in that order in bounded steps as the reader pulls, so memory does not grow with the graph.

use std::collections::BTreeMap;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use omnigraph_compiler::catalog::{EntityKind, TypeKey};
use omnigraph_graph::GraphError;
use omnigraph_graph::commit::Snapshot;
use omnigraph_graph::model::blob::Blob;
use omnigraph_graph::model::{DST, ID, SRC};

use crate::error::{OmniError, Result};

/// Most rows fetched per step.
const STEP_ROWS: u64 = 2048;
/// Stored bytes that a step should fetch at most, by the average of the table; a step has one row at least.
const STEP_BYTES: u64 = 4 << 20;

/// Lines written, by type name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportCounts {
    /// Per node type.
    pub nodes: BTreeMap<String, u64>,
    /// Per edge type.
    pub edges: BTreeMap<String, u64>,
}

impl ExportCounts {
    fn add(&mut self, key: &TypeKey, rows: u64) {
        let of_kind = match key.kind {
            EntityKind::Node => &mut self.nodes,
            EntityKind::Edge => &mut self.edges,
        };
        *of_kind.entry(key.name.clone()).or_default() += rows;
    }
}

/// An export as it is read: pieces of whole lines. Nothing is read before it is polled, and nothing ahead of the reader.
pub struct ExportStream {
    /// The commit whose data is exported.
    pub graph_commit_id: String,
    pieces: BoxStream<'static, Result<Piece>>,
}

impl Stream for ExportStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        self.pieces.poll_next_unpin(cx).map_ok(|piece| piece.text)
    }
}

/// Lines of one type.
struct Piece {
    key: TypeKey,
    rows: u64,
    text: Bytes,
}

/// Exports some types of a snapshot.
///
/// Failures arrive in the stream: a bad request when a stored float is not finite, storage failures.
pub(crate) fn export_stream(snapshot: &Snapshot, types: &[TypeKey]) -> ExportStream {
    let mut ordered = types.to_vec();
    ordered.sort_by_key(ToString::to_string);
    let of = snapshot.clone();
    let pieces = stream::iter(ordered.into_iter().map(Ok))
        .and_then(move |key| {
            let snapshot = of.clone();
            async move { pieces_of(&snapshot, key).await }
        })
        .try_flatten()
        .boxed();
    ExportStream { graph_commit_id: snapshot.record().id.to_string(), pieces }
}

/// Writes the rows of some types of a snapshot.
///
/// # Errors
/// [`OmniError::Io`] when the writer fails; those of [`export_stream`].
pub(crate) async fn export(
    snapshot: &Snapshot,
    types: &[TypeKey],
    out: &mut (impl Write + Send),
) -> Result<ExportCounts> {
    let mut counts = ExportCounts::default();
    types.iter().for_each(|key| counts.add(key, 0));
    let mut pieces = export_stream(snapshot, types).pieces;
    while let Some(Piece { key, rows, text }) = pieces.try_next().await? {
        out.write_all(&text).map_err(|e| OmniError::io("writing the export", e))?;
        counts.add(&key, rows);
    }
    Ok(counts)
}

async fn pieces_of(snapshot: &Snapshot, key: TypeKey) -> Result<BoxStream<'static, Result<Piece>>> {
    let table = snapshot.table(&key).await?;
    let columns: Vec<String> = table.schema().fields().iter().map(|f| f.name().clone()).collect();
    let average = snapshot.pin(&key).map_or(1, |pin| pin.bytes / pin.rows.max(1)).max(1);
    let step_rows = usize::try_from((STEP_BYTES / average).clamp(1, STEP_ROWS)).unwrap_or(1);
    let sorted = table.addresses_by(ID, table.all_rows()?)?;
    let steps = sorted.map_err(OmniError::from).map_ok(move |step| {
        let addresses = step.column(1).as_primitive::<UInt64Type>().values();
        stream::iter(addresses.chunks(step_rows).map(|some| Ok(some.to_vec())).collect::<Vec<_>>())
    });
    let pieces = steps.try_flatten().and_then(move |addresses: Vec<u64>| {
        let (table, columns, key) = (table.clone(), columns.clone(), key.clone());
        async move {
            let batch = table.take(&addresses, &columns).await?;
            let mut text = Vec::new();
            for row in 0..batch.num_rows() {
                write_line(&mut text, &key, &batch, row)?;
            }
            Ok(Piece { key, rows: batch.num_rows() as u64, text: text.into() })
        }
    });
    Ok(pieces.boxed())
}

fn write_line(out: &mut Vec<u8>, key: &TypeKey, batch: &RecordBatch, row: usize) -> Result<()> {
    match key.kind {
        EntityKind::Node => {
            out.extend_from_slice(b"{\"type\":");
            write_text(out, &key.name)?;
        }
        EntityKind::Edge => {
            out.extend_from_slice(b"{\"edge\":");
            write_text(out, &key.name)?;
            for (member, column) in [("from", 1), ("to", 2)] {
                out.extend_from_slice(format!(",\"{member}\":").as_bytes());
                write_value(out, key, batch, column, row)?;
            }
        }
    }
    out.extend_from_slice(b",\"data\":{");
    let schema = batch.schema();
    let mut first = true;
    for (column, field) in schema.fields().iter().enumerate() {
        if key.kind == EntityKind::Edge && (field.name() == SRC || field.name() == DST) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_text(out, field.name())?;
        out.push(b':');
        write_value(out, key, batch, column, row)?;
    }
    out.extend_from_slice(b"}}\n");
    Ok(())
}

fn write_value(
    out: &mut Vec<u8>,
    key: &TypeKey,
    batch: &RecordBatch,
    column: usize,
    row: usize,
) -> Result<()> {
    write_cell(out, batch.column(column), row).map_err(|value| {
        let id = batch.column(0).as_string::<i32>().value(row);
        let property = batch.schema().field(column).name().clone();
        OmniError::bad_request(format!("{key} '{id}' cannot be exported: property '{property}' is {value}"))
    })
}

fn write_text(out: &mut Vec<u8>, text: &str) -> Result<()> {
    serde_json::to_writer(out, text).map_err(|e| OmniError::internal(format!("writing text: {e}")))
}

/// A value that the load format cannot hold.
#[derive(Debug, thiserror::Error)]
enum Unwritable {
    /// A float that is not finite.
    #[error("{0}")]
    Number(f64),
    /// A blob that is damaged on disk.
    #[error("unreadable: {0}")]
    Blob(GraphError),
}

/// Writes one value as compact JSON.
fn write_cell(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> std::result::Result<(), Unwritable> {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    let integer = |out: &mut Vec<u8>, text: String| out.extend_from_slice(text.as_bytes());
    match array.data_type() {
        DataType::Utf8 => {
            let text = array.as_string::<i32>().value(row);
            serde_json::to_writer(out, text).expect("text is written to memory");
        }
        DataType::Boolean => integer(out, array.as_boolean().value(row).to_string()),
        DataType::Int32 => integer(out, array.as_primitive::<Int32Type>().value(row).to_string()),
        DataType::Int64 => integer(out, array.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::UInt32 => integer(out, array.as_primitive::<UInt32Type>().value(row).to_string()),
        DataType::UInt64 => integer(out, array.as_primitive::<UInt64Type>().value(row).to_string()),
        DataType::Date32 => integer(out, array.as_primitive::<Date32Type>().value(row).to_string()),
        DataType::Date64 => integer(out, array.as_primitive::<Date64Type>().value(row).to_string()),
        DataType::Float32 => {
            return write_float(out, f64::from(array.as_primitive::<Float32Type>().value(row)));
        }
        DataType::Float64 => return write_float(out, array.as_primitive::<Float64Type>().value(row)),
        DataType::LargeBinary => {
            let blob = Blob::read(array.as_binary::<i64>().value(row)).map_err(Unwritable::Blob)?;
            serde_json::to_writer(out, &blob.text()).expect("text is written to memory");
        }
        DataType::List(_) => return write_items(out, &array.as_list::<i32>().value(row)),
        DataType::FixedSizeList(..) => return write_items(out, &array.as_fixed_size_list().value(row)),
        other => unreachable!("no property is stored as {other}"),
    }
    Ok(())
}

fn write_float(out: &mut Vec<u8>, value: f64) -> std::result::Result<(), Unwritable> {
    if !value.is_finite() {
        return Err(Unwritable::Number(value));
    }
    serde_json::to_writer(out, &value).expect("a number is written to memory");
    Ok(())
}

fn write_items(out: &mut Vec<u8>, items: &dyn Array) -> std::result::Result<(), Unwritable> {
    out.push(b'[');
    for item in 0..items.len() {
        if item > 0 {
            out.push(b',');
        }
        write_cell(out, items, item)?;
    }
    out.push(b']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float32Array, Float64Array, LargeBinaryArray, StringArray};

    use super::*;

    fn cell(array: &dyn Array) -> String {
        let mut out = Vec::new();
        write_cell(&mut out, array, 0).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_have_their_exchange_form() {
        assert_eq!(cell(&Float64Array::from(vec![30.0])), "30.0");
        assert_eq!(cell(&Float32Array::from(vec![0.1])), "0.10000000149011612");
        assert_eq!(cell(&StringArray::from(vec!["ä\"\n"])), "\"ä\\\"\\n\"");
        assert_eq!(
            cell(&LargeBinaryArray::from_vec(vec![&Blob::Managed(b"hi").stored()])),
            "\"base64:aGk=\""
        );
        assert_eq!(cell(&Float64Array::from(vec![None])), "null");
        assert!(write_cell(&mut Vec::new(), &Float64Array::from(vec![f64::NAN]), 0).is_err());
    }
}
