//! The kind of entity that a blob request names.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Kind of the entity that holds a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlobEntityKind {
    /// A node.
    Node,
    /// An edge.
    Edge,
}

impl BlobEntityKind {
    /// Returns the word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            BlobEntityKind::Node => "node",
            BlobEntityKind::Edge => "edge",
        }
    }
}

impl fmt::Display for BlobEntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_as_it_is_written() {
        for kind in [BlobEntityKind::Node, BlobEntityKind::Edge] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.to_string());
        }
    }
}
