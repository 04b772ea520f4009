//! The routes as clients see them, and the process as operators do.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod blobs;
mod branching;
mod changes;
#[cfg(unix)]
mod container;
mod fixtures;
mod legacy;
mod loads;
mod matrix;
mod operator;
mod process;
mod reads;
mod routing;
mod security;
mod stored;
mod streams;
mod writes;
