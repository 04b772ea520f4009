//! Annotations: which targets and arguments each of them may have, and what it says.

use std::collections::BTreeMap;

use super::ast;
use super::declaration::DeclarationKind;
use super::draft::RenameHint;
use super::findings::Findings;
use super::metric;
use super::target::{Target, check_keywords};
use crate::catalog::{Annotation, Embed, Metric, PropertyMarks};
use crate::diagnostics::Span;

/// What the annotations of one target say.
#[derive(Debug, Default)]
pub(super) struct AnnotationValues {
    pub(super) marks: PropertyMarks,
    pub(super) embed: Option<(Embed, Span)>,
    pub(super) metric: Option<Metric>,
    /// Descriptions, instructions and custom annotations, sorted and distinct.
    pub(super) stored: Vec<Annotation>,
    pub(super) hints: Vec<RenameHint>,
}

/// Reads and checks the annotations of one target.
pub(super) fn read(
    target: Target<'_>,
    annotations: &[ast::Annotation],
    findings: &mut Findings,
) -> AnnotationValues {
    let mut values = AnnotationValues::default();
    for (i, annotation) in annotations.iter().enumerate() {
        let name = annotation.name.text.as_str();
        let repeated = annotations[..i].iter().any(|other| other.name.text == name);
        check_keywords(name, &target, &annotation.keywords, findings);
        match name {
            "key" | "unique" | "index" | "embed" => {
                if mark_allowed(target, annotation, repeated, findings) {
                    match name {
                        "key" => values.marks.key = true,
                        "unique" => values.marks.unique = true,
                        "index" => {
                            values.marks.index = true;
                            values.metric = metric::of_mark(target, annotation, findings);
                        }
                        _ => values.embed = embed(target, annotation, findings),
                    }
                }
            }
            "range" | "check" | "card" => refuse_constraint(target, annotation, findings),
            "description" | "instruction" => {
                if text_allowed(target, annotation, repeated, findings) {
                    values.stored.push(stored(annotation));
                }
            }
            "rename_from" => values.hints.extend(rename_hint(target, annotation, repeated, findings)),
            _ => values.stored.push(stored(annotation)),
        }
    }
    values.stored.sort();
    values.stored.dedup();
    values
}

fn stored(annotation: &ast::Annotation) -> Annotation {
    let kwargs: BTreeMap<String, String> = annotation
        .keywords
        .iter()
        .map(|(name, value)| (name.text.clone(), value.text().to_owned()))
        .collect();
    Annotation {
        name: annotation.name.text.clone(),
        value: annotation.argument.as_ref().map(|argument| argument.text().to_owned()),
        kwargs,
    }
}

/// The positional argument, unless it is absent or blank.
fn value(annotation: &ast::Annotation) -> Option<&str> {
    annotation.argument.as_ref().map(ast::Argument::text).filter(|text| !text.trim().is_empty())
}

/// Checks the target of `@key`, `@unique`, `@index` and `@embed`.
fn mark_allowed(
    target: Target<'_>,
    annotation: &ast::Annotation,
    repeated: bool,
    findings: &mut Findings,
) -> bool {
    let mark = annotation.name.text.as_str();
    let span = annotation.at.0;
    let (kind, owner, name, ty) = match target {
        Target::Property { kind, owner, name, ty } => (kind, owner, name, ty),
        Target::Header { kind: DeclarationKind::Edge, .. } => {
            let hint = matches!(mark, "unique" | "index")
                .then(|| format!("list the members in the body, like `@{mark}(src, dst)`"));
            findings.declaration_with_hint(span, format!("@{mark} is not supported on {target}"), hint);
            return false;
        }
        Target::Header { .. } => {
            let hint =
                (mark != "embed").then(|| format!("list the properties in the body, like `@{mark}(slug)`"));
            let message = format!("@{mark} is only supported on node properties, not on {target}");
            findings.declaration_with_hint(span, message, hint);
            return false;
        }
    };
    if kind == DeclarationKind::Edge && matches!(mark, "key" | "embed") {
        findings.declaration(span, format!("@{mark} is not supported on edge properties ({owner}.{name})"));
        return false;
    }
    if repeated {
        findings.declaration(span, format!("{target} declares @{mark} multiple times"));
        return false;
    }
    let Some(ty) = ty else { return true };
    let kind = if ty.is_blob() {
        "blob"
    } else if ty.is_list() {
        "list"
    } else if ty.is_vector() && matches!(mark, "key" | "unique") {
        "vector"
    } else if mark == "embed" && !ty.is_vector() {
        let message = format!("@embed is only supported on vector properties; {owner}.{name} is {ty}");
        findings.declaration(span, message);
        return false;
    } else if mark == "key" && ty.nullable {
        let hint = Some("remove the `?`");
        let message = format!("key property {owner}.{name} cannot be nullable");
        findings.declaration_with_hint(span, message, hint);
        return false;
    } else {
        return true;
    };
    findings.declaration(span, format!("@{mark} is not supported on {kind} property {owner}.{name}"));
    false
}

fn embed(target: Target<'_>, annotation: &ast::Annotation, findings: &mut Findings) -> Option<(Embed, Span)> {
    let span = annotation.at.0;
    let mut model = None;
    for (keyword, value) in &annotation.keywords {
        match keyword.text.as_str() {
            "model" => model = Some(value.text().to_owned()),
            other => {
                let message = format!("@embed on {target} has keyword '{other}': only 'model' is supported");
                findings.declaration(keyword.at.0, message);
            }
        }
    }
    match value(annotation) {
        Some(source) => Some((Embed { source: source.to_owned(), model }, span)),
        None => {
            let hint = Some("name the String property that is embedded, like `@embed(body)`");
            findings.declaration_with_hint(
                span,
                format!("@embed on {target} requires a source property name"),
                hint,
            );
            None
        }
    }
}

/// Refuses a constraint that is written like an annotation.
fn refuse_constraint(target: Target<'_>, annotation: &ast::Annotation, findings: &mut Findings) {
    let name = annotation.name.text.as_str();
    let (message, hint) = match name {
        "card" => (
            format!("malformed cardinality: @card is no annotation of {target}"),
            "an edge has `@card(min..max)` right after its endpoints, before every annotation",
        ),
        "range" => (
            format!("@range is no annotation of {target}"),
            "write `@range(property, min..max)` in the body of a node",
        ),
        _ => (
            format!("@check is no annotation of {target}"),
            "write `@check(property, \"pattern\")` in the body of a node",
        ),
    };
    findings.declaration_with_hint(annotation.at.0, message, Some(hint));
}

/// Checks target and argument of `@description` and `@instruction`.
fn text_allowed(
    target: Target<'_>,
    annotation: &ast::Annotation,
    repeated: bool,
    findings: &mut Findings,
) -> bool {
    let name = annotation.name.text.as_str();
    let span = annotation.at.0;
    if name == "instruction" && matches!(target, Target::Property { .. }) {
        let message = format!("@instruction is only supported on node and edge types, not on {target}");
        findings.declaration(span, message);
        return false;
    }
    if repeated {
        findings.declaration(span, format!("{target} declares @{name} multiple times"));
        return false;
    }
    if value(annotation).is_none() {
        findings.declaration(span, format!("@{name} on {target} requires a text that is not blank"));
        return false;
    }
    true
}

fn rename_hint(
    target: Target<'_>,
    annotation: &ast::Annotation,
    repeated: bool,
    findings: &mut Findings,
) -> Option<RenameHint> {
    let span = annotation.at.0;
    if repeated {
        findings.declaration(span, format!("{target} declares @rename_from multiple times"));
        return None;
    }
    if let Some((keyword, _)) = annotation.keywords.first() {
        findings.declaration(keyword.at.0, format!("@rename_from on {target} takes no keyword arguments"));
        return None;
    }
    match value(annotation) {
        Some(from) => Some(RenameHint { from: from.to_owned(), span, injected: false }),
        None => {
            let hint = Some("write the former name in quotes, like `@rename_from(\"Old\")`");
            findings.declaration_with_hint(
                span,
                format!("@rename_from on {target} requires the former name"),
                hint,
            );
            None
        }
    }
}
