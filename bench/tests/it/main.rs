//! What only several processes can show: kills at random moments, and races for one graph.

mod crash;
mod processes;
mod support;
