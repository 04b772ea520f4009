//! The grammar of the members of `match`, `not { … }` and `optional { … }`.

use chumsky::prelude::*;

use super::super::ast::{
    Binding, Bounds, Clause, Expr, ExprKind, Operator, Predicate, PredicateKind, PropertyValue, Traversal,
};
use super::super::lexer::Token;
use super::expr::{expr, value};
use super::rule::{Rule, span, spanned};
use super::token::{edge_word, identifier, keyword, optional_comma, sign, type_name, unsigned, variable};

/// `property: value`
pub(super) fn property_value<'a>() -> Rule<'a, PropertyValue> {
    identifier()
        .then_ignore(sign(Token::Colon))
        .then(value())
        .map(|(property, value)| PropertyValue { property, value })
        .boxed()
}

/// The six comparisons by sign.
pub(super) fn comparison<'a>() -> Rule<'a, Operator> {
    select! {
        Token::Equal => Operator::Eq,
        Token::NotEqual => Operator::Ne,
        Token::Less => Operator::Lt,
        Token::LessEqual => Operator::Le,
        Token::Greater => Operator::Gt,
        Token::GreaterEqual => Operator::Ge,
    }
    .labelled("a comparison")
    .boxed()
}

/// One clause. The alternatives are tried in this order and the first that fits wins.
pub(super) fn clause<'a>() -> Rule<'a, Clause> {
    recursive(|clause| {
        let block = spanned(
            clause
                .then_ignore(optional_comma())
                .repeated()
                .at_least(1)
                .collect::<Vec<_>>()
                .delimited_by(sign(Token::LeftBrace), sign(Token::RightBrace)),
        );
        choice((
            keyword("not").ignore_then(block.clone()).map(Clause::Negation),
            keyword("optional").ignore_then(block).map(Clause::Optional),
            binding().map(Clause::Binding),
            spanned(traversal()).map(Clause::Traversal),
            predicate().map(Clause::Filter),
        ))
    })
    .labelled("a clause")
    .boxed()
}

fn binding<'a>() -> Rule<'a, Binding> {
    let conditions = property_value()
        .then_ignore(optional_comma())
        .repeated()
        .collect()
        .delimited_by(sign(Token::LeftBrace), sign(Token::RightBrace));
    variable()
        .then_ignore(sign(Token::Colon))
        .then(type_name())
        .then(conditions.or_not())
        .map(|((variable, ty), conditions)| Binding {
            variable,
            ty,
            conditions: conditions.unwrap_or_default(),
        })
        .boxed()
}

fn traversal<'a>() -> Rule<'a, Traversal> {
    let edge = choice((
        edge_word().map(|edge| (edge, false)),
        edge_word().delimited_by(sign(Token::Less), sign(Token::Greater)).map(|edge| (edge, true)),
    ));
    let bounds = unsigned()
        .then_ignore(sign(Token::Comma))
        .then(unsigned().or_not())
        .delimited_by(sign(Token::LeftBrace), sign(Token::RightBrace))
        .map(|(min, max)| Bounds { min: min.node, max: max.map(|m| m.node) });
    let path = keyword("path").ignore_then(variable()).then_ignore(sign(Token::Equal));
    path.or_not()
        .then(variable())
        .then(variable().then_ignore(sign(Token::Colon)).or_not())
        .then(edge)
        .then(spanned(bounds).or_not())
        .then(variable())
        .map(|(((((path, left), binding), (edge, undirected)), bounds), right)| Traversal {
            path,
            left,
            binding,
            edge,
            undirected,
            bounds,
            right,
        })
        .boxed()
}

/// What follows the left operand of a condition.
#[derive(Clone)]
enum Tail {
    Compare(Operator, Expr),
    In { list: Expr, negated: bool },
    IsNull { negated: bool },
}

/// A condition: `not` binds tighter than `and`, `and` tighter than `or`.
fn predicate<'a>() -> Rule<'a, Predicate> {
    recursive(|predicate| {
        let group = predicate.delimited_by(sign(Token::LeftParen), sign(Token::RightParen));
        let atom = group.or(condition()).boxed();
        let negated = recursive(|negated| {
            let not = keyword("not").ignore_then(negated);
            spanned(not.map(|p| PredicateKind::Not(Box::new(p)))).or(atom)
        });
        let and = joined(negated.boxed(), "and", PredicateKind::And);
        joined(and, "or", PredicateKind::Or)
    })
    .boxed()
}

/// One or more operands with a keyword between them.
fn joined<'a>(
    operand: Rule<'a, Predicate>,
    word: &'static str,
    join: fn(Vec<Predicate>) -> PredicateKind,
) -> Rule<'a, Predicate> {
    let more = keyword(word).ignore_then(operand.clone()).repeated().collect::<Vec<_>>();
    operand
        .then(more)
        .map_with(move |(first, mut more), e| {
            if more.is_empty() {
                return first;
            }
            more.insert(0, first);
            Predicate::new(join(more), span(e.span()))
        })
        .boxed()
}

fn condition<'a>() -> Rule<'a, Predicate> {
    let word = select! {
        Token::Word("contains") => Operator::Contains,
        Token::Word("starts_with") => Operator::StartsWith,
    };
    let not = || keyword("not").or_not().map(|n| n.is_some());
    let tail = choice((
        comparison().or(word).then(expr()).map(|(op, right)| Tail::Compare(op, right)),
        not().then_ignore(keyword("in")).then(expr()).map(|(negated, list)| Tail::In { list, negated }),
        keyword("is").ignore_then(not()).then_ignore(keyword("null")).map(|negated| Tail::IsNull { negated }),
    ))
    .labelled("a comparison");
    // A text function may stand alone; every other expression needs a comparison.
    let alone = text_function().then(tail.clone().or_not());
    let compared = expr().then(tail.map(Some));
    spanned(alone.or(compared).map(|(left, tail)| match tail {
        None => PredicateKind::Text(left),
        Some(Tail::Compare(op, right)) => PredicateKind::Compare { op, left, right },
        Some(Tail::In { list, negated }) => PredicateKind::In { element: left, list, negated },
        Some(Tail::IsNull { negated }) => PredicateKind::IsNull { operand: left, negated },
    }))
}

fn text_function<'a>() -> Rule<'a, Expr> {
    let start = select! { Token::Word("search" | "fuzzy" | "match_text") => () };
    start
        .then(sign(Token::LeftParen))
        .rewind()
        .ignore_then(expr())
        .filter(|e| matches!(e.node, ExprKind::Text { .. }))
        .boxed()
}
