//! A query: a vector and a metric, its distance to other vectors, and bounds of it.

use lance_linalg::distance::{Cosine, Normalize, dot, l2};

use crate::projection::Projection;
use crate::quantization::{QuantizedVector, RowBounds};
use crate::quantized::{QuantizedVectors, has_direction};
use crate::radius::SearchRadius;

/// Products whose sum a 32-bit float holds: others may be computed as zero or infinite.
const SMALLEST: f64 = 1e-30;
const LARGEST: f64 = 1e36;

/// How far two vectors are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Euclidean distance.
    L2,
    /// One minus the cosine of the angle; 1 where a vector is zero.
    Cosine,
    /// The negated inner product.
    Dot,
}

/// A row that may be among the nearest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounded {
    /// Its position among the rows that were asked about.
    pub position: usize,
    /// The lower bound of its distance.
    pub lower: f64,
    /// The upper bound; infinite when none is known.
    pub upper: f64,
}

/// A vector that others are compared with.
#[derive(Clone, Debug)]
pub struct Query {
    vector: Vec<f32>,
    metric: Metric,
    norm: f32,
    /// The vector as it is compared with quantized ones: of length one for the cosine.
    compared: Vec<f32>,
}

impl Query {
    /// Prepares comparisons with a vector.
    pub fn new(vector: Vec<f32>, metric: Metric) -> Query {
        let norm = f32::norm_l2(&vector);
        let scale = if metric == Metric::Cosine { norm } else { 1.0 };
        let compared = vector.iter().map(|x| x / scale).collect();
        Query { vector, metric, norm, compared }
    }

    /// Returns the number of components.
    pub fn dimension(&self) -> usize {
        self.vector.len()
    }

    /// Tells whether [`QuantizedVectors`] for this query must be normalized.
    pub fn normalized(&self) -> bool {
        self.metric == Metric::Cosine
    }

    /// Returns the distance to a vector of the same dimension.
    pub fn distance(&self, vector: &[f32]) -> f64 {
        let query = &self.vector[..];
        match self.metric {
            Metric::L2 => f64::from(l2(query, vector)).sqrt(),
            Metric::Cosine => match f32::cosine_fast(query, self.norm, vector) {
                distance if distance.is_finite() => f64::from(distance),
                _ => 1.0,
            },
            Metric::Dot => -f64::from(dot(query, vector)),
        }
    }

    /// Bounds the distances of rows from below and above, and adds the rows that may be within the search radius to `found`.
    ///
    /// Rows without a vector are left out, and so are those that k others precede for certain (k is that of `radius`),
    /// which costs much less than bounding their distances. The bounds hold for what [`Query::distance`] computes.
    ///
    /// Rows have numbers, that of the first row of `quantized` being `first`; `rows` are some of these, in any order, and the
    /// position of the n-th of them is `at + n`.
    ///
    /// # Panics
    /// When `quantized` has no such row.
    pub fn bounds(
        &self,
        quantized: &QuantizedVectors,
        first: u64,
        rows: &[u64],
        at: usize,
        radius: &SearchRadius,
        found: &mut Vec<Bounded>,
    ) {
        let full = &quantized.full;
        let query = full.quantize(&self.compared);
        let bounds = |row: usize, code_distance: u64| {
            self.of_metric(full.bounds(&query, code_distance, row), quantized.norms[row])
        };
        let mut known: Vec<(usize, usize)> = Vec::with_capacity(rows.len());
        for (number, position) in rows.iter().zip(at..) {
            let row = (number - first) as usize;
            match full.row_bounds(row) {
                RowBounds::NoVector => {}
                RowBounds::Known => known.push((row, position)),
                RowBounds::Open => {
                    let (lower, upper) = bounds(row, full.code_distance(&query, row));
                    found.push(Bounded { position, lower, upper });
                }
            }
        }
        let projects = radius.k().is_some_and(|k| known.len() > k.saturating_mul(4));
        if let Some(projection) = quantized.projection.as_ref().filter(|_| projects) {
            self.drop_beyond(quantized, projection, first, &query, &mut known, radius);
        }
        let lower_bound = |code_distance| {
            self.of_metric(full.bounds_of_any(&query, code_distance), quantized.largest_norm()).0
        };
        let mut cutoff = Cutoff::new(full.max_code_distance());
        let distances: Vec<u64> = known.iter().map(|(row, _)| full.code_distance(&query, *row)).collect();
        for at in first_nearest(&distances, radius) {
            let row = known[at].0;
            radius.observe(first + row as u64, bounds(row, distances[at]).1);
        }
        for (&(row, position), code_distance) in known.iter().zip(distances) {
            if code_distance < cutoff.update(radius, lower_bound) {
                let (lower, upper) = bounds(row, code_distance);
                radius.observe(first + row as u64, upper);
                found.push(Bounded { position, lower, upper });
            }
        }
    }

    /// Drops the rows whose projections are beyond the search radius; `query` is the query with all its components.
    fn drop_beyond(
        &self,
        quantized: &QuantizedVectors,
        projection: &Projection,
        first: u64,
        query: &QuantizedVector,
        rows: &mut Vec<(usize, usize)>,
        radius: &SearchRadius,
    ) {
        let projected = projection.quantize(&self.compared);
        let code_distance = |(row, _): &(usize, usize)| projection.rows.code_distance(&projected, *row);
        let distances: Vec<u64> = rows.iter().map(code_distance).collect();
        for at in first_nearest(&distances, radius) {
            let row = rows[at].0;
            let bounds = quantized.full.bounds(query, quantized.full.code_distance(query, row), row);
            radius.observe(first + row as u64, self.of_metric(bounds, quantized.norms[row]).1);
        }
        let lower_bound = |code_distance| {
            let lower = projection.lower_bound(&projected, code_distance);
            self.of_metric((lower, f64::INFINITY), quantized.largest_norm()).0
        };
        let cutoff = Cutoff::new(projection.rows.max_code_distance()).update(radius, lower_bound);
        let mut distances = distances.into_iter();
        rows.retain(|(row, _)| {
            let code_distance = distances.next().unwrap_or(0);
            code_distance < cutoff || projection.rows.row_bounds(*row) != RowBounds::Known
        });
    }

    /// Turns bounds of the Euclidean distance into bounds of the metric, for a vector of some length.
    fn of_metric(&self, (low, high): (f64, f64), norm: f32) -> (f64, f64) {
        let (query, norm) = (f64::from(self.norm), f64::from(norm));
        // What the length of a sum of products, and that of the lengths, may be off by.
        let rounding = self.vector.len() as f64 * f64::from(f32::EPSILON) * 4.0;
        let (low, high) = match self.metric {
            Metric::L2 => (low, high),
            Metric::Cosine if has_direction(self.norm) => {
                (low * low / 2.0 - rounding, high * high / 2.0 + rounding)
            }
            Metric::Dot if query * query + norm * norm < LARGEST => {
                let lengths = query * query + norm * norm;
                let rounding = rounding * lengths + SMALLEST;
                ((low * low - lengths) / 2.0 - rounding, (high * high - lengths) / 2.0 + rounding)
            }
            Metric::Cosine | Metric::Dot => (f64::NEG_INFINITY, f64::INFINITY),
        };
        // No comparison holds of a bound that is not a number, so an open bound takes its stead.
        (if low.is_nan() { f64::NEG_INFINITY } else { low }, if high.is_nan() { f64::INFINITY } else { high })
    }
}

/// Rows among which the first near ones are looked for.
const FIRST_ROWS: usize = 512;

/// Returns the positions of the nearest k of the first rows, by the distances of their codes, while there is no radius yet:
/// once these are observed, few of the others have to be bounded.
fn first_nearest(distances: &[u64], radius: &SearchRadius) -> Vec<usize> {
    let Some(k) = radius.k().filter(|k| *k < distances.len() && radius.radius().is_none()) else {
        return vec![];
    };
    let mut nearest: Vec<(u64, usize)> =
        distances.iter().copied().zip(0..).take(k.saturating_add(FIRST_ROWS)).collect();
    let k = k.min(nearest.len());
    if k < nearest.len() {
        nearest.select_nth_unstable(k);
    }
    nearest[..k].iter().map(|(_, at)| *at).collect()
}

/// The least distance of codes from which on a row is beyond the search radius for certain.
struct Cutoff {
    max_code_distance: u64,
    radius: f64,
    code_distance: u64,
}

impl Cutoff {
    fn new(max_code_distance: u64) -> Cutoff {
        Cutoff { max_code_distance, radius: f64::INFINITY, code_distance: u64::MAX }
    }

    /// Returns the cutoff for the radius as it is; `lower_bound` bounds the distance of rows by that of their codes, and
    /// grows with it.
    fn update(&mut self, radius: &SearchRadius, lower_bound: impl Fn(u64) -> f64) -> u64 {
        let Some(radius) = radius.radius().filter(|radius| *radius < self.radius) else {
            return self.code_distance;
        };
        self.radius = radius;
        let (mut low, mut high) = (0, self.max_code_distance);
        // When the greatest distance of codes is within the radius, all are: its bound may be open, and nothing is certain.
        if lower_bound(high) <= radius {
            return self.code_distance;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if lower_bound(middle) > radius { high = middle } else { low = middle + 1 }
        }
        self.code_distance = low;
        low
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bounds of all rows, by row; no numbers (NaN) where there is none.
    fn all_bounds(
        query: &Query,
        quantized: &QuantizedVectors,
        rows: usize,
        k: usize,
    ) -> (Vec<f64>, Vec<f64>) {
        let numbers: Vec<u64> = (100..).take(rows).collect();
        let mut found = Vec::new();
        query.bounds(quantized, 100, &numbers, 0, &SearchRadius::new(k), &mut found);
        let (mut lower, mut upper) = (vec![f64::NAN; rows], vec![f64::NAN; rows]);
        for bounded in found {
            (lower[bounded.position], upper[bounded.position]) = (bounded.lower, bounded.upper);
        }
        (lower, upper)
    }

    fn number() -> impl Strategy<Value = f32> {
        prop_oneof![
            20 => -1.0f32..1.0,
            4 => -1000.0f32..1000.0,
            2 => Just(0.0f32),
            1 => prop::sample::select(vec![f32::MAX, f32::MIN_POSITIVE, f32::INFINITY, f32::NAN]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn distances_are_within_their_bounds(
            vectors in prop::collection::vec(prop::option::weighted(0.9, prop::collection::vec(number(), 9)), 1..20),
            query in prop::collection::vec(number(), 9),
            metric in prop::sample::select(vec![Metric::L2, Metric::Cosine, Metric::Dot]),
        ) {
            let query = Query::new(query, metric);
            let quantized = QuantizedVectors::new(9, vectors.len(), query.normalized(), |row| vectors[row].as_deref());
            let (lower, upper) = all_bounds(&query, &quantized, vectors.len(), usize::MAX);
            for (row, vector) in vectors.iter().enumerate() {
                let Some(vector) = vector else {
                    prop_assert!(lower[row].is_nan() && upper[row].is_nan());
                    continue;
                };
                let distance = query.distance(vector);
                if !distance.is_nan() {
                    let within = lower[row] <= distance && distance <= upper[row];
                    prop_assert!(within, "{metric:?}: {} {distance} {}", lower[row], upper[row]);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn only_rows_that_k_others_precede_are_left_out(
            vectors in prop::collection::vec(prop::option::weighted(0.9, prop::collection::vec(-3.0f32..3.0, 5)), 1..60),
            strange in prop::option::of((any::<prop::sample::Index>(), number())),
            query in prop::collection::vec(-3.0f32..3.0, 5),
            metric in prop::sample::select(vec![Metric::L2, Metric::Cosine, Metric::Dot]),
            k in 1usize..8,
        ) {
            let mut vectors = vectors;
            if let Some((at, number)) = strange {
                let len = vectors.len();
                if let Some(vector) = &mut vectors[at.index(len)] {
                    vector[0] = number;
                }
            }
            let query = Query::new(query, metric);
            let quantized = QuantizedVectors::new(5, vectors.len(), query.normalized(), |row| vectors[row].as_deref());
            let bounds = |k: usize| all_bounds(&query, &quantized, vectors.len(), k);
            let ((all, _), (some, upper)) = (bounds(usize::MAX), bounds(k));
            for (row, vector) in vectors.iter().enumerate() {
                let Some(vector) = vector else { continue };
                if !some[row].is_nan() {
                    prop_assert_eq!(some[row].to_bits(), all[row].to_bits());
                    continue;
                }
                prop_assert!(upper[row].is_nan());
                let distance = query.distance(vector);
                let closer = vectors.iter().flatten().filter(|other| query.distance(other) < distance);
                prop_assert!(closer.count() >= k, "{metric:?}: row {row} at {distance}");
            }
        }
    }

    #[test]
    fn bounds_are_tight_where_the_codes_are_fine() {
        let unit = |seed: u32| -> Vec<f32> {
            let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
            let mut vector: Vec<f32> = (0..384)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / (1 << 24) as f32 - 0.5
                })
                .collect();
            let norm = f32::norm_l2(&vector);
            vector.iter_mut().for_each(|x| *x /= norm);
            vector
        };
        let vectors: Vec<_> = (0..50).map(unit).collect();
        for metric in [Metric::L2, Metric::Cosine, Metric::Dot] {
            let query = Query::new(unit(99), metric);
            let quantized = QuantizedVectors::new(384, 50, query.normalized(), |row| Some(&vectors[row]));
            let (lower, upper) = all_bounds(&query, &quantized, 50, usize::MAX);
            for (lower, upper) in lower.iter().zip(&upper) {
                assert!(upper - lower < 0.03, "{metric:?} {lower} {upper}");
            }
        }
    }
}
