//! The public handle: one method per operation, each building the request that the inner modules execute.
//!
//! Owns nothing on disk. `types` are the values that cross the boundary, `handle` opens and creates graphs,
//! `read` answers, `change` writes.

mod change;
mod changes;
mod handle;
mod read;
mod types;

pub use crate::commit::{CommitKind, STORAGE_FORMAT};
pub use crate::query::json::{JsonRows, row_objects};
pub use crate::storage::Durability;
pub use crate::write::export::ExportCounts;
pub use crate::write::load::{Grammar, LoadMode, LoadPhase, LoadProgress};
pub use handle::{Omnigraph, OpenOptions};
pub use types::{
    DatasetEntry, GraphCommit, Load, LoadCounts, LoadReceipt, LoadSource, Mutate, MutationReceipt,
    MutationResult, ParamMap, QueryResult, QueryStream, ReadTarget, SnapshotId, SnapshotView,
};
