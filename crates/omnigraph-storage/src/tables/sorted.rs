//! Rows in the order of a text column, such as their ids.
//!
//! Only that column and the addresses are sorted, by an external sort, so memory is bounded whatever the number and size of
//! rows; whoever needs more of a row fetches it by address.

use std::fmt;
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef, SortOptions};
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream, execute_stream};
use futures::{StreamExt, TryStreamExt};

use crate::error::{Result, StorageError};
use crate::tables::difference::Selection;
use crate::tables::scan::Scan;
use crate::tables::table::{ROW_ADDRESS, Table};

/// Rows read per step.
const STEP_ROWS: usize = 8192;
/// The part of the root's memory budget that one sort may take.
const SORT_SHARE: u64 = 4;

impl Table {
    /// Streams a text column and the row address of the selected rows, ascending by the text.
    ///
    /// # Errors
    /// `internal` for an unknown column or row. Failures of the store come through the stream.
    pub fn addresses_by(&self, column: &str, selection: Selection) -> Result<SendableRecordBatchStream> {
        let source = Source::new(self, column, selection)?;
        let schema = source.schema.clone();
        let plan =
            StreamingTableExec::try_new(schema, vec![Arc::new(source)], None, Vec::new(), false, None)?;
        let by_text = PhysicalSortExpr::new(
            Arc::new(Column::new(column, 0)),
            SortOptions { descending: false, nulls_first: true },
        );
        let ordering = LexOrdering::new([by_text])
            .ok_or_else(|| StorageError::internal("an ordering has at least one key"))?;
        let plan: Arc<dyn ExecutionPlan> = Arc::new(SortExec::new(ordering, Arc::new(plan)));
        let bytes = usize::try_from(self.root().memory_budget() / SORT_SHARE).unwrap_or(usize::MAX);
        let runtime =
            RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(bytes))).build_arc()?;
        Ok(execute_stream(plan, Arc::new(TaskContext::default().with_runtime(runtime)))?)
    }
}

/// The selected rows of a table as a source of a plan.
struct Source {
    table: Table,
    column: String,
    selection: Selection,
    schema: SchemaRef,
}

impl Source {
    fn new(table: &Table, column: &str, selection: Selection) -> Result<Source> {
        let field = table.project(&[column.to_owned()])?.field(0).clone();
        let address = Field::new(ROW_ADDRESS, DataType::UInt64, false);
        let schema = Arc::new(Schema::new(vec![field, address]));
        Ok(Source { table: table.clone(), column: column.to_owned(), selection, schema })
    }

    fn rows(&self) -> Result<SendableRecordBatchStream> {
        let columns = vec![self.column.clone()];
        let scanned = self.table.scan(Scan {
            columns: columns.clone(),
            fragments: Some(self.selection.fragments.clone()),
            with_address: true,
            batch_rows: STEP_ROWS,
        })?;
        let steps: Vec<u64> = self.selection.addresses.iter().collect();
        let (table, schema) = (self.table.clone(), self.schema.clone());
        let taken = futures::stream::iter(steps.chunks(STEP_ROWS).map(<[u64]>::to_vec).collect::<Vec<_>>())
            .then(move |some| {
                let (table, columns) = (table.clone(), columns.clone());
                async move {
                    let batch = table.take(&some, &columns).await?;
                    let mut arrays = batch.columns().to_vec();
                    arrays.push(Arc::new(UInt64Array::from(some)));
                    Ok::<_, StorageError>((batch, arrays))
                }
            })
            .map(|taken| match taken {
                Ok((_, arrays)) => Ok(arrays),
                Err(error) => Err(DataFusionError::External(Box::new(error))),
            });
        let arrays = scanned.map_ok(|batch| batch.columns().to_vec()).chain(taken);
        let shape = schema.clone();
        let rows = arrays.map(move |arrays| Ok(RecordBatch::try_new(shape.clone(), arrays?)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("table", &self.table.path()).finish_non_exhaustive()
    }
}

impl PartitionStream for Source {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        self.rows().unwrap_or_else(|error| {
            let failure = futures::stream::iter([Err(DataFusionError::External(Box::new(error)))]);
            Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), failure))
        })
    }
}
