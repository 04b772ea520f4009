//! `omnigraph commit list` and `commit show`.

use omnigraph::db::CommitPage;
use omnigraph_service as service;

use crate::address::{self, Access, Target};
use crate::args::Global;
use crate::args::commit::{Commit, CommitFilter, CommitList, CommitShow};
use crate::failure::Failure;
use crate::output;

/// Lists or shows commits.
pub(crate) async fn run(args: &Commit, global: &Global) -> Result<(), Failure> {
    match args {
        Commit::List(args) => list(args, global).await,
        Commit::Show(args) => show(args, global).await,
        Commit::Changes(args) => super::changes::commit(args, global).await,
    }
}

async fn list(args: &CommitList, global: &Global) -> Result<(), Failure> {
    let target = address::target(args.uri.given(), global, Access::Read).await?;
    let paging = [
        ("`--limit`", args.limit.is_some()),
        ("`--filter`", args.filter.is_some()),
        ("`--after`", args.after.is_some()),
    ];
    for (flag, _) in paging.iter().filter(|(_, given)| *given) {
        target.storage(flag)?;
    }
    let actor = args.filter.as_ref().map(|CommitFilter::Actor(actor)| actor.clone());
    let list = match &target {
        Target::Served(graph) => graph.commits(Some(&args.branch)).await?,
        Target::Direct(uri) => {
            let page = CommitPage { limit: args.limit, actor, after: args.after.clone() };
            let graph = address::open(uri, global, Access::Read).await?;
            service::commits(&graph, &args.branch, &page).await?
        }
    };
    if global.json {
        return output::json(&list);
    }
    for commit in &list.commits {
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
    let commit = match address::target(args.uri.as_deref(), global, Access::Read).await? {
        Target::Served(graph) => graph.commit(&args.id).await?,
        Target::Direct(uri) => {
            service::commit(&address::open(&uri, global, Access::Read).await?, &args.id).await?
        }
    };
    if global.json {
        return output::json(&commit);
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
