//! How long bounds of the distances of a block's vectors to a query take, with and without a projection.
//!
//! `cargo bench --profile dev -p omnigraph-vector`

#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use omnigraph_vector::{Metric, QuantizedVectors, Query, SearchRadius};

const ROWS: usize = 5461;
const BLOCKS: u64 = 16;

/// Vectors that vary in few directions more than in others, as embeddings do.
fn vectors(dimension: usize, rows: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..rows).map(|_| (0..dimension).map(|at| next() / (1.0 + at as f32 / 24.0)).collect()).collect()
}

fn bounds(c: &mut Criterion) {
    let mut group = c.benchmark_group("bounds of 16 blocks");
    let mut found = Vec::new();
    let rows: Vec<u64> = (0..BLOCKS * ROWS as u64).collect();
    // Below 256 components there is no projection.
    for dimension in [255, 384, 1536] {
        let blocks: Vec<QuantizedVectors> = (0..BLOCKS)
            .map(|block| {
                let stored = vectors(dimension, ROWS, block);
                QuantizedVectors::new(dimension, ROWS, true, |row| Some(&stored[row]))
            })
            .collect();
        let query = Query::new(vectors(dimension, 1, 99).remove(0), Metric::Cosine);
        group.throughput(Throughput::Elements(BLOCKS * ROWS as u64));
        for (name, k) in [("nearest 10", 10), ("all", usize::MAX)] {
            group.bench_function(format!("{dimension} numbers, {name}"), |b| {
                b.iter(|| {
                    let radius = SearchRadius::new(k);
                    found.clear();
                    for (block, first) in blocks.iter().zip((0..).step_by(ROWS)) {
                        query.bounds(
                            block,
                            first as u64,
                            &rows[first..first + ROWS],
                            first,
                            &radius,
                            &mut found,
                        );
                    }
                });
            });
        }
    }
    group.finish();
    let stored = vectors(384, ROWS, 1);
    c.bench_function("quantization of 5461 vectors of 384 numbers", |b| {
        b.iter(|| QuantizedVectors::new(384, ROWS, true, |row| Some(&stored[row])));
    });
}

criterion_group!(benches, bounds);
criterion_main!(benches);
