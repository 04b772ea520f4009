//! What these tests share: fresh graphs in memory, and short ways to look at them.

use std::sync::atomic::{AtomicU64, Ordering};

use omnigraph::db::{
    JsonRows, Load, LoadMode, LoadSource, Mutate, MutationReceipt, OpenOptions, ParamMap, ReadTarget,
    row_objects,
};
use omnigraph::{Omnigraph, Result};
use serde_json::Value as Json;

/// Creates a graph that no other test sees.
pub(crate) async fn fresh(schema: &str) -> Omnigraph {
    fresh_with(schema, &OpenOptions::default()).await
}

/// Creates a graph that no other test sees, opened this way.
pub(crate) async fn fresh_with(schema: &str, options: &OpenOptions) -> Omnigraph {
    static GRAPHS: AtomicU64 = AtomicU64::new(0);
    let number = GRAPHS.fetch_add(1, Ordering::Relaxed);
    Omnigraph::init_with(&format!("memory://fresh-{number}"), schema, options).await.unwrap()
}

/// Loads rows in one commit.
pub(crate) async fn load(graph: &Omnigraph, branch: &str, text: &str, mode: LoadMode) -> Result<()> {
    graph.load(Load::new(branch, LoadSource::Text(text.to_owned()), mode)).await.map(drop)
}

/// Runs statements in one commit.
pub(crate) async fn run(graph: &Omnigraph, branch: &str, statements: &str) -> Result<MutationReceipt> {
    graph.mutate(Mutate::new(branch, &format!("query q() {{ {statements} }}"))).await
}

/// Returns the id of the head of a branch.
pub(crate) async fn head_id(graph: &Omnigraph, branch: &str) -> String {
    graph.snapshot_of(branch).await.unwrap().commit().graph_commit_id
}

/// Runs a query and returns its rows.
pub(crate) async fn rows(graph: &Omnigraph, target: impl Into<ReadTarget>, text: &str) -> Vec<Json> {
    let result = graph.query(target, text, None, &ParamMap::new()).await.unwrap();
    let objects =
        result.batches.iter().flat_map(|batch| row_objects(batch, &result.columns, JsonRows::Exact));
    objects.map(Json::Object).collect()
}

/// Returns the names of all persons, sorted.
pub(crate) async fn names(graph: &Omnigraph, target: impl Into<ReadTarget>) -> Vec<String> {
    let text = "query names() { match { $p: Person } return { $p.name as name } order { name } }";
    let rows = rows(graph, target, text).await;
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

/// Returns the lines of an export.
pub(crate) async fn lines(graph: &Omnigraph, target: impl Into<ReadTarget>) -> Vec<String> {
    let mut out = Vec::new();
    graph.export(target, &[], &mut out).await.unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}
