//! `omnigraph branch create`, `list`, `delete` and `merge`.

use omnigraph::db::{MergeBranches, Preferred};
use omnigraph_api::{BranchCreateRequest, BranchMergeOutput, BranchMergeRequest};
use omnigraph_service as service;
use serde::Serialize;

use crate::address::{self, Access, Target};
use crate::args::Global;
use crate::args::branch::{Branch, BranchCreate, BranchDelete, BranchList, BranchMerge, Resolve};
use crate::consent;
use crate::echo;
use crate::failure::Failure;
use crate::operator;
use crate::output;

/// Forks, lists, deletes or merges branches.
pub(crate) async fn run(args: &Branch, global: &Global) -> Result<(), Failure> {
    match args {
        Branch::Create(args) => create(args, global).await,
        Branch::List(args) => list(args, global).await,
        Branch::Delete(args) => delete(args, global).await,
        Branch::Merge(args) => merge(args, global).await,
    }
}

async fn create(args: &BranchCreate, global: &Global) -> Result<(), Failure> {
    let target = address::target(args.uri.as_deref(), global, Access::Write).await?;
    if args.snapshot.is_some() {
        target.storage("`branch create --snapshot`")?;
    }
    let label = "branch create";
    let mut created = match &target {
        Target::Served(graph) => {
            echo::write(label, &target, global);
            let request = BranchCreateRequest { name: args.name.clone(), from: Some(args.from.clone()) };
            graph.create_branch(&request).await.map_err(Failure::from_write)?
        }
        Target::Direct(uri) => {
            let graph = address::open(uri, global, Access::Write).await?;
            echo::write(label, &target, global);
            let branch = args.snapshot.is_none().then_some(args.from.as_str());
            let from = service::read_target(branch, args.snapshot.as_deref())?;
            let created = service::create_branch(&graph, from, &args.name, operator::actor(global)).await?;
            graph.close().await;
            created
        }
    };
    created.uri = target.uri();
    if global.json {
        return output::json(&created);
    }
    output::line(&format!("created branch {} from {}", created.name, created.from))
}

async fn list(args: &BranchList, global: &Global) -> Result<(), Failure> {
    let list = match address::target(args.uri.as_deref(), global, Access::Read).await? {
        Target::Served(graph) => graph.branches().await?,
        Target::Direct(uri) => service::branches(&address::open(&uri, global, Access::Read).await?).await?,
    };
    if global.json {
        return output::json(&list);
    }
    list.branches.iter().try_for_each(|name| output::line(name))
}

async fn delete(args: &BranchDelete, global: &Global) -> Result<(), Failure> {
    let target = address::target(args.uri.as_deref(), global, Access::Write).await?;
    let label = "branch delete";
    consent::require(label, &target.uri(), target.is_local(), global)?;
    let mut deleted = match &target {
        Target::Served(graph) => {
            echo::write(label, &target, global);
            graph.delete_branch(&args.name).await.map_err(Failure::from_write)?
        }
        Target::Direct(uri) => {
            let graph = address::open(uri, global, Access::Write).await?;
            echo::write(label, &target, global);
            let deleted = service::delete_branch(&graph, &args.name, operator::actor(global)).await?;
            graph.close().await;
            deleted
        }
    };
    deleted.uri = target.uri();
    if global.json {
        return output::json(&deleted);
    }
    output::line(&format!("deleted branch {}", deleted.name))
}

/// The receipt of a merge, or of a trial.
#[derive(Serialize)]
struct Merged {
    #[serde(flatten)]
    output: BranchMergeOutput,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

async fn merge(args: &BranchMerge, global: &Global) -> Result<(), Failure> {
    let target = address::target(args.uri.as_deref(), global, Access::Write).await?;
    if !args.resolve.is_empty() {
        target.storage("`branch merge --resolve`")?;
    }
    if args.dry_run {
        target.storage("`branch merge --dry-run`")?;
    }
    let output = match &target {
        Target::Served(graph) => {
            echo::write("branch merge", &target, global);
            let request = BranchMergeRequest {
                source: args.source.clone(),
                target: Some(args.into.clone()),
                delete_branch: args.delete_branch,
            };
            graph.merge_branches(&request).await.map_err(Failure::from_write)?
        }
        Target::Direct(uri) => merge_direct(args, global, &target, uri).await?,
    };
    let (source, asked) = (&args.source, args.delete_branch && !args.dry_run);
    match (output.branch_deleted, &output.branch_delete_error) {
        (Some(true), _) => {}
        (_, Some(error)) => eprintln!("warning: could not delete branch '{source}': {error}"),
        (Some(false), None) => eprintln!("warning: could not delete branch '{source}'"),
        (None, None) if asked => {
            eprintln!("warning: the server did not delete branch '{source}'; it was kept")
        }
        (None, None) => {}
    }
    if global.json {
        return output::json(&Merged { output, dry_run: args.dry_run });
    }
    let verb = if args.dry_run { "would merge" } else { "merged" };
    output::line(&format!("{verb} {} into {}: {}", output.source, output.target, output.outcome.as_str()))?;
    match output.branch_deleted {
        Some(true) => output::line(&format!("deleted branch {source}")),
        Some(false) | None => Ok(()),
    }
}

async fn merge_direct(
    args: &BranchMerge,
    global: &Global,
    target: &Target,
    uri: &str,
) -> Result<BranchMergeOutput, Failure> {
    let graph = address::open(uri, global, Access::Write).await?;
    echo::write("branch merge", target, global);
    let actor = operator::actor(global);
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
    let mut output = service::merge_branches(&graph, request).await?;
    if args.delete_branch && !args.dry_run {
        let problem = graph.branch_delete_as(&args.source, actor).await.err().map(|error| error.to_string());
        output.branch_deleted = Some(problem.is_none());
        output.branch_delete_error = problem;
    }
    graph.close().await;
    Ok(output)
}
