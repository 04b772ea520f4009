//! Endpoints: both ends of every edge of the final image exist.
//!
//! Two questions: do the ends of added and changed edges exist, and does a stored edge that stays refer to a node that
//! goes away. An end exists when a row of its node type has the id, or a stored node that stays does.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, StringArray};
use omnigraph_compiler::catalog::{EdgeType, EntityKind, TypeKey};
use omnigraph_graph::model::{DST, ID, SRC};
use omnigraph_storage::{KeyIndex, Table};

use super::ids::too_large;
use super::image::{CHUNK_ROWS, Change, Chunk, Image, strings};
use super::keymap::{KeyHash, KeyMap, Partition, Passes};
use super::violations::{Refusal, Violations};
use crate::error::{OmniError, Result, Violation};

/// Checks the edges of the final image that the delta may have cut off.
pub(super) async fn check(image: &Image, refused: &mut Vec<Refusal>) -> Result<()> {
    let mut violations = Violations::new(image.extent);
    for node in endpoint_types(image) {
        ends_of_rows(image, &node, &mut violations).await?;
    }
    for change in image.changes.values() {
        cut_off(image, change, &mut violations).await?;
    }
    for (type_key, id, dangling) in violations.into_held() {
        let at = match (dangling.ordinal, image.changes.get(&dangling.edge)) {
            (Some(ordinal), Some(change)) => image.place(change, ordinal).await?,
            _ => None,
        };
        refused.push(Refusal { type_key, id, error: OmniError::violated(dangling.violation, at) });
    }
    Ok(())
}

/// An edge that ends nowhere.
struct Dangling {
    edge: TypeKey,
    /// Which row it is; absent for a stored edge.
    ordinal: Option<u64>,
    violation: Violation,
}

/// One end of an edge type.
#[derive(Clone, Copy)]
enum End {
    Source,
    Target,
}

impl End {
    fn column(self) -> &'static str {
        match self {
            End::Source => SRC,
            End::Target => DST,
        }
    }

    fn violation(self, missing: &str, node: &TypeKey, edge: &EdgeType, edge_id: &str) -> Violation {
        let (id, node_type) = (missing.to_owned(), node.name.clone());
        let (edge_type, edge_id) = (edge.name.clone(), edge_id.to_owned());
        match self {
            End::Source => Violation::Source { id, node_type, edge_type, edge_id },
            End::Target => Violation::Target { id, node_type, edge_type, edge_id },
        }
    }
}

/// Returns the ends of an edge type that are nodes of this type.
fn ends_at(edge: &EdgeType, node: &TypeKey) -> impl Iterator<Item = End> + use<> {
    let source = (edge.from == node.name).then_some(End::Source);
    let target = (edge.to == node.name).then_some(End::Target);
    source.into_iter().chain(target)
}

/// Returns the edge types with rows that end at this node type.
fn changed_edges<'a>(
    image: &'a Image,
    node: &'a TypeKey,
) -> impl Iterator<Item = (&'a Change, &'a EdgeType)> + 'a {
    image.catalog().incident_edges(&node.name).filter_map(move |edge| {
        let change = image.changes.get(&TypeKey::edge(&edge.name))?;
        change.rows.is_some().then_some((change, edge))
    })
}

/// Returns the node types at which edges with rows end.
fn endpoint_types(image: &Image) -> BTreeSet<TypeKey> {
    let catalog = image.catalog();
    let edges = catalog.edges.values().filter(|edge| {
        image.changes.get(&TypeKey::edge(&edge.name)).is_some_and(|change| change.rows.is_some())
    });
    edges.flat_map(|edge| [TypeKey::node(&edge.from), TypeKey::node(&edge.to)]).collect()
}

/// Checks the ends of added and changed edges that are nodes of one type.
async fn ends_of_rows(image: &Image, node: &TypeKey, violations: &mut Violations<Dangling>) -> Result<()> {
    let stored = StoredNodes::open(image, node).await?;
    let hash = KeyHash::new();
    let mut passes = Passes::new();
    'passes: while let Some(partition) = passes.next() {
        let mut added: KeyMap<()> = KeyMap::new();
        if let Some(change) = image.changes.get(node) {
            let mut chunks = change.chunks(&[ID])?;
            while let Some(chunk) = chunks.next().await? {
                for id in chunk.strings(0)?.iter().flatten() {
                    let h = hash.of(id.as_bytes());
                    if partition.holds(h) {
                        added.entry(h, id.as_bytes(), ());
                    }
                }
                if too_large(image, &added, partition, &mut passes) {
                    continue 'passes;
                }
            }
        }
        let nodes = Nodes { image, key: node, stored: &stored, hash: &hash, partition, added: &added };
        for (change, edge) in changed_edges(image, node) {
            for end in ends_at(edge, node) {
                let mut chunks = change.chunks(&[ID, end.column()])?;
                while let Some(chunk) = chunks.next().await? {
                    nodes.check(change, edge, end, &chunk, violations).await?;
                }
            }
        }
    }
    Ok(())
}

/// Stored nodes of one type, if there can be any in the final image.
struct StoredNodes(Option<KeyIndex>);

impl StoredNodes {
    async fn open(image: &Image, node: &TypeKey) -> Result<StoredNodes> {
        if image.changes.get(node).is_some_and(|change| change.replace_all) {
            return Ok(StoredNodes(None));
        }
        let table: Table = image.stored(node).await?;
        Ok(StoredNodes((table.row_count() > 0).then(|| table.key_index(&[ID]))))
    }
}

/// The nodes of one type in the final image, as far as one pass knows them.
struct Nodes<'a> {
    image: &'a Image,
    key: &'a TypeKey,
    stored: &'a StoredNodes,
    hash: &'a KeyHash,
    partition: Partition,
    /// Ids of rows in the partition.
    added: &'a KeyMap<()>,
}

impl Nodes<'_> {
    /// Checks one end of some edges, as far as the ids at it belong to the partition.
    async fn check(
        &self,
        change: &Change,
        edge: &EdgeType,
        end: End,
        chunk: &Chunk,
        violations: &mut Violations<Dangling>,
    ) -> Result<()> {
        let (edge_ids, ends) = (chunk.strings(0)?, chunk.strings(1)?);
        let unknown: Vec<usize> = (0..ends.len())
            .filter(|&row| {
                let id = ends.value(row).as_bytes();
                let h = self.hash.of(id);
                self.partition.holds(h)
                    && change.live(chunk.first + row as u64)
                    && self.added.get(h, id).is_none()
            })
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let exists =
            self.exist(StringArray::from_iter_values(unknown.iter().map(|&row| ends.value(row)))).await?;
        for (row, _) in unknown.into_iter().zip(exists).filter(|(_, exists)| !exists) {
            let (edge_id, missing) = (edge_ids.value(row), ends.value(row));
            violations.offer(&change.key, edge_id, end as usize, || Dangling {
                edge: change.key.clone(),
                ordinal: Some(chunk.first + row as u64),
                violation: end.violation(missing, self.key, edge, edge_id),
            });
        }
        Ok(())
    }

    /// Tells for each id whether a stored node that stays has it.
    async fn exist(&self, ids: StringArray) -> Result<Vec<bool>> {
        let mut exists = vec![false; ids.len()];
        if let StoredNodes(Some(index)) = self.stored {
            let ids: ArrayRef = Arc::new(ids);
            let matches = index.lookup(&[ids]).await?;
            for (&probe, &address) in matches.probe.iter().zip(&matches.address) {
                exists[probe as usize] |= self.image.stays(self.key, address);
            }
        }
        Ok(exists)
    }
}

/// Finds stored edges that stay although a node they end at goes away.
async fn cut_off(image: &Image, change: &Change, violations: &mut Violations<Dangling>) -> Result<()> {
    let node = &change.key;
    if node.kind == EntityKind::Edge || !change.removes() {
        return Ok(());
    }
    let mut kept = Vec::new();
    for edge in image.catalog().incident_edges(&node.name) {
        let key = TypeKey::edge(&edge.name);
        if image.changes.get(&key).is_some_and(|c| c.replace_all) {
            continue;
        }
        let table = image.stored(&key).await?;
        if table.row_count() > 0 {
            kept.extend(ends_at(edge, node).map(|end| (edge, end, table.clone())));
        }
    }
    if kept.is_empty() {
        return Ok(());
    }
    let mut gone = image.removed(change, ID, false).await?;
    while let Some(ids) = gone.next().await? {
        for (edge, end, table) in &kept {
            cut_off_at(image, node, edge, *end, table, &ids, violations).await?;
        }
    }
    Ok(())
}

async fn cut_off_at(
    image: &Image,
    node: &TypeKey,
    edge: &EdgeType,
    end: End,
    table: &Table,
    gone: &StringArray,
    violations: &mut Violations<Dangling>,
) -> Result<()> {
    let key = TypeKey::edge(&edge.name);
    let probes: ArrayRef = Arc::new(gone.clone());
    let matches = table.key_index(&[end.column()]).lookup(&[probes]).await?;
    let dangling: Vec<(u32, u64)> = matches
        .probe
        .into_iter()
        .zip(matches.address)
        .filter(|(_, address)| image.stays(&key, *address))
        .collect();
    for some in dangling.chunks(CHUNK_ROWS) {
        let addresses: Vec<u64> = some.iter().map(|(_, address)| *address).collect();
        let batch = table.take(&addresses, &[ID.to_owned()]).await?;
        for ((probe, _), edge_id) in some.iter().zip(strings(batch.column(0))?.iter().flatten()) {
            let missing = gone.value(*probe as usize);
            violations.offer(&key, edge_id, end as usize, || Dangling {
                edge: key.clone(),
                ordinal: None,
                violation: end.violation(missing, node, edge, edge_id),
            });
        }
    }
    Ok(())
}
