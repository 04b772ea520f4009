//! What can go wrong with a graph: its store, its branches and commits, and the race for the next commit.

use datafusion::error::DataFusionError;
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_storage::error::carried;
use omnigraph_storage::{StorageError, StorageFailure, StorageFailureKind};

/// Result of every fallible operation of this crate.
pub type Result<T> = std::result::Result<T, GraphError>;

/// Everything that can go wrong with a graph below its rows.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The object store or the table format failed.
    #[error("storage failure ({}): {}", .0.kind, .0.message)]
    Storage(StorageFailure),
    /// A name, a location or a setting cannot be used; nothing has happened.
    #[error("{0}")]
    BadRequest(String),
    /// The thing named does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The state of the graph refuses it.
    #[error("{0}")]
    Refused(String),
    /// An invariant is broken.
    #[error("{0}")]
    Internal(String),
    /// A computation over record batches failed.
    #[error("query execution failed: {0}")]
    DataFusion(#[source] DataFusionError),
    /// Publication lost its race more often than the retry budget allows.
    #[error("branch '{branch}' changed under the write {attempts} times; retry")]
    Contention {
        /// The branch.
        branch: String,
        /// Attempts made.
        attempts: u32,
    },
    /// The named branch does not exist.
    #[error("branch '{branch}' not found{}", hint(.did_you_mean))]
    BranchNotFound {
        /// The name asked for.
        branch: String,
        /// A live branch with a similar name.
        did_you_mean: Option<String>,
    },
    /// The outcome of this or an overlapping earlier write is owned by an intent.
    #[error("operation {operation_id} needs recovery: {reason}")]
    RecoveryRequired {
        /// The intent.
        operation_id: String,
        /// Why.
        reason: String,
    },
    /// A conditional write found another head; final, never retried.
    #[error("branch '{branch}' is at {actual}, expected {expected}; read again and retry")]
    PreconditionFailed {
        /// The branch.
        branch: String,
        /// The commit the caller expected.
        expected: String,
        /// The commit found.
        actual: String,
    },
    /// A graph is at the root already.
    #[error(
        "a graph already exists at '{uri}': it is already initialized and stays as it is; choose another place"
    )]
    AlreadyInitialized {
        /// The root.
        uri: String,
    },
    /// The graph was made and something failed after that: it opens, reads and writes.
    #[error("the graph at '{uri}' exists, though its creation failed afterwards: {source}; open it")]
    InitializationCommitted {
        /// The root.
        uri: String,
        /// The failure.
        #[source]
        source: Box<GraphError>,
    },
    /// Whether the graph was made cannot be told: the store neither acknowledged nor answered.
    #[error(
        "creating the graph at '{uri}' failed ({source}) and whether it exists cannot be read ({probe}); open it, or \
         create it again"
    )]
    InitializationIndeterminate {
        /// The root.
        uri: String,
        /// Why the creation failed.
        #[source]
        source: Box<GraphError>,
        /// Why it could not be looked for.
        probe: Box<GraphError>,
    },
    /// No graph was found at the root.
    #[error("no graph at '{uri}'; create one with `omnigraph init`")]
    NotAGraph {
        /// The root.
        uri: String,
    },
    /// The graph was written by a newer release.
    #[error(
        "the graph at '{uri}' has storage format {found}; this release reads up to {supported}: upgrade omnigraph"
    )]
    UnsupportedFormat {
        /// The root.
        uri: String,
        /// The stamp found.
        found: u32,
        /// The newest stamp this release reads.
        supported: u32,
    },
    /// The table version that an earlier commit names is gone, as nothing that is live needs it.
    #[error(
        "table version {published_dataset_version} of {} type {} was reclaimed by cleanup; read a newer commit",
        .type_key.kind, .type_key.name
    )]
    HistoricalVersionReclaimed {
        /// The type.
        type_key: TypeKey,
        /// The table version counter users see.
        published_dataset_version: u64,
    },
    /// The data of a live table is gone, which nothing but damage can do.
    #[error(
        "the data of {} type {}, table version {published_dataset_version}, is missing: restore '{path}' of the graph \
         from a backup; the other types can still be read and exported",
        .type_key.kind, .type_key.name
    )]
    TableMissing {
        /// The type.
        type_key: TypeKey,
        /// The table version counter users see.
        published_dataset_version: u64,
        /// The table's directory, relative to the root.
        path: String,
    },
    /// A stored blob contradicts itself.
    #[error("a stored blob is damaged: {reason}")]
    BlobIntegrity {
        /// What is wrong.
        reason: String,
    },
}

impl GraphError {
    /// Makes an invalid-input error.
    pub fn bad_request(message: impl Into<String>) -> GraphError {
        GraphError::BadRequest(message.into())
    }

    /// Makes an absent-thing error.
    pub fn not_found(message: impl Into<String>) -> GraphError {
        GraphError::NotFound(message.into())
    }

    /// Makes a conflict that its text explains.
    pub fn refused(message: impl Into<String>) -> GraphError {
        GraphError::Refused(message.into())
    }

    /// Makes a broken-invariant error.
    pub fn internal(message: impl Into<String>) -> GraphError {
        GraphError::Internal(message.into())
    }

    /// Makes a failure of the store.
    pub fn storage(kind: StorageFailureKind, message: impl Into<String>) -> GraphError {
        GraphError::Storage(StorageFailure { kind, message: message.into() })
    }

    /// Tells whether this says that a table version, or a file of one, does not exist any more.
    pub fn is_gone(&self) -> bool {
        match self {
            GraphError::HistoricalVersionReclaimed { .. } => true,
            GraphError::Storage(failure) => failure.kind == StorageFailureKind::NotFound,
            _ => false,
        }
    }
}

fn hint(did_you_mean: &Option<String>) -> String {
    did_you_mean.as_ref().map(|name| format!("; did you mean '{name}'?")).unwrap_or_default()
}

impl From<StorageError> for GraphError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Storage(failure) => GraphError::Storage(failure),
            StorageError::BadRequest(message) => GraphError::BadRequest(message),
            StorageError::Internal(message) => GraphError::Internal(message),
            StorageError::DataFusion(error) => carried(error).unwrap_or_else(GraphError::DataFusion),
        }
    }
}

impl From<DataFusionError> for GraphError {
    /// Unwraps an error of this crate or of storage that travelled through a plan or a stream.
    fn from(error: DataFusionError) -> Self {
        carried::<GraphError>(error).unwrap_or_else(|other| GraphError::from(StorageError::from(other)))
    }
}

impl From<arrow_schema::ArrowError> for GraphError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        GraphError::from(StorageError::from(error))
    }
}
