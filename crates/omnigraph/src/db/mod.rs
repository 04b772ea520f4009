//! The public handle: one method per operation, each building the request that the inner modules execute.
//!
//! Owns nothing on disk. `types` are the values that cross the boundary, `handle` opens and creates graphs,
//! `read` answers, `change` writes, `branches` forks, merges and tags, `schema` changes the schema, `maintenance` keeps
//! the store in order.

mod blobs;
mod branches;
mod change;
mod changes;
mod handle;
mod maintenance;
#[cfg(test)]
#[cfg(feature = "failpoints")]
mod maintenance_faults;
mod read;
mod schema;
#[cfg(test)]
#[cfg(feature = "failpoints")]
mod schema_faults;
mod stats;
mod types;

pub use crate::maintenance::{
    CleanupPolicyOptions, DatasetCleanupStats, DatasetOptimizeStats, DatasetRepairStats, IndexKind,
    IndexState, IndexStatus, PendingIndex, RepairAction, RepairClassification, RepairOptions, RepairStats,
    SkipReason,
};
pub use crate::write::export::{ExportCounts, ExportStream};
pub use crate::write::load::{Grammar, LoadCounts, LoadMode, LoadPhase, LoadProgress, LoadSource};
pub use crate::write::schema_apply::CatalogCheck;
pub use blobs::{BLOB_READ_BYTES, BlobCell, BlobContent, BlobEtag, BlobRead, BlobReader, ExternalBlobRef};
pub use branches::{GraphTag, MergeBranches, MergeOutcome, MergeReceipt, Preferred};
pub use handle::{Omnigraph, OpenOptions};
pub use maintenance::{RecoveredTable, RecoveryKind, RecoveryRecord};
pub use omnigraph_graph::commit::{CommitKind, STORAGE_FORMAT};
pub use omnigraph_query::context::{Context, ContextItem, ContextRequest, Via};
pub use omnigraph_query::json::{JsonRows, row_objects, write_row_objects};
pub use omnigraph_storage::Durability;
pub use omnigraph_storage::objects::stats::{CacheStats, StorageStats};
pub use schema::{SchemaApplyOptions, SchemaApplyPreview, SchemaApplyResult};
pub use stats::HandleStats;
pub use types::{
    CommitPage, DatasetEntry, GraphCommit, Load, LoadReceipt, Mutate, MutationReceipt, MutationResult,
    ParamMap, QueryResult, QueryStream, ReadTarget, SnapshotId, SnapshotView,
};
