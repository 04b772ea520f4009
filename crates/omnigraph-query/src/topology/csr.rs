//! Sorted neighbour lists and the searches over them.
//!
//! Nodes and edges are ordinals of their table versions. Within a list, neighbours ascend, and parallel edges ascend by
//! edge ordinal, so every walk yields the same order. Building is two counting sorts: linear time, 8 bytes per edge and
//! direction plus 4 per node.

use std::cmp::Ordering;
use std::sync::Arc;

use super::address::AddressMap;

/// Which way edges are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    /// From source to target.
    Out,
    /// From target to source.
    In,
    /// Either way; only for edges within one node type.
    Both,
}

/// Neighbour lists of one direction.
#[derive(Debug, PartialEq)]
pub(crate) struct Csr {
    offsets: Vec<u32>,
    neighbours: Vec<u32>,
    edges: Vec<u32>,
}

impl Csr {
    /// Returns the neighbours of a node, ascending, one per edge, and the edges.
    pub(crate) fn list(&self, node: u32) -> (&[u32], &[u32]) {
        let at = node as usize;
        let range = self.offsets[at] as usize..self.offsets[at + 1] as usize;
        (&self.neighbours[range.clone()], &self.edges[range])
    }

    pub(super) fn nodes(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Scatters triples, given in the order wanted within lists, by their first member.
    fn scatter(nodes: usize, len: usize, triples: impl Iterator<Item = (u32, u32, u32)> + Clone) -> Csr {
        let mut offsets = vec![0u32; nodes + 1];
        for (from, _, _) in triples.clone() {
            offsets[from as usize + 1] += 1;
        }
        for at in 0..nodes {
            offsets[at + 1] += offsets[at];
        }
        let mut next = offsets.clone();
        let (mut neighbours, mut edges) = (vec![0u32; len], vec![0u32; len]);
        for (from, to, edge) in triples {
            let slot = &mut next[from as usize];
            neighbours[*slot as usize] = to;
            edges[*slot as usize] = edge;
            *slot += 1;
        }
        Csr { offsets, neighbours, edges }
    }

    fn triples(&self) -> impl Iterator<Item = (u32, u32, u32)> + Clone + '_ {
        (0..self.nodes() as u32).flat_map(move |from| {
            let (neighbours, edges) = self.list(from);
            neighbours.iter().zip(edges).map(move |(&to, &edge)| (to, from, edge))
        })
    }

    fn bytes(&self) -> usize {
        (self.offsets.capacity() + self.neighbours.capacity() + self.edges.capacity()) * size_of::<u32>()
    }
}

/// Both directions of one edge type, with the numbering of its tables.
#[derive(Debug, PartialEq)]
pub(crate) struct Topology {
    pub(super) out: Csr,
    pub(super) into: Csr,
    source: Arc<AddressMap>,
    target: Arc<AddressMap>,
    edge: Arc<AddressMap>,
    pub(super) same_type: bool,
}

impl Topology {
    /// Builds the lists. `pairs[i]` are the ordinals of the nodes at the ends of the edge `edge_ordinals[i]`, ascending.
    pub(super) fn new(
        pairs: &[(u32, u32)],
        edge_ordinals: &[u32],
        source: Arc<AddressMap>,
        target: Arc<AddressMap>,
        edge: Arc<AddressMap>,
        same_type: bool,
    ) -> Topology {
        let raw = || pairs.iter().zip(edge_ordinals).map(|(&(src, dst), &edge)| (dst, src, edge));
        // By target in storage order, then by source in target order, then by target in source order: all lists ascend.
        let by_target = Csr::scatter(target.len(), pairs.len(), raw());
        let out = Csr::scatter(source.len(), pairs.len(), by_target.triples());
        drop(by_target);
        let into = Csr::scatter(target.len(), pairs.len(), out.triples());
        Topology { out, into, source, target, edge, same_type }
    }

    /// Returns the numbering of the source nodes, or of the target nodes.
    pub(crate) fn numbering(&self, targets: bool) -> Arc<AddressMap> {
        if targets { self.target.clone() } else { self.source.clone() }
    }

    /// Tells whether every edge has a node at both ends.
    pub(super) fn is_whole(&self) -> bool {
        self.out.edges.len() == self.edge.len()
    }

    pub(super) fn source_map(&self) -> &AddressMap {
        &self.source
    }

    pub(super) fn target_map(&self) -> &AddressMap {
        &self.target
    }

    pub(super) fn edge_map(&self) -> &AddressMap {
        &self.edge
    }

    /// Calls `each(from, to, edge)` for every edge.
    pub(super) fn each_edge(&self, mut each: impl FnMut(u32, u32, u32)) {
        for (to, from, edge) in self.out.triples() {
            each(from, to, edge);
        }
    }

    /// Returns the memory it holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.out.bytes() + self.into.bytes() + self.source.bytes() + self.target.bytes() + self.edge.bytes()
    }

    /// Returns the numbering of the nodes a walk starts from and of those it reaches.
    pub(crate) fn numberings(&self, direction: Direction) -> (&AddressMap, &AddressMap) {
        match direction {
            Direction::Out | Direction::Both => (&self.source, &self.target),
            Direction::In => (&self.target, &self.source),
        }
    }

    /// Returns the row address of an edge.
    pub(crate) fn edge_address(&self, edge: u32) -> u64 {
        self.edge.address(edge)
    }

    /// Appends the distinct neighbours of a node, ascending.
    pub(crate) fn neighbours(&self, node: u32, direction: Direction, into: &mut Vec<u32>) {
        match direction {
            Direction::Out => distinct(self.out.list(node).0, into),
            Direction::In => distinct(self.into.list(node).0, into),
            Direction::Both => {
                let (a, b) = (self.out.list(node).0, self.into.list(node).0);
                let (mut i, mut j) = (0, 0);
                let start = into.len();
                while i < a.len() || j < b.len() {
                    let next = match (a.get(i), b.get(j)) {
                        (Some(x), Some(y)) if x.cmp(y) != Ordering::Greater => {
                            i += 1;
                            *x
                        }
                        (Some(x), None) => {
                            i += 1;
                            *x
                        }
                        (_, Some(y)) => {
                            j += 1;
                            *y
                        }
                        (None, None) => break,
                    };
                    if into.len() == start || into.last() != Some(&next) {
                        into.push(next);
                    }
                }
            }
        }
    }

    /// Appends one (neighbour, edge) per edge of a node; a self-loop once.
    pub(crate) fn incident(&self, node: u32, direction: Direction, into: &mut Vec<(u32, u32)>) {
        let mut push = |csr: &Csr, skip_loops: bool| {
            let (neighbours, edges) = csr.list(node);
            let pairs = neighbours.iter().copied().zip(edges.iter().copied());
            into.extend(pairs.filter(|&(other, _)| !(skip_loops && other == node)));
        };
        match direction {
            Direction::Out => push(&self.out, false),
            Direction::In => push(&self.into, false),
            Direction::Both => {
                push(&self.out, false);
                push(&self.into, true);
            }
        }
    }

    /// Tells whether an edge leads from one node to the other.
    pub(crate) fn connected(&self, from: u32, to: u32, direction: Direction) -> bool {
        let out = || self.out.list(from).0.binary_search(&to).is_ok();
        let into = || self.into.list(from).0.binary_search(&to).is_ok();
        match direction {
            Direction::Out => out(),
            Direction::In => into(),
            Direction::Both => out() || into(),
        }
    }

    /// Appends every node whose shortest distance from `start` is within `min..=max`, nearest level first; `start`
    /// itself only through its own self-loop, at step 1.
    pub(crate) fn reach(
        &self,
        start: u32,
        direction: Direction,
        (min, max): (u32, u32),
        visited: &mut Visited,
        into: &mut Vec<u32>,
    ) {
        if !self.same_type || max == 1 {
            if min == 1 {
                self.neighbours(start, direction, into);
            }
            return;
        }
        visited.begin(self.source.len());
        visited.insert(start);
        let mut frontier = vec![start];
        let (mut next, mut list) = (Vec::new(), Vec::new());
        for level in 1..=max {
            next.clear();
            for &node in &frontier {
                list.clear();
                self.neighbours(node, direction, &mut list);
                for &other in &list {
                    if visited.insert(other) {
                        next.push(other);
                        if level >= min {
                            into.push(other);
                        }
                    } else if level == 1 && min == 1 && other == start {
                        into.push(start);
                    }
                }
            }
            if next.is_empty() {
                break;
            }
            std::mem::swap(&mut frontier, &mut next);
        }
    }
}

fn distinct(sorted: &[u32], into: &mut Vec<u32>) {
    let mut last = None;
    for &item in sorted {
        if last != Some(item) {
            into.push(item);
            last = Some(item);
        }
    }
}

/// A set of ordinals that empties in constant time.
#[derive(Debug, Default)]
pub(crate) struct Visited {
    stamps: Vec<u32>,
    round: u32,
}

impl Visited {
    fn begin(&mut self, nodes: usize) {
        if self.stamps.len() != nodes || self.round == u32::MAX {
            self.stamps = vec![0; nodes];
            self.round = 0;
        }
        self.round += 1;
    }

    fn insert(&mut self, ordinal: u32) -> bool {
        let stamp = &mut self.stamps[ordinal as usize];
        let fresh = *stamp != self.round;
        *stamp = self.round;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(nodes: u32, pairs: &[(u32, u32)]) -> Topology {
        let mut map = AddressMap::default();
        map.extend(&(0..u64::from(nodes)).collect::<Vec<_>>());
        let mut edge = AddressMap::default();
        edge.extend(&(0..pairs.len() as u64).collect::<Vec<_>>());
        let ordinals: Vec<u32> = (0..pairs.len() as u32).collect();
        let map = Arc::new(map);
        Topology::new(pairs, &ordinals, map.clone(), map, Arc::new(edge), true)
    }

    fn reach(topology: &Topology, start: u32, direction: Direction, bounds: (u32, u32)) -> Vec<u32> {
        let mut found = Vec::new();
        topology.reach(start, direction, bounds, &mut Visited::default(), &mut found);
        found.sort_unstable();
        found
    }

    #[test]
    fn destinations_are_reported_by_shortest_distance() {
        let cycle = graph(4, &[(0, 1), (1, 2), (2, 3), (2, 0)]);
        assert_eq!(reach(&cycle, 0, Direction::Out, (1, 3)), [1, 2, 3]);
        assert_eq!(reach(&cycle, 0, Direction::Out, (2, 2)), [2]);
        assert_eq!(reach(&cycle, 0, Direction::Out, (3, 3)), [3]);
        assert_eq!(reach(&cycle, 3, Direction::In, (3, 3)), [0]);
    }

    #[test]
    fn self_loops_count_at_the_start_only() {
        let own = graph(2, &[(0, 0), (0, 1)]);
        assert_eq!(reach(&own, 0, Direction::Out, (1, 5)), [0, 1]);
        assert_eq!(reach(&own, 0, Direction::Out, (2, 5)), Vec::<u32>::new());
        assert_eq!(reach(&own, 0, Direction::Both, (1, 1)), [0, 1]);
        let other = graph(2, &[(0, 1), (1, 1)]);
        assert_eq!(reach(&other, 0, Direction::Out, (2, 2)), Vec::<u32>::new());
    }

    #[test]
    fn edges_are_listed_once_per_edge_and_a_loop_once() {
        let topology = graph(3, &[(0, 1), (0, 1), (1, 0), (0, 0)]);
        let mut found = Vec::new();
        topology.incident(0, Direction::Both, &mut found);
        assert_eq!(found, [(0, 3), (1, 0), (1, 1), (1, 2)]);
        let mut neighbours = Vec::new();
        topology.neighbours(0, Direction::Both, &mut neighbours);
        assert_eq!(neighbours, [0, 1]);
        assert!(topology.connected(1, 0, Direction::In) && !topology.connected(2, 0, Direction::Both));
    }
}
