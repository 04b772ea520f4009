//! The parser of the query language: tokens become a syntax tree.
//!
//! Invariants: (1) every rule decides by its first tokens, so parsing time grows with the length of the text; (2) the
//! lexer bounds the nesting, so the recursion of the rules is bounded; (3) a malformed block is reported and skipped
//! up to its closing brace, a malformed query up to the next one, so that one text can yield several errors.

mod expr;
mod pattern;
mod query;
mod rule;
mod token;

use chumsky::error::{Rich, RichPattern, RichReason};
use chumsky::input::Input as _;
use chumsky::prelude::*;

use super::ast::File;
use super::lexer::{Token, lex};
use crate::diagnostics::{Diagnostic, Diagnostics, Span, Stage};

/// Parses a query file.
///
/// # Errors
///
/// Every malformed token, every malformed block and every repeated name, in text order; at least one. All are of
/// [`Stage::Parse`].
pub fn parse_file(source: &str) -> Result<File, Diagnostics> {
    let lexed = lex(source);
    let mut errors = lexed.errors;
    if lexed.too_deep {
        return Err(Diagnostics(errors));
    }
    let tokens: Vec<(Token<'_>, SimpleSpan)> =
        lexed.tokens.into_iter().map(|(token, range)| (token, range.into())).collect();
    let end = SimpleSpan::from(source.len()..source.len());
    let (file, problems) = query::file().parse(tokens.as_slice().split_token_span(end)).into_output_errors();
    // What follows from a malformed token was reported with the token.
    errors.extend(problems.iter().filter(|p| p.found() != Some(&Token::Malformed)).map(diagnostic));
    let file = file.unwrap_or_default();
    errors.extend(repeated_names(&file));
    if errors.is_empty() {
        return Ok(file);
    }
    errors.sort_by_key(|e| e.span);
    Err(Diagnostics(errors))
}

fn repeated_names(file: &File) -> impl Iterator<Item = Diagnostic> + '_ {
    let is_repeated = |i: usize| file.queries[..i].iter().any(|q| q.name == file.queries[i].name);
    (0..file.queries.len()).filter(move |i| is_repeated(*i)).map(|i| {
        let name = &file.queries[i].name;
        Diagnostic::new(Stage::Parse, name.span, format!("duplicate query '{}'", name.node))
    })
}

fn diagnostic(error: &Rich<'_, Token<'_>>) -> Diagnostic {
    let span = Span::new(error.span().start, error.span().end);
    match error.reason() {
        RichReason::Custom(message) => match message.split_once(": ") {
            Some((code, message)) if code.starts_with('T') => {
                Diagnostic::new(Stage::Parse, span, message).with_code(code)
            }
            _ => Diagnostic::new(Stage::Parse, span, message.as_str()),
        },
        RichReason::ExpectedFound { expected, found } => {
            let mut expected: Vec<String> = expected.iter().filter_map(describe).collect();
            expected.sort();
            expected.dedup();
            let found = match found {
                Some(token) => token.to_string(),
                None => "the end of the text".to_owned(),
            };
            let message = match expected.as_slice() {
                [] => format!("unexpected {found}"),
                [one] => format!("expected {one}, found {found}"),
                [most @ .., last] => {
                    format!("expected {} or {last}, found {found}", most.join(", "))
                }
            };
            Diagnostic::new(Stage::Parse, span, message)
        }
    }
}

/// Names an alternative, unless it says nothing.
fn describe(pattern: &RichPattern<'_, Token<'_>>) -> Option<String> {
    match pattern {
        RichPattern::Token(token) => Some(token.to_string()),
        RichPattern::Label(label) => Some(label.to_string()),
        RichPattern::EndOfInput => Some("the end of the text".to_owned()),
        _ => None,
    }
}
