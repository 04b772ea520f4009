//! Storage: objects under one root, immutable table versions, and what is derived from their files.
//!
//! The only crate that names Lance. Owns how bytes reach a directory, a bucket or memory ([`objects`]), how rows become
//! immutable table versions ([`tables`]), and the indexes that are derived from immutable data files ([`indexes`]). Knows
//! nothing of graphs, types or commits.
//!
//! Invariants: (1) an object made with put-if-absent appears whole or not at all, and exactly one of racing creators
//! wins; (2) a table version, once returned by [`stage`], never changes and, with [`Durability::Full`], survives power
//! loss; (3) a table's own latest version is never advanced after its creation; (4) no cache here can be stale, because
//! everything cached is named by something immutable.
//!
//! ```
//! # #![recursion_limit = "256"]
//! use std::sync::Arc;
//!
//! use arrow_array::{Int64Array, RecordBatch};
//! use arrow_schema::{DataType, Field, Schema};
//! use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
//! use futures::TryStreamExt;
//! use omnigraph_storage::{Root, RootOptions, Scan, Table, TableChange, stage};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let root = Root::open("memory://example", RootOptions::default()).await?;
//! let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
//! let empty = Table::create(&root, "numbers", schema.clone()).await?;
//!
//! let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from(vec![1, 2, 3]))])?;
//! let rows = RecordBatchStreamAdapter::new(schema, futures::stream::iter([Ok(batch)]));
//! let change = TableChange { append: Some(Box::pin(rows)), ..TableChange::default() };
//! let filled = stage(&empty, change).await?;
//!
//! // The base is what it was, and whoever knows the version can open it.
//! assert_eq!((empty.row_count(), filled.row_count()), (0, 3));
//! let opened = Table::open(&root, "numbers", filled.version()).await?;
//! let batches: Vec<RecordBatch> = opened.scan(Scan::columns(["n"]))?.try_collect().await?;
//! assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
//! # Ok(())
//! # }
//! ```

// DataFusion's expression types nest deeper than the default when auto traits are proved for futures over them.
#![recursion_limit = "256"]

mod cache;
pub mod error;
pub mod indexes;
pub mod objects;
pub mod single_flight;
pub mod tables;
mod tuning;

#[cfg(test)]
mod tests;

pub use error::{Result, StorageError, StorageFailure, StorageFailureKind};
pub use indexes::key_index::KeyIndex;
pub use objects::location::{GraphLocation, LocationError};
pub use objects::retry::Retry;
pub use objects::root::{Created, Durability, Root, RootOptions, blocking};
pub use single_flight::build_once;
pub use tables::difference::Selection;
pub use tables::reshape::reshape;
pub use tables::scan::Scan;
pub use tables::stage::{TableChange, WrittenTable, stage, write};
pub use tables::table::{ROW_ADDRESS, Table, TableVersion};
pub use tuning::{INDEX_FROM_ROWS, Tuning};
