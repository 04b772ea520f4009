//! The stored form of quantized vectors.
//!
//! In order, numbers little-endian: the mark [`MAGIC`]; the format number (4 bytes); dimension (4), rows (4) and components of
//! the projection (4, zero without one); offset and step of the codes (`f32`); the codes, row after row; the error of each
//! row (`f32`); the length of each vector (`f32`); of the projection the directions (`f32`), offset and step, codes and
//! errors; and the XXH3 hash (64 bits) of all before it.

use xxhash_rust::xxh3::xxh3_64;

use crate::projection::Projection;
use crate::quantization::QuantizedRows;
use crate::quantized::QuantizedVectors;

const MAGIC: [u8; 4] = *b"OGVG";
/// The number of the format above, and of the way vectors get their codes: it rises when either changes.
const VERSION: u32 = 2;

/// Bytes that are not whole, unaltered quantized vectors of the known format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatError;

impl std::fmt::Display for FormatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the bytes are no quantized vectors of the known format")
    }
}

impl std::error::Error for FormatError {}

impl QuantizedVectors {
    /// Returns the stored form, for [`QuantizedVectors::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let components = self.projection.as_ref().map_or(0, |_| Projection::components());
        let mut out = Vec::with_capacity(self.bytes());
        out.extend_from_slice(&MAGIC);
        for word in [VERSION, self.full.dimension as u32, self.norms.len() as u32, components as u32] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        write(&mut out, &self.full);
        extend(&mut out, &self.norms);
        if let Some(projection) = &self.projection {
            extend(&mut out, &projection.directions);
            write(&mut out, &projection.rows);
        }
        let sum = xxh3_64(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads what [`QuantizedVectors::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`FormatError`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<QuantizedVectors, FormatError> {
        let (content, sum) = bytes.split_last_chunk().ok_or(FormatError)?;
        if u64::from_le_bytes(*sum) != xxh3_64(content) {
            return Err(FormatError);
        }
        let mut rest = Rest(content);
        let [version, dimension, rows, components] = {
            if rest.take(MAGIC.len())? != MAGIC {
                return Err(FormatError);
            }
            [rest.word()?, rest.word()?, rest.word()?, rest.word()?]
        };
        let (dimension, rows, components) = (dimension as usize, rows as usize, components as usize);
        if version != VERSION || (components != 0 && components != Projection::components()) {
            return Err(FormatError);
        }
        let full = rest.quantized_rows(dimension, rows)?;
        let norms = rest.floats(rows)?;
        let projection = match components {
            0 => None,
            _ => {
                let directions = rest.floats((components - 1).checked_mul(dimension).ok_or(FormatError)?)?;
                Some(Projection::from_parts(directions, rest.quantized_rows(components, rows)?))
            }
        };
        if !rest.0.is_empty() {
            return Err(FormatError);
        }
        Ok(QuantizedVectors::from_parts(full, norms, projection))
    }
}

fn extend(out: &mut Vec<u8>, numbers: &[f32]) {
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
}

fn write(out: &mut Vec<u8>, rows: &QuantizedRows) {
    extend(out, &[rows.low, rows.step]);
    out.extend_from_slice(&rows.codes);
    extend(out, &rows.errors);
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

    fn quantized_rows(&mut self, dimension: usize, rows: usize) -> Result<QuantizedRows, FormatError> {
        let range = self.floats(2)?;
        let codes = self.take(rows.checked_mul(dimension).ok_or(FormatError)?)?.to_vec();
        Ok(QuantizedRows::from_parts(dimension, (range[0], range[1]), codes, self.floats(rows)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Metric, Query, SearchRadius};

    proptest! {
        #[test]
        fn stored_vectors_bound_as_before_and_altered_bytes_are_refused(
            vectors in prop::collection::vec(prop::option::of(prop::collection::vec(-10_f32..10.0, 5)), 0..40),
            query in prop::collection::vec(-10_f32..10.0, 5),
            altered in any::<prop::sample::Index>(),
        ) {
            let quantized = QuantizedVectors::new(5, vectors.len(), false, |row| vectors[row].as_deref());
            let bytes = quantized.to_bytes();
            let back = QuantizedVectors::from_bytes(&bytes).unwrap();
            prop_assert_eq!(back.to_bytes(), bytes.clone());
            let query = Query::new(query, Metric::L2);
            let rows: Vec<u64> = (0..vectors.len() as u64).collect();
            let bounds = |quantized: &QuantizedVectors| {
                let mut found = Vec::new();
                query.bounds(quantized, 0, &rows, 0, &SearchRadius::new(usize::MAX), &mut found);
                found
            };
            prop_assert_eq!(bounds(&quantized), bounds(&back));

            let mut wrong = bytes.clone();
            let at = altered.index(wrong.len());
            wrong[at] ^= 1;
            prop_assert!(QuantizedVectors::from_bytes(&wrong).is_err());
            prop_assert!(QuantizedVectors::from_bytes(&bytes[..at]).is_err());
        }
    }
}
