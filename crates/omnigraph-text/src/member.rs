//! One segment of a corpus, less its deleted rows.

use crate::rows::Deleted;
use crate::segment::Segment;

/// A segment and what is deleted of it.
#[derive(Debug, Clone)]
pub(crate) struct Member<'a> {
    pub(crate) segment: &'a Segment,
    pub(crate) deleted: Option<Deleted<'a>>,
}

impl Member<'_> {
    /// Whether row `offset` of the segment is deleted.
    #[inline]
    pub(crate) fn is_deleted(&self, offset: u32) -> bool {
        self.deleted.as_ref().is_some_and(|deleted| deleted.contains(offset))
    }
}
