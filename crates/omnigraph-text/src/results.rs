//! What a search returns: rows, and rows with scores.

use roaring::RoaringBitmap;

/// Live rows, as the offsets of each segment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matches {
    pub(crate) segments: Vec<RoaringBitmap>,
}

/// The scores of all rows that match a query, by segment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    pub(crate) segments: Vec<SegmentScores>,
}

/// The matching rows of a segment: two vectors of one length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SegmentScores {
    /// The offsets of the rows, ascending.
    pub offsets: Vec<u32>,
    /// The score of each row; above zero.
    pub scores: Vec<f64>,
}

/// A row and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The number of the segment.
    pub segment: usize,
    /// The offset of the row in the segment.
    pub offset: u32,
    /// The BM25 score; above zero.
    pub score: f64,
}

impl Matches {
    /// The offsets of each segment.
    #[must_use]
    pub fn segments(&self) -> &[RoaringBitmap] {
        &self.segments
    }

    /// The offsets of each segment, owned.
    #[must_use]
    pub fn into_segments(self) -> Vec<RoaringBitmap> {
        self.segments
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.segments.iter().map(RoaringBitmap::len).sum()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.iter().all(RoaringBitmap::is_empty)
    }
}

impl Scores {
    /// Takes the scores of each segment, in the order of the segments.
    #[must_use]
    pub fn into_segments(self) -> Vec<SegmentScores> {
        self.segments
    }

    /// The scores of each segment.
    #[must_use]
    pub fn segments(&self) -> &[SegmentScores] {
        &self.segments
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments.iter().map(|segment| segment.offsets.len()).sum()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All rows, by segment and offset.
    pub fn hits(&self) -> impl Iterator<Item = Hit> {
        self.segments.iter().enumerate().flat_map(|(segment, rows)| {
            let rows = rows.offsets.iter().zip(&rows.scores);
            rows.map(move |(&offset, &score)| Hit { segment, offset, score })
        })
    }
}
