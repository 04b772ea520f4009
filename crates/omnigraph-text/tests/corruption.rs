//! Bytes that are no segment, or no longer one: an error, never a panic, also when the checksum was made to fit.

#![allow(clippy::unwrap_used, reason = "a test")]

use omnigraph_text::{Analyzer, Corpus, FormatError, Query, Segment, SegmentBuilder};
use proptest::collection::vec;
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

fn segment_bytes() -> Vec<u8> {
    let mut builder = SegmentBuilder::new(Analyzer::new());
    for row in 0..700_u32 {
        let text = format!("row {row} group{} {}", row % 7, "common ".repeat(row as usize % 4));
        builder.push((row % 11 != 0).then_some(text.as_str())).unwrap();
    }
    builder.finish().to_bytes()
}

fn seal(bytes: &mut Vec<u8>) {
    let body = bytes.len().saturating_sub(8);
    bytes.truncate(body);
    let checksum = xxh3_64(bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
}

/// Uses every operation on a segment that was accepted.
fn exercise(segment: &Segment) {
    let corpus = Corpus::new([(segment, None)]);
    let query = Query::from_terms(["common", "group3", "group5", "row", "17"]);
    let all = corpus.scores(&query);
    assert_eq!(corpus.matching(&query).len(), all.len() as u64);
    assert_eq!(corpus.top_k(&query, 5, None).len(), all.len().min(5));
    assert!(corpus.fuzzy(&query, 2).len() >= all.len() as u64);
    assert!(corpus.fuzzy(&query, 4).len() >= all.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn an_alteration_is_noticed(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut bytes = segment_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(Segment::from_bytes(&bytes).is_err());
    }

    #[test]
    fn a_cut_is_noticed(at in any::<prop::sample::Index>()) {
        let bytes = segment_bytes();
        prop_assert!(Segment::from_bytes(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn alterations_under_a_right_checksum_are_refused_or_harmless(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = segment_bytes();
        for (at, value) in changes {
            let at = 8 + at.index(bytes.len() - 8);
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(16 + cut.index(bytes.len() - 16));
        }
        seal(&mut bytes);
        match Segment::from_bytes(&bytes) {
            Ok(segment) => exercise(&segment),
            Err(FormatError::Truncated { .. } | FormatError::Malformed { .. }) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn any_bytes_are_an_error(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(Segment::from_bytes(&bytes).is_err());
    }
}

#[test]
fn the_untouched_segment_is_accepted() {
    exercise(&Segment::from_bytes(&segment_bytes()).unwrap());
}
