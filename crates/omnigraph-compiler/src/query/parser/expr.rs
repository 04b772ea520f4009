//! The grammar of expressions, and of values that do not depend on the row.

use chumsky::prelude::*;

use super::super::ast::{
    AggregateFunction, Expr, ExprKind, MeasureFunction, PathFunction, PropertyRef, Spanned, TextFunction,
    Value, ValueKind,
};
use super::super::lexer::Token;
use super::rule::{Rule, spanned};
use super::token::{edge_word, identifier, keyword, literal, sign, variable};

fn now<'a>() -> Rule<'a, ()> {
    keyword("now").then_ignore(sign(Token::LeftParen)).then_ignore(sign(Token::RightParen)).boxed()
}

/// A literal, a variable or `now()`.
pub(super) fn value<'a>() -> Rule<'a, Value> {
    spanned(choice((
        now().to(ValueKind::Now),
        literal().map(|l| ValueKind::Literal(l.node)),
        variable().map(|v| ValueKind::Variable(v.node)),
    )))
    .labelled("a value")
    .boxed()
}

fn property<'a>() -> Rule<'a, PropertyRef> {
    variable()
        .then_ignore(sign(Token::Dot))
        .then(identifier())
        .map(|(variable, property)| PropertyRef { variable, property })
        .boxed()
}

/// `function(`
fn call<'a>(function: &'static str) -> Rule<'a, ()> {
    keyword(function).then_ignore(sign(Token::LeftParen)).boxed()
}

fn boxed(expr: Expr) -> Box<Expr> {
    Box::new(expr)
}

/// Any expression.
pub(super) fn expr<'a>() -> Rule<'a, Expr> {
    recursive(|expr| {
        let expr = expr.boxed();
        let next = sign(Token::Comma).ignore_then(expr.clone()).boxed();
        spanned(choice((
            now().to(ExprKind::Now),
            nearest(next.clone()),
            text(TextFunction::Search, expr.clone(), next.clone()),
            text(TextFunction::MatchText, expr.clone(), next.clone()),
            text(TextFunction::Fuzzy, expr.clone(), next.clone()),
            bm25(expr.clone(), next.clone()),
            rrf(expr.clone(), next),
            path(expr.clone()),
            measure(expr.clone()),
            aggregate(expr),
            property().map(ExprKind::Property),
            variable().map(|v| ExprKind::Variable(v.node)),
            literal().map(|l| ExprKind::Literal(l.node)),
            identifier().map(|i| ExprKind::Alias(i.node)),
        )))
        .labelled("an expression")
    })
    .boxed()
}

fn nearest<'a>(next: Rule<'a, Expr>) -> Rule<'a, ExprKind> {
    call("nearest")
        .ignore_then(spanned(property()))
        .then(next)
        .then_ignore(sign(Token::RightParen))
        .map(|(field, query)| ExprKind::Nearest { field, query: boxed(query) })
        .boxed()
}

fn text<'a>(function: TextFunction, expr: Rule<'a, Expr>, next: Rule<'a, Expr>) -> Rule<'a, ExprKind> {
    let max_edits = match function {
        TextFunction::Fuzzy => next.clone().map(boxed).or_not().boxed(),
        TextFunction::Search | TextFunction::MatchText => empty().to(None).boxed(),
    };
    call(function.text())
        .ignore_then(expr)
        .then(next)
        .then(max_edits)
        .then_ignore(sign(Token::RightParen))
        .map(move |((field, query), max_edits)| ExprKind::Text {
            function,
            field: boxed(field),
            query: boxed(query),
            max_edits,
        })
        .boxed()
}

fn bm25<'a>(expr: Rule<'a, Expr>, next: Rule<'a, Expr>) -> Rule<'a, ExprKind> {
    call("bm25")
        .ignore_then(expr)
        .then(next)
        .then_ignore(sign(Token::RightParen))
        .map(|(field, query)| ExprKind::Bm25 { field: boxed(field), query: boxed(query) })
        .boxed()
}

fn rrf<'a>(expr: Rule<'a, Expr>, next: Rule<'a, Expr>) -> Rule<'a, ExprKind> {
    call("rrf")
        .ignore_then(expr)
        .then(next.clone())
        .then(next.or_not())
        .then_ignore(sign(Token::RightParen))
        .map(|((a, b), k)| ExprKind::Rrf { arms: [boxed(a), boxed(b)], k: k.map(boxed) })
        .boxed()
}

fn path<'a>(expr: Rule<'a, Expr>) -> Rule<'a, ExprKind> {
    choice(PathFunction::ALL.map(|f| call(f.text()).to(f)))
        .then(expr)
        .then_ignore(sign(Token::RightParen))
        .map(|(function, argument)| ExprKind::Path { function, argument: boxed(argument) })
        .boxed()
}

fn measure<'a>(expr: Rule<'a, Expr>) -> Rule<'a, ExprKind> {
    choice(MeasureFunction::ALL.map(|f| call(f.text()).to(f)))
        .then(expr)
        .then_ignore(sign(Token::Comma))
        .then(edge_word())
        .then_ignore(sign(Token::RightParen))
        .map(|((function, argument), edge)| ExprKind::Measure { function, argument: boxed(argument), edge })
        .boxed()
}

fn aggregate<'a>(expr: Rule<'a, Expr>) -> Rule<'a, ExprKind> {
    let functions = AggregateFunction::ALL.map(|f| call(f.text()).to(f));
    let argument = keyword("distinct")
        .ignore_then(expr.clone())
        .map(|e| (true, Some(e)))
        .or(expr.map(|e| (false, Some(e))))
        .or(sign(Token::Star).to((false, None)));
    choice(functions)
        .then(argument)
        .then_ignore(sign(Token::RightParen))
        .validate(|(function, (distinct, argument)), e, emitter| {
            if argument.is_none() && function != AggregateFunction::Count {
                let message = format!("`*` is an argument of `count` only, not of `{}`", function.text());
                emitter.emit(Rich::custom(e.span(), message));
            }
            ExprKind::Aggregate { function, distinct, argument: argument.map(boxed) }
        })
        .boxed()
}

/// A `nearest(…)`, which as an ordering takes no direction.
pub(super) fn is_nearest(expr: &Spanned<ExprKind>) -> bool {
    matches!(expr.node, ExprKind::Nearest { .. })
}
