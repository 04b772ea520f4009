//! Why a server refuses to start before it opens anything.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::auth::{ClassifierError, TokenError};
use crate::env::NotUnicode;
use crate::jwt::JwtSettingsError;

/// A startup refusal. Displays on one line with the cure; no token is ever part of it.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `--cluster` beside another boot source.
    #[error(
        "--cluster is an exclusive boot source and cannot be combined with {other}; give one of them only"
    )]
    ExclusiveSource {
        /// The other argument.
        other: &'static str,
    },
    /// Nothing says which graph to serve.
    #[error(
        "no graph to serve: a server boots from a cluster (--cluster <dir|uri>), from a graph's URI (positional \
         argument), from one named graph of the config file (--target <name> or server.graph: <name>), or from \
         all its graphs (--config <file> or OMNIGRAPH_CONFIG with a graphs: map that is not empty)"
    )]
    NoGraph,
    /// The boot source is one that this build cannot open.
    #[error("cannot boot from the cluster '{source_uri}': this build has no cluster support")]
    ClusterUnsupported {
        /// What `--cluster` said.
        source_uri: String,
    },
    /// The config file cannot be read.
    #[error("cannot read the config file '{}': {source}", .file.display())]
    ReadConfig {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The config file is not YAML or a value in it is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `--target` or `server.graph` names no entry.
    #[error("graph '{name}' not found in omnigraph.yaml{}", listing(.available))]
    GraphNotFound {
        /// The name.
        name: String,
        /// The names that are there, in the order of the file.
        available: Vec<String>,
    },
    /// Single boot by name with a top-level block that belongs to the anonymous graph only.
    #[error(
        "serving graph '{graph}' by name, but the config file has a top-level `{block}`, which counts only for a \
         graph given by URI; move it to `graphs.{graph}.{block}` or remove it"
    )]
    TopLevelBlockWithNamedGraph {
        /// The graph.
        graph: String,
        /// `policy.file` or `queries`.
        block: &'static str,
    },
    /// Multi boot with a top-level block.
    #[error(
        "top-level `{block}` is not honored when several graphs are served; move it to `graphs.<graph_id>.{block}`{}",
        server_policy(.block)
    )]
    TopLevelBlockWithManyGraphs {
        /// `policy.file` or `queries`.
        block: &'static str,
    },
    /// A key of `graphs` that cannot be in a request path.
    #[error(transparent)]
    GraphId(#[from] super::InvalidGraphId),
    /// Two graphs with one location.
    #[error("graphs '{first}' and '{second}' have the same location '{uri}'; each graph is served once")]
    SameLocation {
        /// The one earlier in the file.
        first: String,
        /// The later one.
        second: String,
        /// The normalised URI.
        uri: String,
    },
    /// A graph's location that is none.
    #[error("the graph location '{uri}' {problem}")]
    Location {
        /// As given.
        uri: String,
        /// What is wrong, with the cure.
        problem: String,
    },
    /// A flag or variable with a value that is none.
    #[error("{origin}: {problem}")]
    Value {
        /// Flag, variable or key.
        origin: String,
        /// What is wrong, with the cure.
        problem: String,
    },
    /// One of certificate and key without the other.
    #[error("TLS needs a certificate and a key; {missing} is not set")]
    IncompleteTls {
        /// The flag and variable that is missing.
        missing: &'static str,
    },
    /// A variable that cannot be read.
    #[error(transparent)]
    NotUnicode(#[from] NotUnicode),
    /// The working directory is unknown.
    #[error("cannot tell the working directory: {0}")]
    WorkingDirectory(#[source] io::Error),
    /// The bearer tokens.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// The JWT settings.
    #[error(transparent)]
    Jwt(#[from] JwtSettingsError),
    /// Tokens, policy and consent do not fit together.
    #[error(transparent)]
    Classifier(#[from] ClassifierError),
}

/// A value of the config file that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Line from 1; 0 when the value is missing.
    pub line: u64,
    /// Column from 1; 0 when the value is missing.
    pub column: u64,
    /// Full key, such as `graphs.atlas.uri`; empty for the whole file.
    pub key: String,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.problem)
    }
}

/// Returns where else a block could go: a policy may be one of the server itself.
fn server_policy(block: &str) -> &'static str {
    if block == "policy.file" { ", or to `server.policy.file` for rules on the server itself" } else { "" }
}

fn listing(names: &[String]) -> String {
    if names.is_empty() {
        "; it has no graphs".to_owned()
    } else {
        format!("; it has {}", names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", "))
    }
}
