//! Arguments of `graphs`.

use clap::Subcommand;

/// `graphs`.
#[derive(Debug, Subcommand)]
pub(crate) enum Graphs {
    /// List the graphs that a server serves.
    #[command(after_help = "Example:\n  omnigraph graphs list --server https://graphs.example.org")]
    List,
}
