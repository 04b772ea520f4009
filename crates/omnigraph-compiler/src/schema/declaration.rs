//! The kinds of declarations.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The three kinds of declarations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeclarationKind {
    /// An interface.
    Interface,
    /// A node type.
    Node,
    /// An edge type.
    Edge,
}

impl fmt::Display for DeclarationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeclarationKind::Interface => "interface",
            DeclarationKind::Node => "node",
            DeclarationKind::Edge => "edge",
        })
    }
}
