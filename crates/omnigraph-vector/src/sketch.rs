//! Vectors on grids: whole, and in a short form that is looked at first.

use lance_linalg::distance::Normalize;

use crate::grid::{Grid, Range};
use crate::head::Head;

/// Tells whether a vector of this length can be given length one: not where its length is rounded to zero or infinity.
pub(crate) fn has_direction(norm: f32) -> bool {
    (1e-15..1e18).contains(&norm)
}

/// Many vectors on a grid, whose distances to a query it bounds ([`crate::Query::bounds`]).
pub struct Sketch {
    pub(crate) whole: Grid,
    /// Length of each vector as it was given.
    pub(crate) norms: Vec<f32>,
    pub(crate) head: Option<Head>,
    /// The largest length of a vector of which the grid tells something.
    largest_norm: f32,
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
        let mut range = Range::new();
        for (vector, _) in (0..rows).filter_map(scaled) {
            range.show(&vector);
        }
        let mut whole = Grid::new(dimension, rows, &range);
        let mut norms = Vec::with_capacity(rows);
        for row in 0..rows {
            let scaled = scaled(row);
            norms.push(scaled.as_ref().map_or(0.0, |(_, norm)| *norm));
            whole.push(scaled.as_ref().map(|(vector, norm)| {
                let told = !normalized || has_direction(*norm);
                (&vector[..], if told { 0.0 } else { f32::INFINITY })
            }));
        }
        let head = Head::new(dimension, rows, |row| scaled(row).map(|(vector, _)| vector));
        Sketch::of_parts(whole, norms, head)
    }

    /// Makes a sketch of its parts.
    pub(crate) fn of_parts(whole: Grid, norms: Vec<f32>, head: Option<Head>) -> Sketch {
        let told = norms.iter().enumerate().filter(|(row, _)| whole.told(*row) == Some(true));
        let largest_norm = told.map(|(_, norm)| *norm).fold(0.0, f32::max);
        Sketch { whole, norms, head, largest_norm }
    }

    pub(crate) fn largest_norm(&self) -> f32 {
        self.largest_norm
    }

    /// Returns the memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        let head = self.head.as_ref().map_or(0, Head::bytes);
        self.whole.bytes() + self.norms.len() * size_of::<f32>() + head + size_of::<Sketch>()
    }
}
