//! The exact views as values: blocks of entity changes with their images, and pages of them.
//!
//! Their `Serialize` form is the exchange format of change records.

use omnigraph_compiler::catalog::EntityKind;
use omnigraph_graph::commit::CommitRecord;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::scope::ChangeFeedScope;
use crate::db::GraphCommit;

/// Changes on a page when the caller does not say.
pub const DEFAULT_PAGE_CHANGES: usize = 1000;
/// The most changes a page may be asked for.
pub const MAX_PAGE_CHANGES: usize = 8192;
/// Bytes of changes on a page when the caller does not say.
pub const DEFAULT_PAGE_BYTES: u64 = 4 << 20;
/// The most bytes of changes a page may be asked for.
pub const MAX_PAGE_BYTES: u64 = 32 << 20;
/// Commits examined by a poll when the caller does not say.
pub const DEFAULT_POLL_COMMITS: usize = 128;
/// The most commits a poll may be asked to examine.
pub const MAX_POLL_COMMITS: usize = 512;
/// The longest cursor or page token, encoded.
pub const MAX_TOKEN_BYTES: usize = 4096;

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

/// Where a feed that has no cursor yet begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedStart {
    /// Behind the head: only what comes.
    Now,
    /// Behind the first commit of the graph: everything.
    Beginning,
    /// Behind a commit of the branch.
    AfterCommit(String),
}

/// Where a poll begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeFeedPosition {
    /// Without earlier polls.
    Start(FeedStart),
    /// Behind the complete commits an earlier poll delivered.
    Cursor(String),
    /// In the middle of a block, where an earlier page ended.
    PageToken(String),
}

/// A poll. [`ChangeFeedRequest::new`] fills the optional fields with their defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeFeedRequest {
    /// The branch; absent means `main`.
    pub branch: Option<String>,
    /// Where to begin.
    pub position: ChangeFeedPosition,
    /// What to deliver.
    pub scope: ChangeFeedScope,
    /// At most this many changes; default [`DEFAULT_PAGE_CHANGES`].
    pub max_changes: Option<usize>,
    /// At most about this many bytes; default [`DEFAULT_PAGE_BYTES`].
    pub max_bytes: Option<u64>,
    /// At most this many commits; default [`DEFAULT_POLL_COMMITS`].
    pub max_commits: Option<usize>,
}

impl ChangeFeedRequest {
    /// A poll of everything on `main` with default limits.
    pub fn new(position: ChangeFeedPosition) -> ChangeFeedRequest {
        ChangeFeedRequest {
            branch: None,
            position,
            scope: ChangeFeedScope::default(),
            max_changes: None,
            max_bytes: None,
            max_commits: None,
        }
    }
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
