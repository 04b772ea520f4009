//! Late fetch of properties and computed columns by address.

use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use omnigraph_compiler::ir::VarId;
use omnigraph_storage::Table;

use super::{Shared, addresses, external, operator, properties};
use crate::columns;
use crate::error::{QueryError, Result};
use crate::plan::{address, column};
use crate::search::{self, ComputedColumn};

/// Batches fetched ahead.
const AHEAD: usize = 2;

/// Adds property columns of a variable to every row: nulls where an optional variable has no entity.
pub(super) struct FetchExec {
    input: Arc<dyn ExecutionPlan>,
    table: Table,
    shared: Shared,
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
        shared: Shared,
        var: VarId,
        columns: Vec<String>,
    ) -> DfResult<FetchExec> {
        let stored = table.schema();
        let mut fields: Vec<_> = input.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        let may_be_null = input.schema().field_with_name(&address(var))?.is_nullable();
        for name in &columns {
            let field = match search::number(name) {
                Some(number) => {
                    let computed = shared.searches.computed(number);
                    let ty = computed.map_or(DataType::Float64, |computed| computed.data_type());
                    Field::new(column(var, name), ty, true)
                }
                None => stored.field_with_name(name)?.clone().with_name(column(var, name)),
            };
            let nullable = field.is_nullable() || may_be_null;
            fields.push(field.with_nullable(nullable));
        }
        let schema = Arc::new(Schema::new(fields));
        let properties = properties(&schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(FetchExec { input, table, shared, var, columns, schema, properties, metrics })
    }
}

impl DisplayAs for FetchExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FetchExec: {}, columns=[{}]", address(self.var), self.columns.join(", "))
    }
}

operator!(FetchExec, [input]);

impl FetchExec {
    fn with_inputs(&self, [input]: [Arc<dyn ExecutionPlan>; 1]) -> DfResult<FetchExec> {
        let (table, shared) = (self.table.clone(), self.shared.clone());
        FetchExec::new(input, table, shared, self.var, self.columns.clone())
    }

    fn run(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let input = self.input.execute(partition, context)?;
        let source = Arc::new(Source {
            table: self.table.clone(),
            shared: self.shared.clone(),
            columns: self.columns.clone(),
        });
        let (name, schema) = (address(self.var), self.schema.clone());
        let fetched = input
            .map(move |batch| {
                let (source, name, schema, metrics) =
                    (source.clone(), name.clone(), schema.clone(), metrics.clone());
                async move {
                    let batch = batch?;
                    let rows = addresses(&batch, &name)?;
                    let fetched = source.fetch_some(rows).await.map_err(external)?;
                    metrics.record_output(batch.num_rows());
                    let all = batch.columns().iter().cloned().chain(fetched).collect();
                    Ok(RecordBatch::try_new(schema, all)?)
                }
            })
            .buffered(AHEAD);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), fetched)))
    }
}

/// Where the columns come from.
struct Source {
    table: Table,
    shared: Shared,
    columns: Vec<String>,
}

impl Source {
    /// Returns the columns for the rows at these addresses; null where there is no address.
    async fn fetch_some(&self, rows: &UInt64Array) -> Result<Vec<ArrayRef>> {
        if rows.null_count() == 0 {
            return self.fetch(rows.values()).await;
        }
        let there: Vec<u64> = rows.iter().flatten().collect();
        let mut next = 0..;
        let positions: UInt32Array = rows.iter().map(|row| row.and_then(|_| next.next())).collect();
        let fetched = self.fetch(&there).await?.into_iter();
        fetched.map(|column| Ok(arrow_select::take::take(&column, &positions, None)?)).collect()
    }

    /// Returns the columns for the rows at these addresses.
    async fn fetch(&self, rows: &[u64]) -> Result<Vec<ArrayRef>> {
        let stored: Vec<String> =
            self.columns.iter().filter(|name| search::number(name).is_none()).cloned().collect();
        let caches = &self.shared.caches;
        let mut stored = columns::fetch(caches, &self.table, &stored, rows).await?.into_iter();
        let mut fetched = Vec::with_capacity(self.columns.len());
        for name in &self.columns {
            fetched.push(match search::number(name) {
                Some(number) => search::fetch(self.computed(number)?, caches, rows).await?,
                None => stored.next().ok_or_else(|| QueryError::internal("a column was not fetched"))?,
            });
        }
        Ok(fetched)
    }

    fn computed(&self, number: usize) -> Result<&Arc<ComputedColumn>> {
        let computed = self.shared.searches.computed(number);
        computed.ok_or_else(|| QueryError::internal(format!("no search computes column #{number}")))
    }
}
