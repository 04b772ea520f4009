//! The net difference of two states: what one has to do to the first to get the second.

use std::collections::{BTreeSet, VecDeque};

use futures::Stream;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use omnigraph_compiler::catalog::{EntityKind, Incarnation, TypeId};
use omnigraph_graph::branch::difference::{Pair, TypeDifference, differing};
use omnigraph_graph::commit::Snapshot;
use serde::Serialize;

use super::block::{images, latest, op, reshaped};
use super::image::endpoints;
use super::model::{ChangeOp, EntityImage};
use super::scope::ChangeFilter;
use crate::error::{OmniError, Result};

/// Which nodes an edge joins.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct EdgeEndpoints {
    /// Id of the source node.
    pub src: String,
    /// Id of the target node.
    pub dst: String,
}

/// One entity that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntityChange {
    /// Node or edge.
    pub kind: EntityKind,
    /// Its type, by the name on the later side that has it.
    pub type_name: String,
    /// Its id.
    pub id: String,
    /// What happened.
    pub op: ChangeOp,
    /// The version of the type's table on the later side that has the type.
    pub published_dataset_version: u64,
    /// For edges: as they are after the change, or were before a deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<EdgeEndpoints>,
    /// The image before, on request; absent for inserts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<EntityImage>,
    /// The image after, on request; absent for deletes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<EntityImage>,
}

/// Counts of a net difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChangeStats {
    /// New entities.
    pub inserts: u64,
    /// Changed entities.
    pub updates: u64,
    /// Entities that are gone.
    pub deletes: u64,
    /// Names of the types they are of.
    pub types_affected: BTreeSet<String>,
}

impl ChangeStats {
    /// Counts one change.
    pub fn count(&mut self, change: &EntityChange) {
        match change.op {
            ChangeOp::Insert => self.inserts += 1,
            ChangeOp::Update => self.updates += 1,
            ChangeOp::Delete => self.deletes += 1,
        }
        if !self.types_affected.contains(&change.type_name) {
            self.types_affected.insert(change.type_name.clone());
        }
    }
}

/// The two sides of a net difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeSides {
    /// Version of the first state on its branch.
    pub from_graph_manifest_version: u64,
    /// Version of the second state on its branch.
    pub to_graph_manifest_version: u64,
    /// Branch of the second state; absent for `main`.
    pub graph_branch: Option<String>,
}

/// A net difference, complete.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangeSet {
    /// What was compared.
    #[serde(flatten)]
    pub sides: ChangeSides,
    /// Ordered by type key (edges first), then incarnation of the type, then id.
    pub changes: Vec<EntityChange>,
    /// Counts.
    pub stats: ChangeStats,
}

/// A net difference as it is computed.
pub struct ChangeStream {
    /// What is compared.
    pub sides: ChangeSides,
    /// Ordered as in [`ChangeSet`].
    pub changes: BoxStream<'static, Result<EntityChange>>,
}

impl ChangeStream {
    /// Reads it to its end.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn collect(mut self) -> Result<ChangeSet> {
        let mut set = ChangeSet { sides: self.sides, changes: Vec::new(), stats: ChangeStats::default() };
        while let Some(change) = self.changes.try_next().await? {
            set.stats.count(&change);
            set.changes.push(change);
        }
        Ok(set)
    }
}

/// Compares two states.
///
/// # Errors
/// [`OmniError::ChangeSchemaBoundary`] when a wanted type does not have the same properties on both sides.
pub(crate) fn difference(from: &Snapshot, to: &Snapshot, filter: &ChangeFilter) -> Result<ChangeStream> {
    if let Some(key) = reshaped(from, to).into_iter().find(|key| filter.admits_type(key)) {
        return Err(OmniError::ChangeSchemaBoundary {
            graph_commit_id: to.record().id.to_string(),
            type_name: key.name,
        });
    }
    let lane = &to.branch_target().name;
    let sides = ChangeSides {
        from_graph_manifest_version: from.record().seq.0,
        to_graph_manifest_version: to.record().seq.0,
        graph_branch: (!lane.is_main()).then(|| lane.to_string()),
    };
    let wanted =
        |difference: &TypeDifference| latest(difference).is_some_and(|side| filter.admits_type(&side.key));
    let mut differences: Vec<TypeDifference> = differing(from, to).into_iter().filter(wanted).collect();
    differences.sort_by_cached_key(order);
    Ok(ChangeStream { sides, changes: changes(differences.into(), filter.clone()).boxed() })
}

/// Orders by type key as text, so that edges come first, then by incarnation, older ones first.
fn order(difference: &TypeDifference) -> Option<(String, TypeId, Incarnation)> {
    latest(difference).map(|side| (side.key.to_string(), side.pin.type_id, side.pin.incarnation))
}

/// The type being compared.
struct Open {
    difference: TypeDifference,
    pairs: BoxStream<'static, omnigraph_graph::Result<Pair>>,
}

fn changes(
    waiting: VecDeque<TypeDifference>,
    filter: ChangeFilter,
) -> impl Stream<Item = Result<EntityChange>> + Send + 'static {
    let start = (waiting, None::<Open>, filter);
    stream::try_unfold(start, |(mut waiting, mut open, filter)| async move {
        loop {
            let current = match open.take() {
                Some(current) => current,
                None => {
                    let Some(difference) = waiting.pop_front() else {
                        return Ok(None);
                    };
                    let pairs = difference.pairs().await?;
                    Open { difference, pairs }
                }
            };
            let current = open.insert(current);
            match current.pairs.try_next().await? {
                None => open = None,
                Some(pair) => {
                    if let Some(change) = change(&current.difference, &pair, &filter)? {
                        return Ok(Some((change, (waiting, open, filter))));
                    }
                }
            }
        }
    })
}

fn change(difference: &TypeDifference, pair: &Pair, filter: &ChangeFilter) -> Result<Option<EntityChange>> {
    let (Some(op), Some(named)) = (op(pair).filter(|op| filter.admits_op(*op)), latest(difference)) else {
        return Ok(None);
    };
    let last = match (&difference.after, &pair.after, &difference.before, &pair.before) {
        (Some(side), Some(row), _, _) | (_, None, Some(side), Some(row)) => endpoints(side, row)?,
        _ => None,
    };
    let (before, after) = if filter.images { images(difference, pair)? } else { (None, None) };
    Ok(Some(EntityChange {
        kind: named.key.kind,
        type_name: named.key.name.clone(),
        id: pair.id.clone(),
        op,
        published_dataset_version: named.pin.table_version,
        endpoints: last.map(|ends| EdgeEndpoints { src: ends.from, dst: ends.to }),
        before,
        after,
    }))
}
