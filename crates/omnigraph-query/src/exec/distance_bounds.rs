//! Dropping rows that cannot be among the nearest, by bounds of their distances.
//!
//! Bounds come from quantized vectors, at a fraction of the cost of distances, which are computed for the rows that are
//! left.

use std::fmt;
use std::sync::Arc;

use arrow_array::UInt32Array;
use arrow_select::take::take_record_batch;
use datafusion::common::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use omnigraph_vector::SearchRadius;

use super::rank::{Candidates, Scored};
use super::{addresses, external, operator, properties};
use crate::cache::Caches;
use crate::plan::{RankKey, address};
use crate::search::{ComputedColumn, within};

/// Batches whose bounds are computed ahead.
const AHEAD: usize = 4;

/// Keeps the rows of entities whose distance may be among the `best` smallest, ties included. An answer does not depend
/// on it: exact distances are computed for what is left. Memory: as [`super::rank::RankExec`].
pub(super) struct BoundExec {
    input: Arc<dyn ExecutionPlan>,
    computed: Arc<ComputedColumn>,
    key: RankKey,
    best: u64,
    caches: Arc<Caches>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl BoundExec {
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        computed: Arc<ComputedColumn>,
        key: RankKey,
        best: u64,
        caches: Arc<Caches>,
    ) -> BoundExec {
        let properties = properties(&input.schema());
        BoundExec { input, computed, key, best, caches, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for BoundExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoundExec: {} by {}, best={}", address(self.key.var), self.computed, self.best)
    }
}

operator!(BoundExec, [input]);

impl BoundExec {
    fn with_inputs(&self, [input]: [Arc<dyn ExecutionPlan>; 1]) -> DfResult<BoundExec> {
        let (computed, key) = (self.computed.clone(), self.key.clone());
        Ok(BoundExec::new(input, computed, key, self.best, self.caches.clone()))
    }

    fn run(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let (computed, name) = (self.computed.clone(), address(self.key.var));
        let caches = self.caches.clone();
        let radius = Arc::new(SearchRadius::new(usize::try_from(self.best).unwrap_or(usize::MAX)));
        let rows = self.input.execute(partition, context)?.map(move |batch| {
            let (computed, name) = (computed.clone(), name.clone());
            let (caches, radius) = (caches.clone(), radius.clone());
            async move {
                let batch = batch?;
                let entities = addresses(&batch, &name)?.values();
                let found = within(&computed, &caches, entities, Some(&radius)).await.map_err(external)?;
                let positions: UInt32Array =
                    found.iter().map(|row| row.position as u32).collect::<Vec<u32>>().into();
                let batch = if found.len() < batch.num_rows() {
                    take_record_batch(&batch, &positions)?
                } else {
                    batch
                };
                let entities = addresses(&batch, &name)?.clone();
                let known = |bound: f64| (bound < f64::INFINITY).then_some(bound);
                let certain = found.iter().map(|row| known(row.upper)).collect();
                let possible = found.iter().map(|row| known(row.lower)).collect();
                Ok(Scored { batch, entities, certain, possible })
            }
        });
        let candidates = Candidates::new(self.best, false);
        let kept = candidates.winners(rows.buffered(AHEAD), self.input.schema(), metrics);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), kept)))
    }
}
