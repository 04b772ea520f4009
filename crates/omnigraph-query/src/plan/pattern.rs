//! Ordering the clauses of a match block.
//!
//! Each connected group starts at its most selective variable and grows along traversals, those that only test a pair
//! first, then those that are expected to reach least. Conditions and negations run as soon as their variables are
//! bound. Groups combine by cross product, the largest streaming, the others held in memory. Optional blocks come last,
//! in text order, and then the conditions on what they add.

use std::collections::BTreeSet;
use std::sync::Arc;

use omnigraph_compiler::catalog::TypeKey;
use omnigraph_compiler::ir::{Expr, Pattern, Rank, SortKey, Traversal, VarId, VarType};
use omnigraph_compiler::types::Value;

use super::access::{choose, selectivity};
use super::{Expand, Optional, Pipeline, PlanContext, Step, address, by_variable, split};
use crate::error::{QueryError, Result};
use crate::expr::{Scalar, among, predicate, variables};
use crate::search::{ComputedColumn, number};
use crate::topology::Direction;

/// A condition that must be true.
pub(super) struct Condition {
    pub(super) vars: BTreeSet<VarId>,
    pub(super) scalar: Scalar,
}

struct Negated<'a> {
    /// Variables of the enclosing blocks that it uses.
    vars: BTreeSet<VarId>,
    pattern: &'a Pattern,
}

/// Clauses that have not run yet.
struct Clauses<'a> {
    conditions: Vec<Condition>,
    negations: Vec<Negated<'a>>,
    traversals: Vec<&'a Traversal>,
}

/// A pipeline as clauses are added to it.
#[derive(Default)]
struct PartialPipeline {
    pipeline: Pipeline,
    bound: BTreeSet<VarId>,
    available: BTreeSet<String>,
    estimate: f64,
}

/// Plans the outermost match block.
pub(super) fn plan(context: &PlanContext<'_>) -> Result<Pipeline> {
    let planner = Planner { context };
    Ok(planner.block(&context.read.pattern, None, 0)?.pipeline)
}

struct Planner<'a> {
    context: &'a PlanContext<'a>,
}

impl<'a> Planner<'a> {
    fn block(
        &self,
        pattern: &'a Pattern,
        seed: Option<PartialPipeline>,
        depth: usize,
    ) -> Result<PartialPipeline> {
        let outer = seed.as_ref().map(|s| s.bound.clone()).unwrap_or_default();
        let mut clauses = self.clauses(pattern)?;
        let mut impossible = false;
        let mut conditions = Vec::new();
        for condition in clauses.conditions.drain(..) {
            match constant(&condition)? {
                Some(true) => {}
                Some(false) => impossible = true,
                None => conditions.push(condition),
            }
        }
        clauses.conditions = conditions;

        let groups = groups(pattern, &outer, |var| self.context.is_path(var));
        let mut partials = Vec::new();
        if let Some(mut seed) = seed {
            self.apply(&mut seed, &mut clauses, depth)?;
            self.expand_all(&mut seed, &mut clauses, depth)?;
            partials.push(seed);
        }
        let mut rest = Vec::new();
        for group in &groups {
            let mut start = self.start(group, pattern, &mut clauses)?;
            self.apply(&mut start, &mut clauses, depth)?;
            self.expand_all(&mut start, &mut clauses, depth)?;
            rest.push(start);
        }
        rest.sort_by(|a, b| b.estimate.total_cmp(&a.estimate));
        partials.extend(rest);

        let mut parts = partials.into_iter();
        let mut whole =
            parts.next().ok_or_else(|| QueryError::internal("a match block binds no variable"))?;
        for part in parts {
            whole.bound.extend(part.bound);
            whole.available.extend(part.available);
            whole.estimate *= part.estimate.max(1.0);
            impossible |= part.pipeline.impossible;
            whole.pipeline.steps.push(Step::Cross { pipeline: part.pipeline, left: vec![], right: vec![] });
            self.apply(&mut whole, &mut clauses, depth)?;
            self.expand_all(&mut whole, &mut clauses, depth)?;
        }
        whole.pipeline.impossible |= impossible;
        for inner in &pattern.optionals {
            self.extend(&mut whole, inner, depth)?;
        }
        if !pattern.late.is_empty() {
            clauses.conditions.extend(self.conditions(&pattern.late)?);
            self.apply(&mut whole, &mut clauses, depth)?;
        }
        if !(clauses.conditions.is_empty() && clauses.negations.is_empty() && clauses.traversals.is_empty()) {
            return Err(QueryError::internal("a clause uses a variable that no clause binds"));
        }
        Ok(whole)
    }

    fn clauses(&self, pattern: &'a Pattern) -> Result<Clauses<'a>> {
        let mut conditions = self.conditions(&pattern.filters)?;
        if std::ptr::eq(pattern, &self.context.read.pattern) {
            conditions.extend(self.ranked());
            let prefilters = self.context.env.searches.prefilters().iter();
            conditions.extend(prefilters.map(|prefilter| Condition {
                vars: [prefilter.var].into(),
                scalar: among(prefilter.var, prefilter.rows.clone(), prefilter.by.clone()),
            }));
        }
        let negations = pattern
            .negations
            .iter()
            .map(|inner| Negated { vars: outer_variables(inner), pattern: inner })
            .collect();
        Ok(Clauses { conditions, negations, traversals: pattern.traversals.iter().collect() })
    }

    /// Takes filters apart into conditions.
    fn conditions(&self, filters: &[Expr]) -> Result<Vec<Condition>> {
        let mut conditions = Vec::new();
        let mut pending: Vec<&Expr> = filters.iter().rev().collect();
        while let Some(expr) = pending.pop() {
            if let Expr::And(parts) = expr {
                pending.extend(parts.iter().rev());
                continue;
            }
            let mut vars = BTreeSet::new();
            variables(expr, &mut vars);
            conditions.push(Condition { vars, scalar: self.context.env.lower(expr)? });
        }
        Ok(conditions)
    }

    /// Runs an optional block on the rows of all that is required.
    fn extend(&self, partial: &mut PartialPipeline, pattern: &'a Pattern, depth: usize) -> Result<()> {
        let outer = outer_variables(pattern);
        let seed = partial.seed(&outer);
        let inner = self.block(pattern, Some(seed), depth + 1)?;
        partial.bound.extend(&inner.bound);
        let introduced = inner.bound.difference(&outer).copied();
        let (paths, introduced): (Vec<VarId>, Vec<VarId>) =
            introduced.partition(|var| self.context.is_path(*var));
        partial.available.extend(introduced.iter().copied().map(address));
        partial.pipeline.steps.push(Step::Optional(Optional {
            pipeline: inner.pipeline,
            row: format!("#{depth}"),
            anchors: anchors(pattern).intersection(&outer).copied().collect(),
            introduced,
            paths,
            keep: vec![],
        }));
        Ok(())
    }

    /// A result that is ordered by `bm25` holds only rows that share a term with the query.
    fn ranked(&self) -> Option<Condition> {
        let SortKey::Rank(rank @ Rank::Bm25 { var, .. }) = &self.context.read.order.first()?.key else {
            return None;
        };
        let searches = self.context.env.searches;
        match searches.computed(searches.number(rank)?)?.as_ref() {
            ComputedColumn::Score { property, rows, scores } => {
                let rows = rows.get_or_init(|| Arc::new(scores.rows()));
                let by = format!("words of {property}").into();
                Some(Condition { vars: [*var].into(), scalar: among(*var, rows.clone(), by) })
            }
            ComputedColumn::Distance(_) | ComputedColumn::Fused { .. } | ComputedColumn::Measure { .. } => {
                None
            }
        }
    }

    /// Starts a group at its most selective node variable.
    fn start(
        &self,
        group: &BTreeSet<VarId>,
        pattern: &Pattern,
        clauses: &mut Clauses<'_>,
    ) -> Result<PartialPipeline> {
        let text_order = pattern.bound.iter().chain(&pattern.introduced).chain(group);
        let mut best: Option<(VarId, super::access::Access)> = None;
        for &var in text_order.filter(|v| group.contains(v)) {
            if matches!(self.context.read.variables[var.0].ty, VarType::Edge(_)) {
                continue;
            }
            let access = choose(self.context, var, &clauses.conditions)?;
            if best.as_ref().is_none_or(|(_, b)| access.estimate < b.estimate) {
                best = Some((var, access));
            }
        }
        let (var, access) = best.ok_or_else(|| QueryError::internal("a group has no node variable"))?;
        let mut at = 0;
        clauses.conditions.retain(|_| {
            at += 1;
            !access.covered.contains(&(at - 1))
        });
        Ok(PartialPipeline {
            pipeline: Pipeline { steps: vec![access.step], impossible: false },
            bound: [var].into(),
            available: [address(var)].into(),
            estimate: access.estimate,
        })
    }

    /// Takes every traversal that can be reached.
    fn expand_all(
        &self,
        partial: &mut PartialPipeline,
        clauses: &mut Clauses<'a>,
        depth: usize,
    ) -> Result<()> {
        loop {
            let next = clauses
                .traversals
                .iter()
                .enumerate()
                .filter_map(|(at, t)| Some((at, self.cost(t, partial, &clauses.conditions)?)))
                .min_by(|(_, a), (_, b)| a.total_cmp(b));
            let Some((at, cost)) = next else { return Ok(()) };
            let traversal = clauses.traversals.remove(at);
            partial.estimate *= cost;
            self.expand(partial, traversal);
            self.apply(partial, clauses, depth)?;
        }
    }

    /// Rows expected per row, or `None` when no end is bound.
    fn cost(
        &self,
        traversal: &Traversal,
        partial: &PartialPipeline,
        conditions: &[Condition],
    ) -> Option<f64> {
        let (from, to) = (partial.bound.contains(&traversal.from), partial.bound.contains(&traversal.to));
        let rows = |key: &TypeKey| (self.context.rows)(key).max(1) as f64;
        let edges = rows(&TypeKey::edge(&traversal.edge));
        let (near, far) = match (from, to) {
            (true, true) => return Some(0.1),
            (true, false) => (traversal.from, traversal.to),
            (false, true) => (traversal.to, traversal.from),
            (false, false) => return None,
        };
        let fan_out = edges / rows(&self.context.type_of(near));
        let reach = fan_out.max(0.1).powi(i32::try_from(traversal.max.min(8)).unwrap_or(8));
        let far_rows = rows(&self.context.type_of(far));
        Some(reach.min(far_rows.max(fan_out)) * selectivity(far, conditions, far_rows))
    }

    fn expand(&self, partial: &mut PartialPipeline, traversal: &Traversal) {
        let forward = partial.bound.contains(&traversal.from);
        let (from, to) =
            if forward { (traversal.from, traversal.to) } else { (traversal.to, traversal.from) };
        let direction = match (traversal.undirected, forward) {
            (true, _) => Direction::Both,
            (false, true) => Direction::Out,
            (false, false) => Direction::In,
        };
        let check = partial.bound.contains(&to);
        for var in [Some(to), traversal.edge_var].into_iter().flatten() {
            partial.bound.insert(var);
            partial.available.insert(address(var));
        }
        // A path follows from its ends, so there is nothing to walk for it.
        partial.bound.extend(traversal.path);
        partial.pipeline.steps.push(Step::Expand(Expand {
            edge: traversal.edge.clone(),
            from,
            to,
            direction,
            edge_var: traversal.edge_var,
            bounds: (traversal.min, traversal.max),
            check,
            first: false,
            keep: vec![],
        }));
    }

    /// Runs the conditions and negations whose variables are bound: first what needs no fetch.
    fn apply(&self, partial: &mut PartialPipeline, clauses: &mut Clauses<'a>, depth: usize) -> Result<()> {
        let (mut ready, waiting): (Vec<_>, Vec<_>) =
            clauses.conditions.drain(..).partition(|c| c.vars.is_subset(&partial.bound));
        clauses.conditions = waiting;
        let missing = |c: &Condition, available: &BTreeSet<String>| {
            let mut columns = BTreeSet::new();
            c.scalar.columns(&mut columns);
            columns.retain(|c| !available.contains(c));
            columns
        };
        ready.sort_by_key(|c| missing(c, &partial.available).len());
        for condition in ready {
            partial.fetch(&missing(&condition, &partial.available));
            partial.pipeline.steps.push(Step::Filter { predicate: condition.scalar });
            partial.estimate *= 0.5;
        }
        let (ready, waiting): (Vec<_>, Vec<_>) =
            clauses.negations.drain(..).partition(|n| n.vars.is_subset(&partial.bound));
        clauses.negations = waiting;
        for negated in ready {
            let seed = partial.seed(&negated.vars);
            let mut inner = self.block(negated.pattern, Some(seed), depth + 1)?;
            if let Some(Step::Expand(last)) = inner.pipeline.steps.last_mut() {
                last.first = true;
            }
            if !inner.pipeline.impossible {
                let row = format!("#{depth}");
                partial.pipeline.steps.push(Step::Negation { pipeline: inner.pipeline, row });
            }
        }
        Ok(())
    }
}

impl PartialPipeline {
    /// Starts an inner block from some variables of the rows.
    fn seed(&self, vars: &BTreeSet<VarId>) -> PartialPipeline {
        let owned = |c: &String| {
            vars.iter().any(|&v| *c == address(v)) || split(c).is_some_and(|(v, _)| vars.contains(&v))
        };
        PartialPipeline {
            pipeline: Pipeline { steps: vec![Step::Seed { columns: vec![] }], impossible: false },
            bound: vars.clone(),
            available: self.available.iter().filter(|c| owned(c)).cloned().collect(),
            estimate: 1.0,
        }
    }

    /// Makes property columns available; a scan that has just started reads them itself.
    fn fetch(&mut self, columns: &BTreeSet<String>) {
        for (var, properties) in by_variable(columns) {
            let only_filtered = self.pipeline.steps.iter().skip(1).all(|s| matches!(s, Step::Filter { .. }));
            match self.pipeline.steps.first_mut() {
                Some(Step::Scan { var: scanned, columns }) if *scanned == var && only_filtered => {
                    let (computed, stored): (Vec<String>, Vec<String>) =
                        properties.into_iter().partition(|name| number(name).is_some());
                    columns.extend(stored);
                    if !computed.is_empty() {
                        self.pipeline.steps.push(Step::Fetch { var, columns: computed });
                    }
                }
                _ => self.pipeline.steps.push(Step::Fetch { var, columns: properties }),
            }
        }
        self.available.extend(columns.iter().cloned());
    }
}

/// Decides a condition that needs no row: one without variables, or one that compares with null.
fn constant(condition: &Condition) -> Result<Option<bool>> {
    let is_null = |s: &Scalar| matches!(s, Scalar::Const { value: Value::Null, .. });
    let never = match &condition.scalar {
        Scalar::Compare { left: a, right: b, .. }
        | Scalar::Member { list: a, element: b }
        | Scalar::Substring { text: a, part: b }
        | Scalar::Prefix { text: a, prefix: b } => is_null(a) || is_null(b),
        _ => false,
    };
    if never {
        return Ok(Some(false));
    }
    if !condition.vars.is_empty() {
        return Ok(None);
    }
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(1));
    let schema = std::sync::Arc::new(arrow_schema::Schema::empty());
    let row = arrow_array::RecordBatch::try_new_with_options(schema, vec![], &options)?;
    let result = predicate(&condition.scalar, &row)?;
    Ok(Some(arrow_array::Array::is_valid(&result, 0) && result.value(0)))
}

/// Connected groups of the variables that a block introduces, leaving out those connected with an outer variable.
fn groups(
    pattern: &Pattern,
    outer: &BTreeSet<VarId>,
    is_path: impl Fn(VarId) -> bool,
) -> Vec<BTreeSet<VarId>> {
    let mut groups: Vec<BTreeSet<VarId>> = Vec::new();
    let mut add = |members: BTreeSet<VarId>| {
        let (touching, mut apart): (Vec<_>, Vec<_>) =
            groups.drain(..).partition(|g: &BTreeSet<VarId>| !g.is_disjoint(&members));
        let merged = touching.into_iter().fold(members, |mut all, g| {
            all.extend(g);
            all
        });
        apart.push(merged);
        groups = apart;
    };
    for &var in pattern.bound.iter().chain(&pattern.introduced).filter(|var| !is_path(**var)) {
        add([var].into());
    }
    for t in &pattern.traversals {
        add([Some(t.from), Some(t.to), t.edge_var].into_iter().flatten().collect());
    }
    groups.retain(|g| g.is_disjoint(outer));
    groups
}

/// Returns the variables of the enclosing blocks that a block uses.
fn outer_variables(pattern: &Pattern) -> BTreeSet<VarId> {
    let (mut vars, mut local) = (BTreeSet::new(), BTreeSet::new());
    mentioned(pattern, &mut vars, &mut local);
    vars.difference(&local).copied().collect()
}

/// Returns the variables that the traversals and node bindings of a block need.
fn anchors(pattern: &Pattern) -> BTreeSet<VarId> {
    let ends = pattern.traversals.iter().flat_map(|t| [t.from, t.to]);
    pattern.bound.iter().copied().chain(ends).collect()
}

/// Collects the variables that a block mentions and those that it or a block within introduces.
fn mentioned(pattern: &Pattern, all: &mut BTreeSet<VarId>, local: &mut BTreeSet<VarId>) {
    local.extend(&pattern.introduced);
    all.extend(&pattern.bound);
    for t in &pattern.traversals {
        all.extend([Some(t.from), Some(t.to), t.edge_var].into_iter().flatten());
    }
    pattern.filters.iter().for_each(|f| variables(f, all));
    pattern.negations.iter().for_each(|n| mentioned(n, all, local));
}
