//! Making and deleting branches.

use super::fixtures::*;
use omnigraph::db::CleanupPolicyOptions;
use std::time::Duration;

fn harshest() -> CleanupPolicyOptions {
    CleanupPolicyOptions { keep_versions: Some(1), grace: Duration::ZERO, ..CleanupPolicyOptions::default() }
}

#[tokio::test]
async fn a_creation_that_fails_after_its_ref_takes_it_back() {
    const POINT: &str = "branch_create.after_manifest_branch_create";
    let store = Store::empty().await;
    let fault = store.fail(POINT);
    failed(POINT, store.graph.branch_create("feature").await);
    assert_eq!(store.graph.branch_list().await.unwrap(), ["main"]);
    drop(fault);
    store.graph.branch_create("feature").await.unwrap();
    assert_eq!(store.graph.branch_list().await.unwrap(), ["main", "feature"]);
}

#[tokio::test]
async fn the_storage_of_a_deleted_branch_is_left_to_cleanup() {
    let store = Store::filled().await;
    store.graph.branch_create("feature").await.unwrap();
    add(&store.graph, "feature", "Eve").await.unwrap();
    store.rest().await;
    let before = store.files();
    store.graph.branch_delete("feature").await.unwrap();
    assert_eq!(store.graph.branch_list().await.unwrap(), ["main"]);
    let left = |path: &String| path.starts_with("nodes/");
    assert_eq!(store.files().keys().filter(|p| left(p)).count(), before.keys().filter(|p| left(p)).count());

    store.graph.cleanup(harshest()).await.unwrap();
    assert!(store.files().keys().filter(|p| left(p)).count() < before.keys().filter(|p| left(p)).count());
    store.graph.branch_create("feature").await.unwrap();
    add(&store.graph, "feature", "Frank").await.unwrap();
    assert_eq!(names(&store.graph, "feature").await, ["Alice", "Bob", "Charlie", "Diana", "Frank"]);
}

#[tokio::test]
async fn a_branch_created_again_holds_nothing_of_its_namesake() {
    let store = Store::filled().await;
    store.graph.branch_create("feature").await.unwrap();
    add(&store.graph, "feature", "Eve").await.unwrap();
    store.graph.branch_delete("feature").await.unwrap();
    store.graph.branch_create("feature").await.unwrap();
    add(&store.graph, "feature", "Frank").await.unwrap();
    assert_eq!(names(&store.graph, "feature").await, ["Alice", "Bob", "Charlie", "Diana", "Frank"]);
}

/// A table that nobody names stands for a stray fork.
fn ghost(store: &Store) -> std::path::PathBuf {
    let ghost = store.path("nodes/9-9-ghost");
    std::fs::create_dir_all(ghost.join("data")).unwrap();
    std::fs::write(ghost.join("data/x.lance"), "x").unwrap();
    ghost
}

#[tokio::test]
async fn a_table_that_cannot_be_cleaned_up_does_not_hold_up_the_others() {
    let store = Store::filled().await;
    add(&store.graph, "main", "Eve").await.unwrap();
    store.rest().await;
    let ghost = ghost(&store);
    let fault = store.arm("cleanup.table_gc", "1*return");
    let stats = store.graph.cleanup(harshest()).await.unwrap();
    drop(fault);
    assert!(stats.len() >= 4, "{stats:?}");
    let failed: Vec<_> = stats.iter().filter_map(|dataset| dataset.error.as_deref()).collect();
    assert_eq!(failed, ["injected failpoint triggered: cleanup.table_gc"]);
    assert!(!ghost.exists());
    assert_eq!(names(&store.open().await, "main").await.len(), 5);
}

#[tokio::test]
async fn a_stray_table_that_cannot_be_removed_goes_with_the_next_cleanup() {
    let store = Store::filled().await;
    let ghost = ghost(&store);
    let fault = store.arm("cleanup.reconcile_fork", "1*return");
    store.graph.cleanup(harshest()).await.unwrap();
    drop(fault);
    assert!(ghost.join("data/x.lance").exists());
    store.graph.cleanup(harshest()).await.unwrap();
    assert!(!ghost.exists());
}

#[tokio::test]
async fn the_log_of_a_deleted_branch_goes_with_cleanup_and_its_name_is_free_at_once() {
    let store = Store::filled().await;
    store.graph.branch_create("feature").await.unwrap();
    add(&store.graph, "feature", "Eve").await.unwrap();
    store.rest().await;
    store.graph.branch_delete("feature").await.unwrap();
    store.graph.branch_create("feature").await.unwrap();
    assert!(store.graph.branch_list().await.unwrap().contains(&"feature".to_owned()));
    store.graph.branch_delete("feature").await.unwrap();

    let bookkeeping = |store: &Store| {
        let files = store.files();
        files.keys().filter(|path| path.starts_with("__manifest/log/") || path.contains("/retired/")).count()
    };
    let before = bookkeeping(&store);
    store.graph.cleanup(harshest()).await.unwrap();
    let after = bookkeeping(&store);
    assert!(after < before && after == 2, "{before} before, {after} after: the two commits of main");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_writer_that_is_overtaken_on_its_branch_plans_again() {
    let store = Store::filled().await;
    store.graph.branch_create("feature").await.unwrap();
    let other = store.open().await;
    let mut parked = store.park("mutation.post_stage_pre_effect_gate");
    let first = share(&store.graph);
    let first = spawn(async move { add(&first, "feature", "Eve").await });
    parked.arrived().await;
    add(&other, "feature", "Frank").await.unwrap();
    parked.release();
    first.await.unwrap().unwrap();
    assert_eq!(names(&other, "feature").await, ["Alice", "Bob", "Charlie", "Diana", "Eve", "Frank"]);
    assert_eq!(names(&other, "main").await.len(), 4);
}
