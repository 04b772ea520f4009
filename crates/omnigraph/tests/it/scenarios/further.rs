//! 118, and what every point promises: whatever write it stops, the next open finds the write whole or absent.

use omnigraph::changes::{ChangeFeedPosition, ChangeFeedRequest, FeedStart};
use omnigraph::db::LoadMode;

use super::kit::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s118_a_feed_that_is_read_while_its_branch_is_replaced_never_shows_the_new_one() {
    for point in ["change_feed.post_capture", "change_feed.pre_table_open"] {
        let store = Store::with(&["Alice"]).await;
        store.graph.branch_create("feature").await.unwrap();
        add(&store.graph, "feature", "Eve").await.unwrap();
        let other = store.open().await;
        let mut parked = store.park(point);
        let first = share(&store.graph);
        let poll = spawn(async move {
            let request = ChangeFeedRequest {
                branch: Some("feature".to_owned()),
                ..ChangeFeedRequest::new(ChangeFeedPosition::Start(FeedStart::Beginning))
            };
            first.poll_change_feed(&request).await
        });
        parked.arrived().await;
        other.branch_delete("feature").await.unwrap();
        other.branch_create("feature").await.unwrap();
        add(&other, "feature", "Frank").await.unwrap();
        parked.release();
        let error = poll.await.unwrap().unwrap_err().to_string();
        assert!(error.contains("incarnation"), "{point}: {error}");
    }
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
