//! What can go wrong below the graph: the store, the files, the table format.

use std::fmt;

use datafusion::error::DataFusionError;

/// Result of every fallible operation of this crate.
pub type Result<T> = std::result::Result<T, StorageError>;

/// Everything that can go wrong in storage.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The object store or the table format failed.
    #[error("storage failure ({}): {}", .0.kind, .0.message)]
    Storage(StorageFailure),
    /// A URI or a setting cannot be used; nothing has happened.
    #[error("{0}")]
    BadRequest(String),
    /// An invariant of this crate, or of what it stored, is broken.
    #[error("{0}")]
    Internal(String),
    /// A computation over record batches failed.
    #[error("query execution failed: {0}")]
    DataFusion(#[source] DataFusionError),
}

impl StorageError {
    /// Makes an invalid-input error.
    pub fn bad_request(message: impl Into<String>) -> StorageError {
        StorageError::BadRequest(message.into())
    }

    /// Makes a broken-invariant error.
    pub fn internal(message: impl Into<String>) -> StorageError {
        StorageError::Internal(message.into())
    }

    /// Makes a failure of the store.
    pub fn storage(kind: StorageFailureKind, message: impl Into<String>) -> StorageError {
        StorageError::Storage(StorageFailure { kind, message: message.into() })
    }

    /// Returns the kind of failure of the store, if that is what this is.
    pub fn failure_kind(&self) -> Option<StorageFailureKind> {
        match self {
            StorageError::Storage(failure) => Some(failure.kind),
            _ => None,
        }
    }
}

/// Takes an error of type `E` out of what a plan or a stream handed on; gives anything else back as it was.
///
/// # Errors
/// The error itself when it carries no `E`.
pub fn carried<E: std::error::Error + 'static>(
    error: DataFusionError,
) -> std::result::Result<E, DataFusionError> {
    match error {
        DataFusionError::External(inner) => {
            inner.downcast::<E>().map(|own| *own).map_err(DataFusionError::External)
        }
        DataFusionError::Context(text, inner) => {
            carried(*inner).map_err(|inner| DataFusionError::Context(text, Box::new(inner)))
        }
        other => Err(other),
    }
}

impl From<DataFusionError> for StorageError {
    /// Unwraps an error of this crate that travelled through a plan or a stream; drops what was said around it.
    fn from(error: DataFusionError) -> Self {
        match carried::<StorageError>(error) {
            Ok(own) => own,
            Err(DataFusionError::Context(_, inner)) => StorageError::from(*inner),
            Err(other) => StorageError::DataFusion(other),
        }
    }
}

impl From<arrow_schema::ArrowError> for StorageError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        StorageError::DataFusion(DataFusionError::ArrowError(Box::new(error), None))
    }
}

/// A failure of the object store or of the table format.
#[derive(Debug)]
pub struct StorageFailure {
    /// Its class; never authorizes a replay by itself.
    pub kind: StorageFailureKind,
    /// What happened, with the path.
    pub message: String,
}

/// Class of a [`StorageFailure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageFailureKind {
    /// May go away by itself.
    Transient,
    /// Credentials, endpoint or bucket are wrong.
    Configuration,
    /// An object that must exist does not.
    NotFound,
    /// A conditional request was refused.
    Precondition,
    /// Will not go away by itself.
    Permanent,
    /// Cannot be told.
    Unknown,
}

impl fmt::Display for StorageFailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StorageFailureKind::Transient => "transient",
            StorageFailureKind::Configuration => "configuration",
            StorageFailureKind::NotFound => "not found",
            StorageFailureKind::Precondition => "precondition",
            StorageFailureKind::Permanent => "permanent",
            StorageFailureKind::Unknown => "unknown",
        })
    }
}
