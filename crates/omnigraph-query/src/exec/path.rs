//! Paths between the two nodes of a traversal, for rows that bind both already.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, UInt64Array};
use arrow_buffer::NullBuffer;
use arrow_schema::{Field, Schema, SchemaRef};
use datafusion::common::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use omnigraph_compiler::ir::{PathPart, Traversal, VarId};
use omnigraph_compiler::types::Type;
use omnigraph_graph::model;

use super::shortest::{Graph, Path, lengths, paths};
use super::{Shared, addresses, external, operator, properties};
use crate::columns;
use crate::error::{QueryError, Result};
use crate::plan::{address, column, path_part};
use crate::topology::{Direction, EdgeTables, Neighbours};

/// Adds parts of the path that a traversal binds. Memory: a batch, and the nodes that the search from one of its
/// distinct starts visits, one start after the other.
pub(super) struct PathExec {
    input: Arc<dyn ExecutionPlan>,
    traversal: Traversal,
    var: VarId,
    edge_tables: EdgeTables,
    shared: Shared,
    parts: Vec<PathPart>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl PathExec {
    /// Adds the named parts, as columns of the path variable.
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        traversal: Traversal,
        var: VarId,
        edge_tables: EdgeTables,
        shared: Shared,
        names: &[String],
    ) -> Result<PathExec> {
        let parts = names.iter().map(|name| {
            path_part(name).ok_or_else(|| QueryError::internal(format!("a path has no part '{name}'")))
        });
        let parts: Vec<PathPart> = parts.collect::<Result<_>>()?;
        let mut fields: Vec<Field> = input.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        for (name, part) in names.iter().zip(&parts) {
            let ty = model::column_type(&Type::required(part.kind()));
            fields.push(Field::new(column(var, name), ty, true));
        }
        let schema = Arc::new(Schema::new(fields));
        let properties = properties(&schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(PathExec { input, traversal, var, edge_tables, shared, parts, schema, properties, metrics })
    }

    fn source(&self) -> Source {
        let Traversal { from, left, undirected, .. } = &self.traversal;
        let (along, against) = match (undirected, left == from) {
            (true, _) => (Direction::Both, Direction::Both),
            (false, true) => (Direction::Out, Direction::In),
            (false, false) => (Direction::In, Direction::Out),
        };
        let neighbours = |direction| {
            Neighbours::new(self.edge_tables.clone(), direction, self.shared.mode, self.shared.caches.clone())
        };
        Source {
            traversal: self.traversal.clone(),
            var: self.var,
            edge_tables: self.edge_tables.clone(),
            shared: self.shared.clone(),
            parts: self.parts.clone(),
            along: neighbours(along),
            against: neighbours(against),
        }
    }
}

impl DisplayAs for PathExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Traversal { edge, from, to, min, max, .. } = &self.traversal;
        write!(
            f,
            "PathExec: {} along {edge}{{{min},{max}}} from {} to {}",
            address(self.var),
            address(*from),
            address(*to)
        )
    }
}

operator!(PathExec, [input]);

impl PathExec {
    fn with_inputs(&self, [input]: [Arc<dyn ExecutionPlan>; 1]) -> DfResult<PathExec> {
        Ok(PathExec {
            input,
            traversal: self.traversal.clone(),
            var: self.var,
            edge_tables: self.edge_tables.clone(),
            shared: self.shared.clone(),
            parts: self.parts.clone(),
            schema: self.schema.clone(),
            properties: self.properties.clone(),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    fn run(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let (source, schema) = (Arc::new(self.source()), self.schema.clone());
        let added = self.input.execute(partition, context)?.then(move |batch| {
            let (source, schema, metrics) = (source.clone(), schema.clone(), metrics.clone());
            async move {
                let batch = batch?;
                let parts = source.parts(&batch).await.map_err(external)?;
                metrics.record_output(batch.num_rows());
                let all = batch.columns().iter().cloned().chain(parts).collect();
                Ok(RecordBatch::try_new(schema, all)?)
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), added)))
    }
}

/// Where paths come from.
struct Source {
    traversal: Traversal,
    var: VarId,
    edge_tables: EdgeTables,
    shared: Shared,
    parts: Vec<PathPart>,
    along: Neighbours,
    against: Neighbours,
}

impl Source {
    /// Returns the parts for the rows of a batch.
    async fn parts(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let Traversal { from, to, left, .. } = &self.traversal;
        let (near, far) = if left == from { (from, to) } else { (to, from) };
        let (near, far) = (addresses(batch, &address(*near))?, addresses(batch, &address(*far))?);
        // Where an optional block found nothing, its path is not bound although both ends may be.
        let bound = batch.column_by_name(&address(self.var)).and_then(|bound| bound.nulls());
        let near = &UInt64Array::new(near.values().clone(), NullBuffer::union(near.nulls(), bound));
        let mut wanted: HashMap<u64, HashSet<u64>> = HashMap::new();
        for (start, end) in near.iter().zip(far) {
            if let (Some(start), Some(end)) = (start, end) {
                wanted.entry(start).or_default().insert(end);
            }
        }
        if self.parts.iter().all(|part| matches!(part, PathPart::Length)) {
            let lengths = self.lengths(near, far, &wanted).await?;
            return Ok(self.parts.iter().map(|_| Arc::clone(&lengths)).collect());
        }
        let mut found: HashMap<(u64, u64), Path> = HashMap::new();
        for (start, destinations) in &wanted {
            let paths = paths(&self.graph(), *start, destinations, self.traversal.max).await?;
            found.extend(paths.into_iter().map(|(end, path)| ((*start, end), path)));
        }
        let rows: Vec<Option<&Path>> =
            near.iter().zip(far).map(|(start, end)| found.get(&(start?, end?))).collect();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            arrays.push(match part {
                PathPart::Length => {
                    let lengths = rows.iter().map(|row| row.map(|path| path.edges.len() as i64));
                    Arc::new(lengths.collect::<Int64Array>())
                }
                PathPart::Nodes => self.nodes(&rows).await?,
                PathPart::Edges => self.edges(&rows).await?,
            });
        }
        Ok(arrays)
    }

    async fn lengths(
        &self,
        near: &UInt64Array,
        far: &UInt64Array,
        wanted: &HashMap<u64, HashSet<u64>>,
    ) -> Result<ArrayRef> {
        let mut found: HashMap<(u64, u64), u32> = HashMap::new();
        for (start, destinations) in wanted {
            let lengths = lengths(&self.graph(), *start, destinations, self.traversal.max).await?;
            found.extend(lengths.into_iter().map(|(end, length)| ((*start, end), length)));
        }
        let rows =
            near.iter().zip(far).map(|(start, end)| found.get(&(start?, end?)).copied().map(i64::from));
        Ok(Arc::new(rows.collect::<Int64Array>()))
    }

    fn graph(&self) -> Graph<'_> {
        Graph {
            along: &self.along,
            against: &self.against,
            nodes: &self.edge_tables.source,
            edges: &self.edge_tables.edge,
            caches: &self.shared.caches,
        }
    }

    /// The ids of the nodes of each path. Between different types there are two, of one type each.
    async fn nodes(&self, rows: &[Option<&Path>]) -> Result<ArrayRef> {
        let (near, far) = match self.traversal.left == self.traversal.from {
            true => (&self.edge_tables.source, &self.edge_tables.target),
            false => (&self.edge_tables.target, &self.edge_tables.source),
        };
        let starts = rows.iter().flatten().filter_map(|path| path.nodes.first().copied()).collect();
        let others = rows.iter().flatten().flat_map(|path| path.nodes[1..].iter().copied()).collect();
        let caches = &self.shared.caches;
        let starts = columns::texts(caches, near, model::ID, starts).await?;
        let others = columns::texts(caches, far, model::ID, others).await?;
        Ok(lists(rows, |path| {
            let (first, rest) = path.nodes.split_first().expect("a path has nodes");
            std::iter::once(&starts[first]).chain(rest.iter().map(|node| &others[node]))
        }))
    }

    async fn edges(&self, rows: &[Option<&Path>]) -> Result<ArrayRef> {
        let edges = rows.iter().flatten().flat_map(|path| path.edges.iter().copied()).collect();
        let ids = columns::texts(&self.shared.caches, &self.edge_tables.edge, model::ID, edges).await?;
        Ok(lists(rows, |path| path.edges.iter().map(|edge| &ids[edge])))
    }
}

/// Makes a list per row; null where there is no path.
fn lists<'a, I: Iterator<Item = &'a String>>(
    rows: &[Option<&'a Path>],
    items: impl Fn(&'a Path) -> I,
) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in rows {
        if let Some(path) = row {
            items(path).for_each(|item| lists.values().append_value(item));
        }
        lists.append(row.is_some());
    }
    Arc::new(lists.finish())
}
