//! The graph of commands that take it as a positional.

use clap::Args;

/// The graph, as an optional positional.
#[derive(Debug, Args)]
pub(crate) struct OptionalUri {
    /// The graph: a path, file://… or s3://bucket/prefix.
    #[arg(value_name = "URI")]
    pub(crate) positional: Option<String>,
    /// Synonym of the positional.
    #[arg(long = "uri", hide = true, value_name = "URI", conflicts_with = "positional")]
    pub(crate) option: Option<String>,
}

impl OptionalUri {
    /// Returns whichever was given.
    pub(crate) fn given(&self) -> Option<&str> {
        self.positional.as_deref().or(self.option.as_deref())
    }
}
