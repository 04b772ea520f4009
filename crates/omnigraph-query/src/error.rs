//! What can go wrong while a query is planned or runs.

use datafusion::error::DataFusionError;
use omnigraph_compiler::query::CompileError;
use omnigraph_embed::EmbedError;
use omnigraph_graph::GraphError;
use omnigraph_storage::StorageError;
use omnigraph_storage::error::carried;
use omnigraph_storage::single_flight::SharedError;

/// Result of every fallible operation of this crate.
pub type Result<T> = std::result::Result<T, QueryError>;

/// Everything that can go wrong with a query that compiled.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The snapshot could not be read.
    #[error("{0}")]
    Graph(#[source] GraphError),
    /// The request cannot be answered as it is put.
    #[error("{0}")]
    BadRequest(String),
    /// An invariant of this crate is broken.
    #[error("{0}")]
    Internal(String),
    /// A query that this crate made of the request was refused.
    #[error("{0}")]
    Compiler(#[from] CompileError),
    /// A text of the query could not be embedded.
    #[error("embedding failed: {0}")]
    Embedding(#[from] EmbedError),
    /// The plan failed to execute.
    #[error("query execution failed: {0}")]
    DataFusion(#[source] DataFusionError),
}

impl QueryError {
    /// Makes an invalid-input error.
    pub fn bad_request(message: impl Into<String>) -> QueryError {
        QueryError::BadRequest(message.into())
    }

    /// Makes a broken-invariant error.
    pub fn internal(message: impl Into<String>) -> QueryError {
        QueryError::Internal(message.into())
    }
}

impl SharedError for QueryError {
    fn share(&self) -> QueryError {
        match self {
            QueryError::Graph(GraphError::Storage(failure)) => {
                QueryError::Graph(GraphError::storage(failure.kind, failure.message.clone()))
            }
            QueryError::BadRequest(message) => QueryError::bad_request(message.clone()),
            other => QueryError::internal(other.to_string()),
        }
    }
}

impl From<GraphError> for QueryError {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::DataFusion(error) => carried(error).unwrap_or_else(QueryError::DataFusion),
            other => QueryError::Graph(other),
        }
    }
}

impl From<StorageError> for QueryError {
    fn from(error: StorageError) -> Self {
        QueryError::from(GraphError::from(error))
    }
}

impl From<DataFusionError> for QueryError {
    /// Unwraps an error of this crate or of those below that travelled through a plan or a stream.
    fn from(error: DataFusionError) -> Self {
        carried::<QueryError>(error).unwrap_or_else(|other| QueryError::from(GraphError::from(other)))
    }
}

impl From<arrow_schema::ArrowError> for QueryError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        QueryError::DataFusion(DataFusionError::ArrowError(Box::new(error), None))
    }
}
