//! Finding commits: by id, by descent from a branch's head, and the base of a merge.
//!
//! [`at_commit`] is free for commits met before; otherwise it bisects the logs, as ids ascend along them: about
//! log₂(n) requests for `main`, the same again per live branch for a commit that is not on `main`.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use omnigraph_storage::StorageFailureKind;

use super::control;
use super::history::{self, History};
use crate::commit::log::Log;
use crate::commit::record::BranchTarget;
use crate::commit::refs::{self, BranchRef};
use crate::commit::{BranchName, CommitId, CommitRecord, Graph, Seq, Snapshot};
use crate::error::{GraphError, Result};

/// Branches searched at the same time for a commit.
const SEARCHED_AT_ONCE: usize = 8;

/// Returns the state one commit made.
///
/// # Errors
/// Not found (`commit '<id>' not found`) when no live branch contains it.
pub async fn at_commit(graph: &Graph, id: &CommitId) -> Result<Snapshot> {
    let absent = || GraphError::not_found(format!("commit '{id}' not found"));
    let record = find_commit(graph, *id).await?.ok_or_else(absent)?;
    let target = BranchTarget { uid: record.branch_uid, name: record.branch.clone() };
    match graph.snapshot(record.clone(), target, false).await {
        // A cleanup elsewhere may have removed the commit, which this process remembers, together with its contract.
        Err(GraphError::Storage(failure)) if failure.kind == StorageFailureKind::NotFound => {
            graph.log().forget(&record);
            find_commit(graph, *id).await?.ok_or_else(absent)?;
            Err(GraphError::Storage(failure))
        }
        found => found,
    }
}

/// Returns the ancestors of a branch's head, the head included, newest first.
///
/// # Errors
/// [`GraphError::BranchNotFound`].
pub async fn history(graph: &Graph, branch: &BranchName) -> Result<History> {
    let (_, head) = graph.find_head(branch).await?;
    Ok(History::of(graph.log().clone(), head))
}

/// Returns the common ancestor that a merge of two commits compares both with.
///
/// # Errors
/// Internal when there is none: all commits of a graph descend from its first.
pub async fn merge_base(graph: &Graph, a: &Snapshot, b: &Snapshot) -> Result<Snapshot> {
    let base = history::merge_base(graph.log(), &a.shared_record(), &b.shared_record()).await?;
    let base = base.ok_or_else(|| {
        GraphError::internal(format!(
            "commits {} and {} have no common ancestor",
            a.record().id,
            b.record().id
        ))
    })?;
    let target = BranchTarget { uid: base.branch_uid, name: base.branch.clone() };
    graph.snapshot(base, target, false).await
}

/// Finds a commit on a live branch, or on one that was deleted and not yet cleaned up.
pub(crate) async fn find_commit(graph: &Graph, id: CommitId) -> Result<Option<Arc<CommitRecord>>> {
    if let Some((uid, seq)) = graph.log().position_of(id) {
        return graph.log().get(uid, seq).await;
    }
    if let Some(record) = find_commit_on(graph, &graph.branch(&BranchName::main()).await?, id).await? {
        return Ok(Some(record));
    }
    let others = graph.branches().await?.into_iter().filter(|name| !name.is_main());
    let searching = others.map(|name| search_if_live(graph.clone(), name, id).boxed());
    let mut searches = stream::iter(searching).buffer_unordered(SEARCHED_AT_ONCE);
    while let Some(found) = searches.try_next().await? {
        if found.is_some() {
            return Ok(found);
        }
    }
    for retired in control::retired(graph.root()).await? {
        if let Some(record) = find_commit_on(graph, &retired.branch, id).await? {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// Bisects the history of a branch, along which ids ascend.
async fn find_commit_on(
    graph: &Graph,
    branch: &BranchRef,
    id: CommitId,
) -> Result<Option<Arc<CommitRecord>>> {
    let head = graph.heads().find(branch).await?;
    if head.id <= id {
        return Ok((head.id == id).then_some(head));
    }
    let (mut low, mut high) = (Seq::FIRST.0, head.seq.0);
    while low < high {
        let middle = low + (high - low) / 2;
        let seq = Seq(middle);
        let record = record_at(graph.log().clone(), branch.clone(), seq).await?;
        match record.id.cmp(&id) {
            std::cmp::Ordering::Equal => return Ok(Some(record)),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Ok(None)
}

/// Reads a record that exists, as it is not above the head.
async fn record_at(log: Log, branch: BranchRef, seq: Seq) -> Result<Arc<CommitRecord>> {
    let record = log.get(branch.holder(seq), seq).await?;
    record.ok_or_else(|| {
        GraphError::internal(format!("the log of branch '{}' has no record {seq}", branch.name))
    })
}

/// Searches a branch that was listed; it may have been deleted since.
async fn search_if_live(graph: Graph, name: BranchName, id: CommitId) -> Result<Option<Arc<CommitRecord>>> {
    match refs::load(graph.root(), &name).await? {
        Some(branch) => find_commit_on(&graph, &branch, id).await,
        None => Ok(None),
    }
}
