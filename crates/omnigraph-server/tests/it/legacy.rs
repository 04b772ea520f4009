//! Members and routes that older clients of flat servers need, and that nested routes do not have.

use serde_json::{Value, json};

use crate::fixtures::{Ask, Served};

#[tokio::test]
async fn flat_answers_have_the_older_members_beside_the_same_others() {
    let served = Served::open().await;
    let both = |path: &'static str| {
        let served = &served;
        async move {
            let nested = served.get(&format!("/graphs/default{path}")).await.ok();
            (served.get(path).await.ok(), nested)
        }
    };
    let (flat, nested) = both("/snapshot").await;
    assert_eq!(
        (&flat["branch"], &flat["manifest_version"]),
        (&flat["graph_branch"], &flat["graph_manifest_version"])
    );
    let table = json!({
        "table_key": "edge:Road", "table_path": nested["datasets"][0]["dataset_path"],
        "table_version": nested["datasets"][0]["published_dataset_version"], "table_branch": null, "row_count": 1,
    });
    assert_eq!(flat["tables"][0], table);
    contains(&flat, &nested);
    let (flat, nested) = both("/commits").await;
    assert_eq!(flat["commits"][0]["manifest_version"], nested["commits"][0]["graph_manifest_version"]);
    assert_eq!(nested["commits"][0].get("manifest_version"), None);
    for path in ["/schema", "/branches", "/queries", "/changes?start=now"] {
        let (flat, nested) = both(path).await;
        if path != "/changes?start=now" {
            assert_eq!(flat, nested, "{path}");
        }
    }
    let line = r#"{"type":"City","data":{"name":"bodo"}}"#;
    let load = served.post("/load", json!({"data": line})).await.ok();
    assert_eq!(load["tables"], json!([{"table_key": "node:City", "rows_loaded": 1}]));
    assert_eq!(load["commit"]["manifest_branch"], Value::Null);
    let raw = Ask::new("POST", "/load/ndjson").with("content-type", "application/x-ndjson").bytes(line);
    assert_eq!(served.send(raw).await.ok()["tables"], load["tables"]);
    let query = json!({"query": "query a() { insert City { name: \"x\" } }"});
    let change = served.post("/change", query).await.ok();
    assert_eq!(change["commit"]["manifest_version"], change["commit"]["graph_manifest_version"]);
}

/// Every member of `part` is in `whole`, the same.
fn contains(whole: &Value, part: &Value) {
    for (name, value) in part.as_object().unwrap() {
        assert_eq!(&whole[name], value, "{name}");
    }
}

#[tokio::test]
async fn there_are_no_runs() {
    let served = Served::open().await;
    assert_eq!(served.get("/runs").await.ok(), json!({"runs": []}));
    served.get("/runs/7").await.refused(404, Some("not_found"));
    for path in ["/runs/7/abort", "/runs/7/publish"] {
        served.post(path, json!({})).await.refused(404, Some("not_found"));
    }
    served.get("/graphs/default/runs").await.refused(404, Some("not_found"));
}
