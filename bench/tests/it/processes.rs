//! Two processes write one graph at once.

use std::process::Output;

use omnigraph::Omnigraph;
use omnigraph::db::CommitPage;

use crate::support::{SCHEMA, item_names, text, worker};

/// One-row commits of each process; `OMNIGRAPH_RACE_INSERTS` sets another number.
fn inserts() -> usize {
    std::env::var("OMNIGRAPH_RACE_INSERTS").ok().and_then(|n| n.parse().ok()).unwrap_or(100)
}

#[tokio::test]
async fn two_processes_lose_no_insert_and_surface_no_retry() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("graph");
    let graph = Omnigraph::init(text(&root), SCHEMA).await.unwrap();
    let count = inserts().to_string();
    let start = |prefix| worker(&["insert", "--graph", text(&root), "--prefix", prefix, "--count", &count]);
    let (left, right) = (start("left"), start("right"));
    let outputs = tokio::task::spawn_blocking(move || {
        [left.wait_with_output().unwrap(), right.wait_with_output().unwrap()]
    })
    .await
    .unwrap();
    for Output { status, stderr, .. } in &outputs {
        assert!(status.success(), "{}", String::from_utf8_lossy(stderr));
    }

    let mut expected: Vec<String> = ["left", "right"]
        .iter()
        .flat_map(|prefix| (0..inserts()).map(move |n| format!("{prefix}-{n}")))
        .collect();
    expected.sort();
    assert_eq!(item_names(&graph).await, expected);

    let commits = graph.list_commits("main", &CommitPage::default()).await.unwrap();
    assert_eq!(commits.len(), 2 * inserts() + 1);
    for pair in commits.windows(2) {
        assert_eq!(pair[0].parent_commit_id.as_deref(), Some(pair[1].graph_commit_id.as_str()));
        assert_eq!(pair[0].graph_manifest_version, pair[1].graph_manifest_version + 1);
    }
}
