//! Sentence models that run in this process.
//!
//! Owns the reading of a model directory (`files`, `weights`), the network (`bert`), and what turns texts into vectors
//! with them (`model`); `worker` runs that on blocking threads, within a deadline. Knows nothing of HTTP.
//!
//! Invariants: (1) a model that cannot be computed as its authors meant it is refused when it is loaded; (2) texts that
//! share a batch do not see each other, and there is no padding, so a vector depends on its text alone up to the
//! rounding of the matrix products; (3) no more batches are computed at a time than the machine has processors.
//!
//! Part of builds with the cargo feature `local-models` only.

mod bert;
mod files;
mod model;
mod weights;
mod worker;

pub(crate) use worker::Worker;
