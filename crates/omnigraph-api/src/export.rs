//! The request of an export. Its answer is lines of JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Request of an export. It is closed: an unknown member is refused, as it could have meant less data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// The branch; `main` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Names of node and edge types; all when empty.
    #[serde(default)]
    pub type_names: Vec<String>,
}
