//! The quantized vectors of a block of rows: all components, and the projection that is compared first.

use lance_linalg::distance::Normalize;

use crate::projection::Projection;
use crate::quantization::{QuantizedRows, RowBounds, ValueRange};

/// Tells whether a vector of this length can be given length one: not where its length is rounded to zero or infinity.
pub(crate) fn has_direction(norm: f32) -> bool {
    (1e-15..1e18).contains(&norm)
}

/// Many vectors with one byte per component, which bound their distances to a query ([`crate::Query::bounds`]).
pub struct QuantizedVectors {
    pub(crate) full: QuantizedRows,
    /// Length of each vector as it was given.
    pub(crate) norms: Vec<f32>,
    pub(crate) projection: Option<Projection>,
    /// The largest length of a vector whose bounds are known.
    largest_norm: f32,
}

impl QuantizedVectors {
    /// Quantizes so many vectors, which `vector` gives by the number of their row; `normalized` gives them length one first.
    ///
    /// # Panics
    /// When a vector has another dimension.
    pub fn new<'a>(
        dimension: usize,
        rows: usize,
        normalized: bool,
        vector: impl Fn(usize) -> Option<&'a [f32]>,
    ) -> QuantizedVectors {
        let scaled = |row: usize| {
            let mut vector = vector(row)?.to_vec();
            let norm = f32::norm_l2(&vector);
            if normalized {
                vector.iter_mut().for_each(|x| *x /= norm);
            }
            Some((vector, norm))
        };
        let mut range = ValueRange::new();
        for (vector, _) in (0..rows).filter_map(scaled) {
            range.include(&vector);
        }
        let mut full = QuantizedRows::new(dimension, rows, &range);
        let mut norms = Vec::with_capacity(rows);
        for row in 0..rows {
            let scaled = scaled(row);
            norms.push(scaled.as_ref().map_or(0.0, |(_, norm)| *norm));
            full.push(scaled.as_ref().map(|(vector, norm)| {
                let bounded = !normalized || has_direction(*norm);
                (&vector[..], if bounded { 0.0 } else { f32::INFINITY })
            }));
        }
        let projection = Projection::new(dimension, rows, |row| scaled(row).map(|(vector, _)| vector));
        QuantizedVectors::from_parts(full, norms, projection)
    }

    /// Assembles vectors that were stored.
    pub(crate) fn from_parts(
        full: QuantizedRows,
        norms: Vec<f32>,
        projection: Option<Projection>,
    ) -> QuantizedVectors {
        let known = norms.iter().enumerate().filter(|(row, _)| full.row_bounds(*row) == RowBounds::Known);
        let largest_norm = known.map(|(_, norm)| *norm).fold(0.0, f32::max);
        QuantizedVectors { full, norms, projection, largest_norm }
    }

    pub(crate) fn largest_norm(&self) -> f32 {
        self.largest_norm
    }

    /// Returns the memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        let projection = self.projection.as_ref().map_or(0, Projection::bytes);
        self.full.bytes() + self.norms.len() * size_of::<f32>() + projection + size_of::<QuantizedVectors>()
    }
}
