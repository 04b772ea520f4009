//! `omnigraph snapshot`.

use omnigraph::Omnigraph;
use omnigraph::db::DatasetEntry;
use serde::Serialize;

use crate::address;
use crate::args::{self, Global};
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Dataset<'a> {
    entity_kind: &'a str,
    type_name: &'a str,
    dataset_path: &'a str,
    published_dataset_version: u64,
    native_dataset_branch: Option<&'a str>,
    entity_count: u64,
    table_version: u64,
    fragments: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Document<'a> {
    graph_branch: &'a str,
    graph_manifest_version: u64,
    internal_schema_version: u32,
    datasets: Vec<Dataset<'a>>,
}

/// Shows the pins of a branch's head.
pub(crate) async fn run(args: &args::Snapshot, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.given(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let snapshot = graph.snapshot_of(args.branch.as_str()).await?;
    let mut entries = snapshot.datasets();
    entries.sort_by(|a, b| a.type_key.cmp(&b.type_key));
    let document = Document {
        graph_branch: &args.branch,
        graph_manifest_version: snapshot.graph_manifest_version(),
        internal_schema_version: omnigraph::db::STORAGE_FORMAT,
        datasets: entries.iter().map(dataset).collect(),
    };
    if args.json {
        return output::json(&document);
    }
    let mut lines = vec![
        format!("graph_branch: {}", document.graph_branch),
        format!("graph_manifest_version: {}", document.graph_manifest_version),
        format!("internal_schema_version: {}", document.internal_schema_version),
    ];
    lines.extend(document.datasets.iter().map(|d| {
        format!(
            "{} type '{}' published_dataset_version={} native_dataset_branch=main entities={}",
            d.entity_kind, d.type_name, d.published_dataset_version, d.entity_count
        )
    }));
    output::line(&lines.join("\n"))
}

fn dataset(entry: &DatasetEntry) -> Dataset<'_> {
    let (entity_kind, type_name) = entry.type_key.split_once(':').unwrap_or(("", &entry.type_key));
    Dataset {
        entity_kind,
        type_name,
        dataset_path: &entry.dataset_path,
        published_dataset_version: entry.published_dataset_version,
        native_dataset_branch: None,
        entity_count: entry.entity_count,
        table_version: entry.table_version,
        fragments: entry.fragments,
        bytes: entry.bytes,
    }
}
