//! Vector distances, and bounds of them from scalar-quantized vectors.
//!
//! Owns the three metrics ([`Metric`]), the exact distance of two vectors ([`Query::distance`]), vectors quantized to one byte
//! per component ([`QuantizedVectors`]) with their stored form, and the bounds that quantized vectors give. No I/O; the inner
//! loops are those of Lance, and this crate is compiled for speed in every profile.
//!
//! A search for the nearest vectors bounds the distances of all of them from quantized vectors, which costs a quarter of the
//! memory traffic or less, and computes exact distances for the few that remain.
//!
//! ```
//! use omnigraph_vector::{Metric, QuantizedVectors, Query, SearchRadius};
//!
//! let vectors = [[0.0_f32, 1.0], [3.0, 3.0], [0.5, 1.0]];
//! let query = Query::new(vec![0.0, 0.0], Metric::L2);
//! let quantized = QuantizedVectors::new(2, vectors.len(), query.normalized(), |row| Some(&vectors[row]));
//!
//! let (radius, mut candidates) = (SearchRadius::new(2), Vec::new());
//! query.bounds(&quantized, 0, &[0, 1, 2], 0, &radius, &mut candidates);
//! for candidate in candidates {
//!     let distance = query.distance(&vectors[candidate.position]);
//!     assert!(candidate.lower <= distance && distance <= candidate.upper);
//! }
//! ```
//!
//! Invariant: a bound holds for the distance as floating-point arithmetic computes it, not only for the exact one.

mod bytes;
mod projection;
mod quantization;
mod quantized;
mod query;
mod radius;
#[cfg(test)]
mod tests;

pub use bytes::FormatError;
pub use quantized::QuantizedVectors;
pub use query::{Bounded, Metric, Query};
pub use radius::SearchRadius;
