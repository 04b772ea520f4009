//! Arguments of `branch` and `tag`.

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum Branch {
    /// Create a branch: one small object, however large the graph.
    #[command(after_help = "Example:\n  omnigraph branch create review/2026-11 --from main --store my.graph")]
    Create(BranchCreate),
    /// List the branches.
    #[command(after_help = "Example:\n  omnigraph branch list --store my.graph")]
    List(BranchList),
    /// Delete a branch. What others inherited or merged from it stays.
    #[command(after_help = "Example:\n  omnigraph branch delete review/2026-11 --store my.graph")]
    Delete(BranchDelete),
    /// Merge a branch into another as one commit, or report every conflict and change nothing.
    #[command(
        after_help = "Examples:\n  omnigraph branch merge review --into main --store my.graph --dry-run\n  \
                      omnigraph branch merge review --store my.graph --resolve properties --delete-branch"
    )]
    Merge(BranchMerge),
}

#[derive(Debug, Args)]
pub(crate) struct BranchCreate {
    /// Name of the new branch; slashes are allowed.
    pub(crate) name: String,
    /// The branch whose head it begins at.
    #[arg(long, value_name = "BRANCH", default_value = "main", conflicts_with = "snapshot")]
    pub(crate) from: String,
    /// The commit it begins at.
    #[arg(long, value_name = "COMMIT")]
    pub(crate) snapshot: Option<String>,
    /// Synonym of --store.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BranchList {
    /// Synonym of --store.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BranchDelete {
    /// The branch.
    pub(crate) name: String,
    /// Synonym of --store.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BranchMerge {
    /// The branch that is merged; it stays as it is.
    pub(crate) source: String,
    /// The branch that receives it.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) into: String,
    /// What to do about entities that both sides changed: combine different properties, take the target's image (ours)
    /// or the source's (theirs). May be given twice: `--resolve properties --resolve theirs`.
    #[arg(long, value_name = "HOW")]
    pub(crate) resolve: Vec<Resolve>,
    /// Tell the outcome and the conflicts, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Delete the source after a successful merge.
    #[arg(long)]
    pub(crate) delete_branch: bool,
    /// Synonym of --store.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Resolve {
    Properties,
    Ours,
    Theirs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tag {
    /// Name a commit.
    #[command(after_help = "Example:\n  omnigraph tag create v1 --branch main --store my.graph")]
    Create(TagCreate),
    /// List the tags.
    #[command(after_help = "Example:\n  omnigraph tag list --store my.graph")]
    List(TagList),
    /// Forget a name; the commit stays as long as cleanup retains it.
    #[command(after_help = "Example:\n  omnigraph tag delete v1 --store my.graph")]
    Delete(TagDelete),
}

#[derive(Debug, Args)]
pub(crate) struct TagCreate {
    /// The name.
    pub(crate) name: String,
    /// The branch whose head is named.
    #[arg(long, value_name = "BRANCH", default_value = "main", conflicts_with = "snapshot")]
    pub(crate) branch: String,
    /// The commit.
    #[arg(long, value_name = "COMMIT")]
    pub(crate) snapshot: Option<String>,
    /// Synonym of --store.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TagList {
    /// Synonym of --store.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TagDelete {
    /// The name.
    pub(crate) name: String,
    /// Synonym of --store.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,
}
