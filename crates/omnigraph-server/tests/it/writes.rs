//! Mutations, conditional ones, schema changes, admission.

use serde_json::{Value, json};

use omnigraph_server::workload::{ANONYMOUS, WorkloadController, WorkloadLimits};

use crate::fixtures::{Ask, Served, Setup};

fn add(name: &str) -> Value {
    json!({"query": "query add($name: String) { insert City { name: $name } }", "params": {"name": name}})
}

#[tokio::test]
async fn a_mutation_returns_the_commit_it_made() {
    let served = Served::open().await;
    for (path, source, name) in
        [("/graphs/atlas/mutate", "query", "name"), ("/graphs/atlas/change", "query_source", "query_name")]
    {
        let city = path.rsplit('/').next().unwrap();
        let text = format!("query add() {{ insert City {{ name: \"{city}\" }} }}");
        let body = served.post(path, json!({source: text, name: "add", "branch": null})).await;
        assert_eq!(body.header("deprecation"), (city == "change").then_some("true"));
        let body = body.ok();
        let commit = body["commit"].clone();
        assert_eq!(commit["graph_commit_id"], json!(served.head("main").await));
        let id = commit["graph_commit_id"].as_str().unwrap();
        assert_eq!(served.get(&format!("/graphs/atlas/commits/{id}")).await.ok(), commit);
        let expected = json!({
            "branch": "main", "query_name": "add", "affected_nodes": 1, "affected_edges": 0,
            "actor_id": null, "commit": commit,
        });
        assert_eq!(body, expected);
    }
    let both = json!({"query": "query a() { delete City where name = \"x\" }", "query_source": "x"});
    served.post("/mutate", both).await.refused(400, Some("bad_request"));
    let nothing =
        served.post("/mutate", json!({"query": "query a() { delete City where name = \"x\" }"})).await;
    assert_eq!(nothing.ok()["commit"], Value::Null);
}

#[tokio::test]
async fn refused_mutations_change_nothing() {
    let served = Served::open().await;
    let head = served.head("main").await;
    let duplicate = served.post("/graphs/atlas/mutate", add("oslo")).await;
    // An insert of a key that exists replaces it; a strict refusal needs an append.
    assert_eq!(duplicate.status, 200, "{}", duplicate.text());
    let head_after = served.head("main").await;
    let ghost = json!({"query": "query a() { insert Road { from: \"oslo\", to: \"nowhere\" } }"});
    let text = served.post("/mutate", ghost).await.refused(400, Some("bad_request"));
    assert!(text.contains("not found in City"), "{text}");
    let read = json!({"query": "query q() { match { $c: City } return { $c.name } }"});
    let text = served.post("/mutate", read).await.refused(400, Some("bad_request"));
    assert!(text.contains("is a read"), "{text}");
    served
        .post("/mutate", json!({"query": "query a() { insert Cty { name: \"x\" } }"}))
        .await
        .refused(400, Some("bad_request"));
    let mut absent = add("x");
    absent["branch"] = json!("nope");
    assert_eq!(
        served.post("/mutate", absent).await.refused(404, Some("not_found")),
        "branch 'nope' not found"
    );
    assert_ne!(head, head_after);
    assert_eq!(served.head("main").await, head_after);
}

#[tokio::test]
async fn a_conditional_mutation_runs_on_the_named_head_only() {
    let served = Served::open().await;
    let head = served.head("main").await;
    for path in ["/mutate/if-graph-commit", "/graphs/atlas/mutate/if-graph-commit"] {
        let ask = |id: &str, name: &str| {
            let ask = Ask::post(path, add(name)).with("Omnigraph-If-Graph-Commit", id);
            served.send(ask)
        };
        let now = served.head("main").await;
        let receipt = ask(&format!(" {now} "), path).await.ok();
        assert_eq!(receipt["commit"]["parent_commit_id"], json!(now));
        let stale = ask(&head, "late").await;
        let text = stale.refused(412, None);
        let now = served.head("main").await;
        assert_eq!(
            text,
            format!("precondition failed on branch 'main': expected head '{head}' but current is {now}")
        );
        assert_eq!(stale.json()["precondition_failure"], json!({"expected": head, "actual": now}));
        let empty = json!({"query": "query a() { delete City where name = \"nobody\" }"});
        let ask = Ask::post(path, empty).with("Omnigraph-If-Graph-Commit", &head);
        served.send(ask).await.refused(412, None);
        let missing = served.post(path, add("x")).await;
        assert!(missing.refused(400, Some("bad_request")).contains("required"));
    }
    for path in ["/mutate", "/change", "/graphs/atlas/mutate", "/queries/add_city"] {
        let ask = Ask::post(path, add("x")).with("omnigraph-if-graph-commit", &head);
        let text = served.send(ask).await.refused(400, Some("bad_request"));
        assert!(text.contains("requires the fail-closed conditional route"), "{path}: {text}");
    }
    // A fresh branch accepts the head it inherited.
    served.graph.branch_create("fresh").await.unwrap();
    let mut asked = add("on-fresh");
    asked["branch"] = json!("fresh");
    let head = served.head("main").await;
    let ask = Ask::post("/mutate/if-graph-commit", asked).with("Omnigraph-If-Graph-Commit", head);
    served.send(ask).await.ok();
}

#[tokio::test]
async fn a_schema_is_changed_and_stored_queries_are_protected() {
    let served = Served::open().await;
    let grown = crate::fixtures::SCHEMA.replace("people: I64?", "people: I64?  country: String?");
    let body = served.post("/graphs/atlas/schema/apply", json!({"schema_source": grown})).await.ok();
    assert_eq!(
        (&body["supported"], &body["applied"], &body["step_count"]),
        (&json!(true), &json!(true), &json!(1))
    );
    assert_eq!(body.get("manifest_version"), None);
    let flat = served.post("/schema/apply", json!({"schema_source": grown})).await.ok();
    assert_eq!((&flat["applied"], &flat["steps"]), (&json!(false), &json!([])));
    assert_eq!(flat["manifest_version"], flat["graph_manifest_version"]);
    let head = served.head("main").await;
    let without = grown.replace("people: I64?", "");
    let text = served.post("/schema/apply", json!({"schema_source": without})).await;
    let text = text.refused(400, Some("bad_request"));
    assert!(text.contains("big") && text.contains("add_city") && text.contains("schema check"), "{text}");
    let text = served.post("/schema/apply", json!({"schema_source": "node City {"})).await;
    assert!(text.refused(400, Some("bad_request")).contains("line 1"));
    let other = grown.replace("km: I32?", "km: String?");
    served.post("/schema/apply", json!({"schema_source": other})).await.refused(400, Some("bad_request"));
    let null = served.post("/schema/apply", json!({"schema_source": grown, "allow_data_loss": null})).await;
    null.refused(400, Some("bad_request"));
    assert_eq!(served.head("main").await, head);
}

#[tokio::test]
async fn an_actor_that_has_too_much_under_way_is_told_to_wait() {
    let limits = WorkloadLimits { inflight: 1, bytes: 1000 };
    let served = Served::adjusted(&Setup::default(), |shared| {
        shared.workload = WorkloadController::new(limits);
    })
    .await;
    let slot = served.state.workload.try_admit(ANONYMOUS, 1).unwrap();
    let limited = [
        Ask::post("/mutate", add("x")),
        Ask::post("/change", add("x")),
        Ask::post("/load", json!({"data": ""})),
        Ask::post("/ingest", json!({"data": ""})),
        Ask::new("POST", "/load/ndjson").with("content-type", "application/x-ndjson"),
        Ask::post("/schema/apply", json!({"schema_source": crate::fixtures::SCHEMA})),
        Ask::post("/branches", json!({"name": "b"})),
        Ask::new("DELETE", "/branches/b"),
        Ask::post("/branches/merge", json!({"source": "b"})),
    ];
    for ask in limited.clone() {
        let shown = format!("{ask:?}");
        let reply = served.send(ask).await;
        let text = reply.refused(429, Some("too_many_requests"));
        assert!(text.contains("cap is 1"), "{shown}: {text}");
        assert_eq!(reply.header("retry-after"), Some("60"));
    }
    // Reads are not limited, and a malformed statement is found only after admission.
    served.get("/snapshot").await.ok();
    served.post("/mutate", json!({"query": "nonsense"})).await.refused(429, Some("too_many_requests"));
    drop(slot);
    for ask in limited {
        assert_ne!(served.send(ask).await.status, 429);
    }
    let large = json!({"data": "x".repeat(1001)});
    let text = served.post("/load", large).await.refused(429, Some("too_many_requests"));
    assert!(text.contains("byte cap is 1000"), "{text}");
    assert_eq!(served.state.workload.inflight(), 0, "every slot was given back");
}

#[tokio::test]
async fn a_write_goes_on_when_its_client_leaves() {
    use tower::ServiceExt;
    let served = Served::open().await;
    let head = served.head("main").await;
    let mut answer = Box::pin(served.app.clone().oneshot(Ask::post("/mutate", add("left")).request()));
    // Polled until the write has begun, then dropped as by a disconnect.
    while served.state.workload.inflight() == 0 {
        assert!(futures::poll!(&mut answer).is_pending());
    }
    drop(answer);
    while served.state.workload.inflight() > 0 {
        tokio::task::yield_now().await;
    }
    assert_ne!(served.head("main").await, head);
}
