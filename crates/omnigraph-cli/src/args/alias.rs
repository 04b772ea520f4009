//! Arguments of `alias`.

use std::path::PathBuf;

use clap::Args;

use super::query::Format;

/// `alias`.
#[derive(Debug, Args)]
pub(crate) struct Alias {
    /// The alias, as under `aliases` of the operator config.
    pub(crate) name: String,
    /// Values of the parameters that the alias names, in its order: JSON, or else a text.
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    pub(crate) args: Vec<String>,
    /// Parameters as a JSON object.
    #[arg(long, value_name = "JSON", conflicts_with = "params_file")]
    pub(crate) params: Option<String>,
    /// Read the parameters from a file (`-` is stdin).
    #[arg(long, value_name = "FILE")]
    pub(crate) params_file: Option<PathBuf>,
    /// How rows are printed; the default is `table`.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
}
