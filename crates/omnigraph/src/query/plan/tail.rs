//! What happens to matched rows: grouping, order, limit, and the fetches each of them needs.
//!
//! Properties are fetched as late as possible: sort keys before the sort, projected properties after the limit. A scan
//! that nothing filters reads them itself when all of its rows are wanted.

use std::collections::BTreeSet;

use arrow_schema::DataType;
use omnigraph_compiler::catalog::{Constraint, EntityKind};
use omnigraph_compiler::ir::{Aggregate, Expr, Output, SortKey, VarId};

use super::{
    AggregateBy, Context, Grouping, Pipeline, Plan, SortBy, Step, address, by_variable, column, produced,
    split,
};
use crate::error::{OmniError, Result};
use crate::model;
use crate::query::expr::{Scalar, refuse_rank};

/// Plans everything after the match block.
pub(super) fn plan(context: &Context<'_>, pipeline: Pipeline) -> Result<Plan> {
    let read = context.read;
    let mut plan = Plan {
        pipeline,
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
                return Err(OmniError::internal("an aggregate in a query without groups"));
            }
        }
    }
    for ordering in &read.order {
        let scalar = match &ordering.key {
            SortKey::Column(at) => plan.outputs[*at].clone(),
            SortKey::Property(expr) => context.env.lower(expr)?,
            SortKey::Rank(rank) => return Err(refuse_rank(rank)),
        };
        plan.sort.push(SortBy { scalar, descending: ordering.descending });
    }
    if !plan.sort.is_empty() {
        let decided: Vec<VarId> = plan.sort.iter().filter_map(|s| identifies(context, &s.scalar)).collect();
        for var in match_variables(context) {
            if !decided.contains(&var) {
                let scalar = Scalar::Column { name: column(var, model::ID), ty: DataType::Utf8 };
                plan.sort.push(SortBy { scalar, descending: false });
            }
        }
    }
    let available = produced(&plan.pipeline);
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

/// The variables of the outermost block, in name order.
fn match_variables(context: &Context<'_>) -> Vec<VarId> {
    let pattern = &context.read.pattern;
    let mut vars: BTreeSet<VarId> = pattern.bound.iter().chain(&pattern.introduced).copied().collect();
    for t in &pattern.traversals {
        vars.extend([Some(t.from), Some(t.to), t.edge_var].into_iter().flatten());
    }
    let mut vars: Vec<VarId> = vars.into_iter().collect();
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
            SortKey::Property(expr) => {
                let same = |p: &omnigraph_compiler::ir::Projection| matches!(&p.value, Output::Value(v) if v == expr);
                let at = read.projections.iter().position(same).ok_or_else(|| {
                    OmniError::bad_request(
                        "a grouped or distinct result can only be ordered by what it returns",
                    )
                })?;
                sortable[at].clone()
            }
            SortKey::Rank(rank) => return Err(refuse_rank(rank)),
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
        return Ok(distinct.then_some(counted));
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
    if !unfiltered || !whole {
        return;
    }
    let mut absorb = |fetches: &mut Vec<(VarId, Vec<String>)>| {
        if let Some(at) = fetches.iter().position(|(v, _)| v == var) {
            columns.extend(fetches.remove(at).1);
        }
    };
    absorb(&mut plan.fetch_rows);
    if unlimited && plan.grouping.is_none() {
        absorb(&mut plan.fetch_results);
    }
}
