//! Reading every entity of a type.

use std::fmt;
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt64Array};
use arrow_schema::{Schema, SchemaRef};
use datafusion::common::Result as DfResult;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, PlanProperties};
use futures::{Stream, TryStreamExt, stream};
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_compiler::ir::VarId;
use omnigraph_storage::{Scan, Table};

use super::{BATCH_ROWS, address_field, external, operator, properties};
use crate::plan::{address, column};

/// Rows of a batch that has addresses only.
const ADDRESSES: usize = 2 * BATCH_ROWS;

/// Scans a table: the address column of a variable, then its property columns.
pub(super) struct NodeScanExec {
    key: TypeKey,
    table: Table,
    columns: Vec<String>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl NodeScanExec {
    pub(super) fn new(
        key: TypeKey,
        table: Table,
        var: VarId,
        columns: Vec<String>,
    ) -> DfResult<NodeScanExec> {
        let stored = table.schema();
        let mut fields = vec![address_field(address(var))];
        for name in &columns {
            fields.push(stored.field_with_name(name)?.clone().with_name(column(var, name)));
        }
        let schema = Arc::new(Schema::new(fields));
        let properties = properties(&schema);
        Ok(NodeScanExec { key, table, columns, schema, properties, metrics: ExecutionPlanMetricsSet::new() })
    }
}

impl DisplayAs for NodeScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&str> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        write!(
            f,
            "NodeScanExec: {}, rows={}, columns=[{}]",
            self.key,
            self.table.row_count(),
            fields.join(", ")
        )
    }
}

operator!(NodeScanExec, []);

impl NodeScanExec {
    fn run(&self, partition: usize, _: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        if self.columns.is_empty() {
            let rows = live(self.table.clone(), self.schema.clone(), metrics);
            return Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), rows)));
        }
        let scan = Scan {
            columns: self.columns.clone(),
            fragments: None,
            with_address: true,
            batch_rows: BATCH_ROWS,
        };
        let rows = self.table.scan(scan).map_err(external)?;
        let schema = self.schema.clone();
        let renamed = rows.and_then(move |batch| {
            let result = (|| {
                let mut columns = batch.columns().to_vec();
                columns.rotate_right(1);
                metrics.record_output(batch.num_rows());
                Ok(RecordBatch::try_new(schema.clone(), columns)?)
            })();
            futures::future::ready(result)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), renamed)))
    }
}

/// Gives the addresses of all live rows, told from the table's files without reading them.
fn live(
    table: Table,
    schema: SchemaRef,
    metrics: BaselineMetrics,
) -> impl Stream<Item = DfResult<RecordBatch>> + Send {
    let batches = async move {
        let mut ranges = table.live_rows().await.map_err(external)?.into_iter();
        let mut rest = 0..0;
        let batches = std::iter::from_fn(move || {
            let mut batch: Vec<u64> = Vec::with_capacity(ADDRESSES);
            while batch.len() < ADDRESSES {
                if rest.is_empty() {
                    let Some(next) = ranges.next() else { break };
                    rest = next;
                }
                let end = rest.end.min(rest.start + (ADDRESSES - batch.len()) as u64);
                batch.extend(rest.start..end);
                rest.start = end;
            }
            (!batch.is_empty()).then(|| {
                metrics.record_output(batch.len());
                Ok(RecordBatch::try_new(schema.clone(), vec![Arc::new(UInt64Array::from(batch))])?)
            })
        });
        Ok::<_, DataFusionError>(stream::iter(batches))
    };
    stream::once(batches).try_flatten()
}
