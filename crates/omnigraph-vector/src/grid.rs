//! Vectors with one byte per number, and how far the truth can be from what they tell.
//!
//! All vectors share one grid (`low + step · code`), and each knows its distance from its grid point. So the distance of two
//! grid points, which integer arithmetic gives, bounds the distance of the vectors (triangle inequality).

use lance_linalg::distance::l2_u8::l2_u8_u64;

const LEVELS: f32 = 255.0;
/// Distances whose squares a 32-bit float holds: others may be computed as zero or infinite.
const SMALLEST: f64 = 1e-15;
const LARGEST: f64 = 1e18;

/// Many vectors on a grid.
pub(crate) struct Grid {
    pub(crate) dimension: usize,
    pub(crate) low: f32,
    pub(crate) step: f32,
    pub(crate) codes: Vec<u8>,
    /// Distance of each vector from its grid point: infinite where the grid tells nothing of it, negative where there is
    /// none.
    pub(crate) errors: Vec<f32>,
    /// The largest of the errors that are finite.
    largest_error: f32,
}

/// One vector on a grid.
pub(crate) struct OnGrid {
    pub(crate) codes: Vec<u8>,
    pub(crate) error: f32,
}

/// The bounds of a grid that holds all numbers it is shown.
pub(crate) struct Range {
    low: f32,
    high: f32,
}

impl Range {
    pub(crate) fn new() -> Range {
        Range { low: f32::INFINITY, high: f32::NEG_INFINITY }
    }

    /// Widens the range; what is not finite is on no grid.
    pub(crate) fn show(&mut self, vector: &[f32]) {
        for x in vector.iter().filter(|x| x.is_finite()) {
            (self.low, self.high) = (self.low.min(*x), self.high.max(*x));
        }
    }

    fn grid(&self) -> (f32, f32) {
        let step = (self.high - self.low) / LEVELS;
        if step.is_finite() && step > 0.0 { (self.low, step) } else { (0.0, 1.0) }
    }
}

impl Grid {
    /// Starts without vectors.
    pub(crate) fn new(dimension: usize, rows: usize, range: &Range) -> Grid {
        let (low, step) = range.grid();
        let (codes, errors) = (Vec::with_capacity(rows * dimension), Vec::with_capacity(rows));
        Grid { dimension, low, step, codes, errors, largest_error: 0.0 }
    }

    /// Adds a vector, or a row without one. What was there before it was rounded is at most `off` away from the vector;
    /// infinite when the vector tells nothing.
    pub(crate) fn push(&mut self, vector: Option<(&[f32], f32)>) {
        let error = match vector {
            Some((vector, off)) => {
                let placed = self.place(vector);
                self.codes.extend(placed.codes);
                placed.error + off
            }
            None => {
                self.codes.extend(std::iter::repeat_n(0, self.dimension));
                -1.0
            }
        };
        self.errors.push(error);
        self.largest_error = largest(self.largest_error, error);
    }

    /// Makes a grid of its parts.
    pub(crate) fn of_parts(
        dimension: usize,
        (low, step): (f32, f32),
        codes: Vec<u8>,
        errors: Vec<f32>,
    ) -> Grid {
        let largest_error = errors.iter().copied().fold(0.0, largest);
        Grid { dimension, low, step, codes, errors, largest_error }
    }

    /// Puts a vector on the grid.
    pub(crate) fn place(&self, vector: &[f32]) -> OnGrid {
        assert_eq!(vector.len(), self.dimension, "the vectors of a column have one dimension");
        // A number that is not finite has some code, and an error that is not finite either.
        let code = |x: &f32| ((x - self.low) / self.step).round().clamp(0.0, LEVELS) as u8;
        let codes: Vec<u8> = vector.iter().map(code).collect();
        let off = |(x, code): (&f32, &u8)| f64::from(x - (self.low + self.step * f32::from(*code))).powi(2);
        let error = vector.iter().zip(&codes).map(off).sum::<f64>().sqrt() as f32;
        OnGrid { codes, error: if error.is_finite() { error } else { f32::INFINITY } }
    }

    /// Tells whether a row has a vector, and whether the grid tells anything of it.
    pub(crate) fn told(&self, row: usize) -> Option<bool> {
        let error = self.errors[row];
        (error >= 0.0).then_some(error < f32::INFINITY)
    }

    /// Returns the square of the distance of a row's grid point to that of another vector, in steps.
    pub(crate) fn apart(&self, other: &OnGrid, row: usize) -> u64 {
        l2_u8_u64(&other.codes, &self.codes[row * self.dimension..(row + 1) * self.dimension])
    }

    /// Returns the largest square that [`Grid::apart`] can be.
    pub(crate) fn farthest(&self) -> u64 {
        self.dimension as u64 * 255 * 255
    }

    /// Bounds the Euclidean distance of a row to another vector from below and above, given how far they are apart on the
    /// grid.
    ///
    /// The bounds hold for the distance as floating-point arithmetic computes it, too.
    pub(crate) fn bounds(&self, other: &OnGrid, apart: u64, row: usize) -> (f64, f64) {
        self.within(other, apart, self.errors[row])
    }

    /// Bounds, in the same way, the distance of any row of which the grid tells something; both grow with `apart`.
    pub(crate) fn bounds_of_any(&self, other: &OnGrid, apart: u64) -> (f64, f64) {
        self.within(other, apart, self.largest_error)
    }

    fn within(&self, other: &OnGrid, apart: u64, error: f32) -> (f64, f64) {
        let between = f64::from(self.step) * (apart as f64).sqrt();
        let error = f64::from(other.error) + f64::from(error);
        // What rounding may add: each of the sums has as many terms as the vectors have numbers.
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

fn largest(largest: f32, error: f32) -> f32 {
    if error < f32::INFINITY { largest.max(error) } else { largest }
}
