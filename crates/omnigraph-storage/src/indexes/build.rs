//! What is kept of a table, and keeping what is missing.

use std::collections::BTreeSet;

use arrow_array::Array;
use futures::TryStreamExt;
use lance::dataset::fragment::FileFragment;
use lance_table::format::Fragment;

use crate::error::{Result, StorageError};
use crate::indexes::part::{self, Form, Place};
use crate::indexes::vectors::VectorColumn;
use crate::indexes::{key_index, ngram, text};
use crate::tables::fragment;
use crate::tables::scan::Scan;
use crate::tables::table::{Table, live_rows, physical_rows};

/// A derived structure over columns of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Index {
    /// Rows by the values of these columns.
    Keys(Vec<String>),
    /// Rows by the terms of this text column.
    Terms(String),
    /// Rows by runs of characters of this text column.
    Grams(String),
    /// Vectors of this column on a grid; `normalized` to length one.
    Grid {
        /// The column.
        column: String,
        /// Whether lengths do not count.
        normalized: bool,
    },
}

/// How much of a table an index covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Live rows.
    pub rows: u64,
    /// Live rows of fragments whose part of the index is kept.
    pub covered: u64,
    /// Live rows of fragments that are too small to keep anything of.
    pub small: u64,
    /// Bytes kept.
    pub bytes: u64,
}

impl Table {
    /// Tells how much of the table each index covers. Cost: one listing of the table's files.
    ///
    /// # Errors
    /// `Storage`; `internal` for an unknown column.
    pub async fn coverage(&self, indexes: &[Index]) -> Result<Vec<Coverage>> {
        let kept = part::list(self).await?;
        let coverage = indexes.iter().map(|index| {
            let parts = Parts::new(self, index)?;
            let mut coverage = Coverage::default();
            for fragment in self.dataset().fragments().iter() {
                let rows = live_rows(fragment);
                coverage.rows += rows;
                let places = parts.places(self, fragment);
                let sizes: Option<Vec<u64>> =
                    places.iter().map(|place| kept.get(place.path()).copied()).collect();
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

    /// Builds and keeps what is missing of some indexes, fragment by fragment; `built` hears of the rows of each.
    ///
    /// # Errors
    /// `Storage`; `internal` for an unknown column.
    pub async fn build_indexes(&self, indexes: &[Index], mut built: impl FnMut(u64)) -> Result<()> {
        let kept = part::list(self).await?;
        for index in indexes {
            let parts = Parts::new(self, index)?;
            for fragment in self.dataset().get_fragments() {
                let places = parts.places(self, fragment.metadata());
                let missing: Vec<(usize, &Place)> =
                    places.iter().enumerate().filter(|(_, place)| !kept.contains_key(place.path())).collect();
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
        parts: &Parts,
        fragment: &FileFragment,
        missing: Vec<(usize, &Place)>,
    ) -> Result<()> {
        let root = self.root();
        for (part, place) in missing {
            match index {
                Index::Keys(columns) => {
                    let keys = key_index::read(self, fragment, columns).await?;
                    root.keep_now(place.path(), move || crate::indexes::btree::encode(&keys)).await?;
                }
                Index::Terms(column) => {
                    let segment = text::segment(self, fragment, column, &parts.key).await?;
                    root.keep_now(place.path(), move || Ok(segment.to_bytes())).await?;
                }
                Index::Grams(column) => {
                    let segment = ngram::cut(self, fragment, column).await?;
                    root.keep_now(place.path(), move || Ok(segment.to_bytes())).await?;
                }
                Index::Grid { normalized, .. } => {
                    let Some(vectors) = &parts.vectors else { continue };
                    let id = u32::try_from(fragment.id());
                    let id = id.map_err(|_| StorageError::internal("a table has too many fragments"))?;
                    let block = (id, part as u32);
                    let quantized = vectors.quantized(block, *normalized).await?;
                    root.keep_now(place.path(), move || Ok(quantized.to_bytes())).await?;
                }
            }
        }
        Ok(())
    }

    /// Tells whether a fragment that is worth an index is new since another version.
    pub fn gained_large_fragment(&self, since: Option<&Table>) -> bool {
        let least = self.root().kept_rows();
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

/// How an index of one table version is cut into objects.
struct Parts {
    key: String,
    form: Form,
    vectors: Option<VectorColumn>,
    normalized: bool,
}

impl Parts {
    fn new(table: &Table, index: &Index) -> Result<Parts> {
        let (columns, form) = match index {
            Index::Keys(columns) => (columns.clone(), Form::Keys),
            Index::Terms(column) => (vec![column.clone()], Form::Terms),
            Index::Grams(column) => (vec![column.clone()], Form::Grams),
            Index::Grid { column, .. } => (vec![column.clone()], Form::Grid),
        };
        let (vectors, normalized) = match index {
            Index::Grid { column, normalized } => {
                (Some(VectorColumn::new(table.clone(), column)?), *normalized)
            }
            Index::Keys(_) | Index::Terms(_) | Index::Grams(_) => (None, false),
        };
        Ok(Parts { key: fragment::columns_key(table, &columns)?, form, vectors, normalized })
    }

    /// Returns where the parts of a fragment are kept; nowhere if it is too small.
    fn places(&self, table: &Table, fragment: &Fragment) -> Vec<Place> {
        match &self.vectors {
            Some(vectors) => vectors.places(fragment, self.normalized),
            None => Place::of(table, fragment, &self.key, self.form, "").into_iter().collect(),
        }
    }
}
