//! The metric that `@index` gives a vector: on the property, in the body of its type, or both.

use super::ast::{self, ConstraintKind};
use super::declaration::DeclarationKind;
use super::draft::{MetricClause, TypeDraft};
use super::findings::{Findings, did_you_mean};
use super::target::{Target, check_keywords};
use crate::catalog::Metric;
use crate::diagnostics::Span;
use crate::types::Type;

/// The only keyword argument of `@index`.
const KEYWORD: &str = "metric";

/// Reads the metric of an `@index` that stands on a property.
pub(super) fn of_mark(
    target: Target<'_>,
    annotation: &ast::Annotation,
    findings: &mut Findings,
) -> Option<Metric> {
    let Target::Property { kind, owner, name, ty } = target else { return None };
    let (metric, span) = read(kind, owner, name, &annotation.keywords, findings)?;
    match ty.and_then(|ty| refuse_type(owner, name, ty)) {
        Some(message) => {
            findings.declaration_with_hint(span, message, Some("write `@index` alone"));
            None
        }
        None => Some(metric),
    }
}

/// Reads the metric of a body constraint. The property is checked in [`settle`], when it is known.
pub(super) fn of_body(
    kind: DeclarationKind,
    owner: &str,
    constraint: &ConstraintKind,
    findings: &mut Findings,
) -> Option<MetricClause> {
    let ConstraintKind::Index { members, keywords } = constraint else { return None };
    let (first, _) = keywords.first()?;
    let [member] = members.as_slice() else {
        let message = format!("@index on {kind} '{owner}' has keyword '{}' and several members", first.text);
        let hint = "write one index per vector, like `@index(vec, metric=\"cosine\")`";
        findings.declaration_with_hint(first.at.0, message, Some(hint));
        return None;
    };
    let target = format!("property {owner}.{}", member.text);
    check_keywords("index", &target, keywords, findings);
    let (metric, span) = read(kind, owner, &member.text, keywords, findings)?;
    Some(MetricClause { property: member.text.clone(), metric, span })
}

/// Gives each property of a type the metric that body constraints name; all properties are known by now.
///
/// An `@index` without a metric says nothing about it, so one of two forms may leave it to the other.
pub(super) fn settle(draft: &mut TypeDraft, findings: &mut Findings) {
    for MetricClause { property: name, metric, span } in &draft.metrics {
        // An unknown property, or one of a refused type, is reported as such.
        let Some(property) = draft.properties.iter_mut().find(|property| property.name == *name) else {
            continue;
        };
        let Some(ty) = &property.ty else { continue };
        let (message, hint) = match (refuse_type(&draft.name, name, ty), property.metric) {
            // The index itself is refused.
            (Some(_), _) if ty.is_list() || ty.is_blob() => continue,
            (Some(message), _) => (message, format!("write `@index({name})`")),
            (None, Some(other)) if other != *metric => (
                format!("@index gives property {}.{name} both metrics {other} and {metric}", draft.name),
                "say it in one place".to_owned(),
            ),
            (None, _) => {
                property.metric = Some(*metric);
                continue;
            }
        };
        match property.declared {
            true => findings.declaration_with_hint(*span, message, Some(hint)),
            false => findings.catalog(*span, message, Some(hint)),
        }
    }
}

/// Says why a property of this type can have no metric.
fn refuse_type(owner: &str, name: &str, ty: &Type) -> Option<String> {
    (!ty.is_vector())
        .then(|| format!("a metric is only supported on vector properties; {owner}.{name} is {ty}"))
}

/// Reads the keywords of an `@index` on one property; the span is that of the keyword.
fn read(
    kind: DeclarationKind,
    owner: &str,
    name: &str,
    keywords: &[(ast::Name, ast::Argument)],
    findings: &mut Findings,
) -> Option<(Metric, Span)> {
    let mut found = None;
    for (keyword, value) in keywords {
        let span = keyword.at.0;
        if keyword.text != KEYWORD {
            let message = format!(
                "@index on property {owner}.{name} has keyword '{}': only '{KEYWORD}' is supported",
                keyword.text
            );
            findings.declaration_with_hint(span, message, did_you_mean(&keyword.text, [KEYWORD]));
        } else if kind == DeclarationKind::Edge {
            let message = format!("a metric is not supported on edge properties ({owner}.{name})");
            findings.declaration_with_hint(
                span,
                message,
                Some("`nearest` ranks nodes; leave the metric out"),
            );
        } else if let Some(metric) = Metric::from_name(value.text()) {
            found = found.or(Some((metric, span)));
        } else {
            let message =
                format!("@index on property {owner}.{name} names unknown metric '{}'", value.text());
            findings.declaration_with_hint(span, message, Some(cure(value.text())));
        }
    }
    found
}

/// Suggests a metric for a word that is none: what others call it, what is spelt alike, or all of them.
fn cure(word: &str) -> String {
    let meant = match word.to_lowercase().as_str() {
        "euclidean" | "euclid" => Some(Metric::L2),
        "cos" | "angular" => Some(Metric::Cosine),
        "ip" | "inner_product" | "dot_product" => Some(Metric::Dot),
        _ => None,
    };
    match meant {
        Some(metric) => format!("did you mean '{metric}'?"),
        None => did_you_mean(word, Metric::ALL.map(Metric::name)).unwrap_or_else(|| {
            format!("the metrics are {}", Metric::ALL.map(|metric| format!("'{metric}'")).join(", "))
        }),
    }
}
