//! Logical planning: from the typed form of a read to steps in the order in which they run.
//!
//! Pure: looks at the compiled query, the catalog and row counts, never at data. `pattern` orders the clauses of a match
//! block, `access` chooses how the first variable of each is found. What happens to the rows of the match: `ranking`,
//! `aggregate`, `order`, `projection`, which also says where properties are fetched. `pruning` drops last the columns
//! that no later step reads. What a plan answers does not depend on any choice made here.
//!
//! Rows between steps are batches with, per bound variable i, a column `$i` (the row address in its table version) and,
//! once fetched, property columns `$i.name`.

mod access;
mod aggregate;
mod order;
mod pattern;
mod projection;
mod pruning;
mod ranking;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::ArrayRef;
use omnigraph_compiler::catalog::{Catalog, TypeKey};
use omnigraph_compiler::ir::{PathPart, Read, Traversal, VarId, VarType};
use roaring::RoaringTreemap;

use super::expr::{Env, Scalar};
use super::topology::Direction;
use crate::error::Result;

pub(crate) use aggregate::{AggregateBy, Grouping};
pub(crate) use order::SortBy;
pub(crate) use projection::{Fetch, Fetches};
pub(crate) use ranking::{Fused, RankBy, RankKey};

/// Returns the name of the address column of a variable.
pub(crate) fn address(var: VarId) -> String {
    format!("${}", var.0)
}

/// Returns the name of a property column of a variable.
pub(crate) fn column(var: VarId, property: &str) -> String {
    format!("${}.{property}", var.0)
}

/// Splits the name of a property column; `None` for other columns.
pub(crate) fn split(column: &str) -> Option<(VarId, &str)> {
    let (var, property) = column.strip_prefix('$')?.split_once('.')?;
    Some((VarId(var.parse().ok()?), property))
}

/// Returns the column of a path variable that holds a part, as a property.
pub(crate) fn path_column(part: PathPart) -> &'static str {
    match part {
        PathPart::Length => "length",
        PathPart::Nodes => "nodes",
        PathPart::Edges => "edges",
    }
}

/// Returns the part that a column of a path variable holds.
pub(crate) fn path_part(column: &str) -> Option<PathPart> {
    [PathPart::Length, PathPart::Nodes, PathPart::Edges].into_iter().find(|part| path_column(*part) == column)
}

/// Returns the traversal that binds a path variable; none for other variables.
pub(crate) fn path_of(read: &Read, var: VarId) -> Option<&Traversal> {
    let blocks = [&read.pattern].into_iter().chain(&read.pattern.optionals);
    blocks.flat_map(|block| &block.traversals).find(|traversal| traversal.path == Some(var))
}

/// What planning looks at besides the query.
pub(crate) struct PlanContext<'a> {
    /// The query.
    pub(crate) read: &'a Read,
    /// The schema of the snapshot.
    pub(crate) catalog: &'a Catalog,
    /// Parameters and `now()`.
    pub(crate) env: Env<'a>,
    /// Rows per table.
    pub(crate) rows: &'a (dyn Fn(&TypeKey) -> u64 + Sync),
}

impl PlanContext<'_> {
    /// Returns the type a variable ranges over.
    pub(crate) fn type_of(&self, var: VarId) -> TypeKey {
        type_key(&self.read.variables[var.0].ty)
    }

    /// Tells whether a variable is a path, which has no address of its own.
    fn is_path(&self, var: VarId) -> bool {
        matches!(self.read.variables[var.0].ty, VarType::Path { .. })
    }
}

/// Returns the key of a variable's type.
pub(crate) fn type_key(ty: &VarType) -> TypeKey {
    match ty {
        VarType::Node(name) => TypeKey::node(name),
        VarType::Edge(name) | VarType::Path { edge: name } => TypeKey::edge(name),
    }
}

/// A step of a pipeline: turns a stream of rows into another.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Starts with every node of a type.
    Scan { var: VarId, columns: Vec<String> },
    /// Starts with the nodes whose columns equal one of the key tuples.
    Lookup { var: VarId, by: Vec<String>, keys: Vec<ArrayRef> },
    /// Starts with the nodes at the addresses that an index found; `by` names it.
    IndexScan { var: VarId, rows: Arc<RoaringTreemap>, by: Arc<str> },
    /// Starts with the rows that a negation tests or an optional block extends.
    Seed { columns: Vec<String> },
    /// Walks edges.
    Expand(Expand),
    /// Adds property columns of a variable.
    Fetch { var: VarId, columns: Vec<String> },
    /// Keeps rows for which the predicate is true.
    Filter { predicate: Scalar },
    /// Combines every row with every row of another pipeline.
    Cross { pipeline: Pipeline, left: Vec<String>, right: Vec<String> },
    /// Keeps rows for which the pipeline, seeded with them, has no row.
    Negation { pipeline: Pipeline, row: String },
    /// Replaces each row by the rows of a pipeline that is seeded with it, or keeps it with nulls.
    Optional(Optional),
}

/// An optional block.
#[derive(Clone, Debug)]
pub(crate) struct Optional {
    /// Its pipeline; the first step is a seed.
    pub(crate) pipeline: Pipeline,
    /// Name of the column that numbers the seed's rows.
    pub(crate) row: String,
    /// Variables of the input that it cannot do without: a row in which one is null is not extended.
    pub(crate) anchors: Vec<VarId>,
    /// Variables that it adds, of which later steps read the address.
    pub(crate) introduced: Vec<VarId>,
    /// Paths that it binds: a column named like an address tells where, being null elsewhere.
    pub(crate) paths: Vec<VarId>,
    /// Columns of the input that later steps read.
    pub(crate) keep: Vec<String>,
}

/// One traversal, seen from the end that is bound.
#[derive(Clone, Debug)]
pub(crate) struct Expand {
    /// Edge type.
    pub(crate) edge: String,
    /// The bound end.
    pub(crate) from: VarId,
    /// The other end.
    pub(crate) to: VarId,
    /// Which way edges are followed from `from`.
    pub(crate) direction: Direction,
    /// Bound edge.
    pub(crate) edge_var: Option<VarId>,
    /// Fewest and most steps.
    pub(crate) bounds: (u32, u32),
    /// Whether `to` is bound as well, so that the pair is only tested.
    pub(crate) check: bool,
    /// Whether one destination per row is enough: nothing but the existence of one matters.
    pub(crate) first: bool,
    /// Columns of the input that later steps read.
    pub(crate) keep: Vec<String>,
}

/// Steps in order; the first is a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pipeline {
    pub(crate) steps: Vec<Step>,
    /// Some condition can never be true, so there are no rows.
    pub(crate) impossible: bool,
}

/// A planned read.
#[derive(Clone, Debug)]
pub(crate) struct LogicalPlan {
    pub(crate) pipeline: Pipeline,
    /// The ranking that orders the result or is shown in it.
    pub(crate) ranking: Option<RankBy>,
    pub(crate) grouping: Option<Grouping>,
    pub(crate) sort: Vec<SortBy>,
    pub(crate) offset: u64,
    pub(crate) limit: Option<u64>,
    /// Properties fetched after the pipeline.
    pub(crate) fetches: Fetches,
    /// Result columns.
    pub(crate) outputs: Vec<Scalar>,
}

/// Plans a read.
///
/// # Errors
/// Bad request for orders that the result does not determine.
pub(crate) fn plan(context: &PlanContext<'_>) -> Result<LogicalPlan> {
    let read = context.read;
    let (offset, limit) = (read.offset, read.limit);
    let pipeline = pattern::plan(context)?;
    let mut plan = if read.grouped || read.distinct {
        let grouped = aggregate::plan(context)?;
        let sort = order::groups(context, &grouped)?;
        let fetches = projection::group_fetches(&pipeline, &grouped, !sort.is_empty());
        let (grouping, outputs) = (Some(grouped.grouping), grouped.outputs);
        LogicalPlan { pipeline, ranking: None, grouping, sort, offset, limit, fetches, outputs }
    } else {
        let outputs = projection::outputs(context)?;
        let (sort, ranking) = order::rows(context, &outputs)?;
        let ranking = ranking::shown(context, ranking)?;
        let fetches = projection::fetches(&pipeline, ranking.as_ref(), &sort, &outputs);
        LogicalPlan { pipeline, ranking, grouping: None, sort, offset, limit, fetches, outputs }
    };
    projection::read_in_scan(&mut plan);
    pruning::prune(&mut plan, read);
    Ok(plan)
}

/// Groups property columns by variable.
pub(crate) fn by_variable(columns: &BTreeSet<String>) -> Vec<(VarId, Vec<String>)> {
    let mut grouped: Vec<(VarId, Vec<String>)> = Vec::new();
    let mut pairs: Vec<(VarId, &str)> = columns.iter().filter_map(|c| split(c)).collect();
    pairs.sort();
    for (var, property) in pairs {
        match grouped.last_mut() {
            Some((last, properties)) if *last == var => properties.push(property.to_owned()),
            _ => grouped.push((var, vec![property.to_owned()])),
        }
    }
    grouped
}

/// Returns every column that a pipeline adds to its seed: addresses of its variables and what it fetches.
pub(crate) fn produced(pipeline: &Pipeline) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for step in &pipeline.steps {
        match step {
            Step::Scan { var, columns } | Step::Fetch { var, columns } => {
                all.insert(address(*var));
                all.extend(columns.iter().map(|c| column(*var, c)));
            }
            Step::Lookup { var, .. } | Step::IndexScan { var, .. } => {
                all.insert(address(*var));
            }
            Step::Expand(expand) => {
                all.insert(address(expand.to));
                all.extend(expand.edge_var.map(address));
            }
            Step::Cross { pipeline, .. } => all.extend(produced(pipeline)),
            Step::Optional(optional) => all.extend(optional.introduced.iter().copied().map(address)),
            Step::Seed { .. } | Step::Filter { .. } | Step::Negation { .. } => {}
        }
    }
    all
}
