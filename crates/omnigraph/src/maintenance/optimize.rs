//! Optimize: compacts the tables of a branch, all in one commit, and builds what indexes lack.
//!
//! An ordinary write whose planner looks at the sizes of data files (fragments) only. Writers go on beside it; when one
//! of them changes a table that is being compacted, the whole is planned again. Cost: reading and writing the rows of
//! small and sparse fragments; nothing when there are none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_graph::commit::{
    BranchName, CommitKind, CommitRecord, Graph, Planned, Planner, Snapshot, WriteRequest,
};
use omnigraph_storage::TableChange;
use serde::Serialize;

use super::indexes::{self, PendingIndex};
use super::{MANIFEST_KEY, failpoints};
use crate::error::{OmniError, Result};

/// Why a table was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Somebody wrote to the table directly. Never reported: such writes cannot be reached.
    DriftNeedsRepair,
}

/// What optimize did to one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatasetOptimizeStats {
    /// `node:T`, `edge:T`, or `__manifest` for the storage of commits.
    pub type_key: String,
    /// Fragments that were rewritten.
    pub fragments_removed: u64,
    /// Fragments they were written to.
    pub fragments_added: u64,
    /// Whether a new version of the table was published.
    pub committed: bool,
    /// Why the table was left out, if it was.
    pub skipped: Option<SkipReason>,
    /// The published version, when there is a new one.
    pub published_dataset_version: Option<u64>,
    /// The same version as the table itself numbers it.
    pub lance_head_version: Option<u64>,
    /// Declared indexes that cannot be built yet.
    pub pending_indexes: Vec<PendingIndex>,
}

/// Compacts every table of a branch that needs it, then builds what its declared indexes lack.
///
/// # Errors
/// A conflict while an interrupted write is not settled; those of [`Graph::write`].
pub(crate) async fn optimize(
    graph: &Graph,
    branch: &BranchName,
    actor: Option<&str>,
) -> Result<Vec<DatasetOptimizeStats>> {
    graph.ensure_writable()?;
    super::settled::require_settled(graph, "optimize").await?;
    failpoints::hit(graph.root(), failpoints::OPTIMIZE_BEGIN)?;
    let written = graph.write(&request(branch, actor), &Compaction { only: None }).await?;
    let commit = written.commit.as_deref();
    let mut stats: Vec<DatasetOptimizeStats> =
        written.output.iter().map(|(key, found)| describe(key, *found, commit)).collect();
    for pending in indexes::ensure(&graph.head(branch).await?).await? {
        if let Some(stats) = stats.iter_mut().find(|stats| stats.type_key == pending.type_key) {
            stats.pending_indexes.push(pending);
        }
    }
    stats.push(unchanged(MANIFEST_KEY.to_owned()));
    Ok(stats)
}

/// Compacts some tables of a branch, where they need it, and returns the commit if there is one.
///
/// # Errors
/// Those of [`Graph::write`].
pub(super) async fn compact(
    graph: &Graph,
    branch: &BranchName,
    actor: Option<&str>,
    only: Option<BTreeSet<TypeKey>>,
) -> Result<Option<Arc<CommitRecord>>> {
    Ok(graph.write(&request(branch, actor), &Compaction { only }).await?.commit)
}

fn request(branch: &BranchName, actor: Option<&str>) -> WriteRequest {
    WriteRequest {
        branch: branch.clone(),
        actor: actor.map(str::to_owned),
        kind: CommitKind::Maintenance,
        if_commit: None,
    }
}

/// The fragments of a table: how many there are, and how many a compaction rewrites.
#[derive(Clone, Copy)]
struct Found {
    fragments: u64,
    rewritten: u64,
}

struct Compaction {
    /// The tables to compact; all without it.
    only: Option<BTreeSet<TypeKey>>,
}

#[async_trait]
impl Planner for Compaction {
    type Output = BTreeMap<TypeKey, Found>;
    type Error = OmniError;

    async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<Self::Output>> {
        let (mut output, mut changes) = (BTreeMap::new(), BTreeMap::new());
        failpoints::hit(snapshot.root(), failpoints::OPTIMIZE_CAPTURED)?;
        for pin in &snapshot.record().tables {
            failpoints::hit(snapshot.root(), failpoints::OPTIMIZE_TABLE)?;
            let key = pin.key();
            let meant = self.only.as_ref().is_none_or(|only| only.contains(&key));
            let rewritten = match pin.fragments {
                _ if !meant => 0,
                0 => 0,
                _ => snapshot.table(&key).await?.fragments_to_compact(),
            };
            if rewritten > 0 {
                changes.insert(key.clone(), TableChange::compaction());
            }
            output.insert(key, Found { fragments: pin.fragments, rewritten });
        }
        Ok(Planned::changes(output, changes, BTreeSet::new()))
    }
}

fn describe(key: &TypeKey, found: Found, commit: Option<&CommitRecord>) -> DatasetOptimizeStats {
    let pin = commit.and_then(|commit| commit.pin(key)).filter(|_| found.rewritten > 0);
    let Some(pin) = pin else { return unchanged(key.to_string()) };
    DatasetOptimizeStats {
        fragments_removed: found.rewritten,
        fragments_added: pin.fragments - (found.fragments - found.rewritten),
        committed: true,
        published_dataset_version: Some(pin.table_version),
        lance_head_version: Some(pin.version.0),
        ..unchanged(key.to_string())
    }
}

fn unchanged(type_key: String) -> DatasetOptimizeStats {
    DatasetOptimizeStats {
        type_key,
        fragments_removed: 0,
        fragments_added: 0,
        committed: false,
        skipped: None,
        published_dataset_version: None,
        lance_head_version: None,
        pending_indexes: Vec::new(),
    }
}
