//! Arguments of `commit list` and `commit show`.

use clap::{Args, Subcommand};

use super::changes::CommitChanges;
use super::uri::OptionalUri;

#[derive(Debug, Subcommand)]
pub(crate) enum Commit {
    /// List the commits of a branch, newest first.
    #[command(after_help = "Example:\n  omnigraph commit list my.graph --limit 10")]
    List(CommitList),
    /// Show one commit.
    #[command(after_help = "Example:\n  omnigraph commit show 01J9ZZX2Y3B4C5D6E7F8G9H0JK --store my.graph")]
    Show(CommitShow),
    /// Show what one commit changed.
    #[command(
        after_help = "Example:\n  omnigraph commit changes 01J9ZZX2Y3B4C5D6E7F8G9H0JK --store my.graph"
    )]
    Changes(CommitChanges),
}

#[derive(Debug, Args)]
pub(crate) struct CommitList {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The branch to read.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
    /// At most this many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Only commits with this property: `actor=NAME`.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_commit_filter)]
    pub(crate) filter: Option<CommitFilter>,
    /// Continue after this commit: the last one of the page before.
    #[arg(long, value_name = "COMMIT")]
    pub(crate) after: Option<String>,
}

/// Which commits to list.
#[derive(Clone, Debug)]
pub(crate) enum CommitFilter {
    /// Those of one author.
    Actor(String),
}

fn parse_commit_filter(text: &str) -> Result<CommitFilter, String> {
    match text.split_once('=') {
        Some(("actor", actor)) if !actor.is_empty() => Ok(CommitFilter::Actor(actor.to_owned())),
        _ => Err("expected actor=NAME, for example actor=omnigraph:recovery".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct CommitShow {
    /// The commit id.
    pub(crate) id: String,
    /// Synonym of --store.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,
}
