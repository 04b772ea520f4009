//! `omnigraph quickstart`: a graph of real data and a few queries on it.

use std::path::Path;
use std::time::Instant;

use omnigraph::Omnigraph;
use omnigraph::db::{Load, LoadMode, LoadSource};
use omnigraph_api::{QueryRequest, RawJson, ReadOutput};
use omnigraph_service as service;
use serde::Serialize;
use serde_json::{Value, json};

use crate::address;
use crate::args::Global;
use crate::args::local::Quickstart;
use crate::failure::Failure;
use crate::format;
use crate::output;

const SCHEMA: &str = include_str!("../../../../examples/debian/schema.pg");
const QUERIES: &str = include_str!("../../../../examples/debian/queries.gq");
const ROWS: &str = include_str!("../../../../examples/debian/slice.jsonl");

/// A query that is shown: its title, its name in the query file and its parameters.
struct Sample {
    title: &'static str,
    query: &'static str,
    params: fn() -> Value,
}

const SAMPLES: [Sample; 5] = [
    Sample {
        title: "The largest packages of a section",
        query: "packages_in_section",
        params: || json!({"section": "libs"}),
    },
    Sample {
        title: "What depends on a library, with the version it asks for",
        query: "what_depends_on",
        params: || json!({"name": "libssl3"}),
    },
    Sample {
        title: "All that git needs, directly or not",
        query: "dependency_reach",
        params: || json!({"name": "git"}),
    },
    Sample {
        title: "Who looks after the most packages",
        query: "maintainers_by_packages",
        params: || json!({}),
    },
    Sample {
        title: "Packages of a section that nothing needs or recommends",
        query: "no_one_depends_on",
        params: || json!({"section": "utils"}),
    },
];

#[derive(Serialize)]
struct Document {
    uri: String,
    nodes: u64,
    edges: u64,
    answers: Vec<ReadOutput>,
}

/// Makes the graph, prints what the sample queries return, and says what to try next.
pub(crate) async fn run(args: &Quickstart, global: &Global) -> Result<(), Failure> {
    let uri = args.dir.display().to_string();
    address::check_storage_uri(&uri)?;
    refuse_non_empty(&args.dir)?;
    let started = Instant::now();
    let graph = Omnigraph::init_with(&uri, SCHEMA, &address::options(global, false))
        .await
        .map_err(|e| Failure::with_text(e, "examples/debian/schema.pg", SCHEMA))?;
    graph.load(Load::new("main", LoadSource::Text(ROWS.to_owned()), LoadMode::Append)).await?;
    let (nodes, edges) = graph.snapshot_of("main").await?.entity_counts();
    if !global.json {
        output::line(&format!(
            "Made {uri}: {nodes} nodes and {edges} edges of Debian's package universe, in one commit ({:.1} s).",
            started.elapsed().as_secs_f64()
        ))?;
    }
    let mut answers = Vec::new();
    for sample in &SAMPLES {
        let request = QueryRequest {
            query: QUERIES.to_owned(),
            name: Some(sample.query.to_owned()),
            params: RawJson::of(&(sample.params)()).ok(),
            branch: None,
            snapshot: None,
        };
        let answer = service::query(&graph, &request)
            .await
            .map_err(|e| Failure::with_text(e, "examples/debian/queries.gq", QUERIES))?;
        if !global.json {
            output::line(&format!("\n{}:\n{}", sample.title, format::table(&answer)))?;
        }
        answers.push(answer);
    }
    if global.json {
        return output::json(&Document { uri, nodes, edges, answers });
    }
    output::line(&next_steps(&uri))
}

fn refuse_non_empty(dir: &Path) -> Result<(), Failure> {
    let not_empty = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if not_empty || dir.is_file() {
        return Err(Failure::usage(
            format!("'{}' exists and is not empty", dir.display()),
            "name another directory: omnigraph quickstart DIR",
        ));
    }
    Ok(())
}

fn next_steps(uri: &str) -> String {
    format!(
        "
Try next (`cargo run --` in place of `omnigraph` if it is not installed):
  omnigraph schema show {uri}
  omnigraph query --store {uri} -e 'query q() {{ match {{ $p: Package  $p.essential = true }} return {{ $p.name, $p.installed_kib }} order {{ $p.name }} }}'
  omnigraph mutate --store {uri} -e 'query add() {{ insert Section {{ name: \"mine\", area: \"main\" }} }}' --as me
  omnigraph commit list {uri}
  omnigraph export {uri} --type Section

The queries above are in examples/debian/queries.gq; examples/debian/README.md makes the full set of 64 000 packages."
    )
}
