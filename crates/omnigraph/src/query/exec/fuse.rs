//! Reciprocal rank fusion of two rankings of the entities of a match.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, Float64Array, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, SchemaRef};
use arrow_select::filter::filter_record_batch;
use datafusion::common::Result as DfResult;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt, stream};

use super::rank::{Leaders, ranking};
use super::{address_field, addresses, external, operator, properties, select};
use crate::model;
use crate::query::cache::Caches;
use crate::query::columns;
use crate::query::plan::{Fused, RankKey, address};
use crate::storage::Table;

/// Ranks the distinct entities of the rows in two ways and fuses the ranks: an entity's score is the sum of `1 / (k + r)`
/// over the rankings that hold it, r counted from 1. Entities are ordered by score; ties keep the order of the first
/// ranking, then of the second; within a ranking ties are broken by id.
///
/// Memory: the rows that may win, accounted for; it fails rather than exceed its share.
pub(super) struct FuseExec {
    input: Arc<dyn ExecutionPlan>,
    fused: Fused,
    labels: [String; 2],
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
        labels: [String; 2],
        table: Table,
        caches: Arc<Caches>,
    ) -> DfResult<FuseExec> {
        let scores = [Field::new(fused.score(), DataType::Float64, true), address_field(fused.place())];
        let schema = select(&input.schema(), &fused.keep, scores)?;
        let properties = properties(&schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(FuseExec { input, fused, labels, table, caches, schema, properties, metrics })
    }
}

impl fmt::Debug for FuseExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as(DisplayFormatType::Default, f)
    }
}

impl DisplayAs for FuseExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = &self.labels;
        write!(f, "FuseExec: {} by {first} and {second}, k={}", address(self.fused.var()), self.fused.k)?;
        if let Some(best) = self.fused.best {
            write!(f, ", best={best}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for FuseExec {
    operator!("FuseExec");

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let input = children.swap_remove(0);
        let (labels, table) = (self.labels.clone(), self.table.clone());
        Ok(Arc::new(FuseExec::new(input, self.fused.clone(), labels, table, self.caches.clone())?))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let reservation = MemoryConsumer::new("FuseExec").register(context.memory_pool());
        let mut input = self.input.execute(partition, context)?;
        let (fused, table, caches) = (self.fused.clone(), self.table.clone(), self.caches.clone());
        let schema = self.schema.clone();
        let ranked = async move {
            let mut rows = Rows::new(&fused, reservation);
            while let Some(batch) = input.try_next().await? {
                rows.add(&batch)?;
            }
            let places = rows.places(&table, &caches).await?;
            let batches: Vec<DfResult<RecordBatch>> =
                rows.batches.iter().map(|batch| placed(batch, &fused, &places, &schema)).collect();
            Ok::<_, datafusion::error::DataFusionError>(stream::iter(batches))
        };
        let ranked = stream::once(ranked).try_flatten().inspect(move |batch| {
            if let Ok(batch) = batch {
                metrics.record_output(batch.num_rows());
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), ranked)))
    }
}

/// The score of an entity and its place.
type Places = HashMap<u64, (f64, u64)>;

/// Adds scores and places to the rows of the entities that have them, or to all rows.
fn placed(batch: &RecordBatch, fused: &Fused, places: &Places, schema: &SchemaRef) -> DfResult<RecordBatch> {
    let entities = addresses(batch, &address(fused.var()))?;
    let found: Vec<Option<&(f64, u64)>> = entities.values().iter().map(|entity| places.get(entity)).collect();
    let scores: Float64Array = found.iter().map(|found| found.map(|(score, _)| *score)).collect();
    let order: UInt64Array =
        found.iter().map(|found| Some(found.map_or(u64::MAX, |(_, place)| *place))).collect();
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
    arms: [Arm; 2],
    batches: Vec<RecordBatch>,
    reservation: MemoryReservation,
}

/// What one ranking holds.
struct Arm {
    leaders: Option<Leaders>,
    scores: HashMap<u64, f64>,
}

impl Arm {
    fn new((key, best): &(RankKey, Option<u64>)) -> Arm {
        let best = best.map(|best| usize::try_from(best).unwrap_or(usize::MAX));
        Arm { leaders: best.map(|best| Leaders::new(best, key.descending)), scores: HashMap::new() }
    }

    /// Returns whether an entity with this score may be held.
    fn add(&mut self, entity: u64, score: Option<f64>) -> bool {
        let Some(score) = score else { return false };
        if let Some(leaders) = &mut self.leaders {
            leaders.meet(entity, score);
            if !leaders.admit(score) {
                return false;
            }
        }
        self.scores.insert(entity, score);
        true
    }

    /// Returns the rank of each entity, from 1. `ids` tells the ids of entities.
    fn ranks(&self, (key, best): &(RankKey, Option<u64>), ids: &HashMap<u64, String>) -> HashMap<u64, u64> {
        let admitted = |score: f64| self.leaders.as_ref().is_none_or(|leaders| leaders.admit(score));
        let mut order: Vec<(u64, f64)> =
            self.scores.iter().map(|(e, s)| (*e, *s)).filter(|(_, score)| admitted(*score)).collect();
        order.sort_by(|(a, x), (b, y)| {
            let by_score = if key.descending { y.total_cmp(x) } else { x.total_cmp(y) };
            by_score.then_with(|| ids.get(a).cmp(&ids.get(b)))
        });
        let best = best.map_or(usize::MAX, |best| usize::try_from(best).unwrap_or(usize::MAX));
        order.iter().take(best).zip(1..).map(|((entity, _), rank)| (*entity, rank)).collect()
    }
}

impl<'a> Rows<'a> {
    fn new(fused: &'a Fused, reservation: MemoryReservation) -> Rows<'a> {
        Rows {
            fused,
            arms: [Arm::new(&fused.arms[0]), Arm::new(&fused.arms[1])],
            batches: vec![],
            reservation,
        }
    }

    fn add(&mut self, batch: &RecordBatch) -> DfResult<()> {
        let (entities, first) = ranking(batch, &self.fused.arms[0].0)?;
        let (_, second) = ranking(batch, &self.fused.arms[1].0)?;
        let [a, b] = &mut self.arms;
        let wins = entities.values().iter().zip(first.iter().zip(second)).map(|(&entity, (x, y))| {
            let (x, y) = (a.add(entity, x), b.add(entity, y));
            Some(x || y)
        });
        let wins: BooleanArray = wins.collect();
        let all = self.fused.best.is_none() || wins.true_count() == wins.len();
        let kept = if all { batch.clone() } else { filter_record_batch(batch, &wins)? };
        if kept.num_rows() > 0 {
            self.reservation.try_grow(kept.get_array_memory_size())?;
            self.batches.push(kept);
        }
        Ok(())
    }

    async fn places(&self, table: &Table, caches: &Caches) -> DfResult<Places> {
        let ids = self.ids(table, caches).await?;
        let [first, second] = [0, 1].map(|arm| self.arms[arm].ranks(&self.fused.arms[arm], &ids));
        let part = |ranks: &HashMap<u64, u64>, entity: &u64| {
            ranks.get(entity).map_or(0.0, |rank| 1.0 / (self.fused.k + *rank as f64))
        };
        let entities = first.keys().chain(second.keys().filter(|entity| !first.contains_key(entity)));
        let mut scored: Vec<(u64, f64)> =
            entities.map(|entity| (*entity, part(&first, entity) + part(&second, entity))).collect();
        let place = |ranks: &HashMap<u64, u64>, entity: &u64| ranks.get(entity).copied().unwrap_or(u64::MAX);
        scored.sort_by(|(a, x), (b, y)| {
            let ties = |entity| (place(&first, entity), place(&second, entity));
            y.total_cmp(x).then_with(|| ties(a).cmp(&ties(b)))
        });
        let best = self.fused.best.map_or(usize::MAX, |best| usize::try_from(best).unwrap_or(usize::MAX));
        let winners = scored.into_iter().take(best).zip(0..);
        Ok(winners.map(|((entity, score), place)| (entity, (score, place))).collect())
    }

    /// Reads the ids of the entities that a ranking holds.
    async fn ids(&self, table: &Table, caches: &Caches) -> DfResult<HashMap<u64, String>> {
        let mut entities: Vec<u64> = self.arms.iter().flat_map(|arm| arm.scores.keys().copied()).collect();
        entities.sort_unstable();
        entities.dedup();
        let names = [model::ID.to_owned()];
        let fetched = columns::fetch(caches, table, &names, &entities).await.map_err(external)?;
        let ids = fetched[0].as_string::<i32>().iter().map(|id| id.unwrap_or_default().to_owned());
        Ok(entities.into_iter().zip(ids).collect())
    }
}
