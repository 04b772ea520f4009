//! Blob cells: reading them, and references to bytes outside the graph.

use std::path::Path;

use omnigraph::db::{
    BLOB_READ_BYTES, BlobCell, BlobContent, BlobEtag, BlobReader, Load, LoadMode, LoadSource, MergeBranches,
    Mutate, OpenOptions, ReadTarget, SnapshotId,
};
use omnigraph::error::{ManifestErrorKind, Unit};
use omnigraph::{
    ExternalBlobBase, ExternalBlobExecutionScope, ExternalBlobPolicy, OmniError, Omnigraph, Result,
};
use omnigraph_compiler::catalog::EntityKind;

use crate::fixtures::{fresh, lines};

const SCHEMA: &str =
    "node Doc { name: String @key  body: Blob?  n: I32? }\nedge Cites: Doc -> Doc { scan: Blob? }";

const ADD: &str = r#"query add($body: Blob) { insert Doc { name: "added", body: $body } }"#;

fn with_body<'a>(branch: &'a str, text: &'a str, body: &str) -> Mutate<'a> {
    let mut request = Mutate::new(branch, text);
    request.params.insert("body".to_owned(), body.into());
    request
}

fn cell(property: &str, id: &str) -> BlobCell {
    let (entity, type_name) =
        if property == "scan" { (EntityKind::Edge, "Cites") } else { (EntityKind::Node, "Doc") };
    BlobCell { entity, type_name: type_name.into(), id: id.into(), property: property.into() }
}

async fn load(graph: &Omnigraph, mode: LoadMode, rows: &str) -> Result<()> {
    graph.load(Load::new("main", LoadSource::Text(rows.to_owned()), mode)).await.map(|_| ())
}

fn doc(name: &str, body: &str) -> String {
    format!("{{\"type\":\"Doc\",\"data\":{{\"name\":\"{name}\",\"body\":\"{body}\"}}}}\n")
}

async fn content(graph: &Omnigraph, target: impl Into<ReadTarget>, id: &str) -> Result<BlobContent> {
    graph.read_blob_at(target, cell("body", id)).await.map(|read| read.content)
}

async fn managed(graph: &Omnigraph, target: impl Into<ReadTarget>, id: &str) -> (BlobReader, BlobEtag) {
    match content(graph, target, id).await.unwrap() {
        BlobContent::Managed { reader, etag, .. } => (reader, etag),
        BlobContent::External(external) => panic!("{external:?}"),
    }
}

async fn bytes(graph: &Omnigraph, target: impl Into<ReadTarget>, id: &str) -> Vec<u8> {
    let (reader, _) = managed(graph, target, id).await;
    reader.read_range(0..reader.len()).await.unwrap().to_vec()
}

async fn head(graph: &Omnigraph) -> SnapshotId {
    SnapshotId::new(graph.snapshot_of("main").await.unwrap().commit().graph_commit_id)
}

fn refused(error: OmniError, kind: ManifestErrorKind, text: &str) {
    match error {
        OmniError::Manifest(error) => {
            assert_eq!(error.kind, kind);
            assert!(error.message.contains(text), "{}", error.message);
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn bytes_are_read_in_ranges_of_the_version_that_was_opened() {
    let graph = fresh(SCHEMA).await;
    let rows =
        doc("a", "base64:aGVsbG8=") + &doc("empty", "base64:") + r#"{"type":"Doc","data":{"name":"none"}}"#;
    load(&graph, LoadMode::Append, &rows).await.unwrap();
    let (reader, etag) = managed(&graph, "main", "a").await;
    assert_eq!((reader.len(), &reader.read_range(1..3).await.unwrap()[..]), (5, &b"el"[..]));
    assert!(reader.read_range(5..5).await.unwrap().is_empty());
    for (start, end) in [(3, 2), (0, 6), (6, 6)] {
        let error = reader.read_range(start..end).await.unwrap_err();
        assert!(matches!(error, OmniError::BlobRangeNotSatisfiable { length: 5, .. }), "{error}");
    }
    assert_eq!(etag.as_str().len(), 34);

    let (empty, _) = managed(&graph, "main", "empty").await;
    assert!(empty.is_empty() && empty.read_range(0..0).await.unwrap().is_empty());
    for absent in ["none", "nobody"] {
        let error = content(&graph, "main", absent).await.unwrap_err();
        refused(error, ManifestErrorKind::NotFound, "Blob cell not found");
    }

    // Another property of the row changes: the bytes stay; then they change: the reader keeps the old ones.
    let before = head(&graph).await;
    let set = r#"query n() { update Doc set { n: 1 } where name = "a" }"#;
    graph.mutate(Mutate::new("main", set)).await.unwrap();
    assert_eq!(bytes(&graph, "main", "a").await, b"hello");
    assert_eq!(bytes(&graph, "main", "empty").await, b"");
    let set = r#"query b($body: Blob) { update Doc set { body: $body } where name = "a" }"#;
    graph.mutate(with_body("main", set, "base64:Ynll")).await.unwrap();
    let (changed, other) = managed(&graph, "main", "a").await;
    assert_eq!((changed.len(), &reader.read_range(0..5).await.unwrap()[..]), (3, &b"hello"[..]));
    assert_ne!(etag, other);
    assert_eq!(managed(&graph, before, "a").await.1, etag);
    graph.branch_create("side").await.unwrap();
    assert_eq!(managed(&graph, "side", "a").await.1, other);
}

#[tokio::test]
async fn one_read_is_bounded() {
    let graph = fresh(SCHEMA).await;
    let payload = "AAAA".repeat(1_500_000);
    load(&graph, LoadMode::Append, &doc("big", &format!("base64:{payload}"))).await.unwrap();
    let (reader, _) = managed(&graph, "main", "big").await;
    assert_eq!(reader.len(), 4_500_000);
    let error = reader.read_range(0..reader.len()).await.unwrap_err();
    let OmniError::ResourceLimitExceeded { resource, limit, .. } = error else { panic!("{error}") };
    assert_eq!((resource.as_str(), limit), ("Blob read range bytes", BLOB_READ_BYTES));
    assert_eq!(reader.read_range(0..BLOB_READ_BYTES).await.unwrap().len() as u64, BLOB_READ_BYTES);
}

#[tokio::test]
async fn selectors_that_name_no_blob_are_refused() {
    let graph = fresh(SCHEMA).await;
    for (cell, text) in [
        (
            BlobCell { type_name: "Dok".into(), ..cell("body", "a") },
            "unknown node type 'Dok'; did you mean 'Doc'?",
        ),
        (
            BlobCell { property: "bodi".into(), ..cell("body", "a") },
            "no property 'bodi'; did you mean 'body'?",
        ),
        (BlobCell { property: "n".into(), ..cell("body", "a") }, "property 'n' of node:Doc is not a Blob"),
        (BlobCell { entity: EntityKind::Edge, ..cell("body", "a") }, "unknown edge type 'Doc'"),
    ] {
        refused(graph.read_blob_at("main", cell).await.unwrap_err(), ManifestErrorKind::BadRequest, text);
    }
}

#[tokio::test]
async fn cells_are_found_through_renames_but_not_across_lifetimes() {
    let graph = fresh(SCHEMA).await;
    load(&graph, LoadMode::Append, &doc("a", "base64:aGk=")).await.unwrap();
    let (old, (_, etag)) = (head(&graph).await, managed(&graph, "main", "a").await);
    let renamed = "node Paper @rename_from(\"Doc\") { name: String @key  body: Blob?  n: I32? }\n\
                   edge Cites: Paper -> Paper { scan: Blob? }";
    graph.apply_schema(renamed).await.unwrap();
    let paper = BlobCell { type_name: "Paper".into(), ..cell("body", "a") };
    for target in [ReadTarget::from("main"), old.clone().into()] {
        match graph.read_blob_at(target, paper.clone()).await.unwrap().content {
            BlobContent::Managed { etag: found, .. } => assert_eq!(found, etag),
            BlobContent::External(external) => panic!("{external:?}"),
        }
    }
    let error = graph.read_blob_at(old.clone(), cell("body", "a")).await.unwrap_err();
    refused(error, ManifestErrorKind::BadRequest, "unknown node type 'Doc'");

    let without = "node Paper { name: String @key  n: I32? }\nedge Cites: Paper -> Paper { scan: Blob? }";
    graph.apply_schema(without).await.unwrap();
    let error = graph.read_blob_at(old.clone(), paper.clone()).await.unwrap_err();
    refused(error, ManifestErrorKind::BadRequest, "no property 'body'");
    let again =
        "node Paper { name: String @key  body: Blob?  n: I32? }\nedge Cites: Paper -> Paper { scan: Blob? }";
    graph.apply_schema(again).await.unwrap();
    let error = graph.read_blob_at(old, paper.clone()).await.unwrap_err();
    refused(error, ManifestErrorKind::BadRequest, "belongs to a different property lifetime");
    let error = graph.read_blob_at("main", paper).await.unwrap_err();
    refused(error, ManifestErrorKind::NotFound, "Blob cell not found");
}

/// A graph that may refer to files in a directory.
async fn with_sources(directory: &Path) -> Omnigraph {
    let base = ExternalBlobBase {
        uri: format!("file://{}", directory.display()),
        scope: ExternalBlobExecutionScope::EmbeddedOnly,
    };
    let external_blobs = ExternalBlobPolicy::allow(vec![base]).unwrap();
    let options = OpenOptions { external_blobs, ..OpenOptions::default() };
    let uri = format!("memory://blobs-{}", directory.file_name().unwrap().to_str().unwrap());
    Omnigraph::init_with(&uri, SCHEMA, &options).await.unwrap()
}

#[tokio::test]
async fn outside_bytes_are_refused_unless_a_base_allows_them() {
    let graph = fresh(SCHEMA).await;
    let rows = doc("a", "base64:aGk=") + &doc("b", "s3://me:secret@bucket/key");
    let error = load(&graph, LoadMode::Overwrite, &rows).await.unwrap_err();
    assert!(error.place().is_some_and(|place| (place.unit, place.number) == (Unit::Line, 2)), "{error}");
    assert!(error.to_string().contains("is not allowed") && !error.to_string().contains("secret"), "{error}");
    assert!(lines(&graph, "main").await.is_empty());

    let error = graph.mutate(with_body("main", ADD, "file:///etc/hostname")).await.unwrap_err();
    assert!(matches!(error, OmniError::ExternalBlobPolicy { .. }), "{error}");
}

#[tokio::test]
async fn overwrite_keeps_a_reference_and_other_writes_copy_the_bytes() {
    let sources = tempfile::tempdir().unwrap();
    let (one, two) = (sources.path().join("one.bin"), sources.path().join("two"));
    std::fs::write(&one, b"first").unwrap();
    std::fs::write(&two, b"second").unwrap();
    let graph = with_sources(sources.path()).await;
    let uri = |path: &Path| format!("file://{}", path.display());
    load(&graph, LoadMode::Overwrite, &doc("kept", &uri(&one))).await.unwrap();
    load(&graph, LoadMode::Append, &(doc("copied", &uri(&one)) + &doc("too", &uri(&two)))).await.unwrap();
    graph.mutate(with_body("main", ADD, &uri(&two))).await.unwrap();

    // Nothing contacts the sources again.
    std::fs::remove_file(&one).unwrap();
    std::fs::write(&two, b"changed").unwrap();
    let exported = lines(&graph, "main").await.join("\n");
    assert!(exported.contains(&uri(&one)) && exported.contains("base64:Zmlyc3Q="), "{exported}");
    for (id, expected) in [("copied", "first"), ("too", "second"), ("added", "second")] {
        assert_eq!(bytes(&graph, "main", id).await, expected.as_bytes());
    }
    let BlobContent::External(kept) = content(&graph, "main", "kept").await.unwrap() else { panic!() };
    assert_eq!((kept.uri, kept.offset, kept.length), (uri(&one), 0, None));

    // Rewriting the row for another reason keeps the reference, and so does a merge that takes it over.
    graph.branch_create("side").await.unwrap();
    let set = r#"query n() { update Doc set { n: 1 } where name = "kept" }"#;
    graph.mutate(Mutate::new("side", set)).await.unwrap();
    let set = r#"query n() { update Doc set { n: 2 } where name = "too" }"#;
    graph.mutate(Mutate::new("main", set)).await.unwrap();
    graph.branch_merge(MergeBranches::new("side", "main")).await.unwrap();
    let BlobContent::External(kept) = content(&graph, "main", "kept").await.unwrap() else { panic!() };
    assert_eq!(kept.uri, uri(&one));
    assert_eq!(bytes(&graph, "main", "too").await, b"second");
}

#[tokio::test]
async fn a_source_that_cannot_be_read_refuses_the_whole_write() {
    let sources = tempfile::tempdir().unwrap();
    let graph = with_sources(sources.path()).await;
    std::fs::write(sources.path().join("there"), b"x").unwrap();
    std::fs::create_dir(sources.path().join("directory")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", sources.path().join("link")).unwrap();
    let uri = |name: &str| format!("file://{}/{name}", sources.path().display());
    for (name, reason) in
        [("absent", "No such file"), ("directory", "not a file"), ("link", "out of the allowed")]
    {
        let rows = doc("a", &uri("there")) + &doc("b", &uri(name));
        match load(&graph, LoadMode::Append, &rows).await.unwrap_err() {
            OmniError::ExternalBlobSource { uri: found, reason: why } => {
                assert_eq!(found, uri(name));
                assert!(why.contains(reason), "{why}");
            }
            other => panic!("{other}"),
        }
        assert!(lines(&graph, "main").await.is_empty());
    }
}

#[tokio::test]
async fn many_large_sources_are_copied_piece_by_piece() {
    let sources = tempfile::tempdir().unwrap();
    let graph = with_sources(sources.path()).await;
    let mut rows = String::new();
    for n in 0..9_u8 {
        std::fs::write(sources.path().join(n.to_string()), vec![n; 3 << 20]).unwrap();
        rows += &doc(&format!("d{n}"), &format!("file://{}/{n}", sources.path().display()));
    }
    load(&graph, LoadMode::Append, &rows).await.unwrap();
    for n in 0..9_u8 {
        assert_eq!(bytes(&graph, "main", &format!("d{n}")).await, vec![n; 3 << 20]);
    }
}

#[tokio::test]
async fn an_entity_is_found_at_any_commit() {
    let graph = fresh(SCHEMA).await;
    load(&graph, LoadMode::Append, &doc("a", "base64:aGk=")).await.unwrap();
    let old = head(&graph).await;
    graph.mutate(Mutate::new("main", r#"query d() { delete Doc where name = "a" }"#)).await.unwrap();
    assert_eq!(graph.entity_at("main", "node:Doc", "a").await.unwrap(), None);
    assert_eq!(graph.entity_at(old.clone(), "node:Nothing", "a").await.unwrap(), None);
    let found = graph.entity_at(old, "node:Doc", "a").await.unwrap().unwrap();
    let expected = serde_json::json!({"id": "a", "body": "base64:aGk=", "n": null, "name": "a"});
    assert_eq!(serde_json::Value::Object(found), expected);
    let error = graph.entity_at("main", "Doc", "a").await.unwrap_err();
    refused(error, ManifestErrorKind::BadRequest, "write node:T or edge:T");
}

#[tokio::test]
async fn a_load_forks_its_branch_only_when_it_holds() {
    let graph = fresh(SCHEMA).await;
    let request = |rows: &str| Load {
        base: Some("main"),
        ..Load::new("feature", LoadSource::Text(rows.to_owned()), LoadMode::Append)
    };
    assert!(graph.load(request("{\"type\":\"Dock\",\"data\":{}}")).await.is_err());
    assert_eq!(graph.branch_list().await.unwrap(), ["main"]);
    let first = graph.load(request(&doc("a", "base64:"))).await.unwrap();
    assert_eq!(first.created_from.as_deref(), Some("main"));
    let second = graph.load(request(&doc("b", "base64:"))).await.unwrap();
    assert_eq!(second.created_from, None);
    assert_eq!((lines(&graph, "feature").await.len(), lines(&graph, "main").await.len()), (2, 0));
    let unknown =
        Load { base: Some("nowhere"), ..Load::new("x", LoadSource::Text(String::new()), LoadMode::Merge) };
    assert!(matches!(graph.load(unknown).await, Err(OmniError::BranchNotFound { .. })));
}
