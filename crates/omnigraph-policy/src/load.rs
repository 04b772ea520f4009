//! Loading: a policy file or its text becomes an engine.

use std::path::Path;

use crate::action::PolicyResourceKind;
use crate::compile::PolicyCompiler;
use crate::config::{PolicyConfig, read};
use crate::engine::PolicyEngine;
use crate::problem::PolicyLoadError;

impl PolicyEngine {
    /// Loads the bundle of a graph from a file. The label is what Cedar calls the graph.
    ///
    /// # Errors
    /// [`PolicyLoadError`]; also if a rule grants an action on the server.
    pub fn load_graph(path: impl AsRef<Path>, label: &str) -> Result<PolicyEngine, PolicyLoadError> {
        let path = path.as_ref();
        PolicyEngine::load_graph_from_source(&read(path)?, label).map_err(|error| error.in_file(path))
    }

    /// Loads the bundle of a graph from a text.
    ///
    /// # Errors
    /// [`PolicyLoadError`]; also if a rule grants an action on the server.
    pub fn load_graph_from_source(text: &str, label: &str) -> Result<PolicyEngine, PolicyLoadError> {
        PolicyCompiler::compile(&PolicyConfig::parse(text, Some(PolicyResourceKind::Graph))?, label)
    }

    /// Loads the bundle of the server from a file.
    ///
    /// # Errors
    /// [`PolicyLoadError`]; also if a rule grants an action on a graph.
    pub fn load_server(path: impl AsRef<Path>) -> Result<PolicyEngine, PolicyLoadError> {
        let path = path.as_ref();
        PolicyEngine::load_server_from_source(&read(path)?).map_err(|error| error.in_file(path))
    }

    /// Loads the bundle of the server from a text.
    ///
    /// # Errors
    /// [`PolicyLoadError`]; also if a rule grants an action on a graph.
    pub fn load_server_from_source(text: &str) -> Result<PolicyEngine, PolicyLoadError> {
        PolicyCompiler::compile(&PolicyConfig::parse(text, Some(PolicyResourceKind::Server))?, "server")
    }
}
