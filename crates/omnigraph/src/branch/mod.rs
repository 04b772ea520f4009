//! What sets two states of a graph apart, and how two branches become one.
//!
//! `difference` compares two snapshots entity by entity; `merge` brings what one branch did into another. Reads
//! snapshots and hands plans to `commit`; publishes nothing itself. Cost follows the rows that differ, never the graph.

pub(crate) mod difference;
