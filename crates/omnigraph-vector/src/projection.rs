//! A projection of vectors on their principal components, which rules most of them out at a fraction of the bytes.
//!
//! A vector is projected on the directions in which a sample of the vectors varies most, and the length of what is left of it
//! is one more component. Neither makes the distance of two vectors greater, so a vector whose projection is beyond the search
//! radius is beyond it. (Such lower bounds: K. V. R. Kanth, D. Agrawal, A. Singh, "Dimensionality reduction for similarity
//! searching in dynamic databases", SIGMOD 1998.)

use lance_linalg::distance::{Normalize, dot};

use crate::quantization::{QuantizedRows, QuantizedVector, ValueRange};

/// Components of a projection: one for each direction, and the length of the rest.
const COMPONENTS: usize = 128;
/// Vectors of fewer components are as quickly compared whole.
const MIN_DIMENSION: usize = 2 * COMPONENTS;
/// For fewer vectors, directions are not worth computing.
const MIN_ROWS: usize = 512;
/// Vectors that directions are computed from.
const SAMPLE: usize = 1024;
/// Rounds of subspace iteration: more of them change little of what directions hold.
const ROUNDS: usize = 5;
/// The share of the squared length that directions must keep, on average, of vectors they were not computed from: the
/// projection of vectors that vary alike in all directions tells little.
const MIN_KEPT: f64 = 0.5;
/// One vector of the sample in so many is set apart to measure that share.
const HELD_OUT: usize = 4;
/// By how much the directions may fail to be orthonormal, which is how much greater they may make a distance.
const MAX_SKEW: f32 = 1e-4;

/// The projections of the vectors of some rows, quantized.
pub(crate) struct Projection {
    /// The directions, one after the other, each of the dimension of the vectors.
    pub(crate) directions: Vec<f32>,
    pub(crate) rows: QuantizedRows,
}

impl Projection {
    /// Projects so many vectors; none where that would not pay.
    pub(crate) fn new(
        dimension: usize,
        rows: usize,
        vector: impl Fn(usize) -> Option<Vec<f32>>,
    ) -> Option<Projection> {
        if dimension < MIN_DIMENSION || rows < MIN_ROWS {
            return None;
        }
        let regular = |vector: &Vec<f32>| (1e-12..1e12).contains(&f32::norm_l2(vector));
        let sample: Vec<Vec<f32>> =
            (0..rows).step_by(rows.div_ceil(SAMPLE)).filter_map(&vector).filter(regular).collect();
        let directions = directions(&sample, dimension)?;
        let mut range = ValueRange::new();
        let projected: Vec<Option<(Vec<f32>, f32)>> = (0..rows)
            .map(|row| {
                let vector = vector(row)?;
                let (projected, off) = project(&directions, &vector);
                let off = if regular(&vector) { off } else { f32::INFINITY };
                if off < f32::INFINITY {
                    range.include(&projected);
                }
                Some((projected, off))
            })
            .collect();
        let mut rows = QuantizedRows::new(COMPONENTS, rows, &range);
        for row in &projected {
            rows.push(row.as_ref().map(|(projected, off)| (&projected[..], *off)));
        }
        Some(Projection { directions, rows })
    }

    /// Assembles a projection that was stored.
    pub(crate) fn from_parts(directions: Vec<f32>, rows: QuantizedRows) -> Projection {
        Projection { directions, rows }
    }

    /// Returns how many components a projection has.
    pub(crate) const fn components() -> usize {
        COMPONENTS
    }

    /// Projects another vector and quantizes the projection.
    pub(crate) fn quantize(&self, vector: &[f32]) -> QuantizedVector {
        let (projected, off) = project(&self.directions, vector);
        let mut quantized = self.rows.quantize(&projected);
        quantized.error += off;
        quantized
    }

    /// Bounds the Euclidean distance of any row whose bounds are known from below; grows with `code_distance`.
    pub(crate) fn lower_bound(&self, other: &QuantizedVector, code_distance: u64) -> f64 {
        self.rows.bounds_of_any(other, code_distance).0 * (1.0 - f64::from(MAX_SKEW))
    }

    /// Returns the memory it holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.directions.len() * size_of::<f32>() + self.rows.bytes()
    }
}

/// Returns the projection of a vector, and how far rounding may have moved it.
fn project(directions: &[f32], vector: &[f32]) -> (Vec<f32>, f32) {
    let mut projected = Vec::with_capacity(COMPONENTS);
    let mut rest = vector.to_vec();
    for direction in directions.chunks_exact(vector.len()) {
        let along = dot(direction, vector);
        projected.push(along);
        subtract(&mut rest, along, direction);
    }
    projected.push(f32::norm_l2(&rest));
    // Each component is a sum of as many products as the vector has components, so all of them together are off by at
    // most the root of their count times that; the rest is off by as much, and by what as many subtractions lose.
    let lost =
        2.0 * (COMPONENTS as f32).sqrt() * vector.len() as f32 + (vector.len() + 2 * COMPONENTS) as f32;
    let off = f32::norm_l2(vector) * lost * f32::EPSILON;
    (projected, if off.is_finite() { off } else { f32::INFINITY })
}

/// Computes orthonormal directions in which the sample varies most, by subspace iteration from fixed starts.
///
/// N. Halko, P. G. Martinsson, J. A. Tropp, "Finding structure with randomness", SIAM Review 53(2), 2011, algorithm 4.4.
fn directions(sample: &[Vec<f32>], dimension: usize) -> Option<Vec<f32>> {
    let count = COMPONENTS - 1;
    if sample.len() < MIN_ROWS {
        return None;
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut directions: Vec<Vec<f32>> =
        (0..count).map(|_| (0..dimension).map(|_| next()).collect()).collect();
    orthonormal(&mut directions)?;
    let held_out = |at: usize| at.is_multiple_of(HELD_OUT);
    for _ in 0..ROUNDS {
        let mut turned = vec![vec![0.0; dimension]; count];
        for (_, vector) in sample.iter().enumerate().filter(|(at, _)| !held_out(*at)) {
            // Each vector counts alike, however long.
            let scale = 1.0 / f32::norm_l2(vector).powi(2);
            for (direction, turned) in directions.iter().zip(&mut turned) {
                subtract(turned, -scale * dot(direction, vector), vector);
            }
        }
        directions = turned;
        orthonormal(&mut directions)?;
    }
    let square = |x: f32| f64::from(x) * f64::from(x);
    let kept = |vector: &Vec<f32>| {
        let along: f64 = directions.iter().map(|direction| square(dot(direction, vector))).sum();
        along / square(f32::norm_l2(vector))
    };
    let kept: Vec<f64> = sample.iter().step_by(HELD_OUT).map(kept).collect();
    let mean = kept.iter().sum::<f64>() / kept.len() as f64;
    (mean >= MIN_KEPT && skew(&directions) <= MAX_SKEW).then(|| directions.concat())
}

/// Makes directions orthonormal (Gram and Schmidt, twice: W. Kahan's rule); none when they are not independent.
fn orthonormal(directions: &mut [Vec<f32>]) -> Option<()> {
    for at in 0..directions.len() {
        let (before, rest) = directions.split_at_mut(at);
        let direction = &mut rest[0];
        for _ in 0..2 {
            for other in before.iter() {
                let along = dot(other, direction);
                subtract(direction, along, other);
            }
            let length = f32::norm_l2(direction);
            if !(1e-20..1e20).contains(&length) {
                return None;
            }
            direction.iter_mut().for_each(|x| *x /= length);
        }
    }
    Some(())
}

/// Bounds the spectral norm of what the directions' inner products differ from the identity by (Frobenius).
fn skew(directions: &[Vec<f32>]) -> f32 {
    let mut sum = 0.0;
    for (i, a) in directions.iter().enumerate() {
        for (j, b) in directions.iter().enumerate() {
            let expected = if i == j { 1.0 } else { 0.0 };
            sum += (f64::from(dot(a, b)) - expected).powi(2);
        }
    }
    sum.sqrt() as f32
}

/// Subtracts a multiple of a vector.
fn subtract(from: &mut [f32], factor: f32, vector: &[f32]) {
    from.iter_mut().zip(vector).for_each(|(x, y)| *x -= factor * y);
}
