//! Distances of vectors, and bounds of them from one byte per number.
//!
//! A [`Query`] measures its distance to vectors, exactly as floating-point arithmetic has it. A [`Sketch`] holds many vectors
//! on a grid, and bounds their distances from both sides at a quarter of the memory traffic or less, so a search for the
//! nearest computes exact distances for few; a [`Reach`] is what its parts know of each other. The inner loops are those of Lance; this crate is compiled for speed in every profile.

mod bytes;
mod grid;
mod head;
mod query;
mod reach;
mod sketch;
#[cfg(test)]
mod tests;

pub use bytes::FormatError;
pub use query::{Bounded, Metric, Query};
pub use reach::Reach;
pub use sketch::Sketch;
