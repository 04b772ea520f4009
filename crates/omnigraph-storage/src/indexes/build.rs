//! Which index parts a table should have, how many of them are stored, and building the rest.
//!
//! An index has a part for each fragment of at least [`crate::Tuning::index_from_rows`] rows. Building changes no table version
//! and can be cut short and repeated: parts that are stored stay.
//! Memory: the indexed columns of one fragment.

use std::collections::BTreeSet;

use arrow_array::Array;
use futures::TryStreamExt;
use lance::dataset::fragment::FileFragment;
use lance_table::format::Fragment;

use crate::error::{Result, StorageError};
use crate::indexes::part::{self, PartKind, PartLocation};
use crate::indexes::vectors::{Normalization, VectorColumn};
use crate::indexes::{btree, key_index, ngram, text};
use crate::tables::fragment;
use crate::tables::scan::Scan;
use crate::tables::table::{Table, live_rows, physical_rows};

/// An index over columns of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Index {
    /// Rows by the values of these columns, in order.
    BTree(Vec<String>),
    /// Rows by the terms of this text column.
    Inverted(String),
    /// Rows by the n-grams of this text column.
    NGram(String),
    /// Quantized vectors of this column.
    QuantizedVectors {
        /// The column.
        column: String,
        /// What is done to the vectors first.
        normalization: Normalization,
    },
}

/// How much of a table an index covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Live rows.
    pub rows: u64,
    /// Live rows of fragments whose parts of the index are stored.
    pub covered: u64,
    /// Live rows of fragments that are too small for a part.
    pub small: u64,
    /// Bytes of the stored parts.
    pub bytes: u64,
}

impl Table {
    /// Tells how much of the table each index covers. Cost: one listing of the table's files.
    ///
    /// # Errors
    /// `Storage`; `internal` for an unknown column.
    pub async fn coverage(&self, indexes: &[Index]) -> Result<Vec<Coverage>> {
        let stored = part::list(self).await?;
        let coverage = indexes.iter().map(|index| {
            let parts = IndexParts::new(self, index)?;
            let mut coverage = Coverage::default();
            for fragment in self.dataset().fragments().iter() {
                let rows = live_rows(fragment);
                coverage.rows += rows;
                let locations = parts.locations(self, fragment);
                let sizes: Option<Vec<u64>> =
                    locations.iter().map(|location| stored.get(location.path()).copied()).collect();
                match sizes {
                    Some(sizes) if sizes.is_empty() => coverage.small += rows,
                    Some(sizes) => {
                        coverage.covered += rows;
                        coverage.bytes += sizes.iter().sum::<u64>();
                    }
                    None => {}
                }
            }
            Ok(coverage)
        });
        coverage.collect()
    }

    /// Builds and stores the missing parts of some indexes, fragment by fragment; `built` hears of the rows of each fragment.
    ///
    /// # Errors
    /// `Storage`; `internal` for an unknown column.
    pub async fn build_indexes(&self, indexes: &[Index], mut built: impl FnMut(u64)) -> Result<()> {
        let stored = part::list(self).await?;
        for index in indexes {
            let parts = IndexParts::new(self, index)?;
            for fragment in self.dataset().get_fragments() {
                let locations = parts.locations(self, fragment.metadata());
                let missing = locations.iter().enumerate();
                let missing: Vec<(usize, &PartLocation)> =
                    missing.filter(|(_, location)| !stored.contains_key(location.path())).collect();
                if missing.is_empty() {
                    continue;
                }
                self.build_index(index, &parts, &fragment, missing).await?;
                built(live_rows(fragment.metadata()));
            }
        }
        Ok(())
    }

    async fn build_index(
        &self,
        index: &Index,
        parts: &IndexParts,
        fragment: &FileFragment,
        missing: Vec<(usize, &PartLocation)>,
    ) -> Result<()> {
        let root = self.root();
        for (part, location) in missing {
            match index {
                Index::BTree(columns) => {
                    let keys = key_index::read(self, fragment, columns).await?;
                    let page_rows = root.tuning().btree_page_rows;
                    root.store_part_now(location, move || btree::encode(&keys, page_rows)).await?;
                }
                Index::Inverted(column) => {
                    let segment = text::segment(self, fragment, column, &parts.key).await?;
                    root.store_part_now(location, move || Ok(segment.to_bytes())).await?;
                }
                Index::NGram(column) => {
                    let segment = ngram::build(self, fragment, column).await?;
                    root.store_part_now(location, move || Ok(segment.to_bytes())).await?;
                }
                Index::QuantizedVectors { normalization, .. } => {
                    let Some(vectors) = &parts.vectors else { continue };
                    let id = u32::try_from(fragment.id());
                    let id = id.map_err(|_| StorageError::internal("a table has too many fragments"))?;
                    let block = (id, part as u32);
                    let quantized = vectors.quantized(block, *normalization).await?;
                    root.store_part_now(location, move || Ok(quantized.to_bytes())).await?;
                }
            }
        }
        Ok(())
    }

    /// Tells whether a fragment that is worth an index is new since another version.
    pub fn gained_large_fragment(&self, since: Option<&Table>) -> bool {
        let least = self.root().tuning().index_from_rows;
        let before: BTreeSet<&str> = since
            .iter()
            .flat_map(|table| table.dataset().fragments().iter())
            .flat_map(|fragment| fragment.files.iter().map(|file| file.path.as_str()))
            .collect();
        let large = self.dataset().fragments().iter().filter(|fragment| physical_rows(fragment) >= least);
        large.flat_map(|fragment| &fragment.files).any(|file| !before.contains(file.path.as_str()))
    }

    /// Tells whether some live row has a value in a column. Cost: reading the column up to the first.
    ///
    /// # Errors
    /// `Storage`; `internal` for an unknown column.
    pub async fn has_value(&self, column: &str) -> Result<bool> {
        let mut rows = self.scan(Scan::columns([column]))?;
        while let Some(batch) = rows.try_next().await? {
            let column = batch.column(0);
            if column.null_count() < column.len() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// How an index of one table version is cut into parts.
struct IndexParts {
    key: String,
    kind: PartKind,
    vectors: Option<VectorColumn>,
    normalization: Normalization,
}

impl IndexParts {
    fn new(table: &Table, index: &Index) -> Result<IndexParts> {
        let (columns, kind) = match index {
            Index::BTree(columns) => (columns.clone(), PartKind::BTree),
            Index::Inverted(column) => (vec![column.clone()], PartKind::Inverted),
            Index::NGram(column) => (vec![column.clone()], PartKind::NGram),
            Index::QuantizedVectors { column, .. } => (vec![column.clone()], PartKind::QuantizedVectors),
        };
        let (vectors, normalization) = match index {
            Index::QuantizedVectors { column, normalization } => {
                (Some(VectorColumn::new(table.clone(), column)?), *normalization)
            }
            Index::BTree(_) | Index::Inverted(_) | Index::NGram(_) => (None, Normalization::None),
        };
        Ok(IndexParts { key: fragment::columns_key(table, &columns)?, kind, vectors, normalization })
    }

    /// Returns where the parts of a fragment are stored; nowhere if it is too small.
    fn locations(&self, table: &Table, fragment: &Fragment) -> Vec<PartLocation> {
        match (&self.vectors, self.kind) {
            (Some(vectors), _) => vectors.part_locations(fragment, self.normalization),
            (None, PartKind::NGram) => ngram::location(table, fragment, &self.key).into_iter().collect(),
            (None, kind) => PartLocation::of(table, fragment, &self.key, kind, "").into_iter().collect(),
        }
    }
}
