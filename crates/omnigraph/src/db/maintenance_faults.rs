//! Faults in maintenance: nothing is lost, and the next run converges.

use std::path::Path;
use std::time::Duration;

use omnigraph_graph::commit::failpoints::{CLEANUP_BRANCH, OPTIMIZE_PUBLISH};
use tempfile::TempDir;

use super::{
    CleanupPolicyOptions, DatasetCleanupStats, Durability, Mutate, Omnigraph, OpenOptions, ParamMap,
    RecoveryKind,
};
use crate::error::Result;
use crate::maintenance::failpoints;

const SCHEMA: &str = "node Person { name: String @key }\nnode Company { name: String @key }";

/// A point that is armed until this is dropped. Only tests of this module pass the points armed here.
struct Armed(&'static str);

impl Armed {
    fn returning(point: &'static str, action: &str) -> Armed {
        fail::cfg(point, action).unwrap();
        Armed(point)
    }

    fn calling(point: &'static str, work: impl Fn() + Send + Sync + 'static) -> Armed {
        fail::cfg_callback(point, work).unwrap();
        Armed(point)
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        fail::remove(self.0);
    }
}

struct Store {
    directory: TempDir,
    graph: Omnigraph,
}

impl Store {
    /// Three persons and two companies, each in a commit of its own.
    async fn new() -> Store {
        let directory = TempDir::new().unwrap();
        let graph =
            Omnigraph::init_with(directory.path().to_str().unwrap(), SCHEMA, &options()).await.unwrap();
        for text in [
            r#"insert Person { name: "a" }"#,
            r#"insert Person { name: "b" }"#,
            r#"insert Person { name: "c" }"#,
            r#"insert Company { name: "x" }"#,
            r#"insert Company { name: "y" }"#,
        ] {
            graph.mutate(Mutate::new("main", &format!("query q() {{ {text} }}"))).await.unwrap();
        }
        Store { directory, graph }
    }

    async fn reopened(&self) -> Omnigraph {
        Omnigraph::open_with(self.directory.path().to_str().unwrap(), &options()).await.unwrap()
    }

    fn objects(&self) -> usize {
        files(self.directory.path())
    }
}

fn files(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| if entry.file_type().unwrap().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

fn options() -> OpenOptions {
    OpenOptions { durability: Durability::Relaxed, ..OpenOptions::default() }
}

async fn cleanup(graph: &Omnigraph) -> Result<Vec<DatasetCleanupStats>> {
    let options = CleanupPolicyOptions {
        keep_versions: Some(1),
        grace: Duration::ZERO,
        ..CleanupPolicyOptions::default()
    };
    graph.cleanup(options).await
}

async fn persons(graph: &Omnigraph) -> usize {
    let text = "query q() { match { $p: Person } return { $p.name } }";
    graph.query("main", text, None, &ParamMap::new()).await.unwrap().row_count()
}

async fn a_table_that_fails_is_reported_and_the_others_are_cleaned_up() {
    let store = Store::new().await;
    let armed = Armed::returning(failpoints::CLEANUP_TABLE, "1*return");
    let stats = cleanup(&store.graph).await.unwrap();
    drop(armed);
    assert_eq!(stats.len(), 2);
    assert_eq!(stats.iter().filter(|dataset| dataset.error.is_some()).count(), 1, "{stats:?}");
    assert_eq!(stats.iter().filter(|dataset| dataset.old_versions_removed > 0).count(), 1, "{stats:?}");

    let again = cleanup(&store.graph).await.unwrap();
    assert!(again.iter().all(|dataset| dataset.error.is_none()));
    assert_eq!(again.iter().filter(|dataset| dataset.old_versions_removed > 0).count(), 1, "{again:?}");
    assert_eq!(persons(&store.reopened().await).await, 3);
}

async fn a_table_of_nobody_that_fails_is_removed_by_the_next_cleanup() {
    let store = Store::new().await;
    let dead = store.directory.path().join("nodes/9-9-dead/data");
    std::fs::create_dir_all(&dead).unwrap();
    std::fs::write(dead.join("x.lance"), "x").unwrap();
    let armed = Armed::returning(failpoints::CLEANUP_ORPHAN, "1*return");
    cleanup(&store.graph).await.unwrap();
    drop(armed);
    assert_eq!(files(&dead), 1);
    cleanup(&store.graph).await.unwrap();
    assert!(!dead.exists());
}

async fn a_live_branch_that_cannot_be_read_stops_cleanup() {
    let store = Store::new().await;
    let before = store.objects();
    let armed = Armed::returning(CLEANUP_BRANCH, "return");
    let error = cleanup(&store.graph).await.unwrap_err().to_string();
    drop(armed);
    assert!(error.contains("could not classify live branch 'main'"), "{error}");
    assert_eq!(store.objects(), before);
}

async fn an_intent_that_appears_between_the_checks_stops_cleanup() {
    let store = Store::new().await;
    let before = store.objects();
    let recovery = store.directory.path().join("__recovery");
    let armed = Armed::calling(failpoints::CLEANUP_CHECKED, move || {
        std::fs::create_dir_all(&recovery).unwrap();
        std::fs::write(recovery.join("01ARZ3NDEKTSV4RRFFQ69G5FAV.json"), "{}").unwrap();
    });
    let error = cleanup(&store.graph).await.unwrap_err().to_string();
    drop(armed);
    assert!(error.contains("clean recovery state"), "{error}");
    assert_eq!(store.objects(), before + 1);
}

async fn an_optimize_that_fails_early_changes_nothing() {
    let store = Store::new().await;
    for point in [failpoints::OPTIMIZE_BEGIN, failpoints::OPTIMIZE_TABLE] {
        let before = store.objects();
        let armed = Armed::returning(point, "return");
        assert!(store.graph.optimize().await.is_err());
        drop(armed);
        assert_eq!(store.objects(), before, "{point}");
    }
    assert!(store.graph.optimize().await.unwrap().iter().any(|dataset| dataset.committed));
}

async fn an_optimize_that_crashes_before_publication_is_rolled_forward() {
    let store = Store::new().await;
    let armed = Armed::returning(OPTIMIZE_PUBLISH, "panic");
    let doomed = store.reopened().await;
    assert!(tokio::spawn(async move { doomed.optimize().await.map(drop) }).await.is_err());
    drop(armed);
    assert!(store.graph.optimize().await.unwrap_err().to_string().contains("clean recovery state"));

    let reopened = store.reopened().await;
    let snapshot = reopened.snapshot_of("main").await.unwrap();
    assert_eq!(snapshot.dataset("node:Person").unwrap().fragments, 1);
    assert_eq!(persons(&reopened).await, 3);
    let recoveries = reopened.recovery_list().await.unwrap();
    assert_eq!(recoveries.len(), 1);
    let recovery = &recoveries[0];
    assert_eq!(recovery.recovery_kind, RecoveryKind::RolledForward);
    assert_eq!(recovery.writer_kind, "Optimize");
    assert_eq!(recovery.graph_commit_id, Some(snapshot.commit().graph_commit_id));
    assert_eq!(recovery.tables.len(), 2);
    assert!(reopened.optimize().await.unwrap().iter().all(|dataset| !dataset.committed));
}

/// One test, as the points are armed for the whole process.
#[tokio::test]
async fn faults_lose_nothing() {
    a_table_that_fails_is_reported_and_the_others_are_cleaned_up().await;
    a_table_of_nobody_that_fails_is_removed_by_the_next_cleanup().await;
    a_live_branch_that_cannot_be_read_stops_cleanup().await;
    an_intent_that_appears_between_the_checks_stops_cleanup().await;
    an_optimize_that_fails_early_changes_nothing().await;
    an_optimize_that_crashes_before_publication_is_rolled_forward().await;
}
