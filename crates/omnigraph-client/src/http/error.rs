//! Errors of calls: what went wrong between a request and its answer, and whether a write may have happened.

use std::error::Error;
use std::time::Duration;

use omnigraph_api::{ErrorCode, ErrorOutput, PreconditionFailureOutput};

/// A graph or a server cannot be addressed as given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// A base is no URL of a server. The base is told without user and password.
    #[error("'{base}' is no server URL: {problem}")]
    Base {
        /// The base.
        base: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A name cannot stand in a path.
    #[error("{what} '{text}' cannot be addressed over HTTP")]
    Segment {
        /// What the name names.
        what: &'static str,
        /// The name.
        text: String,
    },
    /// The server serves graphs, and none was chosen.
    #[error("the server serves {}; choose one with --graph <id>", listed(.ids))]
    GraphNotChosen {
        /// The graphs that it serves, in its order.
        ids: Vec<String>,
    },
}

fn listed(ids: &[String]) -> String {
    let graphs = if ids.len() == 1 { "the graph" } else { "the graphs" };
    format!("{graphs} {}", ids.join(", "))
}

/// A call failed.
///
/// No text has a token, nor user and password of a URL. Whether a write took place is told by [`ClientError::unsure`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The graph or the server cannot be addressed as given; nothing was sent.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The machine offers no way to make connections, as when its root certificates cannot be read.
    #[error("cannot set up the HTTP client: {}", root(.0))]
    Setup(#[source] reqwest::Error),
    /// A value does not fit into the request; nothing was sent.
    #[error("{what} cannot be sent: {problem}")]
    Request {
        /// The value.
        what: &'static str,
        /// Why it does not fit.
        problem: String,
    },
    /// The server refused, and says why.
    #[error("{}", error.error)]
    Api {
        /// The HTTP status, not 2xx.
        status: u16,
        /// What the server says.
        error: Box<ErrorOutput>,
        /// When to try again, if the server says so.
        retry_after: Option<Duration>,
    },
    /// The answer is neither a success nor an error of this API: another program, such as a proxy, answered.
    #[error("server returned {status}: {body}")]
    Unexpected {
        /// The HTTP status, not 2xx.
        status: u16,
        /// The begin of the body.
        body: String,
    },
    /// No connection came about; nothing was sent.
    #[error("cannot reach {url}: {} (is the server running?)", root(.source))]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The connection broke before an answer began. The server may have done what was asked.
    #[error("no answer from {url}: {} (is the server still running?)", root(.source))]
    NoAnswer {
        /// What was asked.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The answer began and broke off.
    #[error("the answer of {url} broke off: {}", root(.source))]
    BrokenBody {
        /// What was asked.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The answer ended, but not where it should.
    #[error("the answer of {url} is not complete: {problem}")]
    Incomplete {
        /// What was asked.
        url: String,
        /// What tells so.
        problem: String,
    },
    /// A success whose body is not what the operation returns.
    #[error("cannot read the answer of {url} (is it the URL of an Omnigraph graph?): {source}")]
    Unreadable {
        /// What was asked.
        url: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A success lacks a header, or has a wrong one.
    #[error("the answer of {url} has {problem} header {name}")]
    Header {
        /// What was asked.
        url: String,
        /// The header.
        name: &'static str,
        /// `no`, `no usable` or `no matching`.
        problem: &'static str,
    },
    /// The server is older than conditional writes; nothing has happened.
    #[error(
        "the server does not support writes on condition of a commit ({url} does not exist); nothing was written"
    )]
    NoConditionalWrites {
        /// The route that it lacks.
        url: String,
    },
    /// A Blob cannot be read.
    #[error("{failure}")]
    Blob {
        /// Why, in the words that embedded reads use too.
        failure: BlobFailure,
        /// The HTTP status.
        status: u16,
        /// What the server says; answers to `HEAD` never say anything.
        error: Option<Box<ErrorOutput>>,
    },
    /// A baseline did not come to its end, so what was received cannot be used.
    #[error("no usable cursor: {problem}")]
    NoCursor {
        /// What happened.
        problem: String,
        /// The failure below, if any.
        source: Option<Box<ClientError>>,
    },
    /// What was received cannot be written to where it should go.
    #[error("cannot write what was received: {0}")]
    Output(#[source] std::io::Error),
}

/// Why a Blob cannot be read, with the text for people as `Display`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobFailure {
    /// There is no such entity, or its value is null.
    #[error("Blob cell not found")]
    NotFound,
    /// There is no such type or property, or it is not a Blob.
    #[error("invalid Blob selector")]
    Selector,
    /// Policy denies.
    #[error("Blob read is forbidden")]
    Forbidden,
    /// No or unusable credentials.
    #[error("Blob read requires authentication")]
    Unauthorized,
    /// The Blob is another one than the caller began to read.
    #[error("Blob read target changed; retry the command")]
    Changed,
    /// The range begins behind the end.
    #[error("Blob range is not satisfiable")]
    Range,
    /// The range is longer than the server delivers.
    #[error("Blob read range exceeds the limit")]
    Limit,
    /// The server failed.
    #[error("Blob delivery failed")]
    Delivery,
}

impl BlobFailure {
    /// Returns the cause that a status tells; `None` when the status belongs to no failure of a Blob route.
    pub(super) fn of(status: u16) -> Option<BlobFailure> {
        Some(match status {
            400 => BlobFailure::Selector,
            401 => BlobFailure::Unauthorized,
            403 => BlobFailure::Forbidden,
            404 => BlobFailure::NotFound,
            412 => BlobFailure::Changed,
            413 => BlobFailure::Limit,
            416 => BlobFailure::Range,
            500 => BlobFailure::Delivery,
            _ => return None,
        })
    }
}

impl ClientError {
    /// Returns the HTTP status of the answer, when there is one that is no success.
    pub fn status(&self) -> Option<u16> {
        match self {
            ClientError::Api { status, .. }
            | ClientError::Unexpected { status, .. }
            | ClientError::Blob { status, .. } => Some(*status),
            ClientError::NoConditionalWrites { .. } => Some(404),
            ClientError::NoCursor { source, .. } => source.as_ref().and_then(|source| source.status()),
            _ => None,
        }
    }

    /// Returns the error object of the server, when it sent one.
    pub fn error_output(&self) -> Option<&ErrorOutput> {
        match self {
            ClientError::Api { error, .. } => Some(error),
            ClientError::Blob { error, .. } => error.as_deref(),
            ClientError::NoCursor { source, .. } => source.as_ref().and_then(|source| source.error_output()),
            _ => None,
        }
    }

    /// Returns the code of the error object, when it is one of the closed set.
    pub fn code(&self) -> Option<ErrorCode> {
        self.error_output().and_then(ErrorOutput::known_code)
    }

    /// Returns the heads of a conditional write that lost.
    pub fn precondition_failure(&self) -> Option<&PreconditionFailureOutput> {
        self.error_output().and_then(|error| error.precondition_failure.as_ref())
    }

    /// Tells whether a write that failed so may have taken place all the same: the answer was lost, or an earlier
    /// operation must be recovered first.
    pub fn unsure(&self) -> bool {
        match self {
            ClientError::NoAnswer { .. }
            | ClientError::BrokenBody { .. }
            | ClientError::Incomplete { .. }
            | ClientError::Unreadable { .. } => true,
            ClientError::Api { error, .. } => error.recovery_required.is_some(),
            // A proxy that gave up on a server which goes on.
            ClientError::Unexpected { status, .. } => *status >= 500,
            _ => false,
        }
    }
}

/// Returns the innermost cause of a transport error: the ones around it say little more than that there is one.
fn root(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}
