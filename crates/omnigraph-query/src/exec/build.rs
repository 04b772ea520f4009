//! From a logical plan to a DataFusion physical plan.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, SortOptions};
use datafusion::functions_aggregate::{average, count, min_max, sum};
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::lit;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use omnigraph_compiler::catalog::{Catalog, TypeKey};
use omnigraph_compiler::ir::{Aggregate, Read, VarId};

use super::cross::CrossExec;
use super::distance_bounds::BoundExec;
use super::expand::ExpandExec;
use super::fetch::FetchExec;
use super::fuse::FuseExec;
use super::index_scan::IndexScanExec;
use super::lookup::KeyLookupExec;
use super::negation::{NegationExec, SeedBatch, SeedExec};
use super::optional::OptionalExec;
use super::path::PathExec;
use super::rank::RankExec;
use super::scan::NodeScanExec;
use super::{BATCH_ROWS, Shared, select};
use crate::error::{QueryError, Result};
use crate::expr::{GraphExpr, Scalar};
use crate::plan::{
    AggregateBy, Fetch, Grouping, LogicalPlan, Pipeline, RankBy, RankKey, Step, path_of, type_key,
};
use crate::search::{ComputedColumn, number};
use crate::topology::EdgeTables;

type Node = Arc<dyn ExecutionPlan>;

/// Rows per batch where a limit may stop the stream early.
const LIMITED_BATCH_ROWS: usize = 1024;
/// Larger limits are sorted with spilling rather than kept in a heap.
const HEAP_ROWS: u64 = 100_000;

/// Builds the operators of a plan. The result has one column per projection, named `o0`, `o1`, ….
///
/// # Errors
/// Internal errors only: the plan matches the tables.
pub(crate) fn build(plan: &LogicalPlan, read: &Read, catalog: &Catalog, shared: &Shared) -> Result<Node> {
    let streaming_limit = plan.limit.is_some() && plan.sort.is_empty() && plan.grouping.is_none();
    let batch_rows = if streaming_limit { LIMITED_BATCH_ROWS } else { BATCH_ROWS };
    let builder = Builder { read, catalog, shared, batch_rows };
    let mut node = builder.pipeline(&plan.pipeline, None)?;
    if let Some(rank) = &plan.ranking {
        node = builder.rank(node, rank)?;
    }
    node = builder.fetches(node, &plan.fetches.rows)?;
    if let Some(grouping) = &plan.grouping {
        node = group(node, grouping)?;
        node = builder.fetches(node, &plan.fetches.groups)?;
    }
    if plan.limit == Some(0) {
        node = Arc::new(EmptyExec::new(node.schema()));
    }
    let kept = plan.limit.map(|n| n.saturating_add(plan.offset));
    if let Some(ordering) = ordering(plan) {
        let fetch = kept.filter(|&k| k > 0 && k <= HEAP_ROWS).map(|k| k as usize);
        node = Arc::new(SortExec::new(ordering, node).with_fetch(fetch));
    }
    if plan.offset > 0 || plan.limit.is_some() {
        let skip = usize::try_from(plan.offset).unwrap_or(usize::MAX);
        let fetch = plan.limit.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        node = Arc::new(GlobalLimitExec::new(node, skip, fetch));
    }
    node = builder.fetches(node, &plan.fetches.results)?;
    let outputs = plan.outputs.iter().enumerate().map(|(at, scalar)| ProjectionExpr {
        expr: GraphExpr::shared(scalar.clone()),
        alias: format!("o{at}"),
    });
    Ok(Arc::new(ProjectionExec::try_new(outputs.collect::<Vec<_>>(), node)?))
}

struct Builder<'a> {
    read: &'a Read,
    catalog: &'a Catalog,
    shared: &'a Shared,
    batch_rows: usize,
}

impl Builder<'_> {
    fn key(&self, var: VarId) -> TypeKey {
        type_key(&self.read.variables[var.0].ty)
    }

    /// Builds a pipeline; `seed` is where the rows of an inner block come from.
    fn pipeline(&self, pipeline: &Pipeline, seed: Option<&Node>) -> Result<Node> {
        let mut steps = pipeline.steps.iter();
        let first = steps.next().ok_or_else(|| QueryError::internal("a pipeline has no steps"))?;
        let mut node = self.source(first, seed)?;
        for step in steps {
            node = self.step(node, step)?;
        }
        Ok(if pipeline.impossible { Arc::new(EmptyExec::new(node.schema())) } else { node })
    }

    fn source(&self, step: &Step, seed: Option<&Node>) -> Result<Node> {
        match (step, seed) {
            (Step::Scan { var, columns }, _) => {
                let key = self.key(*var);
                let table = self.shared.table(&key)?.clone();
                Ok(Arc::new(NodeScanExec::new(key, table, *var, columns.clone())?))
            }
            (Step::Lookup { var, by, keys }, _) => {
                let key = self.key(*var);
                let table = self.shared.table(&key)?.clone();
                Ok(Arc::new(KeyLookupExec::new(key, table, *var, by.clone(), keys.clone())))
            }
            (Step::IndexScan { var, rows, by }, _) => {
                Ok(Arc::new(IndexScanExec::new(self.key(*var), *var, rows.clone(), by.clone())))
            }
            (Step::Seed { .. }, Some(seed)) => Ok(seed.clone()),
            (other, _) => Err(QueryError::internal(format!("{other:?} is no source"))),
        }
    }

    fn step(&self, input: Node, step: &Step) -> Result<Node> {
        Ok(match step {
            Step::Expand(expand) => {
                let edge_tables = self.edge_tables(&expand.edge)?;
                Arc::new(ExpandExec::new(
                    input,
                    expand.clone(),
                    edge_tables,
                    self.shared.clone(),
                    self.batch_rows,
                )?)
            }
            Step::Fetch { var, columns } => self.fetch(input, *var, columns)?,
            Step::Filter { predicate } => {
                Arc::new(FilterExec::try_new(GraphExpr::shared(predicate.clone()), input)?)
            }
            Step::Cross { pipeline, left, right } => {
                let other = self.pipeline(pipeline, None)?;
                Arc::new(CrossExec::new(input, other, [left.clone(), right.clone()], self.batch_rows)?)
            }
            Step::Negation { pipeline, row } => {
                let (inner, seed, seed_batch) = self.inner(&input, pipeline, row)?;
                Arc::new(NegationExec::new(input, inner, seed, row.clone(), seed_batch))
            }
            Step::Optional(optional) => {
                let (inner, seed, seed_batch) = self.inner(&input, &optional.pipeline, &optional.row)?;
                Arc::new(OptionalExec::new(input, inner, optional.clone(), seed, seed_batch)?)
            }
            Step::Scan { .. } | Step::Lookup { .. } | Step::IndexScan { .. } | Step::Seed { .. } => {
                return Err(QueryError::internal(format!("{step:?} is a source")));
            }
        })
    }

    fn edge_tables(&self, edge: &str) -> Result<EdgeTables> {
        let known = self.catalog.edges.get(edge);
        let edge = known.ok_or_else(|| QueryError::internal(format!("no edge type {edge}")))?;
        let table = |key| self.shared.table(&key).cloned();
        Ok(EdgeTables {
            edge: table(TypeKey::edge(&edge.name))?,
            source: table(TypeKey::node(&edge.from))?,
            target: table(TypeKey::node(&edge.to))?,
            same_type: edge.from == edge.to,
        })
    }

    /// Builds the plan of an inner block, which starts from the rows that its leaf is handed.
    fn inner(&self, input: &Node, pipeline: &Pipeline, row: &str) -> Result<(Node, SchemaRef, SeedBatch)> {
        let Some(Step::Seed { columns }) = pipeline.steps.first() else {
            return Err(QueryError::internal("an inner block does not start from its rows"));
        };
        let names: Vec<String> = columns.iter().filter(|c| *c != row).cloned().collect();
        let number = Field::new(row, DataType::UInt64, false);
        let seed = select(&input.schema(), &names, [number])?;
        let seed_batch = SeedBatch::default();
        let leaf: Node = Arc::new(SeedExec::new(seed.clone(), seed_batch.clone()));
        let inner = self.pipeline(pipeline, Some(&leaf))?;
        Ok((inner, seed, seed_batch))
    }

    fn fetch(&self, input: Node, var: VarId, columns: &[String]) -> Result<Node> {
        if let Some(traversal) = path_of(self.read, var) {
            let (edge_tables, shared) = (self.edge_tables(&traversal.edge)?, self.shared.clone());
            return Ok(Arc::new(PathExec::new(input, traversal.clone(), var, edge_tables, shared, columns)?));
        }
        let table = self.shared.table(&self.key(var))?.clone();
        Ok(Arc::new(FetchExec::new(input, table, self.shared.clone(), var, columns.to_vec())?))
    }

    /// Ranks rows of the whole match.
    fn rank(&self, input: Node, rank: &RankBy) -> Result<Node> {
        Ok(match rank {
            RankBy::Best { key, best } => {
                let pruned = self.prune(input, key, *best);
                let scored = self.fetch(pruned, key.var, std::slice::from_ref(&key.property))?;
                Arc::new(RankExec::new(scored, key.clone(), *best, self.label(key)))
            }
            RankBy::Fuse(fused) => {
                let table = self.shared.table(&self.key(fused.var()))?.clone();
                let computed = |(key, _): &(RankKey, Option<u64>)| {
                    let computed = self.computed(key).cloned();
                    computed.ok_or_else(|| QueryError::internal("a ranking of a fusion is not resolved"))
                };
                let computed = [computed(&fused.inputs[0])?, computed(&fused.inputs[1])?];
                Arc::new(FuseExec::new(input, fused.clone(), computed, table, self.shared.caches.clone())?)
            }
        })
    }

    /// Drops rows that cannot be among the best, where bounds of the scores are cheaper than the scores.
    fn prune(&self, input: Node, key: &RankKey, best: u64) -> Node {
        match self.computed(key) {
            Some(computed)
                if matches!(computed.as_ref(), ComputedColumn::Distance(_)) && best <= HEAP_ROWS =>
            {
                let caches = self.shared.caches.clone();
                Arc::new(BoundExec::new(input, computed.clone(), key.clone(), best, caches))
            }
            _ => input,
        }
    }

    fn computed(&self, key: &RankKey) -> Option<&Arc<ComputedColumn>> {
        number(&key.property).and_then(|number| self.shared.searches.computed(number))
    }

    /// Describes what is ranked by.
    fn label(&self, key: &RankKey) -> String {
        self.computed(key).map_or_else(String::new, |computed| computed.to_string())
    }

    fn fetches(&self, mut node: Node, fetches: &[Fetch]) -> Result<Node> {
        for (var, columns) in fetches {
            node = self.fetch(node, *var, columns)?;
        }
        Ok(node)
    }
}

fn group(input: Node, grouping: &Grouping) -> Result<Node> {
    let keys =
        grouping.keys.iter().map(|(name, key)| (GraphExpr::shared(key.clone()), name.clone())).collect();
    let schema = input.schema();
    let aggregates = grouping
        .aggregates
        .iter()
        .map(|a| Ok(Arc::new(aggregate(a, &schema)?)))
        .collect::<Result<Vec<_>>>()?;
    let filters = vec![None; aggregates.len()];
    let group_by = PhysicalGroupBy::new_single(keys);
    let node = AggregateExec::try_new(AggregateMode::Single, group_by, aggregates, filters, input, schema)?;
    Ok(Arc::new(node))
}

fn aggregate(a: &AggregateBy, schema: &SchemaRef) -> Result<AggregateFunctionExpr> {
    let function: Arc<AggregateUDF> = match a.function {
        Aggregate::Count => count::count_udaf(),
        Aggregate::Sum => sum::sum_udaf(),
        Aggregate::Avg => average::avg_udaf(),
        Aggregate::Min => min_max::min_udaf(),
        Aggregate::Max => min_max::max_udaf(),
    };
    let argument = match &a.argument {
        Some(scalar) => GraphExpr::shared(scalar.clone()),
        None => lit(1i64),
    };
    let builder = AggregateExprBuilder::new(function, vec![argument])
        .schema(Arc::new(Schema::clone(schema)))
        .alias(&a.name)
        .with_distinct(a.distinct);
    Ok(builder.build()?)
}

/// Nulls sort as the smallest value.
fn ordering(plan: &LogicalPlan) -> Option<LexOrdering> {
    LexOrdering::new(plan.sort.iter().map(|key| PhysicalSortExpr {
        expr: GraphExpr::shared(Scalar::normal(key.scalar.clone())),
        options: SortOptions { descending: key.descending, nulls_first: !key.descending },
    }))
}
