//! The name under which this crate logs.

/// Target of the `tracing` events of this crate.
pub const TRACING_TARGET: &str = "omnigraph::embedding";
