//! What happens to matched rows: grouping, order, limit, and the fetches each of them needs.
//!
//! Properties are fetched as late as possible: sort keys before the sort, projected properties after the limit. A scan
//! that nothing filters reads them itself when all of its rows are wanted.

use std::collections::BTreeSet;

use arrow_schema::DataType;
use omnigraph_compiler::catalog::{Constraint, EntityKind};
use omnigraph_compiler::ir::{Aggregate, Expr, Output, Rank, SortKey, VarId};
use omnigraph_graph::model;

use super::{
    AggregateBy, Context, Fused, Grouping, Pipeline, Plan, RankBy, RankKey, SortBy, Step, address,
    by_variable, column, produced, split,
};
use crate::error::{QueryError, Result};
use crate::expr::Scalar;
use crate::search::{Computed, number, property};

/// Plans everything after the match block.
pub(super) fn plan(context: &Context<'_>, pipeline: Pipeline) -> Result<Plan> {
    let read = context.read;
    let mut plan = Plan {
        pipeline,
        rank: None,
        fetch_rows: vec![],
        grouping: None,
        fetch_groups: vec![],
        sort: vec![],
        offset: read.offset,
        limit: read.limit,
        fetch_results: vec![],
        outputs: vec![],
    };
    let unlimited = read.limit.is_none();
    if read.grouped || read.distinct {
        grouped(context, &mut plan)?;
    } else {
        plain(context, &mut plan)?;
    }
    eager(&mut plan, unlimited);
    Ok(plan)
}

fn plain(context: &Context<'_>, plan: &mut Plan) -> Result<()> {
    let read = context.read;
    for projection in &read.projections {
        match &projection.value {
            Output::Value(expr) => plan.outputs.push(context.env.lower(expr)?),
            Output::Aggregate { .. } => {
                return Err(QueryError::internal("an aggregate in a query without groups"));
            }
        }
    }
    for ordering in &read.order {
        let scalar = match &ordering.key {
            SortKey::Column(at) => plan.outputs[*at].clone(),
            SortKey::Value(expr) => context.env.lower(expr)?,
            SortKey::Rank(rank) => {
                plan.sort.push(ranked(context, plan_rank(context, rank)?, &mut plan.rank));
                continue;
            }
        };
        plan.sort.push(SortBy { scalar, descending: ordering.descending });
    }
    shown_fusion(context, plan)?;
    if !plan.sort.is_empty() {
        let decided: Vec<VarId> = plan.sort.iter().filter_map(|s| identifies(context, &s.scalar)).collect();
        // The ids of a ranked entity come first: rows of one entity stay together.
        let first = match read.order.first().map(|ordering| &ordering.key) {
            Some(SortKey::Rank(rank)) => Some(rank.var()),
            Some(SortKey::Column(_) | SortKey::Value(_)) | None => None,
        };
        let mut vars = match_variables(context);
        vars.sort_by_key(|&var| first != Some(var));
        for var in vars {
            if !decided.contains(&var) {
                let scalar = Scalar::Column { name: column(var, model::ID), ty: DataType::Utf8 };
                plan.sort.push(SortBy { scalar, descending: false });
            }
        }
    }
    let mut available = produced(&plan.pipeline);
    available.extend(plan.rank.iter().flat_map(RankBy::columns));
    let mut sorted = BTreeSet::new();
    plan.sort.iter().for_each(|s| s.scalar.columns(&mut sorted));
    sorted.retain(|c| !available.contains(c));
    let mut shown = BTreeSet::new();
    plan.outputs.iter().for_each(|o| o.columns(&mut shown));
    shown.retain(|c| !available.contains(c) && !sorted.contains(c));
    plan.fetch_rows = by_variable(&sorted);
    plan.fetch_results = by_variable(&shown);
    Ok(())
}

/// Makes the ranking of a sort key.
fn plan_rank(context: &Context<'_>, rank: &Rank) -> Result<RankBy> {
    let best = context.read.limit.map(|limit| limit.saturating_add(context.read.offset));
    match rank {
        Rank::Nearest { .. } | Rank::Bm25 { .. } => {
            Ok(RankBy::Best { key: rank_key(context, rank)?, best: best.unwrap_or(u64::MAX) })
        }
        Rank::Rrf { .. } => fusion(context, rank, best).map(RankBy::Fuse),
    }
}

fn rank_key(context: &Context<'_>, rank: &Rank) -> Result<RankKey> {
    let number = context.env.searches.number(rank);
    let number = number.ok_or_else(|| QueryError::internal("a ranking is not resolved"))?;
    let descending = matches!(rank, Rank::Bm25 { .. });
    Ok(RankKey { var: rank.var(), property: property(number), descending })
}

fn fusion(context: &Context<'_>, rank: &Rank, best: Option<u64>) -> Result<Fused> {
    let unresolved = || QueryError::internal("a fused ranking is not resolved");
    let (Rank::Rrf { arms, .. }, Some(number)) = (rank, context.env.searches.number(rank)) else {
        return Err(unresolved());
    };
    let computed = context.env.searches.computed(number).ok_or_else(unresolved)?;
    let Computed::Fused { k, .. } = computed.as_ref() else { return Err(unresolved()) };
    let limit = context.read.limit.map(|limit| limit.saturating_add(context.read.offset));
    let arm = |arm: &Rank| -> Result<(RankKey, Option<u64>)> {
        let best = if matches!(arm, Rank::Nearest { .. }) { limit } else { None };
        Ok((rank_key(context, arm)?, best))
    };
    let arms = [arm(&arms[0])?, arm(&arms[1])?];
    Ok(Fused { arms, k: *k, score: property(number), best, keep: vec![] })
}

/// Puts a ranking into the plan, and returns the sort key it makes.
fn ranked(context: &Context<'_>, rank: RankBy, slot: &mut Option<RankBy>) -> SortBy {
    let (name, ty, descending) = match &rank {
        RankBy::Best { key, .. } => (key.column(), DataType::Float64, key.descending),
        RankBy::Fuse(fused) => (fused.place(), DataType::UInt64, false),
    };
    // Without a limit every row that has a score is wanted, and `bm25` has dropped the others.
    if context.read.limit.is_some() || matches!(rank, RankBy::Fuse(_)) {
        *slot = Some(rank);
    }
    SortBy { scalar: Scalar::Column { name, ty }, descending }
}

/// Plans the fusion whose scores are shown by a query that is ordered by something else.
fn shown_fusion(context: &Context<'_>, plan: &mut Plan) -> Result<()> {
    let projections = context.read.projections.iter();
    let shown = projections.filter_map(|projection| match &projection.value {
        Output::Value(Expr::Rank(rank)) if matches!(rank.as_ref(), Rank::Rrf { .. }) => Some(rank.as_ref()),
        _ => None,
    });
    for rank in shown {
        let fused = fusion(context, rank, None)?;
        match &plan.rank {
            None => plan.rank = Some(RankBy::Fuse(fused)),
            Some(RankBy::Fuse(other)) if other.score == fused.score => {}
            Some(_) => {
                return Err(QueryError::bad_request(
                    "a query can show the score of one 'rrf', and only the one that orders it if a ranking does",
                ));
            }
        }
    }
    Ok(())
}

impl RankBy {
    /// Returns the columns that are there after the ranking.
    fn columns(&self) -> Vec<String> {
        match self {
            RankBy::Best { key, .. } => vec![key.column()],
            RankBy::Fuse(fused) => vec![fused.score(), fused.place()],
        }
    }
}

/// The variables of the outermost block, in name order.
fn match_variables(context: &Context<'_>) -> Vec<VarId> {
    let pattern = &context.read.pattern;
    let mut vars: BTreeSet<VarId> = pattern.bound.iter().chain(&pattern.introduced).copied().collect();
    for t in &pattern.traversals {
        vars.extend([Some(t.from), Some(t.to), t.edge_var].into_iter().flatten());
    }
    vars.extend(pattern.optionals.iter().flat_map(|inner| &inner.introduced));
    let mut vars: Vec<VarId> = vars.into_iter().filter(|var| !context.is_path(*var)).collect();
    vars.sort_by(|a, b| context.read.variables[a.0].name.cmp(&context.read.variables[b.0].name));
    vars
}

/// Returns the variable of which no two entities share the value of this sort key.
fn identifies(context: &Context<'_>, scalar: &Scalar) -> Option<VarId> {
    let Scalar::Column { name, .. } = scalar else { return None };
    let (var, property) = split(name)?;
    if property == model::ID {
        return Some(var);
    }
    let key = context.type_of(var);
    let node = match key.kind {
        EntityKind::Node => context.catalog.nodes.get(&key.name)?,
        EntityKind::Edge => return None,
    };
    let unique = node.constraints.iter().any(|c| match c {
        Constraint::Key(members) | Constraint::Unique(members) => {
            matches!(members.as_slice(), [m] if m == property)
        }
        Constraint::Index(_) | Constraint::Range { .. } | Constraint::Check { .. } => false,
    });
    (unique && !node.property(property)?.ty.nullable).then_some(var)
}

fn grouped(context: &Context<'_>, plan: &mut Plan) -> Result<()> {
    let read = context.read;
    let mut grouping = Grouping::default();
    // The node variables that are keys, whose ids are fetched once per group.
    let mut nodes: BTreeSet<String> = BTreeSet::new();
    let mut sortable: Vec<Scalar> = Vec::new();
    let mut ties: Vec<Scalar> = Vec::new();
    for (at, projection) in read.projections.iter().enumerate() {
        let output = match &projection.value {
            Output::Value(Expr::Node(var)) => {
                let name = address(*var);
                if !grouping.keys.iter().any(|(n, _)| *n == name) {
                    let key = Scalar::Column { name: name.clone(), ty: DataType::UInt64 };
                    grouping.keys.push((name, key));
                }
                nodes.insert(column(*var, model::ID));
                Scalar::Column { name: column(*var, model::ID), ty: DataType::Utf8 }
            }
            Output::Value(expr) => {
                let scalar = context.env.lower(expr)?;
                let (name, ty) = (format!("k{at}"), scalar.data_type());
                grouping.keys.push((name.clone(), scalar.normal()));
                Scalar::Column { name, ty }
            }
            Output::Aggregate { function, argument, distinct } => {
                let name = format!("a{at}");
                let argument = aggregate_argument(context, *function, argument.as_ref(), *distinct)?;
                let ty = match function {
                    Aggregate::Count => DataType::Int64,
                    Aggregate::Sum | Aggregate::Avg => DataType::Float64,
                    Aggregate::Min | Aggregate::Max => {
                        argument.as_ref().map_or(DataType::Null, Scalar::data_type)
                    }
                };
                let distinct = *distinct && argument.is_some();
                grouping.aggregates.push(AggregateBy {
                    name: name.clone(),
                    function: *function,
                    argument,
                    distinct,
                });
                sortable.push(Scalar::Column { name: name.clone(), ty: ty.clone() });
                plan.outputs.push(Scalar::Column { name, ty });
                continue;
            }
        };
        sortable.push(output.clone());
        ties.push(output.clone());
        plan.outputs.push(output);
    }
    for ordering in &read.order {
        let scalar = match &ordering.key {
            SortKey::Column(at) => sortable[*at].clone(),
            SortKey::Value(expr) => {
                let same = |p: &omnigraph_compiler::ir::Projection| matches!(&p.value, Output::Value(v) if v == expr);
                let at = read.projections.iter().position(same).ok_or_else(|| {
                    QueryError::bad_request(
                        "a grouped or distinct result can only be ordered by what it returns",
                    )
                })?;
                sortable[at].clone()
            }
            SortKey::Rank(_) => {
                return Err(QueryError::bad_request(
                    "a grouped or distinct result cannot be ordered by a ranking; rank in a query without groups",
                ));
            }
        };
        plan.sort.push(SortBy { scalar, descending: ordering.descending });
    }
    if !plan.sort.is_empty() {
        plan.sort.extend(ties.into_iter().map(|scalar| SortBy { scalar, descending: false }));
    }
    if plan.sort.is_empty() {
        plan.fetch_results = by_variable(&nodes);
    } else {
        plan.fetch_groups = by_variable(&nodes);
    }
    let available = produced(&plan.pipeline);
    let mut needed = BTreeSet::new();
    grouping.keys.iter().for_each(|(_, key)| key.columns(&mut needed));
    grouping.aggregates.iter().filter_map(|a| a.argument.as_ref()).for_each(|a| a.columns(&mut needed));
    needed.retain(|c| !available.contains(c));
    plan.fetch_rows = by_variable(&needed);
    plan.grouping = Some(grouping);
    Ok(())
}

/// `None` counts rows. A node is counted by its address, which is as good as its id and need not be fetched.
fn aggregate_argument(
    context: &Context<'_>,
    function: Aggregate,
    argument: Option<&Expr>,
    distinct: bool,
) -> Result<Option<Scalar>> {
    let Some(expr) = argument else { return Ok(None) };
    if let (Aggregate::Count, Expr::Node(var)) = (function, expr) {
        let counted = Scalar::Column { name: address(*var), ty: DataType::UInt64 };
        let may_be_null = context.read.variables[var.0].optional;
        return Ok((distinct || may_be_null).then_some(counted));
    }
    let scalar = context.env.lower(expr)?;
    Ok(Some(match function {
        Aggregate::Sum | Aggregate::Avg => Scalar::Float(Box::new(scalar)).normal(),
        Aggregate::Count | Aggregate::Min | Aggregate::Max => scalar.normal(),
    }))
}

/// Lets a scan that nothing filters read the columns that are wanted for all of its rows.
fn eager(plan: &mut Plan, unlimited: bool) {
    let unfiltered = plan.pipeline.steps.iter().skip(1).all(|s| matches!(s, Step::Expand(e) if !e.check));
    let whole = unlimited || plan.grouping.is_some() || !plan.sort.is_empty();
    let Some(Step::Scan { var, columns }) = plan.pipeline.steps.first_mut() else { return };
    if !unfiltered || !whole || plan.rank.is_some() {
        return;
    }
    let mut absorb = |fetches: &mut Vec<(VarId, Vec<String>)>| {
        let stored = |names: &[String]| names.iter().all(|name| number(name).is_none());
        if let Some(at) = fetches.iter().position(|(v, names)| v == var && stored(names)) {
            columns.extend(fetches.remove(at).1);
        }
    };
    absorb(&mut plan.fetch_rows);
    if unlimited && plan.grouping.is_none() {
        absorb(&mut plan.fetch_results);
    }
}
