//! A segment: the inverted index of one column of one fragment.

use crate::dictionary::{Dictionary, Entry};
use crate::postings::PostingList;
use crate::rows::Deleted;

/// The length that marks a row without a text. No text is that long (see [`BuildError`](crate::BuildError)).
pub(crate) const NO_TEXT: u32 = u32::MAX;

/// The terms, postings and text lengths of one column of one immutable fragment. Made by a
/// [`SegmentBuilder`](crate::SegmentBuilder) or from bytes ([`Self::from_bytes`]); never changes.
///
/// A row is named by its offset in the fragment, from 0.
#[derive(Debug)]
pub struct Segment {
    /// The terms of each row's text, or [`NO_TEXT`].
    pub(crate) lengths: Vec<u32>,
    /// Rows with a text.
    pub(crate) docs: u32,
    /// Terms of all texts together.
    pub(crate) terms: u64,
    pub(crate) dictionary: Dictionary,
    /// The posting lists, in the order of the dictionary.
    pub(crate) postings: Vec<u8>,
}

impl Segment {
    /// The number of rows, with a text or without.
    #[must_use]
    pub fn rows(&self) -> u32 {
        // A builder takes at most `u32::MAX` rows, and bytes give the number in 32 bits.
        self.lengths.len() as u32
    }

    /// The number of rows whose text is not null. It may be empty or without terms.
    #[must_use]
    pub fn docs(&self) -> u32 {
        self.docs
    }

    /// The number of distinct terms.
    #[must_use]
    pub fn distinct_terms(&self) -> usize {
        self.dictionary.len()
    }

    /// The number of terms in the text of row `offset`; `None` if the text is null or there is no such row.
    #[must_use]
    pub fn length(&self, offset: u32) -> Option<u32> {
        self.lengths.get(offset as usize).copied().filter(|&length| length != NO_TEXT)
    }

    /// The memory the segment takes, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + self.lengths.capacity() * size_of::<u32>()
            + self.dictionary.memory()
            + self.postings.capacity()
    }

    /// The postings of `term`, if any row has it.
    pub(crate) fn list(&self, term: &str) -> Option<PostingList<'_>> {
        self.dictionary.get(term).map(|entry| self.list_of(&entry))
    }

    /// The postings of an entry of this segment's dictionary.
    pub(crate) fn list_of(&self, entry: &Entry) -> PostingList<'_> {
        let bytes = self.postings.get(entry.postings.clone()).unwrap_or_default();
        let list = PostingList::new(entry.docs, bytes);
        debug_assert!(list.is_some(), "a dictionary agrees with its postings");
        list.unwrap_or_else(PostingList::empty)
    }

    /// The rows with a text that are not in `deleted`, and the terms of their texts together.
    pub(crate) fn live(&self, deleted: Option<&Deleted<'_>>) -> (u64, u64) {
        let mut live = (u64::from(self.docs), self.terms);
        let rows = deleted.into_iter().flat_map(|deleted| deleted.rows());
        for length in rows.map_while(|offset| self.lengths.get(offset as usize)) {
            if *length != NO_TEXT {
                live = (live.0 - 1, live.1 - u64::from(*length));
            }
        }
        live
    }
}
