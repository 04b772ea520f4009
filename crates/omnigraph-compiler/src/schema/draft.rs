//! Drafts: declarations that passed the checks of a single one, typed, but not yet compared with others and without
//! identity.

use std::collections::BTreeSet;

use super::declaration::DeclarationKind;
use crate::catalog::{Annotation, Cardinality, Constraint, Embed, Metric, PropertyMarks};
use crate::diagnostics::Span;
use crate::types::Type;

/// A name where it is used.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) span: Span,
}

/// An interface, node or edge declaration.
#[derive(Clone, Debug)]
pub(super) struct TypeDraft {
    pub(super) kind: DeclarationKind,
    pub(super) name: String,
    /// The declared name.
    pub(super) span: Span,
    /// Interfaces as listed; of nodes only.
    pub(super) implements: Vec<Reference>,
    /// Source and target; of edges only.
    pub(super) ends: Option<(Reference, Reference)>,
    pub(super) cardinality: Cardinality,
    /// Distinct names, in source order until linked, then by name.
    pub(super) properties: Vec<PropertyDraft>,
    /// Body constraints with their spans; property-level ones join them in linking.
    pub(super) constraints: Vec<(Constraint, Span)>,
    /// What body forms of `@index` say about single members; properties take it over in linking.
    pub(super) metrics: Vec<MetricClause>,
    pub(super) annotations: Vec<Annotation>,
    pub(super) hints: Vec<RenameHint>,
}

/// `metric="…"` in a body form of `@index`.
#[derive(Clone, Debug)]
pub(super) struct MetricClause {
    /// The only member of the index.
    pub(super) property: String,
    pub(super) metric: Metric,
    /// The keyword.
    pub(super) span: Span,
}

/// `@rename_from("…")`.
#[derive(Clone, Debug)]
pub(super) struct RenameHint {
    pub(super) from: String,
    pub(super) span: Span,
    /// Whether an implemented interface brought it; then it may miss its target.
    pub(super) injected: bool,
}

/// A property of a draft.
#[derive(Clone, Debug)]
pub(super) struct PropertyDraft {
    pub(super) name: String,
    /// The declared name; in an interface if injected.
    pub(super) span: Span,
    /// Absent when the written type was refused.
    pub(super) ty: Option<Type>,
    pub(super) marks: PropertyMarks,
    pub(super) embed: Option<(Embed, Span)>,
    /// The metric as written, the default one included.
    pub(super) metric: Option<Metric>,
    pub(super) annotations: Vec<Annotation>,
    pub(super) hints: Vec<RenameHint>,
    pub(super) declared: bool,
    /// Names of the implemented interfaces that have this property.
    pub(super) satisfies: BTreeSet<String>,
}

impl TypeDraft {
    /// Returns how messages call the declaration: `node 'T'`.
    pub(super) fn title(&self) -> String {
        format!("{} '{}'", self.kind, self.name)
    }

    pub(super) fn property(&self, name: &str) -> Option<&PropertyDraft> {
        self.properties.iter().find(|property| property.name == name)
    }
}
