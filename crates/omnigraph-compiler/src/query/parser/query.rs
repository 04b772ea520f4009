//! The grammar of files, declarations, read bodies and statements.

use chumsky::prelude::*;
use chumsky::recovery::{nested_delimiters, via_parser};

use super::super::ast::{
    Body, Clause, Condition, File, Name, Ordering, Param, ParamKind, ParamType, Projection, PropertyValue,
    Query, Read, Statement,
};
use super::super::lexer::Token;
use super::expr::{expr, is_nearest, value};
use super::pattern::{clause, comparison, property_value};
use super::rule::{Rule, spanned};
use super::token::{identifier, keyword, optional_comma, sign, string, type_name, unsigned, variable};

/// A whole file.
pub(super) fn file<'a>() -> Rule<'a, File> {
    // A query that cannot be read any further is given up at the head of the next one.
    let head = keyword("query").then(identifier()).then(sign(Token::LeftParen)).ignored();
    let rest = any().and_is(head.not()).ignored().repeated();
    let skipped = any().ignored().then(rest).to(None);
    query()
        .map(Some)
        .recover_with(via_parser(skipped))
        .repeated()
        .collect::<Vec<_>>()
        .then_ignore(end())
        .map(|queries| File { queries: queries.into_iter().flatten().collect() })
        .boxed()
}

fn query<'a>() -> Rule<'a, Query> {
    let params = param()
        .separated_by(sign(Token::Comma))
        .collect()
        .delimited_by(sign(Token::LeftParen), sign(Token::RightParen));
    keyword("query")
        .labelled("`query`")
        .ignore_then(identifier())
        .then(params)
        .then(annotations())
        .then_ignore(sign(Token::LeftBrace))
        .then(body())
        .then_ignore(sign(Token::RightBrace))
        .map(|(((name, params), (description, instruction)), body)| Query {
            name,
            params,
            description,
            instruction,
            body,
        })
        .boxed()
}

fn annotations<'a>() -> Rule<'a, (Option<String>, Option<String>)> {
    let name = select! {
        Token::Word("description") => "description",
        Token::Word("instruction") => "instruction",
    }
    .labelled("`description`")
    .labelled("`description` or `instruction`");
    let annotation = sign(Token::At)
        .ignore_then(spanned(name))
        .then(string().delimited_by(sign(Token::LeftParen), sign(Token::RightParen)));
    annotation
        .repeated()
        .collect::<Vec<_>>()
        .validate(|annotations, _, emitter| {
            let mut result = (None, None);
            for (name, text) in annotations {
                let slot = if name.node == "description" { &mut result.0 } else { &mut result.1 };
                if slot.replace(text).is_some() {
                    let place = (name.span.start..name.span.end).into();
                    emitter.emit(Rich::custom(place, format!("duplicate @{}", name.node)));
                }
            }
            result
        })
        .boxed()
}

fn param<'a>() -> Rule<'a, Param> {
    let kind = choice((
        type_name().delimited_by(sign(Token::LeftBracket), sign(Token::RightBracket)).map(ParamKind::List),
        just(Token::TypeName("Vector"))
            .ignore_then(unsigned().delimited_by(sign(Token::LeftParen), sign(Token::RightParen)))
            .map(ParamKind::Vector),
        type_name().map(ParamKind::Scalar),
    ));
    let ty = kind
        .then(sign(Token::Question).or_not())
        .map(|(kind, mark)| ParamType { kind, nullable: mark.is_some() });
    variable().then_ignore(sign(Token::Colon)).then(spanned(ty)).map(|(name, ty)| Param { name, ty }).boxed()
}

fn body<'a>() -> Rule<'a, Body> {
    let statements = statement().then_ignore(optional_comma()).repeated().at_least(1).collect();
    read().map(Body::Read).or(statements.map(Body::Mutation)).boxed()
}

/// At least one member in braces, with optional commas. What is malformed is reported and skipped.
fn block<'a, T: 'a>(member: Rule<'a, T>) -> Rule<'a, Vec<T>> {
    let members = member.then_ignore(optional_comma()).repeated().at_least(1).collect::<Vec<_>>();
    in_braces(members.boxed())
}

fn in_braces<'a, T: 'a>(members: Rule<'a, Vec<T>>) -> Rule<'a, Vec<T>> {
    members
        .delimited_by(sign(Token::LeftBrace), sign(Token::RightBrace))
        .recover_with(via_parser(nested_delimiters(
            Token::LeftBrace,
            Token::RightBrace,
            [(Token::LeftParen, Token::RightParen), (Token::LeftBracket, Token::RightBracket)],
            |_| Vec::new(),
        )))
        .boxed()
}

fn read<'a>() -> Rule<'a, Read> {
    let matched = keyword("match").ignore_then(block::<Clause>(clause()));
    let distinct = keyword("distinct").or_not().map(|d| d.is_some());
    let returned = keyword("return").ignore_then(distinct).then(block(projection()));
    let orderings = ordering().separated_by(sign(Token::Comma)).at_least(1).allow_trailing().collect();
    let order = keyword("order").ignore_then(in_braces(orderings.boxed()));
    let limit = || keyword("limit").ignore_then(unsigned()).map(|n| n.node);
    let offset = || keyword("offset").ignore_then(unsigned()).map(|n| n.node);
    let cut = choice((
        limit().then(offset().or_not()).map(|(limit, offset)| (Some(limit), offset)),
        offset().then(limit().or_not()).map(|(offset, limit)| (limit, Some(offset))),
        empty().to((None, None)),
    ));
    matched
        .then(returned)
        .then(order.or_not())
        .then(cut)
        .map(|(((clauses, (distinct, projections)), order), (limit, offset))| Read {
            clauses,
            distinct,
            projections,
            order: order.unwrap_or_default(),
            offset,
            limit,
        })
        .boxed()
}

fn projection<'a>() -> Rule<'a, Projection> {
    expr()
        .then(keyword("as").ignore_then(identifier()).or_not())
        .map(|(value, alias)| Projection { value, alias })
        .boxed()
}

fn ordering<'a>() -> Rule<'a, Ordering> {
    let direction = keyword("asc").to(false).or(keyword("desc").to(true));
    let nearest = expr().filter(is_nearest).map(|value| Ordering { value, descending: false });
    let other = expr()
        .filter(|e| !is_nearest(e))
        .then(direction.or_not())
        .map(|(value, descending)| Ordering { value, descending: descending.unwrap_or(false) });
    let is_rank = keyword("nearest").then(sign(Token::LeftParen)).rewind();
    is_rank.ignore_then(nearest).or(other).boxed()
}

fn statement<'a>() -> Rule<'a, Statement> {
    let insert = keyword("insert")
        .ignore_then(type_name())
        .then(assignments("insert"))
        .map(|(ty, assignments)| Statement::Insert { ty, assignments });
    let update = keyword("update")
        .ignore_then(type_name())
        .then_ignore(keyword("set"))
        .then(assignments("update"))
        .then(condition())
        .map(|((ty, assignments), condition)| Statement::Update { ty, assignments, condition });
    let delete = keyword("delete")
        .ignore_then(type_name())
        .then(condition())
        .map(|(ty, condition): (Name, Condition)| Statement::Delete { ty, condition });
    choice((insert, update, delete)).boxed()
}

fn assignments<'a>(statement: &'static str) -> Rule<'a, Vec<PropertyValue>> {
    let nothing = sign(Token::LeftBrace).then(sign(Token::RightBrace)).validate(move |_, e, emitter| {
        let message = format!("T10: `{statement}` needs at least one assignment");
        emitter.emit(Rich::custom(e.span(), message));
        Vec::new()
    });
    nothing.or(block(property_value())).boxed()
}

fn condition<'a>() -> Rule<'a, Condition> {
    keyword("where")
        .ignore_then(identifier())
        .then(comparison())
        .then(value())
        .map(|((property, op), value)| Condition { property, op, value })
        .boxed()
}
