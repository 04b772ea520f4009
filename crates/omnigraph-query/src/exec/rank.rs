//! Top-k: the rows of the best entities of a match, before anything else is fetched for them.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{BooleanArray, Float64Array, RecordBatch, UInt64Array};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use arrow_select::filter::{filter, filter_record_batch};
use datafusion::common::Result as DfResult;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::{addresses, operator, properties};
use crate::plan::{RankKey, address};

/// Rows held before those that cannot win are dropped.
const HELD_ROWS: usize = 64 << 10;

/// Drops rows without a score, and rows of entities that at least `best` others precede. Entities with equal scores stay
/// together, so what breaks ties can be fetched for what is left. Memory: the rows of the best entities seen so far, and
/// a few batches; more ties than [`HELD_ROWS`] are passed on before the end.
pub(super) struct RankExec {
    input: Arc<dyn ExecutionPlan>,
    key: RankKey,
    best: u64,
    label: String,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl RankExec {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, key: RankKey, best: u64, label: String) -> RankExec {
        let properties = properties(&input.schema());
        RankExec { input, key, best, label, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for RankExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RankExec: {} by {}, best={}", address(self.key.var), self.label, self.best)
    }
}

operator!(RankExec, [input]);

impl RankExec {
    fn with_inputs(&self, [input]: [Arc<dyn ExecutionPlan>; 1]) -> DfResult<RankExec> {
        Ok(RankExec::new(input, self.key.clone(), self.best, self.label.clone()))
    }

    fn run(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let input = self.input.execute(partition, context)?;
        let key = self.key.clone();
        let scored = input.map(move |batch| {
            let batch = batch?;
            let (entities, scores) = ranking(&batch, &key)?;
            let (entities, certain, possible) = (entities.clone(), scores.clone(), scores.clone());
            Ok(Scored { batch, entities, certain, possible })
        });
        let candidates = Candidates::new(self.best, self.key.descending);
        let ranked = candidates.winners(scored, self.input.schema(), metrics);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), ranked)))
    }
}

/// Rows with scores of the ranked entities; those without a score never win.
pub(super) struct Scored {
    pub(super) batch: RecordBatch,
    pub(super) entities: UInt64Array,
    /// What each entity has at least: by this others are beaten.
    pub(super) certain: Float64Array,
    /// The best that each may have.
    pub(super) possible: Float64Array,
}

/// Rows that may win, each with the best score it may have.
pub(super) struct Candidates {
    top: TopEntities,
    all_win: bool,
    batches: Vec<(RecordBatch, Float64Array)>,
    rows: usize,
    /// Rows that were left when the losers were dropped last.
    left: usize,
}

impl Candidates {
    /// Starts with nothing; as many entities as `best` win. When that is more than are held, every row with a score
    /// does.
    pub(super) fn new(best: u64, descending: bool) -> Candidates {
        let best = usize::try_from(best).ok().filter(|best| *best <= HELD_ROWS);
        let top = TopEntities::new(best.unwrap_or(usize::MAX), descending);
        Candidates { top, all_win: best.is_none(), batches: vec![], rows: 0, left: 0 }
    }

    /// Turns rows into those that may win.
    pub(super) fn winners(
        self,
        rows: impl Stream<Item = DfResult<Scored>> + Send + 'static,
        schema: SchemaRef,
        metrics: BaselineMetrics,
    ) -> impl Stream<Item = DfResult<RecordBatch>> + Send {
        stream::try_unfold(Some((Box::pin(rows), self)), move |state| {
            let (schema, metrics) = (schema.clone(), metrics.clone());
            async move {
                let Some((mut rows, mut candidates)) = state else { return Ok(None) };
                while let Some(scored) = rows.try_next().await? {
                    candidates.add(scored)?;
                    if let Some(batch) = candidates.overflow(&schema)? {
                        metrics.record_output(batch.num_rows());
                        return Ok(Some((batch, Some((rows, candidates)))));
                    }
                }
                let batch = candidates.finish(&schema)?;
                metrics.record_output(batch.num_rows());
                Ok::<_, DataFusionError>(Some((batch, None)))
            }
        })
    }

    fn add(&mut self, Scored { batch, entities, certain, possible }: Scored) -> DfResult<()> {
        for (entity, score) in entities.values().iter().zip(&certain) {
            if let Some(score) = score
                && !self.all_win
            {
                self.top.insert(*entity, score);
            }
        }
        self.push(&batch, possible)
    }

    fn push(&mut self, batch: &RecordBatch, possible: Float64Array) -> DfResult<()> {
        let wins: BooleanArray =
            possible.iter().map(|score| Some(score.is_some_and(|score| self.top.admit(score)))).collect();
        let kept = wins.true_count();
        if kept == wins.len() {
            self.batches.push((batch.clone(), possible));
        } else if kept > 0 {
            let possible = filter(&possible, &wins)?;
            self.batches.push((filter_record_batch(batch, &wins)?, possible.as_primitive().clone()));
        }
        self.rows += kept;
        Ok(())
    }

    /// Drops the rows that have lost since they came.
    fn drop_losers(&mut self) -> DfResult<()> {
        self.rows = 0;
        for (batch, possible) in std::mem::take(&mut self.batches) {
            self.push(&batch, possible)?;
        }
        self.left = self.rows;
        Ok(())
    }

    /// Hands out rows when more tie than are to be held: they are passed on as possible winners.
    fn overflow(&mut self, schema: &SchemaRef) -> DfResult<Option<RecordBatch>> {
        if self.rows <= self.left + HELD_ROWS {
            return Ok(None);
        }
        self.drop_losers()?;
        let much = self.rows > HELD_ROWS && (self.all_win || self.rows / 4 > self.top.best);
        if much { self.release(schema).map(Some) } else { Ok(None) }
    }

    /// Hands out the rows that are left.
    fn finish(&mut self, schema: &SchemaRef) -> DfResult<RecordBatch> {
        self.drop_losers()?;
        self.release(schema)
    }

    fn release(&mut self, schema: &SchemaRef) -> DfResult<RecordBatch> {
        let batches = std::mem::take(&mut self.batches);
        (self.rows, self.left) = (0, 0);
        Ok(concat_batches(schema, batches.iter().map(|(batch, _)| batch))?)
    }
}

/// Turns scores into numbers that ascend from better to worse: the total order of IEEE 754, both zeros being one.
pub(super) fn order(score: f64, descending: bool) -> i64 {
    let bits = (score + 0.0).to_bits() as i64;
    let ascending = bits ^ (((bits >> 63) as u64) >> 1) as i64;
    if descending { !ascending } else { ascending }
}

/// The best distinct entities seen so far, by score; those that tie with the last of them count as well.
pub(super) struct TopEntities {
    best: usize,
    descending: bool,
    by_score: BTreeMap<i64, HashSet<u64>>,
    entities: usize,
    /// The worst score that is admitted.
    worst: i64,
}

impl TopEntities {
    pub(super) fn new(best: usize, descending: bool) -> TopEntities {
        let worst = if best == 0 { i64::MIN } else { i64::MAX };
        TopEntities { best, descending, by_score: BTreeMap::new(), entities: 0, worst }
    }

    fn order(&self, score: f64) -> i64 {
        order(score, self.descending)
    }

    /// Counts an entity.
    pub(super) fn insert(&mut self, entity: u64, score: f64) {
        let order = self.order(score);
        if !self.admits(order) {
            return;
        }
        if self.by_score.entry(order).or_default().insert(entity) {
            self.entities += 1;
        }
        while let Some(last) = self.by_score.last_entry()
            && self.entities - last.get().len() >= self.best
        {
            self.entities -= last.remove().len();
        }
        if self.entities >= self.best
            && let Some((last, _)) = self.by_score.last_key_value()
        {
            self.worst = *last;
        }
    }

    /// Tells whether an entity with this score is among the best so far.
    pub(super) fn admit(&self, score: f64) -> bool {
        self.admits(self.order(score))
    }

    fn admits(&self, order: i64) -> bool {
        order <= self.worst
    }
}

/// Returns the ranked entities and their scores.
pub(super) fn ranking<'a>(
    batch: &'a RecordBatch,
    key: &RankKey,
) -> DfResult<(&'a UInt64Array, &'a Float64Array)> {
    let scores = batch.column_by_name(&key.column()).and_then(|c| c.as_primitive_opt::<Float64Type>());
    let scores =
        scores.ok_or_else(|| DataFusionError::Internal(format!("no score column {}", key.column())))?;
    Ok((addresses(batch, &address(key.var))?, scores))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(best: usize, descending: bool, met: &[(u64, f64)]) -> Vec<u64> {
        let mut top = TopEntities::new(best, descending);
        met.iter().for_each(|&(entity, score)| top.insert(entity, score));
        let mut left: Vec<u64> =
            met.iter().filter(|(_, score)| top.admit(*score)).map(|(entity, _)| *entity).collect();
        left.sort_unstable();
        left.dedup();
        left
    }

    #[test]
    fn the_best_stay_with_all_that_tie_with_the_last_of_them() {
        let met = [(1, 0.5), (2, -1.0), (3, 2.0), (2, -1.0), (4, 0.5), (5, 3.0), (6, -0.0), (7, 0.0)];
        assert_eq!(left(1, false, &met), [2]);
        assert_eq!(left(2, false, &met), [2, 6, 7]);
        assert_eq!(left(4, false, &met), [1, 2, 4, 6, 7]);
        assert_eq!(left(3, true, &met), [1, 3, 4, 5]);
        assert_eq!(left(100, true, &met), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(left(0, true, &met), [0_u64; 0]);
    }
}
