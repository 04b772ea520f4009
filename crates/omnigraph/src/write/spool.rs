//! Rows of one type that a request has gathered: in memory while they fit its budget, then in a temporary file.
//!
//! Invariants: rows keep their order; a spool is complete and never changes; its file is gone when the last reader is.
//! Cost: one pass of sequential writes when it spills, one of sequential reads per stream.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use futures::StreamExt;
use futures::stream::BoxStream;
use tempfile::NamedTempFile;
use tokio_stream::wrappers::ReceiverStream;

use crate::error::{OmniError, Result};

/// Last column of a spool: the line, record or statement a row came from, counted from 1.
pub(crate) const LINE: &str = "__line";

/// Batches read ahead of a consumer.
const READ_AHEAD: usize = 2;

/// Returns the columns of a spool of rows of a table: the table's, then [`LINE`]. Vectors may be missing until they are
/// embedded, also those that the table requires.
pub(crate) fn spool_schema(table: &SchemaRef) -> SchemaRef {
    let pending = |field: &FieldRef| match field.data_type() {
        DataType::FixedSizeList(..) => Arc::new(field.as_ref().clone().with_nullable(true)),
        _ => field.clone(),
    };
    let mut fields: Vec<FieldRef> = table.fields().iter().map(pending).collect();
    fields.push(Arc::new(Field::new(LINE, DataType::UInt64, false)));
    Arc::new(Schema::new(fields))
}

/// Bytes that the spools of one request may hold in memory together.
pub(crate) struct MemoryBudget {
    limit: u64,
    used: AtomicU64,
}

impl MemoryBudget {
    /// Starts a budget with nothing used.
    pub(crate) fn new(bytes: u64) -> Arc<MemoryBudget> {
        Arc::new(MemoryBudget { limit: bytes, used: AtomicU64::new(0) })
    }

    fn reserve(self: &Arc<Self>, bytes: u64) -> Option<Reservation> {
        let within = |used: u64| used.checked_add(bytes).filter(|total| *total <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).ok()?;
        Some(Reservation { budget: self.clone(), bytes })
    }
}

/// Bytes held in memory; given back when dropped.
struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

enum Sink {
    Memory { batches: Vec<RecordBatch>, reservations: Vec<Reservation> },
    File { file: NamedTempFile, writer: Box<StreamWriter<BufWriter<File>>> },
}

/// Gathers batches. Blocks on file writes once it has spilled.
pub(crate) struct SpoolWriter {
    schema: SchemaRef,
    budget: Arc<MemoryBudget>,
    sink: Sink,
    rows: u64,
}

impl SpoolWriter {
    /// Starts an empty spool of this schema.
    pub(crate) fn new(schema: SchemaRef, budget: Arc<MemoryBudget>) -> SpoolWriter {
        let sink = Sink::Memory { batches: Vec::new(), reservations: Vec::new() };
        SpoolWriter { schema, budget, sink, rows: 0 }
    }

    /// Appends rows.
    ///
    /// # Errors
    /// [`OmniError::Io`] when the temporary file cannot be written.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        if let Sink::Memory { batches, reservations } = &mut self.sink {
            if let Some(reservation) = self.budget.reserve(batch.get_array_memory_size() as u64) {
                batches.push(batch);
                reservations.push(reservation);
                return Ok(());
            }
            let held = std::mem::take(batches);
            self.sink = spill(&self.schema, held)?;
        }
        match &mut self.sink {
            Sink::File { writer, .. } => Ok(writer.write(&batch)?),
            Sink::Memory { .. } => Err(OmniError::internal("a spool stayed in memory beyond its budget")),
        }
    }

    /// Ends the spool.
    ///
    /// # Errors
    /// As [`SpoolWriter::push`].
    pub(crate) fn finish(self) -> Result<Spool> {
        let content = match self.sink {
            Sink::Memory { batches, reservations } => {
                Content::Memory { batches, _reservations: reservations }
            }
            Sink::File { file, mut writer } => {
                writer.finish()?;
                Content::File(file)
            }
        };
        Ok(Spool { inner: Arc::new(Inner { schema: self.schema, rows: self.rows, content }) })
    }
}

fn temporary(source: std::io::Error) -> OmniError {
    OmniError::io("using a temporary file for rows that exceed the memory budget", source)
}

fn spill(schema: &SchemaRef, held: Vec<RecordBatch>) -> Result<Sink> {
    let file = NamedTempFile::new().map_err(temporary)?;
    let handle = file.reopen().map_err(temporary)?;
    let mut writer = Box::new(StreamWriter::try_new_buffered(handle, schema)?);
    for batch in held {
        writer.write(&batch)?;
    }
    Ok(Sink::File { file, writer })
}

enum Content {
    Memory { batches: Vec<RecordBatch>, _reservations: Vec<Reservation> },
    File(NamedTempFile),
}

struct Inner {
    schema: SchemaRef,
    rows: u64,
    content: Content,
}

/// A complete sequence of rows, readable any number of times. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Spool {
    inner: Arc<Inner>,
}

impl Spool {
    /// Returns the number of rows.
    pub(crate) fn rows(&self) -> u64 {
        self.inner.rows
    }

    /// Returns the columns, [`LINE`] last.
    pub(crate) fn schema(&self) -> SchemaRef {
        self.inner.schema.clone()
    }

    /// Streams the rows in order, restricted to some columns by index.
    pub(crate) fn stream(&self, columns: Option<&[usize]>) -> BoxStream<'static, Result<RecordBatch>> {
        let inner = self.inner.clone();
        let columns = columns.map(<[usize]>::to_vec);
        if let Content::Memory { batches, .. } = &inner.content {
            let batches = batches.clone();
            return futures::stream::iter(batches)
                .map(move |batch| {
                    // The spool keeps the reservation of these bytes alive while they are read.
                    let _held = &inner;
                    Ok(match &columns {
                        Some(columns) => batch.project(columns)?,
                        None => batch,
                    })
                })
                .boxed();
        }
        let (sender, receiver) = tokio::sync::mpsc::channel(READ_AHEAD);
        tokio::task::spawn_blocking(move || {
            let outcome = read_file(&inner, columns, |batch| sender.blocking_send(Ok(batch)).is_ok());
            if let Err(error) = outcome {
                // A consumer that went away needs no error.
                let _ = sender.blocking_send(Err(error));
            }
        });
        ReceiverStream::new(receiver).boxed()
    }
}

/// Reads a spilled spool until its end, or until the consumer has had enough.
fn read_file(
    inner: &Inner,
    columns: Option<Vec<usize>>,
    mut consume: impl FnMut(RecordBatch) -> bool,
) -> Result<()> {
    let Content::File(file) = &inner.content else {
        return Ok(());
    };
    let handle = BufReader::new(file.reopen().map_err(temporary)?);
    for batch in StreamReader::try_new(handle, columns)? {
        if !consume(batch?) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use arrow_array::{StringArray, UInt64Array};
    use futures::TryStreamExt;

    use super::*;

    fn batch(schema: &SchemaRef, from: u64, rows: u64) -> RecordBatch {
        let ids = StringArray::from_iter_values((from..from + rows).map(|n| format!("id{n}")));
        let lines = UInt64Array::from_iter_values(from..from + rows);
        RecordBatch::try_new(schema.clone(), vec![Arc::new(ids), Arc::new(lines)]).unwrap()
    }

    async fn lines_of(budget: u64) -> Vec<u64> {
        let table: SchemaRef = Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, false)]));
        let schema = spool_schema(&table);
        let mut writer = SpoolWriter::new(schema.clone(), MemoryBudget::new(budget));
        for start in 0..20 {
            writer.push(batch(&schema, start * 100, 100)).unwrap();
        }
        let spool = writer.finish().unwrap();
        assert_eq!(spool.rows(), 2000);
        let whole: Vec<RecordBatch> = spool.stream(None).try_collect().await.unwrap();
        assert_eq!(whole[0].schema(), schema);
        let again: Vec<RecordBatch> = spool.stream(Some(&[1])).try_collect().await.unwrap();
        let values =
            |b: &RecordBatch| b.column(0).as_any().downcast_ref::<UInt64Array>().unwrap().values().to_vec();
        again.iter().flat_map(values).collect()
    }

    #[tokio::test]
    async fn rows_come_back_in_order_from_memory_and_from_a_file() {
        let expected: Vec<u64> = (0..2000).collect();
        assert_eq!(lines_of(1 << 30).await, expected);
        assert_eq!(lines_of(10_000).await, expected);
        assert_eq!(lines_of(0).await, expected);
    }

    #[test]
    fn a_budget_is_shared_and_given_back() {
        let budget = MemoryBudget::new(100);
        let first = budget.reserve(60).unwrap();
        assert!(budget.reserve(50).is_none());
        drop(first);
        assert!(budget.reserve(100).is_some());
    }
}
