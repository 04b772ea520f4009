//! Segments of many windows and blocks: the best rows beside a full sort, and scores beside plain sums.

#![allow(clippy::unwrap_used, reason = "a test")]

use omnigraph_text::{Analyzer, Corpus, Hit, Query, Segment, SegmentBuilder};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use roaring::RoaringBitmap;

/// Terms from one in nearly every row to a few in all.
const TERMS: [(&str, f64); 7] =
    [("t0", 0.9), ("t1", 0.4), ("t2", 0.35), ("t3", 0.1), ("t4", 0.02), ("t5", 0.002), ("t6", 0.000_2)];

/// Rows in which terms occur with their share, in stretches of richer and poorer rows, so that bounds of blocks differ.
fn segment(rng: &mut StdRng, rows: u32) -> Segment {
    let mut builder = SegmentBuilder::new(Analyzer::new());
    let mut rich = 1;
    for row in 0..rows {
        if row % 700 == 0 {
            rich = rng.random_range(1..6);
        }
        if rng.random_bool(0.03) {
            builder.push(None).unwrap();
            continue;
        }
        let mut terms = vec!["other"; rng.random_range(0..20)];
        for (term, share) in TERMS {
            if rng.random_bool(share) {
                terms.extend(vec![term; rng.random_range(1..=rich)]);
            }
        }
        builder.push_terms(Some(terms)).unwrap();
    }
    builder.finish()
}

fn subset(rng: &mut StdRng, rows: u32, share: f64) -> RoaringBitmap {
    (0..rows).filter(|_| rng.random_bool(share)).collect()
}

fn check(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let parts: Vec<_> = (0..rng.random_range(1..4))
        .map(|_| {
            let rows = rng.random_range(1..30_000);
            let share = [0.0, 0.001, 0.2, 0.97][rng.random_range(0..4)];
            (segment(&mut rng, rows), subset(&mut rng, rows, share))
        })
        .collect();
    let corpus = Corpus::new(parts.iter().map(|(segment, deleted)| (segment, Some(deleted))));
    for _ in 0..4 {
        let terms: Vec<_> =
            (0..rng.random_range(1..5)).map(|_| TERMS[rng.random_range(0..TERMS.len())].0).collect();
        let query = Query::from_terms(terms.iter().copied());
        let scores = corpus.scores(&query);
        let matching = corpus.matching(&query);
        for (segment, rows) in scores.segments().iter().zip(matching.segments()) {
            assert!(
                segment.offsets.iter().copied().eq(rows.iter()),
                "seed {seed}: {terms:?} matches the rows scored"
            );
        }
        let mut sorted: Vec<_> = scores.hits().collect();
        sorted.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then((a.segment, a.offset).cmp(&(b.segment, b.offset)))
        });
        for share in [1.0, 0.5, 0.01, 0.000_5] {
            let allowed: Vec<_> = parts.iter().map(|(s, _)| subset(&mut rng, s.rows(), share)).collect();
            let allowed = (share < 1.0).then_some(allowed);
            let may = |hit: &&Hit| allowed.as_ref().is_none_or(|rows| rows[hit.segment].contains(hit.offset));
            for k in [1, 10, 100, 5000] {
                let expected: Vec<_> = sorted.iter().filter(may).take(k).copied().collect();
                let found = corpus.top_k(&query, k, allowed.as_deref());
                let bits = |hit: &Hit| (hit.segment, hit.offset, hit.score.to_bits());
                assert!(
                    found.iter().map(bits).eq(expected.iter().map(bits)),
                    "seed {seed}: the best {k} of {terms:?} among a share of {share}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn the_best_rows_of_large_segments_are_those_of_the_full_sort(seed in any::<u64>()) {
        check(seed);
    }
}

#[test]
fn frequencies_of_a_large_segment_survive_bytes() {
    let mut rng = StdRng::seed_from_u64(3);
    let written = segment(&mut rng, 50_000);
    let read = Segment::from_bytes(&written.to_bytes()).unwrap();
    let query = Query::from_terms(["t0", "t3", "t6", "other"]);
    let of = |segment: &Segment| Corpus::new([(segment, None)]).scores(&query);
    assert_eq!(of(&read), of(&written));
}

/// Every other stretch of postings of `common` is poor but for the term `rare` in its middle, and the row right behind
/// it beats all before: passing over a poor block has to stop exactly at its end.
#[test]
fn the_row_right_behind_a_block_passed_over_is_found() {
    const BLOCK_ROWS: u32 = 2 * 128;
    let mut builder = SegmentBuilder::new(Analyzer::new());
    let rows = 60 * 2 * BLOCK_ROWS;
    for row in 0..rows {
        let (group, place) = (row / (2 * BLOCK_ROWS), row % (2 * BLOCK_ROWS));
        let mut terms = match place {
            0 => vec!["common"; 8 + group as usize],
            // The last row of a stretch has the term, and so has the first of the next.
            _ if matches!(place % 4, 0 | 3) => vec!["common"],
            _ => vec![],
        };
        if [0, BLOCK_ROWS + 4, BLOCK_ROWS + 44].contains(&place) {
            terms.push("rare");
        }
        terms.resize(80, "other");
        builder.push_terms(Some(terms)).unwrap();
    }
    let segment = builder.finish();
    let best = Corpus::new([(&segment, None)]).top_k(&Query::from_terms(["rare", "common"]), 1, None);
    assert_eq!(best[0].offset, rows - 2 * BLOCK_ROWS);
}
