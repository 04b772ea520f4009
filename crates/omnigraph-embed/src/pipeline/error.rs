//! Errors of the pipeline. Whatever the error, the output file is as it was before.

use std::path::{Path, PathBuf};

use omnigraph_yaml::{Position, Problem, SimilarKey};

use crate::error::EmbedError;

/// Result of the pipeline.
pub type Result<T, E = PipelineError> = std::result::Result<T, E>;

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// There is no input file.
    #[error("seed input does not exist: {}", .path.display())]
    MissingInput {
        /// Its path.
        path: PathBuf,
    },

    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The failure.
        source: std::io::Error,
    },

    /// The seed manifest is no YAML of the right shape.
    #[error("seed manifest {} cannot be read: {}", .path.display(), told(.problems))]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it, in the order of the text; at least one problem.
        problems: Vec<Problem>,
    },

    /// The seed manifest lacks a key.
    #[error("seed manifest {} has no {key}{}", .path.display(), meant(.similar.as_ref()))]
    MissingKey {
        /// The manifest.
        path: PathBuf,
        /// Path of the key, with dots.
        key: &'static str,
        /// A key of the manifest that may be meant by it.
        similar: Option<SimilarKey>,
    },

    /// The spec file is no JSON of the right shape.
    #[error("embed spec {} cannot be read: {source}", .path.display())]
    Spec {
        /// The spec file.
        path: PathBuf,
        /// The failure, with line and column.
        source: serde_json::Error,
    },

    /// The spec asks for what cannot be.
    #[error("embed spec in {} is unusable: {}{reason}", .path.display(), at(*.position))]
    UnusableSpec {
        /// The manifest or spec file.
        path: PathBuf,
        /// Where the value is that is wrong, in a manifest.
        position: Option<Position>,
        /// What is wrong with it.
        reason: String,
    },

    /// A selector is not of the form `[Type:]field=value`.
    #[error("selector '{text}' is not of the form [Type:]field=value")]
    InvalidSelector {
        /// The selector as given.
        text: String,
    },

    /// A line of the input is unusable.
    #[error("{}: line {line} (record {record}): {problem}", .path.display())]
    Row {
        /// The input.
        path: PathBuf,
        /// Number of the line in the file, from 1.
        line: u64,
        /// Number of the record, from 1: blank lines do not count.
        record: u64,
        /// What is wrong.
        #[source]
        problem: RowProblem,
    },

    /// The texts of a request could not be embedded; those of lines before it may have been.
    #[error("{}: {} cannot be embedded: {source}", .path.display(), lines(*.first_line, *.last_line))]
    Embed {
        /// The input.
        path: PathBuf,
        /// Line of the first text in the request, from 1.
        first_line: u64,
        /// Line of the last text in the request.
        last_line: u64,
        /// The failure.
        source: EmbedError,
    },

    /// The provider cannot be used, whatever the text.
    #[error("{source}")]
    Provider {
        /// The failure.
        source: EmbedError,
    },

    /// The temporary file of the output would be the input.
    #[error("the input {} is where the output is prepared: give it another name", .path.display())]
    InputIsTemporary {
        /// The input.
        path: PathBuf,
    },

    /// Another process is using the cache file.
    #[error("embedding cache {} is in use by another run", .path.display())]
    CacheInUse {
        /// The cache file.
        path: PathBuf,
    },

    /// The file given as cache is something else.
    #[error("{} is not an embedding cache", .path.display())]
    NotACache {
        /// The file.
        path: PathBuf,
    },
}

impl PipelineError {
    /// Wraps a failure of a file, for `map_err`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> PipelineError {
        move |source| PipelineError::Io { action, path: path.to_owned(), source }
    }
}

/// Returns the problems with their positions, one a line.
fn told(problems: &[Problem]) -> String {
    let line = |problem: &Problem| format!("{}{problem}", at(problem.position));
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn at(position: Option<Position>) -> String {
    position.map(|at| format!("line {}, column {}: ", at.line, at.column)).unwrap_or_default()
}

fn meant(similar: Option<&SimilarKey>) -> String {
    similar.map(|key| format!("; did you mean it by {key}?")).unwrap_or_default()
}

fn lines(first: u64, last: u64) -> String {
    if first == last { format!("line {first}") } else { format!("lines {first} to {last}") }
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowProblem {
    /// The line is longer than a load accepts.
    #[error("the line is longer than {limit} bytes")]
    TooLong {
        /// Limit in bytes.
        limit: usize,
    },

    /// The line is not UTF-8.
    #[error("the line is not UTF-8")]
    NotUtf8,

    /// The line is not JSON.
    #[error("invalid JSON: {0}")]
    InvalidJson(#[source] serde_json::Error),

    /// The line is JSON, but no object.
    #[error("the line is not a JSON object")]
    NotAnObject,

    /// A node has no object of properties.
    #[error("a row with 'type' needs an object 'data'")]
    NoData,
}
