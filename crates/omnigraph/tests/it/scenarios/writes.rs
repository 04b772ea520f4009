//! Mutations and loads.

use omnigraph::db::{LoadMode, Mutate, RecoveryKind, SnapshotId};
use omnigraph::error::OmniError;

use super::fixtures::*;

const READY: &str = "mutation.post_finalize_pre_publisher";

#[tokio::test]
async fn a_write_that_fails_before_its_record_is_invisible_until_recovery() {
    const POINT: &str = "graph_publish.before_commit_append";
    let store = Store::empty().await;
    let fault = store.fail(POINT);
    let operation = interrupted(POINT, add(&store.graph, "main", "Eve").await);
    drop(fault);
    assert!(names(&store.graph, "main").await.is_empty());
    assert!(names(&store.reader().await, "main").await.is_empty());
    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(names(&opened, "main").await, ["Eve"]);
}

#[tokio::test]
async fn a_write_that_fails_before_publication_is_rolled_forward_at_open() {
    let store = Store::empty().await;
    let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
    assert_eq!(store.intents(), std::slice::from_ref(&operation));
    let before = head(&store.reader().await, "main").await;

    let (opened, record) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    let commit = head(&opened, "main").await;
    assert_eq!(commit.actor_id.as_deref(), Some("omnigraph:recovery"));
    assert_eq!(commit.parent_commit_id, Some(before.graph_commit_id));
    assert_eq!((record.writer_kind.as_str(), record.actor_id.as_deref()), ("Mutation", Some("act-x")));
    assert_eq!(record.graph_commit_id, Some(commit.graph_commit_id));
    let table = &record.tables[0];
    let now = version(&opened, "main", "node:Person").await;
    assert_eq!(
        (table.type_key.as_str(), table.from_version, table.to_version),
        ("node:Person", now - 1, now)
    );
    assert_eq!(names(&opened, "main").await, ["Eve"]);
    add(&opened, "main", "Frank").await.unwrap();
    assert_eq!(names(&opened, "main").await, ["Eve", "Frank"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_delete_that_is_overtaken_plans_again_and_loses_nothing() {
    let store = Store::filled().await;
    let other = store.open().await;
    let mut parked = store.park("mutation.delete_node_pre_primary_delete");
    let first = share(&store.graph);
    let first = spawn(async move { run(&first, "main", r#"delete Person where name = "Alice""#).await });
    parked.arrived().await;
    run(&other, "main", r#"update Person set { age: 26 } where name = "Bob""#).await.unwrap();
    parked.release();
    first.await.unwrap().unwrap();
    let opened = store.open().await;
    assert_eq!(ages(&opened).await, [("Bob".into(), 26), ("Charlie".into(), 35), ("Diana".into(), 28)]);
    assert_eq!(knows(&opened, "main").await, ["Bob-Diana"]);
}

#[tokio::test]
async fn an_append_on_a_branch_is_recovered_on_that_branch() {
    let store = Store::empty().await;
    store.graph.branch_create("feature").await.unwrap();
    add(&store.graph, "feature", "Ada").await.unwrap();
    store.rest().await;
    let (main, feature) = (head_id(&store.graph, "main").await, head_id(&store.graph, "feature").await);
    let fault = store.fail(READY);
    let line = r#"{"type":"Person","data":{"name":"Bob"}}"#;
    let operation = interrupted(READY, load(&store.graph, "feature", line, LoadMode::Append).await);
    drop(fault);

    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(names(&opened, "feature").await, ["Ada", "Bob"]);
    assert!(names(&opened, "main").await.is_empty());
    assert_eq!(head_id(&opened, "main").await, main);
    assert_eq!(head(&opened, "feature").await.parent_commit_id, Some(feature));
    add(&opened, "feature", "Cyd").await.unwrap();
    assert_eq!(names(&opened, "feature").await.len(), 3);
}

#[tokio::test]
async fn an_overwrite_is_recovered_whole() {
    let store = Store::with(&["Ada", "Bob"]).await;
    let before = head_id(&store.graph, "main").await;
    let fault = store.fail(READY);
    let line = r#"{"type":"Person","data":{"name":"Cyd"}}"#;
    let operation = interrupted(READY, load(&store.graph, "main", line, LoadMode::Overwrite).await);
    drop(fault);
    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(names(&opened, "main").await, ["Cyd"]);
    assert_eq!(head(&opened, "main").await.parent_commit_id, Some(before));
    add(&opened, "main", "Dan").await.unwrap();
    assert_eq!(names(&opened, "main").await.len(), 2);
}

#[tokio::test]
async fn refresh_recovers_without_reopening() {
    let store = Store::empty().await;
    let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
    store.graph.refresh().await.unwrap();
    store.settled(&store.graph, &operation, RecoveryKind::RolledForward).await;
    assert_eq!(names(&store.graph, "main").await, ["Eve"]);
    add(&store.graph, "main", "Frank").await.unwrap();
}

#[tokio::test]
async fn an_intent_of_another_handle_is_left_alone_while_young_and_discarded_when_old() {
    const OPERATION: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let store = Store::with(&["Alice"]).await;
    let pin = version(&store.graph, "main", "node:Person").await;
    store.put_intent(OPERATION, &bare_intent(OPERATION, None, pin - 1));
    let before = store.files();
    store.graph.refresh().await.unwrap();
    assert_eq!(store.files(), before);
    // A write neither lists nor needs what is not its own.
    add(&store.graph, "main", "Bob").await.unwrap();
    store.rest().await;
    assert_eq!(store.intents(), [OPERATION]);

    store.age_intent(OPERATION);
    let (opened, record) = store.recovered(OPERATION, RecoveryKind::RolledBack).await;
    assert_eq!(record.actor_id.as_deref(), Some("act-x"));
    assert_eq!(names(&opened, "main").await, ["Alice", "Bob"]);
    assert_eq!(version(&opened, "main", "node:Person").await, pin + 1);
}

#[tokio::test]
async fn types_that_an_interrupted_write_did_not_touch_are_writable() {
    let store = Store::empty().await;
    let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
    let line = r#"{"type":"Company","data":{"name":"Acme"}}"#;
    load(&store.graph, "main", line, LoadMode::Append).await.unwrap();
    store.settled(&store.graph, &operation, RecoveryKind::RolledForward).await;
    assert_eq!(store.graph.snapshot_of("main").await.unwrap().entity_counts(), (2, 0));
}

#[tokio::test]
async fn the_next_mutation_of_the_handle_settles_what_it_left() {
    let store = Store::empty().await;
    let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
    add(&store.graph, "main", "Frank").await.unwrap();
    store.settled(&store.graph, &operation, RecoveryKind::RolledForward).await;
    assert_eq!(names(&store.graph, "main").await, ["Eve", "Frank"]);
}

#[tokio::test]
async fn the_next_load_of_the_handle_settles_what_it_left() {
    let store = Store::empty().await;
    let first = r#"{"type":"Person","data":{"name":"Ada"}}
        {"type":"Person","data":{"name":"Bob"}}
        {"type":"Company","data":{"name":"Acme"}}
        {"edge":"WorksAt","from":"Ada","to":"Acme"}"#;
    let second = r#"{"type":"Person","data":{"name":"Cyd"}}
        {"type":"Company","data":{"name":"Globex"}}"#;
    let fault = store.fail(READY);
    let operation = interrupted(READY, load(&store.graph, "main", first, LoadMode::Append).await);
    drop(fault);
    load(&store.graph, "main", second, LoadMode::Append).await.unwrap();
    let record = store.settled(&store.graph, &operation, RecoveryKind::RolledForward).await;
    assert_eq!(record.tables.len(), 3);
    let snapshot = store.graph.snapshot_of("main").await.unwrap();
    let count = |key| snapshot.dataset(key).unwrap().entity_count;
    assert_eq!((count("node:Person"), count("node:Company"), count("edge:WorksAt")), (3, 2, 1));
}

#[tokio::test]
async fn chained_updates_see_each_other() {
    let store = Store::filled().await;
    let before = commits(&store.graph, "main").await;
    let text = r#"update Person set { age: 99 } where name = "Alice"
        update Person set { age: 10 } where age > 50"#;
    run(&store.graph, "main", text).await.unwrap();
    assert_eq!(ages(&store.graph).await[0], ("Alice".to_owned(), 10));
    assert_eq!(commits(&store.graph, "main").await, before + 1);
}

#[tokio::test]
async fn deletes_of_one_query_add_up() {
    let store = Store::filled().await;
    let before = commits(&store.graph, "main").await;
    let text = r#"delete Person where name = "Charlie"  delete Person where name = "Diana""#;
    run(&store.graph, "main", text).await.unwrap();
    assert_eq!(names(&store.graph, "main").await, ["Alice", "Bob"]);
    assert_eq!(commits(&store.graph, "main").await, before + 1);

    let store = {
        drop(store);
        Store::filled().await
    };
    let text = r#"delete Person where name = "Alice"  delete Knows where from = "Bob""#;
    run(&store.graph, "main", text).await.unwrap();
    assert!(knows(&store.graph, "main").await.is_empty());
}

#[tokio::test]
async fn cardinality_holds_over_the_final_image() {
    let two = "node Person { name: String @key }  edge Knows: Person -> Person @card(2..)";
    let store = Store::new(two).await;
    let people = r#"insert Person { name: "Ada" }  insert Person { name: "Bob" }"#;
    run(&store.graph, "main", people).await.unwrap();
    let error = run(&store.graph, "main", r#"insert Knows { from: "Ada", to: "Bob" }"#).await.unwrap_err();
    assert!(error.to_string().contains("(min 2)"), "{error}");
    drop(store);

    let one = "node Person { name: String @key }  node Company { name: String @key }
        edge WorksAt: Person -> Company @card(0..1)";
    let store = Store::new(one).await;
    let start = r#"{"type":"Person","data":{"name":"Ada"}}
        {"type":"Company","data":{"name":"Acme"}}
        {"type":"Company","data":{"name":"Globex"}}
        {"edge":"WorksAt","from":"Ada","to":"Acme","data":{"id":"w1"}}"#;
    load(&store.graph, "main", start, LoadMode::Append).await.unwrap();
    let moved = r#"{"edge":"WorksAt","from":"Ada","to":"Globex","data":{"id":"w1"}}"#;
    load(&store.graph, "main", moved, LoadMode::Merge).await.unwrap();
    let twice = format!("{moved}\n{}", moved.replace("Globex", "Acme"));
    load(&store.graph, "main", &twice, LoadMode::Merge).await.unwrap();
    let edges: Vec<String> =
        lines(&store.graph, "main").await.into_iter().filter(|line| line.contains("WorksAt")).collect();
    assert!(edges.len() == 1 && edges[0].contains("Acme"), "{edges:?}");
}

#[tokio::test]
async fn a_graph_without_rows_takes_every_kind_of_write() {
    let store = Store::with(&["Ada"]).await;
    run(&store.graph, "main", r#"delete Person where name = "Ada""#).await.unwrap();
    let wider = SCHEMA.replace("age: I32?", "age: I32?  city: String?");
    store.graph.apply_schema(&wider).await.unwrap();
    store.graph.optimize().await.unwrap();
    let opened = store.open().await;
    assert_eq!(opened.snapshot_of("main").await.unwrap().entity_counts(), (0, 0));
    add(&opened, "main", "Bob").await.unwrap();
    assert_eq!(names(&opened, "main").await, ["Bob"]);
}

#[tokio::test]
async fn branches_that_are_merged_compacted_and_cleaned_up_keep_every_person() {
    let store = Store::filled().await;
    let loaded = head_id(&store.graph, "main").await;
    for (branch, name) in [("a", "Eve"), ("b", "Frank"), ("c", "Grace")] {
        store.graph.branch_create(branch).await.unwrap();
        add(&store.graph, branch, name).await.unwrap();
        assert_eq!(names(&store.graph, branch).await.len(), 5);
    }
    for (merged, branch) in (1..).zip(["a", "b", "c"]) {
        merge(&store.graph, branch, "main").await.unwrap();
        assert_eq!(names(&store.graph, "main").await.len(), 4 + merged);
    }
    assert_eq!(names(&store.graph, SnapshotId::new(loaded)).await.len(), 4);
    store.graph.optimize().await.unwrap();
    assert_eq!(names(&store.graph, "main").await.len(), 7);
    run(&store.graph, "main", r#"update Person set { age: 1 } where name = "Eve""#).await.unwrap();
    let options = omnigraph::db::CleanupPolicyOptions { keep_versions: Some(1), ..Default::default() };
    store.graph.cleanup(options).await.unwrap();
    let opened = store.open().await;
    assert_eq!(names(&opened, "main").await, ["Alice", "Bob", "Charlie", "Diana", "Eve", "Frank", "Grace"]);
    assert!(ages(&opened).await.contains(&("Eve".to_owned(), 1)));
    assert_eq!(opened.recovery_list().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_unique_value_taken_meanwhile_is_refused_when_the_write_goes_on() {
    let schema = "node User { name: String @key  mail: String? @unique }";
    let store = Store::new(schema).await;
    let other = store.open().await;
    let mut parked = store.park("mutation.post_stage_pre_effect_gate");
    let first = share(&store.graph);
    let first = spawn(async move { run(&first, "main", r#"insert User { name: "a", mail: "m" }"#).await });
    parked.arrived().await;
    run(&other, "main", r#"insert User { name: "b", mail: "m" }"#).await.unwrap();
    let tip = head_id(&other, "main").await;
    parked.release();
    let error = first.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("@unique violation on User.mail"), "{error}");
    assert_eq!(head_id(&other, "main").await, tip);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_update_beside_a_disjoint_commit_publishes() {
    let store = Store::filled().await;
    let other = store.open().await;
    let mut parked = store.park("mutation.post_stage_pre_effect_gate");
    let first = share(&store.graph);
    let text = r#"update Person set { age: 31 } where name = "Alice""#;
    let first = spawn(async move { run(&first, "main", text).await });
    parked.arrived().await;
    run(&other, "main", r#"insert Company { name: "Initech" }"#).await.unwrap();
    let winner = head_id(&other, "main").await;
    parked.release();
    let commit = first.await.unwrap().unwrap().commit.unwrap();
    assert_eq!(commit.parent_commit_id, Some(winner));
    assert_eq!(ages(&other).await[0], ("Alice".to_owned(), 31));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_condition_is_void_once_any_commit_lands() {
    let cases = [
        (r#"update Person set { age: 31 } where name = "Alice""#, "mutation.post_stage_pre_effect_gate"),
        (r#"delete Person where name = "Alice""#, "mutation.delete_node_pre_primary_delete"),
        (r#"delete Person where name = "Nobody""#, "mutation.post_no_effect_pre_gate"),
    ];
    for (statement, point) in cases {
        let store = Store::filled().await;
        let other = store.open().await;
        let expected = head_id(&store.graph, "main").await;
        let before = commits(&store.graph, "main").await;
        let mut parked = store.park(point);
        let (first, condition) = (share(&store.graph), expected.clone());
        let first = spawn(async move {
            let text = format!("query q() {{ {statement} }}");
            let request = Mutate { if_commit: Some(&condition), ..Mutate::new("main", &text) };
            first.mutate(request).await
        });
        parked.arrived().await;
        run(&other, "main", r#"insert Company { name: "Initech" }"#).await.unwrap();
        let actual = head_id(&other, "main").await;
        parked.release();
        match first.await.unwrap().unwrap_err() {
            OmniError::PreconditionFailed { expected: wanted, actual: found, .. } => {
                assert_eq!((wanted, found), (expected, actual), "{statement}");
            }
            other => panic!("{statement}: {other}"),
        }
        assert_eq!(commits(&other, "main").await, before + 1, "{statement}");
        store.rest().await;
        assert_eq!(store.intents(), [] as [String; 0], "{statement}");
        assert_eq!(names(&other, "main").await.len(), 4);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_appends_of_one_id_the_later_is_refused_and_everything_else_plans_again() {
    let eve = r#"{"type":"Person","data":{"name":"Eve","age":1}}"#;
    let frank = r#"{"type":"Person","data":{"name":"Frank","age":2}}"#;
    for (line, mode, refused) in
        [(eve, LoadMode::Append, true), (eve, LoadMode::Merge, false), (frank, LoadMode::Append, false)]
    {
        let store = Store::filled().await;
        let other = store.open().await;
        let mut parked = store.park("mutation.post_stage_pre_effect_gate");
        let first = share(&store.graph);
        let first = spawn(async move { load(&first, "main", line, mode).await });
        parked.arrived().await;
        add(&other, "main", "Eve").await.unwrap();
        parked.release();
        match first.await.unwrap() {
            Err(OmniError::KeyConflict { entity_id, .. }) => assert!(refused && entity_id == "Eve"),
            Err(other) => panic!("{other}"),
            Ok(()) => assert!(!refused),
        }
        let expected = if line == frank { 6 } else { 5 };
        assert_eq!(names(&other, "main").await.len(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_an_interrupted_write_and_one_that_overtakes_it_exactly_one_is_published() {
    let store = Store::filled().await;
    let other = store.open().await;
    let mut parked = store.park("mutation.post_stage_pre_effect_gate");
    let second = share(&other);
    let second = spawn(async move { add(&second, "main", "Bea").await });
    parked.arrived().await;
    // The parked point is passed by this write too, but holds up its first visitor only.
    let point = "graph_publish.before_commit_append";
    let fault = store.fail(point);
    let operation = interrupted(point, add(&store.graph, "main", "Abe").await);
    drop(fault);
    parked.release();
    second.await.unwrap().unwrap();
    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledBack).await;
    assert_eq!(names(&opened, "main").await, ["Alice", "Bea", "Bob", "Charlie", "Diana"]);
    // The refused write is told so, and may be repeated.
    add(&store.graph, "main", "Abe").await.unwrap();
    assert_eq!(names(&opened, "main").await.len(), 6);
}

#[tokio::test]
async fn a_single_contention_is_invisible() {
    let store = Store::filled().await;
    let fault = store.arm("publish.load_state_retryable_contention", "1*return");
    add(&store.graph, "main", "Eve").await.unwrap();
    drop(fault);
    store.rest().await;
    assert_eq!((commits(&store.graph, "main").await, store.intents().len()), (3, 0));
    assert_eq!(store.open().await.recovery_list().await.unwrap(), []);
}

#[tokio::test]
async fn what_fails_after_one_of_several_tables_leaves_nothing() {
    const POINT: &str = "mutation.post_table_commit";
    let store = Store::empty().await;
    for count in 0..4 {
        let fault = store.arm(POINT, &format!("{count}*off->return"));
        failed(POINT, load(&store.graph, "main", FIXTURE, LoadMode::Append).await);
        drop(fault);
        assert_eq!(store.intents(), [] as [String; 0]);
        assert_eq!(store.graph.snapshot_of("main").await.unwrap().entity_counts(), (0, 0));
    }
    load(&store.graph, "main", FIXTURE, LoadMode::Append).await.unwrap();
    assert_eq!(store.open().await.snapshot_of("main").await.unwrap().entity_counts(), (6, 5));
}
