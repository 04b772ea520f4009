//! Where the nodes of a batch lead: by adjacency in memory, or by index probes hop by hop.
//!
//! Hops that are probed switch to adjacency at the one at which that becomes cheaper, and all of them are walked there;
//! both ways give the same pairs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::error::Result;
use crate::topology::{Hop, Neighbours, Topology};

/// What to find from each start.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExpandRequest {
    /// Fewest and most steps.
    pub(super) bounds: (u32, u32),
    /// Whether to find one pair per edge rather than one per destination.
    pub(super) edges: bool,
}

/// Destinations with edges (zero unless asked for), by start address.
pub(super) enum Reached {
    /// To be read from adjacency as rows come.
    Walk(Arc<Topology>),
    /// Complete.
    Probed(HashMap<u64, Arc<[(u64, u64)]>>),
}

/// Finds where a batch of starts, which may repeat, leads.
pub(super) fn expand<'a>(
    neighbours: &'a Neighbours,
    starts: &'a [u64],
    request: ExpandRequest,
) -> BoxFuture<'a, Result<Reached>> {
    Box::pin(find(neighbours, starts, request))
}

async fn find(neighbours: &Neighbours, starts: &[u64], request: ExpandRequest) -> Result<Reached> {
    let (min, max) = request.bounds;
    let mut distinct = starts.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if let Some(topology) = neighbours.topology(distinct.len()).await? {
        return Ok(Reached::Walk(topology));
    }
    if max == 1 || !neighbours.same_type() {
        let mut hops = if min == 1 { neighbours.probe(&distinct).await? } else { Vec::new() };
        if !request.edges {
            hops.dedup_by_key(|h| (h.node, h.other));
        }
        return Ok(Reached::Probed(by_start(&distinct, &hops, request.edges)));
    }
    reach(neighbours, &distinct, (min, max)).await
}

async fn reach(neighbours: &Neighbours, starts: &[u64], (min, max): (u32, u32)) -> Result<Reached> {
    let mut visited: Vec<HashSet<u64>> = starts.iter().map(|&s| HashSet::from([s])).collect();
    let mut frontier: Vec<(u32, u64)> = starts.iter().enumerate().map(|(i, &s)| (i as u32, s)).collect();
    let mut found: Vec<Hop> = Vec::new();
    for level in 1..=max {
        let mut nodes: Vec<u64> = frontier.iter().map(|&(_, node)| node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        if level > 1
            && let Some(topology) = neighbours.topology(nodes.len()).await?
        {
            return Ok(Reached::Walk(topology));
        }
        let mut hops = neighbours.probe(&nodes).await?;
        hops.dedup_by_key(|h| (h.node, h.other));
        let mut next = Vec::new();
        for &(start, node) in &frontier {
            let at = nodes.binary_search(&node).expect("the frontier's nodes were collected from it") as u32;
            let first = hops.partition_point(|h| h.node < at);
            for hop in hops[first..].iter().take_while(|h| h.node == at) {
                let fresh = visited[start as usize].insert(hop.other);
                let own_loop = level == 1 && hop.other == starts[start as usize];
                if fresh {
                    next.push((start, hop.other));
                }
                if level >= min && (fresh || own_loop) {
                    found.push(Hop { node: start, other: hop.other, edge: 0 });
                }
            }
        }
        if next.is_empty() {
            break;
        }
        frontier = next;
    }
    found.sort_by_key(|h| h.node);
    Ok(Reached::Probed(by_start(starts, &found, false)))
}

/// Groups hops, which are sorted by node.
fn by_start(starts: &[u64], hops: &[Hop], edges: bool) -> HashMap<u64, Arc<[(u64, u64)]>> {
    hops.chunk_by(|a, b| a.node == b.node)
        .map(|group| {
            let list = group.iter().map(|h| (h.other, if edges { h.edge } else { 0 })).collect();
            (starts[group[0].node as usize], list)
        })
        .collect()
}
