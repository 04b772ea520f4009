//! Optional blocks: an outer join whose right side is a pipeline started from the rows to extend.
//!
//! The rows of each input batch are numbered and handed to the leaf of the inner plan, as for a negation. What comes
//! out extends the rows with those numbers; the other rows follow, with nulls. Rows in which a variable that the block
//! starts from is null are not extended. Memory: a batch, and one mark per row of it.

use std::fmt;
use std::sync::Arc;

use arrow::compute;
use arrow_array::{
    Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array, new_null_array,
};
use arrow_schema::SchemaRef;
use datafusion::common::Result as DfResult;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{TryStreamExt, stream};
use parking_lot::Mutex;

use super::negation::{SeedBatch, start};
use super::{address_field, addresses, operator, properties, select};
use crate::plan::{Optional, address};

/// Extends rows by those of the inner plan, or keeps them with nulls.
pub(super) struct OptionalExec {
    input: Arc<dyn ExecutionPlan>,
    inner: Arc<dyn ExecutionPlan>,
    step: Optional,
    seed: SchemaRef,
    seed_batch: SeedBatch,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl OptionalExec {
    /// `seed` is the schema of the inner plan's leaf: input columns, and [`Optional::row`], which numbers them.
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        inner: Arc<dyn ExecutionPlan>,
        step: Optional,
        seed: SchemaRef,
        seed_batch: SeedBatch,
    ) -> DfResult<OptionalExec> {
        let introduced = step.introduced.iter().chain(&step.paths);
        let introduced = introduced.map(|var| address_field(address(*var)).with_nullable(true));
        let schema = select(&input.schema(), &step.keep, introduced)?;
        let properties = properties(&schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(OptionalExec { input, inner, step, seed, seed_batch, schema, properties, metrics })
    }
}

impl DisplayAs for OptionalExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let introduced: Vec<String> = self.step.introduced.iter().map(|var| address(*var)).collect();
        write!(
            f,
            "OptionalExec: introduces=[{}], keep=[{}]",
            introduced.join(", "),
            self.step.keep.join(", ")
        )
    }
}

operator!(OptionalExec, [input, inner]);

impl OptionalExec {
    fn with_inputs(&self, [input, inner]: [Arc<dyn ExecutionPlan>; 2]) -> DfResult<OptionalExec> {
        let (step, seed, seed_batch) = (self.step.clone(), self.seed.clone(), self.seed_batch.clone());
        OptionalExec::new(input, inner, step, seed, seed_batch)
    }

    fn run(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context.clone())?;
        let (inner, seed_batch) = (self.inner.clone(), self.seed_batch.clone());
        let (step, seed, schema) = (self.step.clone(), self.seed.clone(), self.schema.clone());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let extended = input.and_then(move |batch| {
            let (extensible, single) = match divide(&batch, &step) {
                Ok(divided) => divided,
                Err(error) => return futures::future::ready(Err(error)),
            };
            let started = start(&inner, &seed, &step.row, &seed_batch, &extensible, context.clone());
            let join = Join {
                step: step.clone(),
                schema: schema.clone(),
                batch: extensible,
                metrics: metrics.clone(),
            };
            futures::future::ready(started.map(|inner| join.rows(inner, single)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), extended.try_flatten())))
    }
}

/// Divides a batch into the rows that the block can start from and the others.
fn divide(batch: &RecordBatch, step: &Optional) -> DfResult<(RecordBatch, RecordBatch)> {
    let mut whole = vec![true; batch.num_rows()];
    for var in &step.anchors {
        let bound = addresses(batch, &address(*var))?;
        if bound.null_count() > 0 {
            whole.iter_mut().enumerate().for_each(|(row, whole)| *whole &= bound.is_valid(row));
        }
    }
    let whole = BooleanArray::from(whole);
    let others = compute::not(&whole)?;
    Ok((compute::filter_record_batch(batch, &whole)?, compute::filter_record_batch(batch, &others)?))
}

/// The join of one batch.
struct Join {
    step: Optional,
    schema: SchemaRef,
    batch: RecordBatch,
    metrics: BaselineMetrics,
}

impl Join {
    /// Gives the extended rows, then those that were not extended, and those of `single`.
    fn rows(
        self,
        inner: SendableRecordBatchStream,
        single: RecordBatch,
    ) -> impl futures::Stream<Item = DfResult<RecordBatch>> + Send {
        let seen = Arc::new(Mutex::new(vec![false; self.batch.num_rows()]));
        let (this, marks) = (Arc::new(self), seen.clone());
        let join = this.clone();
        let extended = inner.and_then(move |found| futures::future::ready(join.extend(&found, &marks)));
        let rest = stream::once(async move {
            let alone: BooleanArray = seen.lock().iter().map(|seen| Some(!seen)).collect();
            let alone = compute::filter_record_batch(&this.batch, &alone)?;
            let schema = alone.schema();
            let rest = compute::concat_batches(&schema, [&alone, &single])?;
            let nulls: Vec<ArrayRef> = this
                .step
                .introduced
                .iter()
                .chain(&this.step.paths)
                .map(|_| new_null_array(&arrow_schema::DataType::UInt64, rest.num_rows()))
                .collect();
            this.output(&rest, nulls)
        });
        futures::StreamExt::chain(extended, rest)
    }

    fn extend(&self, found: &RecordBatch, seen: &Mutex<Vec<bool>>) -> DfResult<RecordBatch> {
        let numbers: &UInt64Array = addresses(found, &self.step.row)?;
        {
            let mut seen = seen.lock();
            numbers.values().iter().for_each(|number| seen[*number as usize] = true);
        }
        let rows = compute::take_record_batch(&self.batch, numbers)?;
        let introduced = self
            .step
            .introduced
            .iter()
            .map(|var| -> DfResult<ArrayRef> { Ok(Arc::new(addresses(found, &address(*var))?.clone())) });
        let mut introduced = introduced.collect::<DfResult<Vec<_>>>()?;
        let bound: ArrayRef = Arc::new(UInt64Array::from(vec![0; rows.num_rows()]));
        introduced.extend(self.step.paths.iter().map(|_| bound.clone()));
        self.output(&rows, introduced)
    }

    /// Puts the kept columns of some rows before those of the introduced variables.
    fn output(&self, rows: &RecordBatch, introduced: Vec<ArrayRef>) -> DfResult<RecordBatch> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for name in &self.step.keep {
            let column = rows.column_by_name(name);
            let absent = || DataFusionError::Internal(format!("column {name} is absent"));
            columns.push(column.ok_or_else(absent)?.clone());
        }
        columns.extend(introduced);
        self.metrics.record_output(rows.num_rows());
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
    }
}
