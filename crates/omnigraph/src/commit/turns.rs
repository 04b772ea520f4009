//! Turns: writers of one branch in one process go one after the other, instead of losing races to each other.
//!
//! An optimisation, never needed for a right result: writers in other processes know nothing of it, and publication
//! alone arbitrates. Turns are handed out in order of arrival. A turn is lent for a limited time, so that a long load
//! does not hold up short mutations; each time a writer has to plan again its next turn lasts longer, so that a long
//! writer cannot lose for ever.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ids::BranchUid;

/// Branches with writers that are kept per handle; forgetting one only costs lost races.
const CACHED: u64 = 4096;
const FIRST_LEASE: Duration = Duration::from_millis(50);

/// The queues of one handle.
#[derive(Clone)]
pub(crate) struct Turns {
    queues: Cache<BranchUid, Arc<Semaphore>>,
}

impl Turns {
    /// Makes empty queues.
    pub(crate) fn new() -> Turns {
        Turns { queues: Cache::new(CACHED) }
    }

    /// Waits for the turn of a writer that has planned `plans` times before.
    pub(crate) async fn take(&self, uid: BranchUid, plans: u32) -> Turn {
        let queue = self.queues.get_with(uid, || Arc::new(Semaphore::new(1)));
        let permit = queue.acquire_owned().await.ok();
        Turn { permit, lease: FIRST_LEASE * 4_u32.pow(plans.min(10)) }
    }
}

/// A place at the head of the queue.
pub(crate) struct Turn {
    permit: Option<OwnedSemaphorePermit>,
    lease: Duration,
}

impl Turn {
    /// Runs a future to its end, and gives the turn to the next writer when it ends or the lease runs out.
    pub(crate) async fn during<F: Future>(mut self, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        match tokio::time::timeout(self.lease, work.as_mut()).await {
            Ok(output) => output,
            Err(_) => {
                self.permit = None;
                work.await
            }
        }
    }
}
