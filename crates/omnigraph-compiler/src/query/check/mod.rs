//! Type checker: syntax tree and catalog to typed form.
//!
//! Every rule adds what it finds to one list and goes on, so that one run reports as much as possible; a name whose
//! declaration failed is remembered as broken and causes no further findings. Findings are in the order in which the
//! rules run: parameters, match clauses in text order, projections, orderings, limit rules, grouping.

mod graph;
mod literal;
mod mutation;
mod operand;
mod optional;
mod order;
mod params;
mod pattern;
mod predicate;
mod projection;
mod scope;
mod search;
mod value;

use std::collections::HashMap;

use self::scope::Scope;
use super::ast;
use crate::catalog::Catalog;
use crate::diagnostics::{Diagnostic, Diagnostics, Span, Stage, closest};
use crate::ir;

/// Checks a query against a catalog and resolves it.
///
/// # Errors
///
/// At least one diagnostic of [`Stage::Type`]; the first is the one that the language definition puts first.
pub fn typecheck(query: &ast::Query, catalog: &Catalog) -> Result<ir::Query, Diagnostics> {
    let mut checker = Checker {
        catalog,
        params: Vec::new(),
        param_names: HashMap::new(),
        scope: Scope::default(),
        errors: Vec::new(),
    };
    checker.declare_params(&query.params);
    let body = match &query.body {
        ast::Body::Read(read) => checker.read(read).map(ir::Body::Read),
        ast::Body::Mutation(statements) => checker.mutation(statements).map(ir::Body::Mutation),
    };
    match body {
        Some(body) if checker.errors.is_empty() => Ok(ir::Query {
            name: query.name.node.clone(),
            description: query.description.clone(),
            instruction: query.instruction.clone(),
            params: checker.params,
            body,
        }),
        Some(_) | None => Err(Diagnostics(checker.errors)),
    }
}

/// State of one run. A method that returns `None` has added at least one finding, or met a broken name.
struct Checker<'c> {
    catalog: &'c Catalog,
    params: Vec<ir::Param>,
    /// Declared parameters; `None` for one whose declaration failed.
    param_names: HashMap<String, Option<ir::ParamId>>,
    scope: Scope,
    errors: Vec<Diagnostic>,
}

impl Checker<'_> {
    /// Adds a finding without a code.
    fn error<T>(&mut self, span: Span, message: impl Into<String>) -> Option<T> {
        self.errors.push(Diagnostic::new(Stage::Type, span, message));
        None
    }

    /// Adds a finding with a code.
    fn coded<T>(&mut self, code: &str, span: Span, message: impl Into<String>) -> Option<T> {
        self.errors.push(Diagnostic::new(Stage::Type, span, message).with_code(code));
        None
    }

    /// Adds a cure to the latest finding.
    fn hint(&mut self, hint: impl Into<String>) {
        if let Some(latest) = self.errors.last_mut() {
            latest.hint = Some(hint.into());
        }
    }

    /// Adds `did you mean` to the latest finding when a candidate resembles the word.
    fn suggest<'a>(&mut self, word: &str, candidates: impl IntoIterator<Item = &'a str>, sigil: &str) {
        // Everything resembles a single letter.
        let word = if word.chars().count() > 1 { word } else { "" };
        if let Some(candidate) = closest(word, candidates).filter(|c| c.len() > 1) {
            self.hint(format!("did you mean `{sigil}{candidate}`?"));
        }
    }

    fn read(&mut self, read: &ast::Read) -> Option<ir::Read> {
        let pattern = self.clauses(&read.clauses);
        let projections = self.projections(&read.projections);
        let grouped = projection::is_grouped(read);
        let order = self.order(read, &projections, grouped);
        self.limit_rules(read);
        if grouped {
            self.grouping(&read.projections);
        }
        Some(ir::Read {
            variables: std::mem::take(&mut self.scope).into_variables(),
            pattern,
            distinct: read.distinct,
            projections: projections.into_iter().collect::<Option<_>>()?,
            order: order?,
            offset: read.offset.unwrap_or(0),
            limit: read.limit,
            grouped,
        })
    }
}
