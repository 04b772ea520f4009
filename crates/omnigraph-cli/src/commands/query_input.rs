//! Which query `query`, `mutate` and `alias` run, and its parameters.

use std::path::Path;

use omnigraph_api::RawJson;
use serde_json::{Map, Value};

use crate::args::query::QuerySource;
use crate::failure::Failure;
use crate::input;

/// Hint that shows what parameters look like.
const EXAMPLE: &str = r#"write an object such as '{"name": "Ada"}'"#;

/// A text with queries, and the label that its diagnostics show.
pub(crate) struct QueryText {
    /// The text.
    pub(crate) source: String,
    /// Path as given, or `<command line>`.
    pub(crate) label: String,
}

/// The query to run.
pub(crate) enum QueryInput {
    /// A query of a text.
    Text(QueryText),
    /// A stored query of a server, by its name.
    Stored(String),
}

/// Reads the text of `--query` or `-e`; without one, the name is that of a stored query.
pub(crate) fn read(args: &QuerySource) -> Result<QueryInput, Failure> {
    let (source, label) = match (&args.query, &args.query_string) {
        (Some(path), _) => (input::read_text(path)?, path.display().to_string()),
        (None, Some(text)) if text.trim().is_empty() => {
            return Err(Failure::usage(
                "the query text must not be empty",
                "pass it as -e 'query q() { … }'",
            ));
        }
        (None, Some(text)) => (text.clone(), "<command line>".to_owned()),
        (None, None) => {
            return args.name.clone().map(QueryInput::Stored).ok_or_else(|| {
                Failure::usage(
                    "no query given",
                    "pass -e 'query q() { … }', --query FILE, or the name of a stored query",
                )
            });
        }
    };
    Ok(QueryInput::Text(QueryText { source, label }))
}

/// Refuses a stored query of a graph in storage.
pub(crate) fn needs_server(name: &str) -> Failure {
    Failure::usage(
        format!("'{name}' would be a stored query, which needs a server"),
        "pass the text with -e 'query …', or the file that holds it with --query FILE",
    )
}

/// Refuses the answer of a server that ran a stored query of the other kind, although the request forbade it.
pub(crate) fn other_kind(name: &str, kind: &str) -> Failure {
    Failure::usage(
        format!("the server ran '{name}', which is {kind}"),
        "check what it did; it is of another release",
    )
}

/// Reads `--params` or `--params-file` of a query.
pub(crate) fn params(args: &QuerySource) -> Result<Option<RawJson>, Failure> {
    raw_params(args.params.as_deref(), args.params_file.as_deref())
}

/// Reads `--params` or `--params-file` as values by name.
pub(crate) fn params_of(given: Option<&str>, file: Option<&Path>) -> Result<Map<String, Value>, Failure> {
    let Some(raw) = raw_params(given, file)? else { return Ok(Map::new()) };
    serde_json::from_str(raw.get())
        .map_err(|error| Failure::usage(format!("the parameters cannot be read: {error}"), EXAMPLE))
}

/// Reads a JSON object; `null` counts as none. Numbers keep all their digits.
fn raw_params(given: Option<&str>, file: Option<&Path>) -> Result<Option<RawJson>, Failure> {
    let (text, origin) = match (given, file) {
        (Some(text), _) => (text.to_owned(), "--params".to_owned()),
        (None, Some(path)) => (input::read_text(path)?, path.display().to_string()),
        (None, None) => return Ok(None),
    };
    let raw = RawJson::parse(&text)
        .map_err(|error| Failure::usage(format!("{origin} is not valid JSON: {error}"), EXAMPLE))?;
    match raw.get() {
        "null" => Ok(None),
        object if object.starts_with('{') => Ok(Some(raw)),
        _ => Err(Failure::usage("params must be a JSON object", EXAMPLE)),
    }
}
