//! Scenarios against the public API, one module per area.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod branches;
mod changes;
mod kit;
mod load;
mod merge;
#[cfg(feature = "failpoints")]
mod model;
mod mutation;
mod query;
mod s3;
mod schema;
mod schema_random;
#[path = "../support/server.rs"]
mod server;
mod upkeep;
