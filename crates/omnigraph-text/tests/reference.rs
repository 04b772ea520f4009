//! Search compared with a plain reading of its definition, on random texts, deletions, segmentations and queries.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};

use omnigraph_text::{Analyzer, Corpus, Hit, Query, Segment, SegmentBuilder};
use proptest::collection::vec;
use proptest::prelude::*;
use roaring::RoaringBitmap;

/// A word of a small vocabulary whose first words are the most frequent, or a short word over few letters, so that
/// many are within few edits.
fn word() -> impl Strategy<Value = String> {
    let letter = prop::sample::select(vec!['a', 'b', 'é', 'ж', 'x']);
    prop_oneof![
        4 => (0_u32..12, 0_u32..12).prop_map(|(a, b)| format!("word{}", a.min(b))),
        2 => vec(letter, 1..6).prop_map(String::from_iter),
        1 => prop::sample::select(vec!["the", "Running", "Networks", "network", "ÜBER", "and"]).prop_map(str::to_owned),
    ]
}

fn text() -> impl Strategy<Value = Option<String>> {
    let some = vec(word(), 0..12).prop_map(|words| Some(words.join(" ")));
    prop_oneof![1 => Just(None), 12 => some]
}

/// Rows, of which some are deleted.
fn rows() -> impl Strategy<Value = Vec<(Option<String>, bool)>> {
    let short = vec((text(), prop::bool::weighted(0.2)), 0..40);
    // Enough for posting lists of several blocks.
    let long = vec((text(), prop::bool::weighted(0.05)), 600..900);
    prop_oneof![3 => short, 1 => long]
}

fn query() -> impl Strategy<Value = String> {
    vec(word(), 0..5).prop_map(|words| words.join(" "))
}

/// Rows cut into segments, with the deleted offsets of each.
struct Cut {
    segments: Vec<(Segment, RoaringBitmap)>,
    /// The index of the first row of each segment.
    begins: Vec<usize>,
}

impl Cut {
    /// Cuts `rows` at `cuts`, places in units of their number.
    fn new(rows: &[(Option<String>, bool)], cuts: &[f64]) -> Self {
        let mut begins: Vec<usize> = cuts.iter().map(|cut| (cut * rows.len() as f64) as usize).collect();
        begins.push(0);
        begins.sort_unstable();
        let ends = begins.iter().copied().skip(1).chain([rows.len()]);
        let segment = |(begin, end): (usize, usize)| {
            let mut builder = SegmentBuilder::new(Analyzer::new());
            let mut deleted = RoaringBitmap::new();
            for (offset, (text, gone)) in rows[begin..end].iter().enumerate() {
                builder.push(text.as_deref()).unwrap();
                if *gone {
                    deleted.insert(offset as u32);
                }
            }
            (builder.finish(), deleted)
        };
        let segments = begins.iter().copied().zip(ends).map(segment).collect();
        Self { segments, begins }
    }

    fn corpus(&self) -> Corpus<'_> {
        Corpus::new(self.segments.iter().map(|(segment, deleted)| (segment, Some(deleted))))
    }

    fn row(&self, hit: &Hit) -> usize {
        self.begins[hit.segment] + hit.offset as usize
    }

    fn rows(&self, matches: &[RoaringBitmap]) -> BTreeSet<usize> {
        let of = |(bitmap, begin): (&RoaringBitmap, &usize)| {
            bitmap.iter().map(|o| begin + o as usize).collect::<Vec<_>>()
        };
        matches.iter().zip(&self.begins).flat_map(of).collect()
    }
}

fn analyse(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    Analyzer::new().terms(text, |term| terms.push(term.to_owned()));
    terms
}

/// The terms of each live row with a text.
fn live(rows: &[(Option<String>, bool)]) -> BTreeMap<usize, Vec<String>> {
    let live = rows.iter().enumerate().filter(|(_, (_, deleted))| !deleted);
    live.filter_map(|(row, (text, _))| Some((row, analyse(text.as_ref()?)))).collect()
}

/// BM25 by the formula.
fn reference_scores(rows: &[(Option<String>, bool)], query: &str) -> BTreeMap<usize, f64> {
    let live = live(rows);
    let docs = live.len() as f64;
    let average = live.values().map(Vec::len).sum::<usize>() as f64 / docs;
    let mut scores = BTreeMap::new();
    for term in analyse(query) {
        let with = live.values().filter(|terms| terms.contains(&term)).count() as f64;
        let idf = (1.0 + (docs - with + 0.5) / (with + 0.5)).ln();
        for (&row, terms) in &live {
            let f = terms.iter().filter(|&other| *other == term).count() as f64;
            if f > 0.0 {
                let length = terms.len() as f64;
                let term_score = idf * f / (f + 1.2 * (1.0 - 0.75 + 0.75 * length / average));
                *scores.entry(row).or_insert(0.0) += term_score;
            }
        }
    }
    scores
}

/// The distance by its recurrence.
fn levenshtein(a: &[char], b: &[char]) -> usize {
    match (a, b) {
        ([], rest) | (rest, []) => rest.len(),
        ([x, a_rest @ ..], [y, b_rest @ ..]) if x == y => levenshtein(a_rest, b_rest),
        ([_, a_rest @ ..], [_, b_rest @ ..]) => {
            1 + levenshtein(a_rest, b).min(levenshtein(a, b_rest)).min(levenshtein(a_rest, b_rest))
        }
    }
}

fn sorted(corpus: &Corpus<'_>, query: &Query) -> Vec<Hit> {
    let mut hits: Vec<_> = corpus.scores(query).hits().collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then((a.segment, a.offset).cmp(&(b.segment, b.offset))));
    hits
}

fn bits(hits: &[Hit]) -> Vec<(usize, u32, u64)> {
    hits.iter().map(|hit| (hit.segment, hit.offset, hit.score.to_bits())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn scores_and_statistics_are_those_of_the_formula(rows in rows(), cuts in vec(0.0..1.0, 0..4), q in query()) {
        let cut = Cut::new(&rows, &cuts);
        let corpus = cut.corpus();
        let live = live(&rows);
        prop_assert_eq!(corpus.docs(), live.len() as u64);
        for term in analyse(&q) {
            let with = live.values().filter(|terms| terms.contains(&term)).count();
            prop_assert_eq!(corpus.document_frequency(&term), with as u64);
        }
        let query = Query::new(&Analyzer::new(), &q);
        let expected = reference_scores(&rows, &q);
        let scores = corpus.scores(&query);
        prop_assert_eq!(scores.len(), expected.len());
        for hit in scores.hits() {
            let expected = expected[&cut.row(&hit)];
            prop_assert!((hit.score - expected).abs() <= 1e-12 * expected, "{} is not {}", hit.score, expected);
        }
        for segment in scores.segments() {
            prop_assert!(segment.offsets.is_sorted());
        }
        let matching = corpus.matching(&query);
        prop_assert_eq!(cut.rows(matching.segments()), expected.keys().copied().collect());
    }

    #[test]
    fn scores_have_the_same_bits_in_every_segmentation(rows in rows(), cuts in vec(0.0..1.0, 1..5), q in query()) {
        let (whole, parts) = (Cut::new(&rows, &[]), Cut::new(&rows, &cuts));
        let query = Query::new(&Analyzer::new(), &q);
        let of = |cut: &Cut| -> Vec<_> {
            cut.corpus().scores(&query).hits().map(|hit| (cut.row(&hit), hit.score.to_bits())).collect()
        };
        prop_assert_eq!(of(&whole), of(&parts));
    }

    #[test]
    fn deleted_rows_leave_no_trace(rows in rows(), cuts in vec(0.0..1.0, 0..4), q in query()) {
        let cut = Cut::new(&rows, &cuts);
        let kept: Vec<_> = rows.iter().filter(|(_, deleted)| !deleted).cloned().collect();
        let clean = Cut::new(&kept, &[]);
        let query = Query::new(&Analyzer::new(), &q);
        let of = |cut: &Cut| -> Vec<_> { cut.corpus().scores(&query).hits().map(|hit| hit.score.to_bits()).collect() };
        prop_assert_eq!(of(&cut), of(&clean));
    }

    #[test]
    fn top_is_the_prefix_of_the_full_sort(
        rows in rows(), cuts in vec(0.0..1.0, 0..4), q in query(), k in prop_oneof![0_usize..12, 0_usize..1000],
        kept in prop::option::of(0.0..1.0_f64), seed in any::<u64>(),
    ) {
        let cut = Cut::new(&rows, &cuts);
        let corpus = cut.corpus();
        let query = Query::new(&Analyzer::new(), &q);
        let allowed: Option<Vec<RoaringBitmap>> = kept.map(|kept| {
            let hash = |segment: usize, offset: u32| {
                (seed ^ (segment as u64) << 32 ^ u64::from(offset)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
            };
            let keeps = |s: usize, o: u32| (hash(s, o) as f64) < kept * f64::from(1 << 24);
            let of = |(s, (segment, _)): (usize, &(Segment, _))| (0..segment.rows()).filter(|&o| keeps(s, o)).collect();
            cut.segments.iter().enumerate().map(of).collect()
        });
        let may = |hit: &Hit| allowed.as_ref().is_none_or(|allowed| allowed[hit.segment].contains(hit.offset));
        let expected: Vec<_> = sorted(&corpus, &query).into_iter().filter(may).take(k).collect();
        prop_assert_eq!(bits(&corpus.top_k(&query, k, allowed.as_deref())), bits(&expected));
    }

    #[test]
    fn fuzzy_finds_the_rows_with_a_term_near_enough(
        rows in vec((text(), prop::bool::weighted(0.2)), 0..40), cuts in vec(0.0..1.0, 0..3), q in query(),
        max_edits in 0_usize..7,
    ) {
        let cut = Cut::new(&rows, &cuts);
        let wanted: Vec<Vec<char>> = analyse(&q).iter().map(|term| term.chars().collect()).collect();
        let near = |term: &String| {
            let term: Vec<char> = term.chars().collect();
            wanted.iter().any(|wanted| levenshtein(wanted, &term) <= max_edits)
        };
        let expected: BTreeSet<_> = live(&rows).into_iter().filter(|(_, ts)| ts.iter().any(near)).map(|(r, _)| r).collect();
        let found = cut.corpus().fuzzy(&Query::new(&Analyzer::new(), &q), max_edits);
        prop_assert_eq!(cut.rows(found.segments()), expected);
    }

    #[test]
    fn a_segment_read_back_scores_as_before(rows in rows(), q in query()) {
        let cut = Cut::new(&rows, &[]);
        let (segment, deleted) = &cut.segments[0];
        let bytes = segment.to_bytes();
        let read = Segment::from_bytes(&bytes).unwrap();
        prop_assert_eq!(read.to_bytes(), bytes);
        prop_assert_eq!((read.rows(), read.docs(), read.distinct_terms()), (segment.rows(), segment.docs(), segment.distinct_terms()));
        let query = Query::new(&Analyzer::new(), &q);
        let corpus = Corpus::new([(&read, Some(deleted))]);
        prop_assert_eq!(corpus.scores(&query), cut.corpus().scores(&query));
    }
}
