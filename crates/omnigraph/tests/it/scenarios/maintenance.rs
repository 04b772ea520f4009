//! Compaction, repair and cleanup.

use std::time::Duration;

use omnigraph::db::{CleanupPolicyOptions, CommitKind, RecoveryKind, RepairClassification, RepairOptions};
use omnigraph::error::{ManifestErrorKind, OmniError};

use super::fixtures::*;

const READY: &str = "optimize.post_phase_b_pre_manifest_commit";

fn refuses(error: &OmniError) {
    let text = error.to_string();
    assert!(matches!(error, OmniError::Manifest(e) if e.kind == ManifestErrorKind::Conflict), "{text}");
    assert!(text.contains("recovery") && text.contains("reopen the graph read-write"), "{text}");
}

#[tokio::test]
async fn maintenance_of_a_branch_is_recovered_on_that_branch() {
    let store = Store::with(&["Alice"]).await;
    store.graph.branch_create("feature").await.unwrap();
    for name in ["Bob", "Cyd"] {
        add(&store.graph, "feature", name).await.unwrap();
    }
    store.rest().await;
    let (main, feature) = (head_id(&store.graph, "main").await, head_id(&store.graph, "feature").await);
    let fault = store.fail(READY);
    let operation = interrupted(READY, store.graph.optimize_on("feature", None).await);
    drop(fault);
    let (opened, record) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(record.writer_kind, "Optimize");
    assert_eq!(names(&opened, "feature").await, ["Alice", "Bob", "Cyd"]);
    assert_eq!(names(&opened, "main").await, ["Alice"]);
    assert_eq!(head(&opened, "feature").await.parent_commit_id, Some(feature));
    assert_eq!(head_id(&opened, "main").await, main);
    add(&opened, "feature", "Dan").await.unwrap();
    assert_eq!(names(&opened, "feature").await.len(), 4);
    assert!(
        opened
            .optimize_on("main", None)
            .await
            .unwrap()
            .iter()
            .all(|dataset| dataset.pending_indexes.is_empty())
    );
}

#[tokio::test]
async fn maintenance_without_work_stores_no_intent() {
    let store = Store::with(&["Alice"]).await;
    let before = head_id(&store.graph, "main").await;
    let fault = store.fail(READY);
    let stats = store.graph.optimize().await.unwrap();
    drop(fault);
    assert!(stats.iter().all(|dataset| !dataset.committed));
    store.rest().await;
    assert_eq!(store.intents(), [] as [String; 0]);
    let opened = store.open().await;
    assert_eq!(head_id(&opened, "main").await, before);
    assert!(!store.path("__manifest/audit").exists());
}

#[tokio::test]
async fn maintenance_of_an_empty_graph_does_nothing_and_empty_types_block_no_others() {
    let store = Store::empty().await;
    for _ in 0..2 {
        let stats = store.graph.optimize().await.unwrap();
        assert!(stats.iter().all(|dataset| !dataset.committed && dataset.pending_indexes.is_empty()));
    }
    store.open().await.optimize().await.unwrap();
    assert_eq!(commits(&store.graph, "main").await, 1);
    assert!(!store.path("__recovery").exists());
    for name in ["Ada", "Bob", "Cyd"] {
        add(&store.graph, "main", name).await.unwrap();
    }
    let stats = store.graph.optimize().await.unwrap();
    let done: Vec<_> = stats.iter().filter(|d| d.committed).map(|d| d.type_key.as_str()).collect();
    assert_eq!(done, ["node:Person"]);
}

#[tokio::test]
async fn maintenance_of_a_branch_names_its_own_tables_only() {
    let store = Store::with(&["Alice", "Bob"]).await;
    store.graph.branch_create("feature").await.unwrap();
    store.graph.optimize_on("feature", None).await.unwrap();
    for name in ["Acme", "Globex"] {
        run(&store.graph, "feature", &format!(r#"insert Company {{ name: "{name}" }}"#)).await.unwrap();
    }
    let main = store.graph.snapshot_of("main").await.unwrap().datasets();
    let fault = store.fail(READY);
    let operation = interrupted(READY, store.graph.optimize_on("feature", None).await);
    drop(fault);
    let intent = store.intent(&operation);
    let tables = intent["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 1, "{tables:?}");
    assert_eq!(
        (&tables[0]["table_key"], &tables[0]["table_branch"]),
        (&"node:Company".into(), &"feature".into())
    );
    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(opened.snapshot_of("main").await.unwrap().datasets(), main);
}

#[tokio::test]
async fn maintenance_that_cannot_look_at_a_table_says_so() {
    const POINT: &str = "optimize.before_compact";
    let store = Store::with(&["Alice", "Bob"]).await;
    let before = store.files();
    let fault = store.fail(POINT);
    failed(POINT, store.graph.optimize().await);
    drop(fault);
    assert_eq!(store.files(), before);
    assert!(store.graph.optimize().await.unwrap().iter().any(|dataset| dataset.committed));
}

#[tokio::test]
async fn a_compaction_that_fails_before_publication_is_rolled_forward() {
    let store = Store::with(&["a", "b", "c", "d"]).await;
    let before = head(&store.graph, "main").await.graph_manifest_version;
    let fault = store.fail(READY);
    let operation = interrupted(READY, store.graph.optimize().await);
    drop(fault);
    assert_eq!(store.intents(), std::slice::from_ref(&operation));
    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    let snapshot = opened.snapshot_of("main").await.unwrap();
    assert_eq!(snapshot.graph_manifest_version(), before + 1);
    assert_eq!(snapshot.dataset("node:Person").unwrap().fragments, 1);
    assert_eq!(names(&opened, "main").await, ["a", "b", "c", "d"]);
    opened.apply_schema(&SCHEMA.replace("age: I32?", "age: I32?  city: String?")).await.unwrap();
    assert_eq!(names(&opened, "main").await.len(), 4);
}

#[tokio::test]
async fn after_a_compaction_every_writer_goes_on() {
    let store = Store::with(&["a", "b", "c", "d"]).await;
    store.graph.optimize().await.unwrap();
    assert_eq!(head(&store.graph, "main").await.kind, CommitKind::Maintenance);
    store.rest().await;
    let report = store.graph.repair(RepairOptions::default()).await.unwrap();
    assert!(report.datasets.iter().all(|it| it.published_dataset_version == it.lance_head_version));
    store.graph.apply_schema(&SCHEMA.replace("age: I32?", "age: I32?  city: String?")).await.unwrap();
    run(&store.graph, "main", r#"update Person set { age: 5 } where name = "a""#).await.unwrap();
    assert_eq!(ages(&store.open().await).await, [("a".to_owned(), 5)]);
}

#[tokio::test]
async fn maintenance_refuses_beside_an_unsettled_write_and_says_what_to_do() {
    let store = Store::with(&["a", "b"]).await;
    store.graph.branch_create("feature").await.unwrap();
    let other = store.open().await;
    let operation = store.interrupt_add(&store.graph, "feature", "Eve").await;
    let options = CleanupPolicyOptions { keep_versions: Some(1), ..Default::default() };
    for graph in [&store.graph, &other] {
        refuses(&graph.optimize().await.unwrap_err());
        refuses(&graph.cleanup(options).await.unwrap_err());
        refuses(&graph.repair(RepairOptions::default()).await.unwrap_err());
    }
    // When the intents cannot be listed, nothing is guessed.
    let point = "recovery.sidecar_list";
    let fault = store.fail(point);
    failed(point, other.optimize().await);
    drop(fault);
    assert_eq!(store.intents(), [operation]);

    // A table that somebody wrote to directly cannot be reached, so there is no drift to advise about.
    let opened = store.open().await;
    let report = opened.repair(RepairOptions::default()).await.unwrap();
    assert!(report.datasets.iter().all(|it| it.classification == RepairClassification::NoDrift));
    opened.optimize().await.unwrap();
}

#[tokio::test]
async fn versions_do_not_creep_with_failed_applies() {
    const POINT: &str = "schema_apply.before_staging_write";
    let store = Store::with(&["a"]).await;
    let wider = SCHEMA.replace("age: I32?", "age: I32?  city: String?");
    let before = version(&store.graph, "main", "node:Person").await;
    for _ in 0..3 {
        let fault = store.fail(POINT);
        failed(POINT, store.graph.apply_schema(&wider).await);
        drop(fault);
        assert_eq!(version(&store.open().await, "main", "node:Person").await, before);
    }
    assert!(store.graph.apply_schema(&wider).await.unwrap().applied);
    assert_eq!(version(&store.graph, "main", "node:Person").await, before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_compaction_beside_writers_of_other_handles_loses_nothing() {
    let store = Store::with(&["a", "b", "c", "d"]).await;
    let other = store.open().await;
    for point in
        ["optimize.post_recovery_check_pre_main_gate", "optimize.post_authority_capture_pre_gates", READY]
    {
        add(&other, "main", "x").await.unwrap();
        other.clone().close().await;
        let mut parked = store.park(point);
        let first = share(&store.graph);
        let first = spawn(async move { first.optimize().await });
        parked.arrived().await;
        add(&other, "main", &format!("e-{point}")).await.unwrap();
        run(&other, "main", r#"delete Person where name = "x""#).await.unwrap();
        parked.release();
        first.await.unwrap().unwrap();
        other.clone().close().await;
    }
    let opened = store.open().await;
    assert_eq!(names(&opened, "main").await.len(), 7);
    opened.optimize().await.unwrap();
    assert!(opened.optimize().await.unwrap().iter().all(|dataset| !dataset.committed));
    assert_eq!(opened.recovery_list().await.unwrap(), []);
}

#[tokio::test]
async fn a_cleanup_that_finds_an_intent_between_its_checks_removes_nothing() {
    const OPERATION: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let store = Store::filled().await;
    add(&store.graph, "main", "Eve").await.unwrap();
    store.rest().await;
    let mut before = store.files();
    let path = store.intent_path(OPERATION);
    let body = "{\"schema_version\": 99}";
    let fault = store.at("cleanup.post_recovery_check_pre_gates", move || {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, body).unwrap();
    });
    let options =
        CleanupPolicyOptions { keep_versions: Some(1), grace: Duration::ZERO, ..Default::default() };
    refuses(&store.graph.cleanup(options).await.unwrap_err());
    drop(fault);
    before.insert(format!("__recovery/{OPERATION}.json"), body.into());
    assert_eq!(store.files(), before);
}

/// Cleanups that race merges and branches at an old commit: what was promised can be read, whoever was first.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cleanups_beside_merges_and_branches_at_old_commits_take_nothing_that_is_needed() {
    const ROUNDS: usize = 12;
    let store = Store::filled().await;
    let options =
        CleanupPolicyOptions { keep_versions: Some(1), grace: Duration::from_secs(60), ..Default::default() };
    let (cleaner, merger, forker) = (store.open().await, store.open().await, store.open().await);
    let merging = spawn(async move {
        for round in 0..ROUNDS {
            let (branch, name) = (format!("m{round}"), format!("merged-{round:02}"));
            merger.branch_create(&branch).await.unwrap();
            add(&merger, &branch, &name).await.unwrap();
            // Companies are changed on the branch only, so that the merge names the version the branch has.
            run(&merger, &branch, &format!(r#"insert Company {{ name: "c-{round:02}" }}"#)).await.unwrap();
            add(&merger, "main", &format!("own-{round:02}")).await.unwrap();
            merge(&merger, &branch, "main").await.unwrap();
            merger.branch_delete(&branch).await.unwrap();
        }
    });
    let forking = spawn(async move {
        let mut made = Vec::new();
        // The later rounds take the head, which is there to stay once nothing is merged any more: some branch gets made.
        for round in 0.. {
            if round >= ROUNDS && !made.is_empty() {
                break;
            }
            let history = forker.list_commits("main", &Default::default()).await.unwrap();
            let index = if round < ROUNDS { history.len() / 2 } else { 0 };
            let old = &history[index].graph_commit_id;
            let branch = format!("f{round}");
            match forker.branch_create_from(omnigraph::db::SnapshotId::new(old), &branch).await {
                Ok(()) => made.push(branch),
                Err(OmniError::HistoricalVersionReclaimed { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        made
    });
    let mut cleanups = 0;
    while !(merging.is_finished() && forking.is_finished()) {
        match cleaner.cleanup(options).await {
            Ok(stats) => {
                cleanups += 1;
                // A branch is there for a moment before it is taken back, when what it wants is gone.
                let taken_back = |error: &String| error.contains("which a live branch needs");
                let errors: Vec<_> = stats.iter().filter_map(|dataset| dataset.error.as_ref()).collect();
                assert!(errors.iter().all(|error| taken_back(error)), "{errors:?}");
            }
            Err(OmniError::Manifest(error)) if error.kind == ManifestErrorKind::Conflict => {}
            Err(other) => panic!("{other}"),
        }
    }
    merging.await.unwrap();
    let made = forking.await.unwrap();
    assert!(cleanups > 0, "no cleanup came to its end");
    let stats = cleaner.cleanup(options).await.unwrap();
    assert!(stats.iter().all(|dataset| dataset.error.is_none()), "{stats:?}");

    let opened = store.open().await;
    let persons = names(&opened, "main").await;
    assert_eq!(persons.len(), 4 + 2 * ROUNDS, "{persons:?}");
    assert_eq!(lines(&opened, "main").await.len(), 11 + 3 * ROUNDS);
    for branch in &made {
        assert!(lines(&opened, branch.as_str()).await.len() >= 11, "{branch}");
        add(&opened, branch, "after").await.unwrap();
    }
    assert_eq!(opened.recovery_list().await.unwrap(), []);
}
