//! What all rules of the grammar are made of.

use chumsky::prelude::*;

use super::super::ast::Spanned;
use super::super::lexer::Token;
use crate::diagnostics::Span;

/// Tokens with their positions.
pub(super) type Tokens<'a> =
    chumsky::input::MappedInput<'a, Token<'a>, SimpleSpan, &'a [(Token<'a>, SimpleSpan)]>;
pub(super) type Extra<'a> = extra::Err<Rich<'a, Token<'a>>>;
/// A rule that yields `T`.
pub(super) type Rule<'a, T> = Boxed<'a, 'a, Tokens<'a>, T, Extra<'a>>;

pub(super) fn span(span: SimpleSpan) -> Span {
    Span::new(span.start, span.end)
}

/// Adds its span to what a rule yields.
pub(super) fn spanned<'a, T: 'a>(
    rule: impl Parser<'a, Tokens<'a>, T, Extra<'a>> + Clone + 'a,
) -> Rule<'a, Spanned<T>> {
    rule.map_with(|node, e| Spanned::new(node, span(e.span()))).boxed()
}
