//! Shortest paths from one node to others, one per destination.
//!
//! Three passes, level by level: a breadth-first search from the start until every destination is found; from the
//! destinations back, which leaves the nodes that lie on some shortest path; and forth again among these, in the order
//! of their paths, so that each node gets the predecessor whose own path is smallest. Comparing paths of one length
//! means comparing predecessors' paths first, then ids, so an order of the nodes of a level is all that has to be kept.
//! Cost: the nodes within the distance of the farthest destination; ids and edges of those on shortest paths only.

use std::collections::{BTreeMap, HashMap, HashSet};

use omnigraph_graph::model;
use omnigraph_storage::Table;

use crate::cache::Caches;
use crate::columns;
use crate::error::{QueryError, Result};
use crate::topology::Neighbours;

/// A shortest path: addresses of nodes from start to destination, and of the edges between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) nodes: Vec<u64>,
    pub(super) edges: Vec<u64>,
}

/// Where edges lead, and what the tables hold.
pub(crate) struct Graph<'a> {
    /// From left to right.
    pub(super) along: &'a Neighbours,
    /// From right to left.
    pub(super) against: &'a Neighbours,
    /// The nodes, where those at both ends are of one type.
    pub(super) nodes: &'a Table,
    pub(super) edges: &'a Table,
    pub(super) caches: &'a Caches,
}

/// Returns the number of steps from a start to each destination, which are all within `most` steps.
///
/// # Errors
/// `Storage`; internal when a destination is not reached.
pub(super) async fn lengths(
    graph: &Graph<'_>,
    start: u64,
    destinations: &HashSet<u64>,
    most: u32,
) -> Result<HashMap<u64, u32>> {
    if !graph.along.same_type() {
        return Ok(destinations.iter().map(|node| (*node, 1)).collect());
    }
    let search = Search::run(graph, start, destinations, most).await?;
    let length = |node: &u64| if *node == start { 1 } else { search.level[node] };
    Ok(destinations.iter().map(|node| (*node, length(node))).collect())
}

/// Returns a shortest path from a start to each destination, which are all within `most` steps.
///
/// # Errors
/// As [`lengths`].
pub(super) async fn paths(
    graph: &Graph<'_>,
    start: u64,
    destinations: &HashSet<u64>,
    most: u32,
) -> Result<HashMap<u64, Path>> {
    if !graph.along.same_type() {
        return single_steps(graph, start, destinations).await;
    }
    let search = Search::run(graph, start, destinations, most).await?;
    let mut paths = HashMap::new();
    let mut others = destinations.clone();
    if others.remove(&start) {
        let loops = graph.along.hops(&[start]).await?;
        let edges: Vec<u64> = loops.iter().filter(|hop| hop.other == start).map(|hop| hop.edge).collect();
        paths.insert(
            start,
            Path { nodes: vec![start, start], edges: vec![smallest(graph, &[edges]).await?[0]] },
        );
    }
    if others.is_empty() {
        return Ok(paths);
    }
    let parents = search.parents(graph, start, &others).await?;
    // Edges are chosen for the steps of the paths asked for.
    let mut steps: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let walked: Vec<Vec<u64>> = others.iter().map(|node| walk_back(&parents, start, *node)).collect();
    for nodes in &walked {
        steps.extend(nodes.windows(2).map(|step| ((step[0], step[1]), 0)));
    }
    choose_edges(graph, &mut steps).await?;
    paths.extend(walked.into_iter().filter_map(|nodes| {
        let edges = nodes.windows(2).map(|step| steps[&(step[0], step[1])]).collect();
        Some((*nodes.last()?, Path { nodes, edges }))
    }));
    Ok(paths)
}

/// Returns the paths of one step.
async fn single_steps(
    graph: &Graph<'_>,
    start: u64,
    destinations: &HashSet<u64>,
) -> Result<HashMap<u64, Path>> {
    let mut steps = destinations.iter().map(|node| ((start, *node), 0)).collect();
    choose_edges(graph, &mut steps).await?;
    let path = |((start, node), edge)| (node, Path { nodes: vec![start, node], edges: vec![edge] });
    Ok(steps.into_iter().map(path).collect())
}

/// Levels of the nodes around a start.
struct Search {
    /// Steps from the start, by node.
    level: HashMap<u64, u32>,
}

impl Search {
    async fn run(graph: &Graph<'_>, start: u64, destinations: &HashSet<u64>, most: u32) -> Result<Search> {
        let mut level: HashMap<u64, u32> = HashMap::from([(start, 0)]);
        let mut missing = destinations.iter().filter(|node| **node != start).count();
        let mut frontier = vec![start];
        for steps in 1..=most {
            if missing == 0 {
                break;
            }
            let mut next = Vec::new();
            for hop in graph.along.hops(&frontier).await? {
                if let std::collections::hash_map::Entry::Vacant(entry) = level.entry(hop.other) {
                    entry.insert(steps);
                    next.push(hop.other);
                    missing -= usize::from(destinations.contains(&hop.other));
                }
            }
            next.sort_unstable();
            frontier = next;
        }
        if missing > 0 {
            return Err(QueryError::internal("a destination of a path is out of reach"));
        }
        Ok(Search { level })
    }

    /// Returns the predecessor of each node on the smallest shortest path to it, for all nodes on some shortest path.
    async fn parents(
        &self,
        graph: &Graph<'_>,
        start: u64,
        destinations: &HashSet<u64>,
    ) -> Result<HashMap<u64, u64>> {
        let farthest = destinations.iter().map(|node| self.level[node]).max().unwrap_or(0);
        // Back: nodes on shortest paths by level, and their predecessors.
        let mut marked: Vec<HashSet<u64>> = vec![HashSet::new(); farthest as usize + 1];
        for node in destinations {
            marked[self.level[node] as usize].insert(*node);
        }
        let mut predecessors: HashMap<u64, Vec<u64>> = HashMap::new();
        for level in (1..=farthest).rev() {
            let mut nodes: Vec<u64> = marked[level as usize].iter().copied().collect();
            nodes.sort_unstable();
            for hop in graph.against.hops(&nodes).await? {
                if self.level.get(&hop.other) == Some(&(level - 1)) {
                    predecessors.entry(nodes[hop.node as usize]).or_default().push(hop.other);
                    marked[level as usize - 1].insert(hop.other);
                }
            }
        }
        // Forth: each level in the order of its paths.
        let ids = ids(graph, &marked).await?;
        let mut parents = HashMap::new();
        let mut rank: HashMap<u64, usize> = HashMap::from([(start, 0)]);
        for nodes in &marked[1..] {
            let best = |node: &u64| {
                let predecessors = predecessors.get(node).into_iter().flatten();
                predecessors.filter_map(|before| Some((*rank.get(before)?, *before))).min()
            };
            let mut ordered: Vec<(usize, u64, u64)> = nodes
                .iter()
                .filter_map(|node| best(node).map(|(rank, parent)| (rank, parent, *node)))
                .collect();
            ordered.sort_by(|(a, _, x), (b, _, y)| a.cmp(b).then_with(|| ids.get(x).cmp(&ids.get(y))));
            rank = ordered.iter().enumerate().map(|(at, (_, _, node))| (*node, at)).collect();
            parents.extend(ordered.into_iter().map(|(_, parent, node)| (node, parent)));
        }
        Ok(parents)
    }
}

/// Returns the nodes from a start to a node.
fn walk_back(parents: &HashMap<u64, u64>, start: u64, node: u64) -> Vec<u64> {
    let mut nodes = vec![node];
    let mut at = node;
    while at != start
        && let Some(parent) = parents.get(&at)
    {
        nodes.push(*parent);
        at = *parent;
    }
    nodes.reverse();
    nodes
}

/// Gives every step the edge with the smallest id of those that make it.
async fn choose_edges(graph: &Graph<'_>, steps: &mut BTreeMap<(u64, u64), u64>) -> Result<()> {
    let mut nodes: Vec<u64> = steps.keys().map(|(from, _)| *from).collect();
    nodes.dedup();
    let mut parallel: BTreeMap<(u64, u64), Vec<u64>> = BTreeMap::new();
    for hop in graph.along.hops(&nodes).await? {
        let step = (nodes[hop.node as usize], hop.other);
        if steps.contains_key(&step) {
            parallel.entry(step).or_default().push(hop.edge);
        }
    }
    let (keys, groups): (Vec<(u64, u64)>, Vec<Vec<u64>>) = parallel.into_iter().unzip();
    let chosen = smallest(graph, &groups).await?;
    steps.extend(keys.into_iter().zip(chosen));
    Ok(())
}

/// Returns the edge with the smallest id of each group.
async fn smallest(graph: &Graph<'_>, groups: &[Vec<u64>]) -> Result<Vec<u64>> {
    let contested = groups.iter().filter(|group| group.len() > 1).flatten().copied().collect();
    let ids = columns::texts(graph.caches, graph.edges, model::ID, contested).await?;
    let least = |group: &Vec<u64>| {
        let least = group.iter().min_by(|a, b| ids.get(a).cmp(&ids.get(b)));
        least.copied().ok_or_else(|| QueryError::internal("a step of a path has no edge"))
    };
    groups.iter().map(least).collect()
}

async fn ids(graph: &Graph<'_>, levels: &[HashSet<u64>]) -> Result<HashMap<u64, String>> {
    let nodes = levels.iter().filter(|level| level.len() > 1).flatten().copied().collect();
    columns::texts(graph.caches, graph.nodes, model::ID, nodes).await
}
