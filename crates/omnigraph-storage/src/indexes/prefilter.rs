//! Rows that may meet a condition, told from what is kept beside fragments: a superset, much smaller than the table.
//!
//! Of a fragment too small to keep anything of, every live row may. Where something large is not kept, or too many rows are
//! left, there is no answer, and a scan is as fast.

use std::ops::Bound;

use arrow_array::ArrayRef;
use lance::dataset::fragment::FileFragment;
use roaring::{RoaringBitmap, RoaringTreemap};

use crate::error::Result;
use crate::indexes::btree::Ordered;
use crate::indexes::ngram;
use crate::indexes::part::{Form, Place};
use crate::objects::failure;
use crate::objects::root::blocking;
use crate::tables::fragment;
use crate::tables::table::{Table, physical_rows};

/// A part of the rows so small is worth looking at one by one.
const PART: u64 = 8;

/// Values of a column: arrays of one value each.
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
    pub async fn narrow_to_span(&self, column: &str, span: &Span) -> Result<Option<RoaringTreemap>> {
        let columns = [column.to_owned()];
        let types = vec![self.project(&columns)?.field(0).data_type().clone()];
        let key = fragment::columns_key(self, &columns)?;
        let mut narrow = Narrow::new(self);
        for fragment in self.dataset().get_fragments() {
            let rows = match Place::of(self, fragment.metadata(), &key, Form::Keys, "") {
                None => None,
                Some(place) => {
                    let Some(ordered) = Ordered::held(self, &fragment, &key, &place, &types).await else {
                        return Ok(None);
                    };
                    let pages = ordered.pages_of(span)?;
                    if pages.len() as u64 * PART > (ordered.pages() as u64).max(PART) {
                        return Ok(None);
                    }
                    match ordered.rows_of(span, pages).await {
                        Ok(rows) => Some(rows),
                        Err(error) => {
                            tracing::warn!(%error, %place, "scanning a column: its order cannot be used");
                            return Ok(None);
                        }
                    }
                }
            };
            if !narrow.add(&fragment, rows).await? {
                return Ok(None);
            }
        }
        Ok(Some(narrow.rows))
    }

    /// Returns live rows among which are all whose text of a column holds a part; none where a scan is as fast.
    ///
    /// # Errors
    /// `Storage`; `internal` for an unknown column.
    pub async fn narrow_to_part(&self, column: &str, part: &str) -> Result<Option<RoaringTreemap>> {
        if !ngram::has_run(part) {
            return Ok(None);
        }
        let key = fragment::columns_key(self, &[column.to_owned()])?;
        let mut narrow = Narrow::new(self);
        for fragment in self.dataset().get_fragments() {
            let rows = match ngram::place(self, &fragment, &key) {
                None => None,
                Some(_) => {
                    let Some(segment) = ngram::held(self, &fragment, &key).await else { return Ok(None) };
                    let (part, rows) = (part.to_owned(), physical_rows(fragment.metadata()));
                    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
                    Some(blocking(move || ngram::may_hold(&segment, &part, rows)).await)
                }
            };
            if !narrow.add(&fragment, rows).await? {
                return Ok(None);
            }
        }
        Ok(Some(narrow.rows))
    }
}

/// Rows as they are found.
struct Narrow<'a> {
    table: &'a Table,
    rows: RoaringTreemap,
}

impl Narrow<'_> {
    fn new(table: &Table) -> Narrow<'_> {
        Narrow { table, rows: RoaringTreemap::new() }
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
        Ok(self.rows.len() * PART <= self.table.row_count())
    }
}
