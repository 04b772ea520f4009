//! The commit record: one small immutable object that names everything a commit consists of.
//!
//! Pure values. A record's size depends on the number of types, never on rows or history.
//!
//! Invariants: tables are sorted by kind and alias, each type once; the id is greater than the ids of the parents; a
//! published record is never modified.

use std::collections::BTreeMap;

use omnigraph_compiler::catalog::{EntityKind, Incarnation, TypeId, TypeKey};
use serde::{Deserialize, Deserializer, Serialize};

use super::format::STORAGE_FORMAT;
use super::ids::{BranchName, BranchUid, CommitId, OperationId, Seq};
use crate::storage::{Table, TableVersion};

/// What made a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitKind {
    /// The creation of the graph.
    Init,
    /// A mutation or a load.
    Data,
    /// A schema change.
    Schema,
    /// A branch merge.
    Merge,
    /// Index building or compaction.
    Maintenance,
    /// A write that a crash interrupted and recovery finished.
    Recovery,
}

/// What an index of a table covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexCoverage {
    /// Name inside the table.
    pub(crate) name: String,
    /// Indexed columns.
    pub(crate) columns: Vec<String>,
    /// Rows it covers.
    pub(crate) rows: u64,
}

/// The exact table version a commit names for a type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TablePin {
    /// Stable identity of the type.
    pub(crate) type_id: TypeId,
    /// Lifetime of the table.
    pub(crate) incarnation: Incarnation,
    /// Name of the type at this commit.
    pub(crate) alias: String,
    /// Node or edge.
    pub(crate) kind: EntityKind,
    /// Where the table is, relative to the graph root.
    pub(crate) path: String,
    /// The version inside the table.
    pub(crate) version: TableVersion,
    /// The version users see: 1 for the empty table of a new lifetime, then one more per change.
    pub(crate) table_version: u64,
    /// Live rows.
    pub(crate) rows: u64,
    /// Bytes of the data files.
    pub(crate) bytes: u64,
    /// Fragments of the version.
    pub(crate) fragments: u64,
    /// What is known to be indexed; a change of the table clears it until maintenance looks again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) indexes: Vec<IndexCoverage>,
}

impl TablePin {
    /// Returns the key of the type.
    pub(crate) fn key(&self) -> TypeKey {
        TypeKey { kind: self.kind, name: self.alias.clone() }
    }

    /// Returns the pin of the next version of the same table.
    pub(crate) fn advanced_to(&self, table: &Table) -> TablePin {
        let stats = table.stats();
        TablePin {
            version: table.version(),
            table_version: self.table_version + 1,
            rows: stats.rows,
            bytes: stats.bytes,
            fragments: stats.fragments,
            indexes: Vec::new(),
            ..self.clone()
        }
    }

    /// Tells whether both name the same image of the same table.
    pub(crate) fn same_image(&self, other: &TablePin) -> bool {
        self.path == other.path && self.version == other.version
    }

    fn order(&self) -> (EntityKind, &str) {
        (self.kind, &self.alias)
    }
}

/// A commit that another was made on, with its place, so that it is read whether or not its branch still lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parent {
    /// The commit.
    pub(crate) id: CommitId,
    /// Whose log holds it.
    pub(crate) branch_uid: BranchUid,
    /// Its place there.
    pub(crate) seq: Seq,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CommitRecord {
    /// Storage format.
    pub(crate) format: u32,
    /// Identity.
    pub(crate) id: CommitId,
    /// The write request that made it.
    pub(crate) operation_id: OperationId,
    /// The life of the branch it landed on.
    pub(crate) branch_uid: BranchUid,
    /// Name of that branch.
    pub(crate) branch: BranchName,
    /// Its place in the branch's log.
    pub(crate) seq: Seq,
    /// None for the first commit, the head it replaced, or that and the merged head.
    pub(crate) parents: Vec<Parent>,
    /// The lowest place of this log from which on every record up to this one has the record before it as only parent.
    pub(crate) run_start: Seq,
    /// The highest place among this commit and its ancestors, in whatever logs they are.
    pub(crate) reach: Seq,
    /// Who made it.
    #[serde(default)]
    pub(crate) actor: Option<String>,
    /// When, in microseconds since the epoch.
    pub(crate) created_at: i64,
    /// What made it.
    pub(crate) kind: CommitKind,
    /// SHA-256 of the schema contract, hexadecimal.
    pub(crate) schema: String,
    /// One pin per type, sorted by kind and alias.
    #[serde(deserialize_with = "sorted_pins")]
    pub(crate) tables: Vec<TablePin>,
}

/// What a commit is made of beyond its predecessor.
#[derive(Clone, Debug)]
pub(crate) struct Authorship {
    /// The write request.
    pub(crate) operation_id: OperationId,
    /// Who made it.
    pub(crate) actor: Option<String>,
    /// When, in microseconds since the epoch.
    pub(crate) created_at: i64,
    /// What made it.
    pub(crate) kind: CommitKind,
}

/// The branch a commit lands on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lane {
    /// The life of the branch.
    pub(crate) uid: BranchUid,
    /// Its name.
    pub(crate) name: BranchName,
}

/// How a record differs from the one before it.
#[derive(Clone, Copy)]
pub(crate) struct RecordChange<'a> {
    /// New pins by type; none where the type goes.
    pub(crate) pins: &'a BTreeMap<TypeKey, Option<TablePin>>,
    /// The hash of another schema.
    pub(crate) schema: Option<&'a str>,
    /// The merged head, for a merge.
    pub(crate) merged: Option<&'a CommitRecord>,
}

impl CommitRecord {
    /// Builds the first record of a graph.
    pub(crate) fn genesis(
        lane: &Lane,
        author: Authorship,
        schema: String,
        mut tables: Vec<TablePin>,
    ) -> CommitRecord {
        tables.sort_by(|a, b| a.order().cmp(&b.order()));
        CommitRecord {
            format: STORAGE_FORMAT,
            id: CommitId::mint(),
            operation_id: author.operation_id,
            branch_uid: lane.uid,
            branch: lane.name.clone(),
            seq: Seq::FIRST,
            parents: Vec::new(),
            run_start: Seq::FIRST,
            reach: Seq::FIRST,
            actor: author.actor,
            created_at: author.created_at,
            kind: author.kind,
            schema,
            tables,
        }
    }

    /// Builds the record that follows this one.
    ///
    /// `id` is kept when it is greater than the ids of the parents, as the ids along a log ascend; otherwise another is
    /// minted.
    pub(crate) fn successor(
        &self,
        lane: &Lane,
        id: CommitId,
        author: &Authorship,
        change: RecordChange<'_>,
    ) -> CommitRecord {
        let mut tables: BTreeMap<TypeKey, TablePin> =
            self.tables.iter().map(|pin| (pin.key(), pin.clone())).collect();
        for (key, pin) in change.pins {
            match pin {
                Some(pin) => tables.insert(key.clone(), pin.clone()),
                None => tables.remove(key),
            };
        }
        let mut tables: Vec<TablePin> = tables.into_values().collect();
        tables.sort_by(|a, b| a.order().cmp(&b.order()));
        let seq = self.seq.next();
        let continues = lane.uid == self.branch_uid && change.merged.is_none();
        let parents: Vec<Parent> =
            std::iter::once(self.as_parent()).chain(change.merged.map(CommitRecord::as_parent)).collect();
        let ids: Vec<CommitId> = parents.iter().map(|parent| parent.id).collect();
        let above = ids.iter().all(|parent| id > *parent);
        CommitRecord {
            format: STORAGE_FORMAT,
            id: if above { id } else { CommitId::mint_after(&ids) },
            operation_id: author.operation_id,
            branch_uid: lane.uid,
            branch: lane.name.clone(),
            seq,
            parents,
            run_start: if continues { self.run_start } else { seq },
            reach: change.merged.map_or(seq, |merged| merged.reach).max(self.reach).max(seq),
            actor: author.actor.clone(),
            created_at: author.created_at,
            kind: author.kind,
            schema: change.schema.unwrap_or(&self.schema).to_owned(),
            tables,
        }
    }

    /// Names this commit as a parent.
    pub(crate) fn as_parent(&self) -> Parent {
        Parent { id: self.id, branch_uid: self.branch_uid, seq: self.seq }
    }

    /// Returns the id of the first parent.
    pub(crate) fn first_parent(&self) -> Option<CommitId> {
        self.parents.first().map(|parent| parent.id)
    }

    /// Returns the id of the merged head, for a merge.
    pub(crate) fn merged_parent(&self) -> Option<CommitId> {
        self.parents.get(1).map(|parent| parent.id)
    }

    /// Returns the pin of a type.
    pub(crate) fn pin(&self, key: &TypeKey) -> Option<&TablePin> {
        self.position(key).ok().map(|index| &self.tables[index])
    }

    /// Tells whether the types of both records named by `keys` have the same image, under the same schema.
    pub(crate) fn agrees_on<'a>(
        &self,
        other: &CommitRecord,
        keys: impl IntoIterator<Item = &'a TypeKey>,
    ) -> bool {
        let same = |key| match (self.pin(key), other.pin(key)) {
            (Some(a), Some(b)) => a.same_image(b),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.schema == other.schema && keys.into_iter().all(same)
    }

    fn position(&self, key: &TypeKey) -> Result<usize, usize> {
        self.tables.binary_search_by(|pin| pin.order().cmp(&(key.kind, key.name.as_str())))
    }
}

fn sorted_pins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TablePin>, D::Error> {
    let mut pins = Vec::<TablePin>::deserialize(deserializer)?;
    pins.sort_by(|a, b| a.order().cmp(&b.order()));
    Ok(pins)
}
