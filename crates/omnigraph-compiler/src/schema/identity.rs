//! Identity: finds out which declarations continue accepted ones and keep their ids, and gives ids to the others.
//!
//! Invariants: an id is handed out once; accepted declarations that nothing continues are dropped, and their ids are never
//! used again; the order of the source text never matters.

use std::collections::{BTreeMap, BTreeSet};

use super::declaration::DeclarationKind;
use super::draft::{PropertyDraft, RenameHint, TypeDraft};
use super::findings::did_you_mean;
use super::link::Model;
use crate::catalog::{
    Catalog, EdgeType, Incarnation, InterfaceType, Metric, NodeType, Property, PropertyId, TypeId,
};
use crate::diagnostics::{Diagnostic, Diagnostics, Stage};

/// Kinds in allocation order.
pub(super) const KINDS: [DeclarationKind; 3] =
    [DeclarationKind::Interface, DeclarationKind::Node, DeclarationKind::Edge];

type Key<'a> = (DeclarationKind, &'a str);

/// An accepted type, whatever its kind.
#[derive(Clone, Copy)]
struct AcceptedType<'a> {
    id: TypeId,
    incarnation: Option<Incarnation>,
    properties: &'a [Property],
}

/// What the declarations of a model continue.
#[derive(Default)]
struct Continuations<'a> {
    types: BTreeMap<Key<'a>, AcceptedType<'a>>,
    properties: BTreeMap<(Key<'a>, &'a str), PropertyId>,
    notes: Vec<Diagnostic>,
    errors: Vec<Diagnostic>,
}

/// The catalog of a model that has no findings, and notes on hints without effect.
///
/// Without an accepted catalog everything is new. `domain` and the counter of an accepted catalog are kept.
pub(super) fn identify(
    model: &Model,
    domain: &str,
    accepted: Option<&Catalog>,
) -> Result<(Catalog, Vec<Diagnostic>), Diagnostics> {
    let mut continuations = Continuations::default();
    match accepted {
        Some(accepted) => resolve(model, accepted, &mut continuations),
        None => note_inert_hints(model, &mut continuations.notes),
    }
    continuations.errors.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
    continuations.notes.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
    if !continuations.errors.is_empty() {
        return Err(Diagnostics(continuations.errors));
    }
    let next = accepted.map_or(1, |accepted| accepted.next_id);
    let ids = allocate(model, &continuations, next).ok_or_else(|| {
        let span = Default::default();
        Diagnostics::from(Diagnostic::new(
            Stage::Plan,
            span,
            "the identity counter of the graph is exhausted",
        ))
    })?;
    Ok((build(model, domain, &ids), continuations.notes))
}

fn note_inert_hints(model: &Model, notes: &mut Vec<Diagnostic>) {
    let mut note = |hint: &RenameHint, title: String| {
        let message = format!(
            "inert hint: @rename_from(\"{}\") on {title} has no effect in a graph's first schema",
            hint.from
        );
        notes.push(Diagnostic::new(Stage::Plan, hint.span, message));
    };
    for draft in KINDS.into_iter().flat_map(|kind| model.of(kind).values()) {
        draft.hints.iter().for_each(|hint| note(hint, draft.title()));
        for property in &draft.properties {
            let own = property.hints.iter().filter(|hint| !hint.injected);
            own.for_each(|hint| note(hint, property_title(draft, property)));
        }
    }
}

fn property_title(owner: &TypeDraft, property: &PropertyDraft) -> String {
    format!("property {}.{}", owner.name, property.name)
}

fn known(catalog: &Catalog, kind: DeclarationKind) -> BTreeMap<&str, AcceptedType<'_>> {
    match kind {
        DeclarationKind::Interface => catalog
            .interfaces
            .values()
            .map(|t| {
                (t.name.as_str(), AcceptedType { id: t.id, incarnation: None, properties: &t.properties })
            })
            .collect(),
        DeclarationKind::Node => catalog
            .nodes
            .values()
            .map(|t| {
                (
                    t.name.as_str(),
                    AcceptedType { id: t.id, incarnation: Some(t.incarnation), properties: &t.properties },
                )
            })
            .collect(),
        DeclarationKind::Edge => catalog
            .edges
            .values()
            .map(|t| {
                (
                    t.name.as_str(),
                    AcceptedType { id: t.id, incarnation: Some(t.incarnation), properties: &t.properties },
                )
            })
            .collect(),
    }
}

fn resolve<'a>(model: &'a Model, accepted: &'a Catalog, continuations: &mut Continuations<'a>) {
    for kind in KINDS {
        let known = known(accepted, kind);
        let desired = model.of(kind);
        let mut claimed: BTreeSet<&str> = BTreeSet::new();
        for (name, draft) in desired {
            if let Some(found) = known.get(name.as_str()) {
                claimed.insert(name);
                continuations.types.insert((kind, name), *found);
                draft.hints.iter().for_each(|hint| continuations.ignored(hint, &draft.title()));
            }
        }
        for (name, draft) in desired {
            let mut refused = false;
            if !known.contains_key(name.as_str())
                && let Some(hint) = draft.hints.first()
            {
                match known.get_key_value(hint.from.as_str()) {
                    Some((old, found)) if claimed.insert(*old) => {
                        continuations.types.insert((kind, name), *found);
                    }
                    found => {
                        refused = true;
                        let reason = match found {
                            Some(_) => format!("{kind} '{}' is claimed twice", hint.from),
                            None => missing_type(accepted, kind, &hint.from),
                        };
                        let free = known.keys().copied().filter(|name| !claimed.contains(name));
                        continuations.refuse(hint, &draft.title(), reason, did_you_mean(&hint.from, free));
                    }
                }
            }
            if !refused {
                resolve_properties(kind, draft, accepted, continuations);
            }
        }
    }
}

fn missing_type(accepted: &Catalog, kind: DeclarationKind, name: &str) -> String {
    let other = KINDS.into_iter().find(|other| *other != kind && known(accepted, *other).contains_key(name));
    match other {
        Some(other) => format!("the accepted '{name}' is of another kind: {other}"),
        None => format!("the accepted schema has no {kind} '{name}'"),
    }
}

fn resolve_properties<'a>(
    kind: DeclarationKind,
    draft: &'a TypeDraft,
    accepted: &'a Catalog,
    continuations: &mut Continuations<'a>,
) {
    let key: Key<'a> = (kind, &draft.name);
    let owner = continuations.types.get(&key).copied();
    let known: BTreeMap<&str, PropertyId> = owner.map_or_else(BTreeMap::new, |owner| {
        owner.properties.iter().map(|p| (p.name.as_str(), p.id)).collect()
    });
    let mut claimed: BTreeSet<&str> = BTreeSet::new();
    for property in &draft.properties {
        if let Some(id) = known.get(property.name.as_str()) {
            claimed.insert(&property.name);
            continuations.properties.insert((key, &property.name), *id);
            let own = property.hints.iter().filter(|hint| !hint.injected);
            own.for_each(|hint| continuations.ignored(hint, &property_title(draft, property)));
        }
    }
    for property in draft.properties.iter().filter(|property| !known.contains_key(property.name.as_str())) {
        for hint in &property.hints {
            let target = (key, property.name.as_str());
            match known.get_key_value(hint.from.as_str()) {
                Some((old, id))
                    if !continuations.properties.contains_key(&target) && claimed.insert(*old) =>
                {
                    continuations.properties.insert(target, *id);
                }
                _ if hint.injected => {}
                found => {
                    let reason = match (found, owner) {
                        (Some(_), _) => format!("property {}.{} is claimed twice", draft.name, hint.from),
                        (None, None) => format!("{} is new and cannot import a property", draft.title()),
                        (None, Some(_)) => missing_property(accepted, draft, &hint.from),
                    };
                    let free = known.keys().copied().filter(|name| !claimed.contains(name));
                    let cure = did_you_mean(&hint.from, free);
                    continuations.refuse(hint, &property_title(draft, property), reason, cure);
                }
            }
        }
    }
}

fn missing_property(accepted: &Catalog, draft: &TypeDraft, name: &str) -> String {
    let mut others = KINDS.into_iter().flat_map(|kind| {
        known(accepted, kind).into_iter().map(move |(owner, known)| (kind, owner, known.properties))
    });
    match others.find(|(_, _, properties)| properties.iter().any(|property| property.name == name)) {
        Some((kind, owner, _)) => {
            format!("the accepted property '{name}' belongs to another owner: {kind} '{owner}'")
        }
        None => format!("the accepted schema has no property '{name}' in {}", draft.title()),
    }
}

impl Continuations<'_> {
    fn ignored(&mut self, hint: &RenameHint, title: &str) {
        let message =
            format!("ignored hint: @rename_from(\"{}\") on {title}, which exists under this name", hint.from);
        self.notes.push(Diagnostic::new(Stage::Plan, hint.span, message));
    }

    fn refuse(&mut self, hint: &RenameHint, title: &str, reason: String, cure: Option<String>) {
        let message = format!("@rename_from(\"{}\") on {title}: {reason}", hint.from);
        let error = Diagnostic::new(Stage::Plan, hint.span, message);
        self.errors.push(match cure {
            Some(cure) => error.with_hint(cure),
            None => error,
        });
    }
}

/// Every number of a catalog to be built.
struct Ids<'a> {
    types: BTreeMap<Key<'a>, TypeId>,
    properties: BTreeMap<(Key<'a>, &'a str), PropertyId>,
    incarnations: BTreeMap<Key<'a>, Incarnation>,
    next: u64,
}

/// Hands out numbers in the order types, properties, incarnations. `None` when the counter is exhausted.
fn allocate<'a>(model: &'a Model, continuations: &Continuations<'a>, next: u64) -> Option<Ids<'a>> {
    let mut next = next;
    let mut take = || {
        let taken = next;
        next = next.checked_add(1)?;
        Some(taken)
    };
    let keys = || KINDS.into_iter().flat_map(|kind| model.of(kind).values().map(move |draft| (kind, draft)));
    let mut types: BTreeMap<Key<'a>, TypeId> = BTreeMap::new();
    for (kind, draft) in keys() {
        let key: Key<'a> = (kind, &draft.name);
        let id = match continuations.types.get(&key) {
            Some(known) => known.id,
            None => TypeId(take()?),
        };
        types.insert(key, id);
    }
    let mut owners: Vec<(TypeId, DeclarationKind, &'a TypeDraft)> =
        keys().map(|(kind, draft)| (types[&(kind, draft.name.as_str())], kind, draft)).collect();
    owners.sort_by_key(|(id, _, _)| *id);
    let mut properties = BTreeMap::new();
    for (_, kind, draft) in &owners {
        for property in &draft.properties {
            let key = ((*kind, draft.name.as_str()), property.name.as_str());
            let id = match continuations.properties.get(&key) {
                Some(id) => *id,
                None => PropertyId(take()?),
            };
            properties.insert(key, id);
        }
    }
    let mut incarnations = BTreeMap::new();
    for (_, kind, draft) in owners.iter().filter(|(_, kind, _)| *kind != DeclarationKind::Interface) {
        let key: Key<'a> = (*kind, &draft.name);
        let incarnation = match continuations.types.get(&key).and_then(|known| known.incarnation) {
            Some(incarnation) => incarnation,
            None => Incarnation(take()?),
        };
        incarnations.insert(key, incarnation);
    }
    Some(Ids { types, properties, incarnations, next })
}

fn build(model: &Model, domain: &str, ids: &Ids<'_>) -> Catalog {
    let interfaces = model.interfaces.values().map(|draft| InterfaceType {
        id: ids.types[&(draft.kind, draft.name.as_str())],
        name: draft.name.clone(),
        properties: build_properties(draft, ids),
    });
    let nodes = model.nodes.values().map(|draft| NodeType {
        id: ids.types[&(draft.kind, draft.name.as_str())],
        incarnation: ids.incarnations[&(draft.kind, draft.name.as_str())],
        name: draft.name.clone(),
        implements: draft.implements.iter().map(|interface| interface.name.clone()).collect(),
        properties: build_properties(draft, ids),
        constraints: draft.constraints.iter().map(|(constraint, _)| constraint.clone()).collect(),
        annotations: draft.annotations.clone(),
    });
    let edges = model.edges.values().map(|draft| {
        let (from, to) = draft.ends.as_ref().expect("edge drafts have ends");
        EdgeType {
            id: ids.types[&(draft.kind, draft.name.as_str())],
            incarnation: ids.incarnations[&(draft.kind, draft.name.as_str())],
            name: draft.name.clone(),
            from: from.name.clone(),
            to: to.name.clone(),
            cardinality: draft.cardinality,
            properties: build_properties(draft, ids),
            constraints: draft.constraints.iter().map(|(constraint, _)| constraint.clone()).collect(),
            annotations: draft.annotations.clone(),
        }
    });
    Catalog {
        domain: domain.to_owned(),
        next_id: ids.next,
        interfaces: interfaces.map(|t| (t.name.clone(), t)).collect(),
        nodes: nodes.map(|t| (t.name.clone(), t)).collect(),
        edges: edges.map(|t| (t.name.clone(), t)).collect(),
    }
}

fn build_properties(draft: &TypeDraft, ids: &Ids<'_>) -> Vec<Property> {
    let owner: Key<'_> = (draft.kind, &draft.name);
    let build = |property: &PropertyDraft| {
        let satisfied = property.satisfies.iter().map(|interface| {
            ids.properties[&((DeclarationKind::Interface, interface.as_str()), property.name.as_str())]
        });
        let mut satisfies: Vec<PropertyId> = satisfied.collect();
        satisfies.sort();
        Property {
            id: ids.properties[&(owner, property.name.as_str())],
            name: property.name.clone(),
            ty: property.ty.clone().expect("a draft without findings has all its types"),
            marks: property.marks,
            embed: property.embed.as_ref().map(|(embed, _)| embed.clone()),
            metric: property.metric.filter(|metric| *metric != Metric::default()),
            annotations: property.annotations.clone(),
            declared: property.declared,
            satisfies,
        }
    };
    draft.properties.iter().map(build).collect()
}
