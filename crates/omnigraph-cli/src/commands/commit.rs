//! `omnigraph commit list` and `commit show`.

use omnigraph::Omnigraph;
use omnigraph::db::{CommitPage, GraphCommit};
use serde::Serialize;

use crate::address;
use crate::args::{self, CommitFilter, CommitList, CommitShow, Global};
use crate::failure::Failure;
use crate::output;

/// A commit as the CLI prints it.
#[derive(Serialize)]
pub(crate) struct CommitDocument<'a> {
    graph_commit_id: &'a str,
    graph_branch: Option<&'a str>,
    graph_manifest_version: u64,
    parent_commit_id: Option<&'a str>,
    merged_parent_commit_id: Option<&'a str>,
    actor_id: Option<&'a str>,
    created_at: i64,
}

impl<'a> From<&'a GraphCommit> for CommitDocument<'a> {
    fn from(commit: &'a GraphCommit) -> Self {
        CommitDocument {
            graph_commit_id: &commit.graph_commit_id,
            graph_branch: commit.graph_branch.as_deref(),
            graph_manifest_version: commit.graph_manifest_version,
            parent_commit_id: commit.parent_commit_id.as_deref(),
            merged_parent_commit_id: commit.merged_parent_commit_id.as_deref(),
            actor_id: commit.actor_id.as_deref(),
            created_at: commit.created_at,
        }
    }
}

#[derive(Serialize)]
struct Commits<'a> {
    commits: Vec<CommitDocument<'a>>,
}

/// Lists or shows commits.
pub(crate) async fn run(args: &args::Commit, global: &Global) -> Result<(), Failure> {
    match args {
        args::Commit::List(args) => list(args, global).await,
        args::Commit::Show(args) => show(args, global).await,
        args::Commit::Changes(args) => super::changes::commit(args, global).await,
    }
}

async fn list(args: &CommitList, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.given(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let actor = args.filter.as_ref().map(|CommitFilter::Actor(actor)| actor.clone());
    let page = CommitPage { limit: args.limit, actor, after: args.after.clone() };
    let commits = graph.list_commits(&args.branch, &page).await?;
    if args.json {
        return output::json(&Commits { commits: commits.iter().map(CommitDocument::from).collect() });
    }
    for commit in &commits {
        let branch = commit.graph_branch.as_deref().unwrap_or("main");
        let actor = commit.actor_id.as_ref().map(|a| format!(" actor={a}")).unwrap_or_default();
        output::line(&format!(
            "{} graph_branch={branch} graph_manifest_version={}{actor}",
            commit.graph_commit_id, commit.graph_manifest_version
        ))?;
    }
    Ok(())
}

async fn show(args: &CommitShow, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.as_deref(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let commit = graph.get_commit(&args.id).await?;
    if args.json {
        return output::json(&CommitDocument::from(&commit));
    }
    let mut lines = vec![
        format!("graph_commit_id: {}", commit.graph_commit_id),
        format!("graph_branch: {}", commit.graph_branch.as_deref().unwrap_or("main")),
        format!("graph_manifest_version: {}", commit.graph_manifest_version),
    ];
    lines.extend(commit.parent_commit_id.iter().map(|id| format!("parent_commit_id: {id}")));
    lines.extend(commit.merged_parent_commit_id.iter().map(|id| format!("merged_parent_commit_id: {id}")));
    lines.extend(commit.actor_id.iter().map(|actor| format!("actor_id: {actor}")));
    lines.push(format!("created_at: {}", commit.created_at));
    output::line(&lines.join("\n"))
}
