//! Finding entities by key: an index lookup, never a scan.

use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{Schema, SchemaRef};
use datafusion::common::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, PlanProperties};
use futures::{StreamExt, TryStreamExt, stream};
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_compiler::ir::VarId;
use omnigraph_storage::Table;

use super::{BATCH_ROWS, address_field, external, operator, properties};
use crate::plan::address;

/// Looks up rows whose columns equal one of some distinct key tuples; ascending addresses.
pub(super) struct KeyLookupExec {
    key: TypeKey,
    table: Table,
    by: Vec<String>,
    keys: Vec<ArrayRef>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl KeyLookupExec {
    pub(super) fn new(
        key: TypeKey,
        table: Table,
        var: VarId,
        by: Vec<String>,
        keys: Vec<ArrayRef>,
    ) -> KeyLookupExec {
        let schema = Arc::new(Schema::new(vec![address_field(address(var))]));
        let properties = properties(&schema);
        KeyLookupExec { key, table, by, keys, schema, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for KeyLookupExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.first().map_or(0, |k| k.len());
        let name = self.schema.field(0).name();
        write!(f, "KeyLookupExec: {}, by=[{}], keys={keys}, columns=[{name}]", self.key, self.by.join(", "))
    }
}

operator!(KeyLookupExec, []);

impl KeyLookupExec {
    fn run(&self, partition: usize, _: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let (table, by, keys) = (self.table.clone(), self.by.clone(), self.keys.clone());
        let schema = self.schema.clone();
        let found = async move {
            let by: Vec<&str> = by.iter().map(String::as_str).collect();
            let mut found = table.key_index(&by).lookup(&keys).await.map_err(external)?.address;
            found.sort_unstable();
            found.dedup();
            metrics.record_output(found.len());
            let all = UInt64Array::from(found);
            let batches: Vec<DfResult<RecordBatch>> = (0..all.len())
                .step_by(BATCH_ROWS)
                .map(|at| {
                    let part = all.slice(at, BATCH_ROWS.min(all.len() - at));
                    Ok(RecordBatch::try_new(schema.clone(), vec![Arc::new(part)])?)
                })
                .collect();
            Ok::<_, datafusion::error::DataFusionError>(stream::iter(batches))
        };
        let batches = stream::once(found).try_flatten().boxed();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches)))
    }
}
