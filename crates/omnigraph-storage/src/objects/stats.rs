//! Counters of the requests of a root, and sizes of the caches, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use lance_io::object_store::ObjectStore as LanceStore;

use crate::cache::Caches;
use crate::error::Result;
use crate::objects::failure;
use crate::objects::root::Root;

/// A request for an object that is no table: a record, a ref, an intent, an index part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// All of an object or a part of it.
    Get,
    /// An object, whatever was there.
    Put,
    /// An object where none is.
    Create,
    /// Removal of an object.
    Delete,
    /// Names.
    List,
}

impl Call {
    const ALL: [Call; 5] = [Call::Get, Call::Put, Call::Create, Call::Delete, Call::List];

    fn name(self) -> &'static str {
        match self {
            Call::Get => "get",
            Call::Put => "put",
            Call::Create => "create",
            Call::Delete => "delete",
            Call::List => "list",
        }
    }
}

/// Counters of requests by kind.
#[derive(Debug, Default)]
pub(crate) struct Calls([AtomicU64; Call::ALL.len()]);

impl Calls {
    /// Counts one request.
    pub(crate) fn count(&self, call: Call) {
        self.count_all(call, 1);
    }

    /// Counts several requests.
    pub(crate) fn count_all(&self, call: Call, requests: usize) {
        self.0[call as usize].fetch_add(requests as u64, Ordering::Relaxed);
    }
}

/// What a root asked its store for, since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageStats {
    /// Requests for objects that are no tables, by kind: `get`, `put`, `create`, `delete`, `list`.
    pub calls: Vec<(&'static str, u64)>,
    /// Reads of the store by all roots of the process that share its client, tables included. On local roots tables only.
    pub reads: u64,
    /// Bytes of these reads.
    pub read_bytes: u64,
    /// Writes, likewise.
    pub writes: u64,
    /// Bytes of these writes.
    pub written_bytes: u64,
}

/// What a cache holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStats {
    /// Its name.
    pub name: &'static str,
    /// Entries, about.
    pub entries: u64,
    /// Bytes, about; of caches that are bounded by entries, none.
    pub bytes: u64,
}

impl Root {
    /// Returns the counters.
    ///
    /// # Errors
    /// When the store's client cannot be made any more.
    pub async fn stats(&self) -> Result<StorageStats> {
        let registry = self.0.caches.session.store_registry();
        let opened = LanceStore::from_uri_and_params(registry, &self.0.lance_uri, &self.0.lance_params).await;
        let (store, _) = opened.map_err(|error| failure::table(&self.0.lance_uri, error))?;
        let tables = store.io_stats_snapshot();
        let calls =
            Call::ALL.map(|call| (call.name(), self.0.calls.0[call as usize].load(Ordering::Relaxed)));
        Ok(StorageStats {
            calls: calls.into(),
            reads: tables.read_iops,
            read_bytes: tables.read_bytes,
            writes: tables.write_iops,
            written_bytes: tables.written_bytes,
        })
    }

    /// Returns what the caches hold that all roots of the process share.
    pub fn cache_stats(&self) -> Vec<CacheStats> {
        self.0.caches.stats()
    }
}

impl Caches {
    fn stats(&self) -> Vec<CacheStats> {
        let of = |name, entries, bytes| CacheStats { name, entries, bytes };
        vec![
            of("tables", self.tables.entry_count(), self.tables.weighted_size()),
            of("keys", self.postings.entry_count(), self.postings.weighted_size()),
            of("key_orders", self.btrees.entry_count(), self.btrees.weighted_size()),
            of("key_pages", self.btree_pages.entry_count(), self.btree_pages.weighted_size()),
            of("words", self.texts.entry_count(), self.texts.weighted_size()),
            of("vectors", self.vectors.entry_count(), self.vectors.weighted_size()),
            of("quantized_vectors", self.quantized.entry_count(), self.quantized.weighted_size()),
        ]
    }
}
