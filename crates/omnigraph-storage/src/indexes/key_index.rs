//! The key index: from tuples of column values to the live rows that hold them, exactly.
//!
//! Writes (existing ids, uniqueness, endpoints) and queries (key lookups) use the same one. It is derived state: the keys of
//! each immutable fragment are hashed once per process into a bounded cache ([`crate::indexes::postings`]), and sorted once
//! for all processes into a B-tree part beside the fragment ([`crate::indexes::btree`]). Both serve every table version that
//! has the fragment; what a version has deleted is left out at lookup.
//!
//! Cost of a lookup of K tuples with warm caches: one probe per tuple and fragment. Cold: a page of each fragment per tuple,
//! and where no B-tree is stored yet, the key columns.
//! Memory: the cache's bound, plus the keys of a few fragments while they are built.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use futures::{StreamExt, TryStreamExt};
use lance::dataset::fragment::FileFragment;

use crate::error::{Result, StorageError};
use crate::indexes::btree::{self, BTree};
use crate::indexes::part::{PartKind, PartLocation};
use crate::indexes::postings::{Postings, Probes};
use crate::objects::failure;
use crate::objects::root::blocking;
use crate::single_flight::build_once;
use crate::tables::fragment;
use crate::tables::table::Table;

const FRAGMENTS_AT_ONCE: usize = 4;
/// Probes of one fragment that are cheap enough to run without leaving the I/O threads.
const INLINE_PROBES: usize = 512;
/// Hashed keys in memory take about so many times the bytes of their B-tree.
const HASHED_SIZE: u64 = 2;
/// The part of the memory budget that the keys of one fragment may take.
const POSTINGS_SHARE: u64 = 16;

/// Pairs of a probed tuple and a live row with equal values, sorted by probe, then address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// Position of the tuple in the lookup.
    pub probe: Vec<u32>,
    /// Address of the row.
    pub address: Vec<u64>,
}

/// Exact multi-map from column tuples to the live rows of one table version.
#[derive(Clone)]
pub struct KeyIndex {
    table: Table,
    columns: Vec<String>,
}

impl KeyIndex {
    pub(crate) fn new(table: Table, columns: &[&str]) -> KeyIndex {
        KeyIndex { table, columns: columns.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// Finds the live rows that hold each tuple: one array per column, equal lengths. A tuple with a null matches none.
    ///
    /// # Errors
    /// `internal` when arrays and columns differ in number, length or type; `Storage` when keys cannot be read.
    pub async fn lookup(&self, keys: &[ArrayRef]) -> Result<Matches> {
        self.check(keys)?;
        if keys.first().is_none_or(|key| key.is_empty()) || self.table.row_count() == 0 {
            return Ok(Matches::default());
        }
        let keys = keys.to_vec();
        let probes = if keys[0].len() <= INLINE_PROBES {
            Probes::new(keys)?
        } else {
            blocking(move || Probes::new(keys)).await?
        };
        let probes = Arc::new(probes);
        let fragments = self.table.dataset().get_fragments();
        let found = futures::stream::iter(fragments).map(|fragment| self.probe(fragment, probes.clone()));
        let found: Vec<Vec<(u32, u64)>> = found.buffer_unordered(FRAGMENTS_AT_ONCE).try_collect().await?;
        let mut pairs: Vec<(u32, u64)> = found.concat();
        pairs.sort_unstable();
        let (probe, address) = pairs.into_iter().unzip();
        Ok(Matches { probe, address })
    }

    async fn probe(&self, fragment: FileFragment, probes: Arc<Probes>) -> Result<Vec<(u32, u64)>> {
        let base = (fragment.id() as u64) << 32;
        let found = self.found(&fragment, &probes).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let deleted =
            fragment.get_deletion_vector().await.map_err(|error| failure::table(self.table.path(), error))?;
        let live = |offset| !deleted.as_ref().is_some_and(|deleted| deleted.contains(offset));
        let live = found.into_iter().filter(|(_, offset)| live(*offset));
        Ok(live.map(|(probe, offset)| (probe, base | u64::from(offset))).collect())
    }

    /// Returns pairs of a probe and the offset of a row with an equal key, deleted rows included.
    async fn found(&self, fragment: &FileFragment, probes: &Arc<Probes>) -> Result<Vec<(u32, u32)>> {
        let caches = self.table.root().caches();
        let columns = fragment::columns_key(&self.table, &self.columns)?;
        let key = fragment::derived_key(&self.table, fragment, &columns);
        let location = PartLocation::of(&self.table, fragment.metadata(), &columns, PartKind::BTree, "");
        let held = caches.postings.get(&key).await;
        if let (None, Some(location)) = (&held, &location)
            && let Some(btree) = self.btree(fragment, &columns, location, probes).await?
        {
            match btree.probe(probes).await {
                Ok(found) => return Ok(found),
                Err(error) => {
                    tracing::warn!(%error, %location, "reading a key column: its B-tree cannot be used")
                }
            }
        }
        let postings = match held {
            Some(postings) => postings,
            None => {
                let (index, fragment) = (self.clone(), fragment.clone());
                let build = async move { index.build(&fragment, location).await };
                build_once(&caches.postings, key, build).await?
            }
        };
        let (few, probes) = (probes.len() <= INLINE_PROBES, probes.clone());
        let run = move || {
            let mut found = Vec::new();
            postings.probe(&probes, |probe, offset| found.push((probe, offset)))?;
            Ok(found)
        };
        if few { run() } else { blocking(run).await }
    }

    /// Returns the B-tree of a fragment, where looking there costs less than bringing all its keys to memory: for few probes,
    /// until many have been looked up, and always when all would not fit.
    async fn btree(
        &self,
        fragment: &FileFragment,
        columns: &str,
        location: &PartLocation,
        probes: &Arc<Probes>,
    ) -> Result<Option<Arc<BTree>>> {
        let root = self.table.root();
        let types: Vec<DataType> = probes.keys().iter().map(|key| key.data_type().clone()).collect();
        let Some(btree) = BTree::load(&self.table, fragment, columns, location, &types).await else {
            return Ok(None);
        };
        let pages = btree.page_count() as u64;
        let few = probes.len() as u64 * 2 <= pages && btree.pages_asked() <= pages * 2;
        let fits = btree.size() * HASHED_SIZE <= root.memory_budget() / POSTINGS_SHARE;
        Ok((few || !fits).then_some(btree))
    }

    async fn build(&self, fragment: &FileFragment, location: Option<PartLocation>) -> Result<Arc<Postings>> {
        let keys = read(&self.table, fragment, &self.columns).await?;
        let postings = Arc::new(blocking(move || Postings::build(keys)).await?);
        if let Some(location) = location {
            let (root, postings) = (self.table.root(), postings.clone());
            let page_rows = root.tuning().btree_page_rows;
            root.store_part(location, move || btree::encode(postings.keys(), page_rows));
        }
        Ok(postings)
    }

    fn check(&self, keys: &[ArrayRef]) -> Result<()> {
        let schema = self.table.project(&self.columns)?;
        let same_length = keys.windows(2).all(|pair| pair[0].len() == pair[1].len());
        let same_types =
            schema.fields().iter().map(|field| field.data_type()).eq(keys.iter().map(|key| key.data_type()));
        if !same_length || !same_types || keys.is_empty() {
            return Err(StorageError::internal(format!(
                "lookup of {:?} by columns {:?} of table {}",
                keys.iter().map(|key| key.data_type()).collect::<Vec<_>>(),
                self.columns,
                self.table.path(),
            )));
        }
        Ok(())
    }
}

/// Reads the columns of all rows of a fragment, deleted rows included.
pub(crate) async fn read(
    table: &Table,
    fragment: &FileFragment,
    columns: &[String],
) -> Result<Vec<ArrayRef>> {
    let batches = fragment::read(table, fragment, columns, None).await?;
    let columns = columns.to_vec();
    blocking(move || {
        let keys = columns.iter().map(|name| {
            let parts = batches.iter().map(|batch| {
                let column = batch.column_by_name(name).map(AsRef::as_ref);
                column.ok_or_else(|| StorageError::internal(format!("key column '{name}' was not read")))
            });
            let parts = parts.collect::<Result<Vec<_>>>()?;
            Ok(arrow_select::concat::concat(&parts)?)
        });
        keys.collect()
    })
    .await
}
