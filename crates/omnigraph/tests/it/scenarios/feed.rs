//! Change feeds beside branches that come and go.

use omnigraph::changes::{ChangeFeedPosition, ChangeFeedRequest, FeedStart};

use super::fixtures::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_feed_that_is_read_while_its_branch_is_replaced_never_shows_the_new_one() {
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
