//! Checks operands, expressions that have a value: properties, parameters, literals, `now()`.

use super::super::ast::{Expr, ExprKind, Literal, PathFunction, PropertyRef, Spanned};
use super::super::printer;
use super::checker::Checker;
use super::graph::PATH_FUNCTIONS;
use super::literal::Constant;
use super::scope::Lookup;
use crate::diagnostics::Span;
use crate::ir::{self, VarId};
use crate::types::{Scalar, Type, Value};

/// A resolved `$v.p`.
#[derive(Clone, Debug)]
pub(super) struct ResolvedProperty {
    pub(super) var: VarId,
    pub(super) name: String,
    pub(super) ty: Type,
    /// Whether the variable is a node, not an edge.
    pub(super) of_node: bool,
}

impl ResolvedProperty {
    /// Returns the expression that reads it.
    pub(super) fn expr(&self) -> ir::Expr {
        ir::Expr::Property { var: self.var, property: self.name.clone(), ty: self.ty.clone() }
    }
}

/// What a bare `$x` stands for.
pub(super) enum Bare {
    /// A parameter and its type.
    Param(ir::ParamId, Type),
    /// A node.
    Node {
        id: VarId,
        ty: String,
        /// Whether it may be null.
        nullable: bool,
    },
}

/// A value operand and its type.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) expr: ir::Expr,
    pub(super) ty: Type,
    pub(super) span: Span,
}

impl Operand {
    /// Returns the constant if this is a literal.
    pub(super) fn constant(&self) -> Option<Constant> {
        match &self.expr {
            ir::Expr::Literal { value, ty } => Some(Constant { value: value.clone(), ty: ty.clone() }),
            _ => None,
        }
    }

    /// Tells whether this is `[]`.
    pub(super) fn is_empty_list(&self) -> bool {
        self.constant().is_some_and(|c| c.is_empty_list())
    }

    /// Tells whether the value is one of the row and has a type of its own, to which a literal adapts.
    pub(super) fn reads_row(&self) -> bool {
        matches!(self.expr, ir::Expr::Property { .. } | ir::Expr::Path { .. } | ir::Expr::Measure { .. })
    }
}

impl Checker<'_> {
    /// Resolves `$v.p`.
    pub(super) fn property(&mut self, property: &PropertyRef) -> Option<ResolvedProperty> {
        let catalog = self.catalog;
        let PropertyRef { variable, property: name } = property;
        let (var, of_node, kind, ty, properties) = match self.find(&variable.node, variable.span) {
            Lookup::Broken => return None,
            Lookup::Unbound => {
                self.unbound("T6", &variable.node, variable.span);
                return None;
            }
            Lookup::Node(id, ty) => {
                let properties = &catalog.nodes.get(&ty)?.properties;
                (id, true, "node", ty, properties)
            }
            Lookup::Edge(id, ty) => {
                let properties = &catalog.edges.get(&ty)?.properties;
                (id, false, "edge", ty, properties)
            }
            Lookup::Path(..) => {
                let message = format!("`${}` is bound to a path, which has no properties", variable.node);
                self.coded::<()>("T28", variable.span, message);
                self.hint(format!("read a path with {PATH_FUNCTIONS}"));
                return None;
            }
        };
        let Some(found) = properties.iter().find(|p| p.name == name.node) else {
            let message = format!("{kind} type `{ty}` has no property `{}`", name.node);
            self.coded::<()>("T6", name.span, message);
            self.suggest(&name.node, properties.iter().map(|p| p.name.as_str()), "");
            return None;
        };
        let mut ty = found.ty.clone();
        ty.nullable |= self.scope.is_optional(var);
        Some(ResolvedProperty { var, name: found.name.clone(), ty, of_node })
    }

    /// Refuses a name that nothing is bound to.
    pub(super) fn unbound(&mut self, code: &str, name: &str, span: Span) {
        let message = format!("variable `${name}` is not bound");
        if code.is_empty() {
            self.error::<()>(span, message);
        } else {
            self.coded::<()>(code, span, message);
        }
        if name == "_" {
            self.hint("`$_` is anonymous: name the variable to read it");
            return;
        }
        let params = self.params.iter().map(|p| p.name.as_str()).filter(|_| code.is_empty());
        let mut names: Vec<String> = self.scope.names().chain(params).map(str::to_owned).collect();
        names.sort();
        self.suggest(name, names.iter().map(String::as_str), "$");
    }

    /// Resolves a bare `$x`.
    pub(super) fn bare(&mut self, name: &str, span: Span) -> Option<Bare> {
        if let Some(declared) = self.param_names.get(name).copied() {
            let id = declared?;
            return Some(Bare::Param(id, self.params[id.0].ty.clone()));
        }
        match self.find(name, span) {
            Lookup::Broken => None,
            Lookup::Node(id, ty) => Some(Bare::Node { id, ty, nullable: self.scope.is_optional(id) }),
            Lookup::Edge(..) => {
                let message = format!("edge binding `${name}` cannot be used without a property");
                self.coded("T23", span, message)
            }
            Lookup::Path(..) => {
                let message = format!("path `${name}` is read with {PATH_FUNCTIONS}, not by itself");
                self.coded("T28", span, message)
            }
            Lookup::Unbound => {
                self.unbound("", name, span);
                None
            }
        }
    }

    /// Resolves an operand of a filter.
    pub(super) fn operand(&mut self, expr: &Expr) -> Option<Operand> {
        let span = expr.span;
        let (ir, ty) = match &expr.node {
            ExprKind::Now => (ir::Expr::Now, Type::scalar(Scalar::DateTime)),
            ExprKind::Literal(literal) => self.literal_operand(literal, span)?,
            ExprKind::Property(property) => {
                let property = self.property(property)?;
                if property.ty.is_blob() {
                    let message = format!("blob property `{}` is not a value", property.name);
                    return self.coded("T24", span, message);
                }
                (property.expr(), property.ty)
            }
            ExprKind::Variable(name) => match self.bare(name, span)? {
                Bare::Param(_, ty) if ty.is_blob() => {
                    let message = format!("blob parameter `${name}` is not an operand (see T24)");
                    return self.coded("T7", span, message);
                }
                Bare::Param(id, ty) => (ir::Expr::Param(id), ty),
                Bare::Node { ty, .. } => {
                    let message = format!("filters take scalar operands, `${name}` is a node of type {ty}");
                    self.coded::<()>("T7", span, message);
                    self.hint(format!("name a property: `${name}.…`"));
                    return None;
                }
            },
            ExprKind::Path { function, argument } => {
                let value = self.path_call(*function, argument)?;
                if *function != PathFunction::Length {
                    let message = format!("`{}` is for `return`; a filter takes `length`", function.text());
                    return self.coded("T7", span, message);
                }
                value
            }
            ExprKind::Measure { function, argument, edge } => self.measure_call(*function, argument, edge)?,
            ExprKind::Aggregate { function, .. } => {
                let message = format!("filters take scalar operands, `{}` is an aggregate", function.text());
                return self.coded("T7", span, message);
            }
            ExprKind::Alias(name) => {
                return self.error(span, format!("alias `{name}` cannot be used in a filter"));
            }
            ExprKind::Text { .. }
            | ExprKind::Nearest { .. }
            | ExprKind::Bm25 { .. }
            | ExprKind::Rrf { .. } => {
                let message = format!("`{}` cannot be compared in a filter", printer::expr(expr));
                return self.coded("T7", span, message);
            }
        };
        Some(Operand { expr: ir, ty, span })
    }

    /// Types a literal that stands alone.
    pub(super) fn literal_operand(&mut self, literal: &Literal, span: Span) -> Option<(ir::Expr, Type)> {
        let Constant { value, ty } = self.constant(&Spanned::new(literal.clone(), span))?;
        Some((ir::Expr::Literal { value, ty: ty.clone() }, ty))
    }
}

/// Tells whether an expression is the literal `true`.
pub(super) fn is_true(expr: &Expr) -> bool {
    matches!(expr.node, ExprKind::Literal(Literal::Bool(true)))
}

/// Returns the integer if an expression is an integer literal.
pub(super) fn as_integer(expr: &Expr) -> Option<i64> {
    match &expr.node {
        ExprKind::Literal(Literal::Int(value)) => Some(*value),
        _ => None,
    }
}

/// Makes an integer literal.
pub(super) fn integer(value: i64) -> ir::Expr {
    ir::Expr::Literal { value: Value::Int(value), ty: Type::scalar(Scalar::I64) }
}
