//! Negated blocks: an anti-join whose right side is a pipeline started from the rows under test.
//!
//! The rows of each input batch are numbered and handed to the leaf of the inner plan; the numbers that come out are the
//! rows to drop. The inner plan is built once; it runs per batch and stops early once every row is refuted.

use std::fmt;
use std::sync::Arc;

use arrow::compute;
use arrow_array::{BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow_schema::SchemaRef;
use datafusion::common::Result as DfResult;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{TryStreamExt, stream};
use parking_lot::Mutex;

use super::{addresses, operator, properties};

/// Where a negation or an optional block leaves the batch that the next run of its inner plan starts from.
pub(super) type SeedBatch = Arc<Mutex<Option<RecordBatch>>>;

/// The leaf of an inner plan: the rows it starts from.
pub(super) struct SeedExec {
    seed_batch: SeedBatch,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SeedExec {
    pub(super) fn new(schema: SchemaRef, seed_batch: SeedBatch) -> SeedExec {
        let properties = properties(&schema);
        SeedExec { seed_batch, schema, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for SeedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&str> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        write!(f, "SeedExec: columns=[{}]", fields.join(", "))
    }
}

operator!(SeedExec, []);

impl SeedExec {
    fn run(&self, partition: usize, _: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let batch = self.seed_batch.lock().take();
        let batch =
            batch.ok_or_else(|| DataFusionError::Internal("an inner block runs without rows".into()))?;
        BaselineMetrics::new(&self.metrics, partition).record_output(batch.num_rows());
        let batches = stream::iter([Ok(batch)]);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches)))
    }
}

/// Keeps the rows for which the inner plan yields nothing.
pub(super) struct NegationExec {
    input: Arc<dyn ExecutionPlan>,
    inner: Arc<dyn ExecutionPlan>,
    seed: SchemaRef,
    row: String,
    seed_batch: SeedBatch,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl NegationExec {
    /// `seed` is the schema of the inner plan's leaf: input columns, and `row`, which numbers them.
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        inner: Arc<dyn ExecutionPlan>,
        seed: SchemaRef,
        row: String,
        seed_batch: SeedBatch,
    ) -> NegationExec {
        let properties = properties(&input.schema());
        NegationExec {
            input,
            inner,
            seed,
            row,
            seed_batch,
            properties,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for NegationExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NegationExec")
    }
}

operator!(NegationExec, [input, inner]);

impl NegationExec {
    fn with_inputs(&self, [input, inner]: [Arc<dyn ExecutionPlan>; 2]) -> DfResult<NegationExec> {
        let (seed, row, seed_batch) = (self.seed.clone(), self.row.clone(), self.seed_batch.clone());
        Ok(NegationExec::new(input, inner, seed, row, seed_batch))
    }

    fn run(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context.clone())?;
        let (inner, seed, row, seed_batch) =
            (self.inner.clone(), self.seed.clone(), self.row.clone(), self.seed_batch.clone());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let kept = input.and_then(move |batch| {
            let (inner, context, metrics) = (inner.clone(), context.clone(), metrics.clone());
            let started = start(&inner, &seed, &row, &seed_batch, &batch, context);
            let row = row.clone();
            async move {
                let refuted = refuted(started?, &row, batch.num_rows()).await?;
                let mask: BooleanArray = refuted.iter().map(|r| Some(!r)).collect();
                let kept = compute::filter_record_batch(&batch, &mask)?;
                metrics.record_output(kept.num_rows());
                Ok(kept)
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), kept)))
    }
}

/// Numbers a batch and starts the inner plan on it.
pub(super) fn start(
    inner: &Arc<dyn ExecutionPlan>,
    seed: &SchemaRef,
    row: &str,
    seed_batch: &SeedBatch,
    batch: &RecordBatch,
    context: Arc<TaskContext>,
) -> DfResult<SendableRecordBatchStream> {
    let mut columns = Vec::with_capacity(seed.fields().len());
    for field in seed.fields() {
        if field.name() == row {
            columns.push(Arc::new(UInt64Array::from_iter_values(0..batch.num_rows() as u64)) as _);
        } else {
            let column = batch.column_by_name(field.name());
            let absent = || DataFusionError::Internal(format!("column {} is absent", field.name()));
            columns.push(column.ok_or_else(absent)?.clone());
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    *seed_batch.lock() = Some(RecordBatch::try_new_with_options(seed.clone(), columns, &options)?);
    // Leaves take the batch while the tree starts, so the place for the next one is free again when this returns.
    inner.execute(0, context)
}

async fn refuted(mut inner: SendableRecordBatchStream, row: &str, rows: usize) -> DfResult<Vec<bool>> {
    let mut refuted = vec![false; rows];
    let mut left = rows;
    while left > 0
        && let Some(batch) = inner.try_next().await?
    {
        for &number in addresses(&batch, row)?.values() {
            let seen = &mut refuted[number as usize];
            left -= usize::from(!*seen);
            *seen = true;
        }
    }
    Ok(refuted)
}
