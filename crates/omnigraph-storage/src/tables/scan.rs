//! Sequential reading of a table.
//!
//! Memory: a few batches and a bounded read-ahead per scan, whatever the table's size.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};

use crate::error::{Result, StorageError};
use crate::objects::failure;
use crate::tables::table::{ROW_ADDRESS, Table};

/// Rows of a batch when the caller does not care.
pub(crate) const BATCH_ROWS: usize = 8192;

const READ_AHEAD_BYTES: u64 = 64 << 20;

/// What to read of a table.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Columns, in the order wanted; may be empty with `with_address`.
    pub columns: Vec<String>,
    /// Fragments to read; all when `None`.
    pub fragments: Option<Vec<u32>>,
    /// Whether to add the column [`ROW_ADDRESS`] after the others.
    pub with_address: bool,
    /// Largest number of rows in a batch; 0 lets the scan choose.
    pub batch_rows: usize,
}

impl Scan {
    /// Reads the named columns of all live rows.
    pub fn columns<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Scan {
        Scan { columns: columns.into_iter().map(Into::into).collect(), ..Scan::default() }
    }
}

/// Starts to read the rows of a table that a scan asks for.
pub fn stream(table: &Table, scan: Scan) -> Result<SendableRecordBatchStream> {
    let mut fields = table.project(&scan.columns)?.fields().to_vec();
    if scan.with_address {
        fields.push(Arc::new(Field::new(ROW_ADDRESS, DataType::UInt64, false)));
    }
    let schema: SchemaRef = Arc::new(Schema::new(fields));

    let dataset = table.dataset();
    let fragments = match &scan.fragments {
        None => dataset.fragments().to_vec(),
        Some(ids) => {
            let mut ids = ids.clone();
            ids.sort_unstable();
            ids.dedup();
            let chosen: Vec<_> = dataset
                .fragments()
                .iter()
                .filter(|fragment| u32::try_from(fragment.id).is_ok_and(|id| ids.binary_search(&id).is_ok()))
                .cloned()
                .collect();
            if chosen.len() != ids.len() {
                return Err(StorageError::internal(format!(
                    "table {} lacks a fragment of {ids:?}",
                    table.path()
                )));
            }
            chosen
        }
    };
    if fragments.is_empty() {
        let none = futures::stream::empty();
        return Ok(Box::pin(RecordBatchStreamAdapter::new(schema, none)));
    }

    let mut scanner = dataset.scan();
    // Without columns Lance still needs something to read, so that the batches have rows.
    let address = scan.with_address || scan.columns.is_empty();
    let configured = scanner.project(&scan.columns).map(|scanner| {
        scanner
            .with_fragments(fragments)
            .scan_in_order(true)
            .batch_size(if scan.batch_rows == 0 { BATCH_ROWS } else { scan.batch_rows })
            .io_buffer_size(READ_AHEAD_BYTES);
        if address {
            scanner.with_row_address();
        }
    });
    configured.map_err(|error| failure::table(table.path(), error))?;

    let path = table.shared_path().clone();
    let shape = schema.clone();
    let opened = async move {
        let raise = |error| DataFusionError::External(Box::new(failure::table(&path, error)));
        let stream = scanner.try_into_stream().await.map_err(raise)?;
        Ok::<_, DataFusionError>(stream.map(move |batch| {
            let batch =
                batch.map_err(|error| DataFusionError::External(Box::new(failure::table(&path, error))))?;
            shaped(&batch, &shape)
        }))
    };
    let stream = futures::stream::once(opened).try_flatten();
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
}

/// Gives a batch exactly the columns of `schema`, by name.
fn shaped(batch: &RecordBatch, schema: &SchemaRef) -> std::result::Result<RecordBatch, DataFusionError> {
    let columns = schema.fields().iter().map(|field| {
        let column = batch.column_by_name(field.name()).cloned();
        column.ok_or_else(|| DataFusionError::Internal(format!("column '{}' was not read", field.name())))
    });
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}
