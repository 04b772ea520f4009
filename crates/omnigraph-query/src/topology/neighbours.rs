//! Choosing between adjacency in memory and index probes, hop by hop.
//!
//! A topology that is in memory is used. Otherwise probes answer until what they have cost, over all queries on these
//! table versions, comes near the cost of making one; then it is made. The choice never changes an answer.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::build::{EdgeTables, cost, load};
use super::csr::{Direction, Topology};
use super::probe::{Hop, probe};
use crate::cache::Caches;
use crate::error::Result;

/// How hops are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TraversalMode {
    /// By what has been cheaper so far.
    Adaptive,
    /// Always by index probes.
    Indexed,
    /// By adjacency in memory, unless it exceeds memory.
    Csr,
}

impl TraversalMode {
    /// Reads `OMNIGRAPH_TRAVERSAL_MODE`: `indexed`, `csr`, or anything else for adaptive.
    pub(crate) fn from_env() -> TraversalMode {
        match std::env::var("OMNIGRAPH_TRAVERSAL_MODE").as_deref() {
            Ok("indexed") => TraversalMode::Indexed,
            Ok("csr") => TraversalMode::Csr,
            _ => TraversalMode::Adaptive,
        }
    }
}

/// One probed node costs about as much as this many edges when building.
const PROBE_COST: u64 = 16;
/// Fixed cost of a hop of probes, in probed nodes.
const HOP_OVERHEAD: u64 = 8;

/// Answers hops over one edge type.
pub(crate) struct Neighbours {
    edge_tables: EdgeTables,
    direction: Direction,
    mode: TraversalMode,
    caches: Arc<Caches>,
}

impl Neighbours {
    pub(crate) fn new(
        edge_tables: EdgeTables,
        direction: Direction,
        mode: TraversalMode,
        caches: Arc<Caches>,
    ) -> Neighbours {
        Neighbours { edge_tables, direction, mode, caches }
    }

    pub(crate) fn direction(&self) -> Direction {
        self.direction
    }

    pub(crate) fn same_type(&self) -> bool {
        self.edge_tables.same_type
    }

    /// Returns the topology if the next hop, from that many nodes, should use it.
    pub(crate) fn topology(&self, frontier: usize) -> BoxFuture<'_, Result<Option<Arc<Topology>>>> {
        Box::pin(self.choose(frontier))
    }

    async fn choose(&self, frontier: usize) -> Result<Option<Arc<Topology>>> {
        match self.mode {
            TraversalMode::Indexed => Ok(None),
            TraversalMode::Csr => load(&self.caches, &self.edge_tables).await,
            TraversalMode::Adaptive => {
                let key = self.edge_tables.key();
                if let Some(known) = self.caches.topologies.get(&key).await {
                    return Ok(known);
                }
                let work = (frontier as u64 + HOP_OVERHEAD) * PROBE_COST;
                let spent = self.caches.spend(format!("{key:?}"), work);
                if spent >= cost(&self.caches, &self.edge_tables).await {
                    load(&self.caches, &self.edge_tables).await
                } else {
                    Ok(None)
                }
            }
        }
    }

    /// Returns one hop per edge of some distinct nodes, whichever way is cheaper; a self-loop appears once.
    pub(crate) async fn hops(&self, nodes: &[u64]) -> Result<Vec<Hop>> {
        let Some(topology) = self.topology(nodes.len()).await? else { return self.probe(nodes).await };
        let (near, far) = topology.numberings(self.direction);
        let (mut hops, mut pairs) = (Vec::new(), Vec::new());
        for (node, address) in (0_u32..).zip(nodes) {
            let Some(ordinal) = near.ordinal(*address) else { continue };
            pairs.clear();
            topology.incident(ordinal, self.direction, &mut pairs);
            hops.extend(pairs.iter().map(|&(other, edge)| Hop {
                node,
                other: far.address(other),
                edge: topology.edge_address(edge),
            }));
        }
        Ok(hops)
    }

    /// Answers a hop from distinct nodes by index probes.
    pub(crate) fn probe<'a>(&'a self, frontier: &'a [u64]) -> BoxFuture<'a, Result<Vec<Hop>>> {
        Box::pin(probe(&self.edge_tables, frontier, self.direction))
    }
}
