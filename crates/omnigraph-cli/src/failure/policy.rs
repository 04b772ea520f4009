//! Failures of `policy`, and what a JSON error object has of them.

use omnigraph_policy::{PolicyError, PolicyLoadError, PolicyTestReport, Problem};
use serde_json::{Value, json};

/// Why a policy command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyFailure {
    /// A bundle or a tests file cannot be used.
    #[error("{0}")]
    Load(#[from] PolicyLoadError),
    /// Test cases got other answers than they expect.
    #[error("{0}")]
    Tests(PolicyTestReport),
    /// A request could not be decided.
    #[error("{0}")]
    Evaluate(#[from] PolicyError),
}

impl PolicyFailure {
    /// Returns the code of the JSON error object.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            PolicyFailure::Load(PolicyLoadError::Compile { .. }) => "internal",
            PolicyFailure::Load(_) | PolicyFailure::Tests(_) | PolicyFailure::Evaluate(_) => "bad_request",
        }
    }

    /// Returns the diagnostics of the JSON error object: one for each problem of a file, none for other failures.
    pub(crate) fn diagnostics(&self) -> Vec<Value> {
        match self {
            PolicyFailure::Load(PolicyLoadError::Invalid { file, problems }) => {
                let path = file.as_ref().map(|file| file.display().to_string());
                problems.iter().map(|problem| diagnostic(path.as_deref(), problem)).collect()
            }
            PolicyFailure::Load(_) | PolicyFailure::Tests(_) | PolicyFailure::Evaluate(_) => Vec::new(),
        }
    }
}

fn diagnostic(path: Option<&str>, problem: &Problem) -> Value {
    json!({
        "message": problem.to_string(),
        "path": path,
        "line": problem.position.map(|at| at.line),
        "column": problem.position.map(|at| at.column),
        "key_path": problem.path,
    })
}
