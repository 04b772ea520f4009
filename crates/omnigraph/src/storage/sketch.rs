//! Vectors with one byte per number, and how far the truth can be from what they tell.
//!
//! Derived from a [`Block`] of vectors, cached as it is. All vectors of a sketch share one grid (`low + step · code`), and
//! each knows its distance from its grid point. So the distance of two grid points, which integer arithmetic gives, bounds
//! the distance of the vectors (triangle inequality), and a ranking by bounds drops only what cannot win.

use arrow_buffer::NullBuffer;
use lance_linalg::distance::Normalize;
use lance_linalg::distance::l2_u8::l2_u8_u64;

use super::vectors::Block;

const LEVELS: f32 = 255.0;
/// Distances whose squares a 32-bit float holds: others may be computed as zero or infinite.
const SMALLEST: f64 = 1e-15;
const LARGEST: f64 = 1e18;

/// The vectors of a block on a grid.
pub(crate) struct Sketch {
    dimension: usize,
    low: f32,
    step: f32,
    codes: Vec<u8>,
    /// Distance of each vector from its grid point; infinite where the grid tells nothing of it.
    errors: Vec<f32>,
    /// Length of each vector as it was given.
    norms: Vec<f32>,
    nulls: Option<NullBuffer>,
}

/// A query vector on the grid of one sketch.
pub(crate) struct OnGrid {
    codes: Vec<u8>,
    error: f32,
}

impl Sketch {
    /// Puts the vectors of a block on a grid; `normalized` gives them length one first.
    pub(super) fn of(block: &Block, normalized: bool) -> Sketch {
        let (rows, dimension) = (block.rows(), block.dimension());
        let vector = |row: usize| {
            let mut vector = block.get(row)?.to_vec();
            let norm = f32::norm_l2(&vector);
            if normalized {
                vector.iter_mut().for_each(|x| *x /= norm);
            }
            Some((vector, norm))
        };
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for (vector, _) in (0..rows).filter_map(vector) {
            for x in vector.into_iter().filter(|x| x.is_finite()) {
                (low, high) = (low.min(x), high.max(x));
            }
        }
        let step = (high - low) / LEVELS;
        let (low, step) = if step.is_finite() && step > 0.0 { (low, step) } else { (0.0, 1.0) };
        let mut sketch = Sketch {
            dimension,
            low,
            step,
            codes: Vec::with_capacity(rows * dimension),
            errors: Vec::with_capacity(rows),
            norms: Vec::with_capacity(rows),
            nulls: block.nulls().cloned(),
        };
        for row in 0..rows {
            let (vector, norm) = vector(row).unwrap_or_else(|| (vec![0.0; dimension], 0.0));
            let on_grid = sketch.place(&vector);
            sketch.codes.extend(on_grid.codes);
            sketch.errors.push(on_grid.error);
            sketch.norms.push(norm);
        }
        sketch
    }

    /// Puts a query vector on the grid; it must have length one if the vectors have.
    ///
    /// # Panics
    /// When it has another dimension.
    pub(crate) fn place(&self, vector: &[f32]) -> OnGrid {
        assert_eq!(vector.len(), self.dimension, "the vectors of a column have one dimension");
        // A number that is not finite has code 0 and an error that is not finite either.
        let codes: Vec<u8> =
            vector.iter().map(|x| ((x - self.low) / self.step).round().clamp(0.0, LEVELS) as u8).collect();
        let off = |(x, code): (&f32, &u8)| f64::from(x - (self.low + self.step * f32::from(*code))).powi(2);
        let error = vector.iter().zip(&codes).map(off).sum::<f64>().sqrt() as f32;
        OnGrid { codes, error: if error.is_finite() { error } else { f32::INFINITY } }
    }

    /// Bounds the Euclidean distance of a row to a query from below and above; none when the row has no vector.
    ///
    /// The bounds hold for the distance as floating-point arithmetic computes it, too.
    pub(crate) fn bounds(&self, query: &OnGrid, row: usize) -> Option<(f64, f64)> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        let codes = &self.codes[row * self.dimension..(row + 1) * self.dimension];
        let between = f64::from(self.step) * (l2_u8_u64(&query.codes, codes) as f64).sqrt();
        let error = f64::from(query.error) + f64::from(self.errors[row]);
        // What rounding may add: each of the sums has as many terms as the vectors have numbers.
        let rounding = (between + error) * self.dimension as f64 * f64::from(f32::EPSILON) * 2.0;
        let error = error + rounding + SMALLEST;
        let high = between + error;
        if high.is_nan() || high >= LARGEST {
            return Some((0.0, f64::INFINITY));
        }
        Some(((between - error).max(0.0), high))
    }

    /// Returns the length of a row's vector.
    pub(crate) fn norm(&self, row: usize) -> f32 {
        self.norms[row]
    }

    pub(super) fn bytes(&self) -> usize {
        self.codes.len() + self.errors.len() * 2 * size_of::<f32>() + size_of::<Sketch>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Float32Type;
    use arrow_array::{FixedSizeListArray, Float32Array};
    use arrow_schema::{DataType, Field};
    use lance_linalg::distance::l2;
    use proptest::prelude::*;

    use super::*;

    fn block(vectors: &[Option<Vec<f32>>], dimension: usize) -> Block {
        let values = vectors.iter().flat_map(|v| v.clone().unwrap_or_else(|| vec![7.0; dimension]));
        let values = Float32Array::from_iter_values(values);
        let field = Arc::new(Field::new("item", DataType::Float32, true));
        let nulls = NullBuffer::from_iter(vectors.iter().map(Option::is_some));
        let size = i32::try_from(dimension).unwrap();
        let lists = FixedSizeListArray::new(field, size, Arc::new(values), Some(nulls));
        assert_eq!(lists.value_type(), <Float32Type as arrow_array::types::ArrowPrimitiveType>::DATA_TYPE);
        Block::new(&lists).unwrap()
    }

    fn number() -> impl Strategy<Value = f32> {
        prop_oneof![
            20 => -1.0f32..1.0,
            4 => -1000.0f32..1000.0,
            1 => Just(0.0f32),
            1 => prop::sample::select(vec![f32::MAX, f32::MIN_POSITIVE, f32::INFINITY, f32::NAN]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        #[test]
        fn the_distance_is_within_the_bounds(
            vectors in prop::collection::vec(prop::option::weighted(0.9, prop::collection::vec(number(), 9)), 1..20),
            query in prop::collection::vec(number(), 9),
        ) {
            let sketch = Sketch::of(&block(&vectors, 9), false);
            let on_grid = sketch.place(&query);
            for (row, vector) in vectors.iter().enumerate() {
                let bounds = sketch.bounds(&on_grid, row);
                prop_assert_eq!(bounds.is_some(), vector.is_some());
                let (Some((low, high)), Some(vector)) = (bounds, vector) else { continue };
                let distance = f64::from(l2(&query[..], &vector[..])).sqrt();
                if distance.is_finite() {
                    prop_assert!(low <= distance && distance <= high, "{low} {distance} {high}");
                } else {
                    prop_assert_eq!((low, high), (0.0, f64::INFINITY));
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
        let vectors: Vec<_> = (0..50).map(|seed| Some(unit(seed))).collect();
        let sketch = Sketch::of(&block(&vectors, 384), false);
        let query = sketch.place(&unit(99));
        for row in 0..50 {
            let (low, high) = sketch.bounds(&query, row).unwrap();
            assert!(high - low < 0.02, "{low} {high}");
        }
    }
}
