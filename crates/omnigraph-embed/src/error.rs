//! Errors of the client: why a text has no vector.

use std::time::Duration;

use crate::model_error::ModelError;
use crate::provider::Provider;

/// Result of this crate's client.
pub type Result<T, E = EmbedError> = std::result::Result<T, E>;

/// Why a text has no vector. No variant carries an API key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The provider's name is none of the known ones.
    #[error("unknown embedding provider '{name}': use openai-compatible, openai, gemini, local or mock")]
    UnknownProvider {
        /// The name as given.
        name: String,
    },

    /// The provider needs an API key and has none.
    #[error("embedding provider '{provider}' has no API key: set {}", .variables.join(" or "))]
    MissingKey {
        /// The provider.
        provider: Provider,
        /// The variables that are looked at, in this order.
        variables: &'static [&'static str],
    },

    /// The provider was left out when the program was built.
    #[error(
        "embedding provider '{provider}' is not in this build: build it with the cargo feature '{feature}'"
    )]
    NotBuiltIn {
        /// The provider.
        provider: Provider,
        /// The cargo feature that brings it.
        feature: &'static str,
    },

    /// The provider has no default model, and none is given.
    #[error(
        "embedding provider '{provider}' has no model: set {variable} to the directory of a sentence model"
    )]
    MissingModel {
        /// The provider.
        provider: Provider,
        /// The variable that names the model.
        variable: &'static str,
    },

    /// The API key has bytes that no HTTP header can carry.
    #[error("the API key of embedding provider '{provider}' has characters that no HTTP header can carry")]
    InvalidKey {
        /// The provider.
        provider: Provider,
    },

    /// The base URL is unusable. The URL is not repeated, for it may hold a password.
    #[error("the base URL of the embedding provider is unusable: {reason}")]
    InvalidBaseUrl {
        /// What is wrong with it.
        reason: String,
    },

    /// A variable of the environment has a value outside its range.
    #[error("{variable}='{value}' is not {expected}")]
    InvalidSetting {
        /// Name of the variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },

    /// The schema records another model than the embedder uses.
    #[error(
        "the property records embedding model '{recorded}', but the embedder uses '{configured}': \
         set OMNIGRAPH_EMBED_MODEL to '{}'", model_setting(*.provider, .recorded)
    )]
    ModelMismatch {
        /// The model that the schema records.
        recorded: String,
        /// The model of the embedder.
        configured: String,
        /// The provider of the embedder.
        provider: Provider,
    },

    /// A vector of no dimension was asked for.
    #[error("an embedding has at least one dimension")]
    ZeroDimension,

    /// The model in this process cannot be used.
    #[error(transparent)]
    Model(Box<ModelError>),

    /// The HTTP client could not be built.
    #[error("the HTTP client of the embedding provider cannot be built: {}", root(.0))]
    Setup(#[source] reqwest::Error),

    /// The provider could not be reached, or the connection broke.
    #[error("no answer from the embedding provider after {attempts} attempt(s): {}", root(.source))]
    Transport {
        /// Requests sent.
        attempts: u32,
        /// Failure of the last one, without its URL.
        #[source]
        source: reqwest::Error,
    },

    /// The last attempt did not answer in time.
    #[error("the embedding provider did not answer within {} ms ({attempts} attempt(s))", .timeout.as_millis())]
    Timeout {
        /// Requests sent.
        attempts: u32,
        /// Limit of one request.
        timeout: Duration,
    },

    /// All attempts together took longer than they may.
    #[error("embedding deadline exceeded: {} ms, {attempts} attempt(s){}", .deadline.as_millis(), because(.last))]
    DeadlineExceeded {
        /// Limit of all attempts.
        deadline: Duration,
        /// Requests sent.
        attempts: u32,
        /// The failure before the deadline, if an attempt had ended.
        #[source]
        last: Option<Box<EmbedError>>,
    },

    /// The provider refused.
    #[error("the embedding provider answered with status {status} after {attempts} attempt(s): {message}")]
    Status {
        /// HTTP status code.
        status: u16,
        /// Requests sent.
        attempts: u32,
        /// Start of the answer, or its `error.message`; the API key is blanked out.
        message: String,
    },

    /// The answer is longer than the vectors that were asked for can be.
    #[error("the answer of the embedding provider is longer than {limit} bytes")]
    AnswerTooLong {
        /// Limit in bytes.
        limit: usize,
    },

    /// The answer is not of the provider's shape.
    #[error("the answer of the embedding provider is unusable: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },

    /// The answer has fewer or more vectors than texts were sent.
    #[error("the embedding provider returned {actual} vector(s) for {expected} text(s)")]
    Count {
        /// Texts sent.
        expected: usize,
        /// Vectors returned.
        actual: usize,
    },

    /// A vector has another length than was asked for.
    #[error("the embedding provider returned {actual} dimensions instead of {expected}")]
    Dimension {
        /// Dimensions asked for.
        expected: usize,
        /// Dimensions returned.
        actual: usize,
    },

    /// A component is infinite or not a number.
    #[error("component {component} of the embedding is not a finite number")]
    NonFinite {
        /// Index of the component, from zero.
        component: usize,
    },

    /// All components are zero: the vector has no direction.
    #[error("the embedding is all zeros")]
    ZeroVector,
}

impl From<ModelError> for EmbedError {
    fn from(error: ModelError) -> EmbedError {
        EmbedError::Model(Box::new(error))
    }
}

impl EmbedError {
    /// Tells whether the same request may succeed when sent again: the connection or its time ran out, or the provider
    /// said it is busy (408, 429) or broken (5xx).
    pub fn is_retryable(&self) -> bool {
        match self {
            EmbedError::Transport { source, .. } => !source.is_builder() && !source.is_redirect(),
            EmbedError::Timeout { .. } | EmbedError::DeadlineExceeded { .. } => true,
            EmbedError::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
            EmbedError::UnknownProvider { .. }
            | EmbedError::MissingKey { .. }
            | EmbedError::NotBuiltIn { .. }
            | EmbedError::MissingModel { .. }
            | EmbedError::Model(_)
            | EmbedError::InvalidKey { .. }
            | EmbedError::InvalidBaseUrl { .. }
            | EmbedError::InvalidSetting { .. }
            | EmbedError::ModelMismatch { .. }
            | EmbedError::ZeroDimension
            | EmbedError::Setup(_)
            | EmbedError::AnswerTooLong { .. }
            | EmbedError::Malformed { .. }
            | EmbedError::Count { .. }
            | EmbedError::Dimension { .. }
            | EmbedError::NonFinite { .. }
            | EmbedError::ZeroVector => false,
        }
    }

    /// Tells whether a smaller request may succeed: the provider refuses the size, one of the texts, or lists of texts.
    pub(crate) fn blames_batch(&self) -> bool {
        matches!(
            self,
            EmbedError::Status { status: 400 | 413 | 422, .. }
                | EmbedError::Count { .. }
                | EmbedError::AnswerTooLong { .. }
        )
    }
}

/// Returns what to set so that the provider uses a model of this name.
fn model_setting(provider: Provider, name: &str) -> String {
    if provider == Provider::Local { format!("{name}=DIRECTORY") } else { name.to_owned() }
}

fn because(last: &Option<Box<EmbedError>>) -> String {
    last.as_ref().map(|error| format!("; before: {error}")).unwrap_or_default()
}

/// Returns the text of the innermost cause: the layers above it only say that a request failed.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
