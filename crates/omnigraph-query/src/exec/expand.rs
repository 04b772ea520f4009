//! Traversals: from rows with one bound end to one row per distinct destination, or per edge when the edge is bound.
//!
//! Output is made in chunks, so a limit above stops the walk. State: one input batch and, for walks of several steps,
//! the destinations of recently seen starts, bounded.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::compute;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, UInt64Array};
use arrow_schema::SchemaRef;
use datafusion::common::Result as DfResult;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{TryStreamExt, stream};

use super::walk::{ExpandRequest, Reached, expand};
use super::{Shared, address_field, addresses, external, operator, properties, select};
use crate::plan::{Expand, address};
use crate::topology::{Direction, EdgeTables, Neighbours, Visited};

/// Remembered destinations, in entries.
const MEMO: usize = 1 << 20;

/// One traversal step.
pub(super) struct ExpandExec {
    input: Arc<dyn ExecutionPlan>,
    step: Expand,
    edge_tables: EdgeTables,
    shared: Shared,
    batch_rows: usize,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ExpandExec {
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        step: Expand,
        edge_tables: EdgeTables,
        shared: Shared,
        batch_rows: usize,
    ) -> DfResult<ExpandExec> {
        let to = (!step.check).then(|| address_field(address(step.to)));
        let edge = step.edge_var.map(|v| address_field(address(v)));
        let schema = select(&input.schema(), &step.keep, to.into_iter().chain(edge))?;
        let properties = properties(&schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(ExpandExec { input, step, edge_tables, shared, batch_rows, schema, properties, metrics })
    }
}

impl DisplayAs for ExpandExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = &self.step;
        let (open, close) = match step.direction {
            Direction::Out => ("-", "->"),
            Direction::In => ("<-", "-"),
            Direction::Both => ("-", "-"),
        };
        write!(f, "ExpandExec: {}{open}{}", address(step.from), step.edge)?;
        if step.bounds != (1, 1) {
            write!(f, "{{{},{}}}", step.bounds.0, step.bounds.1)?;
        }
        write!(f, "{close}{}", address(step.to))?;
        if let Some(edge) = step.edge_var {
            write!(f, ", edge={}", address(edge))?;
        }
        if step.check {
            f.write_str(", test only")?;
        }
        if step.first {
            f.write_str(", first only")?;
        }
        write!(f, ", keep=[{}]", step.keep.join(", "))
    }
}

operator!(ExpandExec, [input]);

impl ExpandExec {
    fn with_inputs(&self, [input]: [Arc<dyn ExecutionPlan>; 1]) -> DfResult<ExpandExec> {
        let (step, edge_tables, shared) = (self.step.clone(), self.edge_tables.clone(), self.shared.clone());
        ExpandExec::new(input, step, edge_tables, shared, self.batch_rows)
    }

    fn run(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let (direction, mode) = (self.step.direction, self.shared.mode);
        let state = Walk {
            input: self.input.execute(partition, context)?,
            neighbours: Neighbours::new(
                self.edge_tables.clone(),
                direction,
                mode,
                self.shared.caches.clone(),
            ),
            step: self.step.clone(),
            schema: self.schema.clone(),
            batch_rows: self.batch_rows,
            current: None,
            visited: Visited::default(),
            memo: Memo::default(),
            metrics: BaselineMetrics::new(&self.metrics, partition),
            walked: MetricBuilder::new(&self.metrics).counter("batches_walked_in_memory", partition),
            probed: MetricBuilder::new(&self.metrics).counter("batches_probed", partition),
        };
        let batches = stream::try_unfold(state, |mut state| async move {
            Ok(state.next().await?.map(|batch| (batch, state)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches)))
    }
}

struct Walk {
    input: SendableRecordBatchStream,
    neighbours: Neighbours,
    step: Expand,
    schema: SchemaRef,
    batch_rows: usize,
    current: Option<Current>,
    visited: Visited,
    memo: Memo,
    metrics: BaselineMetrics,
    walked: Count,
    probed: Count,
}

/// Addresses of the destinations of one start and of the edges to them.
type Destinations = Arc<[(u64, u64)]>;

/// An input batch and how far its rows have been expanded.
struct Current {
    batch: RecordBatch,
    reached: Reached,
    row: usize,
    /// Destinations of `row`, and how many of them are out.
    list: Option<(Destinations, usize)>,
}

#[derive(Default)]
struct Memo {
    lists: HashMap<u64, Destinations>,
    entries: usize,
}

impl Memo {
    fn insert(&mut self, start: u64, list: Destinations) {
        if self.entries > MEMO {
            self.lists.clear();
            self.entries = 0;
        }
        self.entries += list.len() + 1;
        self.lists.insert(start, list);
    }
}

#[derive(Default)]
struct Chunk {
    rows: Vec<u32>,
    to: Vec<u64>,
    edge: Vec<u64>,
}

impl Walk {
    async fn next(&mut self) -> DfResult<Option<RecordBatch>> {
        loop {
            let mut current = match self.current.take() {
                Some(current) => current,
                None => match self.input.try_next().await? {
                    Some(batch) if batch.num_rows() == 0 => continue,
                    Some(batch) => self.begin(batch).await?,
                    None => return Ok(None),
                },
            };
            let chunk = self.fill(&mut current)?;
            let made = if chunk.rows.is_empty() { None } else { Some(self.finish(&current.batch, chunk)?) };
            if current.row < current.batch.num_rows() {
                self.current = Some(current);
            }
            if made.is_some() {
                return Ok(made);
            }
        }
    }

    async fn begin(&mut self, batch: RecordBatch) -> DfResult<Current> {
        let starts = addresses(&batch, &address(self.step.from))?;
        let request = ExpandRequest { bounds: self.step.bounds, edges: self.step.edge_var.is_some() };
        let reached = expand(&self.neighbours, starts.values(), request).await.map_err(external)?;
        match &reached {
            Reached::Walk(_) => self.walked.add(1),
            Reached::Probed(_) => self.probed.add(1),
        }
        Ok(Current { batch, reached, row: 0, list: None })
    }

    /// Expands rows until a chunk is full or the batch is done.
    fn fill(&mut self, current: &mut Current) -> DfResult<Chunk> {
        let starts = addresses(&current.batch, &address(self.step.from))?.clone();
        let targets = if self.step.check {
            Some(addresses(&current.batch, &address(self.step.to))?.clone())
        } else {
            None
        };
        let mut chunk = Chunk::default();
        while current.row < current.batch.num_rows() && chunk.rows.len() < self.batch_rows {
            let row = current.row;
            let start = starts.value(row);
            if let Some(targets) = &targets
                && self.step.edge_var.is_none()
                && self.step.bounds == (1, 1)
                && let Reached::Walk(topology) = &current.reached
            {
                // The commonest test needs no list: a binary search.
                let (near, far) = topology.numberings(self.step.direction);
                let pair = near.ordinal(start).zip(far.ordinal(targets.value(row)));
                if pair.is_some_and(|(a, b)| topology.connected(a, b, self.step.direction)) {
                    chunk.rows.push(row as u32);
                }
                current.row += 1;
                continue;
            }
            let (list, done) = match current.list.take() {
                Some(list) => list,
                None => (self.destinations(&current.reached, start), 0),
            };
            let wanted = targets.as_ref().map(|t| t.value(row));
            let mut at = done;
            let mut over = false;
            while at < list.len() && chunk.rows.len() < self.batch_rows {
                let (to, edge) = list[at];
                at += 1;
                if wanted.is_some_and(|w| w != to) {
                    continue;
                }
                chunk.rows.push(row as u32);
                chunk.to.push(to);
                chunk.edge.push(edge);
                if self.step.first || (wanted.is_some() && self.step.edge_var.is_none()) {
                    over = true;
                    break;
                }
            }
            if over || at >= list.len() {
                current.row += 1;
            } else {
                current.list = Some((list, at));
            }
        }
        Ok(chunk)
    }

    fn destinations(&mut self, reached: &Reached, start: u64) -> Destinations {
        if let Some(known) = self.memo.lists.get(&start) {
            return known.clone();
        }
        let edges = self.step.edge_var.is_some();
        let list = match reached {
            Reached::Probed(lists) => lists.get(&start).cloned().unwrap_or_default(),
            Reached::Walk(topology) => {
                let direction = self.neighbours.direction();
                let (near, far) = topology.numberings(direction);
                let Some(node) = near.ordinal(start) else { return Arc::from([]) };
                if edges {
                    let mut pairs = Vec::new();
                    topology.incident(node, direction, &mut pairs);
                    pairs.iter().map(|&(n, e)| (far.address(n), topology.edge_address(e))).collect()
                } else {
                    let mut found = Vec::new();
                    topology.reach(node, direction, self.step.bounds, &mut self.visited, &mut found);
                    found.iter().map(|&n| (far.address(n), 0)).collect()
                }
            }
        };
        self.memo.insert(start, Arc::clone(&list));
        list
    }

    fn finish(&self, batch: &RecordBatch, chunk: Chunk) -> DfResult<RecordBatch> {
        let count = chunk.rows.len();
        let rows = UInt32Array::from(chunk.rows);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for name in &self.step.keep {
            let column = batch.column_by_name(name);
            let absent = || DataFusionError::Internal(format!("column {name} is absent"));
            columns.push(compute::take(column.ok_or_else(absent)?, &rows, None)?);
        }
        if !self.step.check {
            columns.push(Arc::new(UInt64Array::from(chunk.to)));
        }
        if self.step.edge_var.is_some() {
            columns.push(Arc::new(UInt64Array::from(chunk.edge)));
        }
        self.metrics.record_output(count);
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
    }
}
