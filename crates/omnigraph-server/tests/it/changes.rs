//! Changes of commits, the feed of a branch, and baselines.

use serde_json::{Value, json};

use crate::fixtures::{Ask, Served, Setup};

const FORBIDDEN: [&str; 14] = [
    "table_key",
    "stable_table_id",
    "table_incarnation_id",
    "incarnation",
    "manifest_version",
    "table_version",
    "table_branch",
    "table_path",
    "row_addr",
    "_rowid",
    "fragment",
    "part",
    "commit_complete",
    "max_bytes",
];

fn members(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                found.push(name.clone());
                members(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn a_commit_tells_what_it_changed() {
    let served = Served::open().await;
    let head = served.head("main").await;
    for base in ["", "/graphs/atlas"] {
        let body =
            served.get(&format!("{base}/commits/{head}/changes?kind=node&op=insert&op=update")).await.ok();
        assert_eq!(body["cause"]["graph_commit_id"], json!(head));
        assert_eq!(body["cause"]["authored_branch"], "main");
        let changes = body["changes"].as_array().unwrap();
        assert_eq!(changes.len(), 2);
        assert_eq!((&changes[0]["id"], &changes[0]["op"]), (&json!("bergen"), &json!("insert")));
        assert_eq!(changes[0]["after"]["properties"]["people"], 280_000);
        let mut names = Vec::new();
        members(&body, &mut names);
        assert!(names.iter().all(|name| !FORBIDDEN.contains(&name.as_str())), "{names:?}");
    }
    let first = served.get(&format!("/commits/{head}/changes?limit=2")).await.ok();
    let token = first["next_page_token"].as_str().unwrap();
    let second = served.get(&format!("/commits/{head}/changes?limit=2&page_token={token}")).await.ok();
    assert_eq!((second["changes"].as_array().unwrap().len(), second.get("next_page_token")), (1, None));
    assert_eq!(second["changes"][0]["after"]["endpoints"], json!({"from": "oslo", "to": "bergen"}));
    let other = served.get(&format!("/commits/{head}/changes?kind=node&page_token={token}")).await;
    assert!(other.refused(400, Some("bad_request")).starts_with("change cursor rejected"));
    for query in ["kind=nodes", "limit=0", "limit=x", "cursor=x", "branch=main", "limit=1&limit=1"] {
        served.get(&format!("/commits/{head}/changes?{query}")).await.refused(400, Some("bad_request"));
    }
    let limit = served.get(&format!("/commits/{head}/changes?limit=8193")).await;
    limit.refused(413, Some("bad_request"));
    assert_eq!(limit.json()["resource_limit"]["resource"], "commit_changes_page_changes");
    let root =
        served.get("/commits").await.ok()["commits"][1]["graph_commit_id"].as_str().unwrap().to_owned();
    let refusal = served.get(&format!("/commits/{root}/changes")).await;
    refusal.refused(409, Some("conflict"));
    assert_eq!(
        refusal.json()["change_diff_refusal"],
        json!({"reason": "parentless_commit", "graph_commit_id": root})
    );
    assert_eq!(
        served.get("/commits/zzz/changes").await.refused(404, Some("not_found")),
        "commit 'zzz' not found"
    );
}

#[tokio::test]
async fn a_feed_is_followed_from_a_baseline() {
    let served = Served::open().await;
    let now = served.get("/graphs/atlas/changes").await.ok();
    assert_eq!((&now["blocks"], &now["caught_up"]), (&json!([]), &json!(true)));
    let baseline = served.post("/changes/baseline", json!({"branch": " main "})).await;
    assert_eq!(baseline.header("content-type"), Some("application/x-ndjson; charset=utf-8"));
    let text = baseline.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert!(text.ends_with('\n'));
    let record = &lines[3]["baseline"];
    assert_eq!(record["snapshot_commit_id"], json!(served.head("main").await));
    let cursor = record["resume_cursor"].as_str().unwrap();
    let add = |name: &str| {
        served
            .post("/mutate", json!({"query": format!("query a() {{ insert City {{ name: \"{name}\" }} }}")}))
    };
    let first = add("a").await.ok()["commit"]["graph_commit_id"].clone();
    let second = add("b").await.ok()["commit"]["graph_commit_id"].clone();
    let page = served.get(&format!("/changes?cursor={cursor}")).await.ok();
    let ids: Vec<&Value> =
        page["blocks"].as_array().unwrap().iter().map(|block| &block["cause"]["graph_commit_id"]).collect();
    assert_eq!(ids, [&first, &second]);
    assert_eq!(page["caught_up"], true);
    let after = served.get(&format!("/changes?start=after:{}", first.as_str().unwrap())).await.ok();
    assert_eq!(after["blocks"].as_array().unwrap().len(), 1);
    let all = served.get("/changes?start=beginning").await.ok();
    assert_eq!(all["blocks"].as_array().unwrap().len(), 3);
    for query in ["start=later", "cursor=a&start=now", "branch=%20", "x=1"] {
        served.get(&format!("/changes?{query}")).await.refused(400, Some("bad_request"));
    }
    let forged = served.get("/changes?cursor=abc").await;
    assert!(forged.refused(400, Some("bad_request")).starts_with("change cursor rejected"));
    assert_eq!(
        served.get("/changes?branch=no").await.refused(404, Some("not_found")),
        "branch 'no' not found"
    );
    assert_eq!(
        served.post("/changes/baseline", json!({"type": ["Cty"]})).await.refused(400, Some("bad_request")),
        "unknown type 'Cty'"
    );
    served.post("/changes/baseline", json!({"branch": "no"})).await.refused(404, Some("not_found"));
    for name in ["a b", "..", "a:b", "main/"] {
        served.post("/changes/baseline", json!({"branch": name})).await.refused(400, Some("bad_request"));
        let encoded = name.replace(' ', "%20");
        served.get(&format!("/changes?branch={encoded}")).await.refused(400, Some("bad_request"));
    }
    served.post("/changes/baseline", json!({"kind": null})).await.refused(400, Some("bad_request"));
    let scoped = served.post("/changes/baseline", json!({"type": ["Road"], "op": ["delete"]})).await.text();
    assert_eq!(scoped.lines().count(), 2);
}

#[tokio::test]
async fn a_commit_that_may_not_be_read_does_not_exist() {
    let bundle = "version: 1\ngroups: { a: [ada], b: [bob] }\nprotected_branches: [main]\nrules:\n  - id: r\n    allow: { actors: { group: a }, actions: [read] }\n  - id: s\n    allow: { actors: { group: b }, actions: [read], branch_scope: unprotected }\n";
    let served =
        Served::with(&Setup { bundle: Some(bundle), actors: &["ada", "bob"], ..Setup::default() }).await;
    let head = served.head("main").await;
    let path = format!("/commits/{head}/changes");
    served.send(Ask::get(&path).actor("ada")).await.ok();
    let denied = served.send(Ask::get(&path).actor("bob")).await;
    assert_eq!(denied.refused(404, Some("not_found")), format!("commit '{head}' not found"));
    let absent = served.send(Ask::get("/commits/01J0000000000000000000000Z/changes").actor("bob")).await;
    assert_eq!(denied.text().replace(&head, "01J0000000000000000000000Z"), absent.text());
    served.send(Ask::get("/changes?branch=main").actor("bob")).await.refused(403, Some("forbidden"));
    let plain = served.send(Ask::get(&format!("/commits/{head}")).actor("bob")).await;
    assert_eq!(plain.status, 403, "a read without a branch is not what a scoped rule grants");
}
