//! The command line as a user meets it: files in an empty folder, and what comes back on both streams.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod arguments;
mod blobs;
mod branching;
mod changes;
mod changing;
#[cfg(feature = "failpoints")]
mod crashes;
mod documents;
mod mistakes;
mod operator;
mod parity;
mod policy;
mod quickstart;
mod reading;
mod sandbox;
mod schemas;
mod search;
mod served;
mod server;
mod sides;
mod upkeep;
