//! The entry points: parse a text, compile the first schema of a graph, compile one that continues an accepted schema.

use super::findings::Findings;
use super::identity::identify;
use super::link::{Model, link};
use super::lower::lower;
use super::migration_plan::MigrationPlan;
use super::planner::plan;
use super::{ast, parser};
use crate::catalog::Catalog;
use crate::diagnostics::{Diagnostic, Diagnostics};

/// The first catalog of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// The schema with fresh identities.
    pub catalog: Catalog,
    /// Rename hints without effect.
    pub notes: Vec<Diagnostic>,
}

/// A schema that continues an accepted one.
#[derive(Clone, Debug, PartialEq)]
pub struct Evolution {
    /// The desired schema with resolved identities; accepted once the plan is applied.
    pub catalog: Catalog,
    /// What has to happen.
    pub plan: MigrationPlan,
    /// Rename hints without effect.
    pub notes: Vec<Diagnostic>,
}

/// Parses a source text into its syntax tree.
///
/// # Errors
///
/// Everything that is wrong with the text and with single declarations, in source order.
pub fn parse(source: &str) -> Result<ast::Schema, Diagnostics> {
    let (schema, errors) = parser::parse(source);
    let mut findings = Findings::syntax(errors);
    lower(&schema, &mut findings);
    if findings.is_empty() { Ok(schema) } else { Err(findings.into_diagnostics()) }
}

/// Compiles the first schema of a graph; ids are handed out from 1 within `domain`.
///
/// ```
/// use omnigraph_compiler::schema;
/// let source = "node Person { email: String @key, name: String? }";
/// let catalog = schema::compile(source, "01J0000000000000000000DOMAIN").unwrap().catalog;
/// assert_eq!(catalog.nodes["Person"].key().unwrap()[0].name, "email");
/// ```
///
/// # Errors
///
/// All errors of the text, then of single declarations, then between declarations; each group in source order.
pub fn compile(source: &str, domain: &str) -> Result<Compiled, Diagnostics> {
    let (catalog, notes) = identify(&model(source)?, domain, None)?;
    Ok(Compiled { catalog, notes })
}

/// Compiles the desired schema of a graph that has one, resolves its identities and plans the migration.
///
/// A plan that is not supported is no error: its steps say what cannot be done.
///
/// # Errors
///
/// Those of [`compile()`]; then every rename hint that cannot be resolved.
pub fn evolve(accepted: &Catalog, source: &str) -> Result<Evolution, Diagnostics> {
    let (catalog, notes) = identify(&model(source)?, &accepted.domain, Some(accepted))?;
    let plan = plan(accepted, &catalog);
    Ok(Evolution { catalog, plan, notes })
}

/// Reads, checks and canonicalises a schema.
fn model(source: &str) -> Result<Model, Diagnostics> {
    let (schema, errors) = parser::parse(source);
    let mut findings = Findings::syntax(errors);
    let drafts = lower(&schema, &mut findings);
    if findings.has_syntax_errors() {
        // Declarations may be missing, so what is said about them may be false.
        return Err(findings.into_diagnostics());
    }
    let model = link(drafts, &mut findings);
    if findings.is_empty() { Ok(model) } else { Err(findings.into_diagnostics()) }
}
