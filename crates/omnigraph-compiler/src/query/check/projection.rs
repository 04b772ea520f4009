//! Checks the members of `return`: values, aggregates, column names, grouping.

use super::super::ast::{AggregateFunction, Expr, ExprKind, PathFunction, Projection, Read};
use super::checker::Checker;
use super::operand::Bare;
use crate::diagnostics::Span;
use crate::ir::{self, Aggregate, Output, OutputType};
use crate::types::{Kind, Scalar, Type};

/// Tells whether a query has an aggregate among its projections.
pub(super) fn is_grouped(read: &Read) -> bool {
    read.projections.iter().any(|p| matches!(p.value.node, ExprKind::Aggregate { .. }))
}

impl Checker<'_> {
    /// Checks all projections, in order; `None` stands for one that is wrong.
    pub(super) fn projections(&mut self, projections: &[Projection]) -> Vec<Option<ir::Projection>> {
        projections.iter().map(|p| self.projection(p)).collect()
    }

    fn projection(&mut self, projection: &Projection) -> Option<ir::Projection> {
        let (value, ty) = self.output(&projection.value)?;
        let (column, name) = match &projection.alias {
            Some(alias) => (alias.node.clone(), alias.node.clone()),
            None => (column(&projection.value), descriptor_name(&projection.value)),
        };
        Some(ir::Projection { column, name, value, ty })
    }

    /// Checks a projected expression.
    pub(super) fn output(&mut self, expr: &Expr) -> Option<(Output, OutputType)> {
        if let ExprKind::Aggregate { function, distinct, argument } = &expr.node {
            let (argument, ty) = match argument {
                None => (None, OutputType::Value(Type::scalar(Scalar::I64))),
                Some(argument) => {
                    let (value, ty) = self.projected(argument, Some(*function))?;
                    (Some(value), self.aggregated(*function, ty, argument.span)?)
                }
            };
            let function = lower(*function);
            return Some((Output::Aggregate { function, argument, distinct: *distinct }, ty));
        }
        let (value, ty) = self.projected(expr, None)?;
        Some((Output::Value(value), ty))
    }

    /// Checks a projection that is no aggregate, or the argument of the given aggregate.
    fn projected(
        &mut self,
        expr: &Expr,
        within: Option<AggregateFunction>,
    ) -> Option<(ir::Expr, OutputType)> {
        let span = expr.span;
        let (value, ty) = match &expr.node {
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
                    return self.coded("T24", span, format!("blob parameter `${name}` is not a value"));
                }
                Bare::Param(id, ty) => (ir::Expr::Param(id), ty),
                Bare::Node { id, ty, nullable } => {
                    return Some((ir::Expr::Node(id), OutputType::Node { ty, nullable }));
                }
            },
            ExprKind::Alias(name) => {
                let message = match within {
                    None => format!("alias `{name}` cannot be used in `return`"),
                    Some(f) => format!("alias `{name}` cannot be the argument of `{}`", f.text()),
                };
                self.error::<()>(span, message);
                self.hint(
                    "a projection is a property such as `$p.name`, a variable, a literal or an aggregate",
                );
                return None;
            }
            ExprKind::Aggregate { function, .. } => {
                let message = format!("`{}` cannot stand inside another aggregate", function.text());
                return self.coded("T8", span, message);
            }
            ExprKind::Path { function, argument } => {
                let value = self.path_call(*function, argument)?;
                if let Some(aggregate) = within.filter(|_| *function != PathFunction::Length) {
                    let message = format!(
                        "`{}` over `{}`, which is for `return`; an aggregate takes `length`",
                        aggregate.text(),
                        function.text()
                    );
                    return self.coded("T8", span, message);
                }
                value
            }
            ExprKind::Measure { function, argument, edge } => self.measure_call(*function, argument, edge)?,
            ExprKind::Text { .. } => (self.text_call(expr)?, Type::optional(Kind::Scalar(Scalar::Bool))),
            ExprKind::Nearest { .. } | ExprKind::Bm25 { .. } | ExprKind::Rrf { .. } => {
                let rank = ir::Expr::Rank(Box::new(self.rank(expr)?));
                (rank, Type::optional(Kind::Scalar(Scalar::F64)))
            }
        };
        Some((value, OutputType::Value(ty)))
    }

    fn aggregated(
        &mut self,
        function: AggregateFunction,
        argument: OutputType,
        span: Span,
    ) -> Option<OutputType> {
        let ty = match (function, argument) {
            (AggregateFunction::Count, _) => Type::scalar(Scalar::I64),
            (_, OutputType::Node { ty, .. }) => {
                let message =
                    format!("`{}` over a node of type {ty}; only `count` takes one", function.text());
                return self.coded("T8", span, message);
            }
            (AggregateFunction::Sum | AggregateFunction::Avg, OutputType::Value(ty)) => {
                if !ty.as_scalar().is_some_and(Scalar::is_numeric) {
                    return self.coded("T8", span, format!("`{}` over {ty}, not a number", function.text()));
                }
                Type::optional(Kind::Scalar(Scalar::F64))
            }
            (AggregateFunction::Min | AggregateFunction::Max, OutputType::Value(ty)) => {
                if ty.as_scalar().is_none() {
                    return self.coded("T8", span, format!("`{}` over {ty}, not a scalar", function.text()));
                }
                Type::optional(ty.kind)
            }
        };
        Some(OutputType::Value(ty))
    }

    /// Requires every projection that is no aggregate to be a group key.
    pub(super) fn grouping(&mut self, projections: &[Projection]) {
        for projection in projections {
            let is_key = match &projection.value.node {
                ExprKind::Aggregate { .. }
                | ExprKind::Property(_)
                | ExprKind::Path { .. }
                | ExprKind::Measure { .. } => true,
                ExprKind::Variable(name) => !self.param_names.contains_key(name),
                ExprKind::Now
                | ExprKind::Literal(_)
                | ExprKind::Alias(_)
                | ExprKind::Text { .. }
                | ExprKind::Nearest { .. }
                | ExprKind::Bm25 { .. }
                | ExprKind::Rrf { .. } => false,
            };
            if !is_key {
                let message = "next to an aggregate a projection is a property, a match variable, a part of a path or a measure";
                self.coded::<()>("T9", projection.value.span, message);
            }
        }
    }
}

fn lower(function: AggregateFunction) -> Aggregate {
    match function {
        AggregateFunction::Count => Aggregate::Count,
        AggregateFunction::Sum => Aggregate::Sum,
        AggregateFunction::Avg => Aggregate::Avg,
        AggregateFunction::Min => Aggregate::Min,
        AggregateFunction::Max => Aggregate::Max,
    }
}

/// Returns the result column of an expression without an alias.
fn column(expr: &Expr) -> String {
    match &expr.node {
        ExprKind::Property(p) => format!("{}.{}", p.variable.node, p.property.node),
        ExprKind::Aggregate { argument: Some(argument), .. } => column(argument),
        _ => descriptor_name(expr),
    }
}

/// Returns the name in operation descriptors of an expression without an alias.
fn descriptor_name(expr: &Expr) -> String {
    match &expr.node {
        ExprKind::Now => "now".to_owned(),
        ExprKind::Literal(_) => "literal".to_owned(),
        ExprKind::Variable(name) | ExprKind::Alias(name) => name.clone(),
        ExprKind::Property(p) => p.property.node.clone(),
        ExprKind::Aggregate { function, .. } => function.text().to_owned(),
        ExprKind::Text { function, .. } => function.text().to_owned(),
        ExprKind::Path { function, .. } => function.text().to_owned(),
        ExprKind::Measure { function, .. } => function.text().to_owned(),
        ExprKind::Nearest { .. } => "nearest".to_owned(),
        ExprKind::Bm25 { .. } => "bm25".to_owned(),
        ExprKind::Rrf { .. } => "rrf".to_owned(),
    }
}
