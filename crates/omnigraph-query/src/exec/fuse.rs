//! Reciprocal rank fusion of two rankings of the entities of a match.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, SchemaRef};
use arrow_select::filter::filter_record_batch;
use datafusion::common::Result as DfResult;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt, stream};
use omnigraph_storage::Table;
use omnigraph_vector::{Bounded, SearchRadius};

use super::fusion_inputs::{FusionInput, Ranks, ranks};
use super::{address_field, addresses, external, operator, properties, select};
use crate::cache::Caches;
use crate::error::Result;
use crate::plan::{Fused, address};
use crate::search::{ComputedColumn, within};

/// Batches measured ahead.
const AHEAD: usize = 4;

/// Ranks the distinct entities of the rows in two ways and fuses the ranks. An entity's score is the sum of
/// `1 / (k + r)` over the rankings that hold it, r counted from 1. Entities are ordered by score; ties keep the order of
/// the first ranking, then of the second; within a ranking ties are broken by id.
///
/// Scores are computed here, for the entities that need them. Memory: the rows that may win, accounted for; it fails
/// rather than exceed its share.
pub(super) struct FuseExec {
    input: Arc<dyn ExecutionPlan>,
    fused: Fused,
    computed: [Arc<ComputedColumn>; 2],
    table: Table,
    caches: Arc<Caches>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl FuseExec {
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        fused: Fused,
        computed: [Arc<ComputedColumn>; 2],
        table: Table,
        caches: Arc<Caches>,
    ) -> DfResult<FuseExec> {
        let scores = [Field::new(fused.score(), DataType::Float64, true), address_field(fused.position())];
        let schema = select(&input.schema(), &fused.keep, scores)?;
        let properties = properties(&schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(FuseExec { input, fused, computed, table, caches, schema, properties, metrics })
    }
}

impl DisplayAs for FuseExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = &self.computed;
        write!(f, "FuseExec: {} by {first} and {second}, k={}", address(self.fused.var()), self.fused.k)?;
        if let Some(best) = self.fused.best {
            write!(f, ", best={best}")?;
        }
        Ok(())
    }
}

operator!(FuseExec, [input]);

impl FuseExec {
    fn with_inputs(&self, [input]: [Arc<dyn ExecutionPlan>; 1]) -> DfResult<FuseExec> {
        let (computed, table) = (self.computed.clone(), self.table.clone());
        FuseExec::new(input, self.fused.clone(), computed, table, self.caches.clone())
    }

    fn run(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let reservation = MemoryConsumer::new("FuseExec").register(context.memory_pool());
        let input = self.input.execute(partition, context)?;
        let (fused, table, caches) = (self.fused.clone(), self.table.clone(), self.caches.clone());
        let (schema, computed) = (self.schema.clone(), self.computed.clone());
        let ranked = async move {
            let radius = fused.inputs.each_ref().map(|(_, best)| {
                best.map(|best| Arc::new(SearchRadius::new(usize::try_from(best).unwrap_or(usize::MAX))))
            });
            let radius = &radius;
            let measured = input.map(|batch| {
                let (computed, caches, name) = (computed.clone(), caches.clone(), address(fused.var()));
                async move {
                    let batch = batch?;
                    let entities = addresses(&batch, &name)?.values();
                    let [first, second] =
                        [0, 1].map(|at| within(&computed[at], &caches, entities, radius[at].as_ref()));
                    let measured = [first.await.map_err(external)?, second.await.map_err(external)?];
                    Ok::<_, DataFusionError>((batch, measured))
                }
            });
            let mut measured = Box::pin(measured.buffered(AHEAD));
            let input = |at: usize| {
                let (key, best) = &fused.inputs[at];
                FusionInput::new(computed[at].clone(), key.descending, *best)
            };
            let mut rows = Rows { fused: &fused, inputs: [input(0), input(1)], batches: vec![], reservation };
            while let Some((batch, measured)) = measured.try_next().await? {
                rows.add(&batch, &measured)?;
            }
            let Rows { inputs, batches, .. } = rows;
            let scores = fuse(&fused, inputs, &table, &caches).await.map_err(external)?;
            let batches: Vec<DfResult<RecordBatch>> =
                batches.iter().map(|batch| with_scores(batch, &fused, &scores, &schema)).collect();
            Ok::<_, DataFusionError>(stream::iter(batches))
        };
        let ranked = stream::once(ranked).try_flatten().inspect(move |batch| {
            if let Ok(batch) = batch {
                metrics.record_output(batch.num_rows());
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), ranked)))
    }
}

/// The score of an entity and its position.
type FusedScores = HashMap<u64, (f64, u64)>;

/// Adds scores and positions to the rows of the entities that have them, or to all rows.
fn with_scores(
    batch: &RecordBatch,
    fused: &Fused,
    scores: &FusedScores,
    schema: &SchemaRef,
) -> DfResult<RecordBatch> {
    let entities = addresses(batch, &address(fused.var()))?;
    let found: Vec<Option<&(f64, u64)>> = entities.values().iter().map(|entity| scores.get(entity)).collect();
    let scores: Float64Array = found.iter().map(|found| found.map(|(score, _)| *score)).collect();
    let order: UInt64Array =
        found.iter().map(|found| Some(found.map_or(u64::MAX, |(_, position)| *position))).collect();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for name in &fused.keep {
        columns.push(batch.column(batch.schema().index_of(name)?).clone());
    }
    columns.push(Arc::new(scores));
    columns.push(Arc::new(order));
    let batch = RecordBatch::try_new(schema.clone(), columns)?;
    if fused.best.is_none() {
        return Ok(batch);
    }
    let wins: BooleanArray = found.iter().map(|found| Some(found.is_some())).collect();
    Ok(filter_record_batch(&batch, &wins)?)
}

/// The rows of a match, without those that no ranking holds.
struct Rows<'a> {
    fused: &'a Fused,
    inputs: [FusionInput; 2],
    batches: Vec<RecordBatch>,
    reservation: MemoryReservation,
}

impl Rows<'_> {
    fn add(&mut self, batch: &RecordBatch, measured: &[Vec<Bounded>; 2]) -> DfResult<()> {
        let entities = addresses(batch, &address(self.fused.var()))?.values();
        let mut held = vec![self.fused.best.is_none(); entities.len()];
        for (input, measured) in self.inputs.iter_mut().zip(measured) {
            input.add(entities, measured, &mut held);
        }
        let kept = filter_record_batch(batch, &BooleanArray::from(held))?;
        if kept.num_rows() > 0 {
            self.reservation.try_grow(kept.get_array_memory_size())?;
            self.batches.push(kept);
        }
        Ok(())
    }
}

/// Fuses the rankings.
async fn fuse(
    fused: &Fused,
    inputs: [FusionInput; 2],
    table: &Table,
    caches: &Caches,
) -> Result<FusedScores> {
    let [first, second] = inputs;
    let rankings = [first.finish(caches).await?, second.finish(caches).await?];
    let [first, second] = ranks(rankings, fused.best, table, caches).await?;
    let part =
        |ranks: &Ranks, entity: &u64| ranks.get(entity).map_or(0.0, |rank| 1.0 / (fused.k + *rank as f64));
    let entities = first.keys().chain(second.keys().filter(|entity| !first.contains_key(entity)));
    let mut scored: Vec<(u64, f64)> =
        entities.map(|entity| (*entity, part(&first, entity) + part(&second, entity))).collect();
    let position = |ranks: &Ranks, entity: &u64| ranks.get(entity).copied().unwrap_or(u64::MAX);
    scored.sort_by(|(a, x), (b, y)| {
        let ties = |entity| (position(&first, entity), position(&second, entity));
        y.total_cmp(x).then_with(|| ties(a).cmp(&ties(b)))
    });
    let best = fused.best.map_or(usize::MAX, |best| usize::try_from(best).unwrap_or(usize::MAX));
    let winners = scored.into_iter().take(best).zip(0..);
    Ok(winners.map(|((entity, score), position)| (entity, (score, position))).collect())
}
