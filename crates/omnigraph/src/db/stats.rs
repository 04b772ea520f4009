//! What a handle counts.

use futures::future::BoxFuture;
use omnigraph_query;
use omnigraph_storage::objects::stats::{CacheStats, StorageStats};

use super::handle::Omnigraph;
use crate::error::Result;

/// Counters of a handle and its clones since it was opened, and what the process caches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandleStats {
    /// Commits published.
    pub commits: u64,
    /// Times another writer published first and the same plan was tried on its commit.
    pub lost_races: u64,
    /// Times a write was planned again, as another commit had touched what it read or wrote.
    pub replans: u64,
    /// Operations that were left open, by this handle or by a crash, and were finished or discarded.
    pub settled: u64,
    /// Operations of this handle that are open: its next write settles them.
    pub open_intents: u64,
    /// What it asked its store for.
    pub storage: StorageStats,
    /// Caches, shared by all handles of the process that have one memory budget.
    pub caches: Vec<CacheStats>,
}

impl Omnigraph {
    /// Returns the counters.
    ///
    /// # Errors
    /// [`OmniError::Storage`](crate::OmniError::Storage) when there is no client of the store any more.
    pub fn stats<'a>(&'a self) -> BoxFuture<'a, Result<HandleStats>> {
        Box::pin(async move {
            let root = self.graph.root();
            let [commits, lost_races, replans, settled] = self.graph.counts().read();
            let mut caches = root.cache_stats();
            caches.extend(omnigraph_query::cache::Caches::of(root.memory_budget())?.stats());
            Ok(HandleStats {
                commits,
                lost_races,
                replans,
                settled,
                open_intents: self.graph.unsettled_intents().operations().len() as u64,
                storage: root.stats().await?,
                caches,
            })
        })
    }
}
