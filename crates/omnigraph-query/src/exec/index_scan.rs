//! Reading the rows that an index found for a search or a prefilter.

use std::fmt;
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt64Array};
use arrow_schema::{Schema, SchemaRef};
use datafusion::common::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, PlanProperties};
use futures::stream;
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_compiler::ir::VarId;
use roaring::RoaringTreemap;

use super::{BATCH_ROWS, address_field, operator, properties};
use crate::plan::address;

/// Gives the addresses of live rows that an index found, ascending.
pub(super) struct IndexScanExec {
    key: TypeKey,
    rows: Arc<RoaringTreemap>,
    by: Arc<str>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl IndexScanExec {
    pub(super) fn new(key: TypeKey, var: VarId, rows: Arc<RoaringTreemap>, by: Arc<str>) -> IndexScanExec {
        let schema = Arc::new(Schema::new(vec![address_field(address(var))]));
        let properties = properties(&schema);
        IndexScanExec { key, rows, by, schema, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for IndexScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexScanExec: {}, by=[{}], rows={}", self.key, self.by, self.rows.len())
    }
}

operator!(IndexScanExec, []);

impl IndexScanExec {
    fn run(&self, partition: usize, _: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let (rows, schema) = (self.rows.clone(), self.schema.clone());
        // The rank of the next row, as an iterator would borrow the set.
        let batches = stream::unfold(0_u64, move |first| {
            let mut batch = Vec::new();
            if let Some(start) = rows.select(first) {
                let mut iter = rows.iter();
                iter.advance_to(start);
                batch.extend(iter.take(BATCH_ROWS));
            }
            let next = first + batch.len() as u64;
            let batch = (!batch.is_empty()).then(|| {
                metrics.record_output(batch.len());
                Ok(RecordBatch::try_new(schema.clone(), vec![Arc::new(UInt64Array::from(batch))])?)
            });
            futures::future::ready(batch.map(|batch| (batch, next)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches)))
    }
}
