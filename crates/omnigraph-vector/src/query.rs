//! A query vector and a metric.

use lance_linalg::distance::{Cosine, Normalize, dot, l2};

use crate::grid::OnGrid;
use crate::head::Head;
use crate::reach::Reach;
use crate::sketch::{Sketch, has_direction};

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
    /// Where it is among the rows that were asked about.
    pub place: usize,
    /// What its distance is at least.
    pub lower: f64,
    /// What it is at most; infinite when that is not known.
    pub upper: f64,
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

    /// Bounds the distances of rows of a sketch from below and above, and adds those within reach to `found`: rows without a
    /// vector, and those that as many others as `reach` wants precede for certain, are left out, which costs much less than
    /// telling how far they are. The bounds hold for what [`Query::distance`] computes.
    ///
    /// Rows have numbers, that of the first row of the sketch being `first`; `rows` are some of these, and the place of the
    /// n-th of them is `at + n`.
    ///
    /// # Panics
    /// When the sketch has no such row.
    pub fn bounds(
        &self,
        sketch: &Sketch,
        first: u64,
        rows: &[u64],
        at: usize,
        reach: &Reach,
        found: &mut Vec<Bounded>,
    ) {
        let query = sketch.whole.place(&self.on_grid);
        let tell =
            |row: usize, apart: u64| self.scaled(sketch.whole.bounds(&query, apart, row), sketch.norms[row]);
        let mut told: Vec<(usize, usize)> = Vec::with_capacity(rows.len());
        for (number, place) in rows.iter().zip(at..) {
            let row = (number - first) as usize;
            match sketch.whole.told(row) {
                None => {}
                Some(true) => told.push((row, place)),
                Some(false) => {
                    let (lower, upper) = tell(row, sketch.whole.apart(&query, row));
                    found.push(Bounded { place, lower, upper });
                }
            }
        }
        let worth = reach.best().is_some_and(|best| told.len() > best.saturating_mul(4));
        if let Some(head) = sketch.head.as_ref().filter(|_| worth) {
            self.drop_beaten(sketch, head, first, &query, &mut told, reach);
        }
        let least = |apart| self.scaled(sketch.whole.bounds_of_any(&query, apart), sketch.largest_norm()).0;
        let mut cut = Cut::new(sketch.whole.farthest());
        let apart: Vec<u64> = told.iter().map(|(row, _)| sketch.whole.apart(&query, *row)).collect();
        for at in nearest(&apart, reach) {
            let row = told[at].0;
            reach.meet(first + row as u64, tell(row, apart[at]).1);
        }
        for (&(row, place), apart) in told.iter().zip(apart) {
            if apart < cut.at(reach, least) {
                let (lower, upper) = tell(row, apart);
                reach.meet(first + row as u64, upper);
                found.push(Bounded { place, lower, upper });
            }
        }
    }

    /// Drops rows that their short form tells to be out of reach.
    fn drop_beaten(
        &self,
        sketch: &Sketch,
        head: &Head,
        first: u64,
        whole: &OnGrid,
        rows: &mut Vec<(usize, usize)>,
        reach: &Reach,
    ) {
        let query = head.place(&self.on_grid);
        let apart: Vec<u64> = rows.iter().map(|(row, _)| head.grid.apart(&query, *row)).collect();
        for at in nearest(&apart, reach) {
            let row = rows[at].0;
            let bounds = sketch.whole.bounds(whole, sketch.whole.apart(whole, row), row);
            reach.meet(first + row as u64, self.scaled(bounds, sketch.norms[row]).1);
        }
        let least = |apart| {
            let least = head.least(&query, apart);
            self.scaled((least, f64::INFINITY), sketch.largest_norm()).0
        };
        let beaten = Cut::new(head.grid.farthest()).at(reach, least);
        let mut apart = apart.into_iter();
        rows.retain(|(row, _)| {
            let apart = apart.next().unwrap_or(0);
            apart < beaten || head.grid.told(*row) != Some(true)
        });
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

/// Rows among which the first near ones are looked for.
const FIRST: usize = 512;

/// The nearest of the first rows, by how far they are apart on a grid, while too few have been met to tell how far the best
/// reach: with them, few of the others have to be met.
fn nearest(apart: &[u64], reach: &Reach) -> Vec<usize> {
    let Some(best) = reach.best().filter(|best| *best < apart.len() && reach.bound().is_none()) else {
        return vec![];
    };
    let mut nearest: Vec<(u64, usize)> =
        apart.iter().copied().zip(0..).take(best.saturating_add(FIRST)).collect();
    let best = best.min(nearest.len());
    if best < nearest.len() {
        nearest.select_nth_unstable(best);
    }
    nearest[..best].iter().map(|(_, at)| *at).collect()
}

/// How far apart on a grid a row is that is out of reach.
struct Cut {
    farthest: u64,
    bound: f64,
    apart: u64,
}

impl Cut {
    fn new(farthest: u64) -> Cut {
        Cut { farthest, bound: f64::INFINITY, apart: u64::MAX }
    }

    /// Returns it for what is in reach now; `least` is the least distance of a row that is so far apart, and grows with it.
    fn at(&mut self, reach: &Reach, least: impl Fn(u64) -> f64) -> u64 {
        let Some(bound) = reach.bound().filter(|bound| *bound < self.bound) else { return self.apart };
        self.bound = bound;
        let (mut low, mut high) = (0, self.farthest);
        // Beyond the farthest all bounds may be open, and nothing is certain.
        if least(high) <= bound {
            return self.apart;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if least(middle) > bound { high = middle } else { low = middle + 1 }
        }
        self.apart = low;
        low
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bounds of all rows, by row; no numbers (NaN) where there is none.
    fn all_bounds(query: &Query, sketch: &Sketch, rows: usize, best: usize) -> (Vec<f64>, Vec<f64>) {
        let numbers: Vec<u64> = (100..).take(rows).collect();
        let mut found = Vec::new();
        query.bounds(sketch, 100, &numbers, 0, &Reach::new(best), &mut found);
        let (mut lower, mut upper) = (vec![f64::NAN; rows], vec![f64::NAN; rows]);
        for bounded in found {
            (lower[bounded.place], upper[bounded.place]) = (bounded.lower, bounded.upper);
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
            let sketch = Sketch::new(9, vectors.len(), query.normalized(), |row| vectors[row].as_deref());
            let (lower, upper) = all_bounds(&query, &sketch, vectors.len(), usize::MAX);
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
            let bounds = |best: usize| all_bounds(&query, &sketch, vectors.len(), best);
            let ((all, _), (some, upper)) = (bounds(usize::MAX), bounds(best));
            for (row, vector) in vectors.iter().enumerate() {
                let Some(vector) = vector else { continue };
                if !some[row].is_nan() {
                    prop_assert_eq!(some[row].to_bits(), all[row].to_bits());
                    continue;
                }
                prop_assert!(upper[row].is_nan());
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
            let (lower, upper) = all_bounds(&query, &sketch, 50, usize::MAX);
            for (lower, upper) in lower.iter().zip(&upper) {
                assert!(upper - lower < 0.03, "{metric:?} {lower} {upper}");
            }
        }
    }
}
