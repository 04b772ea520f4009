//! Index parts: an index is cut into one object per immutable fragment (of vectors, several), stored beside the data file.
//!
//! The path is `data/<data file without extension>/og-<hash>.<kind>`. A file in a directory named after a data file is removed
//! with that file ([`crate::tables::reclaim`]). The hash covers the names of the fragment's data files, the columns and
//! the part, never the location of the graph, so a copied graph has its indexes.
//!
//! Parts are derived state: one may be missing, cut short by a power failure or of an older release, so whoever reads it
//! checks it and derives it anew. They are written in the background and not synced. No commit names them, so storing one
//! publishes nothing, conflicts with nothing, and serves every branch and commit that has the fragment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use lance_table::format::Fragment;
use tokio::sync::Semaphore;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Result;
use crate::objects::root::{Root, blocking};
use crate::tables::table::{Table, physical_rows};

const PREFIX: &str = "og-";
/// Parts that wait to be stored, at most.
const QUEUED_PARTS: u32 = 64;

/// The kind of an index part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PartKind {
    /// Keys in order ([`crate::indexes::btree`]).
    BTree,
    /// Terms of texts ([`crate::indexes::text`]).
    Inverted,
    /// N-grams of texts ([`crate::indexes::ngram`]).
    NGram,
    /// Quantized vectors ([`crate::indexes::vectors`]).
    QuantizedVectors,
}

impl PartKind {
    fn extension(self) -> &'static str {
        match self {
            PartKind::BTree => "keys",
            PartKind::Inverted => "terms",
            PartKind::NGram => "grams",
            PartKind::QuantizedVectors => "grid",
        }
    }
}

/// Where an index part is stored: a path below the root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartLocation(String);

impl PartLocation {
    /// Names a part of an index over columns of a fragment, which [`crate::tables::fragment::columns_key`] names; `part` tells
    /// several parts of one fragment apart. None for a fragment too small to store anything of.
    pub(crate) fn of(
        table: &Table,
        fragment: &Fragment,
        columns: &str,
        kind: PartKind,
        part: &str,
    ) -> Option<PartLocation> {
        if physical_rows(fragment) < table.root().tuning().index_from_rows {
            return None;
        }
        let file = &fragment.files.first()?.path;
        let stem = file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem);
        let mut hashed = String::with_capacity(160);
        for text in fragment.files.iter().map(|file| file.path.as_str()).chain([columns, part]) {
            hashed.push_str(text);
            hashed.push('\0');
        }
        let hash = xxh3_64(hashed.as_bytes());
        Some(PartLocation(format!("{}/data/{stem}/{PREFIX}{hash:016x}.{}", table.path(), kind.extension())))
    }

    /// Returns the path below the root.
    pub(crate) fn path(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads and parses a stored part. None when there is none, when the store fails or when the part is damaged; the last two
/// are logged.
pub(crate) async fn load<T, E>(
    root: &Root,
    location: &PartLocation,
    parse: impl FnOnce(&[u8]) -> std::result::Result<T, E> + Send + 'static,
) -> Option<T>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    let bytes = match root.get(location.path()).await {
        Ok(found) => found?,
        Err(error) => {
            tracing::debug!(%error, %location, "deriving an index part that could not be read");
            return None;
        }
    };
    match blocking(move || parse(&bytes)).await {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            tracing::warn!(%error, %location, "deriving an index part that is damaged");
            None
        }
    }
}

/// Returns the sizes of a table's stored parts, by path below the root. Cost: one listing.
pub(crate) async fn list(table: &Table) -> Result<BTreeMap<String, u64>> {
    let objects = table.root().list(&format!("{}/data", table.path())).await?;
    let parts = objects
        .into_iter()
        .filter(|object| object.path.rsplit('/').next().is_some_and(|name| name.starts_with(PREFIX)));
    Ok(parts.map(|object| (object.path, object.size)).collect())
}

/// Counts the parts that wait to be stored.
pub(crate) struct PartQueue(Arc<Semaphore>);

impl Default for PartQueue {
    fn default() -> Self {
        PartQueue(Arc::new(Semaphore::new(QUEUED_PARTS as usize)))
    }
}

impl Root {
    /// Stores an index part in the background, if the root stores any; it may be lost, and a failure is logged.
    ///
    /// At most [`QUEUED_PARTS`] wait to be stored; a part that comes when they do is dropped.
    pub(crate) fn store_part(
        &self,
        location: PartLocation,
        encode: impl FnOnce() -> Result<Vec<u8>> + Send + 'static,
    ) {
        if !self.stores_parts() {
            return;
        }
        let Ok(permit) = self.part_queue().0.clone().try_acquire_owned() else { return };
        let root = self.clone();
        tokio::spawn(async move {
            if let Err(error) = root.store_part_now(&location, encode).await {
                tracing::debug!(%error, %location, "an index part was not stored");
            }
            drop(permit);
        });
    }

    /// Stores an index part before it returns.
    ///
    /// # Errors
    /// Those of `encode`; `Storage`.
    pub(crate) async fn store_part_now(
        &self,
        location: &PartLocation,
        encode: impl FnOnce() -> Result<Vec<u8>> + Send + 'static,
    ) -> Result<()> {
        self.put_derived(location.path(), blocking(encode).await?).await
    }

    /// Waits until no index part waits to be stored.
    pub async fn parts_stored(&self) {
        // The semaphore is never closed, so that acquiring fails is impossible and would mean that nothing waits.
        let _ = self.part_queue().0.acquire_many(QUEUED_PARTS).await;
    }
}
