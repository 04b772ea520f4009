//! The lexer: text becomes tokens. White space and comments disappear; what is no token is reported and skipped.

use std::fmt;

use logos::{Lexer, Logos, Skip};

use crate::diagnostics::{Diagnostic, Span, Stage};

/// A token of the schema language. Keywords are contextual, hence words.
#[derive(Clone, Debug, PartialEq, Logos)]
#[logos(skip r"[ \t\r\n]+")]
#[logos(skip("//[^\n]*", allow_greedy = true))]
#[logos(extras = Vec<Diagnostic>)]
pub(super) enum Token<'s> {
    #[regex("[A-Z][A-Za-z0-9_]*", |lexer| lexer.slice())]
    TypeName(&'s str),
    #[regex("[a-z_][A-Za-z0-9_]*", |lexer| lexer.slice())]
    Word(&'s str),
    #[regex("[0-9]+", |lexer| lexer.slice())]
    Int(&'s str),
    #[regex(r"[0-9]+\.[0-9]+", |lexer| lexer.slice())]
    Decimal(&'s str),
    /// What only an enum value may be: a word that starts with a digit or holds `-`.
    #[regex("[0-9]+[A-Za-z_][A-Za-z0-9_]*", |lexer| lexer.slice())]
    EnumWord(&'s str),
    #[token("\"", string)]
    Text(String),
    #[token("/*", block_comment)]
    Comment,
    #[token("@")]
    At,
    #[token("{")]
    OpenBrace,
    #[token("}")]
    CloseBrace,
    #[token("(")]
    OpenParen,
    #[token(")")]
    CloseParen,
    #[token("[")]
    OpenBracket,
    #[token("]")]
    CloseBracket,
    #[token(":")]
    Colon,
    #[token(",")]
    Comma,
    #[token("?")]
    Question,
    #[token("=")]
    Equals,
    #[token("->")]
    Arrow,
    #[token("-")]
    Minus,
    #[token("..")]
    DotDot,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::TypeName(s) | Token::Word(s) | Token::Int(s) | Token::Decimal(s) | Token::EnumWord(s) => {
                write!(f, "'{s}'")
            }
            Token::Text(_) => f.write_str("a string"),
            Token::Comment => f.write_str("a comment"),
            Token::At => f.write_str("'@'"),
            Token::OpenBrace => f.write_str("'{'"),
            Token::CloseBrace => f.write_str("'}'"),
            Token::OpenParen => f.write_str("'('"),
            Token::CloseParen => f.write_str("')'"),
            Token::OpenBracket => f.write_str("'['"),
            Token::CloseBracket => f.write_str("']'"),
            Token::Colon => f.write_str("':'"),
            Token::Comma => f.write_str("','"),
            Token::Question => f.write_str("'?'"),
            Token::Equals => f.write_str("'='"),
            Token::Arrow => f.write_str("'->'"),
            Token::Minus => f.write_str("'-'"),
            Token::DotDot => f.write_str("'..'"),
        }
    }
}

fn refuse(errors: &mut Vec<Diagnostic>, span: Span, message: impl Into<String>) {
    errors.push(Diagnostic::new(Stage::Parse, span, message));
}

/// Reads the rest of a string after its opening quote and resolves escapes.
fn string<'s>(lexer: &mut Lexer<'s, Token<'s>>) -> String {
    let start = lexer.span().start;
    let rest = lexer.remainder();
    let mut text = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                lexer.bump(at + 1);
                return text;
            }
            '\\' => match chars.next() {
                Some((_, '"')) => text.push('"'),
                Some((_, '\\')) => text.push('\\'),
                Some((_, 'n')) => text.push('\n'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, 't')) => text.push('\t'),
                Some((next, other)) => {
                    let span = Span::new(start + 1 + at, start + 1 + next + other.len_utf8());
                    let message = format!("unsupported escape sequence '\\{}'", other.escape_debug());
                    let hint = r#"the escapes are \" \\ \n \r \t"#;
                    lexer.extras.push(Diagnostic::new(Stage::Parse, span, message).with_hint(hint));
                    text.extend(['\\', other]);
                }
                None => {}
            },
            other => text.push(other),
        }
    }
    lexer.bump(rest.len());
    refuse(&mut lexer.extras, Span::new(start, start + 1), "unterminated string");
    text
}

fn block_comment<'s>(lexer: &mut Lexer<'s, Token<'s>>) -> Skip {
    let start = lexer.span().start;
    match lexer.remainder().find("*/") {
        Some(at) => lexer.bump(at + 2),
        None => {
            lexer.bump(lexer.remainder().len());
            refuse(&mut lexer.extras, Span::new(start, start + 2), "unterminated block comment");
        }
    }
    Skip
}

/// Splits a source text into tokens with their spans, in order, and the errors met on the way.
pub(super) fn tokens(source: &str) -> (Vec<(Token<'_>, Span)>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let mut strays: Vec<Span> = Vec::new();
    let mut lexer = Token::lexer(source);
    while let Some(token) = lexer.next() {
        let span = Span::new(lexer.span().start, lexer.span().end);
        match token {
            Ok(token) => found.push((token, span)),
            Err(()) if lexer.slice().starts_with('#') => {
                let error =
                    Diagnostic::new(Stage::Parse, Span::new(span.start, span.start + 1), "unexpected '#'");
                lexer.extras.push(error.with_hint("comments start with `//`"));
                let line = lexer.remainder().find('\n').unwrap_or(lexer.remainder().len());
                lexer.bump(line);
            }
            Err(()) => match strays.last_mut() {
                Some(last) if last.end == span.start => last.end = span.end,
                _ => strays.push(span),
            },
        }
    }
    for span in strays {
        let text: String = source[span.start..span.end].chars().take(20).collect();
        refuse(&mut lexer.extras, span, format!("unexpected '{}'", text.escape_debug()));
    }
    let errors = std::mem::take(&mut lexer.extras);
    (join_enum_values(source, found), errors)
}

/// Joins touching words and `-` between the parentheses of `enum(…)`: `in-progress` is one value.
fn join_enum_values<'s>(source: &'s str, tokens: Vec<(Token<'s>, Span)>) -> Vec<(Token<'s>, Span)> {
    let mut joined: Vec<(Token<'s>, Span)> = Vec::with_capacity(tokens.len());
    let mut inside = false;
    for (token, span) in tokens {
        match token {
            Token::OpenParen => inside = matches!(joined.last(), Some((Token::Word("enum"), _))),
            Token::CloseParen | Token::OpenBrace | Token::CloseBrace | Token::At => inside = false,
            _ => {}
        }
        if inside && is_enum_piece(&token) {
            if let Some((last, last_span)) = joined.last_mut()
                && is_enum_piece(last)
                && last_span.end == span.start
            {
                last_span.end = span.end;
                *last = Token::EnumWord(&source[last_span.start..span.end]);
                continue;
            }
            if token == Token::Minus {
                joined.push((Token::EnumWord(&source[span.start..span.end]), span));
                continue;
            }
        }
        joined.push((token, span));
    }
    joined
}

fn is_enum_piece(token: &Token<'_>) -> bool {
    matches!(token, Token::TypeName(_) | Token::Word(_) | Token::Int(_) | Token::EnumWord(_) | Token::Minus)
}
