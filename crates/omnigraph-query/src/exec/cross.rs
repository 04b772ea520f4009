//! Cross product of two groups of variables that no clause connects.
//!
//! The right side, the build side, is computed once and held in memory, accounted to the query's memory pool; the left
//! side streams.

use std::fmt;
use std::sync::Arc;

use arrow::compute;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::SchemaRef;
use datafusion::common::Result as DfResult;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{TryStreamExt, stream};
use tokio::sync::OnceCell;

use super::{operator, properties, select};

/// Combines every left row with every right row; carries the named columns of both.
pub(super) struct CrossExec {
    left: Arc<dyn ExecutionPlan>,
    right: Arc<dyn ExecutionPlan>,
    keep: [Vec<String>; 2],
    batch_rows: usize,
    build_side: Arc<OnceCell<BuildSide>>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

struct BuildSide {
    columns: Vec<ArrayRef>,
    rows: usize,
    _reservation: MemoryReservation,
}

impl CrossExec {
    pub(super) fn new(
        left: Arc<dyn ExecutionPlan>,
        right: Arc<dyn ExecutionPlan>,
        keep: [Vec<String>; 2],
        batch_rows: usize,
    ) -> DfResult<CrossExec> {
        let after = select(&right.schema(), &keep[1], [])?;
        let schema = select(&left.schema(), &keep[0], after.fields().iter().map(|f| f.as_ref().clone()))?;
        let properties = properties(&schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(CrossExec {
            left,
            right,
            keep,
            batch_rows,
            build_side: Arc::default(),
            schema,
            properties,
            metrics,
        })
    }
}

impl DisplayAs for CrossExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CrossExec")
    }
}

operator!(CrossExec, [left, right]);

impl CrossExec {
    fn with_inputs(&self, [left, right]: [Arc<dyn ExecutionPlan>; 2]) -> DfResult<CrossExec> {
        CrossExec::new(left, right, self.keep.clone(), self.batch_rows)
    }

    fn run(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let state = Product {
            input: self.left.execute(partition, context.clone())?,
            right: self.right.clone(),
            context,
            build_side: self.build_side.clone(),
            keep: self.keep.clone(),
            schema: self.schema.clone(),
            batch_rows: self.batch_rows,
            current: None,
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let batches = stream::try_unfold(state, |mut state| async move {
            Ok(state.next().await?.map(|batch| (batch, state)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches)))
    }
}

struct Product {
    input: SendableRecordBatchStream,
    right: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    build_side: Arc<OnceCell<BuildSide>>,
    keep: [Vec<String>; 2],
    schema: SchemaRef,
    batch_rows: usize,
    /// A left batch and the number of product rows already made of it.
    current: Option<(RecordBatch, usize)>,
    metrics: BaselineMetrics,
}

impl Product {
    async fn next(&mut self) -> DfResult<Option<RecordBatch>> {
        let build_side = self
            .build_side
            .get_or_try_init(|| collect_build_side(&self.right, &self.context, &self.keep[1]))
            .await?;
        if build_side.rows == 0 {
            return Ok(None);
        }
        loop {
            let (batch, done) = match self.current.take() {
                Some(current) => current,
                None => match self.input.try_next().await? {
                    Some(batch) => (batch, 0),
                    None => return Ok(None),
                },
            };
            let total = batch.num_rows() * build_side.rows;
            let rows = self.batch_rows.min(total - done);
            if rows == 0 {
                continue;
            }
            let left: UInt32Array =
                (done..done + rows).map(|i| (i / build_side.rows) as u32).collect::<Vec<_>>().into();
            let right: UInt32Array =
                (done..done + rows).map(|i| (i % build_side.rows) as u32).collect::<Vec<_>>().into();
            let mut columns = Vec::with_capacity(self.schema.fields().len());
            for name in &self.keep[0] {
                let column = batch.column_by_name(name).ok_or_else(|| absent(name))?;
                columns.push(compute::take(column, &left, None)?);
            }
            for column in &build_side.columns {
                columns.push(compute::take(column, &right, None)?);
            }
            if done + rows < total {
                self.current = Some((batch, done + rows));
            }
            self.metrics.record_output(rows);
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            return Ok(Some(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?));
        }
    }
}

async fn collect_build_side(
    right: &Arc<dyn ExecutionPlan>,
    context: &Arc<TaskContext>,
    keep: &[String],
) -> DfResult<BuildSide> {
    let reservation = MemoryConsumer::new("CrossExec").register(context.memory_pool());
    let mut input = right.execute(0, context.clone())?;
    let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); keep.len()];
    let mut rows = 0;
    while let Some(batch) = input.try_next().await? {
        rows += batch.num_rows();
        for (part, name) in parts.iter_mut().zip(keep) {
            let column = batch.column_by_name(name).ok_or_else(|| absent(name))?;
            reservation.try_grow(column.get_array_memory_size())?;
            part.push(column.clone());
        }
    }
    if u32::try_from(rows).is_err() {
        return Err(DataFusionError::ResourcesExhausted(
            "the held side of a product exceeds 2^32 rows".into(),
        ));
    }
    let mut columns = Vec::with_capacity(keep.len());
    for part in parts.iter().filter(|p| !p.is_empty()) {
        let part: Vec<&dyn arrow_array::Array> = part.iter().map(AsRef::as_ref).collect();
        columns.push(compute::concat(&part)?);
    }
    Ok(BuildSide { columns, rows, _reservation: reservation })
}

fn absent(name: &str) -> DataFusionError {
    DataFusionError::Internal(format!("column {name} is absent"))
}
