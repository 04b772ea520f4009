//! The errors of one compilation, put into the order in which they are reported.

use crate::diagnostics::{Diagnostic, Diagnostics, Span, Stage, closest};

/// Errors found so far. Reported: the text, single declarations, several declarations together, reserved names.
#[derive(Debug, Default)]
pub(super) struct Findings {
    errors: Vec<(Phase, Diagnostic)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Syntax,
    Declaration,
    Catalog,
    Reserved,
}

impl Findings {
    /// Takes over what the parser refused.
    pub(super) fn syntax(errors: Vec<Diagnostic>) -> Findings {
        Findings { errors: errors.into_iter().map(|error| (Phase::Syntax, error)).collect() }
    }

    /// Tells whether nothing was refused so far.
    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// Tells whether declarations may be missing from the tree.
    pub(super) fn has_syntax_errors(&self) -> bool {
        self.errors.iter().any(|(phase, _)| *phase == Phase::Syntax)
    }

    /// Reports an error of one declaration.
    pub(super) fn declaration(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push((Phase::Declaration, Diagnostic::new(Stage::Parse, span, message)));
    }

    /// Reports an error of one declaration, with its cure.
    pub(super) fn declaration_with_hint(
        &mut self,
        span: Span,
        message: impl Into<String>,
        hint: Option<impl Into<String>>,
    ) {
        self.errors.push((Phase::Declaration, hinted(Diagnostic::new(Stage::Parse, span, message), hint)));
    }

    /// Reports an error between declarations, with its cure.
    pub(super) fn catalog(
        &mut self,
        span: Span,
        message: impl Into<String>,
        hint: Option<impl Into<String>>,
    ) {
        self.errors.push((Phase::Catalog, hinted(Diagnostic::new(Stage::Catalog, span, message), hint)));
    }

    /// Reports a property name that the physical layout reserves.
    pub(super) fn reserved(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push((Phase::Reserved, Diagnostic::new(Stage::Catalog, span, message)));
    }

    /// Returns all errors in reporting order: by stage, then by position, each once.
    pub(super) fn into_diagnostics(mut self) -> Diagnostics {
        self.errors.sort_by(|(a_rank, a), (b_rank, b)| {
            (a_rank, a.span, &a.message).cmp(&(b_rank, b.span, &b.message))
        });
        self.errors.dedup();
        Diagnostics(self.errors.into_iter().map(|(_, error)| error).collect())
    }
}

fn hinted(error: Diagnostic, hint: Option<impl Into<String>>) -> Diagnostic {
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Returns the question that cures a misspelt name.
pub(super) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(word, candidates).map(|candidate| format!("did you mean '{candidate}'?"))
}
