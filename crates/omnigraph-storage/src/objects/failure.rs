//! Turns failures of the object store, the file system and Lance into [`StorageError::Storage`] of the right kind.
//!
//! The kind is taken from the innermost cause that tells one; the message always names the path. An error that our own
//! input stream raised comes back as it was raised.

use std::error::Error as StdError;
use std::io::ErrorKind;

use datafusion::error::DataFusionError;

use crate::error::{StorageError, StorageFailureKind};

/// Maps a failure of an object store.
pub(crate) fn object(path: &str, error: object_store::Error) -> StorageError {
    let kind = object_kind(&error).unwrap_or(StorageFailureKind::Unknown);
    StorageError::storage(kind, format!("{path}: {error}"))
}

/// Maps a failure of the local file system.
pub(crate) fn file(path: &str, error: &std::io::Error) -> StorageError {
    StorageError::storage(io_kind(error), format!("{path}: {error}"))
}

/// Maps a failure of Lance on the table at `path`.
pub(crate) fn table(path: &str, error: lance::Error) -> StorageError {
    match error.into_external() {
        Ok(source) => match source.downcast::<StorageError>() {
            Ok(ours) => *ours,
            Err(source) => StorageError::storage(kind_of(source.as_ref()), format!("table {path}: {source}")),
        },
        Err(error) => StorageError::storage(kind_of(&error), format!("table {path}: {error}")),
    }
}

/// Maps a failure of a stream of rows; an [`StorageError`] that travelled inside comes back as it was.
pub fn stream(error: DataFusionError) -> StorageError {
    match error {
        DataFusionError::External(source) => match source.downcast::<StorageError>() {
            Ok(ours) => *ours,
            Err(source) => match source.downcast::<lance::Error>() {
                Ok(lance) => table("scan", *lance),
                Err(source) => StorageError::DataFusion(DataFusionError::External(source)),
            },
        },
        other => StorageError::DataFusion(other),
    }
}

/// Finds the innermost cause that tells a kind.
fn kind_of(error: &(dyn StdError + 'static)) -> StorageFailureKind {
    let mut kind = StorageFailureKind::Unknown;
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<object_store::Error>().and_then(object_kind) {
            kind = found;
        } else if let Some(found) = error.downcast_ref::<lance::Error>().and_then(lance_kind) {
            kind = found;
        } else if let Some(io) = error.downcast_ref::<std::io::Error>() {
            kind = io_kind(io);
        }
        cause = error.source();
    }
    kind
}

fn lance_kind(error: &lance::Error) -> Option<StorageFailureKind> {
    use lance::Error;
    Some(match error {
        Error::DatasetNotFound { .. } | Error::VersionNotFound { .. } => StorageFailureKind::NotFound,
        // Lance keeps the path of an absent object, not the store's error, and may wrap that as a store's once more.
        error if error.is_not_found() => StorageFailureKind::NotFound,
        Error::DatasetAlreadyExists { .. } | Error::CommitConflict { .. } => StorageFailureKind::Precondition,
        Error::Timeout { .. } => StorageFailureKind::Transient,
        Error::CorruptFile { .. } => StorageFailureKind::Permanent,
        _ => return None,
    })
}

fn object_kind(error: &object_store::Error) -> Option<StorageFailureKind> {
    use object_store::Error;
    Some(match error {
        Error::NotFound { .. } => StorageFailureKind::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. } => {
            StorageFailureKind::Precondition
        }
        Error::PermissionDenied { .. }
        | Error::Unauthenticated { .. }
        | Error::UnknownConfigurationKey { .. } => StorageFailureKind::Configuration,
        Error::InvalidPath { .. } | Error::NotSupported { .. } | Error::NotImplemented { .. } => {
            StorageFailureKind::Permanent
        }
        Error::Generic { source, .. } => {
            // The S3 client has already retried what can be retried; a local cause still tells its own kind.
            let io = source.downcast_ref::<std::io::Error>();
            io.map_or(StorageFailureKind::Transient, io_kind)
        }
        _ => return None,
    })
}

fn io_kind(error: &std::io::Error) -> StorageFailureKind {
    match error.kind() {
        ErrorKind::NotFound => StorageFailureKind::NotFound,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory => {
            StorageFailureKind::Configuration
        }
        ErrorKind::AlreadyExists => StorageFailureKind::Precondition,
        ErrorKind::Interrupted | ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::ResourceBusy => {
            StorageFailureKind::Transient
        }
        ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded
        | ErrorKind::InvalidInput
        | ErrorKind::Unsupported => StorageFailureKind::Permanent,
        _ => StorageFailureKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_cause_tells_the_kind() {
        // How a file that is missing arrives when Lance read it through a wrapped reader.
        let missing = lance::Error::not_found("data/1.lance");
        let wrapped = lance::Error::from(object_store::Error::from(missing));
        let StorageError::Storage(failure) = table("nodes/1", wrapped) else { panic!("a storage failure") };
        assert_eq!(failure.kind, StorageFailureKind::NotFound);
        assert!(failure.message.contains("data/1.lance"), "{}", failure.message);
    }
}
