//! `omnigraph mutate`.

use omnigraph_api::{ChangeOutput, ChangeRequest, InvokeStoredQueryRequest, InvokeStoredQueryResponse};
use omnigraph_service as service;

use super::source::{self, Wanted};
use crate::address::{self, Access, Target};
use crate::args::Global;
use crate::args::query::Mutate;
use crate::failure::Failure;
use crate::operator;
use crate::output;

/// Runs a mutation.
pub(crate) async fn run(args: &Mutate, global: &Global) -> Result<(), Failure> {
    let wanted = source::read(&args.source)?;
    let target = address::target(args.uri.as_deref(), global, Access::Write).await?;
    let changed = change(args, global, &target, wanted).await?;
    if global.json {
        return output::json(&changed);
    }
    output::line(&format!(
        "changed {} via {}: {} nodes, {} edges",
        changed.branch, changed.query_name, changed.affected_nodes, changed.affected_edges
    ))?;
    match &changed.actor_id {
        Some(actor) => output::line(&format!("actor_id: {actor}")),
        None => Ok(()),
    }
}

async fn change(
    args: &Mutate,
    global: &Global,
    target: &Target,
    wanted: Wanted,
) -> Result<ChangeOutput, Failure> {
    let params = source::params(&args.source)?;
    let (branch, if_commit) = (Some(args.branch.clone()), args.if_commit.as_deref());
    let source = match (wanted, target) {
        (Wanted::Text(source), _) => source,
        (Wanted::Stored(name), Target::Direct(_)) => return Err(source::needs_server(&name)),
        (Wanted::Stored(name), Target::Served(graph)) => {
            let request =
                InvokeStoredQueryRequest { params, branch, snapshot: None, expect_mutation: Some(true) };
            return match graph.invoke(&name, &request, if_commit).await.map_err(Failure::of_write)? {
                InvokeStoredQueryResponse::Change(output) => Ok(output),
                InvokeStoredQueryResponse::Read(_) => Err(source::other_kind(&name, "a read")),
            };
        }
    };
    let request =
        ChangeRequest { query: source.text.clone(), name: args.source.name.clone(), params, branch };
    match target {
        Target::Served(graph) => graph.mutate(&request, if_commit).await.map_err(Failure::of_write),
        Target::Direct(uri) => {
            let graph = address::open(uri, global, Access::Write).await?;
            let changed = service::mutate(&graph, &request, operator::actor(global), if_commit).await;
            let changed = changed.map_err(|error| Failure::of_text(error, &source.label, &source.text))?;
            graph.close().await;
            Ok(changed)
        }
    }
}
