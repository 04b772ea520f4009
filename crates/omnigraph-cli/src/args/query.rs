//! Arguments of `query` and `mutate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where the text of a query comes from.
#[derive(Debug, Args)]
pub(crate) struct QuerySource {
    /// Which query of the text; may be left out when there is one.
    pub(crate) name: Option<String>,
    /// Read queries from a file (`-` is stdin).
    #[arg(long, value_name = "FILE", conflicts_with = "query_string")]
    pub(crate) query: Option<PathBuf>,
    /// The query text itself.
    #[arg(short = 'e', long, value_name = "GQ")]
    pub(crate) query_string: Option<String>,
    /// Parameters as a JSON object.
    #[arg(long, value_name = "JSON", conflicts_with = "params_file")]
    pub(crate) params: Option<String>,
    /// Read the parameters from a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) params_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    #[command(flatten)]
    pub(crate) source: QuerySource,
    /// Synonym of --store.
    #[arg(long, hide = true, value_name = "URI")]
    pub(crate) uri: Option<String>,
    /// The branch to read.
    #[arg(long, value_name = "BRANCH", conflicts_with = "snapshot")]
    pub(crate) branch: Option<String>,
    /// The commit to read.
    #[arg(long, value_name = "COMMIT")]
    pub(crate) snapshot: Option<String>,
    /// Print the physical plan instead of running the query.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Run the query and print its plan with metrics.
    #[arg(long, conflicts_with = "explain")]
    pub(crate) analyze: bool,
    /// How rows are printed; the default is `table`.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Kv,
    Csv,
    Jsonl,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Mutate {
    #[command(flatten)]
    pub(crate) source: QuerySource,
    /// Synonym of --store.
    #[arg(long, hide = true, value_name = "URI")]
    pub(crate) uri: Option<String>,
    /// The branch to write to.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
    /// Write only while this commit is the head; otherwise exit 4.
    #[arg(long, value_name = "COMMIT")]
    pub(crate) if_commit: Option<String>,
}
