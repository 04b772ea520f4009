//! Walking the commits that a commit was made on, through first and merged parents.
//!
//! Records name their parents by place, so a walk needs no refs and crosses the logs of deleted branches. A run is a
//! stretch of one log in which each record has only the one before it as parent; a record names the start of its run, so
//! a walk that looks for common ancestors reads one record per fork or merge, not one per commit.
//!
//! Cost: [`History`] reads each commit it yields once, several at a time; [`merge_base`] reads two records per run between
//! the heads and the base.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::ids::{BranchUid, Seq};
use super::log::{Log, Place};
use super::record::CommitRecord;
use super::refs::Segment;
use crate::error::{OmniError, Result};

/// Records of a run read at the same time.
const PREFETCH: u64 = 16;

/// The ancestors of a commit, itself included, newest first: by descending place, then time, then id.
pub(crate) struct History {
    log: Log,
    /// Commits read whose parents are not, by the highest place that may still come from them.
    frontier: BinaryHeap<Pending>,
    /// Commits read, by their place in the listing.
    ready: BinaryHeap<Listed>,
    seen: HashSet<Place>,
}

/// A commit whose parents are to be read.
struct Pending(Arc<CommitRecord>);

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
    pub(crate) async fn next(&mut self) -> Result<Option<Arc<CommitRecord>>> {
        // A commit may be listed once no ancestor still unread can stand before it.
        while self.frontier.peek().is_some_and(|pending| {
            self.ready.peek().is_none_or(|listed| listed.0.seq <= pending.ancestors_reach())
        }) {
            let Some(Pending(record)) = self.frontier.pop() else { break };
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
                self.frontier.push(Pending(record.clone()));
            }
            self.ready.push(Listed(record));
        }
    }
}

impl Pending {
    /// Bounds the places of the ancestors from above.
    fn ancestors_reach(&self) -> Seq {
        self.0.reach
    }
}

impl Ord for Pending {
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
ordered!(Pending);
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
        OmniError::internal(format!("commit {seq} of log {uid} is named by another commit and is missing"))
    })
}

/// A run on the way from a head: records `start..=end` of one log, `end` at a distance from the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    distance: u64,
    uid: BranchUid,
    end: Seq,
    start: Seq,
}

/// One side of the search for a common ancestor: runs in order of distance.
struct Side {
    queue: BinaryHeap<Reverse<Run>>,
    entered: HashSet<Place>,
    by_log: HashMap<BranchUid, Vec<Run>>,
}

impl Side {
    fn new(head: &CommitRecord) -> Side {
        let mut side = Side { queue: BinaryHeap::new(), entered: HashSet::new(), by_log: HashMap::new() };
        side.enter(head, 0);
        side
    }

    fn enter(&mut self, record: &CommitRecord, distance: u64) {
        // The queue hands runs out nearest first, so the first way to a place is a shortest one.
        self.queue.push(Reverse(Run {
            distance,
            uid: record.branch_uid,
            end: record.seq,
            start: record.run_start,
        }));
    }

    /// Distance of everything not met yet is at least this.
    fn horizon(&self) -> Option<u64> {
        self.queue.peek().map(|run| run.0.distance)
    }

    /// Takes the nearest run and enters the runs its first record was made on.
    async fn advance(&mut self, log: &Log) -> Result<Option<Run>> {
        let Some(Reverse(run)) = self.queue.pop() else { return Ok(None) };
        if !self.entered.insert((run.uid, run.end)) {
            return Ok(None);
        }
        self.by_log.entry(run.uid).or_default().push(run);
        let first = existing(log, run.uid, run.start).await?;
        for parent in &first.parents {
            let parent = existing(log, parent.branch_uid, parent.seq).await?;
            self.enter(&parent, run.distance + (run.end.0 - run.start.0) + 1);
        }
        Ok(Some(run))
    }
}

/// A common ancestor: its place and the sum of its distances to both heads.
#[derive(Clone, Copy, Debug)]
struct Common {
    sum: u64,
    uid: BranchUid,
    seq: Seq,
}

/// Returns the highest record of a run that is also in one of the others, with the sum of the distances.
fn meet(run: Run, others: Option<&Vec<Run>>) -> impl Iterator<Item = Common> + '_ {
    others.into_iter().flatten().filter_map(move |other| {
        let (low, high) = (run.start.max(other.start), run.end.min(other.end));
        (low <= high).then(|| Common {
            sum: run.distance + (run.end.0 - high.0) + other.distance + (other.end.0 - high.0),
            uid: run.uid,
            seq: high,
        })
    })
}

/// Returns the merge base of two commits: the common ancestor with the smallest sum of distances to both, ties to the
/// larger place, then the later creation, then the larger id. None when they share no ancestor.
pub(crate) async fn merge_base(
    log: &Log,
    a: &CommitRecord,
    b: &CommitRecord,
) -> Result<Option<Arc<CommitRecord>>> {
    let (mut left, mut right) = (Side::new(a), Side::new(b));
    let mut found: Vec<Common> = Vec::new();
    loop {
        let best = found.iter().map(|common| common.sum).min();
        // An ancestor not found yet lies in a run that one of the sides has not met.
        let beyond = |horizon: Option<u64>| match (horizon, best) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(horizon), Some(best)) => horizon > best,
        };
        if beyond(left.horizon()) && beyond(right.horizon()) {
            break;
        }
        let leftmost = match (left.horizon(), right.horizon()) {
            (Some(l), Some(r)) => l <= r,
            (l, _) => l.is_some(),
        };
        let (near, far) = if leftmost { (&mut left, &right) } else { (&mut right, &left) };
        if let Some(run) = near.advance(log).await? {
            found.extend(meet(run, far.by_log.get(&run.uid)));
        }
    }
    let Some(best) = found.iter().map(|common| common.sum).min() else { return Ok(None) };
    let mut base: Option<Arc<CommitRecord>> = None;
    for common in found.into_iter().filter(|common| common.sum == best) {
        let record = existing(log, common.uid, common.seq).await?;
        let order = |r: &CommitRecord| (r.seq, r.created_at, r.id);
        if base.as_ref().is_none_or(|held| order(held) < order(&record)) {
            base = Some(record);
        }
    }
    Ok(base)
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
