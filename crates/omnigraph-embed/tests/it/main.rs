//! The client against a small HTTP server, and the pipeline over files.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod client;
#[cfg(feature = "local-models")]
mod local;
mod pipeline;
mod server;
