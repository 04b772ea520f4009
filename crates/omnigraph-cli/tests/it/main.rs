//! The command line as a user meets it: files in an empty folder, and what comes back on both streams.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod arguments;
mod blobs;
mod branches;
mod changes;
#[cfg(feature = "failpoints")]
mod crashes;
mod documentation;
mod errors;
mod maintenance;
mod operator;
mod parity;
mod policy;
mod quickstart;
mod reads;
mod sandbox;
mod schemas;
mod search;
mod served;
mod server;
mod targets;
mod writes;
