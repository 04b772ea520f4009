//! Arguments of `diff`, `commit changes` and `changes`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use omnigraph::changes::{ChangeFeedScope, ChangeFilter, ChangeOp, EntityKind, FeedStart};
use omnigraph_api::{ChangeBaselineRequest, ChangeOpOutput, EntityKindOutput};
use omnigraph_client::http::ChangeFilter as ServedFilter;

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The earlier state: a branch or a commit id.
    pub(crate) from: String,
    /// The later state: a branch or a commit id.
    pub(crate) to: String,
    /// Synonym of --store.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// Show the properties before and after.
    #[arg(long)]
    pub(crate) values: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CommitChanges {
    /// The commit id.
    pub(crate) id: String,
    /// Synonym of --store.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,
    /// Changes per page.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Print only the page that this token of an earlier page names.
    #[arg(long, value_name = "TOKEN")]
    pub(crate) page_token: Option<String>,
    #[command(flatten)]
    pub(crate) scope: Scope,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Changes {
    /// Print the commits of a branch since a cursor, each with its changes, and the next cursor.
    #[command(
        after_help = "Example:\n  omnigraph changes poll --store my.graph --start beginning\n  omnigraph changes poll --store my.graph --cursor \"$CURSOR\" --json"
    )]
    Poll(Poll),
    /// Write the data of a branch to a file, and print the cursor to poll from.
    #[command(after_help = "Example:\n  omnigraph changes baseline --store my.graph --out people.jsonl")]
    Baseline(Baseline),
}

#[derive(Debug, Args)]
pub(crate) struct Poll {
    /// Synonym of --store.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,
    /// The branch to follow.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
    /// The cursor of an earlier poll or baseline.
    #[arg(long, value_name = "CURSOR", conflicts_with = "start")]
    pub(crate) cursor: Option<String>,
    /// Where to begin without a cursor: now, beginning, after:COMMIT.
    #[arg(long, value_name = "START", default_value = "now", value_parser = parse_start)]
    pub(crate) start: FeedStart,
    /// Changes per page.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) scope: Scope,
}

#[derive(Debug, Args)]
pub(crate) struct Baseline {
    /// The file to write; replaced only when everything is written.
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// Synonym of --store.
    #[arg(long, value_name = "URI")]
    pub(crate) uri: Option<String>,
    /// The branch to capture.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
    #[command(flatten)]
    pub(crate) scope: Scope,
}

/// Filters of changes.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// Only nodes or only edges; may be repeated.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<Kind>,
    /// Only this type; may be repeated.
    #[arg(long = "type", value_name = "NAME")]
    types: Vec<String>,
    /// Only this kind of change; may be repeated.
    #[arg(long = "op", value_name = "OP")]
    ops: Vec<Op>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Node,
    Edge,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Op {
    Insert,
    Update,
    Delete,
}

impl Scope {
    /// Returns the names of the types.
    pub(crate) fn types(&self) -> &[String] {
        &self.types
    }

    /// Returns the filters as the scope of a feed.
    pub(crate) fn feed(&self) -> ChangeFeedScope {
        ChangeFeedScope {
            kinds: self.kinds.iter().map(|kind| (*kind).into()).collect(),
            type_names: self.types.iter().cloned().collect(),
            ops: self.ops.iter().map(|op| (*op).into()).collect(),
        }
    }

    /// Returns the filters as those of a request to a server.
    pub(crate) fn served(&self) -> ServedFilter {
        ServedFilter {
            kinds: self.kinds.iter().map(|kind| (*kind).into()).collect(),
            types: self.types.clone(),
            ops: self.ops.iter().map(|op| (*op).into()).collect(),
        }
    }

    /// Returns the filters as those of a baseline.
    pub(crate) fn baseline(&self, branch: &str) -> ChangeBaselineRequest {
        let ServedFilter { kinds: kind, types: type_names, ops: op } = self.served();
        ChangeBaselineRequest { branch: Some(branch.to_owned()), kind, type_names, op }
    }

    /// Returns the filters as those of a net difference; `images` adds the properties before and after.
    pub(crate) fn filter(&self, images: bool) -> ChangeFilter {
        let ChangeFeedScope { kinds, type_names, ops } = self.feed();
        ChangeFilter {
            kinds: (!kinds.is_empty()).then_some(kinds),
            type_names: (!type_names.is_empty()).then_some(type_names),
            ops: (!ops.is_empty()).then_some(ops),
            images,
        }
    }
}

impl From<Kind> for EntityKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Node => EntityKind::Node,
            Kind::Edge => EntityKind::Edge,
        }
    }
}

impl From<Kind> for EntityKindOutput {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Node => EntityKindOutput::Node,
            Kind::Edge => EntityKindOutput::Edge,
        }
    }
}

impl From<Op> for ChangeOpOutput {
    fn from(op: Op) -> Self {
        match op {
            Op::Insert => ChangeOpOutput::Insert,
            Op::Update => ChangeOpOutput::Update,
            Op::Delete => ChangeOpOutput::Delete,
        }
    }
}

impl From<Op> for ChangeOp {
    fn from(op: Op) -> Self {
        match op {
            Op::Insert => ChangeOp::Insert,
            Op::Update => ChangeOp::Update,
            Op::Delete => ChangeOp::Delete,
        }
    }
}

fn parse_start(text: &str) -> Result<FeedStart, String> {
    match text {
        "now" => Ok(FeedStart::Now),
        "beginning" => Ok(FeedStart::Beginning),
        _ => match text.strip_prefix("after:").map(str::trim) {
            Some(commit) if !commit.is_empty() => Ok(FeedStart::AfterCommit(commit.to_owned())),
            Some(_) | None => Err("start must be now | beginning | after:<commit_id>".to_owned()),
        },
    }
}
