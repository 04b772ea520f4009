//! Linking: drafts become a model, with names resolved, properties of interfaces injected, and everything in canonical
//! order.

use std::collections::{BTreeMap, BTreeSet};

use super::constraints;
use super::declaration::DeclarationKind;
use super::draft::{PropertyDraft, RenameHint, TypeDraft};
use super::findings::{Findings, did_you_mean};
use super::metric;
use crate::catalog::Constraint;
use crate::types::{Kind, Scalar};

/// Every declaration by name. Without findings, a complete and canonical schema that only lacks identities.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) interfaces: BTreeMap<String, TypeDraft>,
    pub(super) nodes: BTreeMap<String, TypeDraft>,
    pub(super) edges: BTreeMap<String, TypeDraft>,
}

impl Model {
    /// Returns the declarations of one kind.
    pub(super) fn of(&self, kind: DeclarationKind) -> &BTreeMap<String, TypeDraft> {
        match kind {
            DeclarationKind::Interface => &self.interfaces,
            DeclarationKind::Node => &self.nodes,
            DeclarationKind::Edge => &self.edges,
        }
    }
}

/// Links the declarations of a file and checks them together.
pub(super) fn link(drafts: Vec<TypeDraft>, findings: &mut Findings) -> Model {
    let mut model = by_name(drafts, findings);
    let mut nodes = std::mem::take(&mut model.nodes);
    let mut implemented: BTreeSet<String> = BTreeSet::new();
    for node in nodes.values_mut() {
        implemented.extend(node.implements.iter().map(|interface| interface.name.clone()));
        let complete = inject(node, &model.interfaces, findings);
        finish(node, complete, findings);
    }
    model.nodes = nodes;
    for interface in model.interfaces.values_mut() {
        // Where the source of an embedding may come from the implementing node, the node is checked instead.
        finish_interface(interface, implemented.contains(&interface.name), findings);
    }
    check_edge_names(&model.edges, findings);
    let mut edges = std::mem::take(&mut model.edges);
    for edge in edges.values_mut() {
        check_ends(edge, &model, findings);
        finish(edge, true, findings);
    }
    model.edges = edges;
    model
}

fn by_name(drafts: Vec<TypeDraft>, findings: &mut Findings) -> Model {
    let mut model = Model::default();
    for draft in drafts {
        let types = match draft.kind {
            DeclarationKind::Interface => &mut model.interfaces,
            DeclarationKind::Node => &mut model.nodes,
            DeclarationKind::Edge => &mut model.edges,
        };
        if types.contains_key(&draft.name) {
            let title = match draft.kind {
                DeclarationKind::Interface => "interface",
                DeclarationKind::Node => "node type",
                DeclarationKind::Edge => "edge type",
            };
            findings.catalog(draft.span, format!("duplicate {title} '{}'", draft.name), None::<String>);
        } else {
            types.insert(draft.name.clone(), draft);
        }
    }
    model
}

/// Copies interface properties into a node. Returns whether all its interfaces exist.
fn inject(node: &mut TypeDraft, interfaces: &BTreeMap<String, TypeDraft>, findings: &mut Findings) -> bool {
    node.implements.sort_by(|a, b| a.name.cmp(&b.name));
    node.implements.dedup_by(|a, b| a.name == b.name);
    let mut complete = true;
    for reference in node.implements.clone() {
        let Some(interface) = interfaces.get(&reference.name) else {
            complete = false;
            let message = format!("{} implements unknown interface '{}'", node.title(), reference.name);
            let hint = did_you_mean(&reference.name, interfaces.keys().map(String::as_str));
            findings.catalog(reference.span, message, hint);
            continue;
        };
        for contract in &interface.properties {
            satisfy(node, &reference.name, contract, findings);
        }
    }
    complete
}

/// Makes one node property satisfy one interface property, injecting it if the node does not have it yet.
fn satisfy(node: &mut TypeDraft, interface: &str, contract: &PropertyDraft, findings: &mut Findings) {
    let (title, owner) = (node.title(), node.name.clone());
    let Some(property) = node.properties.iter_mut().find(|property| property.name == contract.name) else {
        let mut injected = contract.clone();
        injected.declared = false;
        injected.satisfies = BTreeSet::from([interface.to_owned()]);
        injected.hints.iter_mut().for_each(|hint| hint.injected = true);
        node.properties.push(injected);
        return;
    };
    property.satisfies.insert(interface.to_owned());
    if !property.declared {
        let agree = property.ty == contract.ty
            && property.annotations == contract.annotations
            && property.marks == contract.marks
            && property.metric.unwrap_or_default() == contract.metric.unwrap_or_default()
            && property.embed.as_ref().map(|(embed, _)| embed)
                == contract.embed.as_ref().map(|(embed, _)| embed);
        if !agree {
            let message =
                format!("the interfaces of {title} define property '{}' differently", contract.name);
            findings.catalog(
                node.span,
                message,
                Some(format!("declare '{}' in the node itself", contract.name)),
            );
        }
        for hint in &contract.hints {
            property.hints.push(RenameHint { injected: true, ..hint.clone() });
        }
    } else if let (Some(own), Some(theirs)) = (&property.ty, &contract.ty)
        && own != theirs
    {
        let message = format!(
            "property {owner}.{} is {own} but interface '{interface}' declares it {theirs}",
            contract.name
        );
        findings.catalog(property.span, message, None::<String>);
    }
}

/// Checks a node or edge with all its properties and brings it into canonical order.
fn finish(draft: &mut TypeDraft, complete: bool, findings: &mut Findings) {
    draft.properties.sort_by(|a, b| a.name.cmp(&b.name));
    constraints::check(draft, complete, findings);
    metric::settle(draft, findings);
    for property in &draft.properties {
        check_embed(draft, property, complete, findings);
    }
    check_reserved(draft, findings);
    let mut all: Vec<Constraint> =
        draft.constraints.iter().map(|(constraint, _)| constraint.clone()).collect();
    for property in &draft.properties {
        let name = || vec![property.name.clone()];
        all.extend(property.marks.key.then(|| Constraint::Key(name())));
        all.extend(property.marks.unique.then(|| Constraint::Unique(name())));
        all.extend(property.marks.index.then(|| Constraint::Index(name())));
    }
    constraints::canonicalize(&mut all);
    draft.constraints = all.into_iter().map(|constraint| (constraint, draft.span)).collect();
}

fn finish_interface(interface: &mut TypeDraft, implemented: bool, findings: &mut Findings) {
    interface.properties.sort_by(|a, b| a.name.cmp(&b.name));
    for property in &interface.properties {
        check_embed(interface, property, !implemented, findings);
    }
}

/// Checks that the source of an embedding is a String property of the same type.
fn check_embed(owner: &TypeDraft, property: &PropertyDraft, complete: bool, findings: &mut Findings) {
    let Some((embed, span)) = &property.embed else { return };
    let target = format!("@embed on property {}.{}", owner.name, property.name);
    let (message, hint) = match owner.property(&embed.source) {
        None if complete => {
            let strings = owner.properties.iter().filter(|p| is_plain_string(p) == Some(true));
            (
                format!("{target} references unknown source property '{}'", embed.source),
                did_you_mean(&embed.source, strings.map(|p| p.name.as_str())),
            )
        }
        Some(source) if is_plain_string(source) == Some(false) => {
            let ty = source.ty.as_ref().map(ToString::to_string).unwrap_or_default();
            (format!("{target} has source '{}' of type {ty}, which must be String", embed.source), None)
        }
        None | Some(_) => return,
    };
    match property.declared {
        true => findings.declaration_with_hint(*span, message, hint),
        false => findings.catalog(*span, message, hint),
    }
}

fn is_plain_string(property: &PropertyDraft) -> Option<bool> {
    property.ty.as_ref().map(|ty| ty.kind == Kind::Scalar(Scalar::String))
}

fn check_reserved(draft: &TypeDraft, findings: &mut Findings) {
    let reserved: &[&str] = match draft.kind {
        DeclarationKind::Interface => &[],
        DeclarationKind::Node => &["id"],
        DeclarationKind::Edge => &["id", "src", "dst", "from", "to"],
    };
    for property in &draft.properties {
        if reserved.contains(&property.name.as_str()) {
            let message =
                format!("property name '{}' is reserved on {}s ({})", property.name, draft.kind, draft.name);
            findings.reserved(property.span, message);
        }
    }
}

fn check_edge_names(edges: &BTreeMap<String, TypeDraft>, findings: &mut Findings) {
    let mut folded: BTreeMap<String, &TypeDraft> = BTreeMap::new();
    let mut in_source_order: Vec<&TypeDraft> = edges.values().collect();
    in_source_order.sort_by_key(|edge| edge.span);
    for edge in in_source_order {
        match folded.get(&edge.name.to_lowercase()) {
            Some(other) => {
                let message =
                    format!("edge names '{}' and '{}' are equal after case folding", other.name, edge.name);
                findings.catalog(edge.span, message, None::<String>);
            }
            None => {
                folded.insert(edge.name.to_lowercase(), edge);
            }
        }
    }
}

fn check_ends(edge: &TypeDraft, model: &Model, findings: &mut Findings) {
    let Some((from, to)) = &edge.ends else { return };
    for (side, end) in [("source", from), ("target", to)] {
        if model.nodes.contains_key(&end.name) {
            continue;
        }
        let hint = if model.interfaces.contains_key(&end.name) {
            Some(format!("'{}' is an interface; an edge connects node types", end.name))
        } else {
            did_you_mean(&end.name, model.nodes.keys().map(String::as_str))
        };
        findings.catalog(end.span, format!("unknown {side} type '{}' of {}", end.name, edge.title()), hint);
    }
}
