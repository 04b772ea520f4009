//! Arguments of `blob get` and `blob stat`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `blob`.
#[derive(Debug, Subcommand)]
pub(crate) enum Blob {
    /// Write the bytes of a cell to stdout or a file.
    #[command(after_help = "Example:\n  omnigraph blob get node Doc d1 body --store my.graph --out body.pdf")]
    Get(Get),
    /// Show what a cell holds without reading it.
    #[command(after_help = "Example:\n  omnigraph blob stat node Doc d1 body --store my.graph --json")]
    Stat(Stat),
}

/// The cell of a command.
#[derive(Debug, Args)]
pub(crate) struct Selector {
    /// Whether the type is of nodes or edges.
    #[arg(value_name = "ENTITY")]
    pub(crate) entity: Entity,
    /// The type.
    #[arg(value_name = "TYPE")]
    pub(crate) type_name: String,
    /// Id of the entity.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// The Blob property.
    #[arg(value_name = "PROPERTY")]
    pub(crate) property: String,
    /// The branch to read.
    #[arg(long, value_name = "BRANCH", default_value = "main", conflicts_with = "snapshot")]
    pub(crate) branch: String,
    /// The commit to read.
    #[arg(long, value_name = "COMMIT")]
    pub(crate) snapshot: Option<String>,
    /// The graph.
    #[arg(long, value_name = "URI", hide = true)]
    pub(crate) uri: Option<String>,
}

/// Nodes or edges.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Entity {
    Node,
    Edge,
}

/// `blob get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) selector: Selector,
    /// First byte.
    #[arg(long, value_name = "N")]
    pub(crate) offset: Option<u64>,
    /// Number of bytes; fewer when the blob ends before.
    #[arg(long, value_name = "N")]
    pub(crate) length: Option<u64>,
    /// Write to this file, which is not touched before the first byte is there.
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
}

/// `blob stat`.
#[derive(Debug, Args)]
pub(crate) struct Stat {
    #[command(flatten)]
    pub(crate) selector: Selector,
}
