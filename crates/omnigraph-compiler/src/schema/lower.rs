//! Lowering: the syntax tree becomes drafts, which hold all that one declaration says without looking at another one.

use std::collections::BTreeSet;

use super::annotations;
use super::ast::{self, At, Declaration, Member, TypeKind};
use super::constraints;
use super::declaration::DeclarationKind;
use super::draft::{PropertyDraft, Reference, TypeDraft};
use super::findings::{Findings, did_you_mean};
use super::metric;
use super::target::Target;
use crate::catalog::Cardinality;
use crate::types::{Kind, Scalar, Type};

/// The largest dimension of a vector.
const MAX_DIMENSION: u64 = i32::MAX as u64;

/// Column names that the storage keeps for itself.
const STORAGE_NAMES: [&str; 5] =
    ["_rowid", "_rowaddr", "_rowoffset", "_row_created_at_version", "_row_last_updated_at_version"];

/// Lowers every declaration, in source order.
pub(super) fn lower(schema: &ast::Schema, findings: &mut Findings) -> Vec<TypeDraft> {
    schema.declarations.iter().map(|declaration| lower_declaration(declaration, findings)).collect()
}

fn lower_declaration(declaration: &Declaration, findings: &mut Findings) -> TypeDraft {
    match declaration {
        Declaration::Interface(interface) => {
            let mut draft = empty(DeclarationKind::Interface, &interface.name);
            for property in &interface.properties {
                add_property(&mut draft, property, findings);
            }
            draft
        }
        Declaration::Node(node) => {
            let mut draft = empty(DeclarationKind::Node, &node.name);
            draft.implements = node.implements.iter().map(reference).collect();
            add_header(&mut draft, &node.annotations, findings);
            add_members(&mut draft, &node.members, findings);
            draft
        }
        Declaration::Edge(edge) => {
            let mut draft = empty(DeclarationKind::Edge, &edge.name);
            draft.ends = Some((reference(&edge.from), reference(&edge.to)));
            if let Some(cardinality) = &edge.cardinality {
                draft.cardinality = lower_cardinality(&edge.name.text, cardinality, findings);
            }
            add_header(&mut draft, &edge.annotations, findings);
            add_members(&mut draft, &edge.members, findings);
            draft
        }
    }
}

fn empty(kind: DeclarationKind, name: &ast::Name) -> TypeDraft {
    TypeDraft {
        kind,
        name: name.text.clone(),
        span: name.at.0,
        implements: Vec::new(),
        ends: None,
        cardinality: Cardinality::default(),
        properties: Vec::new(),
        constraints: Vec::new(),
        metrics: Vec::new(),
        annotations: Vec::new(),
        hints: Vec::new(),
    }
}

fn reference(name: &ast::Name) -> Reference {
    Reference { name: name.text.clone(), span: name.at.0 }
}

fn add_header(draft: &mut TypeDraft, written: &[ast::Annotation], findings: &mut Findings) {
    let target = Target::Header { kind: draft.kind, name: &draft.name };
    let values = annotations::read(target, written, findings);
    draft.annotations = values.stored;
    draft.hints = values.hints;
}

fn add_members(draft: &mut TypeDraft, members: &[Member], findings: &mut Findings) {
    for member in members {
        match member {
            Member::Property(property) => add_property(draft, property, findings),
            Member::Constraint(written) => {
                let lowered = constraints::lower(draft.kind, &draft.name, written, findings);
                draft.constraints.extend(lowered.map(|constraint| (constraint, written.at.0)));
                draft.metrics.extend(metric::of_body(draft.kind, &draft.name, &written.kind, findings));
            }
        }
    }
}

fn add_property(draft: &mut TypeDraft, property: &ast::Property, findings: &mut Findings) {
    let (owner, name, span) = (&draft.name, &property.name.text, property.name.at.0);
    if STORAGE_NAMES.contains(&name.as_str()) {
        findings.declaration(span, format!("property name '{name}' of {owner} is reserved for storage"));
    }
    let ty = lower_type(owner, name, &property.ty, findings);
    let target = Target::Property { kind: draft.kind, owner, name, ty: ty.as_ref() };
    let values = annotations::read(target, &property.annotations, findings);
    if draft.property(name).is_some() {
        findings.declaration(span, format!("duplicate property '{name}' in {}", draft.title()));
        return;
    }
    draft.properties.push(PropertyDraft {
        name: name.clone(),
        span,
        ty,
        marks: values.marks,
        embed: values.embed,
        metric: values.metric,
        annotations: values.stored,
        hints: values.hints,
        declared: true,
        satisfies: BTreeSet::new(),
    });
}

fn lower_type(owner: &str, property: &str, ty: &ast::Type, findings: &mut Findings) -> Option<Type> {
    let kind = match &ty.kind {
        TypeKind::Scalar(name) => Kind::Scalar(scalar(name, findings)?),
        TypeKind::List(name) => match scalar(name, findings)? {
            Scalar::Blob => {
                findings.declaration(
                    ty.at.0,
                    format!("{owner}.{property} is a list of Blob, which is not a type"),
                );
                return None;
            }
            scalar => Kind::List(scalar),
        },
        TypeKind::Vector(dimension) => Kind::Vector(lower_dimension(owner, property, dimension, findings)?),
        TypeKind::Enum(values) => {
            let mut distinct = BTreeSet::new();
            for value in values {
                if !distinct.insert(value.text.clone()) {
                    let message =
                        format!("enum of {owner}.{property} has duplicate values: '{}'", value.text);
                    findings.declaration(value.at.0, message);
                }
            }
            Kind::Enum(distinct.into_iter().collect())
        }
    };
    Some(Type { kind, nullable: ty.nullable })
}

fn scalar(name: &ast::Name, findings: &mut Findings) -> Option<Scalar> {
    let found = Scalar::from_name(&name.text);
    if found.is_none() {
        let hint = match name.text.as_str() {
            "Vector" => Some("a vector is written with its dimension, like `Vector(384)`".to_owned()),
            "Int" | "Integer" | "Long" => Some("did you mean 'I64'?".to_owned()),
            "Float" | "Double" | "Number" => Some("did you mean 'F64'?".to_owned()),
            "Text" | "Str" => Some("did you mean 'String'?".to_owned()),
            "Enum" => Some("an enum is written with its values, like `enum(todo, done)`".to_owned()),
            other => did_you_mean(other, Scalar::ALL.map(Scalar::name)),
        };
        findings.declaration_with_hint(name.at.0, format!("unknown type '{}'", name.text), hint);
    }
    found
}

fn lower_dimension(
    owner: &str,
    property: &str,
    dimension: &ast::Number,
    findings: &mut Findings,
) -> Option<u32> {
    let At(span) = dimension.at;
    // Digits that do not fit 64 bits are certainly too large.
    match dimension.text.parse::<u64>().unwrap_or(u64::MAX) {
        0 => {
            findings.declaration(span, format!("Vector dimension of {owner}.{property} must be at least 1"));
            None
        }
        n if n > MAX_DIMENSION => {
            let message = format!(
                "Vector dimension {} of {owner}.{property} exceeds maximum supported {MAX_DIMENSION}",
                dimension.text
            );
            findings.declaration(span, message);
            None
        }
        n => u32::try_from(n).ok(),
    }
}

fn lower_cardinality(edge: &str, written: &ast::Cardinality, findings: &mut Findings) -> Cardinality {
    let mut number = |number: &ast::Number| {
        let parsed = number.text.parse::<u32>().ok();
        if parsed.is_none() {
            let message = format!("cardinality bound {} of edge '{edge}' does not fit 32 bits", number.text);
            findings.declaration(number.at.0, message);
        }
        parsed
    };
    let min = number(&written.min);
    let max = written.max.as_ref().map(&mut number);
    match (min, max) {
        (Some(min), Some(Some(max))) if min > max => {
            let message = format!("cardinality of edge '{edge}' has its minimum above its maximum");
            let hint = Some(format!("swap the bounds: @card({max}..{min})"));
            findings.declaration_with_hint(written.at.0, message, hint);
            Cardinality::default()
        }
        (Some(min), max) => Cardinality { min, max: max.flatten() },
        (None, _) => Cardinality::default(),
    }
}
