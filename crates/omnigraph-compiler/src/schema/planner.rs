//! The planner: compares two catalogs of one identity domain and makes the migration plan. Declarations are paired by id,
//! not by name.

use std::collections::{BTreeMap, BTreeSet};

use super::codes;
use super::constraints;
use super::declaration::DeclarationKind;
use super::migration_plan::{DropMode, MigrationPlan, MigrationStep, PropertyType};
use crate::catalog::{
    Annotation, Cardinality, Catalog, Constraint, EdgeType, InterfaceType, Metric, NodeType, Property,
    PropertyId, TypeId,
};
use crate::types::Kind;

/// A type of any kind, with the names it uses replaced by ids.
struct TypeView<'a> {
    kind: DeclarationKind,
    id: TypeId,
    name: &'a str,
    properties: &'a [Property],
    constraints: &'a [Constraint],
    annotations: &'a [Annotation],
    implements: BTreeSet<Option<TypeId>>,
    ends: Option<[Option<TypeId>; 2]>,
    cardinality: Cardinality,
}

impl<'a> TypeView<'a> {
    fn interface(interface: &'a InterfaceType) -> TypeView<'a> {
        TypeView {
            kind: DeclarationKind::Interface,
            id: interface.id,
            name: &interface.name,
            properties: &interface.properties,
            constraints: &[],
            annotations: &[],
            implements: BTreeSet::new(),
            ends: None,
            cardinality: Cardinality::default(),
        }
    }

    fn node(catalog: &Catalog, node: &'a NodeType) -> TypeView<'a> {
        let id = |name: &String| catalog.interfaces.get(name).map(|interface| interface.id);
        TypeView {
            kind: DeclarationKind::Node,
            id: node.id,
            name: &node.name,
            properties: &node.properties,
            constraints: &node.constraints,
            annotations: &node.annotations,
            implements: node.implements.iter().map(id).collect(),
            ends: None,
            cardinality: Cardinality::default(),
        }
    }

    fn edge(catalog: &Catalog, edge: &'a EdgeType) -> TypeView<'a> {
        let id = |name: &String| catalog.nodes.get(name).map(|node| node.id);
        TypeView {
            kind: DeclarationKind::Edge,
            id: edge.id,
            name: &edge.name,
            properties: &edge.properties,
            constraints: &edge.constraints,
            annotations: &edge.annotations,
            implements: BTreeSet::new(),
            ends: Some([id(&edge.from), id(&edge.to)]),
            cardinality: edge.cardinality,
        }
    }

    fn property_by_id(&self, id: PropertyId) -> Option<&'a Property> {
        self.properties.iter().find(|property| property.id == id)
    }

    /// Returns the id behind a name that a constraint or embedding uses; endpoints stay words.
    fn member(&self, name: &'a str) -> Member<'a> {
        match self.properties.iter().find(|property| property.name == name) {
            Some(property) => Member::Property(property.id),
            None => Member::Word(name),
        }
    }

    fn entity(&self) -> String {
        format!("{}:{}", self.kind, self.name)
    }

    fn property_entity(&self, property: &str) -> String {
        format!("{}:{}.{property}", self.kind, self.name)
    }
}

/// What a constraint is about, independent of property names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Member<'a> {
    Property(PropertyId),
    Word(&'a str),
}

/// The types of one kind, by name.
fn views(catalog: &Catalog, kind: DeclarationKind) -> Vec<TypeView<'_>> {
    match kind {
        DeclarationKind::Interface => catalog.interfaces.values().map(TypeView::interface).collect(),
        DeclarationKind::Node => catalog.nodes.values().map(|node| TypeView::node(catalog, node)).collect(),
        DeclarationKind::Edge => catalog.edges.values().map(|edge| TypeView::edge(catalog, edge)).collect(),
    }
}

/// Plans the way from one catalog to another.
pub(super) fn plan(accepted: &Catalog, desired: &Catalog) -> MigrationPlan {
    let mut steps = Vec::new();
    for kind in [DeclarationKind::Interface, DeclarationKind::Node, DeclarationKind::Edge] {
        let old: BTreeMap<TypeId, TypeView<'_>> =
            views(accepted, kind).into_iter().map(|view| (view.id, view)).collect();
        let new = views(desired, kind);
        for view in &new {
            match old.get(&view.id) {
                Some(old) => Difference { old, new: view, steps: &mut steps }.type_steps(),
                None => steps.push(MigrationStep::AddType { type_kind: kind, name: view.name.to_owned() }),
            }
        }
        let kept: BTreeSet<TypeId> = new.iter().map(|view| view.id).collect();
        let mut gone: Vec<&TypeView<'_>> = old.values().filter(|view| !kept.contains(&view.id)).collect();
        gone.sort_by_key(|view| view.name);
        steps.extend(gone.into_iter().map(drop_type));
    }
    let same = accepted.interfaces == desired.interfaces
        && accepted.nodes == desired.nodes
        && accepted.edges == desired.edges;
    if steps.is_empty() && !same {
        steps.push(unsupported(
            "schema".to_owned(),
            "the schema differs in a way that no migration covers",
            None,
        ));
    }
    MigrationPlan::new(steps)
}

fn drop_type(view: &TypeView<'_>) -> MigrationStep {
    match view.kind {
        DeclarationKind::Interface => {
            let reason = format!("interface '{}' cannot be removed", view.name);
            unsupported(view.entity(), reason, None)
        }
        DeclarationKind::Node | DeclarationKind::Edge => {
            MigrationStep::DropType { type_kind: view.kind, name: view.name.to_owned(), mode: DropMode::Soft }
        }
    }
}

fn unsupported(entity: String, reason: impl Into<String>, code: Option<codes::Code>) -> MigrationStep {
    MigrationStep::UnsupportedChange {
        entity,
        reason: reason.into(),
        code: code.map(|code| code.id.to_owned()),
    }
}

/// Annotations that a migration may change, and the others.
fn split(annotations: &[Annotation]) -> (Vec<&Annotation>, Vec<&Annotation>) {
    annotations
        .iter()
        .partition(|annotation| matches!(annotation.name.as_str(), "description" | "instruction"))
}

/// Writes a metric as the annotation that gives it.
fn spell_metric(metric: Option<Metric>) -> Annotation {
    let name = metric.unwrap_or_default().name().to_owned();
    Annotation { name: "index".to_owned(), value: None, kwargs: [("metric".to_owned(), name)].into() }
}

/// A type in both catalogs.
struct Difference<'v, 'a> {
    old: &'v TypeView<'a>,
    new: &'v TypeView<'a>,
    steps: &'v mut Vec<MigrationStep>,
}

impl<'a> Difference<'_, 'a> {
    fn refuse(&mut self, entity: String, reason: String) {
        self.steps.push(unsupported(entity, reason, None));
    }

    fn type_steps(mut self) {
        self.rename();
        self.shape();
        self.type_metadata();
        for property in self.new.properties {
            match self.old.property_by_id(property.id) {
                Some(old) => self.property_steps(old, property),
                None => self.add_property(property),
            }
        }
        self.drop_properties();
        self.type_constraints();
    }

    fn rename(&mut self) {
        if self.old.name == self.new.name {
            return;
        }
        let (from, to) = (self.old.name.to_owned(), self.new.name.to_owned());
        match self.new.kind {
            DeclarationKind::Interface => {
                let reason = format!("interface '{from}' cannot be renamed to '{to}'");
                self.refuse(self.new.entity(), reason);
            }
            type_kind @ (DeclarationKind::Node | DeclarationKind::Edge) => {
                self.steps.push(MigrationStep::RenameType { type_kind, from, to });
            }
        }
    }

    fn shape(&mut self) {
        let name = self.new.name;
        if self.old.implements != self.new.implements {
            let reason = format!("the implemented interfaces of node '{name}' cannot change");
            self.refuse(self.new.entity(), reason);
        }
        if self.old.ends != self.new.ends {
            let reason = format!("the endpoint types of edge '{name}' cannot change");
            self.refuse(self.new.entity(), reason);
        }
        if self.old.cardinality != self.new.cardinality {
            self.refuse(self.new.entity(), format!("the cardinality of edge '{name}' cannot change"));
        }
    }

    fn type_metadata(&mut self) {
        let (old, old_custom) = split(self.old.annotations);
        let (new, new_custom) = split(self.new.annotations);
        if old != new {
            self.steps.push(MigrationStep::UpdateTypeMetadata {
                type_kind: self.new.kind,
                name: self.new.name.to_owned(),
                annotations: new.into_iter().cloned().collect(),
            });
        }
        if old_custom != new_custom {
            let reason = format!("custom annotations of {} '{}' cannot change", self.new.kind, self.new.name);
            self.refuse(self.new.entity(), reason);
        }
    }

    fn add_property(&mut self, property: &Property) {
        if property.ty.nullable {
            self.steps.push(MigrationStep::AddProperty {
                type_kind: self.new.kind,
                type_name: self.new.name.to_owned(),
                property_name: property.name.clone(),
                property_type: PropertyType::from(&property.ty),
            });
        } else {
            let reason = format!(
                "required property {}.{} cannot be added: existing rows have no value for it",
                self.new.name, property.name
            );
            let entity = self.new.property_entity(&property.name);
            self.steps.push(unsupported(entity, reason, Some(codes::ADD_REQUIRED)));
        }
        self.property_constraints(None, property);
    }

    fn property_steps(&mut self, old: &'a Property, new: &'a Property) {
        let (type_kind, type_name) = (self.new.kind, self.new.name);
        let entity = self.new.property_entity(&new.name);
        let title = format!("{type_name}.{}", new.name);
        if old.name != new.name {
            self.steps.push(MigrationStep::RenameProperty {
                type_kind,
                type_name: type_name.to_owned(),
                from: old.name.clone(),
                to: new.name.clone(),
            });
        }
        if old.ty != new.ty {
            self.type_change(old, new);
        }
        let embed = |view: &TypeView<'a>, property: &'a Property| {
            property.embed.as_ref().map(|embed| (view.member(&embed.source), embed.model.as_deref()))
        };
        if embed(self.old, old) != embed(self.new, new) {
            self.refuse(entity.clone(), format!("@embed of property {title} cannot change"));
        }
        self.property_constraints(Some(old), new);
        if old.declared != new.declared {
            let reason = format!("property {title} cannot move between the type and an interface");
            self.refuse(entity.clone(), reason);
        }
        if old.satisfies != new.satisfies {
            let reason = format!("the interface properties that property {title} satisfies cannot change");
            self.refuse(entity.clone(), reason);
        }
        let (old_texts, old_custom) = split(&old.annotations);
        let (new_texts, new_custom) = split(&new.annotations);
        // Of an index that is gone only its removal is told.
        let metrics = match self.indexed(new) {
            true => [old.metric, new.metric],
            false => [None, None],
        };
        if old_texts != new_texts || metrics[0] != metrics[1] {
            let metric = (metrics != [None, None]).then(|| spell_metric(new.metric));
            self.steps.push(MigrationStep::UpdatePropertyMetadata {
                type_kind,
                type_name: type_name.to_owned(),
                property_name: new.name.clone(),
                annotations: new_texts.into_iter().cloned().chain(metric).collect(),
            });
        }
        if old_custom != new_custom {
            self.refuse(entity, format!("custom annotations of property {title} cannot change"));
        }
    }

    fn type_change(&mut self, old: &Property, new: &Property) {
        if let (Kind::Enum(before), Kind::Enum(after)) = (&old.ty.kind, &new.ty.kind)
            && old.ty.nullable == new.ty.nullable
            && before.iter().all(|value| after.contains(value))
        {
            self.steps.push(MigrationStep::ExtendEnum {
                type_kind: self.new.kind,
                type_name: self.new.name.to_owned(),
                property_name: new.name.clone(),
                added_values: after.iter().filter(|value| !before.contains(value)).cloned().collect(),
            });
            return;
        }
        let reason = format!(
            "changing property type of {}.{} from {} to {} is not supported",
            self.new.name, new.name, old.ty, new.ty
        );
        self.steps.push(unsupported(self.new.property_entity(&new.name), reason, Some(codes::CHANGE_TYPE)));
    }

    /// The property-level forms of constraints. Interfaces have no other form.
    fn property_constraints(&mut self, old: Option<&Property>, new: &Property) {
        let before = old.map(|old| old.marks).unwrap_or_default();
        let name = || vec![new.name.clone()];
        for (was, is, constraint) in [
            (before.key, new.marks.key, Constraint::Key(name())),
            (before.unique, new.marks.unique, Constraint::Unique(name())),
            (before.index, new.marks.index, Constraint::Index(name())),
        ] {
            if was == is {
                continue;
            }
            let word = constraints::word(&constraint);
            let entity = self.new.property_entity(&new.name);
            let title = format!("{}.{}", self.new.name, new.name);
            let identity = self.identity(self.new, &constraint);
            let in_old = self.holds(self.old, &identity);
            let in_new = self.holds(self.new, &identity);
            match (is, in_old, in_new) {
                (true, true, _) | (false, _, true) => {
                    let reason =
                        format!("@{word} of property {title} cannot move between property and body form");
                    self.refuse(entity, reason);
                }
                (true, false, _) if matches!(constraint, Constraint::Index(_)) => self.add_index(constraint),
                (true, false, _) => {
                    self.refuse(entity, format!("@{word} cannot be added to property {title}"));
                }
                (false, _, false) => {
                    self.refuse(entity, format!("@{word} of property {title} cannot be removed"));
                }
            }
        }
    }

    /// Whether a property of the new view has an `@index` of its own, in either form.
    fn indexed(&self, property: &'a Property) -> bool {
        let index = Constraint::Index(vec![property.name.clone()]);
        property.marks.index || self.new.constraints.contains(&index)
    }

    fn add_index(&mut self, constraint: Constraint) {
        self.steps.push(MigrationStep::AddConstraint {
            type_kind: self.new.kind,
            type_name: self.new.name.to_owned(),
            constraint,
        });
    }

    fn drop_properties(&mut self) {
        for property in self.old.properties {
            if self.new.property_by_id(property.id).is_none() {
                self.steps.push(MigrationStep::DropProperty {
                    type_kind: self.new.kind,
                    type_name: self.new.name.to_owned(),
                    property_name: property.name.clone(),
                    mode: DropMode::Soft,
                });
            }
        }
    }

    /// The constraints that no kept property carries as a mark: removed ones first, then added ones.
    fn type_constraints(&mut self) {
        let (old, new) = (self.old, self.new);
        let title = format!("{} '{}'", new.kind, new.name);
        for constraint in old.constraints {
            let identity = self.identity(old, constraint);
            if self.holds(new, &identity) || self.reported(&identity, old) {
                continue;
            }
            let what = match self.replaced(constraint, &identity.members, new, old) {
                true => "change",
                false => "be removed",
            };
            let reason = format!("{} of {title} cannot {what}", constraints::display(constraint));
            self.refuse(new.entity(), reason);
        }
        // An interface has no constraint list: the marks of a dropped property speak for themselves.
        if new.kind == DeclarationKind::Interface {
            let gone = old.properties.iter().filter(|property| new.property_by_id(property.id).is_none());
            for property in gone.filter(|property| property.marks != Default::default()) {
                let reason =
                    format!("the constraints of property {}.{} cannot be removed", new.name, property.name);
                self.refuse(new.property_entity(&property.name), reason);
            }
        }
        for constraint in new.constraints {
            let identity = self.identity(new, constraint);
            if self.holds(old, &identity) || self.reported(&identity, new) {
                continue;
            }
            match constraint {
                Constraint::Index(_) => self.add_index(constraint.clone()),
                _ if self.replaced(constraint, &identity.members, old, new) => {}
                Constraint::Key(_)
                | Constraint::Unique(_)
                | Constraint::Range { .. }
                | Constraint::Check { .. } => {
                    let reason = format!("{} cannot be added to {title}", constraints::display(constraint));
                    self.refuse(new.entity(), reason);
                }
            }
        }
    }

    /// Whether the other view lacks this `@range` or `@check` but has another one on the same property.
    fn replaced(
        &self,
        constraint: &Constraint,
        members: &BTreeSet<Member<'_>>,
        other: &TypeView<'_>,
        own: &TypeView<'_>,
    ) -> bool {
        let comparable = matches!(constraint, Constraint::Range { .. } | Constraint::Check { .. });
        comparable
            && other.constraints.iter().any(|candidate| {
                let identity = self.identity(other, candidate);
                constraints::word(candidate) == constraints::word(constraint)
                    && identity.members == *members
                    && !self.holds(own, &identity)
            })
    }

    /// A constraint as it is whatever its properties are called.
    fn identity<'b>(&self, view: &TypeView<'b>, constraint: &'b Constraint) -> ConstraintIdentity<'b> {
        let members = constraints::members(constraint).into_iter().map(|name| view.member(name)).collect();
        ConstraintIdentity { constraint, members }
    }

    fn holds(&self, view: &TypeView<'_>, identity: &ConstraintIdentity<'_>) -> bool {
        view.constraints.iter().any(|constraint| self.identity(view, constraint).same(identity))
    }

    /// Whether the property of this view carries the constraint as a mark that was judged with the property.
    fn reported(&self, identity: &ConstraintIdentity<'_>, view: &TypeView<'_>) -> bool {
        let [Member::Property(id)] = identity.members.iter().copied().collect::<Vec<_>>()[..] else {
            return false;
        };
        if self.new.property_by_id(id).is_none() {
            return false;
        }
        view.property_by_id(id).is_some_and(|property| match identity.constraint {
            Constraint::Key(_) => property.marks.key,
            Constraint::Unique(_) => property.marks.unique,
            Constraint::Index(_) => property.marks.index,
            Constraint::Range { .. } | Constraint::Check { .. } => false,
        })
    }
}

/// What makes two constraints the same one, whatever their members are called.
struct ConstraintIdentity<'a> {
    constraint: &'a Constraint,
    members: BTreeSet<Member<'a>>,
}

impl ConstraintIdentity<'_> {
    fn same(&self, other: &ConstraintIdentity<'_>) -> bool {
        if self.members != other.members {
            return false;
        }
        match (self.constraint, other.constraint) {
            (Constraint::Key(_), Constraint::Key(_))
            | (Constraint::Unique(_), Constraint::Unique(_))
            | (Constraint::Index(_), Constraint::Index(_)) => true,
            (Constraint::Range { min: a, max: b, .. }, Constraint::Range { min: c, max: d, .. }) => {
                (a, b) == (c, d)
            }
            (Constraint::Check { pattern: a, .. }, Constraint::Check { pattern: b, .. }) => a == b,
            _ => false,
        }
    }
}
