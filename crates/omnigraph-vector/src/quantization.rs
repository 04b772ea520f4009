//! Scalar quantization: vectors with one byte per component, and bounds of the distances of what they stand for.
//!
//! The vectors of one column share an offset and a step, so that code `c` stands for `low + step · c`, and each vector keeps
//! its distance from what its codes stand for (its error). The distance of two quantized vectors, which integer arithmetic
//! gives, and the two errors bound the distance of the vectors themselves by the triangle inequality.

use lance_linalg::distance::l2_u8::l2_u8_u64;

const LEVELS: f32 = 255.0;
/// Distances whose squares a 32-bit float holds: others may be computed as zero or infinite.
const SMALLEST: f64 = 1e-15;
const LARGEST: f64 = 1e18;

/// The quantized vectors of consecutive rows.
pub(crate) struct QuantizedRows {
    pub(crate) dimension: usize,
    pub(crate) low: f32,
    pub(crate) step: f32,
    pub(crate) codes: Vec<u8>,
    /// Distance of each vector from what its codes stand for: infinite where the codes bound nothing, negative where the
    /// row has no vector.
    pub(crate) errors: Vec<f32>,
    /// The largest of the errors that are finite.
    largest_error: f32,
}

/// One quantized vector, by the offset and step of some [`QuantizedRows`].
pub(crate) struct QuantizedVector {
    pub(crate) codes: Vec<u8>,
    pub(crate) error: f32,
}

/// What a row can say of a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowBounds {
    /// The row has no vector.
    NoVector,
    /// It has one of which the codes tell nothing.
    Open,
    /// Its codes bound distances.
    Known,
}

/// The least and the greatest component that quantized vectors shall stand for.
pub(crate) struct ValueRange {
    low: f32,
    high: f32,
}

impl ValueRange {
    /// Starts with no component.
    pub(crate) fn new() -> ValueRange {
        ValueRange { low: f32::INFINITY, high: f32::NEG_INFINITY }
    }

    /// Widens the range by the components of a vector that are finite; no code stands for the others.
    pub(crate) fn include(&mut self, vector: &[f32]) {
        for x in vector.iter().filter(|x| x.is_finite()) {
            (self.low, self.high) = (self.low.min(*x), self.high.max(*x));
        }
    }

    fn offset_and_step(&self) -> (f32, f32) {
        let step = (self.high - self.low) / LEVELS;
        if step.is_finite() && step > 0.0 { (self.low, step) } else { (0.0, 1.0) }
    }
}

impl QuantizedRows {
    /// Starts without vectors.
    pub(crate) fn new(dimension: usize, rows: usize, range: &ValueRange) -> QuantizedRows {
        let (low, step) = range.offset_and_step();
        let (codes, errors) = (Vec::with_capacity(rows * dimension), Vec::with_capacity(rows));
        QuantizedRows { dimension, low, step, codes, errors, largest_error: 0.0 }
    }

    /// Adds a vector, or a row without one. The vector given may already be `off` away from the one it stands for, as
    /// rounding leaves it; infinite when it tells nothing of that one.
    pub(crate) fn push(&mut self, vector: Option<(&[f32], f32)>) {
        let error = match vector {
            Some((vector, off)) => {
                let quantized = self.quantize(vector);
                self.codes.extend(quantized.codes);
                quantized.error + off
            }
            None => {
                self.codes.extend(std::iter::repeat_n(0, self.dimension));
                -1.0
            }
        };
        self.errors.push(error);
        self.largest_error = largest_finite(self.largest_error, error);
    }

    /// Assembles rows that were stored.
    pub(crate) fn from_parts(
        dimension: usize,
        (low, step): (f32, f32),
        codes: Vec<u8>,
        errors: Vec<f32>,
    ) -> QuantizedRows {
        let largest_error = errors.iter().copied().fold(0.0, largest_finite);
        QuantizedRows { dimension, low, step, codes, errors, largest_error }
    }

    /// Quantizes another vector by the offset and step of these rows.
    pub(crate) fn quantize(&self, vector: &[f32]) -> QuantizedVector {
        assert_eq!(vector.len(), self.dimension, "the vectors of a column have one dimension");
        // A component that is not finite has some code, and an error that is not finite either.
        let code = |x: &f32| ((x - self.low) / self.step).round().clamp(0.0, LEVELS) as u8;
        let codes: Vec<u8> = vector.iter().map(code).collect();
        let off = |(x, code): (&f32, &u8)| f64::from(x - (self.low + self.step * f32::from(*code))).powi(2);
        let error = vector.iter().zip(&codes).map(off).sum::<f64>().sqrt() as f32;
        QuantizedVector { codes, error: if error.is_finite() { error } else { f32::INFINITY } }
    }

    /// Tells what a row can say of a distance.
    pub(crate) fn row_bounds(&self, row: usize) -> RowBounds {
        let error = self.errors[row];
        if error >= 0.0 {
            if error < f32::INFINITY { RowBounds::Known } else { RowBounds::Open }
        } else {
            RowBounds::NoVector
        }
    }

    /// Returns the squared Euclidean distance of the codes of a row and of another vector.
    pub(crate) fn code_distance(&self, other: &QuantizedVector, row: usize) -> u64 {
        l2_u8_u64(&other.codes, &self.codes[row * self.dimension..(row + 1) * self.dimension])
    }

    /// Returns the largest value of [`QuantizedRows::code_distance`].
    pub(crate) fn max_code_distance(&self) -> u64 {
        self.dimension as u64 * 255 * 255
    }

    /// Bounds the Euclidean distance of a row to another vector from below and above, given the distance of their codes.
    ///
    /// The bounds hold for the distance as floating-point arithmetic computes it, too.
    pub(crate) fn bounds(&self, other: &QuantizedVector, code_distance: u64, row: usize) -> (f64, f64) {
        self.bounds_with_error(other, code_distance, self.errors[row])
    }

    /// Bounds, in the same way, the distance of any row whose bounds are known; both grow with `code_distance`.
    pub(crate) fn bounds_of_any(&self, other: &QuantizedVector, code_distance: u64) -> (f64, f64) {
        self.bounds_with_error(other, code_distance, self.largest_error)
    }

    fn bounds_with_error(&self, other: &QuantizedVector, code_distance: u64, error: f32) -> (f64, f64) {
        let between = f64::from(self.step) * (code_distance as f64).sqrt();
        let error = f64::from(other.error) + f64::from(error);
        // What rounding may add: each of the sums has as many terms as the vectors have components.
        let rounding = (between + error) * self.dimension as f64 * f64::from(f32::EPSILON) * 2.0;
        let error = error + rounding + SMALLEST;
        let high = between + error;
        if high.is_nan() || high >= LARGEST {
            return (0.0, f64::INFINITY);
        }
        ((between - error).max(0.0), high)
    }

    /// Returns the memory it holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.codes.len() + self.errors.len() * size_of::<f32>()
    }
}

fn largest_finite(largest: f32, error: f32) -> f32 {
    if error < f32::INFINITY { largest.max(error) } else { largest }
}
