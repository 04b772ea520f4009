//! Arguments of `context`.

use clap::Args;

/// `context`.
#[derive(Debug, Args)]
pub(crate) struct Context {
    /// What the context is about.
    pub(crate) text: String,
    /// Synonym of --store.
    #[arg(long, hide = true, value_name = "URI")]
    pub(crate) uri: Option<String>,
    /// The branch to read.
    #[arg(long, value_name = "BRANCH", default_value = "main", conflicts_with = "snapshot")]
    pub(crate) branch: String,
    /// The commit to read.
    #[arg(long, value_name = "COMMIT")]
    pub(crate) snapshot: Option<String>,
    /// Search nodes of this type only; may be repeated.
    #[arg(long = "type", value_name = "T")]
    pub(crate) types: Vec<String>,
    /// Follow edges of this type only; may be repeated.
    #[arg(long = "edge", value_name = "E")]
    pub(crate) edges: Vec<String>,
    /// How many of the best entities to start from.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) seeds: usize,
    /// How many steps to go from them.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) hops: u32,
    /// Most entities in the answer.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
    /// Most tokens in the answer, estimated at four bytes each.
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<usize>,
}
