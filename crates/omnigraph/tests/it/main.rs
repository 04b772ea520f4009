//! Scenarios against the public API, one module per area.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod blobs;
mod branches;
mod changes;
mod context;
mod embedding;
mod fixtures;
mod graph;
mod indexes;
mod load;
mod maintenance;
mod merge;
#[cfg(feature = "failpoints")]
mod model;
mod mutation;
#[cfg(feature = "failpoints")]
mod outages;
mod policy;
mod query;
mod readme;
mod s3;
#[cfg(feature = "failpoints")]
mod scenarios;
mod schema;
mod schema_random;
mod search;
#[path = "../../../omnigraph-storage/tests/support/server.rs"]
mod server;
#[path = "../../../omnigraph-storage/tests/support/skip.rs"]
mod skip;
#[cfg(feature = "failpoints")]
#[path = "../../../omnigraph-storage/tests/support/unreliable.rs"]
mod unreliable;
