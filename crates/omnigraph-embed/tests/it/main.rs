//! The client against a small HTTP server.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod client;
mod server;
