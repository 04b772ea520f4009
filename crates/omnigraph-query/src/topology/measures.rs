//! Measures of nodes by the edges of one type: degrees, and PageRank (Brin and Page, 1998).

use super::csr::{Csr, Topology};

/// The chance that a walk goes on along an edge rather than to any node.
const DAMPING: f64 = 0.85;
/// Ranks are good when a round moves less than this in total.
const TOLERANCE: f64 = 1e-10;
/// Rounds at most; the movement shrinks by [`DAMPING`] each, so 200 are more than the tolerance takes.
const ROUNDS: usize = 200;

/// Which edges count for the degree of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Degree {
    /// Those that leave it.
    Out,
    /// Those that enter it.
    In,
    /// Both; one that does both counts twice.
    Total,
}

impl Topology {
    /// Returns the degree of every node of the source type (of the target type if `targets`), by ordinal.
    pub(crate) fn degrees(&self, degree: Degree, targets: bool) -> Vec<i64> {
        let count = |csr: &Csr| (0..csr.nodes() as u32).map(|node| csr.list(node).0.len() as i64).collect();
        match (degree, self.same_type) {
            (Degree::Total, true) => {
                let (out, into): (Vec<i64>, Vec<i64>) = (count(&self.out), count(&self.into));
                out.into_iter().zip(into).map(|(out, into)| out + into).collect()
            }
            (Degree::Out, true) => count(&self.out),
            (Degree::In, true) => count(&self.into),
            (_, false) if targets => count(&self.into),
            (_, false) => count(&self.out),
        }
    }

    /// Returns the PageRank of every node, by ordinal, for edges within one node type: the chance to be there of
    /// somebody who goes along a random edge (each of parallel ones counts), or to a random node, from a node without
    /// edges always. Damping 0.85; the ranks add up to one.
    pub(crate) fn pagerank(&self) -> Vec<f64> {
        let nodes = self.out.nodes();
        if nodes == 0 {
            return Vec::new();
        }
        let even = 1.0 / nodes as f64;
        let degree: Vec<f64> = (0..nodes as u32).map(|node| self.out.list(node).0.len() as f64).collect();
        let mut ranks = vec![even; nodes];
        let mut shares = vec![0.0; nodes];
        for _ in 0..ROUNDS {
            let mut stuck = 0.0;
            for ((share, rank), degree) in shares.iter_mut().zip(&ranks).zip(&degree) {
                *share = if *degree > 0.0 { rank / degree } else { 0.0 };
                stuck += if *degree > 0.0 { 0.0 } else { *rank };
            }
            let anywhere = (1.0 - DAMPING + DAMPING * stuck) * even;
            let mut moved = 0.0;
            for (node, rank) in ranks.iter_mut().enumerate() {
                let arriving: f64 =
                    self.into.list(node as u32).0.iter().map(|from| shares[*from as usize]).sum();
                let next = anywhere + DAMPING * arriving;
                moved += (next - *rank).abs();
                *rank = next;
            }
            if moved < TOLERANCE {
                break;
            }
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::topology::AddressMap;

    fn graph(nodes: u32, pairs: &[(u32, u32)]) -> Topology {
        let map = |rows: u64| {
            let mut map = AddressMap::default();
            assert!(map.extend(&(0..rows).collect::<Vec<_>>()));
            Arc::new(map)
        };
        let ordinals: Vec<u32> = (0..pairs.len() as u32).collect();
        let nodes = map(u64::from(nodes));
        Topology::new(pairs, &ordinals, nodes.clone(), nodes, map(pairs.len() as u64), true)
    }

    #[test]
    fn a_loop_counts_at_both_ends() {
        let graph = graph(3, &[(0, 1), (0, 1), (1, 1)]);
        assert_eq!(graph.degrees(Degree::Out, false), [2, 1, 0]);
        assert_eq!(graph.degrees(Degree::In, false), [0, 3, 0]);
        assert_eq!(graph.degrees(Degree::Total, false), [2, 4, 0]);
    }

    #[test]
    fn ranks_solve_their_equation() {
        let edges = [(0, 1), (0, 2), (1, 2), (2, 0), (3, 2), (3, 2), (3, 0)];
        let ranks = graph(5, &edges).pagerank();
        assert!((ranks.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{ranks:?}");
        let out = |node: u32| edges.iter().filter(|(from, _)| *from == node).count() as f64;
        for node in 0..5 {
            let arriving = edges.iter().filter(|(_, to)| *to == node);
            let arriving: f64 = arriving.map(|(from, _)| ranks[*from as usize] / out(*from)).sum();
            let expected = 0.15 / 5.0 + 0.85 * (arriving + ranks[4] / 5.0);
            assert!((ranks[node as usize] - expected).abs() < 1e-9, "{node}: {ranks:?}");
        }
    }

    #[test]
    fn a_cycle_ranks_all_alike_and_nobody_ranks_in_an_empty_graph() {
        let ranks = graph(4, &[(0, 1), (1, 2), (2, 3), (3, 0)]).pagerank();
        assert!(ranks.iter().all(|rank| (rank - 0.25).abs() < 1e-9), "{ranks:?}");
        assert_eq!(graph(0, &[]).pagerank(), Vec::<f64>::new());
    }
}
