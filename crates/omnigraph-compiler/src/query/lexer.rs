//! The lexer: the text of a query file becomes tokens.
//!
//! Keywords are contextual: every lower-case word is a [`Token::Word`] and the grammar decides what it means. The
//! lexer reports every malformed token and goes on after it; it also refuses text whose nesting is deeper than
//! [`MAX_DEPTH`], so that no later stage has to bound its recursion.

use std::fmt;

use logos::Logos;

use crate::diagnostics::{Diagnostic, Span, Stage};

/// Deepest accepted nesting of brackets and `not`s, together.
pub(super) const MAX_DEPTH: usize = 64;

/// Why a piece of text is no token.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum LexError {
    /// No token starts with this character.
    #[default]
    Unexpected,
    /// A string without its closing quote.
    UnterminatedString,
    /// `/*` without `*/`.
    UnterminatedComment,
    /// A backslash before an unknown character; at this byte of the token.
    Escape(usize),
    /// A number that its type cannot hold.
    NumberRange,
    /// `$` that no name follows.
    Variable,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Logos)]
#[logos(error = LexError)]
#[logos(skip r"[ \t\r\n]+")]
#[logos(skip(r"//[^\n]*", allow_greedy = true))]
pub(super) enum Token<'a> {
    /// A word that starts in lower case or with `_`.
    #[regex(r"[a-z_][A-Za-z0-9_]*")]
    Word(&'a str),
    /// A word that starts in upper case.
    #[regex(r"[A-Z][A-Za-z0-9_]*")]
    TypeName(&'a str),
    /// A variable, without its `$`.
    #[regex(r"\$[a-z_][A-Za-z0-9_]*", |lex| &lex.slice()[1..])]
    #[regex(r"\$", |_| Err(LexError::Variable))]
    Variable(&'a str),
    /// An unsigned integer literal, as written.
    #[regex(r"[0-9]+")]
    Digits(&'a str),
    /// A negative integer literal.
    #[regex(r"-[0-9]+", |lex| lex.slice().parse().map_err(|_| LexError::NumberRange))]
    NegativeInt(i64),
    /// A float literal.
    #[regex(r"-?[0-9]+\.[0-9]+([eE][+-]?[0-9]+)?", float)]
    #[regex(r"-?[0-9]+[eE][+-]?[0-9]+", float)]
    Float(f64),
    /// A string literal, unescaped.
    #[token("\"", string)]
    String(String),
    /// `{`
    #[token("{")]
    LeftBrace,
    /// `}`
    #[token("}")]
    RightBrace,
    /// `(`
    #[token("(")]
    LeftParen,
    /// `)`
    #[token(")")]
    RightParen,
    /// `[`
    #[token("[")]
    LeftBracket,
    /// `]`
    #[token("]")]
    RightBracket,
    /// `:`
    #[token(":")]
    Colon,
    /// `,`
    #[token(",")]
    Comma,
    /// `.`
    #[token(".")]
    Dot,
    /// `?`
    #[token("?")]
    Question,
    /// `@`
    #[token("@")]
    At,
    /// `*`
    #[token("*")]
    Star,
    /// `=`
    #[token("=")]
    Equal,
    /// `!=`
    #[token("!=")]
    NotEqual,
    /// `<`
    #[token("<")]
    Less,
    /// `<=`
    #[token("<=")]
    LessEqual,
    /// `>`
    #[token(">")]
    Greater,
    /// `>=`
    #[token(">=")]
    GreaterEqual,
    /// A block comment; never handed out.
    #[token("/*", comment)]
    Comment,
    /// A piece of text that is no token and was reported.
    Malformed,
}

fn float<'a>(lex: &mut logos::Lexer<'a, Token<'a>>) -> Result<f64, LexError> {
    lex.slice().parse().ok().filter(|v: &f64| v.is_finite()).ok_or(LexError::NumberRange)
}

fn comment<'a>(lex: &mut logos::Lexer<'a, Token<'a>>) -> Result<(), LexError> {
    match lex.remainder().find("*/") {
        Some(at) => {
            lex.bump(at + 2);
            Ok(())
        }
        None => {
            lex.bump(lex.remainder().len());
            Err(LexError::UnterminatedComment)
        }
    }
}

fn string<'a>(lex: &mut logos::Lexer<'a, Token<'a>>) -> Result<String, LexError> {
    let rest = lex.remainder();
    let mut text = String::new();
    let mut wrong = None;
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                lex.bump(at + 1);
                return wrong.map_or(Ok(text), |at| Err(LexError::Escape(at + 1)));
            }
            '\\' => match chars.next() {
                Some((_, '"')) => text.push('"'),
                Some((_, '\\')) => text.push('\\'),
                Some((_, 'n')) => text.push('\n'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, 't')) => text.push('\t'),
                Some(_) | None => wrong = wrong.or(Some(at)),
            },
            c => text.push(c),
        }
    }
    lex.bump(rest.len());
    Err(LexError::UnterminatedString)
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(text) | Token::TypeName(text) | Token::Digits(text) => write!(f, "`{text}`"),
            Token::Variable(name) => write!(f, "`${name}`"),
            Token::NegativeInt(value) => write!(f, "`{value}`"),
            Token::Float(value) => write!(f, "`{value:?}`"),
            Token::String(_) => f.write_str("a string"),
            Token::LeftBrace => f.write_str("`{`"),
            Token::RightBrace => f.write_str("`}`"),
            Token::LeftParen => f.write_str("`(`"),
            Token::RightParen => f.write_str("`)`"),
            Token::LeftBracket => f.write_str("`[`"),
            Token::RightBracket => f.write_str("`]`"),
            Token::Colon => f.write_str("`:`"),
            Token::Comma => f.write_str("`,`"),
            Token::Dot => f.write_str("`.`"),
            Token::Question => f.write_str("`?`"),
            Token::At => f.write_str("`@`"),
            Token::Star => f.write_str("`*`"),
            Token::Equal => f.write_str("`=`"),
            Token::NotEqual => f.write_str("`!=`"),
            Token::Less => f.write_str("`<`"),
            Token::LessEqual => f.write_str("`<=`"),
            Token::Greater => f.write_str("`>`"),
            Token::GreaterEqual => f.write_str("`>=`"),
            Token::Comment => f.write_str("a comment"),
            Token::Malformed => f.write_str("malformed text"),
        }
    }
}

/// The outcome of [`lex`].
pub(super) struct Lexed<'a> {
    /// All tokens with their byte ranges.
    pub(super) tokens: Vec<(Token<'a>, std::ops::Range<usize>)>,
    /// What is malformed.
    pub(super) errors: Vec<Diagnostic>,
    /// Whether the text nests too deeply to be parsed; `errors` says so.
    pub(super) too_deep: bool,
}

/// Splits a text into tokens.
pub(super) fn lex(source: &str) -> Lexed<'_> {
    let mut tokens = Vec::new();
    let mut errors = Vec::new();
    for (token, range) in Token::lexer(source).spanned() {
        match token {
            Ok(Token::Comment) => {}
            Ok(token) => tokens.push((token, range)),
            Err(error) => {
                errors.push(describe(error, source, range.clone()));
                tokens.push((Token::Malformed, range));
            }
        }
    }
    let too_deep = too_deep(&tokens);
    if let Some(span) = too_deep {
        let message = format!("the text is nested more than {MAX_DEPTH} levels deep");
        errors.push(Diagnostic::new(Stage::Parse, span, message));
    }
    Lexed { tokens, errors, too_deep: too_deep.is_some() }
}

fn describe(error: LexError, source: &str, range: std::ops::Range<usize>) -> Diagnostic {
    let text = &source[range.clone()];
    let (message, span) = match error {
        LexError::Unexpected => {
            (format!("unexpected character {:?}", text.chars().next().unwrap_or(' ')), range)
        }
        LexError::UnterminatedString => ("unterminated string".to_owned(), range.start..range.start + 1),
        LexError::UnterminatedComment => {
            ("unterminated block comment".to_owned(), range.start..range.start + 2)
        }
        LexError::Escape(at) => {
            let start = range.start + at;
            let len = 1 + source[start + 1..].chars().next().map_or(0, char::len_utf8);
            ("unsupported escape sequence".to_owned(), start..start + len)
        }
        LexError::NumberRange => (format!("number `{text}` is out of range"), range),
        LexError::Variable => ("a variable is `$` directly followed by a lower-case name".to_owned(), range),
    };
    let diagnostic = Diagnostic::new(Stage::Parse, Span::new(span.start, span.end), message);
    match text {
        "#" => diagnostic.with_hint("comments start with `//`"),
        "'" => diagnostic.with_hint("strings stand in double quotes"),
        _ => diagnostic,
    }
}

/// Finds the first token at which brackets and `not`s nest too deeply.
fn too_deep(tokens: &[(Token<'_>, std::ops::Range<usize>)]) -> Option<Span> {
    // One entry for each open bracket: how many `not`s directly precede the current token inside it.
    let mut open: Vec<usize> = vec![0];
    let mut depth = 0;
    for (token, range) in tokens {
        match token {
            Token::LeftBrace | Token::LeftParen | Token::LeftBracket => {
                open.push(0);
                depth += 1;
            }
            Token::RightBrace | Token::RightParen | Token::RightBracket => {
                if open.len() > 1 {
                    depth -= 1 + open.pop().unwrap_or(0);
                }
                depth -= std::mem::take(open.last_mut()?);
            }
            Token::Word("not") => {
                *open.last_mut()? += 1;
                depth += 1;
            }
            _ => depth -= std::mem::take(open.last_mut()?),
        }
        if depth > MAX_DEPTH {
            return Some(Span::new(range.start, range.end));
        }
    }
    None
}
