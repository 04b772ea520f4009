//! Walking the commits that a commit was made on, through first and merged parents.
//!
//! Records name their parents by log and position, so a walk needs no refs and crosses the logs of deleted branches. A
//! run is a stretch of one log in which each record has only the one before it as parent. A record names the start of
//! its run, so the walk knows which records it will need and reads some of them ahead.
//!
//! Cost: [`History`] reads each commit it yields once; [`merge_base`] the commits between the heads and the base; both
//! several at a time.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::commit::ids::BranchUid;
use crate::commit::log::{Log, LogPosition};
use crate::commit::refs::Segment;
use crate::commit::{CommitId, CommitRecord, Seq};
use crate::error::{GraphError, Result};

/// Records of a run read at the same time.
const PREFETCH: u64 = 16;

/// The ancestors of a commit, itself included, newest first: by descending position, then time, then id.
pub struct History {
    log: Log,
    /// Commits read whose parents are not, by the highest position that may still come from them.
    frontier: BinaryHeap<FrontierCommit>,
    /// Commits read, by their position in the listing.
    ready: BinaryHeap<Listed>,
    seen: HashSet<LogPosition>,
}

/// A commit whose parents are to be read.
struct FrontierCommit(Arc<CommitRecord>);

/// A commit to be listed.
struct Listed(Arc<CommitRecord>);

impl History {
    /// Starts at a commit.
    pub(crate) fn of(log: Log, head: Arc<CommitRecord>) -> History {
        let mut history =
            History { log, frontier: BinaryHeap::new(), ready: BinaryHeap::new(), seen: HashSet::new() };
        history.meet(head);
        history
    }

    /// Returns the next commit; none after the last.
    pub async fn next(&mut self) -> Result<Option<Arc<CommitRecord>>> {
        // A commit may be listed once no ancestor still unread can stand before it.
        while self.frontier.peek().is_some_and(|commit| {
            self.ready.peek().is_none_or(|listed| listed.0.seq <= commit.ancestors_reach())
        }) {
            let Some(FrontierCommit(record)) = self.frontier.pop() else { break };
            for parent in &record.parents {
                if !self.seen.contains(&(parent.branch_uid, parent.seq)) {
                    let same_run = parent.branch_uid == record.branch_uid && record.run_start < record.seq;
                    let lowest = if same_run { record.run_start } else { parent.seq };
                    let parent = read(&self.log, parent.branch_uid, parent.seq, lowest).await?;
                    self.meet(parent);
                }
            }
        }
        Ok(self.ready.pop().map(|listed| listed.0))
    }

    fn meet(&mut self, record: Arc<CommitRecord>) {
        if self.seen.insert((record.branch_uid, record.seq)) {
            if !record.parents.is_empty() {
                self.frontier.push(FrontierCommit(record.clone()));
            }
            self.ready.push(Listed(record));
        }
    }
}

impl FrontierCommit {
    /// Bounds the positions of the ancestors from above.
    fn ancestors_reach(&self) -> Seq {
        self.0.reach
    }
}

impl Ord for FrontierCommit {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.reach, self.0.id).cmp(&(other.0.reach, other.0.id))
    }
}

impl Ord for Listed {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |record: &CommitRecord| (record.seq, record.created_at, record.id);
        key(&self.0).cmp(&key(&other.0))
    }
}

macro_rules! ordered {
    ($name:ident) => {
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other) == Ordering::Equal
            }
        }
        impl Eq for $name {}
    };
}
ordered!(FrontierCommit);
ordered!(Listed);

/// Reads a record that another names, and some before it, down to `lowest`, ahead of need.
async fn read(log: &Log, uid: BranchUid, seq: Seq, lowest: Seq) -> Result<Arc<CommitRecord>> {
    if !log.is_cached(uid, seq) {
        let lowest = seq.0.saturating_sub(PREFETCH - 1).max(lowest.0);
        let ahead = (lowest..=seq.0).map(|at| {
            let log = log.clone();
            async move { log.get(uid, Seq(at)).await }.boxed()
        });
        stream::iter(ahead).buffer_unordered(PREFETCH as usize).try_collect::<Vec<_>>().await?;
    }
    existing(log, uid, seq).await
}

async fn existing(log: &Log, uid: BranchUid, seq: Seq) -> Result<Arc<CommitRecord>> {
    log.get(uid, seq).await?.ok_or_else(|| {
        GraphError::internal(format!("commit {seq} of log {uid} is named by another commit and is missing"))
    })
}

/// What a search for common ancestors knows of a commit: how far it is from either head, if it descends to it.
#[derive(Clone, Copy, Default)]
struct Reached {
    left: Option<u64>,
    right: Option<u64>,
    /// Whether a common ancestor is among its descendants.
    stale: bool,
}

/// A commit whose parents are to be read; the newest id comes first, so after all its descendants.
struct Newest(Arc<CommitRecord>);

impl Ord for Newest {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.id.cmp(&other.0.id)
    }
}
ordered!(Newest);

/// The walk from two heads downwards. As ids ascend along every path, a commit is met after all its descendants, and
/// what is known of it then is final.
#[derive(Default)]
struct Search {
    reached: HashMap<CommitId, Reached>,
    queue: BinaryHeap<Newest>,
    /// Commits in the queue that may still lead to a common ancestor.
    open: usize,
}

impl Search {
    /// Notes a way to a commit; the shortest one to each head counts.
    fn reach(&mut self, record: Arc<CommitRecord>, way: Reached) {
        let is_new = !self.reached.contains_key(&record.id);
        let known = self.reached.entry(record.id).or_default();
        let was_open = !is_new && !known.stale;
        let shorter = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        *known = Reached {
            left: shorter(known.left, way.left),
            right: shorter(known.right, way.right),
            stale: known.stale || way.stale,
        };
        self.open += usize::from(!known.stale);
        self.open -= usize::from(was_open);
        if is_new {
            self.queue.push(Newest(record));
        }
    }
}

/// Returns the merge base of two commits: of their common ancestors that no other common ancestor descends from, the one
/// with the smallest sum of distances to both, ties to the larger position, then the later creation, then the larger id.
/// None when they share no ancestor.
///
/// An ancestor of another common ancestor is never a base, however near a merge makes it: what happened between the two
/// is in both heads, and would count as a change of one of them.
/// Source: the painting walk of `git merge-base`.
pub async fn merge_base(
    log: &Log,
    a: &Arc<CommitRecord>,
    b: &Arc<CommitRecord>,
) -> Result<Option<Arc<CommitRecord>>> {
    let mut search = Search::default();
    search.reach(a.clone(), Reached { left: Some(0), ..Reached::default() });
    search.reach(b.clone(), Reached { right: Some(0), ..Reached::default() });
    let mut best: Option<(Reverse<u64>, Seq, i64, Arc<CommitRecord>)> = None;
    while search.open > 0 {
        let Some(Newest(record)) = search.queue.pop() else { break };
        let mut reached = search.reached.get(&record.id).copied().unwrap_or_default();
        search.open -= usize::from(!reached.stale);
        if let (Some(left), Some(right), false) = (reached.left, reached.right, reached.stale) {
            let candidate = (Reverse(left + right), record.seq, record.created_at, record.clone());
            let order = |c: &(Reverse<u64>, Seq, i64, Arc<CommitRecord>)| (c.0, c.1, c.2, c.3.id);
            if best.as_ref().is_none_or(|best| order(best) < order(&candidate)) {
                best = Some(candidate);
            }
            reached.stale = true;
        }
        let way = Reached {
            left: reached.left.map(|distance| distance + 1),
            right: reached.right.map(|distance| distance + 1),
            stale: reached.stale,
        };
        for parent in &record.parents {
            let same_run = parent.branch_uid == record.branch_uid && record.run_start < record.seq;
            let lowest = if same_run { record.run_start } else { parent.seq };
            let parent = read(log, parent.branch_uid, parent.seq, lowest).await?;
            search.reach(parent, way);
        }
    }
    Ok(best.map(|(.., record)| record))
}

/// Returns the runs of first parents that end at a commit, oldest first: what a branch that begins there inherits.
pub(crate) async fn lineage(log: &Log, record: &CommitRecord) -> Result<Vec<Segment>> {
    let mut segments = vec![Segment { branch_uid: record.branch_uid, last: record.seq }];
    let mut start = existing(log, record.branch_uid, record.run_start).await?;
    while let Some(parent) = start.parents.first().copied() {
        if parent.branch_uid != start.branch_uid {
            segments.push(Segment { branch_uid: parent.branch_uid, last: parent.seq });
        }
        let before = existing(log, parent.branch_uid, parent.seq).await?;
        start = existing(log, before.branch_uid, before.run_start).await?;
    }
    segments.reverse();
    Ok(segments)
}
