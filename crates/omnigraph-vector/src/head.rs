//! A short form of vectors, which tells most of them apart from a query at a fraction of their bytes.
//!
//! A vector is projected on the directions in which a sample of the vectors varies most (principal components), and the
//! length of what is left of it is one more number. Neither makes the distance of two vectors greater: what is beyond reach
//! in the short form is beyond it. (Such lower bounds: K. V. R. Kanth, D. Agrawal, A. Singh, "Dimensionality reduction for
//! similarity searching in dynamic databases", SIGMOD 1998.)

use lance_linalg::distance::{Normalize, dot};

use crate::grid::{Grid, OnGrid, Range};

/// Numbers of the short form: one for each direction, and the length of the rest.
const NUMBERS: usize = 128;
/// Vectors of fewer numbers are as quickly compared whole.
const DIMENSIONS: usize = 2 * NUMBERS;
/// Vectors that directions are worth computing for.
const ROWS: usize = 512;
/// Vectors that directions are computed from.
const SAMPLE: usize = 1024;
/// Rounds of subspace iteration: more of them change little of what directions hold.
const ROUNDS: usize = 5;
/// What the directions must hold of the squared lengths of vectors they were not computed from: of vectors that vary in
/// all directions alike the short form tells little. One vector of the sample in so many tries it.
const HELD: f64 = 0.5;
const TRIED: usize = 4;
/// By how much the directions may fail to be orthonormal, and by how much they may make a distance greater therefore.
const SKEW: f32 = 1e-4;

/// Vectors in the short form.
pub(crate) struct Head {
    /// The directions, one after the other.
    pub(crate) directions: Vec<f32>,
    pub(crate) grid: Grid,
}

impl Head {
    /// Makes the short form of so many vectors; none where it would not pay.
    pub(crate) fn new(
        dimension: usize,
        rows: usize,
        vector: impl Fn(usize) -> Option<Vec<f32>>,
    ) -> Option<Head> {
        if dimension < DIMENSIONS || rows < ROWS {
            return None;
        }
        let regular = |vector: &Vec<f32>| (1e-12..1e12).contains(&f32::norm_l2(vector));
        let sample: Vec<Vec<f32>> =
            (0..rows).step_by(rows.div_ceil(SAMPLE)).filter_map(&vector).filter(regular).collect();
        let directions = directions(&sample, dimension)?;
        let mut range = Range::new();
        let short: Vec<Option<(Vec<f32>, f32)>> = (0..rows)
            .map(|row| {
                let vector = vector(row)?;
                let (short, off) = project(&directions, &vector);
                let off = if regular(&vector) { off } else { f32::INFINITY };
                if off < f32::INFINITY {
                    range.show(&short);
                }
                Some((short, off))
            })
            .collect();
        let mut grid = Grid::new(NUMBERS, rows, &range);
        short.iter().for_each(|row| grid.push(row.as_ref().map(|(short, off)| (&short[..], *off))));
        Some(Head { directions, grid })
    }

    /// Makes it of its parts.
    pub(crate) fn of_parts(directions: Vec<f32>, grid: Grid) -> Head {
        Head { directions, grid }
    }

    /// Returns how many numbers the short form has.
    pub(crate) const fn numbers() -> usize {
        NUMBERS
    }

    /// Puts a vector on the grid of the short form.
    pub(crate) fn place(&self, vector: &[f32]) -> OnGrid {
        let (short, off) = project(&self.directions, vector);
        let mut placed = self.grid.place(&short);
        placed.error += off;
        placed
    }

    /// Bounds the Euclidean distance of any row, of which the short form tells something, from below; grows with `apart`.
    pub(crate) fn least(&self, other: &OnGrid, apart: u64) -> f64 {
        self.grid.bounds_of_any(other, apart).0 * (1.0 - f64::from(SKEW))
    }

    /// Returns the memory it holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.directions.len() * size_of::<f32>() + self.grid.bytes()
    }
}

/// Returns the short form of a vector, and how far rounding may have moved it.
fn project(directions: &[f32], vector: &[f32]) -> (Vec<f32>, f32) {
    let mut short = Vec::with_capacity(NUMBERS);
    let mut rest = vector.to_vec();
    for direction in directions.chunks_exact(vector.len()) {
        let along = dot(direction, vector);
        short.push(along);
        subtract(&mut rest, along, direction);
    }
    short.push(f32::norm_l2(&rest));
    // Each of the numbers is a sum of as many products as the vector has numbers, so all of them together are off by at
    // most the root of their count times that; the rest is off by as much, and by what as many subtractions lose.
    let lost = 2.0 * (NUMBERS as f32).sqrt() * vector.len() as f32 + (vector.len() + 2 * NUMBERS) as f32;
    let off = f32::norm_l2(vector) * lost * f32::EPSILON;
    (short, if off.is_finite() { off } else { f32::INFINITY })
}

/// Computes orthonormal directions in which the sample varies most, by subspace iteration from fixed starts.
///
/// N. Halko, P. G. Martinsson, J. A. Tropp, "Finding structure with randomness", SIAM Review 53(2), 2011, algorithm 4.4.
fn directions(sample: &[Vec<f32>], dimension: usize) -> Option<Vec<f32>> {
    let count = NUMBERS - 1;
    if sample.len() < ROWS {
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
    let tried = |at: usize| at.is_multiple_of(TRIED);
    for _ in 0..ROUNDS {
        let mut turned = vec![vec![0.0; dimension]; count];
        for (_, vector) in sample.iter().enumerate().filter(|(at, _)| !tried(*at)) {
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
    let held = |vector: &Vec<f32>| {
        let along: f64 = directions.iter().map(|direction| square(dot(direction, vector))).sum();
        along / square(f32::norm_l2(vector))
    };
    let held: Vec<f64> = sample.iter().step_by(TRIED).map(held).collect();
    let mean = held.iter().sum::<f64>() / held.len() as f64;
    (mean >= HELD && skew(&directions) <= SKEW).then(|| directions.concat())
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
