use super::super::ids::Seq;
use super::super::{format, refs};
use super::store::{Fault, FaultyStore, When};
use super::*;
use crate::error::GraphError;

#[tokio::test]
async fn a_graph_begins_with_one_parentless_commit_of_empty_tables() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let head = graph.head(&main_branch()).await.unwrap();
    let record = head.record();
    assert_eq!((record.seq, record.kind, record.parents.len()), (Seq(1), CommitKind::Init, 0));
    assert_eq!(record.actor.as_deref(), Some("ann"));
    let aliases: Vec<&str> = record.tables.iter().map(|pin| pin.alias.as_str()).collect();
    assert_eq!(aliases, ["Company", "Person"]);
    assert!(record.tables.iter().all(|pin| pin.rows == 0 && pin.table_version == 1));
    assert!(record.tables.iter().all(|pin| pin.path.starts_with("nodes/")));
    assert_eq!(head.schema_source(), SOURCE);
    assert_eq!(**head.catalog(), catalog());
    assert_eq!(graph.branches().await.unwrap(), [main_branch()]);
    assert!(intents(&graph).await.is_empty());
    assert_eq!(graph.root().get("_schema.pg").await.unwrap().unwrap(), SOURCE.as_bytes());

    let reopened = open_on(&store).await;
    assert_eq!(reopened.head(&main_branch()).await.unwrap().record(), record);
}

#[tokio::test]
async fn a_second_creation_is_refused_and_changes_nothing() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let before = paths(&graph, "").await;
    let other = schema::compile("node Other { name: String @key }", "01J0000000000000000000TEST").unwrap();
    let error = Graph::init(root_on(&store).await, "node Other { name: String @key }", other.catalog, None)
        .await
        .err()
        .unwrap();
    assert!(matches!(error, GraphError::AlreadyInitialized { .. }), "{error}");
    assert_eq!(paths(&graph, "").await, before);
}

#[tokio::test]
async fn of_concurrent_creations_exactly_one_wins() {
    let store = FaultyStore::new();
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { Graph::init(root_on(&store).await, SOURCE, catalog(), None).await })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(graph) => winners.push(graph),
            Err(GraphError::AlreadyInitialized { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(winners.len(), 1);
    add(&winners[0], person(), "Ada").await;
    assert_eq!(rows(&open_on(&store).await, &person()).await, 1);
}

#[tokio::test]
async fn an_interrupted_creation_is_no_graph_and_can_be_repeated() {
    for path in ["__manifest/format", "__manifest/schema", "__manifest/log", "__manifest/refs"] {
        let store = FaultyStore::new();
        store.fail(Fault { request: "put", path, when: When::Before, times: 100 });
        assert!(Graph::init(root_on(&store).await, SOURCE, catalog(), None).await.is_err());
        store.heal();
        let error = Graph::open(root_on(&store).await).await.err().unwrap();
        assert!(matches!(error, GraphError::NotAGraph { .. }), "{error}");
        let graph = init_on(&store).await;
        add(&graph, person(), "Ada").await;
        assert_eq!(rows(&open_on(&store).await, &person()).await, 1);
    }
}

#[tokio::test]
async fn a_creation_whose_acknowledgement_is_lost_succeeds() {
    for path in ["__manifest/log", "__manifest/refs"] {
        let store = FaultyStore::new();
        store.fail(Fault { request: "put", path, when: When::After, times: 1 });
        let graph = init_on(&store).await;
        assert_eq!(history(&graph, &main_branch()).await.len(), 1);
    }
}

#[tokio::test]
async fn a_newer_format_is_refused_before_anything_else() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let stamp = format!(r#"{{"format":{},"graph_id":"x","later":1}}"#, format::STORAGE_FORMAT + 1);
    graph.root().put("__manifest/format.json", stamp.into()).await.unwrap();
    for result in
        [Graph::open(root_on(&store).await).await, Graph::open_read_only(root_on(&store).await).await]
    {
        assert!(matches!(result.err().unwrap(), GraphError::UnsupportedFormat { found: 2, .. }));
    }
}

#[tokio::test]
async fn unknown_fields_of_a_record_are_ignored() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let path = paths(&graph, "__manifest/log/").await.remove(0);
    let bytes = graph.root().get(&path).await.unwrap().unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    record["later"] = serde_json::json!({"x": 1});
    record["tables"].as_array_mut().unwrap().reverse();
    graph.root().put(&path, serde_json::to_vec(&record).unwrap().into()).await.unwrap();
    let reopened = open_on(&store).await;
    assert_eq!(rows(&reopened, &person()).await, 0);
    assert_eq!(rows(&reopened, &company()).await, 0);
}

#[tokio::test]
async fn a_local_graph_survives_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let uri = directory.path().join("my graph");
    let uri = uri.to_str().unwrap();
    let root = Root::open(uri, options(None)).await.unwrap();
    let graph = Graph::init(root, SOURCE, catalog(), None).await.unwrap();
    for name in ["Ada", "Bob", "Cleo"] {
        add(&graph, person(), name).await;
    }
    assert!(intents(&graph).await.is_empty());
    let reopened = Graph::open(Root::open(uri, options(None)).await.unwrap()).await.unwrap();
    assert_eq!(rows(&reopened, &person()).await, 3);
    assert_eq!(assert_linear(&reopened).await.len(), 4);
}

#[tokio::test]
async fn reading_never_writes() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    add(&graph, person(), "Ada").await;
    let quiet = store.sibling();
    let reader = Graph::open_read_only(root_on(&quiet).await).await.unwrap();
    assert_eq!(rows(&reader, &person()).await, 1);
    let id = history(&reader, &main_branch()).await[0].id;
    crate::branch::at_commit(&reader, &id).await.unwrap();
    let counts = quiet.take_counts();
    assert_eq!((counts.puts, counts.deletes), (0, 0));
    assert!(try_add(&reader, person(), "Bob").await.is_err());
    assert_eq!(quiet.take_counts().puts, 0);
}

#[tokio::test]
async fn an_absent_branch_is_named_with_a_near_one() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let name = BranchName::parse("mian").unwrap();
    match graph.head(&name).await.unwrap_err() {
        GraphError::BranchNotFound { branch, did_you_mean } => {
            assert_eq!((branch.as_str(), did_you_mean.as_deref()), ("mian", Some("main")));
        }
        other => panic!("{other}"),
    }
    assert!(refs::load(graph.root(), &name).await.unwrap().is_none());
}
