//! Lint: a report on all queries of a file, against a schema.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ast;
use super::check::typecheck;
use super::descriptor::{Operation, describe};
use super::parser::parse_file;
use crate::catalog::{Catalog, NodeType};
use crate::diagnostics::Diagnostics;
use crate::ir::{self, Statement};

/// Where the schema came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SchemaSource {
    /// A `.pg` file.
    File {
        /// Its path.
        path: String,
    },
    /// The accepted schema of a graph.
    Graph {
        /// Where the graph is.
        uri: String,
    },
}

/// Whether something passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// No errors.
    Ok,
    /// At least one error.
    Error,
}

/// Whether a query reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueryKind {
    /// `match … return …`
    Read,
    /// `insert`, `update`, `delete`.
    Mutation,
}

/// How grave a finding is, gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is unusable.
    Error,
    /// Probably a mistake.
    Warning,
    /// Worth knowing.
    Info,
}

/// The outcome for one query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryResult {
    /// Its name.
    pub name: String,
    /// Read or mutation.
    pub kind: QueryKind,
    /// Whether it type-checks.
    pub status: Status,
    /// What is probably a mistake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The first type error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Line and column of the error, from 1; for people, so not part of the document.
    #[serde(skip)]
    pub place: Option<(usize, usize)>,
    /// What it does, if it type-checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
}

/// A finding on the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// A stable code.
    pub code: String,
    /// What was found.
    pub message: String,
    /// Line and column, from 1, if it has a place; for people, so not part of the document.
    #[serde(skip)]
    pub place: Option<(usize, usize)>,
    /// The node or edge type concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// The property concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// The queries concerned, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query_names: Vec<String>,
}

/// The report on a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintReport {
    /// [`Status::Error`] exactly when `errors` is not 0.
    pub status: Status,
    /// The schema that the file was checked against.
    pub schema_source: SchemaSource,
    /// The file.
    pub query_path: String,
    /// Number of queries in the file.
    pub queries_processed: usize,
    /// Failed queries and error findings.
    pub errors: usize,
    /// Warnings on queries and warning findings.
    pub warnings: usize,
    /// Info findings.
    pub infos: usize,
    /// One entry per query, in file order.
    pub results: Vec<QueryResult>,
    /// Findings, sorted by severity, type, property, message.
    pub findings: Vec<Finding>,
}

/// Checks every query of a file. One bad query does not hide the others.
pub fn lint(query_path: &str, source: &str, catalog: &Catalog, schema: SchemaSource) -> LintReport {
    let mut results = Vec::new();
    let mut findings = Vec::new();
    match parse_file(source) {
        Err(errors) => findings.push(Finding {
            severity: Severity::Error,
            code: "Q000".to_owned(),
            message: errors.to_string(),
            place: place(&errors, source),
            type_name: None,
            property: None,
            query_names: Vec::new(),
        }),
        Ok(file) => {
            let mut updates = Updates::default();
            for query in &file.queries {
                results.push(check(query, source, catalog, &mut updates));
            }
            findings = updates.findings(catalog);
        }
    }
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.severity, f.type_name.clone(), f.property.clone(), f.message.clone());
        key(a).cmp(&key(b))
    });
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let failed = results.iter().filter(|r| r.status == Status::Error).count();
    let errors = failed + count(Severity::Error);
    LintReport {
        status: if errors > 0 { Status::Error } else { Status::Ok },
        schema_source: schema,
        query_path: query_path.to_owned(),
        queries_processed: results.len(),
        errors,
        warnings: results.iter().map(|r| r.warnings.len()).sum::<usize>() + count(Severity::Warning),
        infos: count(Severity::Info),
        results,
        findings,
    }
}

fn check(query: &ast::Query, source: &str, catalog: &Catalog, updates: &mut Updates) -> QueryResult {
    let mut warnings = Vec::new();
    let kind = match &query.body {
        ast::Body::Read(_) => QueryKind::Read,
        ast::Body::Mutation(_) => QueryKind::Mutation,
    };
    if kind == QueryKind::Mutation && query.params.is_empty() {
        warnings.push("mutation declares no params; hardcoded mutations are easy to miss".to_owned());
    }
    let name = query.name.node.clone();
    match typecheck(query, catalog) {
        Ok(typed) => {
            warnings.extend(repeated_columns(&typed));
            warnings.extend(idle_blocks(&typed));
            warnings.extend(unread_paths(&typed));
            updates.add(&typed);
            let operation = Some(describe(&typed, catalog));
            QueryResult { name, kind, status: Status::Ok, warnings, error: None, place: None, operation }
        }
        Err(errors) => {
            let (error, place) = (Some(errors.to_string()), place(&errors, source));
            QueryResult { name, kind, status: Status::Error, warnings, error, place, operation: None }
        }
    }
}

fn place(errors: &Diagnostics, source: &str) -> Option<(usize, usize)> {
    errors.0.first().map(|first| first.line_column(source))
}

/// Warns of columns that a JSON row cannot hold side by side.
fn repeated_columns(query: &ir::Query) -> Vec<String> {
    let ir::Body::Read(read) = &query.body else {
        return Vec::new();
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for projection in &read.projections {
        *counts.entry(&projection.column).or_default() += 1;
    }
    let repeated = counts.into_iter().filter(|(_, count)| *count > 1);
    repeated
        .map(|(column, count)| {
            format!("{count} columns are called `{column}`; a JSON row keeps only the last: give aliases")
        })
        .collect()
}

/// Warns of `optional` blocks that can neither extend a row nor drop one.
fn idle_blocks(query: &ir::Query) -> Vec<String> {
    let ir::Body::Read(read) = &query.body else {
        return Vec::new();
    };
    let blocks = read.pattern.optionals.iter().enumerate();
    blocks
        .filter(|(_, block)| block.introduced.is_empty())
        .map(|(i, _)| {
            format!("`optional` block {} introduces no variable, so it changes nothing: leave it out", i + 1)
        })
        .collect()
}

/// Warns of paths that nothing reads; without them the traversal gives the same rows for less work.
fn unread_paths(query: &ir::Query) -> Vec<String> {
    let ir::Body::Read(read) = &query.body else {
        return Vec::new();
    };
    let mut seen = BTreeSet::new();
    read.walk(&mut |expr| {
        if let ir::Expr::Path { var, .. } = expr {
            seen.insert(*var);
        }
    });
    let variables = read.variables.iter().enumerate();
    variables
        .filter(|(i, v)| matches!(v.ty, ir::VarType::Path { .. }) && !seen.contains(&ir::VarId(*i)))
        .map(|(_, v)| format!("path `${0}` is never read: leave out `path ${0} =`", v.name))
        .collect()
}

/// What the valid update queries of a file set, by node type.
#[derive(Default)]
struct Updates(BTreeMap<String, TypeUpdates>);

#[derive(Default)]
struct TypeUpdates {
    queries: BTreeSet<String>,
    properties: BTreeSet<String>,
}

impl Updates {
    fn add(&mut self, query: &ir::Query) {
        let ir::Body::Mutation(statements) = &query.body else {
            return;
        };
        for statement in statements {
            if let Statement::UpdateNode { node, assignments, .. } = statement {
                let entry = self.0.entry(node.clone()).or_default();
                entry.queries.insert(query.name.clone());
                entry.properties.extend(assignments.iter().map(|a| a.property.clone()));
            }
        }
    }

    fn findings(self, catalog: &Catalog) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, updates) in self.0 {
            let Some(node) = catalog.nodes.get(&name) else {
                continue;
            };
            for property in unset(node, &updates.properties) {
                findings.push(Finding {
                    severity: Severity::Warning,
                    code: "L201".to_owned(),
                    message: format!("{name}.{property} exists in schema but no update query sets it"),
                    place: None,
                    type_name: Some(name.clone()),
                    property: Some(property.to_owned()),
                    query_names: updates.queries.iter().cloned().collect(),
                });
            }
        }
        findings
    }
}

/// Returns the optional properties that are neither set nor key nor an embedding.
fn unset<'a>(node: &'a NodeType, set: &'a BTreeSet<String>) -> impl Iterator<Item = &'a str> {
    let key: Vec<&str> = node.key().unwrap_or_default().iter().map(|p| p.name.as_str()).collect();
    let candidates = node.properties.iter().filter(move |p| {
        p.ty.nullable && p.embed.is_none() && !key.contains(&p.name.as_str()) && !set.contains(&p.name)
    });
    candidates.map(|p| p.name.as_str())
}
