//! Schema changes.

use omnigraph::Omnigraph;
use omnigraph::db::{CommitKind, LoadMode, RecoveryKind};

use super::fixtures::*;

const V1: &str = "node Person { name: String @key }";
const V2: &str = "node Person { name: String @key }\nnode Company { name: String @key }";
/// [`V1`] with a property and a type more.
const WIDER: &str = "node Person { name: String @key  city: String? }\nnode Tag { name: String @key }";
/// The contract and the intent are durable, the record is not.
const READY: &str = "schema_apply.after_staging_write";

async fn alice() -> Store {
    let store = Store::new(V1).await;
    add(&store.graph, "main", "Alice").await.unwrap();
    store.rest().await;
    store
}

async fn schema(graph: &Omnigraph) -> String {
    graph.snapshot_of("main").await.unwrap().schema_source().to_owned()
}

async fn count(graph: &Omnigraph, key: &str) -> Option<u64> {
    graph.snapshot_of("main").await.unwrap().dataset(key).map(|entry| entry.entity_count)
}

fn staging(store: &Store) -> usize {
    store.files().keys().filter(|path| path.contains("staging") || path.contains(".tmp-")).count()
}

async fn interrupt_apply(store: &Store, desired: &str) -> String {
    let fault = store.fail(READY);
    let operation = interrupted(READY, store.graph.apply_schema(desired).await);
    drop(fault);
    assert_eq!(store.intents(), std::slice::from_ref(&operation));
    operation
}

#[tokio::test]
async fn an_apply_that_fails_before_publication_is_rolled_forward_with_its_schema() {
    let store = Store::new(V1).await;
    let operation = interrupt_apply(&store, V2).await;
    let (opened, record) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(record.writer_kind, "SchemaApply");
    assert_eq!((schema(&opened).await.as_str(), count(&opened, "node:Company").await), (V2, Some(0)));
    assert_eq!(staging(&store), 0);
}

#[tokio::test]
async fn a_failure_after_the_commit_does_not_fail_the_apply() {
    let store = Store::new(V1).await;
    let fault = store.fail("schema_apply.after_manifest_commit");
    assert!(store.graph.apply_schema(V2).await.unwrap().applied);
    drop(fault);
    let opened = store.open().await;
    assert_eq!((schema(&opened).await.as_str(), count(&opened, "node:Company").await), (V2, Some(0)));
    assert_eq!((staging(&store), opened.recovery_list().await.unwrap().len()), (0, 0));
    // The copy for people follows with the next change.
    let copy = |store: &Store| std::fs::read_to_string(store.path("_schema.pg")).unwrap();
    assert_eq!(copy(&store), V1);
    opened.apply_schema(WIDER).await.unwrap();
    assert_eq!(copy(&store), WIDER);
}

#[tokio::test]
async fn files_with_the_names_of_staging_files_decide_nothing() {
    let store = Store::new(V1).await;
    store.graph.apply_schema(V2).await.unwrap();
    store.rest().await;
    let names = ["_schema.pg.staging", "_schema.ir.json.staging", "__schema_state.json.staging"];
    for present in 1..=names.len() {
        for name in &names[..present] {
            std::fs::write(store.path(name), WIDER).unwrap();
        }
        let opened = store.open().await;
        assert_eq!(schema(&opened).await, V2);
        assert_eq!(store.reader().await.snapshot_of("main").await.unwrap().schema_source(), V2);
    }
    // A change of properties only, with those files there, is decided by the record as well.
    let operation = interrupt_apply(&store, WIDER).await;
    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(schema(&opened).await, WIDER);
}

#[tokio::test]
async fn an_apply_that_fails_before_its_schema_is_durable_leaves_nothing() {
    const POINT: &str = "schema_apply.before_staging_write";
    let store = alice().await;
    let fault = store.fail(POINT);
    failed(POINT, store.graph.apply_schema(WIDER).await);
    drop(fault);
    assert_eq!(store.intents(), [] as [String; 0]);
    let opened = store.open().await;
    assert_eq!((schema(&opened).await.as_str(), count(&opened, "node:Tag").await), (V1, None));
    assert_eq!(names(&opened, "main").await, ["Alice"]);
    assert_eq!((staging(&store), opened.recovery_list().await.unwrap().len()), (0, 0));
}

#[tokio::test]
async fn a_recovered_apply_brings_its_properties_and_types() {
    let store = alice().await;
    let before = head(&store.graph, "main").await.graph_manifest_version;
    let operation = interrupt_apply(&store, WIDER).await;
    let (opened, record) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(head(&opened, "main").await.graph_manifest_version, before + 1);
    let moved: Vec<_> = record.tables.iter().map(|t| (t.type_key.as_str(), t.from_version)).collect();
    assert!(
        moved.contains(&("node:Tag", 0)) && moved.iter().any(|(key, _)| *key == "node:Person"),
        "{moved:?}"
    );
    assert_eq!((schema(&opened).await.as_str(), count(&opened, "node:Tag").await), (WIDER, Some(0)));
    run(&opened, "main", r#"insert Person { name: "Bob", city: "Oslo" }"#).await.unwrap();
    assert_eq!(names(&opened, "main").await, ["Alice", "Bob"]);
}

#[tokio::test]
async fn an_apply_lands_on_top_of_the_load_it_finds_interrupted() {
    let store = alice().await;
    let operation = store.interrupt_add(&store.graph, "main", "Bob").await;
    assert!(store.graph.apply_schema(WIDER).await.unwrap().applied);
    store.settled(&store.graph, &operation, RecoveryKind::RolledForward).await;
    assert_eq!(names(&store.graph, "main").await, ["Alice", "Bob"]);
    assert_eq!(schema(&store.graph).await, WIDER);
}

#[tokio::test]
async fn a_write_is_judged_by_the_schema_that_it_settles() {
    let tag = r#"{"type":"Tag","data":{"name":"red"}}"#;
    // A load, a mutation, and a mutation after a refresh.
    for way in 0..3 {
        let store = alice().await;
        let operation = interrupt_apply(&store, WIDER).await;
        match way {
            0 => load(&store.graph, "main", tag, LoadMode::Append).await.unwrap(),
            1 => drop(run(&store.graph, "main", r#"insert Tag { name: "red" }"#).await.unwrap()),
            _ => {
                store.graph.refresh().await.unwrap();
                run(&store.graph, "main", r#"insert Tag { name: "red" }"#).await.unwrap();
            }
        }
        store.settled(&store.graph, &operation, RecoveryKind::RolledForward).await;
        assert_eq!(count(&store.graph, "node:Tag").await, Some(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn beside_a_running_apply_everybody_sees_one_side_completely() {
    let store = alice().await;
    let (other, reader) = (store.open().await, store.reader().await);
    let mut parked = store.park(READY);
    let apply = share(&store.graph);
    let apply = spawn(async move { apply.apply_schema(WIDER).await });
    parked.arrived().await;
    let running = store.intents();
    assert_eq!(running.len(), 1);

    other.refresh().await.unwrap();
    for graph in [&other, &reader, &store.open().await, &store.reader().await] {
        assert_eq!(
            (schema(graph).await.as_str(), names(graph, "main").await),
            (V1, vec!["Alice".to_owned()])
        );
    }
    add(&other, "main", "Bob").await.unwrap();
    other.clone().close().await;
    assert_eq!(store.intents(), running, "nobody settles the write of a running writer");
    parked.release();
    assert!(apply.await.unwrap().unwrap().applied);

    store.rest().await;
    assert_eq!((store.intents().len(), staging(&store)), (0, 0));
    for graph in [&other, &reader] {
        assert_eq!((schema(graph).await.as_str(), count(graph, "node:Tag").await), (WIDER, Some(0)));
        assert_eq!(names(graph, "main").await, ["Alice", "Bob"]);
    }
    assert_eq!(lines(&other, "main").await.len(), 2);
    assert_eq!(other.recovery_list().await.unwrap(), []);
}

#[tokio::test]
async fn an_apply_that_is_published_already_only_gets_its_audit() {
    let store = alice().await;
    let fault = store.fail("recovery.sidecar_delete");
    store.graph.apply_schema(WIDER).await.unwrap();
    store.rest().await;
    drop(fault);
    let operation = store.intents().remove(0);
    let before = head(&store.graph, "main").await;
    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(head(&opened, "main").await, before);
    assert_eq!((schema(&opened).await.as_str(), count(&opened, "node:Tag").await), (WIDER, Some(0)));
}

#[tokio::test]
async fn an_apply_that_fails_while_it_makes_tables_moves_nothing() {
    const POINT: &str = "schema_apply.post_table_commit";
    let store = alice().await;
    let before = head(&store.graph, "main").await;
    let fault = store.fail(POINT);
    failed(POINT, store.graph.apply_schema(WIDER).await);
    drop(fault);
    assert_eq!(head(&store.graph, "main").await, before);
    add(&store.graph, "main", "Bob").await.unwrap();
    assert_eq!(names(&store.open().await, "main").await, ["Alice", "Bob"]);
}

#[tokio::test]
async fn an_apply_that_changes_metadata_only_goes_one_way_whatever_interrupts_its_recovery() {
    let described = "node Person @description(\"people\") { name: String @key }";
    let store = alice().await;
    let table = version(&store.graph, "main", "node:Person").await;
    let early = "schema_apply.before_staging_write";
    let fault = store.fail(early);
    failed(early, store.graph.apply_schema(described).await);
    drop(fault);
    assert_eq!(schema(&store.open().await).await, V1);

    let operation = interrupt_apply(&store, described).await;
    assert_eq!(store.intent(&operation)["tables"].as_array().unwrap().len(), 0);
    for point in ["recovery.before_roll_forward_publish", "recovery.record_audit", "recovery.sidecar_delete"]
    {
        let fault = store.fail(point);
        failed(point, store.try_open().await);
        drop(fault);
        assert_eq!(store.intents(), std::slice::from_ref(&operation));
    }
    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(schema(&opened).await, described);
    assert_eq!(version(&opened, "main", "node:Person").await, table);
    assert_eq!(head(&opened, "main").await.kind, CommitKind::Recovery);
}

#[tokio::test]
async fn tables_of_others_in_the_directory_are_never_adopted_or_deleted() {
    let store = alice().await;
    // Whatever number the type gets, its table is called by a token that nobody else has.
    for number in 1..9 {
        std::fs::create_dir_all(store.path(&format!("nodes/{number}-1"))).unwrap();
        std::fs::write(store.path(&format!("nodes/{number}-1/theirs")), "theirs").unwrap();
    }
    store.graph.apply_schema(WIDER).await.unwrap();
    run(&store.graph, "main", r#"insert Tag { name: "red" }"#).await.unwrap();
    let path = store.graph.snapshot_of("main").await.unwrap().dataset("node:Tag").unwrap().dataset_path;
    assert!(path.matches('-').count() >= 2, "{path}");
    let theirs = store.files().keys().filter(|path| path.ends_with("/theirs")).count();
    assert_eq!(theirs, 8);
}

#[tokio::test]
async fn a_rename_that_fails_after_its_effects_leaves_the_old_name_and_content() {
    let renamed = "node Human @rename_from(\"Person\") { name: String @key  city: String? }";
    for point in ["schema_apply.post_table_commit", "mutation.post_stage_pre_effect_gate"] {
        let store = alice().await;
        let fault = store.fail(point);
        failed(point, store.graph.apply_schema(renamed).await);
        drop(fault);
        let opened = store.open().await;
        assert_eq!(names(&opened, "main").await, ["Alice"]);
        assert_eq!(count(&opened, "node:Human").await, None);
        assert!(opened.apply_schema(renamed).await.unwrap().applied);
        assert_eq!(count(&opened, "node:Human").await, Some(1));
    }
}
