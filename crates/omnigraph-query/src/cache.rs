//! What queries keep between runs: topologies, hot columns, and the execution runtime.
//!
//! Every entry is keyed by exact table versions or by data files, so none is ever stale. One set of caches exists per
//! memory budget in the process; topologies and columns may hold a quarter of the budget each, and running operators
//! another quarter before they spill to disk. Concurrent requests for one entry build it once.
//!
//! A structure that answers many requests at once is made when the work spent without it, over all queries, comes near
//! what making it costs; `Caches::spend` adds that work up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use arrow_array::{Array, ArrayRef};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use omnigraph_storage::Table;
use omnigraph_storage::objects::stats::CacheStats;
use omnigraph_storage::tables::values::BlockKey;
use parking_lot::Mutex;

use super::topology::{AddressMap, EdgeTables, TablePaths, Topology, TopologyKey};
use crate::error::Result;

/// One row taken costs about as much as this many rows of a block that is read whole.
const TAKE_COST: u64 = 8;

/// Names one immutable table version across all roots of the process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TableKey {
    root: String,
    path: String,
    version: u64,
}

impl TableKey {
    pub(crate) fn of(table: &Table) -> TableKey {
        TableKey {
            root: table.root().uri().to_owned(),
            path: table.path().to_owned(),
            version: table.version().0,
        }
    }
}

/// The caches of one memory budget.
pub struct Caches {
    /// Memory of one query's operators, shared by all queries.
    pub(crate) runtime: Arc<RuntimeEnv>,
    /// Most bytes one cached block of a column may have.
    pub(crate) column_bytes: usize,
    /// Most bytes one topology may have.
    pub(crate) topology_bytes: usize,
    /// `None`: too large to hold.
    pub(crate) topologies: moka::future::Cache<TopologyKey, Option<Arc<Topology>>>,
    /// Ranks of nodes by ordinal.
    pub(crate) pageranks: moka::future::Cache<TopologyKey, ArrayRef>,
    /// The versions of some tables of which a topology was made last.
    pub(crate) latest: moka::sync::Cache<TablePaths, EdgeTables>,
    pub(crate) addresses: moka::future::Cache<TableKey, Arc<AddressMap>>,
    /// `None`: too large to hold.
    pub(crate) columns: moka::future::Cache<BlockKey, Option<ArrayRef>>,
    work: moka::sync::Cache<String, Arc<AtomicU64>>,
}

static CACHES: LazyLock<Mutex<BTreeMap<u64, Arc<Caches>>>> = LazyLock::new(Default::default);

impl Caches {
    /// Returns the caches of a budget in bytes.
    pub fn of(budget: u64) -> Result<Arc<Caches>> {
        let mut all = CACHES.lock();
        if let Some(caches) = all.get(&budget) {
            return Ok(caches.clone());
        }
        let caches = Arc::new(Caches::new(budget)?);
        all.insert(budget, caches.clone());
        Ok(caches)
    }

    fn new(budget: u64) -> Result<Caches> {
        let share = budget / 4;
        let bytes = usize::try_from(share).unwrap_or(usize::MAX);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(bytes.max(1 << 20))))
            .build_arc()?;
        let weigh = |bytes: usize| u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
        Ok(Caches {
            runtime,
            column_bytes: (bytes / 4).min(1 << 30),
            topology_bytes: bytes,
            topologies: moka::future::Cache::builder()
                .max_capacity(share / 1024)
                .weigher(move |_, t: &Option<Arc<Topology>>| weigh(t.as_ref().map_or(0, |t| t.bytes())))
                .build(),
            pageranks: moka::future::Cache::builder()
                .max_capacity(share / 8192)
                .weigher(move |_, ranks: &ArrayRef| weigh(ranks.get_array_memory_size()))
                .build(),
            latest: moka::sync::Cache::new(4096),
            addresses: moka::future::Cache::builder()
                .max_capacity(share / 8192)
                .weigher(move |_, map: &Arc<AddressMap>| weigh(map.bytes()))
                .build(),
            columns: moka::future::Cache::builder()
                .max_capacity(share / 1024)
                .weigher(move |_, c: &Option<ArrayRef>| {
                    weigh(c.as_ref().map_or(0, |c| c.get_array_memory_size()))
                })
                .build(),
            work: moka::sync::Cache::new(16_384),
        })
    }

    /// Returns what the caches hold, by name.
    pub fn stats(&self) -> Vec<CacheStats> {
        // These caches weigh in KiB.
        let of = |name, entries, weight: u64| CacheStats { name, entries, bytes: weight * 1024 };
        vec![
            of("topologies", self.topologies.entry_count(), self.topologies.weighted_size()),
            of("addresses", self.addresses.entry_count(), self.addresses.weighted_size()),
            of("columns", self.columns.entry_count(), self.columns.weighted_size()),
        ]
    }

    /// Tells whether to read a whole block of a column, of that many rows, rather than to take the rows asked for: once
    /// what was taken from it, over all queries, comes near what reading it costs. A request costs as much as reading
    /// `request_cost` rows, however few it takes.
    pub(crate) fn reads_whole(&self, block: String, block_rows: u64, taken: u64, request_cost: u64) -> bool {
        self.spend(block, taken * TAKE_COST + request_cost) >= block_rows
    }

    /// Adds to the work spent so far without a cached structure, and returns the sum.
    pub(crate) fn spend(&self, what: String, work: u64) -> u64 {
        self.work.get_with(what, Default::default).fetch_add(work, Ordering::Relaxed) + work
    }
}
