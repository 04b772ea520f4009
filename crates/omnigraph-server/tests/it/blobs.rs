//! Blob cells: their bytes, ranges and conditions, and references to bytes outside.

use omnigraph::db::Mutate;
use serde_json::json;

use crate::fixtures::{Ask, Served};

const PHOTO: &str = "/graphs/atlas/blob?entity=node&type=City&id=oslo&property=photo";

#[tokio::test]
async fn bytes_come_with_their_headers() {
    let served = Served::open().await;
    let reply = served.get(PHOTO).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
    let etag = reply.header("etag").unwrap().to_owned();
    let expected = [
        ("content-type", "application/octet-stream"),
        ("content-length", "5"),
        ("accept-ranges", "bytes"),
        ("omnigraph-snapshot-id", &served.head("main").await),
    ];
    for (name, value) in expected {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    assert!(etag.starts_with('"') && etag.ends_with('"'));
    let head = served.send(Ask::new("HEAD", PHOTO).with("range", "bytes=0-1")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    for (name, value) in expected {
        assert_eq!(head.header(name), Some(value), "HEAD {name}");
    }

    let ask = |name: &str, value: &str| served.send(Ask::get(PHOTO).with(name, value));
    let same = ask("if-none-match", &etag).await;
    assert_eq!((same.status, same.body.len(), same.header("content-length")), (304, 0, Some("5")));
    let other = ask("if-match", "\"x\"").await;
    other.refused(412, Some("conflict"));
    for name in ["etag", "accept-ranges", "omnigraph-snapshot-id"] {
        assert!(other.header(name).is_some(), "{name}");
    }
    let part = ask("range", "bytes=1-3").await;
    assert_eq!((part.status, part.text().as_str()), (206, "ell"));
    assert_eq!(
        (part.header("content-range"), part.header("content-length")),
        (Some("bytes 1-3/5"), Some("3"))
    );
    let outside = ask("range", "bytes=5-9").await;
    outside.refused(416, Some("bad_request"));
    assert_eq!(outside.header("content-range"), Some("bytes */5"));
    assert_eq!(outside.json()["blob_range"], json!({"start": 5, "end": 10, "length": 5}));
    assert_eq!(ask("range", "bytes=0-1,2-3").await.status, 200);
    let ask = Ask::get(PHOTO).with("range", "bytes=0-1").with("if-range", "\"x\"");
    assert_eq!(served.send(ask).await.status, 200);
}

#[tokio::test]
async fn a_snapshot_keeps_its_bytes() {
    let served = Served::open().await;
    let old = served.head("main").await;
    let change = "query u($b: Blob) { update City set { photo: $b } where name = \"oslo\" }";
    let params = serde_json::Map::from_iter([("b".to_owned(), json!("base64:YnllIQ=="))]);
    served.graph.mutate(Mutate { params, ..Mutate::new("main", change) }).await.unwrap();
    assert_eq!(served.get(PHOTO).await.text(), "bye!");
    let then = served.get(&format!("{PHOTO}&snapshot={old}")).await;
    assert_eq!((then.text().as_str(), then.header("omnigraph-snapshot-id")), ("hello", Some(old.as_str())));
}

#[tokio::test]
async fn wrong_selectors_are_told_from_empty_cells() {
    let served = Served::open().await;
    let get = async |query: &str| served.get(&format!("/blob?{query}")).await;
    for query in [
        "",
        "entity=node",
        "entity=nodes&type=City&id=oslo&property=photo",
        "entity=node&type=City&id=oslo",
        "entity=node&entity=node&type=City&id=oslo&property=photo",
        "entity=node&type=%zz&id=a&property=b",
    ] {
        let text = get(query).await.refused(400, Some("bad_request"));
        assert!(text.starts_with("invalid Blob selector query parameters:"), "{query}: {text}");
    }
    for query in [
        "entity=node&type=Cty&id=oslo&property=photo",
        "entity=node&type=City&id=oslo&property=phto",
        "entity=node&type=City&id=oslo&property=name",
        "entity=node&type=City&id=oslo&property=photo&branch=main&snapshot=x",
    ] {
        get(query).await.refused(400, Some("bad_request"));
    }
    for query in [
        "entity=node&type=City&id=bergen&property=photo",
        "entity=node&type=City&id=nobody&property=photo",
        "entity=node&type=City&id=oslo&property=photo&branch=nope",
        "entity=node&type=City&id=oslo&property=photo&snapshot=nope",
    ] {
        get(query).await.refused(404, Some("not_found"));
        let head = served.send(Ask::new("HEAD", &format!("/blob?{query}"))).await;
        assert_eq!((head.status, head.body.len()), (404, 0));
    }
}
