//! A sketch as bytes, and back.
//!
//! In order, numbers little-endian: the mark [`MAGIC`]; the format number (4 bytes); dimension (4), rows (4) and numbers of
//! the short form (4, zero without one); low and step of the grid (`f32`); the codes, row after row; the error of each row
//! (`f32`); the length of each (`f32`); of the short form the directions (`f32`), low and step, codes and errors; and the
//! XXH3 hash (64 bits) of all before it.

use xxhash_rust::xxh3::xxh3_64;

use crate::grid::Grid;
use crate::head::Head;
use crate::sketch::Sketch;

const MAGIC: [u8; 4] = *b"OGVG";
/// The number of the format above, and of the way vectors get their codes: it rises when either changes.
const VERSION: u32 = 2;

/// Bytes that are no whole, unaltered sketch of the known format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatError;

impl std::fmt::Display for FormatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the bytes are no vectors on a grid of the known format")
    }
}

impl std::error::Error for FormatError {}

impl Sketch {
    /// The sketch as bytes, for [`Sketch::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = self.head.as_ref().map_or(0, |_| Head::numbers());
        let mut out = Vec::with_capacity(self.bytes());
        out.extend_from_slice(&MAGIC);
        for word in [VERSION, self.whole.dimension as u32, self.norms.len() as u32, numbers as u32] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        write(&mut out, &self.whole);
        extend(&mut out, &self.norms);
        if let Some(head) = &self.head {
            extend(&mut out, &head.directions);
            write(&mut out, &head.grid);
        }
        let sum = xxh3_64(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// The sketch that [`Sketch::to_bytes`] wrote as `bytes`.
    ///
    /// # Errors
    /// [`FormatError`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Sketch, FormatError> {
        let (content, sum) = bytes.split_last_chunk().ok_or(FormatError)?;
        if u64::from_le_bytes(*sum) != xxh3_64(content) {
            return Err(FormatError);
        }
        let mut rest = Rest(content);
        let [version, dimension, rows, numbers] = {
            if rest.take(MAGIC.len())? != MAGIC {
                return Err(FormatError);
            }
            [rest.word()?, rest.word()?, rest.word()?, rest.word()?]
        };
        let (dimension, rows, numbers) = (dimension as usize, rows as usize, numbers as usize);
        if version != VERSION || (numbers != 0 && numbers != Head::numbers()) {
            return Err(FormatError);
        }
        let whole = rest.grid(dimension, rows)?;
        let norms = rest.floats(rows)?;
        let head = match numbers {
            0 => None,
            _ => {
                let directions = rest.floats((numbers - 1).checked_mul(dimension).ok_or(FormatError)?)?;
                Some(Head::of_parts(directions, rest.grid(numbers, rows)?))
            }
        };
        if !rest.0.is_empty() {
            return Err(FormatError);
        }
        Ok(Sketch::of_parts(whole, norms, head))
    }
}

fn extend(out: &mut Vec<u8>, numbers: &[f32]) {
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
}

fn write(out: &mut Vec<u8>, grid: &Grid) {
    extend(out, &[grid.low, grid.step]);
    out.extend_from_slice(&grid.codes);
    extend(out, &grid.errors);
}

/// Bytes that are not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(FormatError)?;
        self.0 = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<u32, FormatError> {
        let (word, rest) = self.0.split_first_chunk().ok_or(FormatError)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*word))
    }

    fn floats(&mut self, count: usize) -> Result<Vec<f32>, FormatError> {
        let bytes = self.take(count.checked_mul(size_of::<f32>()).ok_or(FormatError)?)?;
        Ok(bytes.chunks_exact(4).map(|n| f32::from_le_bytes([n[0], n[1], n[2], n[3]])).collect())
    }

    fn grid(&mut self, dimension: usize, rows: usize) -> Result<Grid, FormatError> {
        let range = self.floats(2)?;
        let codes = self.take(rows.checked_mul(dimension).ok_or(FormatError)?)?.to_vec();
        Ok(Grid::of_parts(dimension, (range[0], range[1]), codes, self.floats(rows)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Metric, Query, Reach};

    proptest! {
        #[test]
        fn a_sketch_survives_the_way_to_bytes_and_back(
            vectors in prop::collection::vec(prop::option::of(prop::collection::vec(-10_f32..10.0, 5)), 0..40),
            query in prop::collection::vec(-10_f32..10.0, 5),
            altered in any::<prop::sample::Index>(),
        ) {
            let sketch = Sketch::new(5, vectors.len(), false, |row| vectors[row].as_deref());
            let bytes = sketch.to_bytes();
            let back = Sketch::from_bytes(&bytes).unwrap();
            prop_assert_eq!(back.to_bytes(), bytes.clone());
            let query = Query::new(query, Metric::L2);
            let rows: Vec<u64> = (0..vectors.len() as u64).collect();
            let bounds = |sketch: &Sketch| {
                let mut found = Vec::new();
                query.bounds(sketch, 0, &rows, 0, &Reach::new(usize::MAX), &mut found);
                found
            };
            prop_assert_eq!(bounds(&sketch), bounds(&back));

            let mut wrong = bytes.clone();
            let at = altered.index(wrong.len());
            wrong[at] ^= 1;
            prop_assert!(Sketch::from_bytes(&wrong).is_err());
            prop_assert!(Sketch::from_bytes(&bytes[..at]).is_err());
        }
    }
}
