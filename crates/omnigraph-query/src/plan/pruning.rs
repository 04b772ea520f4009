//! Column pruning: which columns must flow between the steps of a plan. Computed backwards from what the result needs,
//! so that expansions and cross products copy nothing that nobody reads.

use std::collections::BTreeSet;

use omnigraph_compiler::ir::{Read, VarId};

use super::{Fetch, LogicalPlan, Pipeline, RankBy, RankKey, Step, address, column, path_of, produced};

/// Fills in the columns that expansions, products and seeds carry.
pub(super) fn prune(plan: &mut LogicalPlan, read: &Read) {
    let mut required = BTreeSet::new();
    match &plan.grouping {
        Some(grouping) => grouping.columns(&mut required),
        None => {
            plan.outputs.iter().for_each(|o| o.columns(&mut required));
            plan.sort.iter().for_each(|s| s.scalar.columns(&mut required));
            replace_fetched(&plan.fetches.results, (read, &[]), &mut required);
        }
    }
    replace_fetched(&plan.fetches.rows, (read, &[]), &mut required);
    rank(plan, read, &mut required);
    pipeline(&mut plan.pipeline, (read, &[]), required);
}

/// Makes a ranking's input of what is required after it.
fn rank(plan: &mut LogicalPlan, read: &Read, required: &mut BTreeSet<String>) {
    let keys: Vec<RankKey> = match &mut plan.ranking {
        None => return,
        Some(RankBy::Best { key, .. }) => vec![key.clone()],
        Some(RankBy::Fuse(fused)) => {
            required.remove(&fused.score());
            required.remove(&fused.position());
            fused.keep = required.iter().cloned().collect();
            fused.inputs.iter().map(|(key, _)| key.clone()).collect()
        }
    };
    let fetches: Vec<_> = keys.into_iter().map(|key| (key.var, vec![key.property])).collect();
    replace_fetched(&fetches, (read, &[]), required);
}

/// The query, and the optional paths that the block under consideration binds itself.
type Scope<'a> = (&'a Read, &'a [VarId]);

/// Puts the addresses that columns are fetched by in the place of the columns.
fn replace_fetched(fetches: &[Fetch], (read, own): Scope<'_>, required: &mut BTreeSet<String>) {
    for (var, properties) in fetches {
        for property in properties {
            required.remove(&column(*var, property));
        }
        match path_of(read, *var) {
            Some(traversal) => {
                required.extend([traversal.from, traversal.to].map(address));
                if read.variables[var.0].optional && !own.contains(var) {
                    required.insert(address(*var));
                }
            }
            None => drop(required.insert(address(*var))),
        }
    }
}

/// Prunes a pipeline and returns the columns that its seed must have.
fn pipeline(pipeline: &mut Pipeline, scope: Scope<'_>, mut required: BTreeSet<String>) -> BTreeSet<String> {
    let produced: Vec<BTreeSet<String>> = pipeline
        .steps
        .iter()
        .map(|step| match step {
            Step::Cross { pipeline, .. } => produced(pipeline),
            _ => BTreeSet::new(),
        })
        .collect();
    for (step, produced) in pipeline.steps.iter_mut().zip(&produced).rev() {
        match step {
            Step::Scan { .. } | Step::Lookup { .. } | Step::IndexScan { .. } => {}
            Step::Seed { columns } => {
                *columns = required.iter().cloned().collect();
            }
            Step::Filter { predicate } => predicate.columns(&mut required),
            Step::Fetch { var, columns } => replace_fetched(&[(*var, columns.clone())], scope, &mut required),
            Step::Expand(expand) => {
                if !expand.check {
                    required.remove(&address(expand.to));
                }
                if let Some(edge) = expand.edge_var {
                    required.remove(&address(edge));
                }
                expand.keep = required.iter().cloned().collect();
                required.insert(address(expand.from));
                if expand.check {
                    required.insert(address(expand.to));
                }
            }
            Step::Cross { pipeline: other, left, right } => {
                let (r, l): (BTreeSet<String>, BTreeSet<String>) =
                    required.iter().cloned().partition(|c| produced.contains(c));
                *right = r.iter().cloned().collect();
                *left = l.iter().cloned().collect();
                self::pipeline(other, scope, r);
                required = l;
            }
            Step::Optional(optional) => {
                let own = optional.paths.clone();
                optional.introduced.retain(|var| required.remove(&address(*var)));
                optional.paths.retain(|var| required.remove(&address(*var)));
                optional.keep = required.iter().cloned().collect();
                let added = optional.introduced.iter().copied().map(address);
                let inner = added.chain([optional.row.clone()]).collect();
                let seed = self::pipeline(&mut optional.pipeline, (scope.0, &own), inner);
                required.extend(seed.into_iter().filter(|c| *c != optional.row));
                required.extend(optional.anchors.iter().copied().map(address));
            }
            Step::Negation { pipeline: inner, row } => {
                required.extend(
                    self::pipeline(inner, scope, [row.clone()].into()).into_iter().filter(|c| c != row),
                );
            }
        }
    }
    required
}
