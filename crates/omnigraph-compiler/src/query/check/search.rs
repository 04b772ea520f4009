//! Checks text predicates and rankings.

use super::super::ast::{Expr, ExprKind, Literal, PropertyRef, Spanned, TextFunction};
use super::checker::Checker;
use super::operand::{Bare, ResolvedProperty, as_integer, integer};
use crate::diagnostics::Span;
use crate::ir::{self, Rank, TextPredicate};
use crate::types::{Kind, Scalar, Type};

/// Edits that `fuzzy` allows without a third argument.
const DEFAULT_MAX_EDITS: i64 = 2;

/// The constant of `rrf` without a third argument.
const DEFAULT_K: i64 = 60;

impl Checker<'_> {
    /// Checks a `search`, `match_text` or `fuzzy` call and lowers it.
    pub(super) fn text_call(&mut self, call: &Expr) -> Option<ir::Expr> {
        let ExprKind::Text { function, field, query, max_edits } = &call.node else {
            return None;
        };
        let name = function.text();
        let code = match function {
            TextFunction::Search | TextFunction::Fuzzy => "T19",
            TextFunction::MatchText => "T20",
        };
        let field = self.text_field(name, code, field);
        let query = self.text_query(name, code, query);
        let predicate = match function {
            TextFunction::Search => Some(TextPredicate::Search),
            TextFunction::MatchText => Some(TextPredicate::MatchText),
            TextFunction::Fuzzy => self.max_edits(max_edits.as_deref()),
        };
        let (property, query) = (field?, query?);
        Some(ir::Expr::Text {
            predicate: predicate?,
            var: property.var,
            property: property.name,
            query: Box::new(query),
        })
    }

    fn text_field(&mut self, function: &str, code: &str, field: &Expr) -> Option<ResolvedProperty> {
        let ExprKind::Property(property) = &field.node else {
            let message = format!("`{function}` needs a String property of a node first");
            return self.coded(code, field.span, message);
        };
        let property = self.node_property(function, property, field.span)?;
        if property.ty.as_scalar() != Some(Scalar::String) {
            let message =
                format!("`{function}` needs a String property, `{}` is {}", property.name, property.ty);
            return self.coded(code, field.span, message);
        }
        Some(property)
    }

    /// Resolves a property that must not belong to an edge.
    fn node_property(
        &mut self,
        function: &str,
        property: &PropertyRef,
        span: Span,
    ) -> Option<ResolvedProperty> {
        let resolved = self.property(property)?;
        if !resolved.of_node {
            let message = format!(
                "`{function}` works on node properties, `${}` is bound to an edge",
                property.variable.node
            );
            return self.coded("T23", span, message);
        }
        self.no_optional_target(function, &property.variable, resolved.var, span)?;
        Some(resolved)
    }

    fn text_query(&mut self, function: &str, code: &str, query: &Expr) -> Option<ir::Expr> {
        match &query.node {
            ExprKind::Literal(literal @ Literal::String(_)) => {
                Some(self.literal_operand(literal, query.span)?.0)
            }
            ExprKind::Variable(name) => match self.bare(name, query.span)? {
                Bare::Param(id, ty) if ty.kind == Kind::Scalar(Scalar::String) => Some(ir::Expr::Param(id)),
                Bare::Param(_, ty) => {
                    let message = format!("the query of `{function}` is a String, `${name}` is {ty}");
                    self.coded(code, query.span, message)
                }
                Bare::Node { .. } => self.no_text_query(function, code, query.span),
            },
            _ => self.no_text_query(function, code, query.span),
        }
    }

    fn no_text_query<T>(&mut self, function: &str, code: &str, span: Span) -> Option<T> {
        let message = format!("the query of `{function}` is a String literal or parameter");
        self.coded(code, span, message)
    }

    fn max_edits(&mut self, argument: Option<&Expr>) -> Option<TextPredicate> {
        let max_edits = match argument {
            None => integer(DEFAULT_MAX_EDITS),
            Some(argument) => match as_integer(argument) {
                Some(value) if value < 0 => {
                    return self.coded("T19", argument.span, "`max_edits` must not be negative");
                }
                Some(value) => integer(value),
                None => self.integer_param(argument, "T19", "`max_edits` of `fuzzy`")?,
            },
        };
        Some(TextPredicate::Fuzzy { max_edits: Box::new(max_edits) })
    }

    fn integer_param(&mut self, argument: &Expr, code: &str, what: &str) -> Option<ir::Expr> {
        if let ExprKind::Variable(name) = &argument.node
            && let Bare::Param(id, Type { kind: Kind::Scalar(s), .. }) = self.bare(name, argument.span)?
            && s.is_integer()
        {
            return Some(ir::Expr::Param(id));
        }
        self.coded(code, argument.span, format!("{what} is an integer literal or parameter"))
    }

    /// Checks a ranking and lowers it.
    pub(super) fn rank(&mut self, expr: &Expr) -> Option<Rank> {
        match &expr.node {
            ExprKind::Nearest { field, query } => self.nearest(field, query),
            ExprKind::Bm25 { field, query } => {
                let field = self.text_field("bm25", "T20", field);
                let query = self.text_query("bm25", "T20", query);
                let property = field?;
                Some(Rank::Bm25 { var: property.var, property: property.name, query: query? })
            }
            ExprKind::Rrf { arms: [a, b], k } => self.rrf(a, b, k.as_deref(), expr.span),
            _ => None,
        }
    }

    fn nearest(&mut self, field: &Spanned<PropertyRef>, query: &Expr) -> Option<Rank> {
        let errors = self.errors.len();
        let Some(property) = self.node_property("nearest", &field.node, field.span) else {
            // A missing variable or property has its own code here.
            for error in &mut self.errors[errors..] {
                if error.code.as_deref() == Some("T6") {
                    error.code = Some("T15".to_owned());
                }
            }
            return None;
        };
        let Kind::Vector(dimension) = property.ty.kind else {
            let message =
                format!("`nearest` needs a Vector property, `{}` is {}", property.name, property.ty);
            return self.coded("T15", field.span, message);
        };
        let query = self.vector_query(query, dimension)?;
        Some(Rank::Nearest { var: property.var, property: property.name, query })
    }

    fn vector_query(&mut self, query: &Expr, dimension: u32) -> Option<ir::Expr> {
        let span = query.span;
        let (expr, ty) = match &query.node {
            ExprKind::Literal(literal @ Literal::String(_)) => {
                return Some(self.literal_operand(literal, span)?.0);
            }
            ExprKind::Literal(literal @ Literal::List(_)) => {
                let constant = self.constant(&Spanned::new(literal.clone(), span))?;
                let Some(vector) = constant.into_vector() else {
                    return self.coded("T15", span, "a vector is a non-empty list of 32-bit numbers");
                };
                (ir::Expr::Literal { value: vector.value, ty: vector.ty.clone() }, vector.ty)
            }
            ExprKind::Variable(name) => match self.bare(name, span)? {
                Bare::Param(id, ty) => (ir::Expr::Param(id), ty),
                Bare::Node { .. } => return self.no_vector_query(span),
            },
            _ => return self.no_vector_query(span),
        };
        match ty.kind {
            Kind::Scalar(Scalar::String) => Some(expr),
            Kind::Vector(n) if n == dimension => Some(expr),
            Kind::Vector(n) => {
                let message = format!("the property has {dimension} dimensions, the query has {n}");
                self.coded("T15", span, message)
            }
            Kind::Scalar(_) | Kind::List(_) | Kind::Enum(_) => self.no_vector_query(span),
        }
    }

    fn no_vector_query<T>(&mut self, span: Span) -> Option<T> {
        self.coded("T15", span, "the query of `nearest` is a vector or a String, as a literal or parameter")
    }

    fn rrf(&mut self, a: &Expr, b: &Expr, k: Option<&Expr>, span: Span) -> Option<Rank> {
        let (first, second) = (self.arm(a), self.arm(b));
        let k = match k {
            None => Some(integer(DEFAULT_K)),
            Some(argument) => match as_integer(argument) {
                Some(value) if value < 1 => {
                    self.coded("T21", argument.span, "the constant k of `rrf` must be at least 1")
                }
                Some(value) => Some(integer(value)),
                None => self.integer_param(argument, "T21", "the constant k of `rrf`"),
            },
        };
        let (first, second) = (first?, second?);
        if first.var() != second.var() {
            return self.coded("T21", span, "the arms of `rrf` rank different variables");
        }
        Some(Rank::Rrf { arms: [Box::new(first), Box::new(second)], k: k? })
    }

    fn arm(&mut self, arm: &Expr) -> Option<Rank> {
        match &arm.node {
            ExprKind::Nearest { .. } | ExprKind::Bm25 { .. } => self.rank(arm),
            _ => self.coded("T21", arm.span, "an arm of `rrf` is `nearest(…)` or `bm25(…)`"),
        }
    }
}
