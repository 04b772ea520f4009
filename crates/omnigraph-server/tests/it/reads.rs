//! Queries, snapshots, the schema and commits.

use serde_json::json;

use crate::fixtures::{Ask, Served};

const BIG: &str = "query big($n: I64) { match { $c: City  $c.people > $n } return { $c.name } }";

#[tokio::test]
async fn a_query_answers_with_its_rows_and_the_commit_they_came_from() {
    let served = Served::open().await;
    let asked = json!({"query": BIG, "params": {"n": 500_000}});
    for path in ["/query", "/graphs/default/query", "/graphs/atlas/query"] {
        let body = served.post(path, asked.clone()).await.ok();
        let expected = json!({
            "query_name": "big",
            "target": {"branch": "main", "snapshot": null},
            "row_count": 1,
            "columns": ["c.name"],
            "rows": [{"c.name": "oslo"}],
            "graph_commit_id": served.head("main").await,
        });
        assert_eq!(body, expected, "{path}");
    }
}

#[tokio::test]
async fn a_read_looks_at_one_branch_or_one_commit() {
    let served = Served::open().await;
    let old = served.head("main").await;
    served.graph.branch_create("draft").await.unwrap();
    let add = json!({"query": "query add() { insert City { name: \"bodo\" } }", "branch": " draft "});
    let receipt = served.post("/mutate", add).await.ok();
    let count = |target: serde_json::Value| {
        let mut asked = json!({"query": "query n() { match { $c: City } return { count($c) as n } }"});
        asked.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        served.post("/query", asked)
    };
    assert_eq!(count(json!({})).await.ok()["rows"][0]["n"], 2);
    assert_eq!(count(json!({"branch": " draft "})).await.ok()["rows"][0]["n"], 3);
    let at_old = count(json!({"snapshot": old})).await.ok();
    assert_eq!((&at_old["rows"][0]["n"], &at_old["graph_commit_id"]), (&json!(2), &json!(old)));
    assert_eq!(at_old["target"], json!({"branch": null, "snapshot": old}));
    let at_new = count(json!({"snapshot": receipt["commit"]["graph_commit_id"]})).await.ok();
    assert_eq!(at_new["rows"][0]["n"], 3);
    let both = count(json!({"branch": "main", "snapshot": old})).await;
    assert!(both.refused(400, Some("bad_request")).contains("not both"));
    let absent = count(json!({"branch": "drft"})).await;
    assert_eq!(absent.refused(404, Some("not_found")), "branch 'drft' not found");
    let unknown = count(json!({"snapshot": "01J0000000000000000000000Z"})).await;
    assert_eq!(unknown.refused(404, Some("not_found")), "commit '01J0000000000000000000000Z' not found");
    for blank in [json!({"branch": " "}), json!({"snapshot": ""})] {
        assert!(count(blank).await.refused(400, Some("bad_request")).contains("blank"));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_query_is_told_with_its_place() {
    let served = Served::open().await;
    let ask = |query: &str| served.post("/query", json!({"query": query}));
    let text = ask("query q() {\n  match { $c: Cty }\n  return { $c.name }\n}").await;
    let text = text.refused(400, Some("bad_request"));
    assert!(text.contains("line 2, column") && text.contains("did you mean `City`?"), "{text}");
    let text = ask("query q( {").await.refused(400, Some("bad_request"));
    assert!(text.starts_with("parse error") && text.contains("line 1"), "{text}");
    let mutation = ask("query add() { insert City { name: \"x\" } }").await;
    let text = mutation.refused(400, Some("bad_request"));
    assert!(text.contains("contains mutations") && text.contains("POST /mutate"), "{text}");
    let two = "query a() { match { $c: City } return { $c.name } } query b() { match { $c: City } return { $c.name } }";
    assert!(ask(two).await.refused(400, Some("bad_request")).contains("name one of a, b"));
    let named = served.post("/query", json!({"query": two, "name": "c"})).await;
    assert!(named.refused(400, Some("bad_request")).starts_with("query 'c' not found"));
    for params in [json!([1]), json!("x"), json!(1)] {
        let text = served.post("/query", json!({"query": BIG, "params": params})).await;
        assert_eq!(text.refused(400, Some("bad_request")), "params must be a JSON object");
    }
    let text = served.post("/query", json!({"query": BIG})).await;
    assert_eq!(text.refused(400, Some("bad_request")), "parameter 'n' not provided");
    assert_eq!(served.post("/query", json!({"query": BIG, "params": {"n": 1}})).await.status, 200);
}

#[tokio::test]
async fn the_deprecated_read_is_frozen_and_names_its_successor() {
    let served = Served::open().await;
    for path in ["/read", "/graphs/atlas/read"] {
        let asked = json!({"query_source": BIG, "query_name": "big", "params": {"n": 500_000}});
        let reply = served.post(path, asked).await;
        let frozen = r#"{"query_name":"big","target":{"branch":"main","snapshot":null},"row_count":1,"columns":["c.name"],"rows":[{"c.name":"oslo"}]}"#;
        assert_eq!(reply.text(), frozen);
        assert_eq!(reply.header("deprecation"), Some("true"));
        assert_eq!(reply.header("link"), Some("<query>; rel=\"successor-version\""));
        let mutation = json!({"query_source": "query add() { insert City { name: \"x\" } }"});
        let refused = served.post(path, mutation).await;
        refused.refused(400, Some("bad_request"));
        assert_eq!(refused.header("deprecation"), Some("true"));
    }
    assert_eq!(served.post("/query", json!({"query": BIG})).await.header("deprecation"), None);
    assert_eq!(served.head("main").await, served.head("main").await);
}

#[tokio::test]
async fn a_snapshot_lists_types_in_order() {
    let served = Served::open().await;
    let body = served.get("/graphs/atlas/snapshot?branch=%20main%20").await.ok();
    assert_eq!(body["graph_branch"], "main");
    let datasets = body["datasets"].as_array().unwrap();
    let shown: Vec<String> = datasets
        .iter()
        .map(|d| format!("{} {} {}", d["entity_kind"], d["type_name"], d["entity_count"]))
        .collect();
    assert_eq!(shown, ["\"edge\" \"Road\" 1", "\"node\" \"City\" 2"]);
    assert!(datasets.iter().all(|dataset| dataset.as_object().unwrap().len() == 6));
    assert_eq!(
        served.get("/snapshot?branch=x").await.refused(404, Some("not_found")),
        "branch 'x' not found"
    );
}

#[tokio::test]
async fn the_schema_and_the_commits_are_read() {
    let served = Served::open().await;
    let schema = served.get("/schema").await.ok();
    assert_eq!(schema["schema_source"], crate::fixtures::SCHEMA);
    let commits = served.get("/graphs/atlas/commits").await.ok();
    let list = commits["commits"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list[0]["graph_commit_id"], json!(served.head("main").await));
    let id = list[0]["graph_commit_id"].as_str().unwrap();
    assert_eq!(served.get(&format!("/graphs/atlas/commits/{id}")).await.ok(), list[0]);
    let absent = served.get("/graphs/atlas/commits/nope").await;
    assert_eq!(absent.refused(404, Some("not_found")), "commit 'nope' not found");
    served.get("/commits?branch=nope").await.refused(404, Some("not_found"));
}

#[tokio::test]
async fn a_result_that_is_too_large_is_refused() {
    let served = Served::adjusted(&Default::default(), |shared| shared.result_bytes = 8).await;
    let reply = served.post("/query", json!({"query": BIG, "params": {"n": 1}})).await;
    reply.refused(413, Some("bad_request"));
    assert_eq!(reply.json()["resource_limit"]["resource"], "query_result_bytes");
}

#[tokio::test]
async fn a_late_answer_is_504_and_a_quick_one_is_not() {
    let served = Served::adjusted(&Default::default(), |shared| {
        shared.request_timeout = Some(std::time::Duration::from_nanos(1));
    })
    .await;
    let text = served.post("/query", json!({"query": BIG, "params": {"n": 1}})).await.refused(504, None);
    assert!(text.contains("no answer within"), "{text}");
    assert_eq!(served.get("/healthz").await.status, 200, "probes have no limit");
    let served = Served::adjusted(&Default::default(), |shared| {
        shared.request_timeout = Some(std::time::Duration::from_secs(600));
    })
    .await;
    served.send(Ask::post("/query", json!({"query": BIG, "params": {"n": 1}}))).await.ok();
}
