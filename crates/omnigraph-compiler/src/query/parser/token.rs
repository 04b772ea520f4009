//! The grammar of single words, numbers, names and literals.

use chumsky::prelude::*;

use super::super::ast::{Literal, Name, Spanned};
use super::super::lexer::Token;
use super::rule::{Rule, spanned};

/// A contextual keyword.
pub(super) fn keyword<'a>(word: &'static str) -> Rule<'a, ()> {
    just(Token::Word(word)).ignored().boxed()
}

/// An opening or closing bracket or another sign.
pub(super) fn sign<'a>(token: Token<'a>) -> Rule<'a, ()> {
    just(token).ignored().boxed()
}

/// A comma that may be left out.
pub(super) fn optional_comma<'a>() -> Rule<'a, ()> {
    just(Token::Comma).or_not().ignored().boxed()
}

/// A property, alias or query name.
pub(super) fn identifier<'a>() -> Rule<'a, Name> {
    spanned(select! { Token::Word(text) => text.to_owned() }).labelled("a name").boxed()
}

/// The edge of a traversal or of a measure.
pub(super) fn edge_word<'a>() -> Rule<'a, Name> {
    identifier().filter(|word| word.node != "not").labelled("an edge").boxed()
}

/// A node, edge or scalar type name.
pub(super) fn type_name<'a>() -> Rule<'a, Name> {
    spanned(select! { Token::TypeName(text) => text.to_owned() }).labelled("a type name").boxed()
}

/// A variable; yields its name without `$`.
pub(super) fn variable<'a>() -> Rule<'a, Name> {
    spanned(select! { Token::Variable(text) => text.to_owned() }).labelled("a variable").boxed()
}

/// An unsigned integer.
pub(super) fn unsigned<'a>() -> Rule<'a, Spanned<u64>> {
    let digits = select! { Token::Digits(text) => text }.labelled("an unsigned integer");
    spanned(digits.validate(|text: &str, e, emitter| {
        text.parse().unwrap_or_else(|_| {
            emitter.emit(out_of_range(text, e.span()));
            0
        })
    }))
}

fn out_of_range<'a>(text: &str, place: SimpleSpan) -> Rich<'a, Token<'a>> {
    Rich::custom(place, format!("number `{text}` is out of range"))
}

/// A string; yields its unescaped text.
pub(super) fn string<'a>() -> Rule<'a, String> {
    select! { Token::String(text) => text }.labelled("a string").boxed()
}

/// A constant.
pub(super) fn literal<'a>() -> Rule<'a, Spanned<Literal>> {
    recursive(|literal| {
        let list = literal
            .separated_by(sign(Token::Comma))
            .collect()
            .delimited_by(sign(Token::LeftBracket), sign(Token::RightBracket))
            .map(Literal::List);
        let call = |word| {
            keyword(word).ignore_then(string().delimited_by(sign(Token::LeftParen), sign(Token::RightParen)))
        };
        let simple = select! {
            Token::String(text) => Literal::String(text),
            Token::NegativeInt(value) => Literal::Int(value),
            Token::Float(value) => Literal::Float(value),
            Token::Word("true") => Literal::Bool(true),
            Token::Word("false") => Literal::Bool(false),
        };
        let integer = select! { Token::Digits(text) => text }.validate(|text: &str, e, emitter| {
            Literal::Int(text.parse().unwrap_or_else(|_| {
                emitter.emit(out_of_range(text, e.span()));
                0
            }))
        });
        spanned(choice((
            list,
            call("datetime").map(Literal::DateTime),
            call("date").map(Literal::Date),
            simple,
            integer,
        )))
        .labelled("a literal")
    })
    .boxed()
}
