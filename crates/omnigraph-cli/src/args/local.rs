//! Arguments of commands that address no graph: `login`, `logout`, `profile`, `quickstart`, `completions`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `login`.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The server, as under `servers` of the operator config.
    pub(crate) name: String,
    /// The token; without it, it is asked for on a terminal, or read as one line from stdin.
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
}

/// `logout`.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// The server.
    pub(crate) name: String,
}

/// `profile`.
#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// List the profiles; what is wrong with one is listed with it.
    #[command(after_help = "Example:\n  omnigraph profile list")]
    List,
    /// Show what a profile, or the defaults, come to.
    #[command(after_help = "Example:\n  omnigraph profile show team")]
    Show(ProfileShow),
}

/// `profile show`.
#[derive(Debug, Args)]
pub(crate) struct ProfileShow {
    /// The profile; without it the one of OMNIGRAPH_PROFILE, else the defaults.
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// Where to put the graph: a directory that does not exist or is empty.
    #[arg(value_name = "DIR", default_value = "quickstart.graph")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}
