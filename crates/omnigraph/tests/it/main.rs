//! Scenarios against the public API, one module per area.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod changes;
mod load;
mod mutation;
mod query;
