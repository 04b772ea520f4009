//! How the first variable of a group is found: by key, by an indexed property, or by a scan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use omnigraph_compiler::catalog::{Constraint, EntityKind, NodeType};
use omnigraph_compiler::ir::{CompareOp, VarId};
use omnigraph_compiler::types::{Kind, Type, Value};
use omnigraph_graph::model;

use super::pattern::Condition;
use super::{PlanContext, Step, split};
use crate::error::Result;
use crate::expr::{Scalar, exact_array, spell};

/// Most key tuples of one lookup.
const MAX_KEYS: usize = 65_536;
const EQUALITY: f64 = 0.1;
const OTHER: f64 = 0.4;

/// A way to find the nodes of a variable.
pub(super) struct Access {
    pub(super) step: Step,
    /// Indexes of the conditions it makes true by itself.
    pub(super) covered: Vec<usize>,
    /// Rows expected after all conditions on the variable alone.
    pub(super) estimate: f64,
}

/// Chooses the cheapest way to find a node variable.
pub(super) fn choose(context: &PlanContext<'_>, var: VarId, conditions: &[Condition]) -> Result<Access> {
    let key = context.type_of(var);
    let rows = (context.rows)(&key) as f64;
    let estimate = rows * selectivity(var, conditions, rows);
    let scan = Access { step: Step::Scan { var, columns: vec![] }, covered: vec![], estimate };
    if key.kind == EntityKind::Edge {
        return Ok(scan);
    }
    let Some(node) = context.catalog.nodes.get(&key.name) else { return Ok(scan) };
    let equalities = equalities(var, conditions);
    if let Some(access) = by_key(var, node, &equalities) {
        return Ok(access);
    }
    let found = by_property(var, node, &equalities, rows)?.unwrap_or(scan);
    Ok(by_search(var, conditions, &found, estimate).unwrap_or(found))
}

/// The rows that a search keeps, if they are fewer than another access looks at. `estimate` is that of all conditions.
fn by_search(var: VarId, conditions: &[Condition], other: &Access, estimate: f64) -> Option<Access> {
    let searches = conditions.iter().enumerate().filter(|(_, c)| c.vars.len() == 1 && c.vars.contains(&var));
    let rows = searches.filter_map(|(at, c)| match &c.scalar {
        Scalar::Among { rows, by, .. } => Some((at, rows, by)),
        _ => None,
    });
    let (at, rows, by) = rows.min_by_key(|(_, rows, _)| rows.len())?;
    let better = matches!(other.step, Step::Scan { .. }) || (rows.len() as f64) < other.estimate;
    let step = Step::IndexScan { var, rows: rows.clone(), by: by.clone() };
    better.then(|| Access { step, covered: vec![at], estimate })
}

/// Returns the part of a variable's rows that its own conditions are expected to keep.
pub(super) fn selectivity(var: VarId, conditions: &[Condition], rows: f64) -> f64 {
    conditions
        .iter()
        .filter(|c| c.vars.len() == 1 && c.vars.contains(&var))
        .map(|c| match &c.scalar {
            Scalar::Compare { op: CompareOp::Eq, .. } | Scalar::Member { .. } => EQUALITY,
            Scalar::Among { rows: kept, .. } => kept.len() as f64 / rows.max(1.0),
            _ => OTHER,
        })
        .product()
}

struct Equality {
    condition: usize,
    values: Vec<Value>,
}

/// Conditions of the form `property = constant` or `property in constants`.
fn equalities(var: VarId, conditions: &[Condition]) -> BTreeMap<String, Equality> {
    let mut found = BTreeMap::new();
    for (condition, Condition { scalar, .. }) in conditions.iter().enumerate() {
        let (name, values) = match scalar {
            Scalar::Compare { op: CompareOp::Eq, left, right } => match (left.as_ref(), right.as_ref()) {
                (Scalar::Column { name, .. }, Scalar::Const { value, .. })
                | (Scalar::Const { value, .. }, Scalar::Column { name, .. }) => (name, vec![value.clone()]),
                _ => continue,
            },
            Scalar::Member { list, element } => match (list.as_ref(), element.as_ref()) {
                (Scalar::Const { value: Value::List(values), .. }, Scalar::Column { name, .. }) => {
                    (name, values.clone())
                }
                _ => continue,
            },
            _ => continue,
        };
        if let Some((owner, property)) = split(name)
            && owner == var
        {
            found.entry(property.to_owned()).or_insert(Equality { condition, values });
        }
    }
    found
}

/// An equality on every member of the key names ids.
fn by_key(var: VarId, node: &NodeType, equalities: &BTreeMap<String, Equality>) -> Option<Access> {
    let members = node.key()?;
    let mut tuples: Vec<Vec<String>> = vec![vec![]];
    let mut covered = Vec::new();
    for member in &members {
        let equality = equalities.get(&member.name)?;
        covered.push(equality.condition);
        let spelled: BTreeSet<String> =
            equality.values.iter().filter_map(|v| spell(v, member.ty.element())).collect();
        if tuples.len() * spelled.len() > MAX_KEYS {
            return None;
        }
        tuples = tuples
            .iter()
            .flat_map(|tuple| {
                spelled.iter().map(move |s| [tuple.as_slice(), std::slice::from_ref(s)].concat())
            })
            .collect();
    }
    let single = members.len() == 1;
    let ids: Vec<String> = tuples
        .into_iter()
        .map(
            |mut tuple| {
                if single { tuple.swap_remove(0) } else { serde_json::Value::from(tuple).to_string() }
            },
        )
        .collect();
    let estimate = ids.len() as f64;
    let keys: Vec<ArrayRef> = vec![Arc::new(StringArray::from(ids))];
    Some(Access { step: Step::Lookup { var, by: vec![model::ID.to_owned()], keys }, covered, estimate })
}

/// An equality on a unique or indexed property.
fn by_property(
    var: VarId,
    node: &NodeType,
    equalities: &BTreeMap<String, Equality>,
    rows: f64,
) -> Result<Option<Access>> {
    let mut best: Option<Access> = None;
    for constraint in &node.constraints {
        let (members, part) = match constraint {
            Constraint::Unique(members) | Constraint::Key(members) => (members, None),
            Constraint::Index(members) => (members, Some(EQUALITY)),
            Constraint::Range { .. } | Constraint::Check { .. } => continue,
        };
        let [member] = members.as_slice() else { continue };
        let (Some(equality), Some(property)) = (equalities.get(member), node.property(member)) else {
            continue;
        };
        if !hashable(&property.ty) || equality.values.len() > MAX_KEYS {
            continue;
        }
        let mut values: Vec<Value> = Vec::new();
        let ty = model::column_type(&property.ty);
        let mut seen = BTreeSet::new();
        for value in equality.values.iter().filter(|v| !v.is_null()) {
            let fits = exact_array(std::slice::from_ref(value), &ty)?.is_some();
            if fits && spell(value, property.ty.element()).is_some_and(|s| seen.insert(s)) {
                values.push(value.clone());
            }
        }
        let Some(keys) = exact_array(&values, &ty)? else { continue };
        let estimate = part.map_or(values.len() as f64, |p| rows * p);
        if best.as_ref().is_none_or(|b| estimate < b.estimate) {
            let step = Step::Lookup { var, by: vec![member.clone()], keys: vec![keys] };
            best = Some(Access { step, covered: vec![equality.condition], estimate });
        }
    }
    Ok(best)
}

/// Types whose values are equal exactly when their stored forms are.
fn hashable(ty: &Type) -> bool {
    match &ty.kind {
        Kind::Scalar(scalar) => !scalar.is_float() && !ty.is_blob(),
        Kind::Enum(_) => true,
        Kind::List(_) | Kind::Vector(_) => false,
    }
}
