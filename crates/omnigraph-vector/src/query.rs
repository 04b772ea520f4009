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
    /// Where only the nearest `best` of these rows matter, those that as many others precede for certain get infinite
    /// bounds, which costs much less than telling how far they are.
    ///
    /// # Panics
    /// When a row or a place does not exist.
    pub fn bounds(
        &self,
        sketch: &Sketch,
        places: &[(usize, usize)],
        best: usize,
        lower: &mut [f64],
        upper: &mut [f64],
    ) {
        let query: OnGrid = sketch.place(&self.on_grid);
        let told: Vec<Option<bool>> = places.iter().map(|(row, _)| sketch.told(*row)).collect();
        let apart: Vec<u64> = places
            .iter()
            .zip(&told)
            .map(|((row, _), told)| if *told == Some(true) { sketch.apart(&query, *row) } else { 0 })
            .collect();
        let exact = |at: usize| {
            let row = places[at].0;
            let apart = if told[at] == Some(true) { apart[at] } else { sketch.apart(&query, row) };
            self.scaled(sketch.bounds(&query, apart, row), sketch.norm(row))
        };
        let beaten = self.beaten(sketch, &query, &told, &apart, best, exact);
        for (at, &(_, place)) in places.iter().enumerate() {
            (lower[place], upper[place]) = match told[at] {
                None => (f64::NAN, f64::NAN),
                Some(true) if beaten.is_some_and(|beaten| apart[at] >= beaten) => {
                    (f64::INFINITY, f64::INFINITY)
                }
                Some(_) => exact(at),
            };
        }
    }

    /// Returns how far apart from the query on the grid a row is that `best` others precede for certain.
    fn beaten(
        &self,
        sketch: &Sketch,
        query: &OnGrid,
        told: &[Option<bool>],
        apart: &[u64],
        best: usize,
        exact: impl Fn(usize) -> (f64, f64),
    ) -> Option<u64> {
        let mut nearest: Vec<usize> = (0..apart.len()).filter(|at| told[*at] == Some(true)).collect();
        if best == 0 || nearest.len() <= best {
            return None;
        }
        nearest.select_nth_unstable_by_key(best - 1, |at| apart[*at]);
        let most = nearest[..best].iter().map(|at| exact(*at).1).fold(f64::NEG_INFINITY, f64::max);
        let least = |apart| self.scaled(sketch.bounds_of_any(query, apart), sketch.largest_norm()).0;
        let (mut low, mut high) = (0, sketch.farthest());
        // Beyond the farthest all bounds may be open, and nothing is certain.
        if least(high) <= most || !most.is_finite() {
            return None;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if least(middle) > most { high = middle } else { low = middle + 1 }
        }
        Some(low)
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
            query.bounds(&sketch, &places, usize::MAX, &mut lower, &mut upper);
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
        fn only_rows_that_enough_others_precede_are_beaten(
            vectors in prop::collection::vec(prop::option::weighted(0.9, prop::collection::vec(-3.0f32..3.0, 5)), 1..60),
            strange in prop::option::of((any::<prop::sample::Index>(), number())),
            query in prop::collection::vec(-3.0f32..3.0, 5),
            metric in prop::sample::select(vec![Metric::L2, Metric::Cosine, Metric::Dot]),
            best in 1usize..8,
        ) {
            let mut vectors = vectors;
            if let Some((at, number)) = strange {
                let len = vectors.len();
                if let Some(vector) = &mut vectors[at.index(len)] {
                    vector[0] = number;
                }
            }
            let query = Query::new(query, metric);
            let sketch = Sketch::new(5, vectors.len(), query.normalized(), |row| vectors[row].as_deref());
            let places: Vec<(usize, usize)> = (0..vectors.len()).map(|row| (row, row)).collect();
            let bounds = |best: usize| {
                let (mut lower, mut upper) = (vec![0.0; vectors.len()], vec![0.0; vectors.len()]);
                query.bounds(&sketch, &places, best, &mut lower, &mut upper);
                (lower, upper)
            };
            let ((all, _), (some, upper)) = (bounds(usize::MAX), bounds(best));
            for (row, vector) in vectors.iter().enumerate() {
                let Some(vector) = vector else { continue };
                if some[row] != f64::INFINITY || all[row] == f64::INFINITY {
                    prop_assert_eq!(some[row].to_bits(), all[row].to_bits());
                    continue;
                }
                prop_assert_eq!(upper[row], f64::INFINITY);
                let distance = query.distance(vector);
                let closer = vectors.iter().flatten().filter(|other| query.distance(other) < distance);
                prop_assert!(closer.count() >= best, "{metric:?}: row {row} at {distance}");
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
                query.bounds(&sketch, &[(row, 0)], usize::MAX, &mut lower, &mut upper);
                assert!(upper[0] - lower[0] < 0.03, "{metric:?} {} {}", lower[0], upper[0]);
            }
        }
    }
}
