//! Merges.

use omnigraph::db::{LoadMode, MergeOutcome, RecoveryKind};

use super::fixtures::*;

const READY: &str = "branch_merge.post_phase_b_pre_manifest_commit";

/// Alice before the branches part; Bob on `feature`, Carol on main.
async fn parted() -> Store {
    let store = Store::with(&["Alice"]).await;
    store.graph.branch_create("feature").await.unwrap();
    add(&store.graph, "feature", "Bob").await.unwrap();
    add(&store.graph, "main", "Carol").await.unwrap();
    store.rest().await;
    store
}

#[tokio::test]
async fn a_merge_that_fails_before_publication_is_rolled_forward_with_both_parents() {
    let store = parted().await;
    let (main, feature) = (head(&store.graph, "main").await, head_id(&store.graph, "feature").await);
    let fault = store.fail(READY);
    let operation = interrupted(READY, merge(&store.graph, "feature", "main").await);
    drop(fault);
    assert_eq!(store.intents(), std::slice::from_ref(&operation));
    let (opened, record) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(record.writer_kind, "BranchMerge");
    assert_eq!(names(&opened, "main").await, ["Alice", "Bob", "Carol"]);
    let commit = head(&opened, "main").await;
    assert_eq!(commit.graph_manifest_version, main.graph_manifest_version + 1);
    assert_eq!(commit.merged_parent_commit_id, Some(feature));
    assert_eq!(merge(&opened, "feature", "main").await.unwrap().outcome, MergeOutcome::AlreadyUpToDate);
}

#[tokio::test]
async fn a_merge_between_branches_is_recovered_on_its_target() {
    let store = Store::with(&["Alice"]).await;
    for (branch, name) in [("target_branch", "Bob"), ("source_branch", "Carol")] {
        store.graph.branch_create(branch).await.unwrap();
        add(&store.graph, branch, name).await.unwrap();
    }
    store.rest().await;
    let main = head_id(&store.graph, "main").await;
    let target = head_id(&store.graph, "target_branch").await;
    let source = head_id(&store.graph, "source_branch").await;
    let fault = store.fail(READY);
    let operation = interrupted(READY, merge(&store.graph, "source_branch", "target_branch").await);
    drop(fault);

    let intent = store.intent(&operation);
    let tables = intent["tables"].as_array().unwrap();
    let pins: Vec<_> = tables.iter().map(|t| (t["table_key"].as_str(), t["table_branch"].as_str())).collect();
    assert_eq!(pins, [(Some("node:Person"), Some("target_branch"))]);
    assert_eq!(intent["branch"], "target_branch");

    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    let commit = head(&opened, "target_branch").await;
    assert_eq!((commit.parent_commit_id, commit.merged_parent_commit_id), (Some(target), Some(source)));
    assert_eq!(head_id(&opened, "main").await, main);
    assert_eq!(names(&opened, "target_branch").await, ["Alice", "Bob", "Carol"]);
}

#[tokio::test]
async fn a_merge_sees_what_its_handle_left_unsettled_on_either_side() {
    for side in ["main", "feature"] {
        let store = parted().await;
        let operation = store.interrupt_add(&store.graph, side, "Dan").await;
        merge(&store.graph, "feature", "main").await.unwrap();
        store.settled(&store.graph, &operation, RecoveryKind::RolledForward).await;
        assert_eq!(names(&store.graph, "main").await, ["Alice", "Bob", "Carol", "Dan"], "{side}");
    }
}

#[tokio::test]
async fn a_fast_forward_is_rolled_forward() {
    let store = Store::with(&["Alice"]).await;
    store.graph.branch_create("feature").await.unwrap();
    add(&store.graph, "feature", "Bob").await.unwrap();
    let fault = store.fail(READY);
    let operation = interrupted(READY, merge(&store.graph, "feature", "main").await);
    drop(fault);
    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(names(&opened, "main").await, ["Alice", "Bob"]);
}

#[tokio::test]
async fn a_merge_that_fails_within_a_table_leaves_the_target_as_it_was() {
    let points = [
        "stage.post_data_files",
        "stage.post_deletion_files",
        "stage.post_version",
        "branch_merge.rewrite_after_delete_pre_confirm",
    ];
    for point in points {
        for forward in [true, false] {
            let store = Store::with(&["alice", "carol", "dave"]).await;
            store.graph.branch_create("feature").await.unwrap();
            let text = r#"insert Person { name: "bob" }
                update Person set { age: 7 } where name = "carol"
                delete Person where name = "dave""#;
            run(&store.graph, "feature", text).await.unwrap();
            let mut expected = vec!["alice", "bob", "carol"];
            if !forward {
                add(&store.graph, "main", "zoe").await.unwrap();
                expected.push("zoe");
            }
            let before = names(&store.graph, "main").await;
            let fault = store.fail(point);
            let outcome = merge(&store.graph, "feature", "main").await;
            drop(fault);
            match forward {
                // The version of the source is named; there is nothing to write, so nothing to stop at.
                true => assert_eq!(outcome.unwrap().outcome, MergeOutcome::FastForward),
                false => {
                    failed(point, outcome);
                    let opened = store.open().await;
                    assert_eq!(names(&opened, "main").await, before, "{point}");
                    assert_eq!(opened.recovery_list().await.unwrap(), []);
                    assert_eq!(
                        merge(&opened, "feature", "main").await.unwrap().outcome,
                        MergeOutcome::Merged
                    );
                }
            }
            let opened = store.open().await;
            assert_eq!(names(&opened, "main").await, expected, "{point}");
            assert_eq!(ages(&opened).await, [("carol".to_owned(), 7)], "{point}");
        }
    }
}

#[tokio::test]
async fn a_large_merge_is_whole_or_absent() {
    const ROWS: usize = 8193;
    let line = |n: usize| format!("{{\"type\":\"Person\",\"data\":{{\"name\":\"p{n:05}\"}}}}\n");
    let many: String = (0..ROWS).map(line).collect();
    for delete in [false, true] {
        let store = Store::with(&["Alice"]).await;
        if delete {
            load(&store.graph, "main", &many, LoadMode::Append).await.unwrap();
        }
        store.graph.branch_create("feature").await.unwrap();
        match delete {
            true => {
                drop(run(&store.graph, "feature", r#"delete Person where name != "Alice""#).await.unwrap())
            }
            false => load(&store.graph, "feature", &many, LoadMode::Append).await.unwrap(),
        }
        add(&store.graph, "main", "Zoe").await.unwrap();
        let count = async |graph: &omnigraph::Omnigraph| names(graph, "main").await.len();
        let (before, after) = if delete { (ROWS + 2, 2) } else { (2, ROWS + 2) };

        let point = "stage.post_version";
        let fault = store.fail(point);
        failed(point, merge(&store.graph, "feature", "main").await);
        drop(fault);
        assert_eq!(count(&store.open().await).await, before);

        let fault = store.fail(READY);
        let operation = interrupted(READY, merge(&store.graph, "feature", "main").await);
        drop(fault);
        assert_eq!(count(&store.reader().await).await, before);
        let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
        assert_eq!(count(&opened).await, after);
    }
}

#[tokio::test]
async fn a_merge_that_only_names_versions_is_recovered_with_exactly_these() {
    let store = parted().await;
    run(&store.graph, "feature", r#"insert Company { name: "Acme" }"#).await.unwrap();
    run(&store.graph, "feature", r#"delete Person where name = "Bob""#).await.unwrap();
    store.rest().await;
    let source = store.graph.snapshot_of("feature").await.unwrap();
    let before = store.graph.snapshot_of("main").await.unwrap();
    let fault = store.fail(READY);
    let operation = interrupted(READY, merge(&store.graph, "feature", "main").await);
    drop(fault);
    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    let merged = opened.snapshot_of("main").await.unwrap();
    assert_eq!(merged.dataset("node:Company"), source.dataset("node:Company"));
    // What the source did to persons cancels out.
    assert_eq!(merged.dataset("node:Person"), before.dataset("node:Person"));
    assert_eq!(merged.commit().merged_parent_commit_id, Some(source.commit().graph_commit_id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_append_that_overtakes_a_merge_is_kept_and_the_merge_planned_again() {
    let store = parted().await;
    let other = store.open().await;
    let mut parked = store.park("branch_merge.post_effects_pre_confirm");
    let first = share(&store.graph);
    let first = spawn(async move { merge(&first, "feature", "main").await });
    parked.arrived().await;
    add(&other, "main", "Dan").await.unwrap();
    let winner = head_id(&other, "main").await;
    parked.release();
    let commit = first.await.unwrap().unwrap().commit.unwrap();
    assert_eq!(commit.parent_commit_id, Some(winner));
    assert_eq!(names(&other, "main").await, ["Alice", "Bob", "Carol", "Dan"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_merge_publishes_nothing_on_a_branch_created_again_that_it_did_not_read() {
    for point in ["branch_merge.post_candidate_validation", READY] {
        let store = parted().await;
        store.graph.branch_create("target").await.unwrap();
        add(&store.graph, "target", "Tim").await.unwrap();
        let other = store.open().await;
        let mut parked = store.park(point);
        let first = share(&store.graph);
        let first = spawn(async move { merge(&first, "feature", "target").await });
        parked.arrived().await;
        other.branch_delete("target").await.unwrap();
        other.branch_create_from("main", "target").await.unwrap();
        let fresh = head_id(&other, "target").await;
        parked.release();
        // It ends on the incarnation that it captured, or fails; the next one holds nothing of it.
        let _ = first.await.unwrap();
        assert_eq!(head_id(&other, "target").await, fresh, "{point}");
        assert_eq!(names(&other, "target").await, ["Alice", "Carol"], "{point}");
        assert_eq!(names(&other, "main").await, ["Alice", "Carol"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_merge_takes_the_commit_of_the_source_that_it_captured() {
    let store = parted().await;
    let other = store.open().await;
    let captured = head_id(&store.graph, "feature").await;
    let mut parked = store.park("branch_merge.post_authority_capture");
    let first = share(&store.graph);
    let first = spawn(async move { merge(&first, "feature", "main").await });
    parked.arrived().await;
    add(&other, "feature", "Late").await.unwrap();
    parked.release();
    let receipt = first.await.unwrap().unwrap();
    assert_eq!(receipt.source_commit_id, captured);
    assert_eq!(receipt.commit.unwrap().merged_parent_commit_id, Some(captured));
    assert_eq!(names(&other, "main").await, ["Alice", "Bob", "Carol"]);
    merge(&other, "feature", "main").await.unwrap();
    assert_eq!(names(&other, "main").await, ["Alice", "Bob", "Carol", "Late"]);
}
