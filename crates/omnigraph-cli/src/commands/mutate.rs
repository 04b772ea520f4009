//! `omnigraph mutate`.

use omnigraph_api::{ChangeOutput, ChangeRequest, InvokeStoredQueryRequest, InvokeStoredQueryResponse};
use omnigraph_service as service;

use super::query_input::{self, QueryInput};
use crate::address::{self, Access, Target};
use crate::args::Global;
use crate::args::query::Mutate;
use crate::failure::Failure;
use crate::operator;
use crate::output;

/// Runs a mutation.
pub(crate) async fn run(args: &Mutate, global: &Global) -> Result<(), Failure> {
    let query = query_input::read(&args.source)?;
    let target = address::target(args.uri.as_deref(), global, Access::Write).await?;
    let changed = change(args, global, &target, query).await?;
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
    query: QueryInput,
) -> Result<ChangeOutput, Failure> {
    let params = query_input::params(&args.source)?;
    let (branch, if_commit) = (Some(args.branch.clone()), args.if_commit.as_deref());
    let text = match (query, target) {
        (QueryInput::Text(text), _) => text,
        (QueryInput::Stored(name), Target::Direct(_)) => return Err(query_input::needs_server(&name)),
        (QueryInput::Stored(name), Target::Served(graph)) => {
            let request =
                InvokeStoredQueryRequest { params, branch, snapshot: None, expect_mutation: Some(true) };
            return match graph.invoke(&name, &request, if_commit).await.map_err(Failure::from_write)? {
                InvokeStoredQueryResponse::Change(output) => Ok(output),
                InvokeStoredQueryResponse::Read(_) => Err(query_input::other_kind(&name, "a read")),
            };
        }
    };
    let request =
        ChangeRequest { query: text.source.clone(), name: args.source.name.clone(), params, branch };
    match target {
        Target::Served(graph) => graph.mutate(&request, if_commit).await.map_err(Failure::from_write),
        Target::Direct(uri) => {
            let graph = address::open(uri, global, Access::Write).await?;
            let changed = service::mutate(&graph, &request, operator::actor(global), if_commit).await;
            let changed = changed.map_err(|error| Failure::with_text(error, &text.label, &text.source))?;
            graph.close().await;
            Ok(changed)
        }
    }
}
