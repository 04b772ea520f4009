//! `omnigraph load`.

use omnigraph::db::Grammar;
use omnigraph_api::{CommitOutput, GraphBatchDeclarationOutput, LoadMode};
use serde::Serialize;

use super::data_file::DataLoad;
use crate::args::Global;
use crate::args::data::Load;
use crate::failure::Failure;
use crate::output;

/// The receipt as it is printed.
#[derive(Serialize)]
struct Document<'a> {
    uri: &'a str,
    branch: &'a str,
    mode: LoadMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_branch: Option<&'a str>,
    branch_created: bool,
    nodes: &'a [GraphBatchDeclarationOutput],
    edges: &'a [GraphBatchDeclarationOutput],
    total_entities: usize,
    commit: Option<&'a CommitOutput>,
}

/// Loads a JSONL file as one commit.
pub(crate) async fn run(args: &Load, global: &Global) -> Result<(), Failure> {
    let load = DataLoad {
        label: "load",
        uri: args.uri.given(),
        data: &args.data,
        mode: args.mode,
        branch: &args.branch,
        from: args.from.as_deref(),
        grammar: Grammar::Strict,
    };
    let loaded = load.run(global).await?;
    if global.json {
        return output::json(&Document {
            uri: &loaded.uri,
            branch: &loaded.branch,
            mode: loaded.mode,
            base_branch: loaded.base_branch.as_deref(),
            branch_created: loaded.branch_created,
            nodes: &loaded.nodes,
            edges: &loaded.edges,
            total_entities: loaded.total_entities,
            commit: loaded.commit.as_ref(),
        });
    }
    output::line(&format!(
        "loaded {} on branch {} with {}: {} entities across {} node types and {} edge types",
        loaded.uri,
        loaded.branch,
        loaded.mode.as_str(),
        loaded.total_entities,
        loaded.nodes.len(),
        loaded.edges.len()
    ))?;
    match &loaded.base_branch {
        Some(base) if loaded.branch_created => {
            output::line(&format!("branch {} created from {base}", loaded.branch))
        }
        _ => Ok(()),
    }
}
