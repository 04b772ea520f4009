//! Which changes a caller wants: by kind, type and operation, for net differences ([`ChangeFilter`]) and for the exact
//! views ([`ChangeFeedScope`]).

use std::collections::BTreeSet;

use omnigraph_compiler::catalog::{EntityKind, TypeKey};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::model::ChangeOp;

/// Selects changes of a net difference. An absent dimension admits everything; dimensions combine with and.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Nodes, edges.
    pub kinds: Option<BTreeSet<EntityKind>>,
    /// Names of types.
    pub type_names: Option<BTreeSet<String>>,
    /// Kinds of change.
    pub ops: Option<BTreeSet<ChangeOp>>,
    /// Whether changes carry the images before and after.
    pub images: bool,
}

/// Selects what a feed or the page of a commit delivers. An empty dimension admits everything; dimensions combine
/// with and.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChangeFeedScope {
    /// Nodes, edges.
    pub kinds: BTreeSet<EntityKind>,
    /// Names of types, as they are in each commit.
    pub type_names: BTreeSet<String>,
    /// Kinds of change.
    pub ops: BTreeSet<ChangeOp>,
}

impl ChangeFilter {
    pub(crate) fn admits_type(&self, key: &TypeKey) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&key.kind))
            && self.type_names.as_ref().is_none_or(|names| names.contains(&key.name))
    }

    pub(crate) fn admits_op(&self, op: ChangeOp) -> bool {
        self.ops.as_ref().is_none_or(|ops| ops.contains(&op))
    }
}

impl ChangeFeedScope {
    pub(crate) fn admits_type(&self, key: &TypeKey) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&key.kind))
            && (self.type_names.is_empty() || self.type_names.contains(&key.name))
    }

    pub(crate) fn admits_op(&self, op: ChangeOp) -> bool {
        self.ops.is_empty() || self.ops.contains(&op)
    }

    /// Returns a short name of the scope for tokens: the same for the same sets, however they were given.
    pub(crate) fn digest(&self) -> String {
        let text = serde_json::to_vec(self).expect("sets of text are written to memory");
        hex::encode(&Sha256::digest(text)[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_follows_the_sets() {
        let scope = |names: &[&str]| ChangeFeedScope {
            type_names: names.iter().map(ToString::to_string).collect(),
            ..ChangeFeedScope::default()
        };
        assert_eq!(scope(&["A", "B"]).digest(), scope(&["B", "A", "B"]).digest());
        assert_ne!(scope(&["A"]).digest(), scope(&["B"]).digest());
        assert_ne!(scope(&["A"]).digest(), ChangeFeedScope::default().digest());
    }

    #[test]
    fn dimensions_combine_with_and() {
        let scope = ChangeFeedScope {
            kinds: BTreeSet::from([EntityKind::Node]),
            type_names: BTreeSet::from(["A".to_owned()]),
            ops: BTreeSet::new(),
        };
        assert!(scope.admits_type(&TypeKey::node("A")));
        assert!(!scope.admits_type(&TypeKey::edge("A")));
        assert!(!scope.admits_type(&TypeKey::node("B")));
        assert!(scope.admits_op(ChangeOp::Delete));
        let nothing = ChangeFilter { kinds: Some(BTreeSet::new()), ..ChangeFilter::default() };
        assert!(
            !nothing.admits_type(&TypeKey::node("A")),
            "a dimension that is present and empty admits nothing"
        );
    }
}
