//! `omnigraph tag create`, `list` and `delete`.

use omnigraph::Omnigraph;
use omnigraph::db::{GraphTag, ReadTarget, SnapshotId};
use serde::Serialize;

use crate::address;
use crate::args::Global;
use crate::args::branch::Tag;
use crate::failure::Failure;
use crate::operator;
use crate::output;

#[derive(Serialize)]
struct Listed {
    tags: Vec<GraphTag>,
}

#[derive(Serialize)]
struct Deleted<'a> {
    uri: &'a str,
    name: &'a str,
}

/// Names commits, lists the names, or forgets one.
pub(crate) async fn run(args: &Tag, global: &Global) -> Result<(), Failure> {
    match args {
        Tag::Create(args) => {
            let uri = &address::storage(args.uri.as_deref(), global)?;
            let graph = Omnigraph::open_with(uri, &address::options(global, false)).await?;
            let target = match &args.snapshot {
                Some(commit) => ReadTarget::Snapshot(SnapshotId::new(commit)),
                None => ReadTarget::Branch(args.branch.clone()),
            };
            let tag = graph.tag_create(target, &args.name, operator::actor(global)).await?;
            if global.json {
                return output::json(&tag);
            }
            output::line(&format!("tagged commit {} as {}", tag.graph_commit_id, tag.name))
        }
        Tag::List(args) => {
            let uri = &address::storage(args.uri.as_deref(), global)?;
            let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
            let tags = graph.tag_list().await?;
            if global.json {
                return output::json(&Listed { tags });
            }
            tags.iter().try_for_each(|tag| output::line(&format!("{} {}", tag.name, tag.graph_commit_id)))
        }
        Tag::Delete(args) => {
            let uri = &address::storage(args.uri.as_deref(), global)?;
            let graph = Omnigraph::open_with(uri, &address::options(global, false)).await?;
            graph.tag_delete(&args.name).await?;
            if global.json {
                return output::json(&Deleted { uri, name: &args.name });
            }
            output::line(&format!("deleted tag {}", args.name))
        }
    }
}
