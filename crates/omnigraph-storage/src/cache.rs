//! The caches that all roots of this process share: Lance's session, open tables, and what is derived from fragments.
//!
//! Everything in them is named by something immutable (a table version, a data file), so nothing can be stale.
//! Bounds come from the memory budget of the first root opened in the process: a quarter each for key postings and
//! vectors, an eighth each for terms and n-grams of texts, for quantized vectors, and for Lance's indexes and metadata, less
//! for B-trees and open tables.

use std::hash::Hash;
use std::sync::{Arc, OnceLock};

use lance::session::Session;
use lance_io::object_store::ObjectStoreRegistry;
use moka::policy::EvictionPolicy;
use omnigraph_vector::QuantizedVectors;

use crate::indexes::btree::{BTree, Page};
use crate::indexes::postings::Postings;
use crate::indexes::text::Segment;
use crate::indexes::vectors::{Block, Normalization};
use crate::objects::stores;
use crate::tables::fragment::DerivedKey;
use crate::tables::table::{Table, TableVersion};

/// What every cache may hold, however small the budget.
const SMALLEST: u64 = 1 << 20;
/// What an open table takes, by estimate: its dataset, and what the manifest says of every column and fragment.
const TABLE_BYTES: usize = 4 << 10;
const COLUMN_BYTES: usize = 512;
const FRAGMENT_BYTES: usize = 512;

/// Names an open table: root, path, version.
pub(crate) type TableKey = (Arc<str>, Arc<str>, TableVersion);

/// The shared caches.
pub(crate) struct Caches {
    /// Lance's caches of indexes, manifests and file metadata, and the stores it has open.
    pub(crate) session: Arc<Session>,
    /// Open tables.
    pub(crate) tables: moka::sync::Cache<TableKey, Table>,
    /// Keys of immutable fragments.
    pub(crate) postings: moka::future::Cache<DerivedKey, Arc<Postings>>,
    /// Directories of the B-trees of immutable fragments.
    pub(crate) btrees: moka::future::Cache<DerivedKey, Arc<BTree>>,
    /// Their pages: root, path, number.
    pub(crate) btree_pages: moka::future::Cache<(Arc<str>, Arc<str>, usize), Arc<Page>>,
    /// Terms, and n-grams, of texts of immutable fragments.
    pub(crate) texts: moka::future::Cache<DerivedKey, Arc<Segment>>,
    /// Vectors of parts of immutable fragments.
    pub(crate) vectors: moka::future::Cache<(DerivedKey, u32), Arc<Block>>,
    /// The same, quantized.
    pub(crate) quantized: moka::future::Cache<(DerivedKey, u32, Normalization), Arc<QuantizedVectors>>,
}

/// Returns the caches of this process, made with `budget` bytes on the first call.
pub(crate) fn shared(budget: u64) -> &'static Caches {
    static SHARED: OnceLock<Caches> = OnceLock::new();
    SHARED.get_or_init(|| {
        let registry = ObjectStoreRegistry::default();
        registry.insert(stores::SCHEME, Arc::new(stores::Provider));
        let lance = usize::try_from((budget / 8).max(SMALLEST)).unwrap_or(usize::MAX);
        let postings = derived(budget / 4, Postings::bytes);
        let btrees = derived(budget / 64, BTree::bytes);
        let btree_pages = derived(budget / 32, Page::bytes);
        let texts = derived(budget / 8, Segment::memory);
        let vectors = derived(budget / 4, Block::bytes);
        let quantized = derived(budget / 8, QuantizedVectors::bytes);
        Caches {
            session: Arc::new(Session::new(lance, lance, Arc::new(registry))),
            tables: moka::sync::Cache::builder()
                .max_capacity((budget / 64).max(SMALLEST))
                .weigher(|_, table: &Table| u32::try_from(table_bytes(table)).unwrap_or(u32::MAX))
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            postings,
            btrees,
            btree_pages,
            texts,
            vectors,
            quantized,
        }
    })
}

#[cfg(any(test, feature = "failpoints"))]
impl Caches {
    /// Drops everything derived from fragments, as a new process has none of it.
    pub(crate) fn forget_derived(&self) {
        self.postings.invalidate_all();
        self.btrees.invalidate_all();
        self.btree_pages.invalidate_all();
        self.texts.invalidate_all();
        self.vectors.invalidate_all();
        self.quantized.invalidate_all();
    }
}

/// Estimates what an open table takes. Versions share nothing, as each has its own manifest.
fn table_bytes(table: &Table) -> usize {
    let fragments = usize::try_from(table.stats().fragments).unwrap_or(usize::MAX / FRAGMENT_BYTES / 2);
    TABLE_BYTES + COLUMN_BYTES * table.schema().fields().len() + FRAGMENT_BYTES * fragments
}

/// Makes a cache of what is derived from fragments, bounded in bytes.
fn derived<K, V>(budget: u64, bytes: fn(&V) -> usize) -> moka::future::Cache<K, Arc<V>>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    moka::future::Cache::builder()
        .max_capacity(budget.max(SMALLEST))
        .weigher(move |_, value: &Arc<V>| u32::try_from(bytes(value)).unwrap_or(u32::MAX))
        .eviction_policy(EvictionPolicy::lru())
        .build()
}
