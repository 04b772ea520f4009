//! Blobs: headers, ranges, references and refusals.

use omnigraph_api::BlobEntityKind;
use omnigraph_client::http::{
    BlobAnswer, BlobContent, BlobFailure, BlobRange, BlobRead, BlobSelector, ClientError,
};
use serde_json::json;

use crate::fixtures::{Fake, raw};

const ETAG: (&str, &str) = ("etag", "\"0a1b\"");
const SNAPSHOT: (&str, &str) = ("omnigraph-snapshot-id", "manifest:main:v3");

fn selector() -> BlobSelector {
    BlobSelector {
        entity: BlobEntityKind::Node,
        type_name: "Doc".into(),
        id: "d 1".into(),
        property: "body".into(),
        branch: Some("etl/x".into()),
        snapshot: None,
    }
}

fn part(start: u64, length: Option<u64>) -> BlobRead {
    BlobRead { range: Some(BlobRange::new(start, length).unwrap()), if_match: None }
}

#[tokio::test]
async fn a_head_tells_size_tag_and_snapshot() {
    let fake = Fake::new(200, &[ETAG, SNAPSHOT], "12345").await;
    let BlobAnswer::Managed(blob) = fake.graph().blob_head(&selector()).await.unwrap() else { panic!() };
    assert_eq!(
        (blob.size, blob.etag.as_str(), blob.snapshot_id.as_str()),
        (5, "\"0a1b\"", "manifest:main:v3")
    );
    assert_eq!(
        fake.seen().line,
        "HEAD /graphs/kb/blob?entity=node&type=Doc&id=d+1&property=body&branch=etl%2Fx"
    );
}

#[tokio::test]
async fn a_blob_arrives_whole_or_in_part() {
    let fake = Fake::new(200, &[ETAG, SNAPSHOT], "12345").await;
    let content = fake.graph().blob_get(&selector(), &BlobRead::default()).await.unwrap();
    let BlobContent::Managed { blob, start: 0, length: 5, bytes } = content else { panic!("{content:?}") };
    let mut out = Vec::new();
    assert_eq!(bytes.copy_to(&mut out).await.unwrap(), 5);
    assert_eq!((out.as_slice(), blob.size), (b"12345".as_slice(), 5));
    let seen = fake.seen();
    assert_eq!((seen.header("range"), seen.header("if-match")), (None, None));

    let fake = Fake::new(206, &[ETAG, SNAPSHOT, ("content-range", "bytes 3-4/5")], "45").await;
    for (read, sent) in
        [(part(3, Some(9)), "bytes=3-11"), (part(3, None), "bytes=3-"), (part(3, Some(2)), "bytes=3-4")]
    {
        let read = BlobRead { if_match: Some("\"0a1b\"".into()), ..read };
        let content = fake.graph().blob_get(&selector(), &read).await.unwrap();
        let BlobContent::Managed { blob, start: 3, length: 2, .. } = content else { panic!("{content:?}") };
        assert_eq!(blob.size, 5);
        let last = fake.lines().len() - 1;
        let seen = fake.nth(last);
        assert_eq!((seen.header("range"), seen.header("if-match")), (Some(sent), Some("\"0a1b\"")));
    }
}

#[tokio::test]
async fn an_empty_blob_is_a_success() {
    let fake = Fake::new(200, &[ETAG, SNAPSHOT], "").await;
    let content = fake.graph().blob_get(&selector(), &BlobRead::default()).await.unwrap();
    let BlobContent::Managed { length: 0, mut bytes, .. } = content else { panic!("{content:?}") };
    assert_eq!(bytes.next_chunk().await.unwrap(), None);
}

#[tokio::test]
async fn a_missing_or_wrong_header_is_named() {
    type Headers = &'static [(&'static str, &'static str)];
    let cases: [(u16, Headers, Option<u64>, &str); 9] = [
        (200, &[SNAPSHOT], None, "no header ETag"),
        (200, &[SNAPSHOT, ("etag", "W/\"0a\"")], None, "no usable header ETag"),
        (200, &[ETAG], None, "no header Omnigraph-Snapshot-Id"),
        (200, &[ETAG, SNAPSHOT], Some(3), "no header Content-Range"),
        (206, &[ETAG, SNAPSHOT], Some(3), "no header Content-Range"),
        (206, &[ETAG, SNAPSHOT, ("content-range", "bytes */5")], Some(3), "no usable header Content-Range"),
        (
            206,
            &[ETAG, SNAPSHOT, ("content-range", "bytes 2-4/5")],
            Some(3),
            "no matching header Content-Range",
        ),
        (
            206,
            &[ETAG, SNAPSHOT, ("content-range", "bytes 3-4/5")],
            Some(3),
            "no matching header Content-Length",
        ),
        (302, &[SNAPSHOT], None, "no header Location"),
    ];
    for (status, headers, start, expected) in cases {
        let fake = Fake::new(status, headers, "12345").await;
        let read = start.map_or_else(BlobRead::default, |start| part(start, None));
        let error = fake.graph().blob_get(&selector(), &read).await.unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}, not {expected}");
    }
    let unbounded = raw(b"HTTP/1.1 200 OK\r\nETag: \"a\"\r\nOmnigraph-Snapshot-Id: s\r\n\r\n12345").await;
    let error = unbounded.blob_get(&selector(), &BlobRead::default()).await.unwrap_err();
    assert!(error.to_string().ends_with("no header Content-Length"), "{error}");
}

#[tokio::test]
async fn a_blob_that_breaks_off_is_an_error() {
    let cut =
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nETag: \"a\"\r\nOmnigraph-Snapshot-Id: s\r\n\r\n123")
            .await;
    let content = cut.blob_get(&selector(), &BlobRead::default()).await.unwrap();
    let BlobContent::Managed { bytes, .. } = content else { panic!("{content:?}") };
    let mut out = Vec::new();
    let error = bytes.copy_to(&mut out).await.unwrap_err();
    assert!(matches!(error, ClientError::BrokenBody { .. }), "{error:?}");
    assert_eq!(out, b"123");
}

#[tokio::test]
async fn an_external_reference_is_returned_not_fetched() {
    let fake = Fake::new(302, &[SNAPSHOT, ("location", "s3://b/k?x=1")], "").await;
    let BlobAnswer::External(head) = fake.graph().blob_head(&selector()).await.unwrap() else { panic!() };
    assert_eq!((head.uri.as_str(), head.snapshot_id.as_str()), ("s3://b/k?x=1", "manifest:main:v3"));
    let content = fake.graph().blob_get(&selector(), &part(0, Some(1))).await.unwrap();
    assert!(matches!(content, BlobContent::External(external) if external == head));
}

#[tokio::test]
async fn refusals_have_one_text_with_and_without_body() {
    for (status, failure, text) in [
        (400, BlobFailure::Selector, "invalid Blob selector"),
        (401, BlobFailure::Unauthorized, "Blob read requires authentication"),
        (403, BlobFailure::Forbidden, "Blob read is forbidden"),
        (404, BlobFailure::NotFound, "Blob cell not found"),
        (412, BlobFailure::Changed, "Blob read target changed; retry the command"),
        (413, BlobFailure::Limit, "Blob read range exceeds the limit"),
        (416, BlobFailure::Range, "Blob range is not satisfiable"),
        (500, BlobFailure::Delivery, "Blob delivery failed"),
    ] {
        let fake = Fake::json(status, json!({"error":"details"})).await;
        let head = fake.graph().blob_head(&selector()).await.unwrap_err();
        let get = fake.graph().blob_get(&selector(), &BlobRead::default()).await.unwrap_err();
        assert_eq!((head.to_string().as_str(), get.to_string().as_str()), (text, text));
        assert_eq!(get.error_output().unwrap().error, "details");
        assert!(
            matches!(head, ClientError::Blob { failure: f, error: None, .. } if f == failure),
            "{head:?}"
        );
    }
    // Another program answers.
    let fake = Fake::new(404, &[], "nginx").await;
    let error = fake.graph().blob_get(&selector(), &BlobRead::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "server returned 404: nginx");
}
