//! `omnigraph init`.

use omnigraph::Omnigraph;
use serde_json::json;

use crate::address;
use crate::args::Global;
use crate::args::schema::Init;
use crate::failure::Failure;
use crate::operator;
use crate::output;

/// Creates a graph with the schema of a file.
pub(crate) async fn run(args: &Init, global: &Global) -> Result<(), Failure> {
    address::check(&args.uri)?;
    operator::load()?;
    if !args.force {
        refuse_left_over(&args.uri)?;
    }
    let schema = output::read_text(&args.schema)?;
    let graph = Omnigraph::init_with(&args.uri, &schema, &address::options(global, false))
        .await
        .map_err(|e| Failure::of_text(e, &args.schema.display().to_string(), &schema))?;
    if global.json {
        let commit = graph.snapshot_of("main").await?.commit();
        output::json(&json!({"uri": args.uri, "graph_commit_id": commit.graph_commit_id}))
    } else {
        output::line(&format!("initialized {}", args.uri))
    }
}

/// Refuses a directory that holds the schema of a graph whose manifest is gone: it may be worth saving.
fn refuse_left_over(uri: &str) -> Result<(), Failure> {
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
