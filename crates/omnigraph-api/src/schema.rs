//! The schema of a graph and its migration.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The accepted schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SchemaOutput {
    /// Its text.
    pub schema_source: String,
}

/// Request of a schema migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SchemaApplyRequest {
    /// Text of the desired schema.
    pub schema_source: String,
    /// Whether what is dropped is dropped for good, older snapshots included; false when left out.
    #[serde(default)]
    pub allow_data_loss: bool,
}

/// Receipt of a schema migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SchemaApplyOutput {
    /// Location of the graph.
    pub uri: String,
    /// Whether every step can be applied.
    pub supported: bool,
    /// Whether anything was applied.
    pub applied: bool,
    /// Number of steps.
    pub step_count: usize,
    /// Version of the graph after the request.
    pub graph_manifest_version: u64,
    /// The steps, each an object told apart by `kind`.
    pub steps: Vec<Value>,
}
