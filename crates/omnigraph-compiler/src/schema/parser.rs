//! The parser: tokens become a syntax tree; a malformed member or declaration is reported and skipped.
//!
//! The grammar does not nest, so parsing needs constant stack.

use chumsky::error::{Rich, RichPattern, RichReason};
use chumsky::input::ValueInput;
use chumsky::prelude::*;

use super::ast::{
    Annotation, Argument, At, Cardinality, Constraint, ConstraintKind, Declaration, Edge, Interface, Member,
    Name, Node, Number, Property, Schema, Type, TypeKind,
};
use super::token::{Token, tokens};
use crate::diagnostics::{Diagnostic, Span, Stage};

/// What a rule of ours, as opposed to the grammar, says against the text.
#[derive(Clone, Debug, PartialEq)]
struct Refusal {
    message: String,
    hint: &'static str,
}

type Error<'t, 's> = Rich<'t, Token<'s>, SimpleSpan, Refusal>;
type Extra<'t, 's> = extra::Err<Error<'t, 's>>;

/// Names that open a body constraint when a parenthesis follows.
const CONSTRAINTS: [&str; 5] = ["key", "unique", "index", "range", "check"];

/// Reads a source text. The tree lacks what the errors are about.
pub(super) fn parse(source: &str) -> (Schema, Vec<Diagnostic>) {
    let (tokens, mut errors) = tokens(source);
    let end = tokens.last().map_or(0, |(_, span)| span.end);
    let tokens: Vec<(Token<'_>, SimpleSpan)> =
        tokens.into_iter().map(|(token, span)| (token, SimpleSpan::from(span.start..span.end))).collect();
    let input = tokens.as_slice().split_token_span(SimpleSpan::from(end..end));
    let (schema, found) = schema().parse(input).into_output_errors();
    // Whatever is not terminated swallows the rest of the text; that the rest is missing is no second error.
    let swallowed = errors.iter().any(|error| error.message.starts_with("unterminated"));
    errors.extend(
        found
            .into_iter()
            .filter(|error| !(swallowed && error.span().start == end))
            .map(|error| diagnostic(error, source)),
    );
    (schema.unwrap_or_default(), errors)
}

fn at(span: SimpleSpan) -> At {
    At(Span::new(span.start, span.end))
}

fn schema<'t, 's: 't, I>() -> impl Parser<'t, I, Schema, Extra<'t, 's>>
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    let declaration = choice((
        interface().map(Declaration::Interface),
        node().map(Declaration::Node),
        edge().map(Declaration::Edge),
    ))
    .labelled("a declaration");
    let skipped = any().then(any().and_is(declaration_start().not()).repeated()).to(None);
    declaration
        .map(Some)
        .recover_with(via_parser(skipped))
        .repeated()
        .collect::<Vec<_>>()
        .then_ignore(end())
        .map(|found| Schema { declarations: found.into_iter().flatten().collect() })
}

fn declaration_start<'t, 's: 't, I>() -> impl Parser<'t, I, (), Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    one_of([Token::Word("interface"), Token::Word("node"), Token::Word("edge")])
        .then(select! { Token::TypeName(_) => () })
        .ignored()
}

fn interface<'t, 's: 't, I>() -> impl Parser<'t, I, Interface, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    just(Token::Word("interface"))
        .ignore_then(type_name())
        .then(body(property().map(Some)))
        .map_with(|(name, properties), e| Interface { name, properties, at: at(e.span()) })
}

fn node<'t, 's: 't, I>() -> impl Parser<'t, I, Node, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    let implements = just(Token::Word("implements"))
        .ignore_then(type_name().separated_by(just(Token::Comma)).at_least(1).collect::<Vec<_>>());
    just(Token::Word("node"))
        .ignore_then(type_name())
        .then(annotations())
        .then(implements.or_not().map(Option::unwrap_or_default))
        .then(body(member()))
        .map_with(|(((name, annotations), implements), members), e| Node {
            name,
            annotations,
            implements,
            members,
            at: at(e.span()),
        })
}

fn edge<'t, 's: 't, I>() -> impl Parser<'t, I, Edge, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    let digits = || select! { Token::Int(text) = e => Number { text: text.to_owned(), at: at(e.span()) } };
    let cardinality = just(Token::At)
        .then(just(Token::Word("card")))
        .ignore_then(
            digits()
                .then_ignore(just(Token::DotDot))
                .then(digits().or_not())
                .delimited_by(just(Token::OpenParen), just(Token::CloseParen)),
        )
        .map_with(|(min, max), e| Cardinality { min, max, at: at(e.span()) });
    just(Token::Word("edge"))
        .ignore_then(type_name())
        .then_ignore(just(Token::Colon))
        .then(type_name())
        .then_ignore(just(Token::Arrow))
        .then(type_name())
        .then(cardinality.or_not())
        .then(annotations())
        .then(body(member()).or_not().map(Option::unwrap_or_default))
        .map_with(|(((((name, from), to), cardinality), annotations), members), e| Edge {
            name,
            from,
            to,
            cardinality,
            annotations,
            members,
            at: at(e.span()),
        })
}

/// `{ member [,] … }`. A broken member is skipped up to the next one; a missing `}` is supposed before a declaration.
fn body<'t, 's: 't, I, M>(
    member: impl Parser<'t, I, Option<M>, Extra<'t, 's>> + Clone,
) -> impl Parser<'t, I, Vec<M>, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
    M: Clone + 't,
{
    let close = just(Token::CloseBrace);
    let property_start = select! { Token::Word(_) => () }.then(just(Token::Colon)).ignored();
    let boundary =
        choice((close.clone().ignored(), declaration_start(), property_start, constraint_head().ignored()));
    let first = any().and_is(close.clone().ignored().or(declaration_start()).not());
    let skipped = first.then(any().and_is(boundary.not()).repeated()).to(None);
    member
        .then_ignore(just(Token::Comma).or_not())
        .recover_with(via_parser(skipped))
        .repeated()
        .collect::<Vec<_>>()
        .map(|found| found.into_iter().flatten().collect())
        .delimited_by(just(Token::OpenBrace), close.ignored().recover_with(via_parser(empty())))
}

/// A property or a body constraint; `None` for one whose place or arguments were refused.
fn member<'t, 's: 't, I>() -> impl Parser<'t, I, Option<Member>, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    let loose = constraint_head().then(balanced()).validate(|(word, ()), e, emitter| {
        emitter.emit(Rich::custom(e.span(), malformed_constraint(word)));
        None
    });
    let stray = index_head().then(balanced()).validate(|_, e, emitter| {
        emitter.emit(Rich::custom(e.span(), stray_index()));
        None
    });
    choice((
        property().map(Member::Property).map(Some),
        constraint().map(Member::Constraint).map(Some).labelled("a body constraint"),
        loose.labelled("a body constraint"),
        stray.labelled("a body constraint"),
    ))
}

fn property<'t, 's: 't, I>() -> impl Parser<'t, I, Property, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    word()
        .and_is(declaration_start().not())
        .labelled("a property")
        .then_ignore(just(Token::Colon))
        .then(property_type())
        .then(flat(choice((index_annotation(), constraint_head().not().ignore_then(annotation())))))
        .map_with(|((name, ty), annotations), e| Property { name, ty, annotations, at: at(e.span()) })
}

fn property_type<'t, 's: 't, I>() -> impl Parser<'t, I, Type, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    let parens = || (just(Token::OpenParen), just(Token::CloseParen));
    let list =
        type_name().delimited_by(just(Token::OpenBracket), just(Token::CloseBracket)).map(TypeKind::List);
    let value = select! {
        Token::TypeName(text) = e => (text, e.span()),
        Token::Word(text) = e => (text, e.span()),
        Token::Int(text) = e => (text, e.span()),
        Token::EnumWord(text) = e => (text, e.span()),
    }
    .map(|(text, span): (&str, SimpleSpan)| Name { text: text.to_owned(), at: at(span) })
    .labelled("an enum value");
    let enumeration = just(Token::Word("enum"))
        .ignore_then(
            value.separated_by(just(Token::Comma)).at_least(1).collect().delimited_by(parens().0, parens().1),
        )
        .map(TypeKind::Enum);
    let dimension = select! { Token::Int(text) = e => Number { text: text.to_owned(), at: at(e.span()) } };
    let vector = just(Token::TypeName("Vector"))
        .ignore_then(dimension.labelled("a dimension").delimited_by(parens().0, parens().1))
        .map(TypeKind::Vector);
    choice((vector, list, enumeration, type_name().map(TypeKind::Scalar)))
        .labelled("a type")
        .then(just(Token::Question).or_not().map(|question| question.is_some()))
        .map_with(|(kind, nullable), e| Type { kind, nullable, at: at(e.span()) })
}

/// `@key(` and alike: looks like the start of a body constraint. Yields the word; the parenthesis is not consumed.
/// Not `@index(name=`, which [`index_head`] takes.
fn constraint_head<'t, 's: 't, I>() -> impl Parser<'t, I, &'s str, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    index_head()
        .not()
        .ignore_then(just(Token::At))
        .ignore_then(select! { Token::Word(word) if CONSTRAINTS.contains(&word) => word })
        .then_ignore(just(Token::OpenParen).rewind())
}

/// `@index(name=`: an index that names no member, so it belongs to the property before it. Yields `index`; the
/// parenthesis is not consumed.
fn index_head<'t, 's: 't, I>() -> impl Parser<'t, I, Name, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    let keyword = just(Token::OpenParen).then(word()).then(just(Token::Equals));
    let name = select! { Token::Word("index") = e => Name { text: "index".to_owned(), at: at(e.span()) } };
    let head = just(Token::At).ignore_then(name).then_ignore(keyword.rewind());
    // Looking ahead by a double negation leaves no trace in the errors of texts that have no such head.
    head.clone().not().not().ignore_then(head)
}

/// `@index(metric="…")` on a property; `None` if its arguments were refused.
fn index_annotation<'t, 's: 't, I>() -> impl Parser<'t, I, Option<Annotation>, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    let keywords = keyword()
        .separated_by(just(Token::Comma))
        .at_least(1)
        .collect::<Vec<_>>()
        .delimited_by(just(Token::OpenParen), just(Token::CloseParen))
        .map(Some);
    index_head().then(keywords.or(balanced().to(None))).validate(
        |(name, keywords), e, emitter| match keywords {
            Some(keywords) => Some(Annotation { name, argument: None, keywords, at: at(e.span()) }),
            None => {
                emitter.emit(Rich::custom(e.span(), malformed_annotation(&name.text)));
                None
            }
        },
    )
}

fn constraint<'t, 's: 't, I>() -> impl Parser<'t, I, Constraint, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    let open = || just(Token::OpenParen);
    let close = || just(Token::CloseParen);
    let members =
        || word().separated_by(just(Token::Comma)).at_least(1).collect().delimited_by(open(), close());
    let index = word()
        .then_ignore(just(Token::Equals).not())
        .separated_by(just(Token::Comma))
        .at_least(1)
        .collect()
        .then(just(Token::Comma).ignore_then(keyword()).repeated().collect())
        .delimited_by(open(), close())
        .map(|(members, keywords)| ConstraintKind::Index { members, keywords });
    let number = just(Token::Minus)
        .map_with(|_, e| e.span())
        .or_not()
        .then(select! {
            Token::Int(text) = e => (text, e.span()),
            Token::Decimal(text) = e => (text, e.span()),
        })
        .filter(|(minus, (_, digits)): &(Option<SimpleSpan>, (&str, SimpleSpan))| {
            minus.is_none_or(|minus| minus.end == digits.start)
        })
        .map_with(|(minus, (digits, _)), e| Number {
            text: if minus.is_some() { format!("-{digits}") } else { digits.to_owned() },
            at: at(e.span()),
        });
    let bounds = choice((
        number.clone().map(Some).then_ignore(just(Token::DotDot)).then(number.clone().or_not()),
        just(Token::DotDot).ignore_then(number).map(|max| (None, Some(max))),
    ));
    let range = word()
        .then_ignore(just(Token::Comma))
        .then(bounds)
        .delimited_by(open(), close())
        .map(|(property, (min, max))| ConstraintKind::Range { property, min, max });
    let check = word()
        .then_ignore(just(Token::Comma))
        .then(select! { Token::Text(pattern) => pattern })
        .delimited_by(open(), close())
        .map(|(property, pattern)| ConstraintKind::Check { property, pattern });
    just(Token::At)
        .ignore_then(choice((
            just(Token::Word("key")).ignore_then(members()).map(ConstraintKind::Key),
            just(Token::Word("unique")).ignore_then(members()).map(ConstraintKind::Unique),
            just(Token::Word("index")).ignore_then(index),
            just(Token::Word("range")).ignore_then(range),
            just(Token::Word("check")).ignore_then(check),
        )))
        .map_with(|kind, e| Constraint { kind, at: at(e.span()) })
}

fn annotations<'t, 's: 't, I>() -> impl Parser<'t, I, Vec<Annotation>, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    flat(annotation())
}

/// Any number of annotations, without the refused ones.
fn flat<'t, 's: 't, I>(
    annotation: impl Parser<'t, I, Option<Annotation>, Extra<'t, 's>> + Clone,
) -> impl Parser<'t, I, Vec<Annotation>, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    annotation.repeated().collect::<Vec<_>>().map(|found| found.into_iter().flatten().collect())
}

/// An annotation; `None` if its arguments were refused.
fn annotation<'t, 's: 't, I>() -> impl Parser<'t, I, Option<Annotation>, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    let argument = literal().or(select! { Token::Word(word) => Argument::Word(word.to_owned()) });
    let arguments = argument
        .then(just(Token::Comma).ignore_then(keyword()).repeated().collect::<Vec<_>>())
        .map(|(argument, keywords)| (Some(argument), keywords))
        .delimited_by(just(Token::OpenParen), just(Token::CloseParen))
        .map(Some);
    let loose = balanced().to(None);
    just(Token::At)
        .ignore_then(word())
        .then(arguments.or(loose).or_not())
        .validate(|(name, arguments), e, emitter| {
            let (argument, keywords) = match arguments {
                None => (None, Vec::new()),
                Some(Some(arguments)) => arguments,
                // These are refused as annotations whatever their arguments are.
                Some(None) if CONSTRAINTS.contains(&name.text.as_str()) || name.text == "card" => {
                    (None, Vec::new())
                }
                Some(None) => {
                    emitter.emit(Rich::custom(e.span(), malformed_annotation(&name.text)));
                    return None;
                }
            };
            Some(Annotation { name, argument, keywords, at: at(e.span()) })
        })
        .labelled("an annotation")
}

/// `name=literal`.
fn keyword<'t, 's: 't, I>() -> impl Parser<'t, I, (Name, Argument), Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    word().then_ignore(just(Token::Equals)).then(literal())
}

fn literal<'t, 's: 't, I>() -> impl Parser<'t, I, Argument, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    select! {
        Token::Text(text) => Argument::Text(text),
        Token::Int(text) => Argument::Number(text.to_owned()),
        Token::Decimal(text) => Argument::Number(text.to_owned()),
        Token::Word("true") => Argument::Bool(true),
        Token::Word("false") => Argument::Bool(false),
    }
}

/// Parentheses around anything that holds neither parentheses nor braces.
fn balanced<'t, 's: 't, I>() -> impl Parser<'t, I, (), Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    none_of([Token::OpenParen, Token::CloseParen, Token::OpenBrace, Token::CloseBrace])
        .repeated()
        .delimited_by(just(Token::OpenParen), just(Token::CloseParen))
}

fn type_name<'t, 's: 't, I>() -> impl Parser<'t, I, Name, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    select! { Token::TypeName(text) = e => Name { text: text.to_owned(), at: at(e.span()) } }
        .labelled("a type name")
}

fn word<'t, 's: 't, I>() -> impl Parser<'t, I, Name, Extra<'t, 's>> + Clone
where
    I: ValueInput<'t, Token = Token<'s>, Span = SimpleSpan>,
{
    select! { Token::Word(text) = e => Name { text: text.to_owned(), at: at(e.span()) } }
        .labelled("an identifier")
}

fn malformed_constraint(word: &str) -> Refusal {
    let hint = match word {
        "range" => "write a property and its bounds, like `@range(age, 0..150)`",
        "check" => "write a property and a quoted pattern, like `@check(code, \"^[A-Z]+$\")`",
        "index" => {
            "list property names, separated by commas, or one vector with its metric, like `@index(vec, metric=\"cosine\")`"
        }
        _ => "list property names, separated by commas",
    };
    Refusal { message: format!("malformed arguments of @{word}"), hint }
}

fn stray_index() -> Refusal {
    Refusal {
        message: "@index without a member follows no property".to_owned(),
        hint: "write it on the property, or name the property first, like `@index(vec, metric=\"cosine\")`",
    }
}

fn malformed_annotation(name: &str) -> Refusal {
    let hint = match name {
        "rename_from" => "write the former name in quotes, like `@rename_from(\"Old\")`",
        "embed" => "write the source property, like `@embed(body)` or `@embed(body, model=\"m\")`",
        "index" => "give the metric alone and in quotes, like `@index(metric=\"cosine\")`",
        "description" | "instruction" => "write one text in quotes",
        _ => "write one value, then `name=literal` pairs; quote whatever is not a plain identifier",
    };
    Refusal { message: format!("malformed arguments of @{name}"), hint }
}

fn diagnostic(error: Error<'_, '_>, source: &str) -> Diagnostic {
    let span = widen(Span::new(error.span().start, error.span().end), source);
    match error.into_reason() {
        RichReason::Custom(refusal) => {
            Diagnostic::new(Stage::Parse, span, refusal.message).with_hint(refusal.hint)
        }
        RichReason::ExpectedFound { expected, found } => {
            let mut message = match &found {
                Some(token) => format!("unexpected {}", **token),
                None => "unexpected end of the schema".to_owned(),
            };
            let names = expectations(&expected);
            if !names.is_empty() {
                message.push_str(&format!(", expected {}", names.join(" or ")));
            }
            let error = Diagnostic::new(Stage::Parse, span, message);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            match (found.as_deref(), names.as_slice()) {
                (Some(Token::At), ["','", "'{'"]) => error.with_hint("annotations come before `implements`"),
                (Some(Token::At), ["'{'"]) => error.with_hint("an interface takes no annotations"),
                _ => error,
            }
        }
    }
}

fn expectations(expected: &[RichPattern<'_, Token<'_>>]) -> Vec<String> {
    let mut names: Vec<String> = expected
        .iter()
        .filter_map(|pattern| match pattern {
            RichPattern::Token(token) => Some(token.to_string()),
            RichPattern::Label(label) => Some(label.to_string()),
            RichPattern::Identifier(word) => Some(format!("'{word}'")),
            RichPattern::EndOfInput => Some("the end".to_owned()),
            _ => None,
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Makes a position one character wide, staying inside the text. A position between two tokens may arrive as the
/// start of the later one and the end of the earlier one.
fn widen(span: Span, source: &str) -> Span {
    if span.start < span.end {
        return span;
    }
    match source[span.start..].chars().next() {
        Some(c) => Span::new(span.start, span.start + c.len_utf8()),
        None => {
            Span::new(source[..span.start].char_indices().next_back().map_or(0, |(at, _)| at), span.start)
        }
    }
}
