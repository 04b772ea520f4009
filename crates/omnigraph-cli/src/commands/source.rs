//! The text, name and parameters of an ad hoc query.

use omnigraph::db::ParamMap;
use serde_json::Value;

use crate::args::QuerySource;
use crate::failure::Failure;
use crate::output;

/// A query text with the label its diagnostics show.
pub(crate) struct Source {
    /// The text.
    pub(crate) text: String,
    /// Path as given, or `<command line>`.
    pub(crate) label: String,
}

/// Reads the text of `--query` or `-e`.
pub(crate) fn read(source: &QuerySource) -> Result<Source, Failure> {
    match (&source.query, &source.query_string) {
        (Some(path), _) => Ok(Source { text: output::read_text(path)?, label: path.display().to_string() }),
        (None, Some(text)) if text.trim().is_empty() => {
            Err(Failure::usage("the query text must not be empty", "pass it as -e 'query q() { … }'"))
        }
        (None, Some(text)) => Ok(Source { text: text.clone(), label: "<command line>".to_owned() }),
        (None, None) => Err(match &source.name {
            Some(name) => Failure::usage(
                format!("'{name}' would be a stored query, which needs a server"),
                "pass the text with -e 'query …', or the file that holds it with --query FILE",
            ),
            None => Failure::usage("no query given", "pass -e 'query q() { … }' or --query FILE"),
        }),
    }
}

/// Parses `--params` or `--params-file`.
pub(crate) fn params(source: &QuerySource) -> Result<ParamMap, Failure> {
    let (text, origin) = match (&source.params, &source.params_file) {
        (Some(text), _) => (text.clone(), "--params".to_owned()),
        (None, Some(path)) => (output::read_text(path)?, path.display().to_string()),
        (None, None) => return Ok(ParamMap::new()),
    };
    let value: Value = serde_json::from_str(&text).map_err(|e| {
        Failure::usage(
            format!("{origin} is not valid JSON: {e}"),
            r#"write an object such as '{"name": "Ada"}'"#,
        )
    })?;
    match value {
        Value::Null => Ok(ParamMap::new()),
        Value::Object(map) => Ok(map),
        _ => Err(Failure::usage(
            "params must be a JSON object",
            r#"write an object such as '{"name": "Ada"}'"#,
        )),
    }
}
