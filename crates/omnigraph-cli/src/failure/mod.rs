//! Why a command failed, with what [`crate::report`] needs to show where it failed and what to do about it.

mod policy;

use std::io;

use omnigraph::OmniError;
use omnigraph_client::http::{BlobFailure, ClientError};
use omnigraph_client::operator::{OperatorError, ScopeError};
use omnigraph_compiler::diagnostics::Diagnostics;
use omnigraph_embed::EmbedError;
use omnigraph_embed::pipeline::PipelineError;

pub(crate) use policy::PolicyFailure;

/// A failed command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The engine refused or failed.
    #[error("{0}")]
    Engine(#[from] OmniError),
    /// A line of a data file was refused.
    #[error("{error}")]
    Data {
        /// The refusal.
        error: Box<OmniError>,
        /// Path as given.
        path: String,
        /// Number of the line, from 1.
        line: u64,
        /// The line, cut when it is long; none when it cannot be read again.
        excerpt: Option<String>,
    },
    /// A load names a branch that does not exist, and no branch to fork it from.
    #[error("branch '{branch}' not found")]
    BranchNotFound {
        /// The branch.
        branch: String,
        /// A branch with a similar name.
        did_you_mean: Option<String>,
    },
    /// Schema or query text was refused; the text is kept for the excerpt.
    #[error("{diagnostics}")]
    Text {
        /// Path as given, or a label such as `<command line>`.
        label: String,
        /// The text.
        source_text: String,
        /// What is wrong with it.
        diagnostics: Diagnostics,
    },
    /// A text could not be embedded.
    #[error("{0}")]
    Embed(#[from] EmbedError),
    /// Vectors could not be filled into a seed file.
    #[error("{0}")]
    Pipeline(#[from] PipelineError),
    /// A policy bundle or its tests failed.
    #[error("{0}")]
    Policy(#[from] PolicyFailure),
    /// A server refused, or could not be asked.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// A write on a server failed after it was sent, so that it may have taken effect.
    #[error("{0}")]
    Indeterminate(#[source] ClientError),
    /// A Blob cannot be read.
    #[error("{failure}")]
    Blob {
        /// Why, with one text for storage and servers.
        failure: BlobFailure,
        /// What is known beyond that.
        hint: Option<String>,
    },
    /// The flags and the configuration address no graph that the command can work on.
    #[error("{0}")]
    Scope(#[from] ScopeError),
    /// The operator's configuration or credentials cannot be used.
    #[error("{0}")]
    Operator(#[from] OperatorError),
    /// A file or stream failed.
    #[error("{context}: {source}")]
    Io {
        /// What was attempted, with the path.
        context: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The invocation cannot be carried out as given.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

impl Failure {
    /// Wraps an I/O error with what was attempted.
    pub(crate) fn io(context: impl Into<String>, source: io::Error) -> Failure {
        Failure::Io { context: context.into(), source }
    }

    /// Makes a usage failure with a cure.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    /// Returns the error of the engine, if the failure has one.
    pub(crate) fn engine(&self) -> Option<&OmniError> {
        match self {
            Failure::Engine(error) => Some(error),
            Failure::Data { error, .. } => Some(error),
            Failure::BranchNotFound { .. }
            | Failure::Text { .. }
            | Failure::Embed(_)
            | Failure::Pipeline(_)
            | Failure::Policy(_)
            | Failure::Client(_)
            | Failure::Indeterminate(_)
            | Failure::Blob { .. }
            | Failure::Scope(_)
            | Failure::Operator(_)
            | Failure::Io { .. }
            | Failure::Usage { .. } => None,
        }
    }

    /// Makes the failure of a write on a server, which may have taken effect if it was sent.
    pub(crate) fn from_write(error: ClientError) -> Failure {
        if error.unsure() { Failure::Indeterminate(error) } else { Failure::Client(error) }
    }

    /// Makes the failure of a schema or query text; diagnostics of the compiler are kept with the text they point into.
    pub(crate) fn with_text(error: OmniError, label: &str, source_text: &str) -> Failure {
        match error {
            OmniError::Compiler(diagnostics) => {
                Failure::Text { label: label.to_owned(), source_text: source_text.to_owned(), diagnostics }
            }
            other => Failure::Engine(other),
        }
    }

    /// Tells whether stdout was closed by its reader, as `head` does; that is no error.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        match self {
            Failure::Io { source, .. } => source.kind() == io::ErrorKind::BrokenPipe,
            Failure::Engine(OmniError::Io { source, .. }) | Failure::Client(ClientError::Output(source)) => {
                source.kind() == io::ErrorKind::BrokenPipe
            }
            _ => false,
        }
    }
}
