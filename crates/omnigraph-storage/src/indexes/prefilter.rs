//! Prefilters: the rows that may meet a condition, found in stored index parts. They are a superset of those that do, and much
//! smaller than the table.
//!
//! All live rows of a fragment too small for index parts are among them. There is no prefilter where the part of a large
//! fragment is not stored, or where too many rows are left: then a scan is as fast.

use std::ops::Bound;

use arrow_array::ArrayRef;
use lance::dataset::fragment::FileFragment;
use roaring::{RoaringBitmap, RoaringTreemap};

use crate::error::Result;
use crate::indexes::btree::BTree;
use crate::indexes::ngram;
use crate::indexes::part::{PartKind, PartLocation};
use crate::objects::failure;
use crate::objects::root::blocking;
use crate::tables::fragment;
use crate::tables::table::{Table, physical_rows};

/// A prefilter leaves at most one in this many of the rows: so few are worth fetching one by one.
const SELECTIVE: u64 = 8;

/// A range of values of a column; each bound is an array of one value.
#[derive(Clone, Debug)]
pub struct Span {
    /// Where it begins.
    pub lower: Bound<ArrayRef>,
    /// Where it ends.
    pub upper: Bound<ArrayRef>,
}

impl Table {
    /// Returns live rows among which are all whose value of a column lies in a span; none where a scan is as fast.
    ///
    /// # Errors
    /// `Storage`; `internal` for an unknown column.
    pub async fn prefilter_span(&self, column: &str, span: &Span) -> Result<Option<RoaringTreemap>> {
        let columns = [column.to_owned()];
        let types = vec![self.project(&columns)?.field(0).data_type().clone()];
        let key = fragment::columns_key(self, &columns)?;
        let mut prefilter = Prefilter::new(self);
        for fragment in self.dataset().get_fragments() {
            let rows = match PartLocation::of(self, fragment.metadata(), &key, PartKind::BTree, "") {
                None => None,
                Some(location) => {
                    let Some(btree) = BTree::load(self, &fragment, &key, &location, &types).await else {
                        return Ok(None);
                    };
                    let pages = btree.pages_of(span)?;
                    if pages.len() as u64 * SELECTIVE > (btree.page_count() as u64).max(SELECTIVE) {
                        return Ok(None);
                    }
                    match btree.rows_of(span, pages).await {
                        Ok(rows) => Some(rows),
                        Err(error) => {
                            tracing::warn!(%error, %location, "scanning a column: its B-tree cannot be used");
                            return Ok(None);
                        }
                    }
                }
            };
            if !prefilter.add(&fragment, rows).await? {
                return Ok(None);
            }
        }
        Ok(Some(prefilter.rows))
    }

    /// Returns live rows among which are all whose text of a column holds another text; none where a scan is as fast.
    ///
    /// # Errors
    /// `Storage`; `internal` for an unknown column.
    pub async fn prefilter_substring(&self, column: &str, substring: &str) -> Result<Option<RoaringTreemap>> {
        if !ngram::has_ngram(substring) {
            return Ok(None);
        }
        let key = fragment::columns_key(self, &[column.to_owned()])?;
        let mut prefilter = Prefilter::new(self);
        for fragment in self.dataset().get_fragments() {
            let rows = match ngram::location(self, fragment.metadata(), &key) {
                None => None,
                Some(_) => {
                    let Some(segment) = ngram::load(self, &fragment, &key).await else { return Ok(None) };
                    let (text, rows) = (substring.to_owned(), physical_rows(fragment.metadata()));
                    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
                    let group_rows = self.root().tuning().ngram_group_rows;
                    Some(blocking(move || ngram::candidates(&segment, &text, group_rows, rows)).await)
                }
            };
            if !prefilter.add(&fragment, rows).await? {
                return Ok(None);
            }
        }
        Ok(Some(prefilter.rows))
    }
}

/// Rows as they are found.
struct Prefilter<'a> {
    table: &'a Table,
    rows: RoaringTreemap,
}

impl Prefilter<'_> {
    fn new(table: &Table) -> Prefilter<'_> {
        Prefilter { table, rows: RoaringTreemap::new() }
    }

    /// Adds the live ones of some rows of a fragment, or of all; tells whether they are few still.
    async fn add(&mut self, fragment: &FileFragment, rows: Option<RoaringBitmap>) -> Result<bool> {
        let mut rows = rows.unwrap_or_else(|| {
            let mut all = RoaringBitmap::new();
            all.insert_range(0..u32::try_from(physical_rows(fragment.metadata())).unwrap_or(u32::MAX));
            all
        });
        let deleted = fragment.get_deletion_vector().await;
        if let Some(deleted) = deleted.map_err(|error| failure::table(self.table.path(), error))? {
            rows -= RoaringBitmap::from(deleted.as_ref());
        }
        let first = (fragment.id() as u64) << 32;
        self.rows.extend(rows.into_iter().map(|offset| first + u64::from(offset)));
        Ok(self.rows.len() * SELECTIVE <= self.table.row_count())
    }
}
