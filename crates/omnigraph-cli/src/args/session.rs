//! Arguments of `login`, `logout`, `profile` and `graphs`.

use clap::{Args, Subcommand};

/// `login`.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The server, as under `servers` of the operator config.
    pub(crate) name: String,
    /// The token; without it, it is asked for on a terminal, or read as one line from stdin.
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `logout`.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// The server.
    pub(crate) name: String,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `profile`.
#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// List the profiles; what is wrong with one is listed with it.
    #[command(after_help = "Example:\n  omnigraph profile list")]
    List(ProfileList),
    /// Show what a profile, or the defaults, come to.
    #[command(after_help = "Example:\n  omnigraph profile show team")]
    Show(ProfileShow),
}

/// `profile list`.
#[derive(Debug, Args)]
pub(crate) struct ProfileList {
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `profile show`.
#[derive(Debug, Args)]
pub(crate) struct ProfileShow {
    /// The profile; without it the one of OMNIGRAPH_PROFILE, else the defaults.
    pub(crate) name: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `graphs`.
#[derive(Debug, Subcommand)]
pub(crate) enum Graphs {
    /// List the graphs that a server serves.
    #[command(after_help = "Example:\n  omnigraph graphs list --server https://graphs.example.org")]
    List(GraphsList),
}

/// `graphs list`.
#[derive(Debug, Args)]
pub(crate) struct GraphsList {
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}
