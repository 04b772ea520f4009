//! Checks values that do not depend on the row: in inline conditions, assignments and mutation predicates.

use super::super::ast::{Literal, Spanned, Value, ValueKind};
use super::checker::Checker;
use super::literal::{Constant, Purpose, compatible};
use super::scope::Lookup;
use crate::diagnostics::Span;
use crate::ir::Expr;
use crate::types::{Kind, Scalar, Type, Value as Constants};

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    /// `$v: T { property: value }`
    Inline,
    /// `property: value` of `insert` and `update`.
    Assignment,
    /// `where property op value`
    Condition,
}

impl Checker<'_> {
    /// Checks a value against the property it is compared with or assigned to.
    pub(super) fn value(
        &mut self,
        value: &Value,
        property: &str,
        ty: &Type,
        context: Context,
    ) -> Option<Expr> {
        match &value.node {
            ValueKind::Literal(literal) => {
                let literal = Spanned::new(literal.clone(), value.span);
                let Constant { value, ty } = self.literal_value(&literal, property, ty, context)?;
                Some(Expr::Literal { value, ty })
            }
            ValueKind::Variable(name) => self.param_value(name, value.span, property, ty, context),
            ValueKind::Now if ty.kind == Kind::Scalar(Scalar::DateTime) => Some(Expr::Now),
            ValueKind::Now => {
                let message = format!("`now()` is a DateTime, property `{property}` is {ty}");
                self.coded("T7", value.span, message)
            }
        }
    }

    fn literal_value(
        &mut self,
        literal: &Spanned<Literal>,
        property: &str,
        ty: &Type,
        context: Context,
    ) -> Option<Constant> {
        if context == Context::Inline {
            self.inline_target("T3", literal.span, property, ty)?;
            if ty.is_list() && matches!(literal.node, Literal::List(_)) {
                return self.list_equality("T3", literal.span, property);
            }
        }
        let constant = self.constant(literal)?;
        let target = if context == Context::Inline { member_type(ty) } else { ty.clone() };
        match &target.kind {
            Kind::Vector(dimension) => {
                return self.vector_value(constant, literal.span, property, *dimension);
            }
            Kind::List(_) if constant.is_empty_list() => {
                let ty = Type::required(target.kind);
                return Some(Constant { ty, ..constant });
            }
            Kind::Scalar(Scalar::Blob) => {
                let message = format!("blob property `{property}` takes a parameter, not a literal");
                return self.coded("T3", literal.span, message);
            }
            Kind::Enum(values) => {
                if let Constants::String(text) = &constant.value
                    && !values.contains(text)
                {
                    let message = format!("{text:?} is not a value of `{property}`: {target}");
                    self.coded::<()>("T3", literal.span, message);
                    self.suggest(text, values.iter().map(String::as_str), "");
                    return None;
                }
            }
            Kind::Scalar(_) | Kind::List(_) => {}
        }
        if target.is_list() != constant.ty.is_list() || !compatible(target.element(), constant.ty.element()) {
            let message = format!("property `{property}` is {ty}, the literal is {}", constant.ty);
            return self.coded("T3", literal.span, message);
        }
        let purpose = match context {
            Context::Assignment => Purpose::Assign,
            Context::Inline | Context::Condition => Purpose::Compare,
        };
        Some(constant.convert(target.element(), purpose))
    }

    fn vector_value(
        &mut self,
        constant: Constant,
        span: Span,
        property: &str,
        dimension: u32,
    ) -> Option<Constant> {
        let ty = constant.ty.clone();
        match constant.into_vector() {
            Some(vector) if vector.ty.kind == Kind::Vector(dimension) => Some(vector),
            Some(vector) => {
                let message =
                    format!("property `{property}` is Vector({dimension}), the literal is {}", vector.ty);
                self.coded("T3", span, message)
            }
            None => {
                let message = format!(
                    "property `{property}` is Vector({dimension}), the literal is {ty}, not {dimension} 32-bit \
                     numbers"
                );
                self.coded("T3", span, message)
            }
        }
    }

    fn param_value(
        &mut self,
        name: &str,
        span: Span,
        property: &str,
        ty: &Type,
        context: Context,
    ) -> Option<Expr> {
        let Some(declared) = self.param_names.get(name).copied() else {
            self.no_param(name, span, context);
            return None;
        };
        let id = declared?;
        let param = self.params[id.0].ty.clone();
        let mut target = ty.clone();
        if context == Context::Inline {
            let code = if ty.is_blob() { "T3" } else { "T7" };
            self.inline_target(code, span, property, ty)?;
            if ty.is_list() && param.is_list() {
                return self.list_equality("T7", span, property);
            }
            target = member_type(ty);
        }
        let fits = match (&target.kind, &param.kind) {
            (Kind::Scalar(Scalar::Blob), Kind::Scalar(s)) => {
                context == Context::Assignment && matches!(s, Scalar::String | Scalar::Blob)
            }
            (Kind::Vector(n), Kind::Vector(m)) => n == m,
            (Kind::List(a), Kind::List(b)) => compatible(*a, *b),
            (Kind::Scalar(_) | Kind::Enum(_), Kind::Scalar(b)) => compatible(target.element(), *b),
            _ => false,
        };
        if fits {
            return Some(Expr::Param(id));
        }
        self.coded("T7", span, format!("property `{property}` is {ty}, parameter `${name}` is {param}"))
    }

    fn no_param(&mut self, name: &str, span: Span, context: Context) {
        match context {
            Context::Inline => match self.scope.find(name) {
                Lookup::Unbound => {
                    self.error::<()>(span, format!("variable `${name}` is not bound"));
                }
                Lookup::Broken | Lookup::Node(..) | Lookup::Edge(..) | Lookup::Path(..) => {
                    let message = format!(
                        "`${name}` is a match variable: an inline condition takes a literal, a \
                                           parameter or `now()`"
                    );
                    self.error::<()>(span, message);
                    return;
                }
            },
            Context::Assignment | Context::Condition => {
                self.coded::<()>("T14", span, format!("`${name}` is not a declared parameter"));
            }
        }
        let names: Vec<String> = self.params.iter().map(|p| p.name.clone()).collect();
        self.suggest(name, names.iter().map(String::as_str), "$");
    }

    /// Refuses inline conditions on blobs and vectors.
    fn inline_target(&mut self, code: &str, span: Span, property: &str, ty: &Type) -> Option<()> {
        if ty.is_blob() || ty.is_vector() {
            let message = format!("property `{property}` is {ty}, which cannot stand in an inline condition");
            return self.coded(code, span, message);
        }
        Some(())
    }

    fn list_equality<T>(&mut self, code: &str, span: Span, property: &str) -> Option<T> {
        let message = format!("property `{property}` is a list, and list equality is not supported");
        self.coded::<T>(code, span, message);
        self.hint("a single value asks for membership");
        None
    }
}

/// Returns the type that a value of an inline condition must have.
fn member_type(ty: &Type) -> Type {
    match ty.kind {
        Kind::List(scalar) => Type::scalar(scalar),
        Kind::Scalar(_) | Kind::Enum(_) | Kind::Vector(_) => ty.clone(),
    }
}
