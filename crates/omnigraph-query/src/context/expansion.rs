//! From the seeds of a context along edges.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_graph::commit::Snapshot;
use omnigraph_graph::model;

use super::{ContextRequest, Via, ids};
use crate::cache::Caches;
use crate::error::Result;
use crate::topology::{Direction, EdgeTables, Neighbours, TraversalMode};

/// What a step leaves of a score.
const DECAY: f64 = 0.5;

/// An entity on the way.
#[derive(Clone, Debug)]
pub(super) struct FoundEntity {
    pub(super) key: TypeKey,
    pub(super) address: u64,
    pub(super) id: String,
    pub(super) score: f64,
    pub(super) hop: u32,
    pub(super) via: Option<Via>,
    /// The entity it was reached from.
    pub(super) from: Option<(TypeKey, u64)>,
}

/// The best entities of a context.
pub(super) struct Expansion {
    /// Best first; each after the one it was reached from.
    pub(super) entities: Vec<FoundEntity>,
    /// Others that were found.
    pub(super) left_out: usize,
}

/// How an entity was reached best.
struct Reached {
    score: f64,
    /// Index of the entity it was reached from in the frontier.
    parent: usize,
    edge: u64,
    edge_type: String,
    forward: bool,
}

/// Follows edges from the seeds.
pub(crate) async fn expand(
    snapshot: &Snapshot,
    request: &ContextRequest,
    edges: &[String],
    seeds: Vec<(TypeKey, String, f64)>,
    caches: &Arc<Caches>,
) -> Result<Expansion> {
    let mut entities = located(snapshot, seeds).await?;
    let mut known: HashMap<(TypeKey, u64), ()> =
        entities.iter().map(|found| ((found.key.clone(), found.address), ())).collect();
    let mut frontier = entities.clone();
    let mut left_out = 0;
    for hop in 1..=request.hops {
        let mut reached: BTreeMap<(TypeKey, u64), Reached> = BTreeMap::new();
        for edge in edges {
            step(snapshot, edge, &frontier, caches, &mut reached).await?;
        }
        reached.retain(|at, _| !known.contains_key(at));
        known.extend(reached.keys().map(|at| (at.clone(), ())));
        let (best, others) = best(snapshot, reached, &frontier, hop, request.max_items, caches).await?;
        left_out += others;
        if best.is_empty() {
            break;
        }
        entities.extend(best.iter().cloned());
        frontier = best;
    }
    entities.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| (&a.key, &a.id).cmp(&(&b.key, &b.id))));
    left_out += entities.len().saturating_sub(request.max_items);
    entities.truncate(request.max_items);
    Ok(Expansion { entities, left_out })
}

/// Finds the rows of the seeds.
async fn located(snapshot: &Snapshot, seeds: Vec<(TypeKey, String, f64)>) -> Result<Vec<FoundEntity>> {
    let mut found = Vec::new();
    for (key, id, score) in seeds {
        let wanted: ArrayRef = Arc::new(StringArray::from(vec![id.as_str()]));
        let rows = snapshot.table(&key).await?.key_index(&[model::ID]).lookup(&[wanted]).await?;
        let seed = |address| FoundEntity {
            key: key.clone(),
            address,
            id: id.clone(),
            score,
            hop: 0,
            via: None,
            from: None,
        };
        found.extend(rows.address.first().copied().map(seed));
    }
    Ok(found)
}

/// Follows the edges of one type from the frontier, in both directions.
async fn step(
    snapshot: &Snapshot,
    edge: &str,
    frontier: &[FoundEntity],
    caches: &Arc<Caches>,
    reached: &mut BTreeMap<(TypeKey, u64), Reached>,
) -> Result<()> {
    let Some(declared) = snapshot.catalog().edges.get(edge) else { return Ok(()) };
    let (source, target) = (TypeKey::node(&declared.from), TypeKey::node(&declared.to));
    let edge_tables = EdgeTables {
        edge: snapshot.table(&TypeKey::edge(edge)).await?,
        source: snapshot.table(&source).await?,
        target: snapshot.table(&target).await?,
        same_type: source == target,
    };
    for (direction, near, far) in [(Direction::Out, &source, &target), (Direction::In, &target, &source)] {
        let mut starts: Vec<(u64, usize)> = frontier
            .iter()
            .enumerate()
            .filter(|(_, found)| found.key == *near)
            .map(|(at, found)| (found.address, at))
            .collect();
        starts.sort_unstable();
        let addresses: Vec<u64> = starts.iter().map(|(address, _)| *address).collect();
        if addresses.is_empty() {
            continue;
        }
        let neighbours =
            Neighbours::new(edge_tables.clone(), direction, TraversalMode::from_env(), caches.clone());
        for hop in neighbours.hops(&addresses).await? {
            let parent = starts[hop.node as usize].1;
            let score = frontier[parent].score * DECAY;
            let at = (far.clone(), hop.other);
            let better = reached.get(&at).is_none_or(|known| {
                let same = score == known.score && known.edge_type == edge;
                score > known.score || (same && parent == known.parent && hop.edge < known.edge)
            });
            if better {
                let forward = direction == Direction::Out;
                let edge_type = edge.to_owned();
                reached.insert(at, Reached { score, parent, edge: hop.edge, edge_type, forward });
            }
        }
    }
    Ok(())
}

/// Returns the best of what a step reached, by score, then type and id, and the number of the others.
async fn best(
    snapshot: &Snapshot,
    reached: BTreeMap<(TypeKey, u64), Reached>,
    frontier: &[FoundEntity],
    hop: u32,
    most: usize,
    caches: &Caches,
) -> Result<(Vec<FoundEntity>, usize)> {
    let all = reached.len();
    let mut scores: Vec<f64> = reached.values().map(|reached| reached.score).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let least = scores.get(most.saturating_sub(1)).copied().unwrap_or(f64::NEG_INFINITY);
    let mut by_type: BTreeMap<TypeKey, Vec<(u64, Reached)>> = BTreeMap::new();
    for ((key, address), reached) in reached {
        if reached.score >= least {
            by_type.entry(key).or_default().push((address, reached));
        }
    }
    let mut found = Vec::new();
    for (key, rows) in by_type {
        let addresses: Vec<u64> = rows.iter().map(|(address, _)| *address).collect();
        let named = ids(caches, &snapshot.table(&key).await?, &addresses).await?;
        let rows = rows.into_iter().zip(named);
        found.extend(rows.map(|((address, reached), id)| (key.clone(), address, id, reached)));
    }
    found.sort_by(|a, b| b.3.score.total_cmp(&a.3.score).then_with(|| (&a.0, &a.2).cmp(&(&b.0, &b.2))));
    found.truncate(most);
    let mut best = Vec::with_capacity(found.len());
    for (key, address, id, reached) in found {
        let edges = snapshot.table(&TypeKey::edge(&reached.edge_type)).await?;
        let parent = &frontier[reached.parent];
        let via = Via {
            edge_id: ids(caches, &edges, &[reached.edge]).await?.concat(),
            edge_type: reached.edge_type,
            from_type_key: parent.key.to_string(),
            from_id: parent.id.clone(),
            forward: reached.forward,
        };
        let from = Some((parent.key.clone(), parent.address));
        best.push(FoundEntity { key, address, id, score: reached.score, hop, via: Some(via), from });
    }
    let others = all - best.len();
    Ok((best, others))
}
