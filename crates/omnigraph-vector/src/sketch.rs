//! Vectors with one byte per number, and how far the truth can be from what they tell.
//!
//! All vectors of a sketch share one grid (`low + step · code`), and each knows its distance from its grid point. So the
//! distance of two grid points, which integer arithmetic gives, bounds the distance of the vectors (triangle inequality),
//! and a ranking by bounds drops only what cannot win.

use lance_linalg::distance::Normalize;
use lance_linalg::distance::l2_u8::l2_u8_u64;

const LEVELS: f32 = 255.0;
/// Distances whose squares a 32-bit float holds: others may be computed as zero or infinite.
const SMALLEST: f64 = 1e-15;
const LARGEST: f64 = 1e18;

/// Tells whether a vector of this length can be given length one: not where its length is rounded to zero or infinity.
pub(crate) fn has_direction(norm: f32) -> bool {
    (1e-15..1e18).contains(&norm)
}

/// Many vectors on a grid.
pub struct Sketch {
    pub(crate) dimension: usize,
    pub(crate) low: f32,
    pub(crate) step: f32,
    pub(crate) codes: Vec<u8>,
    /// Distance of each vector from its grid point: infinite where the grid tells nothing of it, negative where there is
    /// none.
    pub(crate) errors: Vec<f32>,
    /// Length of each vector as it was given.
    pub(crate) norms: Vec<f32>,
    /// The largest of the errors that are finite, and of the lengths of those vectors.
    largest_error: f32,
    largest_norm: f32,
}

/// A query vector on the grid of one sketch.
pub struct OnGrid {
    codes: Vec<u8>,
    error: f32,
}

impl Sketch {
    /// Puts so many vectors, which `vector` gives by their number, on a grid; `normalized` gives them length one first.
    ///
    /// # Panics
    /// When a vector has another dimension.
    pub fn new<'a>(
        dimension: usize,
        rows: usize,
        normalized: bool,
        vector: impl Fn(usize) -> Option<&'a [f32]>,
    ) -> Sketch {
        let scaled = |row: usize| {
            let mut vector = vector(row)?.to_vec();
            let norm = f32::norm_l2(&vector);
            if normalized {
                vector.iter_mut().for_each(|x| *x /= norm);
            }
            Some((vector, norm))
        };
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for (vector, _) in (0..rows).filter_map(scaled) {
            for x in vector.into_iter().filter(|x| x.is_finite()) {
                (low, high) = (low.min(x), high.max(x));
            }
        }
        let step = (high - low) / LEVELS;
        let (low, step) = if step.is_finite() && step > 0.0 { (low, step) } else { (0.0, 1.0) };
        let (mut codes, mut errors, mut norms) =
            (Vec::with_capacity(rows * dimension), Vec::with_capacity(rows), Vec::with_capacity(rows));
        for row in 0..rows {
            match scaled(row) {
                Some((vector, norm)) => {
                    let placed = place(&vector, low, step);
                    let told = !normalized || has_direction(norm);
                    codes.extend(placed.codes);
                    errors.push(if told { placed.error } else { f32::INFINITY });
                    norms.push(norm);
                }
                None => {
                    codes.extend(std::iter::repeat_n(0, dimension));
                    errors.push(-1.0);
                    norms.push(0.0);
                }
            }
        }
        Sketch::of_parts(dimension, (low, step), codes, errors, norms)
    }

    /// Puts a query vector on the grid; it must have length one if the vectors have.
    pub(crate) fn place(&self, vector: &[f32]) -> OnGrid {
        assert_eq!(vector.len(), self.dimension, "the vectors of a column have one dimension");
        place(vector, self.low, self.step)
    }

    /// Tells whether a row has a vector, and whether the grid tells anything of it.
    pub(crate) fn told(&self, row: usize) -> Option<bool> {
        let error = self.errors[row];
        (error >= 0.0).then_some(error < f32::INFINITY)
    }

    /// Returns the square of the distance of a row's grid point to that of a query, in steps.
    pub(crate) fn apart(&self, query: &OnGrid, row: usize) -> u64 {
        l2_u8_u64(&query.codes, &self.codes[row * self.dimension..(row + 1) * self.dimension])
    }

    /// Returns the largest square that [`Sketch::apart`] can be.
    pub(crate) fn farthest(&self) -> u64 {
        self.dimension as u64 * 255 * 255
    }

    /// Bounds the Euclidean distance of a row to a query from below and above, given how far they are apart on the grid.
    ///
    /// The bounds hold for the distance as floating-point arithmetic computes it, too.
    pub(crate) fn bounds(&self, query: &OnGrid, apart: u64, row: usize) -> (f64, f64) {
        self.within(query, apart, self.errors[row])
    }

    /// Bounds, in the same way, the distance of any row of which the grid tells something; both grow with `apart`.
    pub(crate) fn bounds_of_any(&self, query: &OnGrid, apart: u64) -> (f64, f64) {
        self.within(query, apart, self.largest_error)
    }

    fn within(&self, query: &OnGrid, apart: u64, error: f32) -> (f64, f64) {
        let between = f64::from(self.step) * (apart as f64).sqrt();
        let error = f64::from(query.error) + f64::from(error);
        // What rounding may add: each of the sums has as many terms as the vectors have numbers.
        let rounding = (between + error) * self.dimension as f64 * f64::from(f32::EPSILON) * 2.0;
        let error = error + rounding + SMALLEST;
        let high = between + error;
        if high.is_nan() || high >= LARGEST {
            return (0.0, f64::INFINITY);
        }
        ((between - error).max(0.0), high)
    }

    /// Returns the largest length of a vector of which the grid tells something.
    pub(crate) fn largest_norm(&self) -> f32 {
        self.largest_norm
    }

    /// Makes a sketch of its parts.
    pub(crate) fn of_parts(
        dimension: usize,
        (low, step): (f32, f32),
        codes: Vec<u8>,
        errors: Vec<f32>,
        norms: Vec<f32>,
    ) -> Sketch {
        let told =
            || errors.iter().zip(&norms).filter(|(error, _)| **error >= 0.0 && **error < f32::INFINITY);
        let largest_error = told().map(|(error, _)| *error).fold(0.0, f32::max);
        let largest_norm = told().map(|(_, norm)| *norm).fold(0.0, f32::max);
        Sketch { dimension, low, step, codes, errors, norms, largest_error, largest_norm }
    }

    /// Returns the length of a row's vector.
    pub(crate) fn norm(&self, row: usize) -> f32 {
        self.norms[row]
    }

    /// Returns the memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        self.codes.len() + self.errors.len() * 2 * size_of::<f32>() + size_of::<Sketch>()
    }
}

/// Puts a vector on a grid.
fn place(vector: &[f32], low: f32, step: f32) -> OnGrid {
    // A number that is not finite has some code, and an error that is not finite either.
    let codes: Vec<u8> = vector.iter().map(|x| ((x - low) / step).round().clamp(0.0, LEVELS) as u8).collect();
    let off = |(x, code): (&f32, &u8)| f64::from(x - (low + step * f32::from(*code))).powi(2);
    let error = vector.iter().zip(&codes).map(off).sum::<f64>().sqrt() as f32;
    OnGrid { codes, error: if error.is_finite() { error } else { f32::INFINITY } }
}
