//! A query vector and a metric.

use lance_linalg::distance::{Cosine, Normalize, dot, l2};

use crate::sketch::{OnGrid, Sketch, has_direction};

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

/// A vector that others are compared with.
#[derive(Clone, Debug)]
pub struct Query {
    vector: Vec<f32>,
    metric: Metric,
    norm: f32,
    /// The vector as it is compared on a grid: of length one for the cosine.
    on_grid: Vec<f32>,
}

impl Query {
    /// Prepares comparisons with a vector.
    pub fn new(vector: Vec<f32>, metric: Metric) -> Query {
        let norm = f32::norm_l2(&vector);
        let scale = if metric == Metric::Cosine { norm } else { 1.0 };
        let on_grid = vector.iter().map(|x| x / scale).collect();
        Query { vector, metric, norm, on_grid }
    }

    /// Returns the number of components.
    pub fn dimension(&self) -> usize {
        self.vector.len()
    }

    /// Tells whether a [`Sketch`] for this query holds vectors of length one.
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

    /// Bounds the distances of rows of a sketch from below and above. A place is a row and where its bounds go; those of a
    /// row without a vector are no numbers (NaN). The bounds hold for what [`Query::distance`] computes.
    ///
    /// # Panics
    /// When a row or a place does not exist.
    pub fn bounds(&self, sketch: &Sketch, places: &[(usize, usize)], lower: &mut [f64], upper: &mut [f64]) {
        let query: OnGrid = sketch.place(&self.on_grid);
        for &(row, at) in places {
            let bounds = sketch.bounds(&query, row).map(|within| self.scaled(within, sketch.norm(row)));
            (lower[at], upper[at]) = bounds.unwrap_or((f64::NAN, f64::NAN));
        }
    }

    /// Turns bounds of the Euclidean distance on the grid into bounds of the metric, for a vector of some length.
    fn scaled(&self, (low, high): (f64, f64), norm: f32) -> (f64, f64) {
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
        // No number would be taken for a row without a vector.
        (if low.is_nan() { f64::NEG_INFINITY } else { low }, if high.is_nan() { f64::INFINITY } else { high })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            let sketch = Sketch::new(9, vectors.len(), query.normalized(), |row| vectors[row].as_deref());
            let places: Vec<(usize, usize)> = (0..vectors.len()).map(|row| (row, row)).collect();
            let (mut lower, mut upper) = (vec![0.0; vectors.len()], vec![0.0; vectors.len()]);
            query.bounds(&sketch, &places, &mut lower, &mut upper);
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

    #[test]
    fn bounds_are_tight_where_the_grid_is_fine() {
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
            let sketch = Sketch::new(384, 50, query.normalized(), |row| Some(&vectors[row]));
            let (mut lower, mut upper) = ([0.0], [0.0]);
            for row in 0..50 {
                query.bounds(&sketch, &[(row, 0)], &mut lower, &mut upper);
                assert!(upper[0] - lower[0] < 0.03, "{metric:?} {} {}", lower[0], upper[0]);
            }
        }
    }
}
