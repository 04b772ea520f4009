//! The commit record: one small immutable object that names everything a commit consists of.
//!
//! Pure values. A record's size depends on the number of types, never on rows or history.
//!
//! Invariants: tables are sorted by kind and alias, each type once; the id is greater than the ids of the parents; a
//! published record is never modified.

use std::collections::BTreeMap;

use omnigraph_compiler::catalog::{EntityKind, Incarnation, TypeId, TypeKey};
use omnigraph_storage::{Table, TableVersion};
use serde::{Deserialize, Deserializer, Serialize};

use super::format::STORAGE_FORMAT;
use super::ids::{BranchName, BranchUid, CommitId, OperationId, Seq};

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

/// The exact table version a commit names for a type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TablePin {
    /// Stable identity of the type.
    pub type_id: TypeId,
    /// TypeIncarnation of the table.
    pub incarnation: Incarnation,
    /// Name of the type at this commit.
    pub alias: String,
    /// Node or edge.
    pub kind: EntityKind,
    /// Where the table is, relative to the graph root.
    pub path: String,
    /// The version inside the table.
    pub version: TableVersion,
    /// The version users see: 1 for the empty table of a new incarnation, then one more per change.
    pub table_version: u64,
    /// Live rows.
    pub rows: u64,
    /// Bytes of the data files.
    pub bytes: u64,
    /// Fragments of the version.
    pub fragments: u64,
}

impl TablePin {
    /// Returns the key of the type.
    pub fn key(&self) -> TypeKey {
        TypeKey { kind: self.kind, name: self.alias.clone() }
    }

    /// Returns the pin of the next version of the same table.
    pub fn advanced_to(&self, table: &Table) -> TablePin {
        let stats = table.stats();
        TablePin {
            version: table.version(),
            table_version: self.table_version + 1,
            rows: stats.rows,
            bytes: stats.bytes,
            fragments: stats.fragments,
            ..self.clone()
        }
    }

    /// Tells whether both name the same image of the same table.
    pub fn same_image(&self, other: &TablePin) -> bool {
        self.path == other.path && self.version == other.version
    }

    fn order(&self) -> (EntityKind, &str) {
        (self.kind, &self.alias)
    }
}

/// A commit that another was made on, with its position, so that it is read whether or not its branch still lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The commit.
    pub id: CommitId,
    /// Whose log holds it.
    pub branch_uid: BranchUid,
    /// Its position there.
    pub seq: Seq,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommitRecord {
    /// Storage format.
    pub format: u32,
    /// Identity.
    pub id: CommitId,
    /// The write request that made it.
    pub operation_id: OperationId,
    /// The incarnation of the branch it landed on.
    pub branch_uid: BranchUid,
    /// Name of that branch.
    pub branch: BranchName,
    /// Its position in the branch's log.
    pub seq: Seq,
    /// None for the first commit, the head it replaced, or that and the merged head.
    pub parents: Vec<Parent>,
    /// The lowest position of this log from which on every record up to this one has the record before it as only parent.
    pub run_start: Seq,
    /// The highest position among this commit and its ancestors, in whatever logs they are.
    pub reach: Seq,
    /// Who made it.
    #[serde(default)]
    pub actor: Option<String>,
    /// When, in microseconds since the epoch.
    pub created_at: i64,
    /// What made it.
    pub kind: CommitKind,
    /// SHA-256 of the schema contract, hexadecimal.
    pub schema: String,
    /// One pin per type, sorted by kind and alias.
    #[serde(deserialize_with = "sorted_pins")]
    pub tables: Vec<TablePin>,
}

/// What a commit is made of beyond its predecessor.
#[derive(Clone, Debug)]
pub struct Authorship {
    /// The write request.
    pub operation_id: OperationId,
    /// Who made it.
    pub actor: Option<String>,
    /// When, in microseconds since the epoch.
    pub created_at: i64,
    /// What made it.
    pub kind: CommitKind,
}

/// The branch a commit lands on.
#[derive(Clone, Debug, PartialEq)]
pub struct BranchTarget {
    /// The incarnation of the branch.
    pub uid: BranchUid,
    /// Its name.
    pub name: BranchName,
}

/// How a record differs from the one before it.
#[derive(Clone, Copy)]
pub struct RecordChange<'a> {
    /// New pins by type; none where the type goes.
    pub pins: &'a BTreeMap<TypeKey, Option<TablePin>>,
    /// The hash of another schema.
    pub schema: Option<&'a str>,
    /// The merged head, for a merge.
    pub merged: Option<&'a CommitRecord>,
}

impl CommitRecord {
    /// Builds the first record of a graph.
    pub(crate) fn genesis(
        target: &BranchTarget,
        author: Authorship,
        schema: String,
        mut tables: Vec<TablePin>,
    ) -> CommitRecord {
        tables.sort_by(|a, b| a.order().cmp(&b.order()));
        CommitRecord {
            format: STORAGE_FORMAT,
            id: CommitId::mint(),
            operation_id: author.operation_id,
            branch_uid: target.uid,
            branch: target.name.clone(),
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
    pub fn successor(
        &self,
        target: &BranchTarget,
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
        let continues = target.uid == self.branch_uid && change.merged.is_none();
        let parents: Vec<Parent> =
            std::iter::once(self.as_parent()).chain(change.merged.map(CommitRecord::as_parent)).collect();
        let ids: Vec<CommitId> = parents.iter().map(|parent| parent.id).collect();
        let above = ids.iter().all(|parent| id > *parent);
        CommitRecord {
            format: STORAGE_FORMAT,
            id: if above { id } else { CommitId::mint_after(&ids) },
            operation_id: author.operation_id,
            branch_uid: target.uid,
            branch: target.name.clone(),
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
    pub fn first_parent(&self) -> Option<CommitId> {
        self.parents.first().map(|parent| parent.id)
    }

    /// Returns the id of the merged head, for a merge.
    pub fn merged_parent(&self) -> Option<CommitId> {
        self.parents.get(1).map(|parent| parent.id)
    }

    /// Returns the pin of a type.
    pub fn pin(&self, key: &TypeKey) -> Option<&TablePin> {
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
