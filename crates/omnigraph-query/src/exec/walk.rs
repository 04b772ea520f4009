//! Answering where a batch of starts leads: by adjacency in memory, or by index probes hop by hop.
//!
//! A probed walk switches to adjacency at the hop at which that becomes cheaper, and starts over there; both ways give
//! the same pairs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::error::Result;
use crate::topology::{Hop, Neighbours, Topology};

/// What is asked of each start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// Fewest and most steps.
    pub(super) bounds: (u32, u32),
    /// One answer per edge rather than per destination.
    pub(super) edges: bool,
}

/// Destinations with edges (zero unless asked for), by start address.
pub(super) enum Answers {
    /// To be read from adjacency as rows come.
    Walk(Arc<Topology>),
    /// Complete.
    Probed(HashMap<u64, Arc<[(u64, u64)]>>),
}

/// Answers a batch of starts, which may repeat.
pub(super) fn answer<'a>(
    neighbours: &'a Neighbours,
    starts: &'a [u64],
    question: Question,
) -> BoxFuture<'a, Result<Answers>> {
    Box::pin(find(neighbours, starts, question))
}

async fn find(neighbours: &Neighbours, starts: &[u64], question: Question) -> Result<Answers> {
    let (min, max) = question.bounds;
    let mut distinct = starts.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if let Some(topology) = neighbours.topology(distinct.len()).await? {
        return Ok(Answers::Walk(topology));
    }
    if max == 1 || !neighbours.same_type() {
        let mut hops = if min == 1 { neighbours.probe(&distinct).await? } else { Vec::new() };
        if !question.edges {
            hops.dedup_by_key(|h| (h.node, h.other));
        }
        return Ok(Answers::Probed(by_start(&distinct, &hops, question.edges)));
    }
    reach(neighbours, &distinct, (min, max)).await
}

async fn reach(neighbours: &Neighbours, starts: &[u64], (min, max): (u32, u32)) -> Result<Answers> {
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
            return Ok(Answers::Walk(topology));
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
    Ok(Answers::Probed(by_start(starts, &found, false)))
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
