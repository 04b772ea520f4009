//! Order: the sort keys of a result. Ids, or the keys of groups, follow the keys that the query names, so that an order
//! decides between all rows.

use std::collections::BTreeSet;

use arrow_schema::DataType;
use omnigraph_compiler::catalog::{Constraint, EntityKind};
use omnigraph_compiler::ir::{Output, Projection, SortKey, VarId};
use omnigraph_graph::model;

use super::aggregate::Grouped;
use super::ranking::{self, RankBy};
use super::{PlanContext, column, split};
use crate::error::{QueryError, Result};
use crate::expr::Scalar;

/// One sort key.
#[derive(Clone, Debug)]
pub(crate) struct SortBy {
    pub(crate) scalar: Scalar,
    pub(crate) descending: bool,
}

/// Plans the order of the rows of a match whose result columns are `outputs`, and the ranking that makes it.
pub(super) fn rows(context: &PlanContext<'_>, outputs: &[Scalar]) -> Result<(Vec<SortBy>, Option<RankBy>)> {
    let read = context.read;
    let (mut sort, mut ranking) = (Vec::new(), None);
    for ordering in &read.order {
        let scalar = match &ordering.key {
            SortKey::Column(at) => outputs[*at].clone(),
            SortKey::Value(expr) => context.env.lower(expr)?,
            SortKey::Rank(rank) => {
                let (key, rank) = ranking::ordering(context, rank)?;
                sort.push(key);
                ranking = rank.or(ranking);
                continue;
            }
        };
        sort.push(SortBy { scalar, descending: ordering.descending });
    }
    if sort.is_empty() {
        return Ok((sort, ranking));
    }
    let decided: Vec<VarId> = sort.iter().filter_map(|key| identifies(context, &key.scalar)).collect();
    // The ids of a ranked entity come first: rows of one entity stay together.
    let first = match read.order.first().map(|ordering| &ordering.key) {
        Some(SortKey::Rank(rank)) => Some(rank.var()),
        Some(SortKey::Column(_) | SortKey::Value(_)) | None => None,
    };
    let mut vars = match_variables(context);
    vars.sort_by_key(|&var| first != Some(var));
    sort.extend(vars.into_iter().filter(|var| !decided.contains(var)).map(|var| {
        let scalar = Scalar::Column { name: column(var, model::ID), ty: DataType::Utf8 };
        SortBy { scalar, descending: false }
    }));
    Ok((sort, ranking))
}

/// Plans the order of a grouped or distinct result.
///
/// # Errors
/// Bad request for an order by what is not returned.
pub(super) fn groups(context: &PlanContext<'_>, grouped: &Grouped) -> Result<Vec<SortBy>> {
    let read = context.read;
    let mut sort = Vec::new();
    for ordering in &read.order {
        let at = match &ordering.key {
            SortKey::Column(at) => *at,
            SortKey::Value(expr) => {
                let same = |p: &Projection| matches!(&p.value, Output::Value(value) if value == expr);
                read.projections.iter().position(same).ok_or_else(|| {
                    QueryError::bad_request(
                        "a grouped or distinct result can only be ordered by what it returns",
                    )
                })?
            }
            SortKey::Rank(_) => {
                return Err(QueryError::bad_request(
                    "a grouped or distinct result cannot be ordered by a ranking; rank in a query without groups",
                ));
            }
        };
        sort.push(SortBy { scalar: grouped.outputs[at].clone(), descending: ordering.descending });
    }
    if !sort.is_empty() {
        sort.extend(grouped.keys.iter().map(|key| SortBy { scalar: key.clone(), descending: false }));
    }
    Ok(sort)
}

/// The variables of the outermost block, in name order.
fn match_variables(context: &PlanContext<'_>) -> Vec<VarId> {
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
fn identifies(context: &PlanContext<'_>, scalar: &Scalar) -> Option<VarId> {
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
