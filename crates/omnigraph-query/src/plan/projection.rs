//! Projection: what a result without groups shows, and which properties are fetched where.
//!
//! Properties are fetched as late as possible: sort keys before the sort, projected properties after the limit. A scan
//! that nothing filters reads them itself when all of its rows are wanted.

use std::collections::BTreeSet;

use omnigraph_compiler::ir::{Output, VarId};

use super::aggregate::Grouped;
use super::order::SortBy;
use super::ranking::RankBy;
use super::{LogicalPlan, Pipeline, PlanContext, Step, by_variable, produced};
use crate::error::{QueryError, Result};
use crate::expr::Scalar;
use crate::search::number;

/// Properties of variables to be fetched.
pub(crate) type Fetch = (VarId, Vec<String>);

/// The fetches of a plan after its pipeline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fetches {
    /// For all rows, before grouping and ordering.
    pub(crate) rows: Vec<Fetch>,
    /// After grouping, before ordering.
    pub(crate) groups: Vec<Fetch>,
    /// For result rows only.
    pub(crate) results: Vec<Fetch>,
}

/// Returns the result columns of a read without groups.
pub(super) fn outputs(context: &PlanContext<'_>) -> Result<Vec<Scalar>> {
    let outputs = context.read.projections.iter().map(|projection| match &projection.value {
        Output::Value(expr) => context.env.lower(expr),
        Output::Aggregate { .. } => Err(QueryError::internal("an aggregate in a query without groups")),
    });
    outputs.collect()
}

/// Plans the fetches of a read without groups.
pub(super) fn fetches(
    pipeline: &Pipeline,
    ranking: Option<&RankBy>,
    sort: &[SortBy],
    outputs: &[Scalar],
) -> Fetches {
    let mut available = produced(pipeline);
    available.extend(ranking.into_iter().flat_map(RankBy::columns));
    let mut sorted = BTreeSet::new();
    sort.iter().for_each(|key| key.scalar.columns(&mut sorted));
    sorted.retain(|column| !available.contains(column));
    let mut shown = BTreeSet::new();
    outputs.iter().for_each(|output| output.columns(&mut shown));
    shown.retain(|column| !available.contains(column) && !sorted.contains(column));
    Fetches { rows: by_variable(&sorted), groups: vec![], results: by_variable(&shown) }
}

/// Plans the fetches of a grouped or distinct read.
pub(super) fn group_fetches(pipeline: &Pipeline, grouped: &Grouped, sorted: bool) -> Fetches {
    let available = produced(pipeline);
    let mut needed = BTreeSet::new();
    grouped.grouping.columns(&mut needed);
    needed.retain(|column| !available.contains(column));
    let (rows, ids) = (by_variable(&needed), by_variable(&grouped.ids));
    let (groups, results) = if sorted { (ids, vec![]) } else { (vec![], ids) };
    Fetches { rows, groups, results }
}

/// Lets a scan that nothing filters read the columns that are wanted for all of its rows.
pub(super) fn read_in_scan(plan: &mut LogicalPlan) {
    let unfiltered = plan.pipeline.steps.iter().skip(1).all(|s| matches!(s, Step::Expand(e) if !e.check));
    let unlimited = plan.limit.is_none();
    let whole = unlimited || plan.grouping.is_some() || !plan.sort.is_empty();
    let Some(Step::Scan { var, columns }) = plan.pipeline.steps.first_mut() else { return };
    if !unfiltered || !whole || plan.ranking.is_some() {
        return;
    }
    let mut absorb = |fetches: &mut Vec<Fetch>| {
        let stored = |names: &[String]| names.iter().all(|name| number(name).is_none());
        if let Some(at) = fetches.iter().position(|(v, names)| v == var && stored(names)) {
            columns.extend(fetches.remove(at).1);
        }
    };
    absorb(&mut plan.fetches.rows);
    if unlimited && plan.grouping.is_none() {
        absorb(&mut plan.fetches.results);
    }
}
