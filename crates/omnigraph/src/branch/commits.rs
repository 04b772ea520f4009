//! Finding commits: by id, by descent from a branch's head, and the base of a merge.
//!
//! [`Graph::at_commit`] is free for commits met before; otherwise it bisects the logs, as ids ascend along them: about
//! log₂(n) requests for `main`, the same again per live branch for a commit that is not on `main`.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::control;
use super::history::{History, merge_base};
use crate::commit::log::Log;
use crate::commit::record::Lane;
use crate::commit::refs::{self, BranchRef};
use crate::commit::{BranchName, CommitId, CommitRecord, Graph, Seq, Snapshot};
use crate::error::{OmniError, Result, StorageFailureKind};

/// Branches searched at the same time for a commit.
const SEARCHED_AT_ONCE: usize = 8;

impl Graph {
    /// Returns the state one commit made.
    ///
    /// # Errors
    /// Not found (`commit '<id>' not found`) when no live branch contains it.
    pub(crate) async fn at_commit(&self, id: &CommitId) -> Result<Snapshot> {
        let absent = || OmniError::not_found(format!("commit '{id}' not found"));
        let record = self.find_commit(*id).await?.ok_or_else(absent)?;
        let lane = Lane { uid: record.branch_uid, name: record.branch.clone() };
        match self.snapshot(record.clone(), lane, false).await {
            // A cleanup elsewhere may have removed the commit, which this process remembers, together with its contract.
            Err(OmniError::Storage(failure)) if failure.kind == StorageFailureKind::NotFound => {
                self.log().forget(&record);
                self.find_commit(*id).await?.ok_or_else(absent)?;
                Err(OmniError::Storage(failure))
            }
            found => found,
        }
    }

    /// Returns the ancestors of a branch's head, the head included, newest first.
    ///
    /// # Errors
    /// [`OmniError::BranchNotFound`].
    pub(crate) async fn history(&self, branch: &BranchName) -> Result<History> {
        let (_, head) = self.find_head(branch).await?;
        Ok(History::of(self.log().clone(), head))
    }

    /// Returns the common ancestor that a merge of two commits compares both with.
    ///
    /// # Errors
    /// Internal when there is none: all commits of a graph descend from its first.
    pub(crate) async fn merge_base(&self, a: &Snapshot, b: &Snapshot) -> Result<Snapshot> {
        let base = merge_base(self.log(), &a.shared_record(), &b.shared_record()).await?;
        let base = base.ok_or_else(|| {
            OmniError::internal(format!(
                "commits {} and {} have no common ancestor",
                a.record().id,
                b.record().id
            ))
        })?;
        let lane = Lane { uid: base.branch_uid, name: base.branch.clone() };
        self.snapshot(base, lane, false).await
    }

    /// Finds a commit on a live branch, or on one that was deleted and not yet cleaned up.
    pub(crate) async fn find_commit(&self, id: CommitId) -> Result<Option<Arc<CommitRecord>>> {
        if let Some((uid, seq)) = self.log().place_of(id) {
            return self.log().get(uid, seq).await;
        }
        if let Some(record) = self.find_commit_on(&self.branch(&BranchName::main()).await?, id).await? {
            return Ok(Some(record));
        }
        let others = self.branches().await?.into_iter().filter(|name| !name.is_main());
        let searching = others.map(|name| search_if_live(self.clone(), name, id).boxed());
        let mut searches = stream::iter(searching).buffer_unordered(SEARCHED_AT_ONCE);
        while let Some(found) = searches.try_next().await? {
            if found.is_some() {
                return Ok(found);
            }
        }
        for retired in control::retired(self.root()).await? {
            if let Some(record) = self.find_commit_on(&retired.branch, id).await? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Bisects the history of a branch, along which ids ascend.
    async fn find_commit_on(&self, branch: &BranchRef, id: CommitId) -> Result<Option<Arc<CommitRecord>>> {
        let head = self.heads().find(branch).await?;
        if head.id <= id {
            return Ok((head.id == id).then_some(head));
        }
        let (mut low, mut high) = (Seq::FIRST.0, head.seq.0);
        while low < high {
            let middle = low + (high - low) / 2;
            let seq = Seq(middle);
            let record = record_at(self.log().clone(), branch.clone(), seq).await?;
            match record.id.cmp(&id) {
                std::cmp::Ordering::Equal => return Ok(Some(record)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}

/// Reads a record that exists, as it is not above the head.
async fn record_at(log: Log, branch: BranchRef, seq: Seq) -> Result<Arc<CommitRecord>> {
    let record = log.get(branch.holder(seq), seq).await?;
    record.ok_or_else(|| {
        OmniError::internal(format!("the log of branch '{}' has no record {seq}", branch.name))
    })
}

/// Searches a branch that was listed; it may have been deleted since.
async fn search_if_live(graph: Graph, name: BranchName, id: CommitId) -> Result<Option<Arc<CommitRecord>>> {
    match refs::load(graph.root(), &name).await? {
        Some(branch) => graph.find_commit_on(&branch, id).await,
        None => Ok(None),
    }
}
