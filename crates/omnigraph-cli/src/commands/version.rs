//! `omnigraph version`.

use crate::failure::Failure;
use crate::output;

/// Prints the release and the storage format it writes.
pub(crate) fn run() -> Result<(), Failure> {
    output::line(&format!(
        "omnigraph {}\ninternal-schema {}",
        env!("CARGO_PKG_VERSION"),
        omnigraph::db::STORAGE_FORMAT
    ))
}
