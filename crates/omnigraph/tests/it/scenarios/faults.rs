//! Faults of the store and of recovery itself.

use omnigraph::Omnigraph;
use omnigraph::db::{LoadMode, OpenOptions, RecoveryKind};
use omnigraph::failpoints::ScopedFailPoint;

use super::fixtures::*;
use crate::server::Server;

const READY: &str = "mutation.post_finalize_pre_publisher";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovery_converges_in_a_bucket() {
    // For its right to arm fault points; the graph is in the bucket.
    let exclusive = Directory::new().await;
    let server = Server::start().await;
    let uri = "s3://bucket/scenario";
    let options = OpenOptions { storage: server.settings(), ..OpenOptions::default() };
    let graph = Omnigraph::init_with(uri, SCHEMA, &options).await.unwrap();
    let armed = |point| ScopedFailPoint::limited(point, uri).armed("return").unwrap();

    let fault = armed("recovery.sidecar_write");
    failed("recovery.sidecar_write", add(&graph, "main", "Ada").await);
    drop(fault);
    let fault = armed(READY);
    let first = interrupted(READY, add(&graph, "main", "Ada").await);
    drop(fault);
    add(&graph, "main", "Bob").await.unwrap();
    let fault = armed(READY);
    let second = interrupted(READY, add(&graph, "main", "Cyd").await);
    drop(fault);
    let fault = armed("recovery.sidecar_list");
    failed("recovery.sidecar_list", Omnigraph::open_with(uri, &options).await);
    drop(fault);
    let opened = Omnigraph::open_with(uri, &options).await.unwrap();
    assert_eq!(names(&opened, "main").await, ["Ada", "Bob", "Cyd"]);
    let settled: Vec<_> = opened.recovery_list().await.unwrap();
    assert!(settled.iter().all(|record| record.recovery_kind == RecoveryKind::RolledForward));
    let settled: Vec<String> = settled.into_iter().map(|record| record.operation_id).collect();
    assert_eq!(settled, [first, second]);
    let again = Omnigraph::open_with(uri, &options).await.unwrap();
    assert_eq!(again.recovery_list().await.unwrap().len(), 2);
    assert_eq!(commits(&again, "main").await, 4);
    drop(exclusive);
}

#[tokio::test]
async fn a_load_whose_intent_cannot_be_stored_leaves_nothing() {
    const POINT: &str = "recovery.sidecar_write";
    let store = Store::empty().await;
    let before = head_id(&store.graph, "main").await;
    let fault = store.fail(POINT);
    failed(POINT, load(&store.graph, "main", FIXTURE, LoadMode::Append).await);
    drop(fault);
    assert_eq!(store.intents(), [] as [String; 0]);
    assert_eq!(head_id(&store.graph, "main").await, before);
    load(&store.graph, "main", FIXTURE, LoadMode::Append).await.unwrap();
    assert_eq!(store.graph.snapshot_of("main").await.unwrap().entity_counts(), (6, 5));
    assert_eq!(store.open().await.recovery_list().await.unwrap(), []);
}

#[tokio::test]
async fn a_merge_whose_intent_cannot_be_stored_leaves_nothing() {
    const POINT: &str = "recovery.sidecar_write";
    let store = Store::with(&["Alice"]).await;
    store.graph.branch_create("feature").await.unwrap();
    add(&store.graph, "feature", "Bob").await.unwrap();
    add(&store.graph, "main", "Carol").await.unwrap();
    let before = head_id(&store.graph, "main").await;
    let fault = store.fail(POINT);
    failed(POINT, merge(&store.graph, "feature", "main").await);
    drop(fault);
    assert_eq!(head_id(&store.graph, "main").await, before);
    merge(&store.graph, "feature", "main").await.unwrap();
    assert_eq!(names(&store.graph, "main").await.len(), 3);
}

#[tokio::test]
async fn a_write_whose_intent_cannot_be_deleted_succeeds() {
    let store = Store::empty().await;
    let fault = store.fail("recovery.sidecar_delete");
    load(&store.graph, "main", FIXTURE, LoadMode::Append).await.unwrap();
    store.rest().await;
    drop(fault);
    assert_eq!(names(&store.graph, "main").await.len(), 4);
    let operation = store.intents().remove(0);
    add(&store.graph, "main", "Eve").await.unwrap();
    store.settled(&store.graph, &operation, RecoveryKind::RolledForward).await;
    assert_eq!(commits(&store.graph, "main").await, 3);
}

#[tokio::test]
async fn recovery_that_cannot_list_says_so() {
    const POINT: &str = "recovery.sidecar_list";
    let store = Store::empty().await;
    let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
    let fault = store.fail(POINT);
    failed(POINT, store.graph.refresh().await);
    failed(POINT, store.try_open().await);
    assert_eq!(store.intents(), std::slice::from_ref(&operation));
    drop(fault);
    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(names(&opened, "main").await, ["Eve"]);
    drop(opened);

    // A write knows what its handle left by name, and needs no listing.
    let operation = store.interrupt_add(&store.graph, "main", "Fay").await;
    let fault = store.fail(POINT);
    add(&store.graph, "main", "Gus").await.unwrap();
    drop(fault);
    store.settled(&store.graph, &operation, RecoveryKind::RolledForward).await;
    assert_eq!(names(&store.graph, "main").await, ["Eve", "Fay", "Gus"]);
}

#[tokio::test]
async fn a_failing_audit_fails_the_write_that_settles_and_converges() {
    const POINT: &str = "recovery.record_audit";
    let store = Store::empty().await;
    let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
    let fault = store.fail(POINT);
    failed(POINT, add(&store.graph, "main", "Lost").await);
    assert_eq!(store.intents(), std::slice::from_ref(&operation));
    drop(fault);
    add(&store.graph, "main", "Frank").await.unwrap();
    store.settled(&store.graph, &operation, RecoveryKind::RolledForward).await;
    assert_eq!(names(&store.graph, "main").await, ["Eve", "Frank"]);
}

#[tokio::test]
async fn an_intent_that_cannot_be_read_is_refused_and_kept() {
    let store = Store::empty().await;
    let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
    let path = store.intent_path(&operation);
    let whole = std::fs::read(&path).unwrap();
    let mut newer = store.intent(&operation);
    newer["schema_version"] = 99.into();
    let cases = [
        (whole[..whole.len() / 2].to_vec(), &["is not valid JSON"][..]),
        (br#"{"schema_version":1}"#.to_vec(), &["failed to deserialize"]),
        (newer.to_string().into_bytes(), &["schema_version=99", "supports only schema_version=1"]),
    ];
    for (body, expected) in cases {
        std::fs::write(&path, &body).unwrap();
        let refusals =
            [add(&store.graph, "main", "Lost").await.unwrap_err(), store.try_open().await.err().unwrap()];
        for text in refusals.map(|error| error.to_string()) {
            assert!(expected.iter().all(|part| text.contains(part)), "{text}");
            assert!(text.contains(&format!("{operation}.json")), "{text}");
        }
        assert!(names(&store.reader().await, "main").await.is_empty());
        assert_eq!(std::fs::read(&path).unwrap(), body);
    }
    std::fs::write(&path, whole).unwrap();
    let (opened, _) = store.recovered(&operation, RecoveryKind::RolledForward).await;
    assert_eq!(names(&opened, "main").await, ["Eve"]);
}

#[tokio::test]
async fn lost_acknowledgements_of_branch_control_are_resolved_by_looking() {
    let store = Store::with(&["Alice"]).await;
    let before = head_id(&store.graph, "main").await;
    let fault = store.fail("branch_create.post_native");
    store.graph.branch_create("feature").await.unwrap();
    drop(fault);
    assert_eq!(store.graph.branch_list().await.unwrap(), ["main", "feature"]);
    let fault = store.fail("branch_delete.post_native");
    store.graph.branch_delete("feature").await.unwrap();
    drop(fault);
    assert_eq!(store.graph.branch_list().await.unwrap(), ["main"]);
    assert_eq!(head_id(&store.graph, "main").await, before);
}

#[tokio::test]
async fn a_branch_created_again_is_told_apart_by_its_ref_alone() {
    let store = Store::with(&["Alice"]).await;
    store.graph.branch_create("feature").await.unwrap();
    add(&store.graph, "feature", "Eve").await.unwrap();
    store.graph.branch_delete("feature").await.unwrap();
    store.graph.branch_create("feature").await.unwrap();
    add(&store.graph, "feature", "Frank").await.unwrap();
    // A branch that cannot be read is not evidence of absence: nothing is removed.
    store.rest().await;
    let before = store.files();
    let point = "cleanup.resolve_branch_snapshot";
    let options = omnigraph::db::CleanupPolicyOptions {
        keep_versions: Some(1),
        grace: std::time::Duration::ZERO,
        ..Default::default()
    };
    let fault = store.fail(point);
    let error = store.graph.cleanup(options).await.unwrap_err().to_string();
    drop(fault);
    assert!(error.contains("could not classify live branch"), "{error}");
    assert_eq!(store.files(), before);
    store.graph.cleanup(options).await.unwrap();
    assert!(store.files().len() < before.len());
    assert_eq!(names(&store.open().await, "feature").await, ["Alice", "Frank"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn beside_a_parked_writer_other_handles_write_refresh_and_open() {
    for point in ["mutation.post_stage_pre_effect_gate", READY] {
        let store = Store::with(&["Alice"]).await;
        store.graph.branch_create("feature").await.unwrap();
        let other = store.open().await;
        let mut parked = store.park(point);
        let first = share(&store.graph);
        let first = spawn(async move { add(&first, "feature", "Eve").await });
        parked.arrived().await;
        let standing = store.intents();
        other.refresh().await.unwrap();
        add(&other, "feature", "Frank").await.unwrap();
        let third = store.open().await;
        add(&third, "main", "Gus").await.unwrap();
        third.clone().close().await;
        other.clone().close().await;
        assert_eq!(store.intents(), standing, "{point}");
        parked.release();
        first.await.unwrap().unwrap();
        store.rest().await;
        assert_eq!(store.intents(), [] as [String; 0]);
        assert_eq!(names(&third, "feature").await, ["Alice", "Eve", "Frank"], "{point}");
        assert_eq!(names(&third, "main").await, ["Alice", "Gus"], "{point}");
        assert_eq!(third.recovery_list().await.unwrap(), []);
    }
}

#[tokio::test]
async fn an_intent_that_goes_between_listing_and_reading_was_finished_by_its_owner() {
    let store = Store::empty().await;
    let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
    let path = store.intent_path(&operation);
    let fault = store.at("recovery.post_sidecar_list_pre_read", move || std::fs::remove_file(&path).unwrap());
    let opened = store.try_open().await.unwrap();
    drop(fault);
    assert_eq!(opened.recovery_list().await.unwrap(), []);
    assert!(names(&store.reader().await, "main").await.is_empty());
    // The handle that had left it finds nothing to settle.
    add(&store.graph, "main", "Frank").await.unwrap();
    assert_eq!(names(&opened, "main").await, ["Frank"]);
}

#[tokio::test]
async fn recovery_acts_on_the_body_as_it_is_when_it_acts() {
    const OPERATION: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let store = Store::empty().await;
    let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
    let whole = store.intent(&operation);
    let mut bare = bare_intent(&operation, None, 1);
    bare["actor_id"] = OPERATION.into();
    store.put_intent(&operation, &bare);
    store.age_intent(&operation);
    let path = store.intent_path(&operation);
    let fault =
        store.at("recovery.post_list_pre_gates", move || std::fs::write(&path, whole.to_string()).unwrap());
    let opened = store.try_open().await.unwrap();
    drop(fault);
    let record = store.settled(&opened, &operation, RecoveryKind::RolledForward).await;
    assert_eq!(record.actor_id.as_deref(), Some("act-x"));
    assert_eq!(names(&opened, "main").await, ["Eve"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_opens_that_settle_one_intent_both_succeed() {
    for point in ["recovery.before_roll_forward_publish", "recovery.record_audit", "recovery.sidecar_delete"]
    {
        let store = Store::empty().await;
        let operation = store.interrupt_add(&store.graph, "main", "Eve").await;
        let mut parked = store.park(point);
        let uri = store.uri().to_owned();
        let first = spawn(async move { Omnigraph::open_with(&uri, &relaxed()).await });
        parked.arrived().await;
        let second = store.open().await;
        assert_eq!(names(&second, "main").await, ["Eve"], "{point}");
        parked.release();
        let first = first.await.unwrap().unwrap();
        for graph in [&first, &second] {
            store.settled(graph, &operation, RecoveryKind::RolledForward).await;
            assert_eq!((names(graph, "main").await.len(), commits(graph, "main").await), (1, 2), "{point}");
        }
    }
}

#[tokio::test]
async fn a_contract_that_cannot_be_read_fails_the_request_and_nothing_else() {
    const POINT: &str = "schema_reload.before_contract_read";
    let store = Store::with(&["Alice"]).await;
    let fault = store.fail(POINT);
    let opened = store.open().await;
    failed(POINT, opened.snapshot_of("main").await.map(drop));
    failed(POINT, add(&opened, "main", "Lost").await);
    drop(fault);
    assert_eq!(names(&opened, "main").await, ["Alice"]);
}
