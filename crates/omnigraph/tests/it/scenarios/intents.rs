//! Intents that were changed by hand, orphaned, or in the way.

use omnigraph::db::RecoveryKind;

use super::fixtures::*;

const OPERATION: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// An old intent that names no record: what it describes can never be published.
fn hopeless(store: &Store, operation: &str, branch: Option<&str>, expected: u64) {
    store.put_intent(operation, &bare_intent(operation, branch, expected));
    store.age_intent(operation);
}

#[tokio::test]
async fn the_record_of_a_recovery_names_who_had_asked() {
    for actor in [Some("act-x"), None] {
        let store = Store::empty().await;
        let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
        let mut intent = store.intent(&operation);
        assert_eq!(intent["actor_id"], "act-x");
        intent["actor_id"] = actor.into();
        store.put_intent(&operation, &intent);
        let (opened, record) = store.recovered(&operation, RecoveryKind::RolledForward).await;
        assert_eq!(record.actor_id.as_deref(), actor);
        assert_eq!(commits(&opened, "main").await, 2);
        assert_eq!(head(&opened, "main").await.actor_id.as_deref(), Some("omnigraph:recovery"));
    }
}

#[tokio::test]
async fn an_intent_whose_version_does_not_exist_is_rolled_back() {
    let store = Store::with(&["Alice"]).await;
    let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
    let mut intent = store.intent(&operation);
    let tables = intent["record"]["tables"].as_array_mut().unwrap();
    let person = tables.iter_mut().find(|table| table["alias"] == "Person").unwrap();
    let wrong = person["version"].as_u64().unwrap() - 1;
    person["version"] = wrong.into();
    store.put_intent(&operation, &intent);
    let before = head(&store.graph, "main").await;
    let (opened, record) = store.recovered(&operation, RecoveryKind::RolledBack).await;
    assert_eq!(record.actor_id.as_deref(), Some("act-x"));
    // Nothing had moved, so there is nothing to publish.
    assert_eq!(head(&opened, "main").await, before);
    assert_eq!(names(&opened, "main").await, ["Alice"]);
    opened.apply_schema(&SCHEMA.replace("age: I32?", "age: I32?  city: String?")).await.unwrap();
    add(&opened, "main", "Bob").await.unwrap();
}

#[tokio::test]
async fn an_intent_that_is_published_already_publishes_nothing() {
    let store = Store::empty().await;
    let fault = store.fail("recovery.sidecar_delete");
    add_as(&store.graph, "main", "Eve", Some("act-x")).await.unwrap();
    store.rest().await;
    drop(fault);
    let operation = store.intents().remove(0);
    let before = head(&store.graph, "main").await;
    let pin = version(&store.graph, "main", "node:Person").await;
    let (opened, record) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(head(&opened, "main").await, before);
    assert_eq!(before.actor_id.as_deref(), Some("act-x"));
    assert_eq!((record.tables[0].from_version, record.tables[0].to_version), (pin - 1, pin));
}

#[tokio::test]
async fn an_intent_never_moves_a_pin_back_or_forth() {
    let store = Store::with(&["Alice", "Bob"]).await;
    let pin = version(&store.graph, "main", "node:Person").await;
    let before = head_id(&store.graph, "main").await;
    // Below the pin, at it, and far above it.
    for (n, expected) in [pin - 2, pin, pin + 7].into_iter().enumerate() {
        let operation = format!("01ARZ3NDEKTSV4RRFFQ69G5F0{n}");
        hopeless(&store, &operation, None, expected);
        let body = std::fs::read(store.intent_path(&operation)).unwrap();
        let reader = store.reader().await;
        assert_eq!(names(&reader, "main").await, ["Alice", "Bob"]);
        assert_eq!(std::fs::read(store.intent_path(&operation)).unwrap(), body);
        let (opened, _) = store.recovered(&operation, RecoveryKind::RolledBack).await;
        assert_eq!(version(&opened, "main", "node:Person").await, pin);
        assert_eq!(head_id(&opened, "main").await, before);
    }
}

#[tokio::test]
async fn of_two_intents_for_one_sequence_number_the_older_wins_and_both_are_settled() {
    // On different types, then on one.
    for statement in [r#"insert Company { name: "Acme" }"#, r#"insert Person { name: "Fay" }"#] {
        let store = Store::empty().await;
        let other = store.open().await;
        let first = store.interrupt_add(&store.graph, "main", "Eve").await;
        let point = "mutation.post_finalize_pre_publisher";
        let fault = store.fail(point);
        let second = interrupted(point, run(&other, "main", statement).await);
        drop(fault);
        assert!(first < second);
        assert_eq!(store.intents(), [first.clone(), second.clone()]);
        let opened = store.open().await;
        store.settled(&opened, &first, RecoveryKind::RolledForward).await;
        store.settled(&opened, &second, RecoveryKind::RolledBack).await;
        assert_eq!(opened.snapshot_of("main").await.unwrap().entity_counts(), (1, 0));
        assert_eq!(names(&opened, "main").await, ["Eve"]);
        run(&other, "main", statement).await.unwrap();
        assert_eq!(opened.snapshot_of("main").await.unwrap().entity_counts(), (2, 0));
    }
}

#[tokio::test]
async fn a_clean_graph_gets_no_directory_of_intents() {
    let store = Store::empty().await;
    drop(store.open().await);
    store.graph.refresh().await.unwrap();
    assert!(!store.path("__recovery").exists());
}

#[tokio::test]
async fn an_intent_on_a_branch_is_judged_by_that_branch() {
    for complete in [true, false] {
        let store = Store::with(&["Alice"]).await;
        store.graph.branch_create("feature").await.unwrap();
        // Main goes ahead, so that the places of the two branches differ.
        add(&store.graph, "main", "Max").await.unwrap();
        add(&store.graph, "main", "Mia").await.unwrap();
        let (main, feature) = (head_id(&store.graph, "main").await, head_id(&store.graph, "feature").await);
        let operation = store.interrupt_add(&store.graph, "feature", "Eve").await;
        if !complete {
            let mut intent = store.intent(&operation);
            intent["record"] = serde_json::Value::Null;
            store.put_intent(&operation, &intent);
        }
        let kind = if complete { RecoveryKind::RolledForward } else { RecoveryKind::RolledBack };
        let (opened, _) = store.recovered(&operation, kind).await;
        let now = head(&opened, "feature").await;
        if complete {
            assert_eq!((now.parent_commit_id, now.graph_branch.as_deref()), (Some(feature), Some("feature")));
            assert_eq!(names(&opened, "feature").await, ["Alice", "Eve"]);
        } else {
            assert_eq!(
                (now.graph_commit_id, names(&opened, "feature").await),
                (feature, vec!["Alice".to_owned()])
            );
        }
        assert_eq!(head_id(&opened, "main").await, main);
        add(&opened, "feature", "Fay").await.unwrap();
    }
}

#[tokio::test]
async fn a_read_only_open_writes_nothing() {
    let store = Store::with(&["Alice"]).await;
    store.interrupt_add(&store.graph, "main", "Eve").await;
    std::fs::write(store.path("_schema.pg.staging"), "node X { name: String @key }").unwrap();
    let before = store.files();
    let reader = store.reader().await;
    assert_eq!(names(&reader, "main").await, ["Alice"]);
    assert!(reader.refresh().await.is_err());
    assert!(add(&reader, "main", "Lost").await.is_err());
    assert_eq!(store.files(), before);
}

/// A branch that was deleted under an interrupted write.
async fn orphan() -> (Store, String) {
    let store = Store::with(&["Alice"]).await;
    store.graph.branch_create("feature").await.unwrap();
    let operation = store.interrupt_add(&store.graph, "feature", "Eve").await;
    store.graph.branch_delete("feature").await.unwrap();
    assert_eq!(store.intents(), std::slice::from_ref(&operation));
    (store, operation)
}

#[tokio::test]
async fn the_intent_of_a_deleted_branch_is_discarded_once() {
    for reopen in [false, true] {
        let (store, operation) = orphan().await;
        store.graph.branch_create_from("main", "feature").await.unwrap();
        let graph = match reopen {
            true => store.open().await,
            false => store.graph.clone(),
        };
        add(&graph, "main", "Bob").await.unwrap();
        store.settled(&graph, &operation, RecoveryKind::OrphanedBranchDiscarded).await;
        drop(store.open().await);
        assert_eq!(graph.recovery_list().await.unwrap().len(), 1);
        assert_eq!(names(&graph, "feature").await, ["Alice"]);
        assert_eq!(names(&graph, "main").await, ["Alice", "Bob"]);
    }
}

#[tokio::test]
async fn discarding_converges_whatever_interrupts_it() {
    for (point, rows) in [("recovery.sidecar_delete", 1), ("recovery.orphan_discard_audit_append", 0)] {
        let (store, operation) = orphan().await;
        let fault = store.fail(point);
        failed(point, add(&store.graph, "main", "Lost").await);
        drop(fault);
        assert_eq!(store.intents(), std::slice::from_ref(&operation));
        assert_eq!(store.graph.recovery_list().await.unwrap().len(), rows);
        add(&store.graph, "main", "Bob").await.unwrap();
        store.settled(&store.graph, &operation, RecoveryKind::OrphanedBranchDiscarded).await;
        assert_eq!(names(&store.graph, "main").await, ["Alice", "Bob"]);
    }
}

#[tokio::test]
async fn a_recovered_commit_is_in_the_history_of_its_branch_for_the_handle_that_recovered() {
    let store = Store::with(&["Alice"]).await;
    store.graph.branch_create("feature").await.unwrap();
    let operation = store.interrupt_add(&store.graph, "feature", "Eve").await;
    let opened = store.open().await;
    assert_eq!(names(&opened, "feature").await, ["Alice", "Eve"]);
    let record = store.settled(&opened, &operation, RecoveryKind::RolledForward).await;
    let id = record.graph_commit_id.unwrap();
    let history = async |branch: &str| -> Vec<String> {
        let commits = opened.list_commits(branch, &Default::default()).await.unwrap();
        commits.into_iter().map(|commit| commit.graph_commit_id).collect()
    };
    assert_eq!(history("feature").await[0], id);
    assert!(!history("main").await.contains(&id));
}

#[tokio::test]
async fn an_intent_that_appears_while_its_branch_is_deleted_is_discarded_by_the_next_open() {
    let store = Store::with(&["Alice"]).await;
    store.graph.branch_create("feature").await.unwrap();
    let path = store.intent_path(OPERATION);
    let body = bare_intent(OPERATION, Some("feature"), 1).to_string();
    let fault = store.at("branch_control.post_recovery_barrier", move || {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &body).unwrap();
    });
    store.graph.branch_delete("feature").await.unwrap();
    drop(fault);
    assert_eq!(store.graph.branch_list().await.unwrap(), ["main"]);
    store.age_intent(OPERATION);
    let (opened, _) = store.recovered(OPERATION, RecoveryKind::OrphanedBranchDiscarded).await;
    assert_eq!(names(&opened, "main").await, ["Alice"]);
}

#[tokio::test]
async fn a_write_that_another_overtook_is_rolled_back_once_whatever_interrupts_it() {
    let company = r#"insert Company { name: "Acme" }"#;
    let person = r#"insert Person { name: "Winner" }"#;
    for (point, winner) in [("recovery.record_audit", company), ("recovery.sidecar_delete", person)] {
        let store = Store::with(&["Alice"]).await;
        let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
        let pending = store.intent(&operation);
        std::fs::remove_file(store.intent_path(&operation)).unwrap();
        let other = store.open().await;
        store.put_intent(&operation, &pending);
        run(&other, "main", winner).await.unwrap();
        other.clone().close().await;
        let won = head_id(&other, "main").await;

        let fault = store.fail(point);
        failed(point, store.try_open().await);
        failed(point, store.try_open().await);
        drop(fault);
        let (opened, _) = store.recovered(&operation, RecoveryKind::RolledBack).await;
        assert_eq!(head_id(&opened, "main").await, won);
        assert!(!names(&opened, "main").await.contains(&"Eve".to_owned()));
        assert_eq!(opened.snapshot_of("main").await.unwrap().entity_counts(), (2, 0));
        add(&store.graph, "main", "Eve").await.unwrap();
    }
}

#[tokio::test]
async fn interrupted_writes_on_a_branch_hold_up_nobody() {
    let store = Store::with(&["Alice"]).await;
    store.graph.branch_create("feature").await.unwrap();
    let (second, third) = (store.open().await, store.open().await);
    let first = store.interrupt_add(&store.graph, "feature", "Eve").await;
    let later = store.interrupt_add(&second, "feature", "Fay").await;
    // Another handle has nothing to settle: it writes on the branch, forks it, and writes on main.
    third.branch_create_from("feature", "fork").await.unwrap();
    add(&third, "main", "Max").await.unwrap();
    let opened = store.open().await;
    store.settled(&opened, &first, RecoveryKind::RolledForward).await;
    store.settled(&opened, &later, RecoveryKind::RolledBack).await;
    assert_eq!(names(&opened, "feature").await, ["Alice", "Eve"]);
    assert_eq!(names(&opened, "fork").await, ["Alice"]);
    add(&opened, "feature", "Gus").await.unwrap();
}
