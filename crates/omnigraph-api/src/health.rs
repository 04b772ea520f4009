//! What the process tells about itself, and the list of graphs that it serves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The process is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthOutput {
    /// `ok`.
    pub status: String,
    /// Version of the server.
    pub version: String,
    /// Storage format that the server writes.
    pub internal_schema_version: u32,
    /// Revision of the source that the server was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_version: Option<String>,
}

impl HealthOutput {
    /// Makes the answer of a process that serves.
    pub fn ok(version: &str, internal_schema_version: u32, source_version: Option<&str>) -> HealthOutput {
        HealthOutput {
            status: "ok".to_owned(),
            version: version.to_owned(),
            internal_schema_version,
            source_version: source_version.map(str::to_owned),
        }
    }
}

/// One graph that is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphInfo {
    /// Its id, which stands in paths.
    pub graph_id: String,
    /// Its location.
    pub uri: String,
}

/// The graphs that are served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphListResponse {
    /// The graphs, by id.
    pub graphs: Vec<GraphInfo>,
}
