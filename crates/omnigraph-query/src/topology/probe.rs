//! One hop from a few nodes, answered by the endpoint indexes of the edge table.
//!
//! Costs four lookups whatever the size of the edge table; nothing is kept.

use omnigraph_graph::model;
use omnigraph_storage::Table;

use super::build::EdgeTables;
use super::csr::Direction;
use crate::columns;
use crate::error::Result;

/// Neighbours of the probed nodes: `node` is an index into the frontier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hop {
    /// Index into the frontier.
    pub(crate) node: u32,
    /// Row address of the neighbour.
    pub(crate) other: u64,
    /// Row address of the edge.
    pub(crate) edge: u64,
}

/// Returns one hop per edge of the frontier, sorted; a self-loop appears once.
pub(super) async fn probe(tables: &EdgeTables, frontier: &[u64], direction: Direction) -> Result<Vec<Hop>> {
    let mut hops = Vec::new();
    if matches!(direction, Direction::Out | Direction::Both) {
        hops = one_way(tables, &tables.source, model::SRC, &tables.target, model::DST, frontier).await?;
    }
    if matches!(direction, Direction::In | Direction::Both) {
        let into = one_way(tables, &tables.target, model::DST, &tables.source, model::SRC, frontier).await?;
        let loops = direction == Direction::Both;
        hops.extend(into.into_iter().filter(|h| !(loops && h.other == frontier[h.node as usize])));
    }
    hops.sort_unstable();
    Ok(hops)
}

async fn one_way(
    tables: &EdgeTables,
    near: &Table,
    near_column: &str,
    far: &Table,
    far_column: &str,
    frontier: &[u64],
) -> Result<Vec<Hop>> {
    let ids = near.take(frontier, &[model::ID.to_owned()]).await?.column(0).clone();
    let edges = tables.edge.key_index(&[near_column]).lookup(&[ids]).await?;
    if edges.address.is_empty() {
        return Ok(Vec::new());
    }
    let others = columns::take_distinct(&tables.edge, &[far_column.to_owned()], &edges.address).await?;
    let found = far.key_index(&[model::ID]).lookup(&others).await?;
    Ok(found
        .probe
        .iter()
        .zip(&found.address)
        .map(|(&at, &other)| Hop { node: edges.probe[at as usize], other, edge: edges.address[at as usize] })
        .collect())
}
