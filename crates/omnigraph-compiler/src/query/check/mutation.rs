//! Checks the statements of a mutation.

use super::super::ast::{Condition, Name, Operator, PropertyValue, Statement};
use super::checker::Checker;
use super::value::Context;
use crate::catalog::{EdgeType, NodeType, Property};
use crate::ir::{self, Assignment, CompareOp, Expr, Field, Predicate};
use crate::types::{Scalar, Type};

/// The source endpoint of an edge.
const FROM: &str = "from";

/// The target endpoint of an edge.
const TO: &str = "to";

/// What a statement writes to.
#[derive(Clone, Copy)]
enum Target<'c> {
    Node(&'c NodeType),
    Edge(&'c EdgeType),
}

impl<'c> Target<'c> {
    fn name(self) -> &'c str {
        match self {
            Target::Node(node) => &node.name,
            Target::Edge(edge) => &edge.name,
        }
    }

    fn properties(self) -> &'c [Property] {
        match self {
            Target::Node(node) => &node.properties,
            Target::Edge(edge) => &edge.properties,
        }
    }

    fn property(self, name: &str) -> Option<&'c Property> {
        self.properties().iter().find(|p| p.name == name)
    }
}

impl<'c> Checker<'c> {
    /// Checks all statements, in order.
    pub(super) fn mutation(&mut self, statements: &[Statement]) -> Option<Vec<ir::Statement>> {
        let lowered: Vec<Option<ir::Statement>> = statements.iter().map(|s| self.statement(s)).collect();
        lowered.into_iter().collect()
    }

    fn statement(&mut self, statement: &Statement) -> Option<ir::Statement> {
        match statement {
            Statement::Insert { ty, assignments } => {
                let target = self.target(ty)?;
                self.insert(target, ty, assignments)
            }
            Statement::Update { ty, assignments, condition } => {
                let node = match self.target(ty)? {
                    Target::Node(node) => node,
                    Target::Edge(edge) => {
                        let message = format!("edge type `{}` cannot be updated", edge.name);
                        self.coded::<()>("T16", ty.span, message);
                        self.hint("delete the edge and insert it again");
                        return None;
                    }
                };
                let assignments = self.assignments(Target::Node(node), assignments, true);
                let predicate = self.condition(Target::Node(node), condition);
                let node = node.name.clone();
                Some(ir::Statement::UpdateNode { node, assignments: assignments?, predicate: predicate? })
            }
            Statement::Delete { ty, condition } => {
                let target = self.target(ty)?;
                let predicate = self.condition(target, condition)?;
                Some(match target {
                    Target::Node(node) => ir::Statement::DeleteNode { node: node.name.clone(), predicate },
                    Target::Edge(edge) => ir::Statement::DeleteEdge { edge: edge.name.clone(), predicate },
                })
            }
        }
    }

    /// Finds the type that a statement names; a node type goes before an edge type.
    fn target(&mut self, name: &Name) -> Option<Target<'c>> {
        let catalog = self.catalog;
        if let Some(node) = catalog.nodes.get(&name.node) {
            return Some(Target::Node(node));
        }
        if let Some(edge) = catalog.edges.get(&name.node) {
            return Some(Target::Edge(edge));
        }
        self.coded::<()>("T10", name.span, format!("unknown type `{}`", name.node));
        self.suggest(&name.node, catalog.nodes.keys().chain(catalog.edges.keys()).map(String::as_str), "");
        None
    }

    fn insert(
        &mut self,
        target: Target<'_>,
        ty: &Name,
        assignments: &[PropertyValue],
    ) -> Option<ir::Statement> {
        let lowered = self.assignments(target, assignments, false);
        let errors = self.errors.len();
        self.required(target, ty, assignments);
        if self.errors.len() > errors {
            return None;
        }
        let mut assignments = lowered?;
        Some(match target {
            Target::Node(node) => ir::Statement::InsertNode { node: node.name.clone(), assignments },
            Target::Edge(edge) => {
                let from = take(&mut assignments, FROM)?;
                let to = take(&mut assignments, TO)?;
                ir::Statement::InsertEdge { edge: edge.name.clone(), from, to, assignments }
            }
        })
    }

    fn assignments(
        &mut self,
        target: Target<'_>,
        assignments: &[PropertyValue],
        updates: bool,
    ) -> Option<Vec<Assignment>> {
        for (i, assignment) in assignments.iter().enumerate() {
            let name = &assignment.property;
            if assignments[..i].iter().any(|a| a.property == *name) {
                let message = format!("property `{}` is assigned twice", name.node);
                self.coded::<()>("T13", name.span, message);
            }
        }
        let lowered: Vec<Option<Assignment>> =
            assignments.iter().map(|a| self.assignment(target, a, updates)).collect();
        lowered.into_iter().collect()
    }

    fn assignment(
        &mut self,
        target: Target<'_>,
        assignment: &PropertyValue,
        updates: bool,
    ) -> Option<Assignment> {
        let name = &assignment.property.node;
        let (_, ty) = self.field(target, &assignment.property)?;
        if updates
            && let Target::Node(node) = target
            && node.key().is_some_and(|key| key.iter().any(|p| p.name == *name))
        {
            return self.error(assignment.property.span, format!("cannot update @key property '{name}'"));
        }
        let value = self.value(&assignment.value, name, &ty, Context::Assignment)?;
        Some(Assignment { property: name.clone(), value })
    }

    /// Finds a property, or an endpoint of an edge, and its type.
    fn field(&mut self, target: Target<'_>, name: &Name) -> Option<(Field, Type)> {
        if matches!(target, Target::Edge(_)) {
            match name.node.as_str() {
                FROM => return Some((Field::From, Type::scalar(Scalar::String))),
                TO => return Some((Field::To, Type::scalar(Scalar::String))),
                _ => {}
            }
        }
        if let Some(property) = target.property(&name.node) {
            let field = Field::Property { name: property.name.clone(), ty: property.ty.clone() };
            return Some((field, property.ty.clone()));
        }
        let message = format!("type `{}` has no property `{}`", target.name(), name.node);
        self.coded::<()>("T11", name.span, message);
        match (target, name.node.as_str()) {
            (Target::Edge(_), "src") => self.hint("the source endpoint is called `from`"),
            (Target::Edge(_), "dst") => self.hint("the target endpoint is called `to`"),
            _ => self.suggest(&name.node, target.properties().iter().map(|p| p.name.as_str()), ""),
        }
        None
    }

    fn required(&mut self, target: Target<'_>, ty: &Name, assignments: &[PropertyValue]) {
        let given = |name: &str| assignments.iter().any(|a| a.property.node == name);
        let name = target.name();
        if matches!(target, Target::Edge(_)) {
            for endpoint in [FROM, TO] {
                if !given(endpoint) {
                    let message = format!("insert of `{name}` lacks endpoint `{endpoint}`");
                    self.coded::<()>("T12", ty.span, message);
                }
            }
        }
        for property in target.properties().iter().filter(|p| !p.ty.nullable && !given(&p.name)) {
            let message = match &property.embed {
                Some(embed) if given(&embed.source) => continue,
                Some(embed) => format!(
                    "insert of `{name}` lacks required property `{}`, and its source `{}`",
                    property.name, embed.source
                ),
                None => format!("insert of `{name}` lacks required property `{}`", property.name),
            };
            self.coded::<()>("T12", ty.span, message);
        }
    }

    fn condition(&mut self, target: Target<'_>, condition: &Condition) -> Option<Predicate> {
        let name = &condition.property;
        let (field, ty) = self.field(target, name)?;
        if ty.is_blob() {
            let message = format!("blob property `{}` cannot stand in `where`", name.node);
            return self.coded("T11", name.span, message);
        }
        if ty.is_list() || ty.is_vector() {
            let message = format!("property `{}` is {ty}, which cannot stand in `where`", name.node);
            return self.coded("T7", name.span, message);
        }
        let op = match condition.op {
            Operator::Eq => CompareOp::Eq,
            Operator::Ne => CompareOp::Ne,
            Operator::Lt => CompareOp::Lt,
            Operator::Le => CompareOp::Le,
            Operator::Gt => CompareOp::Gt,
            Operator::Ge => CompareOp::Ge,
            Operator::Contains | Operator::StartsWith => {
                return self.error(name.span, "`where` takes the six comparison operators only");
            }
        };
        let value = self.value(&condition.value, &name.node, &ty, Context::Condition)?;
        Some(Predicate { field, op, value })
    }
}

fn take(assignments: &mut Vec<Assignment>, name: &str) -> Option<Expr> {
    let at = assignments.iter().position(|a| a.property == name)?;
    Some(assignments.remove(at).value)
}
