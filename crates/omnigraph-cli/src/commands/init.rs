//! `omnigraph init`.

use omnigraph::Omnigraph;
use serde_json::json;

use crate::address;
use crate::args::Global;
use crate::args::schema::Init;
use crate::failure::Failure;
use crate::input;
use crate::operator;
use crate::output;

/// Creates a graph with the schema of a file.
pub(crate) async fn run(args: &Init, global: &Global) -> Result<(), Failure> {
    address::check_storage_uri(&args.uri)?;
    operator::load()?;
    if !args.force {
        refuse_orphaned_schema(&args.uri)?;
    }
    let schema = input::read_text(&args.schema)?;
    let graph = Omnigraph::init_with(&args.uri, &schema, &address::options(global, false))
        .await
        .map_err(|e| Failure::with_text(e, &args.schema.display().to_string(), &schema))?;
    if global.json {
        let commit = graph.snapshot_of("main").await?.commit();
        output::json(&json!({"uri": args.uri, "graph_commit_id": commit.graph_commit_id}))
    } else {
        output::line(&format!("initialized {}", args.uri))
    }
}

/// Refuses a directory with `_schema.pg` but no manifest: a graph was there, and its schema may be worth saving.
fn refuse_orphaned_schema(uri: &str) -> Result<(), Failure> {
    match address::local_path(uri) {
        Some(root) if root.join("_schema.pg").exists() && !root.join("__manifest").exists() => {
            Err(Failure::usage(
                format!("'{uri}' holds `_schema.pg` of an earlier graph, but no graph"),
                "choose another place, or pass --force to replace `_schema.pg`",
            ))
        }
        _ => Ok(()),
    }
}
