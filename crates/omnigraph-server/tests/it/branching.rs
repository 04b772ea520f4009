//! Branches and merges.

use serde_json::json;

use crate::fixtures::{Ask, Served, Setup};

#[tokio::test]
async fn branches_come_and_go() {
    let served = Served::open().await;
    let uri = served.graph.uri().to_owned();
    let made =
        served.post("/graphs/atlas/branches", json!({"name": " review/7 ", "from": "main"})).await.ok();
    assert_eq!(made, json!({"uri": uri, "from": "main", "name": "review/7", "actor_id": null}));
    served.post("/branches", json!({"name": "atlas-2"})).await.ok();
    assert_eq!(served.get("/branches").await.ok(), json!({"branches": ["atlas-2", "main", "review/7"]}));
    served.post("/branches", json!({"name": "review/7"})).await.refused(409, Some("conflict"));
    served.post("/branches", json!({"name": "x", "from": "nope"})).await.refused(404, Some("not_found"));
    for name in ["", " ", "a//b", "a..b", "../x", "main "] {
        let status = served.post("/branches", json!({"name": name})).await.status;
        assert!(matches!(status, 400 | 409), "{name:?}: {status}");
    }
    let gone = served.send(Ask::new("DELETE", "/graphs/atlas/branches/review%2F7")).await.ok();
    assert_eq!(gone, json!({"uri": uri, "name": "review/7", "actor_id": null}));
    served.send(Ask::new("DELETE", "/branches/review%2F7")).await.refused(404, Some("not_found"));
    served.send(Ask::new("DELETE", "/branches/main")).await.refused(400, Some("bad_request"));
    served.post("/branches", json!({"name": "merge"})).await.ok();
    served.send(Ask::new("DELETE", "/branches/merge")).await.ok();
}

async fn diverged(served: &Served) {
    served.graph.branch_create("draft").await.unwrap();
    for (branch, people) in [("draft", 1), ("main", 2)] {
        let query = format!("query u() {{ update City set {{ people: {people} }} where name = \"oslo\" }}");
        served.post("/mutate", json!({"query": query, "branch": branch})).await.ok();
    }
}

#[tokio::test]
async fn a_merge_tells_its_outcome_and_its_commit() {
    let served = Served::open().await;
    served.graph.branch_create("draft").await.unwrap();
    let add = json!({"query": "query a() { insert City { name: \"bodo\" } }", "branch": "draft"});
    served.post("/mutate", add).await.ok();
    let merged = served.post("/graphs/atlas/branches/merge", json!({"source": " draft "})).await.ok();
    assert_eq!(
        (&merged["outcome"], &merged["source"], &merged["target"]),
        (&json!("fast_forward"), &json!("draft"), &json!("main"))
    );
    assert_eq!(merged["commit"]["graph_commit_id"], json!(served.head("main").await));
    assert_eq!(merged.get("branch_deleted"), None);
    let again = served.post("/branches/merge", json!({"source": "draft", "delete_branch": true})).await.ok();
    let expected = json!({
        "source": "draft", "target": "main", "outcome": "already_up_to_date", "actor_id": null, "branch_deleted": true,
    });
    assert_eq!(again, expected);
    served.post("/branches/merge", json!({"source": "draft"})).await.refused(404, Some("not_found"));
    served.post("/branches/merge", json!({"source": "main"})).await.refused(400, Some("bad_request"));
    served
        .post("/branches/merge", json!({"source": "x", "delete_branch": null}))
        .await
        .refused(400, Some("bad_request"));
}

#[tokio::test]
async fn conflicts_are_all_listed_and_the_target_stays() {
    let served = Served::open().await;
    diverged(&served).await;
    let head = served.head("main").await;
    let nested =
        served.post("/graphs/atlas/branches/merge", json!({"source": "draft", "delete_branch": true})).await;
    let text = nested.refused(409, Some("conflict"));
    assert_eq!(text, "merge conflicts: node type 'City', entity id 'oslo' (divergent_update)");
    let conflict = nested.json()["merge_conflicts"][0].clone();
    assert_eq!((&conflict["entity_kind"], &conflict["kind"]), (&json!("node"), &json!("divergent_update")));
    assert_eq!(conflict.as_object().unwrap().len(), 5);
    let flat = served.post("/branches/merge", json!({"source": "draft"})).await;
    let conflict = flat.json()["merge_conflicts"][0].clone();
    assert_eq!((&conflict["table_key"], &conflict["row_id"]), (&json!("node:City"), &json!("oslo")));
    assert_eq!(served.head("main").await, head);
    assert_eq!(served.graph.branch_list().await.unwrap(), ["main", "draft"]);
}

#[tokio::test]
async fn a_merged_branch_that_may_not_be_deleted_stays_and_says_so() {
    let bundle = "version: 1\ngroups: { a: [ada] }\nrules:\n  - id: r\n    allow: { actors: { group: a }, actions: [branch_merge] }\n";
    let served = Served::with(&Setup { bundle: Some(bundle), actors: &["ada"], ..Setup::default() }).await;
    served.graph.branch_create("draft").await.unwrap();
    let ask = Ask::post("/branches/merge", json!({"source": "draft", "delete_branch": true})).actor("ada");
    let merged = served.send(ask).await.ok();
    assert_eq!((&merged["branch_deleted"], &merged["actor_id"]), (&json!(false), &json!("ada")));
    let text = merged["branch_delete_error"].as_str().unwrap();
    assert!(text.contains("policy denied action 'branch_delete'"), "{text}");
    assert_eq!(served.graph.branch_list().await.unwrap(), ["main", "draft"]);
}
