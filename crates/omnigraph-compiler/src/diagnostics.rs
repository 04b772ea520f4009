//! Diagnostics of both languages: what is wrong, where, and how to cure it.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::{Deserialize, Serialize};

/// A half-open byte range of the source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// Returns the range `start..end`.
    pub fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// Returns the smallest range that holds both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// Which stage of the compiler refused the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The text, or a single declaration of a schema.
    Parse,
    /// Several declarations of a schema together.
    Catalog,
    /// Typing of a query.
    Type,
    /// Identity resolution or planning of a schema change.
    Plan,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Parse => "parse error",
            Stage::Catalog => "catalog error",
            Stage::Type => "type error",
            Stage::Plan => "schema change error",
        })
    }
}

/// One finding. Displays as `<stage>: [<code>: ]<message>` on one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The stage that found it.
    pub stage: Stage,
    /// A stable code such as `T7`, if the language defines one.
    pub code: Option<String>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// Where.
    pub span: Span,
    /// How to cure it, if known (`did you mean 'title'?`).
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Makes a diagnostic without code or hint.
    pub fn new(stage: Stage, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { stage, code: None, message: message.into(), span, hint: None }
    }

    /// Adds a stable code.
    pub fn with_code(mut self, code: impl Into<String>) -> Diagnostic {
        self.code = Some(code.into());
        self
    }

    /// Adds a cure.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the 1-based line and column (in characters) of the start of the span.
    pub fn line_column(&self, source: &str) -> (usize, usize) {
        let mut start = self.span.start.min(source.len());
        while !source.is_char_boundary(start) {
            start -= 1;
        }
        let before = &source[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        (line, column)
    }

    /// Renders file, line, column, the source line with a marker, and the hint.
    pub fn render(&self, path: &str, source: &str, color: bool) -> String {
        let end_of_text = source.len();
        let mut start = self.span.start.min(end_of_text);
        while !source.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = self.span.end.clamp(start, end_of_text);
        while !source.is_char_boundary(end) {
            end += 1;
        }
        let title = self.to_string();
        let snippet = Snippet::source(source)
            .path(path)
            .fold(true)
            .annotation(AnnotationKind::Primary.span(start..end));
        let mut report = vec![Group::with_title(Level::ERROR.primary_title(title)).element(snippet)];
        if let Some(hint) = &self.hint {
            report.push(Group::with_title(Level::HELP.with_name("hint").secondary_title(hint.clone())));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&report).to_string()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{}: {}: {}", self.stage, code, self.message),
            None => write!(f, "{}: {}", self.stage, self.message),
        }
    }
}

/// One or more diagnostics, most relevant first. Displays the first one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.first().map(ToString::to_string).unwrap_or_default())]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics(vec![diagnostic])
    }
}

impl Diagnostics {
    /// Renders all of them, separated by blank lines.
    pub fn render(&self, path: &str, source: &str, color: bool) -> String {
        self.0.iter().map(|d| d.render(path, source, color)).collect::<Vec<_>>().join("\n\n")
    }
}

/// Returns the candidate closest to a misspelt word, if one is close enough to suggest.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&lower, &c.to_lowercase()), c))
        .filter(|(distance, c)| *distance <= 1 + word.chars().count().max(c.chars().count()) / 4)
        .min()
        .map(|(_, c)| c)
}
