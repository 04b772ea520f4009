//! Commits, as lists and single answers tell them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One commit of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommitOutput {
    /// Its id, opaque.
    pub graph_commit_id: String,
    /// The branch it was made on; null for `main`.
    pub graph_branch: Option<String>,
    /// Version of the graph.
    pub graph_manifest_version: u64,
    /// The commit before it; null for the first one.
    pub parent_commit_id: Option<String>,
    /// The commit that was merged; null when it is no merge.
    pub merged_parent_commit_id: Option<String>,
    /// Who made it; null when not known.
    pub actor_id: Option<String>,
    /// When, in microseconds since the Unix epoch.
    pub created_at: i64,
}

/// The commits that a branch's head reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommitListOutput {
    /// The commits, newest first.
    pub commits: Vec<CommitOutput>,
}
