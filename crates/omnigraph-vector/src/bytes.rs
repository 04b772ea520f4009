//! A sketch as bytes, and back.
//!
//! In order, numbers little-endian: the mark [`MAGIC`]; the format number (4 bytes); dimension (4) and rows (4); low and
//! step of the grid (`f32`); the codes, row after row; the error of each row (`f32`); the length of each (`f32`); and the
//! XXH3 hash (64 bits) of all before it.

use xxhash_rust::xxh3::xxh3_64;

use crate::sketch::Sketch;

const MAGIC: [u8; 4] = *b"OGVG";
/// The number of the format above, and of the way vectors get their codes: it rises when either changes.
const VERSION: u32 = 1;
const HEADER: usize = 24;

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
        let rows = self.errors.len();
        let mut out = Vec::with_capacity(HEADER + self.codes.len() + rows * 8 + 8);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(self.dimension as u32).to_le_bytes());
        out.extend_from_slice(&(rows as u32).to_le_bytes());
        for number in [self.low, self.step] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.codes);
        for number in self.errors.iter().chain(&self.norms) {
            out.extend_from_slice(&number.to_le_bytes());
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
        let (header, rest) = content.split_first_chunk::<HEADER>().ok_or(FormatError)?;
        let word = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
        if word(0) != MAGIC || u32::from_le_bytes(word(4)) != VERSION {
            return Err(FormatError);
        }
        let dimension = u32::from_le_bytes(word(8)) as usize;
        let rows = u32::from_le_bytes(word(12)) as usize;
        let codes = rows.checked_mul(dimension).ok_or(FormatError)?;
        let fits = rows.checked_mul(8).and_then(|numbers| numbers.checked_add(codes)) == Some(rest.len());
        if !fits {
            return Err(FormatError);
        }
        let (codes, numbers) = rest.split_at(codes);
        let numbers: Vec<f32> =
            numbers.chunks_exact(4).map(|n| f32::from_le_bytes([n[0], n[1], n[2], n[3]])).collect();
        let (errors, norms) = numbers.split_at(rows);
        let grid = (f32::from_le_bytes(word(16)), f32::from_le_bytes(word(20)));
        Ok(Sketch::of_parts(dimension, grid, codes.to_vec(), errors.to_vec(), norms.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Metric, Query};

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
            let places: Vec<(usize, usize)> = (0..vectors.len()).map(|row| (row, row)).collect();
            let bounds = |sketch: &Sketch| {
                let (mut lower, mut upper) = (vec![0.0; vectors.len()], vec![0.0; vectors.len()]);
                query.bounds(sketch, &places, usize::MAX, &mut lower, &mut upper);
                lower.iter().chain(&upper).map(|bound| bound.to_bits()).collect::<Vec<u64>>()
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
