//! Values that cross the public boundary: what is read, requests to write, and receipts.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::physical_plan::SendableRecordBatchStream;
use omnigraph_compiler::catalog::{EntityKind, TypeKey};
use omnigraph_graph::commit::{Snapshot, TablePin};
use serde::Serialize;

pub use crate::feed::model::GraphCommit;
use crate::write::load::{Grammar, LoadCounts, LoadMode, LoadProgress, LoadSource};

/// Parameters of a query, keyed by name without `$`.
pub type ParamMap = serde_json::Map<String, serde_json::Value>;

/// Names the state of a graph that one commit made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotId(String);

impl SnapshotId {
    /// Wraps a commit id.
    pub fn new(id: impl Into<String>) -> SnapshotId {
        SnapshotId(id.into())
    }

    /// Returns the commit id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a read looks at. Text converts to a branch name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReadTarget {
    /// The newest commit of a branch, at the moment the read starts.
    Branch(String),
    /// Exactly one commit.
    Snapshot(SnapshotId),
}

impl From<&str> for ReadTarget {
    fn from(branch: &str) -> Self {
        ReadTarget::Branch(branch.to_owned())
    }
}

impl From<String> for ReadTarget {
    fn from(branch: String) -> Self {
        ReadTarget::Branch(branch)
    }
}

impl From<SnapshotId> for ReadTarget {
    fn from(id: SnapshotId) -> Self {
        ReadTarget::Snapshot(id)
    }
}

/// Which commits of a history to list. The default lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitPage {
    /// At most this many.
    pub limit: Option<usize>,
    /// Only those that this actor made.
    pub actor: Option<String>,
    /// Only those listed after this commit: the last one of the page before.
    pub after: Option<String>,
}

/// One type's stored image in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatasetEntry {
    /// `node:T` or `edge:T`.
    pub type_key: String,
    /// Where the table is, relative to the graph root.
    pub dataset_path: String,
    /// The table version users see; grows with every change of the type.
    pub published_dataset_version: u64,
    /// The version id inside the table, for other readers of the open format.
    pub table_version: u64,
    /// Entities of the type.
    pub entity_count: u64,
    /// Bytes of its data files.
    pub bytes: u64,
    /// Fragments the version pins.
    pub fragments: u64,
}

impl From<&TablePin> for DatasetEntry {
    fn from(pin: &TablePin) -> Self {
        DatasetEntry {
            type_key: TypeKey { kind: pin.kind, name: pin.alias.clone() }.to_string(),
            dataset_path: pin.path.clone(),
            published_dataset_version: pin.table_version,
            table_version: pin.version.0,
            entity_count: pin.rows,
            bytes: pin.bytes,
            fragments: pin.fragments,
        }
    }
}

/// The complete state one commit names. Stays what it is while the branch advances.
#[derive(Clone)]
pub struct SnapshotView(pub(crate) Snapshot);

impl SnapshotView {
    /// Returns the commit.
    pub fn commit(&self) -> GraphCommit {
        self.0.record().into()
    }

    /// Returns the version of the branch this is.
    pub fn graph_manifest_version(&self) -> u64 {
        self.0.record().seq.0
    }

    /// Returns the entry of a type.
    pub fn dataset(&self, type_key: &str) -> Option<DatasetEntry> {
        self.0.pin(&TypeKey::parse(type_key)?).map(DatasetEntry::from)
    }

    /// Returns the entries of all types, nodes before edges, each by name.
    pub fn datasets(&self) -> Vec<DatasetEntry> {
        let mut pins: Vec<&TablePin> = self.0.record().tables.iter().collect();
        pins.sort_by(|a, b| (a.kind, &a.alias).cmp(&(b.kind, &b.alias)));
        pins.into_iter().map(DatasetEntry::from).collect()
    }

    /// Returns the number of nodes and of edges.
    pub fn entity_counts(&self) -> (u64, u64) {
        let count = |kind| self.0.record().tables.iter().filter(|p| p.kind == kind).map(|p| p.rows).sum();
        (count(EntityKind::Node), count(EntityKind::Edge))
    }

    /// Returns the schema that belongs to the commit, as source text.
    pub fn schema_source(&self) -> &str {
        self.0.schema_source()
    }
}

/// The answer of a read query, complete.
#[derive(Clone, Debug)]
pub struct QueryResult {
    /// Name of the query.
    pub query_name: String,
    /// The commit that was read.
    pub graph_commit_id: String,
    /// Result columns in projection order.
    pub columns: Vec<String>,
    /// Physical types of the columns.
    pub schema: SchemaRef,
    /// Rows in order.
    pub batches: Vec<RecordBatch>,
}

impl QueryResult {
    /// Returns the number of rows.
    pub fn row_count(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// The answer of a read query as it is computed.
pub struct QueryStream {
    /// Name of the query.
    pub query_name: String,
    /// The commit that is read.
    pub graph_commit_id: String,
    /// Result columns in projection order.
    pub columns: Vec<String>,
    /// Physical types of the columns.
    pub schema: SchemaRef,
    /// Rows in order.
    pub batches: SendableRecordBatchStream,
}

/// A mutation to run. [`Mutate::new`] fills the optional fields with their defaults.
#[derive(Clone, Debug)]
pub struct Mutate<'a> {
    /// The branch to write to.
    pub branch: &'a str,
    /// Query source text.
    pub source: &'a str,
    /// Which query of the text; may be absent when there is only one.
    pub name: Option<&'a str>,
    /// Its parameters.
    pub params: ParamMap,
    /// Recorded as author of the commit.
    pub actor: Option<&'a str>,
    /// Proceed only while this is the head.
    pub if_commit: Option<&'a str>,
}

impl<'a> Mutate<'a> {
    /// A mutation without parameters, actor or condition.
    pub fn new(branch: &'a str, source: &'a str) -> Mutate<'a> {
        Mutate { branch, source, name: None, params: ParamMap::new(), actor: None, if_commit: None }
    }
}

/// What a mutation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MutationResult {
    /// Node effects: each insert, each updated and each deleted node.
    pub affected_nodes: u64,
    /// Edge effects, cascaded deletions included.
    pub affected_edges: u64,
}

/// What a mutation did, and the commit it made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutationReceipt {
    /// Counts.
    pub result: MutationResult,
    /// Absent when nothing changed.
    pub commit: Option<GraphCommit>,
    /// Name of the query that ran.
    pub query_name: String,
}

/// A load to run. [`Load::new`] fills the optional fields with their defaults.
pub struct Load<'a> {
    /// The branch to write to; it must exist, unless `base` is given.
    pub branch: &'a str,
    /// Where `branch` is forked from if it does not exist.
    pub base: Option<&'a str>,
    /// The rows.
    pub source: LoadSource,
    /// What happens to entities that exist.
    pub mode: LoadMode,
    /// How the text is read.
    pub grammar: Grammar,
    /// Recorded as author of the commit.
    pub actor: Option<&'a str>,
    /// Called now and then while the load runs.
    pub progress: Option<Arc<dyn Fn(LoadProgress) + Send + Sync>>,
}

impl<'a> Load<'a> {
    /// A load in the strict grammar without actor or progress.
    pub fn new(branch: &'a str, source: LoadSource, mode: LoadMode) -> Load<'a> {
        Load { branch, base: None, source, mode, grammar: Grammar::Strict, actor: None, progress: None }
    }
}

/// What a load did, and the commit it made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadReceipt {
    /// The branch written to.
    pub branch: String,
    /// The branch it was forked from for this load, if it was.
    pub created_from: Option<String>,
    /// Lines per type.
    pub counts: LoadCounts,
    /// The commit.
    pub commit: GraphCommit,
}
