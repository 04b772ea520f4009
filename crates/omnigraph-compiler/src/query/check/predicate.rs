//! Checks conditions: comparisons, membership, null tests, text predicates and their combinations.

use super::super::ast::{Expr, ExprKind, Operator, Predicate, PredicateKind, TextFunction};
use super::checker::Checker;
use super::literal::{Purpose, compatible};
use super::operand::{Operand, is_true};
use crate::diagnostics::Span;
use crate::ir::{self, CompareOp};
use crate::types::{Kind, Scalar, Type};

impl Checker<'_> {
    /// Checks a condition and lowers it.
    pub(super) fn predicate(&mut self, predicate: &Predicate) -> Option<ir::Expr> {
        match &predicate.node {
            PredicateKind::Compare { op, left, right } => self.compare(*op, left, right),
            PredicateKind::In { element, list, negated } => {
                let member = self.membership(list, element)?;
                Some(if *negated { not(member) } else { member })
            }
            PredicateKind::IsNull { operand, negated } => {
                self.no_text_call(operand)?;
                let test = ir::Expr::IsNull(Box::new(self.operand(operand)?.expr));
                Some(if *negated { not(test) } else { test })
            }
            PredicateKind::Text(call) => self.text_call(call),
            PredicateKind::Not(operand) => self.predicate(operand).map(not),
            PredicateKind::And(operands) => self.predicates(operands).map(ir::Expr::And),
            PredicateKind::Or(operands) => self.predicates(operands).map(ir::Expr::Or),
        }
    }

    fn predicates(&mut self, predicates: &[Predicate]) -> Option<Vec<ir::Expr>> {
        let lowered: Vec<Option<ir::Expr>> = predicates.iter().map(|p| self.predicate(p)).collect();
        lowered.into_iter().collect()
    }

    fn compare(&mut self, op: Operator, left: &Expr, right: &Expr) -> Option<ir::Expr> {
        if op == Operator::Eq && text_function(left).is_some() && is_true(right) {
            return self.text_call(left);
        }
        self.no_text_call(left)?;
        self.no_text_call(right)?;
        let span = left.span.to(right.span);
        let (left, right) = (self.operand(left), self.operand(right));
        let (mut left, mut right) = (left?, right?);
        self.no_vector(&left)?;
        self.no_vector(&right)?;
        let op = match op {
            Operator::Eq => CompareOp::Eq,
            Operator::Ne => CompareOp::Ne,
            Operator::Lt => CompareOp::Lt,
            Operator::Le => CompareOp::Le,
            Operator::Gt => CompareOp::Gt,
            Operator::Ge => CompareOp::Ge,
            Operator::Contains => return self.contains(left, right, span),
            Operator::StartsWith => {
                self.both_strings("starts_with", &left, &right)?;
                return Some(ir::Expr::Prefix { text: Box::new(left.expr), prefix: Box::new(right.expr) });
            }
        };
        if left.ty.is_list() || right.ty.is_list() {
            let message = format!("cannot compare {} with {}: use `contains` for lists", left.ty, right.ty);
            return self.coded("T7", span, message);
        }
        self.compatible(&left.ty, &right.ty, span)?;
        adapt(&mut left, &mut right);
        Some(ir::Expr::Compare { op, left: Box::new(left.expr), right: Box::new(right.expr) })
    }

    fn contains(&mut self, left: Operand, right: Operand, span: Span) -> Option<ir::Expr> {
        match left.ty.kind {
            Kind::List(_) => self.member(left, right, span),
            Kind::Scalar(Scalar::String) | Kind::Enum(_) => {
                self.both_strings("contains", &left, &right)?;
                Some(ir::Expr::Substring { text: Box::new(left.expr), part: Box::new(right.expr) })
            }
            Kind::Scalar(_) | Kind::Vector(_) => {
                let message = format!("`contains` needs a list or a String on the left, not {}", left.ty);
                self.coded("T7", left.span, message)
            }
        }
    }

    fn membership(&mut self, list: &Expr, element: &Expr) -> Option<ir::Expr> {
        self.no_text_call(element)?;
        self.no_text_call(list)?;
        let span = element.span.to(list.span);
        let (element, list) = (self.operand(element), self.operand(list));
        let (element, list) = (element?, list?);
        self.no_vector(&element)?;
        self.no_vector(&list)?;
        if !list.ty.is_list() {
            let message = format!("`in` needs a list on the right, not {}", list.ty);
            return self.coded("T7", list.span, message);
        }
        self.member(list, element, span)
    }

    fn member(&mut self, mut list: Operand, mut element: Operand, span: Span) -> Option<ir::Expr> {
        if element.ty.is_list() {
            let message = format!("a list holds scalars, it cannot be tested for {}", element.ty);
            return self.coded("T7", element.span, message);
        }
        if list.is_empty_list() {
            list.ty = Type::required(Kind::List(element.ty.element()));
            if let ir::Expr::Literal { ty, .. } = &mut list.expr {
                *ty = list.ty.clone();
            }
        }
        self.compatible(&list.ty, &element.ty, span)?;
        adapt(&mut list, &mut element);
        Some(ir::Expr::Member { list: Box::new(list.expr), element: Box::new(element.expr) })
    }

    fn both_strings(&mut self, operator: &str, left: &Operand, right: &Operand) -> Option<()> {
        for (operand, side) in [(left, "left"), (right, "right")] {
            if operand.ty.as_scalar() != Some(Scalar::String) {
                let message = format!("`{operator}` needs a String on the {side}, not {}", operand.ty);
                return self.coded("T7", operand.span, message);
            }
        }
        Some(())
    }

    fn compatible(&mut self, left: &Type, right: &Type, span: Span) -> Option<()> {
        if compatible(left.element(), right.element()) {
            return Some(());
        }
        self.coded("T7", span, format!("cannot compare {left} with {right}"))
    }

    fn no_vector(&mut self, operand: &Operand) -> Option<()> {
        if operand.ty.is_vector() {
            let message = format!("{} cannot be compared", operand.ty);
            return self.coded("T7", operand.span, message);
        }
        Some(())
    }

    fn no_text_call(&mut self, expr: &Expr) -> Option<()> {
        let Some(function) = text_function(expr) else {
            return Some(());
        };
        let name = function.text();
        let message = format!("`{name}` stands alone or as `{name}(…) = true`, not in another comparison");
        self.coded("T7", expr.span, message)
    }
}

fn not(operand: ir::Expr) -> ir::Expr {
    ir::Expr::Not(Box::new(operand))
}

fn text_function(expr: &Expr) -> Option<TextFunction> {
    match &expr.node {
        ExprKind::Text { function, .. } => Some(*function),
        _ => None,
    }
}

/// Converts a literal to the type of the value that it is compared with.
fn adapt(left: &mut Operand, right: &mut Operand) {
    if left.reads_row() {
        adapt_to(right, left.ty.element());
    } else if right.reads_row() {
        adapt_to(left, right.ty.element());
    }
}

fn adapt_to(operand: &mut Operand, scalar: Scalar) {
    if let Some(constant) = operand.constant() {
        let constant = constant.convert(scalar, Purpose::Compare);
        operand.ty = constant.ty.clone();
        operand.expr = ir::Expr::Literal { value: constant.value, ty: constant.ty };
    }
}
