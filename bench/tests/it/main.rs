//! What only several processes can show: kills at random moments, and races for one graph.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod crash;
mod fleet;
mod processes;
mod support;
