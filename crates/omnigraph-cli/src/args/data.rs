//! Arguments of `load`, `ingest`, `snapshot` and `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::uri::OptionalUri;

#[derive(Debug, Args)]
pub(crate) struct Load {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The JSONL file (`-` is stdin).
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// What happens to entities that exist.
    #[arg(long, value_name = "MODE")]
    pub(crate) mode: Mode,
    /// The branch to write to.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
    /// Fork the branch from this one first, if it does not exist.
    #[arg(long, value_name = "BASE")]
    pub(crate) from: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The file of JSON values (`-` is stdin).
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// What happens to entities that exist.
    #[arg(long, value_name = "MODE", default_value = "merge")]
    pub(crate) mode: Mode,
    /// The branch to write to.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
    /// Fork the branch from this one first, if it does not exist.
    #[arg(long, value_name = "BASE", default_value = "main")]
    pub(crate) from: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Mode {
    /// Replace the whole content of each type that occurs in the input.
    Overwrite,
    /// Add entities; one that exists is an error.
    Append,
    /// Add entities and replace those that exist.
    Merge,
}

#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The branch to read.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The branch to read.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
    /// Only this type; may be repeated.
    #[arg(long = "type", value_name = "NAME")]
    pub(crate) types: Vec<String>,
}
