//! Scores compared with those of independent programs: of made-up texts with `fixtures/bm25.py`, of descriptions of Debian
//! packages with `rank-bm25` by Lucene's formula (`bench/peers/bm25_reference.py`).

#![allow(clippy::unwrap_used, reason = "a test")]

use omnigraph_text::{Analyzer, Corpus, Query, SegmentBuilder};
use serde_json::Value;

const FIXTURE: &str = include_str!("fixtures/bm25.json");
const DESCRIPTIONS: &str = include_str!("fixtures/descriptions.json");

#[test]
fn scores_are_those_of_the_independent_program() {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    let mut builder = SegmentBuilder::new(Analyzer::new());
    for text in fixture["texts"].as_array().unwrap() {
        builder.push_terms(text.as_str().map(str::split_whitespace)).unwrap();
    }
    let segment = builder.finish();
    let corpus = Corpus::new([(&segment, None)]);
    assert_eq!((segment.rows(), corpus.docs()), (200, 198));

    let mut compared = 0;
    for case in fixture["queries"].as_array().unwrap() {
        let text = case["query"].as_str().unwrap();
        let query = Query::from_terms(text.split_whitespace());
        let expected: Vec<(u32, f64)> = serde_json::from_value(case["scores"].clone()).unwrap();
        let found: Vec<_> = corpus.scores(&query).hits().map(|hit| (hit.offset, hit.score)).collect();
        assert_eq!(found.len(), expected.len(), "{text}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.0, expected.0, "{text}");
            assert!(
                (found.1 - expected.1).abs() < 1e-9,
                "{text}, row {}: {} is not {}",
                found.0,
                found.1,
                expected.1
            );
            compared += 1;
        }
        let best = corpus.top_k(&query, 1, None).first().map(|hit| hit.score);
        let expected = expected.iter().map(|row| row.1).reduce(f64::max);
        assert!(best.zip(expected).is_none_or(|(best, expected)| (best - expected).abs() < 1e-9), "{text}");
        assert_eq!(best.is_some(), expected.is_some(), "{text}");
    }
    assert!(compared > 500);
}

#[test]
fn scores_of_descriptions_are_those_of_the_library() {
    let fixture: Value = serde_json::from_str(DESCRIPTIONS).unwrap();
    let documents = fixture["documents"].as_array().unwrap();
    let mut builder = SegmentBuilder::new(Analyzer::new());
    for document in documents {
        builder.push(document["text"].as_str()).unwrap();
    }
    let segment = builder.finish();
    let corpus = Corpus::new([(&segment, None)]);
    assert_eq!((fixture["k1"].as_f64(), fixture["b"].as_f64()), (Some(1.2), Some(0.75)));
    let mut compared = 0;
    for case in fixture["analyzers"][0]["queries"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let query = Query::new(&Analyzer::new(), text);
        let mut expected: Vec<(u32, f64)> = case["scores"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row[0].as_str().unwrap()[1..].parse().unwrap(), row[1].as_f64().unwrap()))
            .collect();
        let best: Vec<f64> = expected.iter().take(10).map(|row| row.1).collect();
        expected.sort_by_key(|row| row.0);
        let found: Vec<_> = corpus.scores(&query).hits().map(|hit| (hit.offset, hit.score)).collect();
        assert!(found.iter().map(|row| row.0).eq(expected.iter().map(|row| row.0)), "{text}: {found:?}");
        for ((row, found), (_, expected)) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6, "{text}, row {row}: {found} is not {expected}");
            compared += 1;
        }
        let top: Vec<f64> = corpus.top_k(&query, 10, None).iter().map(|hit| hit.score).collect();
        assert_eq!(top.len(), best.len());
        assert!(top.iter().zip(&best).all(|(found, expected)| (found - expected).abs() < 1e-6), "{text}");
    }
    assert!(compared > 500, "{compared}");
}
