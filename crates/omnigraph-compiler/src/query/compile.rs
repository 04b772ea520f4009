//! Compilation: the text of a file and the name of a query in it become a typed query.

use super::ast::{File, Query};
use super::check::typecheck;
use super::parser::parse_file;
use crate::catalog::Catalog;
use crate::diagnostics::{Diagnostics, closest};
use crate::ir;

/// Why no query of a file was selected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// No name was given and the file holds several queries.
    #[error("query file contains multiple queries: name one of {}", .names.join(", "))]
    Ambiguous {
        /// Names of all queries, in text order.
        names: Vec<String>,
    },
    /// No name was given and the file holds no query.
    #[error("query file contains no queries")]
    Empty,
    /// The file has no query of this name.
    #[error("query '{name}' not found{}", .suggestion.as_ref().map(|s| format!(", did you mean '{s}'?")).unwrap_or_default())]
    NotFound {
        /// The name asked for.
        name: String,
        /// A query with a similar name.
        suggestion: Option<String>,
    },
}

/// Why a file did not yield a typed query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The file does not parse, or the selected query does not type-check.
    #[error(transparent)]
    Source(#[from] Diagnostics),
    /// No query was selected.
    #[error(transparent)]
    Select(#[from] SelectError),
}

/// Finds the query of this name, or the only one if no name is given.
pub fn select<'a>(file: &'a File, name: Option<&str>) -> Result<&'a Query, SelectError> {
    let names = || file.queries.iter().map(|q| q.name.node.as_str());
    match (name, file.queries.as_slice()) {
        (None, [only]) => Ok(only),
        (None, []) => Err(SelectError::Empty),
        (None, _) => Err(SelectError::Ambiguous { names: names().map(str::to_owned).collect() }),
        (Some(name), queries) => queries.iter().find(|q| q.name.node == name).ok_or_else(|| {
            let suggestion = closest(name, names()).map(str::to_owned);
            SelectError::NotFound { name: name.to_owned(), suggestion }
        }),
    }
}

/// Parses a file, selects a query and type-checks it. Other queries of the file need not type-check.
pub fn compile(source: &str, name: Option<&str>, catalog: &Catalog) -> Result<ir::Query, CompileError> {
    let file = parse_file(source)?;
    Ok(typecheck(select(&file, name)?, catalog)?)
}
