//! Distances of vectors, and bounds of them from one byte per number.
//!
//! A [`Query`] measures its distance to vectors, exactly as floating-point arithmetic has it. A [`Sketch`] holds many vectors
//! on a grid, and bounds their distances from both sides at a quarter of the memory traffic, so a search for the nearest
//! computes exact distances for few. The inner loops are those of Lance; this crate is compiled for speed in every profile.

mod bytes;
mod query;
mod sketch;

pub use bytes::FormatError;
pub use query::{Metric, Query};
pub use sketch::{OnGrid, Sketch};
