//! What the writers of a handle count, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one handle since it was opened.
#[derive(Debug, Default)]
pub struct Counts {
    commits: AtomicU64,
    lost_races: AtomicU64,
    replans: AtomicU64,
    settled: AtomicU64,
}

impl Counts {
    /// A commit was published.
    pub(crate) fn committed(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Another writer published first; the same plan is tried again.
    pub(crate) fn lost_race(&self) {
        self.lost_races.fetch_add(1, Ordering::Relaxed);
    }

    /// A plan was void and is made again.
    pub(crate) fn replanned(&self) {
        self.replans.fetch_add(1, Ordering::Relaxed);
    }

    /// An operation that was left open was finished or discarded.
    pub(crate) fn settled(&self) {
        self.settled.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns commits, lost races, replans and settled operations.
    pub fn read(&self) -> [u64; 4] {
        [&self.commits, &self.lost_races, &self.replans, &self.settled]
            .map(|count| count.load(Ordering::Relaxed))
    }
}
