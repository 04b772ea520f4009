//! `omnigraph query`.

use omnigraph_api::{InvokeStoredQueryRequest, InvokeStoredQueryResponse, QueryRequest, ReadOutput};
use omnigraph_service as service;

use super::query_input::{self, QueryInput};
use crate::address::{self, Access, Target};
use crate::args::Global;
use crate::args::query::Query;
use crate::failure::Failure;
use crate::format;
use crate::output;

/// Runs a read query, or explains it.
pub(crate) async fn run(args: &Query, global: &Global) -> Result<(), Failure> {
    let query = query_input::read(&args.source)?;
    let target = address::target(args.uri.as_deref(), global, Access::Read).await?;
    if args.explain || args.analyze {
        return explain(args, global, &target, &query).await;
    }
    format::print(&read(args, global, &target, query).await?, global, args.format, None)
}

async fn read(
    args: &Query,
    global: &Global,
    target: &Target,
    query: QueryInput,
) -> Result<ReadOutput, Failure> {
    let params = query_input::params(&args.source)?;
    let (branch, snapshot) = (args.branch.clone(), args.snapshot.clone());
    let text = match (query, target) {
        (QueryInput::Text(text), _) => text,
        (QueryInput::Stored(name), Target::Direct(_)) => return Err(query_input::needs_server(&name)),
        (QueryInput::Stored(name), Target::Served(graph)) => {
            let request = InvokeStoredQueryRequest { params, branch, snapshot, expect_mutation: Some(false) };
            return match graph.invoke(&name, &request, None).await? {
                InvokeStoredQueryResponse::Read(output) => Ok(output),
                InvokeStoredQueryResponse::Change(_) => Err(query_input::other_kind(&name, "a mutation")),
            };
        }
    };
    let request =
        QueryRequest { query: text.source.clone(), name: args.source.name.clone(), params, branch, snapshot };
    match target {
        Target::Served(graph) => Ok(graph.query(&request).await?),
        Target::Direct(uri) => {
            let graph = address::open(uri, global, Access::Read).await?;
            let output = service::query(&graph, &request).await;
            output.map_err(|error| Failure::with_text(error, &text.label, &text.source))
        }
    }
}

/// Prints the plan of a query.
async fn explain(args: &Query, global: &Global, target: &Target, query: &QueryInput) -> Result<(), Failure> {
    let uri = target.storage(if args.explain { "`--explain`" } else { "`--analyze`" })?;
    let text = match query {
        QueryInput::Text(text) => text,
        QueryInput::Stored(name) => return Err(query_input::needs_server(name)),
    };
    let params = service::params(query_input::params(&args.source)?.as_ref())?;
    let target = service::read_target(args.branch.as_deref(), args.snapshot.as_deref())?;
    let graph = address::open(uri, global, Access::Read).await?;
    let plan = graph.explain(target, &text.source, args.source.name.as_deref(), &params, args.analyze).await;
    let plan = plan.map_err(|error| Failure::with_text(error, &text.label, &text.source))?;
    output::line(plan.trim_end())
}
