//! Reads the block of one commit: all changes against its first parent, in an order that never changes.
//!
//! Nodes come before edges, then types by published id, then entities by id. Both sides of a table are walked together
//! in order of id, so a reader holds one batch of rows, whatever the size of the commit. It can be moved to an offset
//! that an earlier reader of the same block handed out.

use std::collections::{HashMap, VecDeque};

use arrow_schema::DataType;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use omnigraph_compiler::catalog::{Catalog, EntityKind, PropertyId, TypeKey};
use omnigraph_graph::branch::difference::{
    Pair, Side, TypeDifference, TypeIncarnation, differing, type_incarnation,
};
use omnigraph_graph::commit::{Snapshot, TablePin};
use omnigraph_graph::model::column_type;

use super::image::image;
use super::model::{ChangeOp, ChangedType, GraphEntityChange};
use super::scope::ChangeFeedScope;
use super::token::{BlockOffset, rejected};
use crate::error::{CursorRejection, OmniError, Result};

/// A reader of one block. Holds one batch of rows, whatever the size of the commit.
pub(crate) struct BlockReader {
    scope: ChangeFeedScope,
    waiting: VecDeque<ChangedTable>,
    open: Option<OpenTable>,
    /// Read ahead and not delivered yet.
    pending: Option<(GraphEntityChange, BlockOffset)>,
}

/// A type that may have changes.
struct ChangedTable {
    changed: ChangedType,
    difference: TypeDifference,
}

/// The type being read.
struct OpenTable {
    table: ChangedTable,
    pairs: BoxStream<'static, omnigraph_graph::Result<Pair>>,
    read: u64,
}

impl BlockReader {
    /// Opens the block of `after` against its first parent `before`.
    ///
    /// # Errors
    /// [`OmniError::ChangeSchemaBoundary`] when a wanted type has another shape on both sides, or is gone with its
    /// rows.
    pub(crate) fn new(before: &Snapshot, after: &Snapshot, scope: &ChangeFeedScope) -> Result<BlockReader> {
        let boundary = reshaped(before, after)
            .into_iter()
            .chain(dropped_with_rows(before, after))
            .find(|key| scope.admits_type(key));
        if let Some(key) = boundary {
            return Err(OmniError::ChangeSchemaBoundary {
                graph_commit_id: after.record().id.to_string(),
                type_name: key.name,
            });
        }
        let mut tables: Vec<ChangedTable> = differing(before, after)
            .into_iter()
            .filter_map(ChangedTable::new)
            .filter(|table| scope.admits_type(table.key()))
            .collect();
        tables.sort_by(|a, b| a.order().cmp(&b.order()));
        Ok(BlockReader { scope: scope.clone(), waiting: tables.into(), open: None, pending: None })
    }

    /// Moves to an offset that an earlier reader of the same block and scope handed out.
    ///
    /// # Errors
    /// [`OmniError::ChangeCursorRejected`] when the block has no such offset.
    pub(crate) async fn resume(&mut self, offset: &BlockOffset) -> Result<()> {
        while self.waiting.front().is_some_and(|table| table.changed.id != offset.type_id) {
            self.waiting.pop_front();
        }
        let mut last = None;
        for _ in 0..offset.read {
            match self.next_pair().await? {
                Some((table, pair)) if table == offset.type_id => last = Some(pair.id),
                Some(_) | None => return Err(rejected(CursorRejection::Malformed)),
            }
        }
        match last {
            Some(id) if offset.is_behind(&id) => Ok(()),
            Some(_) | None => Err(rejected(CursorRejection::Malformed)),
        }
    }

    /// Returns the next change without passing it.
    pub(crate) async fn peek(&mut self) -> Result<Option<&GraphEntityChange>> {
        if self.pending.is_none() {
            self.pending = self.read().await?;
        }
        Ok(self.pending.as_ref().map(|(change, _)| change))
    }

    /// Passes the change that [`BlockReader::peek`] returned; the offset is the one behind it.
    pub(crate) fn take(&mut self) -> Option<(GraphEntityChange, BlockOffset)> {
        self.pending.take()
    }

    async fn read(&mut self) -> Result<Option<(GraphEntityChange, BlockOffset)>> {
        while let Some((_, pair)) = self.next_pair().await? {
            let Some(open) = &self.open else { break };
            if let Some(change) = open.table.change(&pair, &self.scope)? {
                let offset = BlockOffset::behind(&open.table.changed.id, open.read, &pair.id);
                return Ok(Some((change, offset)));
            }
        }
        Ok(None)
    }

    /// Reads the next differing entity, with the published id of its type.
    async fn next_pair(&mut self) -> Result<Option<(String, Pair)>> {
        loop {
            if let Some(open) = &mut self.open {
                if let Some(pair) = open.pairs.try_next().await? {
                    open.read += 1;
                    return Ok(Some((open.table.changed.id.clone(), pair)));
                }
                self.open = None;
            }
            let Some(table) = self.waiting.pop_front() else {
                return Ok(None);
            };
            let pairs = table.difference.pairs().await?;
            self.open = Some(OpenTable { table, pairs, read: 0 });
        }
    }
}

impl ChangedTable {
    fn new(difference: TypeDifference) -> Option<ChangedTable> {
        let side = latest(&difference)?;
        let changed = ChangedType { id: published_id(&side.pin), name: side.key.name.clone() };
        Some(ChangedTable { changed, difference })
    }

    fn key(&self) -> &TypeKey {
        &latest(&self.difference).expect("a difference has a side").key
    }

    fn order(&self) -> (EntityKind, &str) {
        (self.key().kind, &self.changed.id)
    }

    /// Renders a change, if the scope wants its kind of change.
    fn change(&self, pair: &Pair, scope: &ChangeFeedScope) -> Result<Option<GraphEntityChange>> {
        let Some(op) = op(pair).filter(|op| scope.admits_op(*op)) else {
            return Ok(None);
        };
        let (before, after) = images(&self.difference, pair)?;
        Ok(Some(GraphEntityChange {
            kind: self.key().kind,
            entity_type: self.changed.clone(),
            id: pair.id.clone(),
            op,
            before,
            after,
        }))
    }
}

/// Returns the side that names the type: the later one that has it.
pub(super) fn latest(difference: &TypeDifference) -> Option<&Side> {
    difference.after.as_ref().or(difference.before.as_ref())
}

/// Tells what happened to an entity.
pub(super) fn op(pair: &Pair) -> Option<ChangeOp> {
    match (&pair.before, &pair.after) {
        (None, Some(_)) => Some(ChangeOp::Insert),
        (Some(_), Some(_)) => Some(ChangeOp::Update),
        (Some(_), None) => Some(ChangeOp::Delete),
        (None, None) => None,
    }
}

/// Renders both images.
pub(super) fn images(
    difference: &TypeDifference,
    pair: &Pair,
) -> Result<(Option<super::model::EntityImage>, Option<super::model::EntityImage>)> {
    let side = |side: &Option<Side>, row| match (side, row) {
        (Some(side), Some(row)) => image(side, row).map(Some),
        (_, None) | (None, _) => Ok(None),
    };
    Ok((side(&difference.before, pair.before.as_ref())?, side(&difference.after, pair.after.as_ref())?))
}

/// Returns the types that live on both sides but do not hold the same properties there.
pub(super) fn reshaped(before: &Snapshot, after: &Snapshot) -> Vec<TypeKey> {
    if before.record().schema == after.record().schema {
        return Vec::new();
    }
    let earlier: HashMap<TypeIncarnation, TypeKey> =
        before.record().tables.iter().map(|pin| (type_incarnation(pin), pin.key())).collect();
    let is_reshaped = |pin: &&TablePin| {
        earlier
            .get(&type_incarnation(pin))
            .is_some_and(|key| shape(before.catalog(), key) != shape(after.catalog(), &pin.key()))
    };
    after.record().tables.iter().filter(is_reshaped).map(TablePin::key).collect()
}

/// Returns the types that ended together with entities of theirs.
fn dropped_with_rows(before: &Snapshot, after: &Snapshot) -> Vec<TypeKey> {
    let stays = |pin: &TablePin| {
        after.record().tables.iter().any(|other| type_incarnation(other) == type_incarnation(pin))
    };
    let dropped = before.record().tables.iter().filter(|pin| pin.rows > 0 && !stays(pin));
    dropped.map(TablePin::key).collect()
}

/// What images of a type consist of. Constraints, annotations and the type's own name do not count.
fn shape<'a>(catalog: &'a Catalog, key: &TypeKey) -> Vec<(&'a str, PropertyId, DataType)> {
    let properties = catalog.properties(key).unwrap_or_default();
    properties.iter().map(|p| (p.name.as_str(), p.id, column_type(&p.ty))).collect()
}

/// Returns the text that names an incarnation of a type in change records.
fn published_id(pin: &TablePin) -> String {
    format!("t{}-{}", pin.type_id, pin.incarnation)
}
