//! Background maintenance: what an open handle does behind its writes.
//!
//! After a commit it builds the declared indexes over large new files, and compacts tables of which much was deleted,
//! where the handle may. Nobody waits for it, and nobody needs it: a failure is left to the next write, to the first
//! use of an index, and to `optimize`. A compaction is a commit of its own, by [`ACTOR`].

use std::collections::BTreeSet;

use omnigraph_compiler::catalog::TypeKey;
use omnigraph_graph::commit::{BranchName, CommitKind, CommitRecord, Graph};
use omnigraph_storage::Table;

use super::{indexes, optimize};
use crate::error::Result;

/// Recorded as author of compactions that nobody asked for.
const ACTOR: &str = "omnigraph:maintenance";

/// Maintains the tables that a commit changed; `compact` allows commits.
///
/// # Errors
/// `Storage`; those of a write.
pub(crate) async fn maintain(
    graph: &Graph,
    branch: &BranchName,
    commit: &CommitRecord,
    compact: bool,
) -> Result<()> {
    let root = graph.root();
    let parent = match commit.parents.first() {
        Some(parent) => graph.log().get(parent.branch_uid, parent.seq).await?,
        None => None,
    };
    let mut sparse: BTreeSet<TypeKey> = BTreeSet::new();
    for pin in &commit.tables {
        let before = parent.as_ref().and_then(|parent| parent.pin(&pin.key()));
        if before.is_some_and(|before| before.version == pin.version) {
            continue;
        }
        // Both were opened by the write, so this is a look at the cache.
        let before = match before.filter(|before| before.path == pin.path) {
            Some(before) => Some(Table::open(root, &before.path, before.version).await?),
            None => None,
        };
        let table = Table::open(root, &pin.path, pin.version).await?;
        if table.gained_large_fragment(before.as_ref()) {
            indexes::build_for(&graph.at_seq(branch, commit.seq).await?, &pin.key(), &table).await?;
        }
        if table.is_sparse() {
            sparse.insert(pin.key());
        }
    }
    // A compaction does not call for another.
    if compact && !sparse.is_empty() && commit.kind != CommitKind::Maintenance {
        let tables: Vec<String> = sparse.iter().map(ToString::to_string).collect();
        tracing::debug!(%branch, ?tables, "compacting what is sparse");
        if let Some(commit) = optimize::compact(graph, branch, Some(ACTOR), Some(sparse)).await? {
            Box::pin(maintain(graph, branch, &commit, false)).await?;
        }
    }
    Ok(())
}
