//! The caches that all roots of this process share: Lance's session, open tables, key postings.
//!
//! Everything in them is named by something immutable (a table version, a data file), so nothing can be stale.
//! Bounds come from the memory budget of the first root opened in the process: a quarter for key postings, an eighth
//! each for Lance's indexes and metadata; open tables are bounded by number.

use std::sync::{Arc, OnceLock};

use lance::session::Session;
use lance_io::object_store::ObjectStoreRegistry;
use moka::policy::EvictionPolicy;

use super::postings::Postings;
use super::stores;
use super::table::{Table, TableVersion};

const OPEN_TABLES: u64 = 1024;
const SMALLEST: u64 = 16 << 20;

/// Names an open table: root, path, version.
pub(super) type TableKey = (Arc<str>, Arc<str>, TableVersion);
/// Names the postings of one fragment: root, table path, data files, column names.
pub(super) type PostingsKey = Arc<str>;

/// The shared caches.
pub(super) struct Caches {
    /// Lance's caches of indexes, manifests and file metadata, and the stores it has open.
    pub(super) session: Arc<Session>,
    /// Open tables.
    pub(super) tables: moka::sync::Cache<TableKey, Table>,
    /// Keys of immutable fragments.
    pub(super) postings: moka::future::Cache<PostingsKey, Arc<Postings>>,
}

/// Returns the caches of this process, made with `budget` bytes on the first call.
pub(super) fn shared(budget: u64) -> &'static Caches {
    static SHARED: OnceLock<Caches> = OnceLock::new();
    SHARED.get_or_init(|| {
        let registry = ObjectStoreRegistry::default();
        registry.insert(stores::SCHEME, Arc::new(stores::Provider));
        let lance = usize::try_from((budget / 8).max(SMALLEST)).unwrap_or(usize::MAX);
        let postings = moka::future::Cache::builder()
            .max_capacity((budget / 4).max(SMALLEST))
            .weigher(|_, postings: &Arc<Postings>| u32::try_from(postings.bytes()).unwrap_or(u32::MAX))
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Caches {
            session: Arc::new(Session::new(lance, lance, Arc::new(registry))),
            tables: moka::sync::Cache::builder()
                .max_capacity(OPEN_TABLES)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            postings,
        }
    })
}
