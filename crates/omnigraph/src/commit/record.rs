//! The commit record: one small immutable object that names everything a commit consists of.
//!
//! Pure values. A record's size depends on the number of types, never on rows or history.
//!
//! Invariants: tables are sorted by kind and alias, each type once; the id is greater than the ids of the parents; a
//! published record is never modified.

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
    pub(crate) parents: Vec<CommitId>,
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
            actor: author.actor,
            created_at: author.created_at,
            kind: author.kind,
            schema,
            tables,
        }
    }

    /// Builds the record that follows this one: `staged` versions replace the pins of their tables.
    ///
    /// `id` is kept when it is greater than this record's, as the ids along a log ascend; otherwise another is minted.
    pub(crate) fn successor<'a>(
        &self,
        lane: &Lane,
        id: CommitId,
        author: &Authorship,
        staged: impl IntoIterator<Item = (&'a TypeKey, &'a Table)>,
    ) -> CommitRecord {
        let mut tables = self.tables.clone();
        for (key, table) in staged {
            if let Ok(index) = self.position(key) {
                tables[index] = self.tables[index].advanced_to(table);
            }
        }
        CommitRecord {
            format: STORAGE_FORMAT,
            id: if id > self.id { id } else { CommitId::mint_after(&[self.id]) },
            operation_id: author.operation_id,
            branch_uid: lane.uid,
            branch: lane.name.clone(),
            seq: self.seq.next(),
            parents: vec![self.id],
            actor: author.actor.clone(),
            created_at: author.created_at,
            kind: author.kind,
            schema: self.schema.clone(),
            tables,
        }
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
