//! The exact views as values: commits, blocks of entity changes with their images, and pages of blocks.
//!
//! A block is all changes of one commit against its first parent; an image is an entity as it stood, complete.
//!
//! Their `Serialize` form is the exchange format of change records.

use omnigraph_compiler::catalog::EntityKind;
use omnigraph_graph::commit::{CommitKind, CommitRecord};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// What happened to an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeOp {
    /// It is new.
    Insert,
    /// Its image changed.
    Update,
    /// It is gone.
    Delete,
}

/// The type of a changed entity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ChangedType {
    /// Opaque; the same through renames, another one after a drop and a new declaration.
    pub id: String,
    /// The name it had in that commit.
    pub name: String,
}

/// Which nodes an edge joins.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct ImageEndpoints {
    /// Id of the source node.
    pub from: String,
    /// Id of the target node.
    pub to: String,
}

/// An entity as it stood, complete.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntityImage {
    /// Every declared property, in name order, as exports write it; neither the id nor the endpoints.
    pub properties: Map<String, Value>,
    /// For edges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<ImageEndpoints>,
}

/// One entity changed by one commit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphEntityChange {
    /// Node or edge.
    pub kind: EntityKind,
    /// Its type.
    #[serde(rename = "type")]
    pub entity_type: ChangedType,
    /// Its id.
    pub id: String,
    /// What happened.
    pub op: ChangeOp,
    /// The image before; absent for inserts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<EntityImage>,
    /// The image after; absent for deletes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<EntityImage>,
}

/// One commit of the graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GraphCommit {
    /// ULID.
    pub graph_commit_id: String,
    /// The branch it landed on; absent for `main`.
    pub graph_branch: Option<String>,
    /// The version of that branch it published; grows by one per commit.
    pub graph_manifest_version: u64,
    /// The head it replaced; absent only on the first commit.
    pub parent_commit_id: Option<String>,
    /// The merged head, for merges.
    pub merged_parent_commit_id: Option<String>,
    /// Who made it.
    pub actor_id: Option<String>,
    /// When, in microseconds since the epoch.
    pub created_at: i64,
    /// What made it: `init`, `data`, `schema`, `merge`, `maintenance` or `recovery`.
    pub kind: CommitKind,
}

impl From<&CommitRecord> for GraphCommit {
    fn from(record: &CommitRecord) -> Self {
        GraphCommit {
            graph_commit_id: record.id.to_string(),
            graph_branch: (!record.branch.is_main()).then(|| record.branch.to_string()),
            graph_manifest_version: record.seq.0,
            parent_commit_id: record.first_parent().map(|id| id.to_string()),
            merged_parent_commit_id: record.merged_parent().map(|id| id.to_string()),
            actor_id: record.actor.clone(),
            created_at: record.created_at,
            kind: record.kind,
        }
    }
}

/// The commit behind a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeCause {
    /// The commit. Consumers recognise a block they have applied by it.
    pub graph_commit_id: String,
    /// The first parent, which the changes are relative to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_commit_id: Option<String>,
    /// The merged head, for merges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_parent_commit_id: Option<String>,
    /// The branch it landed on; absent for `main`, which the serialized form spells out.
    #[serde(serialize_with = "branch_name")]
    pub authored_branch: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// When, in microseconds since the epoch.
    pub authored_at: i64,
}

impl From<&CommitRecord> for ChangeCause {
    fn from(record: &CommitRecord) -> Self {
        let commit = GraphCommit::from(record);
        ChangeCause {
            graph_commit_id: commit.graph_commit_id,
            parent_commit_id: commit.parent_commit_id,
            merged_parent_commit_id: commit.merged_parent_commit_id,
            authored_branch: commit.graph_branch,
            actor_id: commit.actor_id,
            authored_at: commit.created_at,
        }
    }
}

fn branch_name<S: Serializer>(name: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_deref().unwrap_or("main"))
}

/// The changes of one commit, or a part of them.
///
/// Nodes come before edges, then types by [`ChangedType::id`], then entities by id.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphChangeBlock {
    /// The commit.
    pub cause: ChangeCause,
    /// Its changes; empty when the commit changed no entity.
    pub changes: Vec<GraphEntityChange>,
}

/// A page of the changes of one commit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommitChangesPage {
    /// The part of the block on this page.
    #[serde(flatten)]
    pub block: GraphChangeBlock,
    /// Present exactly when the block goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// How to go on after a page of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Continuation {
    /// The page ends with a complete commit.
    AtBlockBoundary {
        /// Stands behind everything delivered so far; may be kept for ever.
        cursor: String,
        /// Whether that is the head this poll saw.
        caught_up: bool,
    },
    /// The last block goes on.
    MidBlock {
        /// Gets the next page of the same poll.
        #[serde(rename = "next_page_token")]
        page_token: String,
    },
}

/// A page of a feed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangeFeedPage {
    /// One per commit, oldest first; only the first may lack a beginning and only the last an end.
    pub blocks: Vec<GraphChangeBlock>,
    /// How to go on.
    #[serde(flatten)]
    pub continuation: Continuation,
}

/// What a captured baseline stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeBaseline {
    /// The commit whose data was written.
    pub snapshot_commit_id: String,
    /// Yields everything after that commit and nothing before.
    pub resume_cursor: String,
}
