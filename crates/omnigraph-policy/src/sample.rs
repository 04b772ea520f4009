//! A bundle for unit tests: the example of the guide.

use crate::engine::PolicyEngine;

/// The file of the guide.
pub(crate) const TEXT: &str = include_str!("../../../docs/examples/policy.yaml");

pub(crate) fn engine() -> PolicyEngine {
    PolicyEngine::load_graph_from_source(TEXT, "atlas").unwrap()
}
