//! Time to index 100 000 short texts and to search them.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed bench")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use omnigraph_text::{Analyzer, Corpus, Query, Segment, SegmentBuilder};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const TEXTS: usize = 100_000;
const VOCABULARY: usize = 50_000;

/// Texts of 4 to 20 words. The word of rank r is as frequent as 1 / r (Zipf's law).
fn texts() -> Vec<String> {
    let mut rng = StdRng::seed_from_u64(7);
    let shares = (1..=VOCABULARY).scan(0.0, |sum, rank| {
        *sum += 1.0 / rank as f64;
        Some(*sum)
    });
    let shares: Vec<f64> = shares.collect();
    let mut text = || {
        let words = (0..rng.random_range(4..=20)).map(|_| {
            let share = rng.random_range(0.0..shares[VOCABULARY - 1]);
            word(shares.partition_point(|&s| s < share))
        });
        words.collect::<Vec<_>>().join(" ")
    };
    (0..TEXTS).map(|_| text()).collect()
}

/// The word of a rank: pronounceable, and no stop word.
fn word(mut rank: usize) -> String {
    let mut word = String::from("z");
    loop {
        word.push(['a', 'o', 'u', 'i'][rank % 4]);
        rank /= 4;
        word.push(['k', 'r', 't', 'm', 'p', 'b'][rank % 6]);
        rank /= 6;
        if rank == 0 {
            return word;
        }
    }
}

fn build(texts: &[String]) -> Segment {
    let mut builder = SegmentBuilder::new(Analyzer::new());
    for text in texts {
        builder.push(Some(text)).unwrap();
    }
    builder.finish()
}

fn search(c: &mut Criterion) {
    let texts = texts();
    let mut group = c.benchmark_group("build");
    group.throughput(Throughput::Elements(TEXTS as u64)).sample_size(10);
    group.bench_function("100k texts", |b| b.iter(|| build(black_box(&texts))));
    group.finish();

    let segment = build(&texts);
    let bytes = segment.to_bytes();
    println!("memory {} B, as bytes {} B, texts {} B", segment.memory(), bytes.len(), texts.concat().len());
    c.bench_function("from_bytes", |b| b.iter(|| Segment::from_bytes(black_box(&bytes)).unwrap()));

    let corpus = Corpus::new([(&segment, None)]);
    for (name, ranks) in [("common", [0, 1]), ("mixed", [3, 2000]), ("rare", [5000, 9000])] {
        let query = Query::new(&Analyzer::new(), &ranks.map(word).join(" "));
        let found = corpus.matching(&query).len();
        let mut group = c.benchmark_group(format!("two {name} terms, {found} texts"));
        group.bench_function("top 10", |b| b.iter(|| corpus.top_k(black_box(&query), 10, None)));
        group.bench_function("scores", |b| b.iter(|| corpus.scores(black_box(&query))));
        group.bench_function("matching", |b| b.iter(|| corpus.matching(black_box(&query))));
        group.bench_function("fuzzy 2", |b| b.iter(|| corpus.fuzzy(black_box(&query), 2)));
    }
    let deleted = (0..TEXTS as u32).step_by(10).collect();
    let corpus = Corpus::new([(&segment, Some(&deleted))]);
    let query = Query::new(&Analyzer::new(), &[3, 2000].map(word).join(" "));
    c.bench_function("top 10, a tenth deleted", |b| b.iter(|| corpus.top_k(black_box(&query), 10, None)));
}

criterion_group!(benches, search);
criterion_main!(benches);
