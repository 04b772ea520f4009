//! Quantized vectors with a projection, against distances.

use proptest::prelude::*;

use crate::projection::Projection;
use crate::{Metric, QuantizedVectors, Query, SearchRadius};

const DIMENSION: usize = 260;
const ROWS: usize = 700;

/// Numbers between -0.5 and 0.5, the same for the same seed.
fn numbers(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    }
}

/// A vector that varies much in its first numbers and little in the others.
fn vector(next: &mut impl FnMut() -> f32, spread: f32) -> Vec<f32> {
    (0..DIMENSION).map(|at| next() / (1.0 + at as f32 / spread)).collect()
}

#[test]
fn the_projection_rules_most_rows_out() {
    let mut next = numbers(7);
    let vectors: Vec<Vec<f32>> = (0..ROWS).map(|_| vector(&mut next, 10.0)).collect();
    let quantized = QuantizedVectors::new(DIMENSION, ROWS, false, |row| Some(&vectors[row]));
    let projection =
        quantized.projection.as_ref().expect("vectors that vary in few directions have a projection");
    let query = vector(&mut next, 10.0);
    let projected = projection.quantize(&query);
    let distance = Query::new(query, Metric::L2);
    let mut near = 0;
    let mut distances: Vec<f64> = vectors.iter().map(|vector| distance.distance(vector)).collect();
    for (row, distance) in distances.iter().enumerate() {
        let lower = projection.lower_bound(&projected, projection.rows.code_distance(&projected, row));
        assert!(lower <= *distance, "row {row}: {lower} {distance}");
        near += usize::from(lower > 0.9 * distance);
    }
    assert!(near > ROWS * 9 / 10, "{near}");
    distances.sort_by(f64::total_cmp);
    let radius = SearchRadius::new(10);
    let rows: Vec<u64> = (0..ROWS as u64).collect();
    let mut found = Vec::new();
    distance.bounds(&quantized, 0, &rows, 0, &radius, &mut found);
    let bound = radius.radius().expect("ten rows were found");
    assert!(distances[9] <= bound && bound < distances[9] + 0.1, "{bound} {}", distances[9]);
    assert!(found.len() < 100);
}

#[test]
fn vectors_that_vary_in_all_directions_alike_have_no_projection() {
    let mut next = numbers(8);
    let wide: Vec<Vec<f32>> = (0..ROWS).map(|_| (0..600).map(|_| next()).collect()).collect();
    assert!(Projection::new(600, ROWS, |row| Some(wide[row].clone())).is_none());
    assert!(Projection::new(DIMENSION, ROWS, |_| Some(vec![1.0; DIMENSION])).is_none());
    assert!(Projection::new(DIMENSION, ROWS, |_| None).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_nearest_are_never_left_out(
        seed in any::<u64>(),
        spread in 3.0_f32..30.0,
        strange in prop::collection::vec(
            (0..ROWS, prop::sample::select(vec![0.0, f32::NAN, f32::INFINITY, f32::MAX, 1e-30, 1e13, 1e3])),
            0..5,
        ),
        missing in prop::collection::vec(0..ROWS, 0..20),
        metric in prop::sample::select(vec![Metric::L2, Metric::Cosine, Metric::Dot]),
        k in prop::sample::select(vec![1_usize, 5, 40, 400]),
        near in prop::option::of(0..ROWS),
    ) {
        let mut next = numbers(seed);
        let mut vectors: Vec<Option<Vec<f32>>> = (0..2 * ROWS).map(|_| Some(vector(&mut next, spread))).collect();
        for (row, factor) in strange {
            vectors[row].iter_mut().flatten().for_each(|x| *x *= factor);
        }
        missing.iter().for_each(|row| vectors[*row] = None);
        // A query in the middle of nowhere, or close to a vector.
        let query = match near.and_then(|row| vectors[row].clone()) {
            Some(vector) if vector.iter().all(|x| x.is_finite()) => vector.iter().map(|x| x + 0.01 * next()).collect(),
            _ => vector(&mut next, spread),
        };
        let query = Query::new(query, metric);
        let halves = [0, ROWS].map(|first| {
            QuantizedVectors::new(DIMENSION, ROWS, query.normalized(), |row| vectors[first + row].as_deref())
        });
        let halves = halves.map(|quantized| QuantizedVectors::from_bytes(&quantized.to_bytes()).unwrap());
        prop_assert!(halves[1].projection.is_some());
        let radius = SearchRadius::new(k);
        let mut found = Vec::new();
        for (half, quantized) in halves.iter().enumerate() {
            let first = half * ROWS;
            let rows: Vec<u64> = (first as u64..).take(ROWS).collect();
            query.bounds(quantized, first as u64, &rows, first, &radius, &mut found);
        }
        let mut bounds: Vec<Option<(f64, f64)>> = vec![None; 2 * ROWS];
        found.iter().for_each(|row| bounds[row.position] = Some((row.lower, row.upper)));
        let distances: Vec<Option<f64>> =
            vectors.iter().map(|vector| vector.as_ref().map(|vector| query.distance(vector))).collect();
        let mut known: Vec<f64> = distances.iter().flatten().copied().filter(|d| !d.is_nan()).collect();
        known.sort_by(f64::total_cmp);
        for (row, distance) in distances.iter().enumerate() {
            let Some(distance) = distance else {
                prop_assert!(bounds[row].is_none());
                continue;
            };
            match bounds[row] {
                None => {
                    let closer = known.partition_point(|other| other < distance);
                    prop_assert!(distance.is_nan() || closer >= k, "{metric:?}: row {row} at {distance}");
                }
                Some((lower, upper)) if !distance.is_nan() => {
                    let within = lower <= *distance && *distance <= upper;
                    prop_assert!(within, "{metric:?}: {lower} {distance} {upper}");
                }
                Some(_) => {}
            }
        }
    }
}
