//! The commit queue of a branch: writers of one process go one after the other, instead of losing races to each other.
//!
//! A writer waits for its [`Turn`]. When its plan is made and its table versions are written, it hands the turn on and
//! shows the next writer its [`PendingCommit`], the commit that it is about to make. The next one plans on that commit
//! while the disk still works for this one. What it planned is published, and what it answers is told, only after the
//! pending commit is published; when that is not published as it was shown, the writer looks at the head and, where its
//! plan does not hold there, plans again. So a failure costs a new plan for every writer behind it, and few are let in at
//! once.
//!
//! The queue is an optimisation, never needed for a right result: writers in other processes know nothing of it, and
//! publication alone arbitrates. Turns are given in order of arrival. A turn lasts a limited time, so that a long load
//! does not hold up short mutations; it lasts longer each time its writer has to plan again, so that a long writer cannot
//! lose for ever.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::ids::BranchUid;
use super::snapshot::Snapshot;

/// Branches with writers that are kept per handle; forgetting one only costs lost races.
const CACHED: u64 = 4096;
/// How long a first turn lasts: longer than a short write takes on a busy machine, or over the network.
const FIRST_TURN: Duration = Duration::from_millis(500);
/// Writers of a branch between the begin of their turns and the end of their publication.
const SLOTS: usize = 4;
/// How long a writer waits for a pending commit. Longer than a store takes when it is well.
const PENDING_WAIT: Duration = Duration::from_secs(5);

/// The commit queues of one handle, one per branch.
#[derive(Clone)]
pub(crate) struct CommitQueues {
    queues: Cache<BranchUid, Arc<CommitQueue>>,
}

/// The writers of one branch.
struct CommitQueue {
    turn: Arc<Semaphore>,
    slots: Arc<Semaphore>,
    /// What the writer that handed its turn on last is about to publish.
    pending: Mutex<Option<PendingCommit>>,
}

impl CommitQueues {
    /// Makes empty queues.
    pub(crate) fn new() -> CommitQueues {
        CommitQueues { queues: Cache::new(CACHED) }
    }

    /// Waits for the turn of a writer that has planned `plans` times before.
    pub(crate) async fn turn(&self, uid: BranchUid, plans: u32) -> Turn {
        let queue = self.queues.get_with(uid, || Arc::new(CommitQueue::new()));
        let permit = Mutex::new(queue.turn.clone().acquire_owned().await.ok());
        let slot = Mutex::new(queue.slots.clone().acquire_owned().await.ok());
        Turn { queue, permit, slot, limit: FIRST_TURN * 4_u32.pow(plans.min(10)) }
    }
}

impl CommitQueue {
    fn new() -> CommitQueue {
        let (turn, slots) = (Semaphore::new(1), Semaphore::new(SLOTS));
        CommitQueue { turn: Arc::new(turn), slots: Arc::new(slots), pending: Mutex::default() }
    }
}

/// The right of one writer to plan before those behind it.
pub(crate) struct Turn {
    queue: Arc<CommitQueue>,
    /// Held until the turn is handed on or over.
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    /// Held until the write is published, or takes so long that nobody should wait for it.
    slot: Mutex<Option<OwnedSemaphorePermit>>,
    limit: Duration,
}

impl Turn {
    /// Runs a writer to its end. The next writer has its turn when this one is handed on or dropped, or its time is up.
    pub(crate) async fn run<F: Future>(&self, write: F) -> F::Output {
        let mut write = std::pin::pin!(write);
        if let Ok(output) = tokio::time::timeout(self.limit, write.as_mut()).await {
            return output;
        }
        let handed_on = self.permit.lock().take().is_none();
        if handed_on && let Ok(output) = tokio::time::timeout(PENDING_WAIT, write.as_mut()).await {
            return output;
        }
        self.slot.lock().take();
        write.await
    }

    /// Returns the commit that the writer before is about to make, if it has shown one and its outcome is open.
    pub(crate) fn pending(&self) -> Option<PendingCommit> {
        let mut pending = self.queue.pending.lock();
        if pending.as_ref().is_some_and(|pending| !pending.is_open()) {
            *pending = None;
        }
        pending.clone()
    }

    /// Hands the turn to the next writer, and shows it the commit that this one is about to make.
    ///
    /// Nobody is shown anything when the time of the turn was up: others may have planned without it.
    pub(crate) fn hand_on(&self, commit: Snapshot) -> PublishOutcome {
        let (outcome, published) = watch::channel(false);
        if let Some(permit) = self.permit.lock().take() {
            *self.queue.pending.lock() = Some(PendingCommit { commit, published });
            drop(permit);
        }
        PublishOutcome(outcome)
    }
}

/// A commit that another writer of this process is about to make.
#[derive(Clone)]
pub(crate) struct PendingCommit {
    commit: Snapshot,
    /// True once it is published; closed without when it is not published as it was shown.
    published: watch::Receiver<bool>,
}

impl PendingCommit {
    /// Returns the graph as that commit makes it.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.commit
    }

    /// Waits until the commit is published. False: it was not, not as it was shown, or takes too long.
    pub(crate) async fn published(&self) -> bool {
        let mut published = self.published.clone();
        let published = tokio::time::timeout(PENDING_WAIT, published.wait_for(|published| *published)).await;
        matches!(published, Ok(Ok(_)))
    }

    fn is_open(&self) -> bool {
        !*self.published.borrow() && self.published.has_changed().is_ok()
    }
}

/// Tells the writers behind what became of a pending commit. Dropped, it says that the commit was not made as shown.
pub(crate) struct PublishOutcome(watch::Sender<bool>);

impl PublishOutcome {
    /// Says that the commit was published as it was shown.
    pub(crate) fn published(self) {
        self.0.send_replace(true);
    }
}
