//! `omnigraph mutate`.

use omnigraph::Omnigraph;
use omnigraph::db::{GraphCommit, Mutate};
use serde::Serialize;

use super::commit::CommitDocument;
use super::source;
use crate::address;
use crate::args;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Document<'a> {
    branch: &'a str,
    query_name: &'a str,
    affected_nodes: u64,
    affected_edges: u64,
    actor_id: Option<&'a str>,
    commit: Option<CommitDocument<'a>>,
}

/// Runs a mutation.
pub(crate) async fn run(args: &args::Mutate, global: &args::Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.as_deref(), global)?;
    let source = source::read(&args.source)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, false)).await?;
    let actor = global.actor.as_deref();
    let request = Mutate {
        name: args.source.name.as_deref(),
        params: source::params(&args.source)?,
        actor,
        if_commit: args.if_commit.as_deref(),
        ..Mutate::new(&args.branch, &source.text)
    };
    let receipt =
        graph.mutate(request).await.map_err(|e| Failure::of_text(e, &source.label, &source.text))?;
    graph.close().await;
    let (nodes, edges) = (receipt.result.affected_nodes, receipt.result.affected_edges);
    if args.json {
        return output::json(&Document {
            branch: &args.branch,
            query_name: &receipt.query_name,
            affected_nodes: nodes,
            affected_edges: edges,
            actor_id: actor,
            commit: receipt.commit.as_ref().map(|c: &GraphCommit| CommitDocument::from(c)),
        });
    }
    output::line(&format!(
        "changed {} via {}: {nodes} nodes, {edges} edges",
        args.branch, receipt.query_name
    ))?;
    match actor {
        Some(actor) => output::line(&format!("actor_id: {actor}")),
        None => Ok(()),
    }
}
