//! `omnigraph index list` and `build`.

use omnigraph::Omnigraph;
use omnigraph::db::{IndexKind, IndexState, IndexStatus, PendingIndex, ReadTarget, SnapshotId};
use serde::Serialize;

use crate::address;
use crate::args::Global;
use crate::args::maintenance::{Index, IndexBuild, IndexList};
use crate::echo;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Listed<'a> {
    uri: &'a str,
    indexes: Vec<IndexStatus>,
}

#[derive(Serialize)]
struct Built<'a> {
    uri: &'a str,
    branch: &'a str,
    pending_indexes: Vec<PendingIndex>,
}

/// Lists the declared indexes, or builds what they lack.
pub(crate) async fn run(args: &Index, global: &Global) -> Result<(), Failure> {
    match args {
        Index::List(args) => list(args, global).await,
        Index::Build(args) => build(args, global).await,
    }
}

async fn list(args: &IndexList, global: &Global) -> Result<(), Failure> {
    let uri = &address::storage(args.uri.given(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let target = match &args.snapshot {
        Some(commit) => ReadTarget::Snapshot(SnapshotId::new(commit)),
        None => ReadTarget::Branch(args.branch.clone()),
    };
    let indexes = graph.index_list(target).await?;
    if global.json {
        return output::json(&Listed { uri, indexes });
    }
    output::line(&format!("{:<44}{:<10}{:<9}{:>14}{:>14}", "index", "kind", "state", "rows", "bytes"))?;
    for index in &indexes {
        let name = format!("{}({})", index.type_key, index.properties.join(", "));
        let kind = match index.kind {
            IndexKind::Key => "key",
            IndexKind::Text => "text",
            IndexKind::Substring => "substring",
            IndexKind::Vector => "vector",
        };
        let state = match index.state {
            IndexState::Ready => "ready",
            IndexState::Partial => "partial",
            IndexState::Missing => "missing",
            IndexState::Pending => "pending",
        };
        output::line(&format!("{name:<44}{kind:<10}{state:<9}{:>14}{:>14}", index.rows, index.bytes))?;
        if index.state == IndexState::Partial {
            output::line(&format!("    ↳ covers {} rows", index.rows_covered + index.rows_small))?;
        }
        if let Some(reason) = &index.reason {
            output::line(&format!("    ↳ {reason}"))?;
        }
    }
    Ok(())
}

async fn build(args: &IndexBuild, global: &Global) -> Result<(), Failure> {
    let uri = &address::storage(args.uri.given(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, false)).await?;
    echo::storage_write("index build", uri, global);
    let pending_indexes = graph.ensure_indices_on(&args.branch).await?;
    graph.close().await;
    if global.json {
        return output::json(&Built { uri, branch: &args.branch, pending_indexes });
    }
    output::line(&format!("built the indexes of {}", args.branch))?;
    pending_indexes.iter().try_for_each(|pending| {
        let PendingIndex { type_key, property, reason } = pending;
        output::line(&format!("    ↳ index pending on {type_key}.{property}: {reason}"))
    })
}
