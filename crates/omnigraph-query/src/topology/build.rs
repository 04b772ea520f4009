//! Building topologies from scans.
//!
//! Reads `src` and `dst` of every edge once and resolves them through the id index of the endpoint tables, or changes
//! the topology of other versions of the same tables ([`super::patch`]). The result is shared by all queries of the
//! process that read the same three table versions.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use futures::TryStreamExt;
use omnigraph_graph::model;
use omnigraph_storage::{KeyIndex, Scan, Table, blocking, build_once};

use super::address::AddressMap;
use super::csr::Topology;
use super::patch;
use crate::cache::{Caches, TableKey};
use crate::columns::SCAN_ROWS;
use crate::error::{QueryError, Result};

/// The tables of one edge type in one snapshot.
#[derive(Clone, Debug)]
pub(crate) struct EdgeTables {
    /// The edges.
    pub(crate) edge: Table,
    /// Nodes of the source type.
    pub(crate) source: Table,
    /// Nodes of the target type.
    pub(crate) target: Table,
    /// Whether source and target type are one.
    pub(crate) same_type: bool,
}

/// The three table versions a topology belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TopologyKey {
    edge: TableKey,
    source: TableKey,
    target: TableKey,
}

/// Names the tables of a topology, whatever their versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TablePaths {
    root: String,
    paths: [String; 3],
}

impl EdgeTables {
    pub(crate) fn key(&self) -> TopologyKey {
        TopologyKey {
            edge: TableKey::of(&self.edge),
            source: TableKey::of(&self.source),
            target: TableKey::of(&self.target),
        }
    }

    fn paths(&self) -> TablePaths {
        let paths = [&self.edge, &self.source, &self.target].map(|table| table.path().to_owned());
        TablePaths { root: self.edge.root().uri().to_owned(), paths }
    }
}

pub(super) type AddressMaps = moka::future::Cache<TableKey, Arc<AddressMap>>;

/// Returns the topology, made if need be; `None` when it would exceed its share of memory.
pub(crate) async fn load(caches: &Arc<Caches>, tables: &EdgeTables) -> Result<Option<Arc<Topology>>> {
    load_at(caches, tables, patch::READ_COST).await
}

/// As [`load`], where reading a row for a patch costs as much as renumbering `read_cost` rows.
pub(super) async fn load_at(
    caches: &Arc<Caches>,
    tables: &EdgeTables,
    read_cost: u64,
) -> Result<Option<Arc<Topology>>> {
    let key = tables.key();
    let (shared, tables) = (caches.clone(), tables.clone());
    let make = async move {
        let patched = match base(&shared, &tables).await {
            Some((base, before)) => {
                let patched = patch::patch(&shared.addresses, &base, &before, &tables, read_cost).await;
                // A cleanup may have removed what the older versions consist of.
                patched.unwrap_or_else(|error| {
                    tracing::debug!(%error, "building a topology afresh");
                    None
                })
            }
            None => None,
        };
        let made = match patched {
            Some(patched) => Some(patched),
            None => build(&shared.addresses, shared.topology_bytes, &tables).await?,
        };
        if made.is_some() {
            shared.latest.insert(tables.paths(), tables);
        }
        Ok(made.map(Arc::new))
    };
    build_once(&caches.topologies, key, make).await
}

/// Returns about what loading costs, in edges read.
pub(super) async fn cost(caches: &Caches, tables: &EdgeTables) -> u64 {
    let edges = tables.edge.row_count();
    match base(caches, tables).await {
        Some(_) => edges / RENUMBERED_AT_ONCE,
        None => edges,
    }
}

/// Returns the last topology that was made of any versions of these tables, if it is in memory, and the versions.
async fn base(caches: &Caches, tables: &EdgeTables) -> Option<(Arc<Topology>, EdgeTables)> {
    let before = caches.latest.get(&tables.paths())?;
    Some((caches.topologies.get(&before.key()).await??, before))
}

/// Reading an edge costs about as much as renumbering this many.
const RENUMBERED_AT_ONCE: u64 = 32;

pub(super) async fn addresses(known: &AddressMaps, table: &Table) -> Result<Arc<AddressMap>> {
    let listed = table.clone();
    let read = async move {
        let mut map = AddressMap::default();
        for range in listed.live_rows().await? {
            if !map.push(range) {
                return Err(QueryError::internal("row count exceeds the checked bound"));
            }
        }
        Ok(Arc::new(map))
    };
    build_once(known, TableKey::of(table), read).await
}

/// Bytes per edge while building: endpoints and ordinal, and three scattered lists.
const BYTES_PER_EDGE: u64 = 36;
const BYTES_PER_NODE: u64 = 16;

pub(super) async fn build(
    known: &AddressMaps,
    limit: usize,
    tables: &EdgeTables,
) -> Result<Option<Topology>> {
    let nodes = [tables.source.row_count(), tables.target.row_count()];
    let edges = tables.edge.row_count();
    let bytes = edges * BYTES_PER_EDGE + (nodes[0] + nodes[1]) * BYTES_PER_NODE;
    if bytes > limit as u64 || nodes.iter().chain([&edges]).any(|&n| n >= u64::from(u32::MAX)) {
        return Ok(None);
    }
    let source = addresses(known, &tables.source).await?;
    let target = if tables.same_type { source.clone() } else { addresses(known, &tables.target).await? };
    let (source_ids, target_ids) =
        (tables.source.key_index(&[model::ID]), tables.target.key_index(&[model::ID]));
    let mut edge = AddressMap::default();
    let capacity = usize::try_from(edges).unwrap_or(0);
    let (mut pairs, mut ordinals) = (Vec::with_capacity(capacity), Vec::with_capacity(capacity));
    let columns = vec![model::SRC.to_owned(), model::DST.to_owned()];
    let mut stream =
        tables.edge.scan(Scan { columns, fragments: None, with_address: true, batch_rows: SCAN_ROWS })?;
    while let Some(batch) = stream.try_next().await? {
        let first = edge.len() as u32;
        edge.extend(batch.column(2).as_primitive::<UInt64Type>().values());
        let from = resolve(&source_ids, &source, batch.column(0)).await?;
        let to = resolve(&target_ids, &target, batch.column(1)).await?;
        for (row, pair) in from.into_iter().zip(to).enumerate() {
            if let (Some(from), Some(to)) = pair {
                pairs.push((from, to));
                ordinals.push(first + row as u32);
            }
        }
    }
    let same_type = tables.same_type;
    let make = move || Topology::new(&pairs, &ordinals, source, target, Arc::new(edge), same_type);
    Ok(Some(blocking(make).await))
}

pub(super) async fn resolve(index: &KeyIndex, map: &AddressMap, ids: &ArrayRef) -> Result<Vec<Option<u32>>> {
    let matches = index.lookup(std::slice::from_ref(ids)).await?;
    let mut found = vec![None; ids.len()];
    for (probe, address) in matches.probe.iter().zip(&matches.address) {
        found[*probe as usize] = map.ordinal(*address);
    }
    Ok(found)
}
