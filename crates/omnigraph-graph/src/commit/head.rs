//! Finding the head of a branch: the last record of its log.
//!
//! A log is dense, so a record that exists bounds the head from below: growing steps up from it find a free position, and
//! bisection the last record before that.
//!
//! Owns `__manifest/hints/<branch uid>.json`, which says how far the log had got at some time. A hint only tells a handle
//! that has seen nothing yet where to start, and only when a record stands there.
//!
//! Cost: one request when nothing happened since the last look, two more per doubling of what did; a cold handle starts
//! at the hint, or at the beginning of the log. Never a listing.

use std::sync::Arc;

use moka::sync::Cache;
use omnigraph_storage::{Root, StorageFailureKind};
use serde::{Deserialize, Serialize};

use super::format::{self, MANIFEST, STORAGE_FORMAT};
use super::ids::{BranchUid, Seq};
use super::log::Log;
use super::record::CommitRecord;
use super::refs::BranchRef;
use crate::error::{GraphError, Result};

/// Branches whose last seen head is kept per handle.
const CACHED: u64 = 4096;
/// A hint is written for every position that is a multiple of this.
const HINT_EVERY: u64 = 16;

#[derive(Serialize, Deserialize)]
struct Hint {
    format: u32,
    seq: Seq,
}

/// The last seen heads of one root.
#[derive(Clone)]
pub(crate) struct Heads {
    root: Root,
    log: Log,
    seen: Cache<BranchUid, Arc<CommitRecord>>,
}

impl Heads {
    /// Makes an empty cache over a log.
    pub(crate) fn new(root: Root, log: Log) -> Heads {
        Heads { root, log, seen: Cache::new(CACHED) }
    }

    /// Returns the newest record of a branch that is durable at this moment.
    ///
    /// # Errors
    /// A storage failure when a record that must exist does not.
    pub(crate) async fn find(&self, branch: &BranchRef) -> Result<Arc<CommitRecord>> {
        let head = match self.start(branch).await? {
            Some(start) => self.gallop(branch.uid, start).await?,
            None => {
                let first = self.log.get(branch.uid, Seq::FIRST).await?;
                let first = first.ok_or_else(|| missing(branch, Seq::FIRST))?;
                self.gallop(branch.uid, first).await?
            }
        };
        self.saw(branch.uid, &head);
        Ok(head)
    }

    /// Remembers a head that was just read or published.
    pub(crate) fn saw(&self, uid: BranchUid, head: &Arc<CommitRecord>) {
        // Going back to an older head in a race is harmless: the next look starts a little earlier.
        if self.seen.get(&uid).is_none_or(|seen| seen.seq < head.seq) {
            self.seen.insert(uid, head.clone());
        }
    }

    /// Tells whether a hint is due after publishing at this position.
    pub(crate) fn hint_due(seq: Seq) -> bool {
        seq.0.is_multiple_of(HINT_EVERY)
    }

    /// Stores a hint; a failure is logged, as nothing depends on it.
    pub(crate) async fn write_hint(&self, uid: BranchUid, seq: Seq) {
        let hint = format::encode(&Hint { format: STORAGE_FORMAT, seq });
        if let Err(error) = self.root.put(&hint_path(uid), hint).await {
            tracing::debug!(%error, %uid, "could not store the head hint");
        }
    }

    /// Returns a record at or below the head: the last one seen, the hinted one, the fork point, or none.
    async fn start(&self, branch: &BranchRef) -> Result<Option<Arc<CommitRecord>>> {
        if let Some(seen) = self.seen.get(&branch.uid) {
            return Ok(Some(seen));
        }
        if let Some(hinted) = self.hinted(branch.uid).await? {
            return Ok(Some(hinted));
        }
        let Some(fork) = branch.fork_point() else {
            return Ok(None);
        };
        match self.log.get(fork.branch_uid, fork.last).await? {
            Some(record) => Ok(Some(record)),
            None => Err(missing(branch, fork.last)),
        }
    }

    async fn hinted(&self, uid: BranchUid) -> Result<Option<Arc<CommitRecord>>> {
        let Some(bytes) = self.root.get(&hint_path(uid)).await? else {
            return Ok(None);
        };
        match serde_json::from_slice::<Hint>(&bytes) {
            Ok(hint) => self.log.get(uid, hint.seq).await,
            Err(_) => Ok(None),
        }
    }

    /// Finds the last record of a log that has one after `start`, which is `start` if there is none.
    async fn gallop(&self, uid: BranchUid, start: Arc<CommitRecord>) -> Result<Arc<CommitRecord>> {
        let mut last = start;
        let (mut step, mut looked) = (1, false);
        let mut high = loop {
            let probe = last.seq.0 + step;
            match self.log.get_after(last.id, uid, Seq(probe)).await? {
                Some(record) => {
                    // The first step is taken twice: one commit since the last look is the common case.
                    step = if looked { step * 2 } else { 1 };
                    (last, looked) = (record, true);
                }
                None => break probe,
            }
        };
        while high - last.seq.0 > 1 {
            let middle = last.seq.0 + (high - last.seq.0) / 2;
            match self.log.get_after(last.id, uid, Seq(middle)).await? {
                Some(record) => last = record,
                None => high = middle,
            }
        }
        Ok(last)
    }
}

fn missing(branch: &BranchRef, seq: Seq) -> GraphError {
    GraphError::storage(
        StorageFailureKind::NotFound,
        format!("the log of branch '{}' has no record {seq}", branch.name),
    )
}

fn hint_path(uid: BranchUid) -> String {
    format!("{MANIFEST}/hints/{uid}.json")
}
