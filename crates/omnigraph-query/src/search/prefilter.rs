//! Prefilters: rows among which indexes find all that a range, a prefix or a substring of an indexed property keeps.
//! They are a superset, so the condition itself is still tested.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use omnigraph_compiler::catalog::{Catalog, Constraint, EntityKind, NodeType, Property, TypeKey};
use omnigraph_compiler::ir::{CompareOp, Expr, Read, VarId};
use omnigraph_compiler::types::{Kind, Scalar as ScalarType, Value};
use omnigraph_graph::model;
use omnigraph_storage::Table;
use omnigraph_storage::indexes::prefilter::Span;
use roaring::RoaringTreemap;

use crate::error::{QueryError, Result};
use crate::expr::{Env, Scalar, exact_array};
use crate::plan::type_key;

/// Live rows among which are all entities that a variable can be.
pub(crate) struct Prefilter {
    /// The variable.
    pub(crate) var: VarId,
    /// The rows.
    pub(crate) rows: Arc<RoaringTreemap>,
    /// The index that found them, as plans show it.
    pub(crate) by: Arc<str>,
}

/// What an index is asked about a column.
enum IndexPredicate {
    /// Values between two others.
    Range(Span),
    /// Texts that contain all of these.
    Substrings(Vec<String>),
}

/// The kind of index that answers a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum IndexKind {
    /// Rows in the order of their values.
    Btree,
    /// Rows by the runs of characters in their texts.
    Ngram,
}

/// Finds the prefilters of the variables of the outermost block. None where one of its conditions is an equality, by an
/// index or not: then few rows are expected anyway.
///
/// # Errors
/// `Storage`.
pub(super) async fn prefilters(
    read: &Read,
    catalog: &Catalog,
    env: &Env<'_>,
    tables: &BTreeMap<TypeKey, Table>,
) -> Result<Vec<Prefilter>> {
    let mut conjuncts: Vec<&Expr> = Vec::new();
    let mut pending: Vec<&Expr> = read.pattern.filters.iter().collect();
    while let Some(expr) = pending.pop() {
        match expr {
            Expr::And(parts) => pending.extend(parts),
            other => conjuncts.push(other),
        }
    }
    if conjuncts.iter().any(|expr| is_equality(expr)) {
        return Ok(vec![]);
    }
    let mut predicates: BTreeMap<(VarId, String, IndexKind), IndexPredicate> = BTreeMap::new();
    for expr in conjuncts {
        let Some((var, name, operation, other)) = parts(expr) else { continue };
        if !matches!(other, Expr::Literal { .. } | Expr::Param(_) | Expr::Now) {
            continue;
        }
        let key = type_key(&read.variables[var.0].ty);
        let Some(node) = catalog.nodes.get(&key.name).filter(|_| key.kind == EntityKind::Node) else {
            continue;
        };
        let Some(property) = node.property(name) else { continue };
        let Scalar::Const { value, .. } = env.lower(other)? else { continue };
        let Some((column, predicate)) = index_predicate(node, property, operation, &value)? else { continue };
        match predicates.entry((var, column, predicate.index())) {
            Entry::Vacant(entry) => {
                entry.insert(predicate);
            }
            Entry::Occupied(mut entry) => entry.get_mut().and(predicate),
        }
    }
    let mut prefilters = Vec::new();
    for ((var, column, _), predicate) in predicates {
        let key = type_key(&read.variables[var.0].ty);
        let table = tables.get(&key).ok_or_else(|| QueryError::internal(format!("{key} was not opened")))?;
        if let Some(rows) = predicate.rows(table, &column).await? {
            let by = match predicate {
                IndexPredicate::Range(_) => format!("order of {column}"),
                IndexPredicate::Substrings(_) => format!("runs of {column}"),
            };
            prefilters.push(Prefilter { var, rows: Arc::new(rows), by: by.into() });
        }
    }
    Ok(prefilters)
}

fn is_equality(expr: &Expr) -> bool {
    let property = |expr: &Expr| matches!(expr, Expr::Property { .. });
    match expr {
        Expr::Compare { op: CompareOp::Eq, left, right } => property(left) != property(right),
        Expr::Member { element, .. } => property(element),
        _ => false,
    }
}

/// Takes a condition apart into a property of a variable, the operation and the other side.
fn parts(expr: &Expr) -> Option<(VarId, &str, Operation, &Expr)> {
    let (left, operation, right) = match expr {
        Expr::Compare { op, left, right } => {
            let (op, left, right) = match (left.as_ref(), right.as_ref()) {
                (Expr::Property { .. }, _) => (*op, left, right),
                _ => (turned(*op), right, left),
            };
            let below = match op {
                CompareOp::Lt | CompareOp::Le => true,
                CompareOp::Gt | CompareOp::Ge => false,
                CompareOp::Eq | CompareOp::Ne => return None,
            };
            (left, Operation::Compare { below }, right)
        }
        Expr::Prefix { text, prefix } => (text, Operation::Prefix, prefix),
        Expr::Substring { text, part } => (text, Operation::Substring, part),
        _ => return None,
    };
    match left.as_ref() {
        Expr::Property { var, property, .. } => Some((*var, property, operation, right)),
        _ => None,
    }
}

/// What a condition asks of a property.
#[derive(Clone, Copy)]
enum Operation {
    /// To be below a value, or above it; to be equal does no harm.
    Compare {
        /// Whether it is below.
        below: bool,
    },
    /// To start with a text.
    Prefix,
    /// To hold a text.
    Substring,
}

fn turned(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Lt => CompareOp::Gt,
        CompareOp::Le => CompareOp::Ge,
        CompareOp::Gt => CompareOp::Lt,
        CompareOp::Ge => CompareOp::Le,
        CompareOp::Eq | CompareOp::Ne => op,
    }
}

/// Returns the column whose index serves an operation on a property, and what is asked of it; none when nothing serves
/// it.
fn index_predicate(
    node: &NodeType,
    property: &Property,
    operation: Operation,
    value: &Value,
) -> Result<Option<(String, IndexPredicate)>> {
    let indexed = |members: fn(&Constraint) -> Option<&[String]>| {
        let mut members = node.constraints.iter().filter_map(members);
        members.any(|members| matches!(members, [member] if *member == property.name))
    };
    let declared = indexed(|constraint| match constraint {
        Constraint::Index(members) | Constraint::Unique(members) => Some(members),
        Constraint::Key(_) | Constraint::Range { .. } | Constraint::Check { .. } => None,
    });
    let text = property.ty.kind == Kind::Scalar(ScalarType::String);
    // A key of one text is the id.
    let key =
        text && node.key().is_some_and(|key| matches!(key.as_slice(), [member] if member.id == property.id));
    let column = match (declared, key) {
        (true, _) => property.name.clone(),
        (false, true) => model::ID.to_owned(),
        (false, false) => return Ok(None),
    };
    Ok(match (operation, value) {
        (Operation::Substring, Value::String(part)) => {
            let declared = indexed(|constraint| match constraint {
                Constraint::Index(members) => Some(members),
                _ => None,
            });
            declared.then(|| (property.name.clone(), IndexPredicate::Substrings(vec![part.clone()])))
        }
        (Operation::Prefix, Value::String(prefix)) => {
            let one = |text: String| Arc::new(StringArray::from(vec![text])) as ArrayRef;
            let upper = after(prefix).map_or(Bound::Unbounded, |end| Bound::Excluded(one(end)));
            Some((column, IndexPredicate::Range(Span { lower: Bound::Included(one(prefix.clone())), upper })))
        }
        (Operation::Compare { below }, value) if !value.is_null() && ordered(property) => {
            let ty = model::column_type(&property.ty);
            exact_array(std::slice::from_ref(value), &ty)?.map(|end| {
                let (lower, upper) = match below {
                    true => (Bound::Unbounded, Bound::Included(end)),
                    false => (Bound::Included(end), Bound::Unbounded),
                };
                (column, IndexPredicate::Range(Span { lower, upper }))
            })
        }
        _ => None,
    })
}

/// Types whose order in an index is that of the language: not so where floats may be no numbers, and enums are ordered
/// by their declaration.
fn ordered(property: &Property) -> bool {
    match property.ty.kind {
        Kind::Scalar(scalar) => !scalar.is_float() && !property.ty.is_blob() && scalar != ScalarType::Bool,
        Kind::Enum(_) | Kind::List(_) | Kind::Vector(_) => false,
    }
}

/// Returns the least text that is greater than all that start with a prefix; none if there is none.
fn after(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // The character after a surrogate gap is the next one there is.
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

impl IndexPredicate {
    fn index(&self) -> IndexKind {
        match self {
            IndexPredicate::Range(_) => IndexKind::Btree,
            IndexPredicate::Substrings(_) => IndexKind::Ngram,
        }
    }

    /// Asks for more of the same column. Of two bounds on one side either is right, as what is found is looked at again.
    fn and(&mut self, other: IndexPredicate) {
        match (self, other) {
            (IndexPredicate::Range(span), IndexPredicate::Range(other)) => {
                for (end, other) in [(&mut span.lower, other.lower), (&mut span.upper, other.upper)] {
                    if matches!(end, Bound::Unbounded) {
                        *end = other;
                    }
                }
            }
            (IndexPredicate::Substrings(parts), IndexPredicate::Substrings(others)) => parts.extend(others),
            (IndexPredicate::Range(_) | IndexPredicate::Substrings(_), _) => {}
        }
    }

    /// Returns live rows among which are all that are meant; none where a scan is as fast.
    async fn rows(&self, table: &Table, column: &str) -> Result<Option<RoaringTreemap>> {
        match self {
            IndexPredicate::Range(span) => Ok(table.prefilter_span(column, span).await?),
            IndexPredicate::Substrings(parts) => {
                // The longest is the rarest, more or less.
                let longest = parts.iter().max_by_key(|part| part.len());
                match longest {
                    Some(part) => Ok(table.prefilter_substring(column, part).await?),
                    None => Ok(None),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_with_a_prefix_lie_before_what_comes_after_it(prefix in any::<String>(), rest in any::<String>()) {
            if let Some(after) = after(&prefix) {
                prop_assert!([prefix.as_str(), &rest].concat() < after);
                prop_assert!(!after.starts_with(&prefix) || prefix.is_empty());
            } else {
                prop_assert!(prefix.chars().all(|c| c == char::MAX));
            }
        }
    }

    #[test]
    fn after_a_text_comes_the_next_character() {
        assert_eq!(after("lib").as_deref(), Some("lic"));
        assert_eq!(after("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(after("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after("\u{10ffff}"), None);
        assert_eq!(after(""), None);
    }
}
