//! `omnigraph ingest`, the deprecated form of `load`.

use omnigraph::db::Grammar;
use omnigraph_api::IngestOutput;

use super::data_file::DataLoad;
use crate::args::Global;
use crate::args::data::Ingest;
use crate::failure::Failure;
use crate::output;

/// Loads a file of JSON values as one commit.
pub(crate) async fn run(args: &Ingest, global: &Global) -> Result<(), Failure> {
    eprintln!(
        "warning: `omnigraph ingest` is a deprecated loader command; use `omnigraph load --from <base> --mode <mode>`"
    );
    let load = DataLoad {
        label: "ingest",
        uri: args.uri.given(),
        data: &args.data,
        mode: args.mode,
        branch: &args.branch,
        from: Some(&args.from),
        grammar: Grammar::Permissive,
    };
    let loaded = load.run(global).await?;
    if global.json { output::json(&loaded) } else { print(&loaded) }
}

fn print(loaded: &IngestOutput) -> Result<(), Failure> {
    output::line(&format!(
        "ingested {} entities from {} into branch {} from {} with {} (branch {})",
        loaded.total_entities,
        loaded.uri,
        loaded.branch,
        loaded.base_branch.as_deref().unwrap_or("main"),
        loaded.mode.as_str(),
        if loaded.branch_created { "created" } else { "exists" }
    ))?;
    for (kind, types) in [("node", &loaded.nodes), ("edge", &loaded.edges)] {
        for of in types {
            output::line(&format!("{kind} type '{}': {} entities loaded", of.name, of.entities_loaded))?;
        }
    }
    match &loaded.actor_id {
        Some(actor) => output::line(&format!("actor_id: {actor}")),
        None => Ok(()),
    }
}
