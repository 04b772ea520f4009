//! Mutations and loads: requests and answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{CommitOutput, RawJson};

/// Request of a mutation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeRequest {
    /// Text of one or several query declarations; also accepted as `query_source`.
    #[serde(alias = "query_source")]
    pub query: String,
    /// Which declaration; may be left out when the text has exactly one. Also accepted as `query_name`.
    #[serde(alias = "query_name", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Parameters: an object by name, without `$`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    pub params: Option<RawJson>,
    /// Branch to change; `main` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// Receipt of a mutation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeOutput {
    /// The branch, as asked for.
    pub branch: String,
    /// The declaration that ran.
    pub query_name: String,
    /// Number of nodes inserted, updated or deleted.
    pub affected_nodes: usize,
    /// Number of edges inserted, updated or deleted.
    pub affected_edges: usize,
    /// Who made the request; null when the server does not ask.
    pub actor_id: Option<String>,
    /// The commit that the request published; null when nothing had to change.
    pub commit: Option<CommitOutput>,
}

/// What a load does with ids that exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadMode {
    /// The data replaces the graph.
    Overwrite,
    /// An id that exists is refused.
    Append,
    /// An entity that exists is replaced.
    #[default]
    Merge,
}

impl LoadMode {
    /// Returns the word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            LoadMode::Overwrite => "overwrite",
            LoadMode::Append => "append",
            LoadMode::Merge => "merge",
        }
    }
}

/// Request of a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IngestRequest {
    /// The entities, one JSON object per line.
    pub data: String,
    /// Branch to load into; `main` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Branch to fork the branch from when it does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What to do with ids that exist; `merge` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<LoadMode>,
}

/// How many entities of one type a load had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphBatchDeclarationOutput {
    /// The type.
    pub name: String,
    /// Number of its entities.
    pub entities_loaded: usize,
}

/// Receipt of a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IngestOutput {
    /// Location of the graph.
    pub uri: String,
    /// The branch, as asked for.
    pub branch: String,
    /// The branch to fork from, as asked for.
    pub base_branch: Option<String>,
    /// Whether the branch was made by this load.
    pub branch_created: bool,
    /// What was done with ids that exist.
    pub mode: LoadMode,
    /// Node types of the data, by name.
    pub nodes: Vec<GraphBatchDeclarationOutput>,
    /// Edge types of the data, by name.
    pub edges: Vec<GraphBatchDeclarationOutput>,
    /// Number of entities of all types.
    pub total_entities: usize,
    /// Who made the request; null when the server does not ask.
    pub actor_id: Option<String>,
    /// The commit that the request published; null when nothing had to change.
    pub commit: Option<CommitOutput>,
}

/// Receipt of a raw batch load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphBatchLoadOutput {
    /// The branch, as asked for.
    pub branch: String,
    /// The branch to fork from, as asked for.
    pub base_branch: Option<String>,
    /// Whether the branch was made by this load.
    pub branch_created: bool,
    /// What was done with ids that exist.
    pub mode: LoadMode,
    /// Node types of the data, by name.
    pub nodes: Vec<GraphBatchDeclarationOutput>,
    /// Edge types of the data, by name.
    pub edges: Vec<GraphBatchDeclarationOutput>,
    /// Number of entities of all types.
    pub total_entities: usize,
    /// Who made the request; null when the server does not ask.
    pub actor_id: Option<String>,
    /// The commit that the request published; null when nothing had to change.
    pub commit: Option<CommitOutput>,
}

impl GraphBatchLoadOutput {
    /// Adds the location of the graph.
    pub fn at(self, uri: String) -> IngestOutput {
        IngestOutput {
            uri,
            branch: self.branch,
            base_branch: self.base_branch,
            branch_created: self.branch_created,
            mode: self.mode,
            nodes: self.nodes,
            edges: self.edges,
            total_entities: self.total_entities,
            actor_id: self.actor_id,
            commit: self.commit,
        }
    }
}
