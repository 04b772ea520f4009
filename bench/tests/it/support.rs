//! A graph of items, and worker processes on it.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use omnigraph::Omnigraph;
use omnigraph::db::{JsonRows, ParamMap, row_objects};

pub(crate) const SCHEMA: &str = "node Item { name: String @key  n: I64 }\nedge Next: Item -> Item\n";

/// Starts a worker whose acknowledgements arrive on its stdout.
pub(crate) fn worker(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_omnigraph-bench"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the worker starts")
}

/// Returns the path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// Returns the names of all items, sorted.
pub(crate) async fn item_names(graph: &Omnigraph) -> Vec<String> {
    let query = "query names() { match { $i: Item } return { $i.name } order { $i.name } }";
    let answer = graph.query("main", query, None, &ParamMap::new()).await.expect("items are readable");
    answer
        .batches
        .iter()
        .flat_map(|batch| row_objects(batch, &answer.columns, JsonRows::Exact))
        .map(|row| row["i.name"].as_str().expect("names are text").to_owned())
        .collect()
}
