//! Arguments of `embed`.

use std::path::PathBuf;

use clap::Args;
use omnigraph_embed::pipeline::Selector;

/// `embed`.
#[derive(Debug, Args)]
pub(crate) struct Embed {
    /// Manifest (YAML) that names the input, the output and what to embed.
    #[arg(long, value_name = "FILE", required_unless_present = "input", conflicts_with_all = ["input", "output", "spec"])]
    pub(crate) seed: Option<PathBuf>,
    /// Rows to read, one JSON object per line.
    #[arg(long, value_name = "FILE", requires_all = ["output", "spec"])]
    pub(crate) input: Option<PathBuf>,
    /// Where to write the rows.
    #[arg(long, value_name = "FILE", requires = "input")]
    pub(crate) output: Option<PathBuf>,
    /// What to embed, as JSON: {"dimension": N, "types": {"T": {"target": "vec", "fields": ["title"]}}}.
    #[arg(long, value_name = "FILE", requires = "input")]
    pub(crate) spec: Option<PathBuf>,
    /// Remove vectors instead.
    #[arg(long, conflicts_with = "reembed_all")]
    pub(crate) clean: bool,
    /// Embed every row, also those that have a vector.
    #[arg(long, alias = "reembed_all")]
    pub(crate) reembed_all: bool,
    /// Only rows of this type; may be repeated.
    #[arg(long = "type", value_name = "T")]
    pub(crate) types: Vec<String>,
    /// Only rows whose field has this value, whatever they hold; may be repeated.
    #[arg(long = "select", value_name = "[T:]FIELD=VALUE")]
    pub(crate) selectors: Vec<Selector>,
    /// Keep vectors in this file by content, so that a run that failed goes on where it was.
    #[arg(long, value_name = "FILE")]
    pub(crate) cache: Option<PathBuf>,
}
