use super::super::ids::{BranchUid, OperationId, Seq};
use super::super::intent::{self, Intent};
use super::super::recovery::{ACTOR, RecoveryOutcome};
use super::super::refs::{self, BranchRef, Segment};
use super::store::{Fault, FaultyStore, When};
use super::*;
use crate::error::GraphError;

fn no_publication() -> Fault {
    Fault { request: "put", path: "/log/", when: When::Before, times: 1_000 }
}

/// Makes a write fail between intent and publication; returns its operation.
async fn interrupt(graph: &Graph, store: &FaultyStore, key: TypeKey, name: &str) -> String {
    store.fail(no_publication());
    let error = try_add(graph, key, name).await.unwrap_err();
    store.heal();
    match error {
        GraphError::RecoveryRequired { operation_id, .. } => operation_id,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_next_write_rolls_an_interrupted_one_forward() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let operation = interrupt(&graph, &store, person(), "Eve").await;
    assert_eq!(intents(&graph).await, [format!("__recovery/{operation}.json")]);
    assert_eq!(rows(&graph, &person()).await, 0);

    add(&graph, person(), "Frank").await;
    assert_eq!(rows(&graph, &person()).await, 2);
    let history = assert_linear(&graph).await;
    let recovered = &history[1];
    assert_eq!((recovered.kind, recovered.actor.as_deref()), (CommitKind::Recovery, Some(ACTOR)));
    graph.finish().await;
    assert!(intents(&graph).await.is_empty());
    let audits = audits(&graph).await;
    assert_eq!(audits.len(), 1);
    let audit = &audits[0];
    assert_eq!(
        (audit.recovery_kind, audit.graph_commit_id),
        (RecoveryOutcome::RolledForward, Some(recovered.id))
    );
    assert_eq!(audit.recovery_for_actor.as_deref(), Some("bob"));
    assert_eq!(audit.operation_id.to_string(), operation);
    let table = &audit.per_table_outcomes[0];
    assert_eq!((table.table_key.as_str(), table.from_version, table.to_version), ("node:Person", 1, 2));
}

#[tokio::test]
async fn opening_rolls_an_interrupted_write_forward_once() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    interrupt(&graph, &store, person(), "Eve").await;
    drop(graph);
    let reader = Graph::open_read_only(root_on(&store).await).await.unwrap();
    assert_eq!((rows(&reader, &person()).await, intents(&reader).await.len()), (0, 1));
    let (one, two) = tokio::join!(open_on(&store), open_on(&store));
    for graph in [one, two, open_on(&store).await] {
        assert_eq!(rows(&graph, &person()).await, 1);
        assert_eq!(assert_linear(&graph).await.len(), 2);
        assert_eq!((audits(&graph).await.len(), intents(&graph).await.len()), (1, 0));
    }
}

#[tokio::test]
async fn an_interrupted_write_that_another_overtook_is_discarded() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let other = open_on(&store).await;
    let operation = interrupt(&graph, &store, person(), "Eve").await;
    add(&other, company(), "Acme").await;
    add(&graph, person(), "Frank").await;
    assert_eq!(rows(&graph, &person()).await, 1);
    assert_eq!(assert_linear(&graph).await.len(), 3);
    let audits = audits(&graph).await;
    assert_eq!(audits.len(), 1);
    assert_eq!(audits[0].operation_id.to_string(), operation);
    assert_eq!((audits[0].recovery_kind, audits[0].graph_commit_id), (RecoveryOutcome::RolledBack, None));
    assert!(audits[0].per_table_outcomes.is_empty());
}

#[tokio::test]
async fn an_interrupted_write_whose_files_are_gone_is_discarded() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    interrupt(&graph, &store, person(), "Eve").await;
    let path = intents(&graph).await.remove(0);
    let bytes = graph.root().get(&path).await.unwrap().unwrap();
    let mut raw: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let tables = raw["record"]["tables"].as_array_mut().unwrap();
    let pin = tables.iter_mut().find(|pin| pin["alias"] == "Person").unwrap();
    pin["version"] = serde_json::json!((1_u64 << 63) + 12345);
    graph.root().put(&path, raw.to_string().into()).await.unwrap();
    let opened = open_on(&store).await;
    assert_eq!(rows(&opened, &person()).await, 0);
    assert_eq!(audits(&opened).await[0].recovery_kind, RecoveryOutcome::RolledBack);
}

#[tokio::test]
async fn a_write_succeeds_when_its_intent_cannot_be_deleted() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    store.fail(Fault { request: "delete", path: "__recovery", when: When::Before, times: 1 });
    let commit = add(&graph, person(), "Ada").await;
    graph.finish().await;
    assert_eq!(intents(&graph).await.len(), 1);
    add(&graph, person(), "Bob").await;
    graph.finish().await;
    assert!(intents(&graph).await.is_empty());
    assert_eq!(assert_linear(&graph).await[1].as_ref(), &*commit);
    let audits = audits(&graph).await;
    assert_eq!(audits.len(), 1);
    assert_eq!(
        (audits[0].recovery_kind, audits[0].graph_commit_id),
        (RecoveryOutcome::RolledForward, Some(commit.id))
    );
}

#[tokio::test]
async fn an_intent_that_cannot_be_stored_stops_the_write_without_trace() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    store.fail(Fault { request: "put", path: "__recovery", when: When::Before, times: 1_000 });
    let error = try_add(&graph, person(), "Ada").await.unwrap_err();
    assert!(matches!(error, GraphError::Storage(_)), "{error}");
    store.heal();
    graph.finish().await;
    assert!(intents(&graph).await.is_empty());
    add(&graph, person(), "Ada").await;
    assert_eq!(rows(&graph, &person()).await, 1);
    assert!(audits(&graph).await.is_empty());
}

/// Without the intent's deletion, the next write would finish what the caller was told has not happened.
#[tokio::test]
async fn a_failed_write_whose_intent_stays_is_left_to_recovery() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    store.fail(Fault { request: "put", path: "__recovery", when: When::After, times: 1_000 });
    store.fail(Fault { request: "delete", path: "__recovery", when: When::Before, times: 1 });
    let error = try_add(&graph, person(), "Ada").await.unwrap_err();
    assert!(matches!(error, GraphError::RecoveryRequired { .. }), "{error}");
    assert_eq!(intents(&graph).await.len(), 1);
    store.heal();
    graph.recover().await.unwrap();
    assert_eq!((rows(&graph, &person()).await, audits(&graph).await.len()), (1, 1));

    // Deleted, but not acknowledged: nothing is left to recover.
    store.fail(Fault { request: "put", path: "__recovery", when: When::After, times: 1_000 });
    store.fail(Fault { request: "delete", path: "__recovery", when: When::After, times: 1 });
    let error = try_add(&graph, person(), "Bob").await.unwrap_err();
    assert!(matches!(error, GraphError::Storage(_)), "{error}");
    store.heal();
    assert!(intents(&graph).await.is_empty());
    graph.recover().await.unwrap();
    assert_eq!((rows(&graph, &person()).await, audits(&graph).await.len()), (1, 1));
}

#[tokio::test]
async fn a_failing_audit_fails_the_next_write_and_converges() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    interrupt(&graph, &store, person(), "Eve").await;
    store.fail(Fault { request: "put", path: "/audit/", when: When::Before, times: 1_000 });
    assert!(try_add(&graph, person(), "Frank").await.is_err());
    store.heal();
    assert_eq!(intents(&graph).await.len(), 1);
    add(&graph, person(), "Grace").await;
    graph.finish().await;
    assert_eq!((rows(&graph, &person()).await, audits(&graph).await.len()), (2, 1));
    assert!(intents(&graph).await.is_empty());
    assert_linear(&graph).await;
}

#[tokio::test]
async fn the_intent_of_a_deleted_branch_is_discarded() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let head = graph.head(&main_branch()).await.unwrap().shared_record();
    let name = BranchName::parse("feature").unwrap();
    let fork = BranchRef {
        format: 1,
        name: name.clone(),
        uid: BranchUid::mint(),
        inherited: vec![Segment { branch_uid: head.branch_uid, last: head.seq }],
        creator: None,
        created_at: 0,
    };
    refs::create(graph.root(), &fork).await.unwrap();
    store.fail(no_publication());
    let on_fork = WriteRequest { branch: name.clone(), ..request() };
    assert!(graph.write(&on_fork, &Add::new(person(), &["Eve"])).await.is_err());
    store.heal();
    graph.root().delete("__manifest/refs/feature.json").await.unwrap();
    add(&graph, person(), "Ada").await;
    graph.finish().await;
    assert_eq!(rows(&graph, &person()).await, 1);
    assert_eq!(audits(&graph).await[0].recovery_kind, RecoveryOutcome::OrphanedBranchDiscarded);
    assert!(intents(&graph).await.is_empty());
}

#[tokio::test]
async fn young_intents_of_other_processes_are_left_alone() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let head = graph.head(&main_branch()).await.unwrap();
    let mut intent = Intent::new(graph.root(), head.record(), head.record());
    intent.operation_id = OperationId::mint();
    intent.writer = None;
    intent::put(graph.root(), &intent).await.unwrap();
    let opened = open_on(&store).await;
    assert_eq!((intents(&opened).await.len(), audits(&opened).await.len()), (1, 0));
    add(&opened, person(), "Ada").await;
    assert_eq!(intents(&opened).await.len(), 1);
}

#[tokio::test]
async fn the_intent_of_a_running_write_is_left_alone_by_other_handles() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let head = graph.head(&main_branch()).await.unwrap();
    let operation = OperationId::mint();
    let in_flight = graph.unsettled_intents().begin(operation);
    let mut intent = Intent::new(graph.root(), head.record(), head.record());
    intent.operation_id = operation;
    intent::put(graph.root(), &intent).await.unwrap();
    let opened = open_on(&store).await;
    assert_eq!((intents(&opened).await.len(), audits(&opened).await.len()), (1, 0));
    drop(in_flight);
    opened.recover().await.unwrap();
    assert_eq!((intents(&opened).await.len(), audits(&opened).await.len()), (0, 1));
}

#[tokio::test]
async fn unreadable_intents_refuse_writing_opens_and_stay() {
    for (body, expected) in [
        (r#"{"schema_version":99}"#, "schema_version=99"),
        (r#"{"schema_version":99}"#, "supports only schema_version=1"),
        (r#"{"schema_ver"#, "is not valid JSON"),
        (r#"{"schema_version":1}"#, "failed to deserialize"),
    ] {
        let store = FaultyStore::new();
        let graph = init_on(&store).await;
        let path = intent::path(OperationId::mint());
        graph.root().put(&path, body.into()).await.unwrap();
        let error = Graph::open(root_on(&store).await).await.err().unwrap();
        assert!(matches!(error, GraphError::RecoveryRequired { .. }));
        let text = error.to_string();
        assert!(text.contains(expected) && text.contains(&path), "{text}");
        let reader = Graph::open_read_only(root_on(&store).await).await.unwrap();
        assert_eq!(reader.head(&main_branch()).await.unwrap().record().seq, Seq(1));
        assert_eq!(intents(&reader).await, [path]);
    }
}

#[tokio::test]
async fn a_writer_whose_intent_recovery_rolled_forward_succeeds() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let operation = interrupt(&graph, &store, person(), "Eve").await;
    let path = intents(&graph).await.remove(0);
    let intent = intent::load(graph.root(), &path).await.unwrap().unwrap();
    let opened = open_on(&store).await;
    let late = opened.log().append(intent.record.unwrap()).await.unwrap();
    match late {
        super::super::log::Append::Published(record) => {
            assert_eq!(record.operation_id.to_string(), operation);
            assert_eq!(record.kind, CommitKind::Recovery);
        }
        super::super::log::Append::Lost => panic!("it is the same operation"),
    }
    assert_eq!(rows(&opened, &person()).await, 1);
}
