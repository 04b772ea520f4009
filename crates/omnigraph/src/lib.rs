//! Omnigraph's engine: a typed property graph in a directory or a bucket, with atomic commits over the whole graph.
//!
//! [`Omnigraph`] is the public handle. Inside, dependencies point one way:
//! `blob` (blob values and their outside sources) and `storage` (objects, tables) ← `commit` (records, log, publication) ← `branch` (difference, merge) and `write`
//! (mutation, load, validation);
//! `maintenance` compacts and reclaims; `query` reads snapshots only. Nothing outside `storage` names a Lance type in
//! its public signature, and nothing
//! outside `commit` can publish.

// DataFusion's expression types nest deeper than the default when auto traits are proved for futures over them.
#![recursion_limit = "256"]

pub mod changes;
pub mod db;
pub mod embedding;
pub mod error;
#[cfg(feature = "failpoints")]
pub mod failpoints;

pub(crate) mod blob;
pub(crate) mod feed;
pub(crate) mod maintenance;
pub(crate) mod write;

pub use blob::policy::{ExternalBlobBase, ExternalBlobExecutionScope, ExternalBlobPolicy};
pub use db::Omnigraph;
pub use error::{OmniError, Result};
pub use omnigraph_storage::{GraphLocation, LocationError};
