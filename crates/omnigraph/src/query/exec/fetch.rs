//! Late fetch of properties by address.

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use datafusion::common::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use omnigraph_compiler::ir::VarId;

use super::{addresses, external, operator, properties};
use crate::query::cache::Caches;
use crate::query::columns;
use crate::query::plan::{address, column};
use crate::storage::Table;

/// Batches fetched ahead.
const AHEAD: usize = 2;

/// Adds property columns of a variable to every row.
pub(super) struct FetchExec {
    input: Arc<dyn ExecutionPlan>,
    table: Table,
    caches: Arc<Caches>,
    var: VarId,
    columns: Vec<String>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl FetchExec {
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        table: Table,
        caches: Arc<Caches>,
        var: VarId,
        columns: Vec<String>,
    ) -> DfResult<FetchExec> {
        let stored = table.schema();
        let mut fields: Vec<_> = input.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        for name in &columns {
            fields.push(stored.field_with_name(name)?.clone().with_name(column(var, name)));
        }
        let schema = Arc::new(Schema::new(fields));
        let properties = properties(&schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(FetchExec { input, table, caches, var, columns, schema, properties, metrics })
    }
}

impl fmt::Debug for FetchExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as(DisplayFormatType::Default, f)
    }
}

impl DisplayAs for FetchExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FetchExec: {}, columns=[{}]", address(self.var), self.columns.join(", "))
    }
}

impl ExecutionPlan for FetchExec {
    operator!("FetchExec");

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let input = children.swap_remove(0);
        let (table, caches) = (self.table.clone(), self.caches.clone());
        Ok(Arc::new(FetchExec::new(input, table, caches, self.var, self.columns.clone())?))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let input = self.input.execute(partition, context)?;
        let (table, caches, columns) =
            (self.table.clone(), self.caches.clone(), Arc::new(self.columns.clone()));
        let (name, schema) = (address(self.var), self.schema.clone());
        let fetched = input
            .map(move |batch| {
                let (table, caches, columns) = (table.clone(), caches.clone(), columns.clone());
                let (name, schema, metrics) = (name.clone(), schema.clone(), metrics.clone());
                async move {
                    let batch = batch?;
                    let rows = addresses(&batch, &name)?;
                    let fetched =
                        columns::fetch(&caches, &table, &columns, rows.values()).await.map_err(external)?;
                    metrics.record_output(batch.num_rows());
                    let all = batch.columns().iter().cloned().chain(fetched).collect();
                    Ok(RecordBatch::try_new(schema, all)?)
                }
            })
            .buffered(AHEAD);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), fetched)))
    }
}
