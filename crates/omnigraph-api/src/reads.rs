//! Queries and their results, and snapshots: what the head of a branch consists of.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{EntityKindOutput, RawJson};

/// Request of `POST query`: one query, not a mutation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryRequest {
    /// Text of one or several query declarations.
    pub query: String,
    /// Which declaration; may be left out when the text has exactly one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Parameters: an object by name, without `$`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    pub params: Option<RawJson>,
    /// Branch to read; `main` when neither branch nor snapshot is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Commit to read, in place of a branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

/// Request of the deprecated `POST read`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadRequest {
    /// Text of one or several query declarations.
    pub query_source: String,
    /// Which declaration; may be left out when the text has exactly one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_name: Option<String>,
    /// Parameters: an object by name, without `$`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    pub params: Option<RawJson>,
    /// Branch to read; `main` when neither branch nor snapshot is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Commit to read, in place of a branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

/// The successor of a deprecated request.
impl From<ReadRequest> for QueryRequest {
    fn from(request: ReadRequest) -> QueryRequest {
        QueryRequest {
            query: request.query_source,
            name: request.query_name,
            params: request.params,
            branch: request.branch,
            snapshot: request.snapshot,
        }
    }
}

/// What a read asked for: a branch or a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadTargetOutput {
    /// The branch; null for a snapshot.
    pub branch: Option<String>,
    /// The commit; null for a branch.
    pub snapshot: Option<String>,
}

impl ReadTargetOutput {
    /// Makes the target of a read: the snapshot, the branch, or without both `main`.
    pub fn new(branch: Option<&str>, snapshot: Option<&str>) -> ReadTargetOutput {
        let branch = match (branch, snapshot) {
            (None, None) => Some("main"),
            (branch, _) => branch,
        };
        ReadTargetOutput { branch: branch.map(str::to_owned), snapshot: snapshot.map(str::to_owned) }
    }
}

/// Result of a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReadOutput {
    /// The declaration that ran.
    pub query_name: String,
    /// What was asked for.
    pub target: ReadTargetOutput,
    /// Number of rows.
    pub row_count: usize,
    /// Names of the columns, in projection order; left out when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// One object per row, with a member for each column, in projection order.
    #[schema(value_type = Value)]
    pub rows: Vec<Map<String, Value>>,
    /// Head commit of exactly the snapshot that the rows came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph_commit_id: Option<String>,
}

/// Result of the deprecated `POST read`: members and their order never change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LegacyReadOutput {
    /// The declaration that ran.
    pub query_name: String,
    /// What was asked for.
    pub target: ReadTargetOutput,
    /// Number of rows.
    pub row_count: usize,
    /// Names of the columns, in projection order; left out when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// One object per row, with a member for each column, in projection order.
    #[schema(value_type = Value)]
    pub rows: Vec<Map<String, Value>>,
}

impl From<ReadOutput> for LegacyReadOutput {
    fn from(output: ReadOutput) -> LegacyReadOutput {
        LegacyReadOutput {
            query_name: output.query_name,
            target: output.target,
            row_count: output.row_count,
            columns: output.columns,
            rows: output.rows,
        }
    }
}

/// One type as a branch's head has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotDatasetOutput {
    /// Kind of the type.
    pub entity_kind: EntityKindOutput,
    /// The type.
    pub type_name: String,
    /// Where its data is, relative to the graph.
    pub dataset_path: String,
    /// Version of its data that the head shows.
    pub published_dataset_version: u64,
    /// Storage branch that the version is on; null for the main one.
    pub native_dataset_branch: Option<String>,
    /// Number of its entities.
    pub entity_count: u64,
}

/// What a branch's head consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotOutput {
    /// The branch, as asked for.
    pub graph_branch: String,
    /// Version of the graph.
    pub graph_manifest_version: u64,
    /// Storage format of the graph.
    pub internal_schema_version: u32,
    /// Its types: edge types first, then by name.
    pub datasets: Vec<SnapshotDatasetOutput>,
}
