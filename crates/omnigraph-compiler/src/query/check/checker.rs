//! The state of one run of the type checker, and how it reports what it finds.

use std::collections::HashMap;

use super::scope::Scope;
use crate::catalog::Catalog;
use crate::diagnostics::{Diagnostic, Span, Stage, closest};
use crate::ir;

/// State of one run. A method that returns `None` has added at least one finding, or met a broken name.
pub(super) struct Checker<'c> {
    pub(super) catalog: &'c Catalog,
    pub(super) params: Vec<ir::Param>,
    /// Declared parameters; `None` for one whose declaration failed.
    pub(super) param_names: HashMap<String, Option<ir::ParamId>>,
    pub(super) scope: Scope,
    pub(super) errors: Vec<Diagnostic>,
}

impl<'c> Checker<'c> {
    /// Starts a run that has found nothing yet.
    pub(super) fn new(catalog: &'c Catalog) -> Checker<'c> {
        Checker {
            catalog,
            params: Vec::new(),
            param_names: HashMap::new(),
            scope: Scope::default(),
            errors: Vec::new(),
        }
    }

    /// Adds a finding without a code.
    pub(super) fn error<T>(&mut self, span: Span, message: impl Into<String>) -> Option<T> {
        self.errors.push(Diagnostic::new(Stage::Type, span, message));
        None
    }

    /// Adds a finding with a code.
    pub(super) fn coded<T>(&mut self, code: &str, span: Span, message: impl Into<String>) -> Option<T> {
        self.errors.push(Diagnostic::new(Stage::Type, span, message).with_code(code));
        None
    }

    /// Adds a cure to the latest finding.
    pub(super) fn hint(&mut self, hint: impl Into<String>) {
        if let Some(latest) = self.errors.last_mut() {
            latest.hint = Some(hint.into());
        }
    }

    /// Adds `did you mean` to the latest finding when a candidate resembles the word.
    pub(super) fn suggest<'a>(
        &mut self,
        word: &str,
        candidates: impl IntoIterator<Item = &'a str>,
        sigil: &str,
    ) {
        // Everything resembles a single letter.
        let word = if word.chars().count() > 1 { word } else { "" };
        if let Some(candidate) = closest(word, candidates).filter(|c| c.len() > 1) {
            self.hint(format!("did you mean `{sigil}{candidate}`?"));
        }
    }
}
