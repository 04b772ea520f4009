//! Converters from public data to graph batches (JSONL) for `omnigraph load`.
//!
//! [`debian`] reads package lists, [`wordnet`] reads the WordNet database. Each makes the graph that the schema in
//! `examples/` describes. The crate knows the file format only, not the engine.
//!
//! Invariants: (1) equal input gives equal output, byte for byte; (2) every endpoint of an edge is a node of the same
//! output; (3) every edge carries an id that follows from the input, so that loading twice with `merge` adds nothing.
//! Cost: the input is read as a stream and kept parsed (a few hundred MB for all of Debian); output is streamed.

pub mod batch;
pub mod debian;
pub mod error;
pub mod input;
pub mod wordnet;

pub use error::{ConvertError, Problem};
