//! What can go wrong: a segment that would grow too large, and bytes that are no segment.

use thiserror::Error;

/// A row that a [`SegmentBuilder`](crate::SegmentBuilder) cannot take.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BuildError {
    /// Offsets are 32 bits wide and the largest is reserved, so a segment has at most `u32::MAX` rows.
    #[error("a text segment has at most {} rows", u32::MAX)]
    TooManyRows,
    /// Lengths are 32 bits wide and the largest marks a null, so a text has fewer than `u32::MAX` terms.
    #[error("a text has fewer than {} terms", u32::MAX)]
    TooManyTerms,
}

/// Bytes that are not a segment this version can read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    /// The bytes do not begin with the mark of a text segment.
    #[error("not a text segment: the first bytes are not its mark")]
    Magic,
    /// The segment was written in a format this version does not know.
    #[error("text segment of format {found}, but only format {known} can be read")]
    Version {
        /// The format number in the bytes.
        found: u32,
        /// The one format number that is understood.
        known: u32,
    },
    /// The bytes were altered or cut after they were written.
    #[error("text segment is damaged: checksum {stored:016x} stored, {computed:016x} computed")]
    Checksum {
        /// The checksum in the bytes.
        stored: u64,
        /// The checksum of the bytes.
        computed: u64,
    },
    /// The bytes end inside the part named.
    #[error("text segment ends inside its {part}")]
    Truncated {
        /// The part that is incomplete.
        part: &'static str,
    },
    /// The checksum holds and the content contradicts itself.
    #[error("text segment has a malformed {part}: {problem}")]
    Malformed {
        /// The part that is wrong.
        part: &'static str,
        /// The rule that does not hold.
        problem: &'static str,
    },
}

impl FormatError {
    /// A rule that does not hold in `part`.
    pub(crate) fn malformed(part: &'static str, problem: &'static str) -> Self {
        Self::Malformed { part, problem }
    }
}
