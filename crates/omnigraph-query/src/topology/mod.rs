//! Adjacency of one edge type between exact table versions.
//!
//! `address` numbers the rows of a table version densely. A topology holds the sorted neighbour lists of both directions
//! (`csr`); `build` makes it from a scan, `patch` from that of other versions. `probe` answers single hops from the
//! endpoint indexes without one, and `neighbours` chooses between the two hop by hop. `measures` counts and ranks nodes.
//! Everything is derived, keyed by immutable versions, and may be dropped.

mod address;
mod build;
mod csr;
mod measures;
mod neighbours;
mod patch;
mod probe;
#[cfg(test)]
mod tests;

pub(crate) use address::AddressMap;
pub(crate) use build::{EdgeTables, TablePaths, TopologyKey, load};
pub(crate) use csr::{Direction, Topology, Visited};
pub(crate) use measures::Degree;
pub(crate) use neighbours::{Neighbours, TraversalMode};
pub(crate) use probe::Hop;
