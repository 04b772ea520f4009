//! Constraints in the body of a type: their members, their arguments, and the properties they may be put on.

use std::cmp::Ordering;

use regex::Regex;

use super::ast::{self, ConstraintKind};
use super::declaration::DeclarationKind;
use super::draft::{PropertyDraft, TypeDraft};
use super::findings::{Findings, did_you_mean};
use crate::catalog::{Bound, Constraint};
use crate::diagnostics::Span;
use crate::types::{Scalar, Type};

/// The endpoint members of edge constraints.
const ENDPOINTS: [&str; 2] = ["src", "dst"];

/// Writes a constraint as source text.
pub(super) fn display(constraint: &Constraint) -> String {
    match constraint {
        Constraint::Key(members) => format!("@key({})", members.join(", ")),
        Constraint::Unique(members) => format!("@unique({})", members.join(", ")),
        Constraint::Index(members) => format!("@index({})", members.join(", ")),
        Constraint::Range { property, min, max } => {
            let text = |bound: &Option<Bound>| bound.map_or(String::new(), |bound| bound.to_string());
            format!("@range({property}, {}..{})", text(min), text(max))
        }
        Constraint::Check { property, pattern } => format!("@check({property}, {pattern:?})"),
    }
}

/// Returns the word after `@`.
pub(super) fn word(constraint: &Constraint) -> &'static str {
    match constraint {
        Constraint::Key(_) => "key",
        Constraint::Unique(_) => "unique",
        Constraint::Index(_) => "index",
        Constraint::Range { .. } => "range",
        Constraint::Check { .. } => "check",
    }
}

/// Returns the names that a constraint is about.
pub(super) fn members(constraint: &Constraint) -> Vec<&str> {
    match constraint {
        Constraint::Key(members) | Constraint::Unique(members) | Constraint::Index(members) => {
            members.iter().map(String::as_str).collect()
        }
        Constraint::Range { property, .. } | Constraint::Check { property, .. } => vec![property],
    }
}

/// Sorts constraints into canonical order and drops repeated ones.
pub(super) fn canonicalize(constraints: &mut Vec<Constraint>) {
    constraints.sort_by_cached_key(|constraint| {
        let rank = match constraint {
            Constraint::Key(_) => 0,
            Constraint::Unique(_) => 1,
            Constraint::Index(_) => 2,
            Constraint::Range { .. } => 3,
            Constraint::Check { .. } => 4,
        };
        let members: Vec<String> = members(constraint).into_iter().map(str::to_owned).collect();
        (rank, members, display(constraint))
    });
    constraints.dedup();
}

/// Reads a body constraint as far as its own text goes.
pub(super) fn lower(
    kind: DeclarationKind,
    owner: &str,
    constraint: &ast::Constraint,
    findings: &mut Findings,
) -> Option<Constraint> {
    let span = constraint.at.0;
    let word = constraint.kind.word();
    if kind == DeclarationKind::Edge && matches!(word, "key" | "range" | "check") {
        findings.declaration(span, format!("@{word} is not supported on edge '{owner}'"));
        return None;
    }
    match &constraint.kind {
        ConstraintKind::Key(names) => distinct(kind, owner, word, names, findings).map(Constraint::Key),
        ConstraintKind::Unique(names) => distinct(kind, owner, word, names, findings).map(Constraint::Unique),
        ConstraintKind::Index { members, .. } => {
            distinct(kind, owner, word, members, findings).map(Constraint::Index)
        }
        ConstraintKind::Range { property, min, max } => {
            let property = property.text.clone();
            let mut bound = |number: &Option<ast::Number>| match number {
                None => Some(None),
                Some(number) => match parse_bound(&number.text) {
                    Some(bound) => Some(Some(bound)),
                    None => {
                        let message = format!("@range on {owner}.{property} has a bound out of range");
                        findings.declaration(number.at.0, message);
                        None
                    }
                },
            };
            let (min, max) = (bound(min), bound(max));
            let (min, max) = (min?, max?);
            if let (Some(low), Some(high)) = (min, max)
                && compare(low, high) == Ordering::Greater
            {
                let message = format!("@range on {owner}.{property} has its minimum above its maximum");
                findings.declaration_with_hint(
                    span,
                    message,
                    Some(format!("swap the bounds: {high}..{low}")),
                );
                return None;
            }
            Some(Constraint::Range { property, min, max })
        }
        ConstraintKind::Check { property, pattern } => {
            let property = property.text.clone();
            if let Err(error) = Regex::new(pattern) {
                let reason = error.to_string();
                let reason =
                    reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                let message = format!("@check on {owner}.{property} has a pattern that does not compile");
                findings.declaration_with_hint(span, message, Some(reason));
                return None;
            }
            Some(Constraint::Check { property, pattern: pattern.clone() })
        }
    }
}

fn distinct(
    kind: DeclarationKind,
    owner: &str,
    word: &str,
    names: &[ast::Name],
    findings: &mut Findings,
) -> Option<Vec<String>> {
    let mut members: Vec<String> = Vec::with_capacity(names.len());
    let mut sound = true;
    for name in names {
        if members.contains(&name.text) {
            findings.declaration(
                name.at.0,
                format!("@{word} on {kind} '{owner}' repeats member '{}'", name.text),
            );
            sound = false;
        } else {
            members.push(name.text.clone());
        }
    }
    members.sort();
    sound.then_some(members)
}

/// An integer when the text fits 64 bits, otherwise a finite float.
fn parse_bound(text: &str) -> Option<Bound> {
    match text.parse::<i64>() {
        Ok(value) => Some(Bound::Int(value)),
        Err(_) => text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Bound::Float),
    }
}

/// Compares two bounds by numeric value.
fn compare(a: Bound, b: Bound) -> Ordering {
    match (a, b) {
        (Bound::Int(a), Bound::Int(b)) => a.cmp(&b),
        (Bound::Float(a), Bound::Float(b)) => a.total_cmp(&b),
        (Bound::Int(a), Bound::Float(b)) => compare_mixed(a, b),
        (Bound::Float(a), Bound::Int(b)) => compare_mixed(b, a).reverse(),
    }
}

fn compare_mixed(int: i64, float: f64) -> Ordering {
    // Every float below 2^63 in magnitude has an exact integral part in an i128.
    match i128::from(int).cmp(&(float.trunc() as i128)) {
        Ordering::Equal if float.fract() > 0.0 => Ordering::Less,
        Ordering::Equal if float.fract() < 0.0 => Ordering::Greater,
        order => order,
    }
}

/// Checks the body constraints of a type against its effective properties.
///
/// `complete` says that all properties are known; otherwise unknown names are not reported.
pub(super) fn check(draft: &TypeDraft, complete: bool, findings: &mut Findings) {
    check_single_key(draft, findings);
    for (constraint, span) in &draft.constraints {
        for member in members(constraint) {
            if draft.kind == DeclarationKind::Edge && ENDPOINTS.contains(&member) {
                continue;
            }
            match draft.property(member) {
                Some(property) => check_member(draft, constraint, property, *span, findings),
                None if complete => report_unknown(draft, constraint, member, *span, findings),
                None => {}
            }
        }
    }
}

fn report_unknown(
    draft: &TypeDraft,
    constraint: &Constraint,
    member: &str,
    span: Span,
    findings: &mut Findings,
) {
    let endpoints = match draft.kind {
        DeclarationKind::Edge => ENDPOINTS.as_slice(),
        DeclarationKind::Interface | DeclarationKind::Node => &[],
    };
    let hint = match (draft.kind, member) {
        (DeclarationKind::Edge, "from") => Some("did you mean 'src'?".to_owned()),
        (DeclarationKind::Edge, "to") => Some("did you mean 'dst'?".to_owned()),
        _ => did_you_mean(
            member,
            draft.properties.iter().map(|p| p.name.as_str()).chain(endpoints.iter().copied()),
        ),
    };
    let message = format!("@{} on {} names unknown property '{member}'", word(constraint), draft.title());
    findings.declaration_with_hint(span, message, hint);
}

fn check_single_key(draft: &TypeDraft, findings: &mut Findings) {
    let mut bodies: Vec<(&Constraint, Span)> = Vec::new();
    for (constraint, span) in &draft.constraints {
        if matches!(constraint, Constraint::Key(_)) && !bodies.iter().any(|(other, _)| *other == constraint) {
            bodies.push((constraint, *span));
        }
    }
    if draft.kind != DeclarationKind::Node {
        return;
    }
    let marked: Vec<&PropertyDraft> = draft.properties.iter().filter(|property| property.marks.key).collect();
    if marked.len() + bodies.len() < 2 {
        return;
    }
    let message = format!("multiple @key on {}", draft.title());
    let hint = Some("a key of several properties is written `@key(a, b)` in the body");
    let last_declared = marked.iter().filter(|property| property.declared).map(|property| property.span);
    match bodies.iter().map(|(_, span)| *span).chain(last_declared).max() {
        Some(span) => findings.declaration_with_hint(span, message, hint),
        None => findings.catalog(draft.span, message, hint),
    }
}

/// Checks that a property is of a kind that the constraint can be put on.
fn check_member(
    draft: &TypeDraft,
    constraint: &Constraint,
    property: &PropertyDraft,
    span: Span,
    findings: &mut Findings,
) {
    let Some(ty) = &property.ty else { return };
    let (owner, name, word) = (&draft.name, &property.name, word(constraint));
    let message = match (unsupported_kind(constraint, ty), constraint) {
        (Some(kind), _) => format!("@{word} is not supported on {kind} property {owner}.{name}"),
        (None, Constraint::Key(_)) if ty.nullable => {
            format!("key property {owner}.{name} cannot be nullable")
        }
        (None, Constraint::Range { .. }) if !ty.as_scalar().is_some_and(Scalar::is_numeric) => {
            format!("@range requires a numeric property; {owner}.{name} is {ty}")
        }
        (None, Constraint::Check { .. }) if ty.as_scalar() != Some(Scalar::String) => {
            format!("@check requires a String property; {owner}.{name} is {ty}")
        }
        _ => return,
    };
    match property.declared {
        true => findings.declaration(span, message),
        false => findings.catalog(span, message, None::<String>),
    }
}

fn unsupported_kind(constraint: &Constraint, ty: &Type) -> Option<&'static str> {
    let identifies = matches!(constraint, Constraint::Key(_) | Constraint::Unique(_));
    if ty.is_list() {
        Some("list")
    } else if ty.is_blob() && (identifies || matches!(constraint, Constraint::Index(_))) {
        Some("blob")
    } else if ty.is_vector() && identifies {
        Some("vector")
    } else {
        None
    }
}
