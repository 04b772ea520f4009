//! Stored queries of a graph: read at boot, checked against the schema, fixed for the life of the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use omnigraph::OmniError;
use omnigraph::db::CatalogCheck;
use omnigraph_api::{ParamDescriptor, ParamKind, QueriesCatalogOutput, QueryCatalogEntry};
use omnigraph_compiler::catalog::Catalog;
use omnigraph_compiler::query::ast::{Body, File, Query};
use omnigraph_compiler::query::{self, CompileError, ValueDescriptor, ValueKind};
use omnigraph_service::error::located;

use crate::settings::QueryEntry;

/// A stored query.
#[derive(Clone, Debug)]
pub struct StoredQuery {
    /// The declaration's name, by which it is invoked.
    pub name: String,
    /// The text of its file.
    pub source: Arc<str>,
    /// Whether it writes.
    pub mutation: bool,
    exposed: bool,
    tool_name: String,
    description: Option<String>,
    instruction: Option<String>,
    params: Vec<ParamDescriptor>,
}

/// The stored queries of one graph, by name.
#[derive(Clone, Debug, Default)]
pub struct QueryRegistry(Arc<BTreeMap<String, StoredQuery>>);

/// Stored queries that cannot be served. Displays all problems, each on a line with its query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored queries of graph '{graph}':\n{}", .problems.join("\n"))]
pub struct RegistryError {
    /// The label of the graph.
    pub graph: String,
    /// What is wrong, in the order of the file.
    pub problems: Vec<String>,
}

impl QueryRegistry {
    /// Reads and parses the files of the configured queries.
    ///
    /// # Errors
    /// All problems together: a file that cannot be read or parsed, or has no such declaration; two exposed queries with
    /// one tool name.
    pub fn load(graph: &str, entries: &[QueryEntry]) -> Result<QueryRegistry, RegistryError> {
        let mut queries = BTreeMap::new();
        let mut tools: BTreeMap<&str, &str> = BTreeMap::new();
        let mut problems = Vec::new();
        for entry in entries {
            match read(entry) {
                Ok(query) => {
                    queries.insert(entry.name.clone(), query);
                }
                Err(problem) => problems.push(format!("query '{}': {problem}", entry.name)),
            }
            if entry.exposed
                && let Some(other) = tools.insert(&entry.tool_name, &entry.name)
            {
                let tool = &entry.tool_name;
                problems
                    .push(format!("query '{}': tool name '{tool}' is that of query '{other}'", entry.name));
            }
        }
        if problems.is_empty() {
            Ok(QueryRegistry(Arc::new(queries)))
        } else {
            Err(RegistryError { graph: graph.to_owned(), problems })
        }
    }

    /// Type-checks all queries against a schema and returns them with their parameters as it types them, and warnings for
    /// the log.
    ///
    /// # Errors
    /// All queries that the schema does not fit.
    pub fn checked(
        self,
        graph: &str,
        catalog: &Catalog,
    ) -> Result<(QueryRegistry, Vec<String>), RegistryError> {
        let (mut queries, mut problems, mut warnings) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (name, stored) in self.0.iter() {
            match query::compile(&stored.source, Some(name), catalog) {
                Ok(compiled) => {
                    let params = query::describe_params(&compiled.params);
                    if stored.exposed && params.iter().any(|param| param.kind == ValueKind::Vector) {
                        warnings.push(format!(
                            "stored query '{name}' of graph '{graph}' is exposed and takes a vector, which clients \
                             can hardly give"
                        ));
                    }
                    let params = params.into_iter().map(descriptor).collect();
                    queries.insert(name.clone(), StoredQuery { params, ..stored.clone() });
                }
                Err(error) => problems.push(breakage(name, graph, &error, &stored.source)),
            }
        }
        if problems.is_empty() {
            Ok((QueryRegistry(Arc::new(queries)), warnings))
        } else {
            Err(RegistryError { graph: graph.to_owned(), problems })
        }
    }

    /// Returns a query.
    pub fn get(&self, name: &str) -> Option<&StoredQuery> {
        self.0.get(name)
    }

    /// Lists the exposed queries by name.
    pub fn catalog(&self) -> QueriesCatalogOutput {
        let exposed = self.0.values().filter(|query| query.exposed);
        let entry = |query: &StoredQuery| QueryCatalogEntry {
            name: query.name.clone(),
            tool_name: query.tool_name.clone(),
            description: query.description.clone(),
            instruction: query.instruction.clone(),
            mutation: query.mutation,
            params: query.params.clone(),
        };
        QueriesCatalogOutput { queries: exposed.map(entry).collect() }
    }

    /// Returns what refuses a schema that a query does not fit; none without queries.
    pub fn schema_check(&self, graph: &str) -> Option<CatalogCheck> {
        if self.0.is_empty() {
            return None;
        }
        let (queries, graph) = (Arc::clone(&self.0), graph.to_owned());
        Some(Arc::new(move |catalog| {
            let broken = queries.iter().filter_map(|(name, stored)| {
                let error = query::compile(&stored.source, Some(name), catalog).err()?;
                Some(breakage(name, &graph, &error, &stored.source))
            });
            match broken.collect::<Vec<_>>() {
                broken if broken.is_empty() => Ok(()),
                broken => Err(OmniError::bad_request(broken.join("; "))),
            }
        }))
    }
}

fn breakage(name: &str, graph: &str, error: &CompileError, source: &str) -> String {
    let problem = match error {
        CompileError::Source(diagnostics) => located(diagnostics, source),
        CompileError::Select(error) => error.to_string(),
    };
    format!("stored query '{name}' of graph '{graph}' fails the schema check: {problem}")
}

fn read(entry: &QueryEntry) -> Result<StoredQuery, String> {
    let shown = entry.file.display();
    let source =
        std::fs::read_to_string(&entry.file).map_err(|error| format!("cannot read '{shown}': {error}"))?;
    let file: File = query::parse_file(&source)
        .map_err(|diagnostics| format!("'{shown}': {}", located(&diagnostics, &source)))?;
    let declared = file.queries.iter().find(|query| query.name.node == entry.name);
    let Some(Query { description, instruction, body, .. }) = declared else {
        return Err(format!("'{shown}' has no declaration `query {}`", entry.name));
    };
    Ok(StoredQuery {
        name: entry.name.clone(),
        mutation: matches!(body, Body::Mutation(_)),
        exposed: entry.exposed,
        tool_name: entry.tool_name.clone(),
        description: description.clone(),
        instruction: instruction.clone(),
        params: Vec::new(),
        source: source.into(),
    })
}

fn descriptor(value: ValueDescriptor) -> ParamDescriptor {
    ParamDescriptor {
        name: value.name,
        kind: param_kind(value.kind),
        item_kind: value.item_kind.map(param_kind),
        vector_dim: value.vector_dim,
        nullable: value.nullable,
    }
}

fn param_kind(kind: ValueKind) -> ParamKind {
    match kind {
        ValueKind::Bool => ParamKind::Bool,
        ValueKind::Int => ParamKind::Int,
        ValueKind::BigInt => ParamKind::BigInt,
        ValueKind::Float => ParamKind::Float,
        ValueKind::Date => ParamKind::Date,
        ValueKind::DateTime => ParamKind::DateTime,
        ValueKind::Blob => ParamKind::Blob,
        ValueKind::Vector => ParamKind::Vector,
        ValueKind::List => ParamKind::List,
        // No parameter is an object.
        ValueKind::String | ValueKind::Object => ParamKind::String,
    }
}
