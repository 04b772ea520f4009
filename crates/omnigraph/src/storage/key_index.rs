//! The key index: from tuples of column values to the live rows that hold them, exactly.
//!
//! One mechanism for writes (existing ids, uniqueness, endpoints) and queries (key lookups). It is derived state: each
//! immutable fragment's keys are read and sorted once ([`super::postings`]), kept in a bounded cache of the process, and
//! shared by every table version that has the fragment; deletions are applied per version, at lookup.
//!
//! Cost of a lookup of K tuples with warm caches: one probe per tuple and fragment. Cold: the key columns are read once.
//! Memory: the cache's bound, plus the keys of a few fragments while they are built.

use std::sync::Arc;

use arrow_array::ArrayRef;
use futures::{StreamExt, TryStreamExt};
use lance::dataset::fragment::FileFragment;

use super::once::build_once;
use super::postings::{Postings, Probes};
use super::root::blocking;
use super::table::Table;
use super::{failure, fragment};
use crate::error::{OmniError, Result};

const FRAGMENTS_AT_ONCE: usize = 4;
/// Probes of one fragment that are cheap enough to run without leaving the I/O threads.
const INLINE_PROBES: usize = 512;

/// Pairs of a probed tuple and a live row with equal values, sorted by probe, then address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Matches {
    /// Position of the tuple in the lookup.
    pub probe: Vec<u32>,
    /// Address of the row.
    pub address: Vec<u64>,
}

/// Exact multi-map from column tuples to the live rows of one table version.
#[derive(Clone)]
pub(crate) struct KeyIndex {
    table: Table,
    columns: Vec<String>,
}

impl KeyIndex {
    pub(super) fn new(table: Table, columns: &[&str]) -> KeyIndex {
        KeyIndex { table, columns: columns.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// Finds the live rows that hold each tuple: one array per column, equal lengths. A tuple with a null matches none.
    ///
    /// # Errors
    /// `internal` when arrays and columns differ in number, length or type; `Storage` when keys cannot be read.
    pub(crate) async fn lookup(&self, keys: &[ArrayRef]) -> Result<Matches> {
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
        let postings = self.postings(&fragment).await?;
        let deleted =
            fragment.get_deletion_vector().await.map_err(|error| failure::table(self.table.path(), error))?;
        let base = (fragment.id() as u64) << 32;
        let few = probes.len() <= INLINE_PROBES;
        let run = move || {
            let mut found = Vec::new();
            postings.probe(&probes, |probe, offset| {
                if !deleted.as_ref().is_some_and(|deleted| deleted.contains(offset)) {
                    found.push((probe, base | u64::from(offset)));
                }
            })?;
            Ok(found)
        };
        if few { run() } else { blocking(run).await }
    }

    async fn postings(&self, fragment: &FileFragment) -> Result<Arc<Postings>> {
        let caches = self.table.root().caches();
        let columns = fragment::columns_key(&self.table, &self.columns)?;
        let key = fragment::derived_key(&self.table, fragment, &columns);
        let (index, fragment) = (self.clone(), fragment.clone());
        build_once(&caches.postings, key, async move { index.build(&fragment).await }).await
    }

    async fn build(&self, fragment: &FileFragment) -> Result<Arc<Postings>> {
        let batches = fragment::read(&self.table, fragment, &self.columns, None).await?;
        let columns = self.columns.clone();
        blocking(move || {
            let keys = columns.iter().map(|name| {
                let parts = batches.iter().map(|batch| {
                    let column = batch.column_by_name(name).map(AsRef::as_ref);
                    column.ok_or_else(|| OmniError::internal(format!("key column '{name}' was not read")))
                });
                let parts = parts.collect::<Result<Vec<_>>>()?;
                Ok(arrow_select::concat::concat(&parts)?)
            });
            Ok(Arc::new(Postings::build(keys.collect::<Result<Vec<_>>>()?)?))
        })
        .await
    }

    fn check(&self, keys: &[ArrayRef]) -> Result<()> {
        let schema = self.table.project(&self.columns)?;
        let same_length = keys.windows(2).all(|pair| pair[0].len() == pair[1].len());
        let same_types =
            schema.fields().iter().map(|field| field.data_type()).eq(keys.iter().map(|key| key.data_type()));
        if !same_length || !same_types || keys.is_empty() {
            return Err(OmniError::internal(format!(
                "lookup of {:?} by columns {:?} of table {}",
                keys.iter().map(|key| key.data_type()).collect::<Vec<_>>(),
                self.columns,
                self.table.path(),
            )));
        }
        Ok(())
    }
}
