//! The kind of an entity: node or edge.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Kind of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntityKindOutput {
    /// A node.
    Node,
    /// An edge.
    Edge,
}

impl EntityKindOutput {
    /// Returns the word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            EntityKindOutput::Node => "node",
            EntityKindOutput::Edge => "edge",
        }
    }
}

impl fmt::Display for EntityKindOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
