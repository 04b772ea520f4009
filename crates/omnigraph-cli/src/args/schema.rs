//! Arguments of `schema`, `init` and `lint`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::uri::OptionalUri;

#[derive(Debug, Subcommand)]
pub(crate) enum Schema {
    /// Print the schema of main.
    #[command(alias = "get", after_help = "Example:\n  omnigraph schema show my.graph")]
    Show(SchemaShow),
    /// Print the steps from the schema of main to another one.
    #[command(after_help = "Example:\n  omnigraph schema plan my.graph --schema new.pg")]
    Plan(SchemaPlan),
    /// Change the schema of a branch, as one commit.
    #[command(after_help = "Example:\n  omnigraph schema apply my.graph --schema new.pg")]
    Apply(SchemaApply),
}

#[derive(Debug, Args)]
pub(crate) struct SchemaShow {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaPlan {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The desired schema.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: PathBuf,
    /// Plan drops as hard.
    #[arg(long)]
    pub(crate) allow_data_loss: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaApply {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The desired schema.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: PathBuf,
    /// The branch whose schema changes; others keep theirs.
    #[arg(long, default_value = "main", value_name = "NAME")]
    pub(crate) branch: String,
    /// Make drops hard: older commits lose the types they touch.
    #[arg(long)]
    pub(crate) allow_data_loss: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where to create it: a path, file://… or s3://bucket/prefix.
    pub(crate) uri: String,
    /// The schema file.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: PathBuf,
    /// Replace schema files that a graph left behind; a graph is never replaced.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Lint {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The query file.
    #[arg(long, value_name = "FILE")]
    pub(crate) query: PathBuf,
    /// The schema file; without it the graph's schema counts.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
}
