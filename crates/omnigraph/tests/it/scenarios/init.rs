//! Creating a graph.

use omnigraph::db::Mutate;
use omnigraph::error::OmniError;

use super::fixtures::*;

/// Nothing that a creation leaves behind keeps another one from succeeding.
async fn can_be_created(directory: &Directory) {
    assert!(!directory.path("_schema.pg").exists());
    assert!(matches!(directory.try_open().await.err(), Some(OmniError::NotAGraph { .. })));
    let graph = directory.init(SCHEMA).await.unwrap();
    add(&graph, "main", "Ada").await.unwrap();
    assert_eq!(names(&directory.open().await, "main").await, ["Ada"]);
    assert_eq!(commits(&graph, "main").await, 2);
}

#[tokio::test]
async fn a_creation_that_fails_early_can_be_repeated() {
    for point in ["init.after_claim", "init.table_create_ack_lost", "init.after_schema_contract_written"] {
        let directory = Directory::new().await;
        let fault = directory.fail(point);
        failed(point, directory.init(SCHEMA).await);
        drop(fault);
        can_be_created(&directory).await;
    }
}

#[tokio::test]
async fn a_creation_that_fails_after_its_ref_made_the_graph() {
    for point in ["init.post_manifest_create", "init.after_coordinator_init"] {
        let directory = Directory::new().await;
        let fault = directory.fail(point);
        match failed(point, directory.init(SCHEMA).await) {
            OmniError::InitializationCommitted { uri, .. } => assert_eq!(uri, directory.uri()),
            other => panic!("{other}"),
        }
        drop(fault);
        let graph = directory.open().await;
        add(&graph, "main", "Ada").await.unwrap();
        assert_eq!(names(&graph, "main").await, ["Ada"]);
        assert!(matches!(directory.init(SCHEMA).await.err(), Some(OmniError::AlreadyInitialized { .. })));
    }
}

#[tokio::test]
async fn a_graph_is_never_created_over_another() {
    let store = Store::with(&["Ada"]).await;
    let before = store.files();
    let other = "node Other { name: String @key }";
    assert!(matches!(store.init(other).await.err(), Some(OmniError::AlreadyInitialized { .. })));
    assert_eq!(store.files(), before);

    // The copy of the schema is for people: without it the graph is what it was.
    std::fs::remove_file(store.path("_schema.pg")).unwrap();
    let before = store.files();
    assert!(matches!(store.init(other).await.err(), Some(OmniError::AlreadyInitialized { .. })));
    assert_eq!(names(&store.open().await, "main").await, ["Ada"]);
    assert_eq!(names(&store.reader().await, "main").await, ["Ada"]);
    assert_eq!(store.files(), before);
}

#[tokio::test]
async fn a_creation_without_an_answer_is_resolved_by_looking() {
    let directory = Directory::new().await;
    let fault = directory.fail("init.manifest_create_ack_lost");
    let graph = directory.init(SCHEMA).await.unwrap();
    drop(fault);
    assert_eq!(commits(&graph, "main").await, 1);
    drop((graph, directory));

    // It cannot be told, and the graph is there.
    let directory = Directory::new().await;
    let lost = directory.fail("init.manifest_create_ack_lost");
    let blind = directory.fail("init.manifest_create_probe");
    match directory.init(SCHEMA).await.err().unwrap() {
        OmniError::InitializationIndeterminate { uri, source, probe } => {
            assert_eq!(uri, directory.uri());
            assert!(source.to_string().contains("init.manifest_create_ack_lost"), "{source}");
            assert!(probe.to_string().contains("init.manifest_create_probe"), "{probe}");
        }
        other => panic!("{other}"),
    }
    drop((lost, blind));
    let graph = directory.open().await;
    add(&graph, "main", "Ada").await.unwrap();
    assert_eq!(names(&graph, "main").await, ["Ada"]);
    drop((graph, directory));

    // A crash right after the birth.
    let directory = Directory::new().await;
    let uri = directory.uri().to_owned();
    let crash = directory.arm("init.post_manifest_create", "panic");
    let doomed =
        spawn(async move { omnigraph::Omnigraph::init_with(&uri, SCHEMA, &relaxed()).await.map(drop) });
    assert!(doomed.await.is_err());
    drop(crash);
    let graph = directory.open().await;
    graph.mutate(Mutate::new("main", r#"query q() { insert Person { name: "Ada" } }"#)).await.unwrap();
}
