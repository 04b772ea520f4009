//! What commits changed: entity by entity, for one commit or as a feed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::EntityKindOutput;

/// What happened to an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeOpOutput {
    /// It is new.
    Insert,
    /// It is another one.
    Update,
    /// It is gone.
    Delete,
}

impl ChangeOpOutput {
    /// Returns the word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeOpOutput::Insert => "insert",
            ChangeOpOutput::Update => "update",
            ChangeOpOutput::Delete => "delete",
        }
    }
}

/// Type of a changed entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeTypeOutput {
    /// Its id, opaque, which it keeps when it is renamed.
    pub id: String,
    /// Its name as of the commit.
    pub name: String,
}

/// The nodes that an edge joins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeEndpointsOutput {
    /// Id of the source node.
    pub from: String,
    /// Id of the target node.
    pub to: String,
}

/// An entity as it stood, complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeImageOutput {
    /// All declared properties, by name; neither the id nor the endpoints.
    #[schema(value_type = Value)]
    pub properties: Map<String, Value>,
    /// The endpoints, for edges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<ChangeEndpointsOutput>,
}

/// One changed entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntityChangeOutput {
    /// Node or edge.
    pub kind: EntityKindOutput,
    /// Its type.
    #[serde(rename = "type")]
    pub entity_type: ChangeTypeOutput,
    /// Its id.
    pub id: String,
    /// What happened.
    pub op: ChangeOpOutput,
    /// The entity before; left out for inserts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<ChangeImageOutput>,
    /// The entity after; left out for deletes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<ChangeImageOutput>,
}

/// The commit behind changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeCauseOutput {
    /// The commit, by which a consumer recognises what it has applied already.
    pub graph_commit_id: String,
    /// The commit before it, which the changes are relative to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_commit_id: Option<String>,
    /// The commit that was merged, for merges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_parent_commit_id: Option<String>,
    /// The branch it was made on, `main` spelled out.
    pub authored_branch: String,
    /// Who made it, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// When, in microseconds since the Unix epoch.
    pub authored_at: i64,
}

/// The changes of one commit, or some of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeBlockOutput {
    /// The commit.
    pub cause: ChangeCauseOutput,
    /// Its changes; none when the commit changed no entity.
    pub changes: Vec<EntityChangeOutput>,
}

/// A page of the changes of one commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommitChangesOutput {
    /// The commit, on every page.
    pub cause: ChangeCauseOutput,
    /// The changes of this page.
    pub changes: Vec<EntityChangeOutput>,
    /// Where the next page begins; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// A page of the feed of one branch. It has either a page token or both a cursor and whether it caught up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeFeedOutput {
    /// The commits, oldest first; the last one may go on on the next page.
    pub blocks: Vec<ChangeBlockOutput>,
    /// Where the next page begins, when the last commit goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
    /// Where the next poll begins; to be saved together with the data that the blocks changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether the cursor stands at the head of the branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caught_up: Option<bool>,
}

/// Request of a baseline: the data of a branch and the cursor that goes on from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeBaselineRequest {
    /// The branch; `main` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Kinds of entities; all when empty.
    #[serde(default)]
    pub kind: Vec<EntityKindOutput>,
    /// Names of types; all when empty.
    #[serde(default, rename = "type")]
    pub type_names: Vec<String>,
    /// What happens to entities; all when empty. Binds the cursor, not the data.
    #[serde(default)]
    pub op: Vec<ChangeOpOutput>,
}

/// What closes a baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeBaselineOutput {
    /// The commit whose data was sent.
    pub snapshot_commit_id: String,
    /// Cursor that goes on after that commit.
    pub resume_cursor: String,
}

/// The last line of a complete baseline; no other line has its member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeBaselineRecord {
    /// What closes the baseline.
    pub baseline: ChangeBaselineOutput,
}
