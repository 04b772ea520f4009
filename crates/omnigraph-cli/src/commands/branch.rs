//! `omnigraph branch create`, `list`, `delete` and `merge`.

use omnigraph::Omnigraph;
use omnigraph::db::{MergeBranches, MergeOutcome, MergeReceipt, Preferred, ReadTarget, SnapshotId};
use serde::Serialize;

use super::commit::CommitDocument;
use crate::address;
use crate::args::{self, BranchCreate, BranchDelete, BranchList, BranchMerge, Global, Resolve};
use crate::consent;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Created<'a> {
    uri: &'a str,
    from: &'a str,
    name: &'a str,
    actor_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Listed {
    branches: Vec<String>,
}

#[derive(Serialize)]
struct Deleted<'a> {
    uri: &'a str,
    name: &'a str,
    actor_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Merged<'a> {
    source: &'a str,
    target: &'a str,
    outcome: MergeOutcome,
    actor_id: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    adopted: &'a [String],
    merged: &'a [String],
    commit: Option<CommitDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch_deleted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch_delete_error: Option<String>,
}

/// Forks, lists, deletes or merges branches.
pub(crate) async fn run(args: &args::Branch, global: &Global) -> Result<(), Failure> {
    match args {
        args::Branch::Create(args) => create(args, global).await,
        args::Branch::List(args) => list(args, global).await,
        args::Branch::Delete(args) => delete(args, global).await,
        args::Branch::Merge(args) => merge(args, global).await,
    }
}

async fn create(args: &BranchCreate, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.as_deref(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, false)).await?;
    output::echo("branch create", uri, global.quiet);
    let (from, target) = match &args.snapshot {
        Some(commit) => (commit.as_str(), ReadTarget::Snapshot(SnapshotId::new(commit))),
        None => (args.from.as_str(), ReadTarget::Branch(args.from.clone())),
    };
    let actor = global.actor.as_deref();
    graph.branch_create_from_as(target, &args.name, actor).await?;
    graph.close().await;
    if args.json {
        return output::json(&Created { uri, from, name: &args.name, actor_id: actor });
    }
    output::line(&format!("created branch {} from {from}", args.name))
}

async fn list(args: &BranchList, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.as_deref(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let mut branches = graph.branch_list().await?;
    if args.json {
        branches.sort();
        return output::json(&Listed { branches });
    }
    branches.iter().try_for_each(|name| output::line(name))
}

async fn delete(args: &BranchDelete, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.as_deref(), global)?;
    consent::require("branch delete", uri, args.json, global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, false)).await?;
    output::echo("branch delete", uri, global.quiet);
    let actor = global.actor.as_deref();
    graph.branch_delete_as(&args.name, actor).await?;
    graph.close().await;
    if args.json {
        return output::json(&Deleted { uri, name: &args.name, actor_id: actor });
    }
    output::line(&format!("deleted branch {}", args.name))
}

async fn merge(args: &BranchMerge, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.as_deref(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, false)).await?;
    output::echo("branch merge", uri, global.quiet);
    let actor = global.actor.as_deref();
    let request = MergeBranches {
        actor,
        combine_properties: args.resolve.iter().any(|choice| matches!(choice, Resolve::Properties)),
        prefer: args.resolve.iter().find_map(|choice| match choice {
            Resolve::Ours => Some(Preferred::Ours),
            Resolve::Theirs => Some(Preferred::Theirs),
            Resolve::Properties => None,
        }),
        dry_run: args.dry_run,
        ..MergeBranches::new(&args.source, &args.into)
    };
    let receipt = graph.branch_merge(request).await?;
    let deletion = match args.delete_branch && !args.dry_run {
        true => Some(graph.branch_delete_as(&args.source, actor).await.map_err(|error| error.to_string())),
        false => None,
    };
    graph.close().await;
    if let Some(Err(error)) = &deletion {
        eprintln!("warning: could not delete branch '{}': {error}", args.source);
    }
    if args.json {
        return output::json(&Merged {
            source: &args.source,
            target: &args.into,
            outcome: receipt.outcome,
            actor_id: actor,
            dry_run: args.dry_run,
            adopted: &receipt.adopted,
            merged: &receipt.merged,
            commit: receipt.commit.as_ref().map(CommitDocument::from),
            branch_deleted: deletion.as_ref().map(Result::is_ok),
            branch_delete_error: deletion.and_then(Result::err),
        });
    }
    output::line(&summary(args, &receipt))?;
    match deletion {
        Some(Ok(())) => output::line(&format!("deleted branch {}", args.source)),
        Some(Err(_)) | None => Ok(()),
    }
}

fn summary(args: &BranchMerge, receipt: &MergeReceipt) -> String {
    let outcome = match receipt.outcome {
        MergeOutcome::AlreadyUpToDate => "already_up_to_date",
        MergeOutcome::FastForward => "fast_forward",
        MergeOutcome::Merged => "merged",
    };
    let verb = if args.dry_run { "would merge" } else { "merged" };
    format!("{verb} {} into {}: {outcome}", args.source, args.into)
}
