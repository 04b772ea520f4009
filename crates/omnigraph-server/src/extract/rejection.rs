//! Why a body, a path or a query string is refused, and with which status.

use std::time::Duration;

use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use crate::settings::InvalidGraphId;

/// Why a body, query string or path is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    /// A JSON body without `Content-Type: application/json` or a `+json` type.
    #[error("expected a request with `Content-Type: application/json`")]
    ContentType,
    /// A body over the route's limit. The words `length limit` are contract.
    #[error("the request body exceeds the length limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A body that breaks off.
    #[error("the request body cannot be read")]
    Unreadable,
    /// A body that does not come.
    #[error("the request body stood still for {} seconds", .idle.as_secs_f64())]
    Slow {
        /// How long it was waited for.
        idle: Duration,
    },
    /// Not JSON.
    #[error("the request body is not valid JSON: {problem}")]
    JsonSyntax {
        /// What the parser says, with line and column.
        problem: String,
    },
    /// JSON of another shape.
    #[error("the request body does not fit{}: {problem}", at(.path))]
    JsonShape {
        /// Path of the member, such as `params.limit`; empty for the whole.
        path: String,
        /// What the parser says, with line and column.
        problem: String,
    },
    /// A `%` that is not followed by two hex digits.
    #[error("the {part} has a broken percent escape")]
    Escape {
        /// `path` or `query string`.
        part: &'static str,
    },
    /// Escapes that do not decode to UTF-8.
    #[error("the {part} is not UTF-8")]
    NotUtf8 {
        /// `path` or `query string`.
        part: &'static str,
    },
    /// A parameter given twice.
    #[error("the query parameter '{name}' is given more than once")]
    RepeatedParameter {
        /// Its decoded name.
        name: String,
    },
    /// A query string of another shape.
    #[error("the query string does not fit: {problem}")]
    Query {
        /// What the parser says.
        problem: String,
    },
    /// A path segment of another type.
    #[error("the path does not fit: {problem}")]
    Path {
        /// What the parser says.
        problem: String,
    },
    /// A graph id that is none.
    #[error(transparent)]
    Graph(#[from] InvalidGraphId),
    /// A route whose template does not fit its handler.
    #[error("the route and its handler do not fit")]
    Route,
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" at `{path}`") }
}

impl From<ExtractError> for ApiError {
    fn from(error: ExtractError) -> Self {
        let message = error.to_string();
        match error {
            ExtractError::ContentType => ApiError::unsupported_media_type(message),
            ExtractError::TooLarge { .. } => ApiError::too_large(message),
            ExtractError::Route => ApiError::internal(message),
            ExtractError::Slow { .. } => ApiError::request_timeout(message),
            ExtractError::Unreadable
            | ExtractError::JsonSyntax { .. }
            | ExtractError::JsonShape { .. }
            | ExtractError::Escape { .. }
            | ExtractError::NotUtf8 { .. }
            | ExtractError::RepeatedParameter { .. }
            | ExtractError::Query { .. }
            | ExtractError::Path { .. }
            | ExtractError::Graph(_) => ApiError::bad_request(message),
        }
    }
}

impl IntoResponse for ExtractError {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}
