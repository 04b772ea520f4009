//! Turns: writers of one branch in one process go one after the other, instead of losing races to each other.
//!
//! A writer that has written its versions passes its turn on before it publishes: the next one plans on the commit that
//! is about to be made, while the disk works for this one. It publishes only after that commit, or looks at the head
//! again when the commit did not come about as foreseen. Few may be on their way at once: when one fails, all that
//! follow it have to plan again.
//!
//! An optimisation, never needed for a right result: writers in other processes know nothing of it, and publication
//! alone arbitrates. Turns are handed out in order of arrival. A turn is lent for a limited time, so that a long load
//! does not hold up short mutations; each time a writer has to plan again its next turn lasts longer, so that a long
//! writer cannot lose for ever.

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
/// Longer than a short write takes on a busy machine, or over the network: who comes after an expired turn races.
const FIRST_LEASE: Duration = Duration::from_millis(500);
/// Writers of a branch between the begin of their turns and the end of their publication.
const ON_THE_WAY: usize = 4;
/// How long a writer waits for the commit that it planned on. Longer than a store takes when it is well.
const AHEAD_WAIT: Duration = Duration::from_secs(5);

/// The queues of one handle.
#[derive(Clone)]
pub(crate) struct Turns {
    queues: Cache<BranchUid, Arc<Queue>>,
}

struct Queue {
    turn: Arc<Semaphore>,
    slots: Arc<Semaphore>,
    /// What the writer that passed its turn on last is about to publish.
    ahead: Mutex<Option<Ahead>>,
}

impl Turns {
    /// Makes empty queues.
    pub(crate) fn new() -> Turns {
        Turns { queues: Cache::new(CACHED) }
    }

    /// Waits for the turn of a writer that has planned `plans` times before.
    pub(crate) async fn take(&self, uid: BranchUid, plans: u32) -> Turn {
        let queue = self.queues.get_with(uid, || Arc::new(Queue::new()));
        let permit = Mutex::new(queue.turn.clone().acquire_owned().await.ok());
        let slot = Mutex::new(queue.slots.clone().acquire_owned().await.ok());
        Turn { queue, permit, slot, lease: FIRST_LEASE * 4_u32.pow(plans.min(10)) }
    }
}

impl Queue {
    fn new() -> Queue {
        let (turn, slots) = (Semaphore::new(1), Semaphore::new(ON_THE_WAY));
        Queue { turn: Arc::new(turn), slots: Arc::new(slots), ahead: Mutex::default() }
    }
}

/// A place at the head of the queue.
pub(crate) struct Turn {
    queue: Arc<Queue>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    /// Kept until the write is published, or takes so long that nobody should wait for it.
    slot: Mutex<Option<OwnedSemaphorePermit>>,
    lease: Duration,
}

impl Turn {
    /// Runs a future to its end, or past its turn: the next writer has its own when the turn is passed on, dropped, or the
    /// lease runs out.
    pub(crate) async fn during<F: Future>(&self, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        if let Ok(output) = tokio::time::timeout(self.lease, work.as_mut()).await {
            return output;
        }
        let passed_on = self.permit.lock().take().is_none();
        if passed_on && let Ok(output) = tokio::time::timeout(AHEAD_WAIT, work.as_mut()).await {
            return output;
        }
        self.slot.lock().take();
        work.await
    }

    /// Returns the commit that the writer before is about to make, if that is still open.
    pub(crate) fn ahead(&self) -> Option<Ahead> {
        let mut ahead = self.queue.ahead.lock();
        if ahead.as_ref().is_some_and(|ahead| !ahead.is_open()) {
            *ahead = None;
        }
        ahead.clone()
    }

    /// Gives the turn to the next writer, and shows it the commit that this one is about to make.
    ///
    /// Nobody is shown anything when the turn was over before: others may have planned without it.
    pub(crate) fn pass_on(&self, commit: Snapshot) -> Fate {
        let (fate, watched) = watch::channel(false);
        if let Some(permit) = self.permit.lock().take() {
            *self.queue.ahead.lock() = Some(Ahead { commit, published: watched });
            drop(permit);
        }
        Fate(fate)
    }
}

/// A commit that another writer of this process is about to make.
#[derive(Clone)]
pub(crate) struct Ahead {
    commit: Snapshot,
    /// True once it is published; closed without when it is not published as foreseen.
    published: watch::Receiver<bool>,
}

impl Ahead {
    /// Returns the graph as that commit makes it.
    pub(crate) fn commit(&self) -> &Snapshot {
        &self.commit
    }

    /// Waits until the commit is published. False: it was not, not as foreseen, or takes too long.
    pub(crate) async fn published(&self) -> bool {
        let mut published = self.published.clone();
        matches!(
            tokio::time::timeout(AHEAD_WAIT, published.wait_for(|published| *published)).await,
            Ok(Ok(_))
        )
    }

    fn is_open(&self) -> bool {
        !*self.published.borrow() && self.published.has_changed().is_ok()
    }
}

/// What becomes of the commit that a writer has shown to the next one. Dropped, the commit was not made as foreseen.
pub(crate) struct Fate(watch::Sender<bool>);

impl Fate {
    /// Says that the commit was published as it was shown.
    pub(crate) fn published(self) {
        self.0.send_replace(true);
    }
}
