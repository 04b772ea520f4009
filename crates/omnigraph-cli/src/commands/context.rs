//! `omnigraph context`.

use omnigraph::Omnigraph;
use omnigraph::db::{ContextItem, ContextRequest, ReadTarget, SnapshotId, Via};
use serde_json::Value as Json;

use crate::address;
use crate::args::Global;
use crate::args::context::Context;
use crate::failure::Failure;
use crate::output;

/// Prints what a graph knows about a text.
pub(crate) async fn run(args: &Context, global: &Global) -> Result<(), Failure> {
    let uri = &address::storage(args.uri.as_deref(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let target = match &args.snapshot {
        Some(commit) => ReadTarget::Snapshot(SnapshotId::new(commit)),
        None => ReadTarget::Branch(args.branch.clone()),
    };
    let request = ContextRequest {
        text: args.text.clone(),
        types: args.types.clone(),
        edges: args.edges.clone(),
        seeds: args.seeds,
        hops: args.hops,
        max_items: args.limit,
        max_tokens: args.max_tokens,
    };
    let context = graph.context(target, &request).await?;
    if global.json {
        return output::json(&context);
    }
    for skipped in &context.skipped {
        eprintln!("left out {skipped}");
    }
    context.items.iter().try_for_each(item)?;
    let more = match context.left_out {
        0 => String::new(),
        more => format!(", {more} more did not fit"),
    };
    let found = context.items.len();
    output::line(&format!(
        "{found} entities, about {} tokens, by {}{more}",
        context.tokens,
        context.rankings.join(", ")
    ))
}

fn item(item: &ContextItem) -> Result<(), Failure> {
    let path = match &item.via {
        None => String::new(),
        Some(Via { edge_type, from_type_key, from_id, forward, .. }) => {
            let (open, close) = if *forward { ("-", "->") } else { ("<-", "-") };
            format!("  {from_type_key} {from_id} {open}{edge_type}{close}")
        }
    };
    output::line(&format!("{} {}  {:.4}{path}", item.type_key, item.id, item.score))?;
    let shown = item.properties.iter().filter(|(_, value)| !value.is_null());
    shown.into_iter().try_for_each(|(name, value)| {
        let text = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        output::line(&format!("  {name}: {text}"))
    })
}
