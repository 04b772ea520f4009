//! Thresholds between the ways of small and of large tables, and how long a writer waits.
//!
//! No answer depends on them: what was stored under other values is read rightly, or not found and derived anew. They are
//! fields of [`crate::RootOptions`] for the sake of tests, which set [`Tuning::small`], so that small tables take the ways of
//! large ones.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

/// Rows of a fragment from which an index part is stored beside it: fewer are indexed faster than what was stored is read.
pub const INDEX_FROM_ROWS: u64 = 16 << 10;

/// The thresholds of a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Rows of a fragment from which index parts are stored beside it.
    pub index_from_rows: u64,
    /// Rows of a page of a B-tree part; the last page of a part has fewer.
    pub btree_page_rows: NonZeroUsize,
    /// Rows of a group of an n-gram part; the last group of a part has fewer.
    pub ngram_group_rows: NonZeroU32,
    /// Longest pause before a write that lost a race is planned again.
    pub longest_backoff: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            index_from_rows: INDEX_FROM_ROWS,
            btree_page_rows: NonZeroUsize::new(4096).expect("it is not zero"),
            ngram_group_rows: NonZeroU32::new(64).expect("it is not zero"),
            longest_backoff: Duration::from_millis(500),
        }
    }
}

impl Tuning {
    /// Returns thresholds for tests: tens of rows have index parts of several pages and groups, and
    /// writers that lose races on purpose do not wait for one another.
    pub fn small() -> Tuning {
        Tuning {
            index_from_rows: 64,
            btree_page_rows: NonZeroUsize::new(16).expect("it is not zero"),
            ngram_group_rows: NonZeroU32::new(4).expect("it is not zero"),
            longest_backoff: Duration::from_millis(5),
        }
    }
}
