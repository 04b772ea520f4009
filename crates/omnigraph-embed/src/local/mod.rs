//! Sentence models that run in this process.
//!
//! Owns the reading of a model directory (`files`, `weights`), the network (`bert`), and what turns texts into vectors
//! with them (`model`); `worker` runs that beside the asynchronous executor, within a deadline. Knows nothing of HTTP.
//!
//! Invariants: (1) a model that cannot be computed as its authors meant it is refused when it is loaded; (2) texts that
//! share a batch do not see each other, and there is no padding, so a vector depends on its text alone up to the
//! rounding of the matrix products; (3) no more batches are computed at a time than the machine has processors.
//!
//! Only [`ModelError`] exists in a build without the cargo feature `local-models`.

#[cfg(feature = "local-models")]
mod bert;
mod error;
#[cfg(feature = "local-models")]
mod files;
#[cfg(feature = "local-models")]
mod model;
#[cfg(feature = "local-models")]
mod weights;
#[cfg(feature = "local-models")]
mod worker;

pub use error::ModelError;
#[cfg(feature = "local-models")]
pub(crate) use worker::Worker;
