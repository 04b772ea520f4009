//! Vectors that a write leaves out, embedded from their source.

use std::sync::{Arc, Mutex};

use omnigraph::OmniError;
use omnigraph::Omnigraph;
use omnigraph::db::{Load, LoadMode, LoadPhase, LoadSource, Mutate, OpenOptions, ParamMap};
use omnigraph::embedding::{EmbeddingClient, EmbeddingConfig, Provider};
use serde_json::{Value as Json, json};

use crate::fixtures::{fresh_with, rows};

const SCHEMA: &str = r#"
node Note { slug: String @key  text: String?  n: I32?  vec: Vector(8)? @embed("text") }
node Card { slug: String @key  text: String?  vec: Vector(8) @embed(text, model="small")  other: Vector(8)? @embed(text) }
edge About: Card -> Note
"#;

fn mock(model: Option<&str>) -> Arc<EmbeddingConfig> {
    Arc::new(EmbeddingConfig::from_parts(Provider::Mock, model, None, None).unwrap())
}

async fn embedding(model: Option<&str>) -> Omnigraph {
    let options = OpenOptions { embed_on_write: true, ..OpenOptions::default() };
    fresh_with(SCHEMA, &options).await.with_embedding_config(mock(model))
}

/// The vector that the mock has for a text.
async fn vector(text: &str) -> Json {
    let client = EmbeddingClient::new(mock(None).as_ref().clone()).unwrap();
    json!(client.embed_document_text(text, 8).await.unwrap())
}

async fn vectors(graph: &Omnigraph, of: &str, property: &str) -> Vec<(String, Json)> {
    let text = format!(
        "query q() {{ match {{ $n: {of} }} return {{ $n.slug as slug, $n.{property} as vec }} order {{ slug }} }}"
    );
    let rows = rows(graph, "main", &text).await;
    rows.into_iter().map(|row| (row["slug"].as_str().unwrap().to_owned(), row["vec"].clone())).collect()
}

async fn load(graph: &Omnigraph, mode: LoadMode, data: &str) -> Result<(), OmniError> {
    graph.load(Load::new("main", LoadSource::Text(data.to_owned()), mode)).await.map(|_| ())
}

async fn mutate(graph: &Omnigraph, text: &str) -> Result<(), OmniError> {
    graph.mutate(Mutate::new("main", &format!("query m() {{ {text} }}"))).await.map(|_| ())
}

/// As JSON renders the stored 32-bit numbers.
fn same(a: &Json, b: &Json) -> bool {
    let numbers = |x: &Json| -> Option<Vec<f32>> {
        x.as_array()?.iter().map(|n| n.as_f64().map(|n| n as f32)).collect()
    };
    numbers(a) == numbers(b)
}

#[tokio::test]
async fn a_load_fills_the_vectors_it_leaves_out_and_keeps_the_others() {
    let graph = embedding(Some("small")).await;
    let given = json!([1, 0, 0, 0, 0, 0, 0, 0]);
    let lines = [
        json!({"type": "Note", "data": {"slug": "a", "text": "apples"}}),
        json!({"type": "Note", "data": {"slug": "b", "text": "pears", "vec": given}}),
        json!({"type": "Note", "data": {"slug": "c"}}),
        json!({"type": "Note", "data": {"slug": "d", "text": "  "}}),
        json!({"type": "Note", "data": {"slug": "e", "text": "apples"}}),
        json!({"type": "Card", "data": {"slug": "x", "text": "plums"}}),
    ];
    let data: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let phases: Arc<Mutex<Vec<(LoadPhase, u64)>>> = Arc::default();
    let heard = phases.clone();
    let mut request = Load::new("main", LoadSource::Text(data), LoadMode::Append);
    request.progress =
        Some(Arc::new(move |progress| heard.lock().unwrap().push((progress.phase, progress.rows))));
    graph.load(request).await.unwrap();
    let embedded: Vec<u64> =
        phases.lock().unwrap().iter().filter(|p| p.0 == LoadPhase::Embedding).map(|p| p.1).collect();
    assert_eq!(embedded.last(), Some(&4), "{embedded:?}");

    let found = vectors(&graph, "Note", "vec").await;
    let apples = vector("apples").await;
    for (slug, expected) in [("a", &apples), ("b", &given), ("e", &apples)] {
        let (_, vec) = found.iter().find(|(found, _)| found == slug).unwrap();
        assert!(same(vec, expected), "{slug}: {vec} {expected}");
    }
    assert!(found.iter().filter(|(_, vec)| vec.is_null()).map(|(slug, _)| slug.as_str()).eq(["c", "d"]));
    let plums = vector("plums").await;
    for property in ["vec", "other"] {
        assert!(same(&vectors(&graph, "Card", property).await[0].1, &plums));
    }
    // What was filled is found by the text.
    let near = "query q() { match { $n: Note } return { $n.slug as slug } \
        order { nearest($n.vec, \"apples\") } limit 2 }";
    assert_eq!(rows(&graph, "main", near).await, [json!({"slug": "a"}), json!({"slug": "e"})]);
}

#[tokio::test]
async fn a_changed_source_has_a_new_vector() {
    let graph = embedding(Some("small")).await;
    mutate(&graph, r#"insert Note { slug: "a", text: "apples" } insert Note { slug: "b", text: "pears" }"#)
        .await
        .unwrap();
    mutate(&graph, r#"insert Card { slug: "x", text: "plums" }"#).await.unwrap();
    let of = async |slug: &str| {
        vectors(&graph, "Note", "vec").await.into_iter().find(|(found, _)| found == slug).unwrap().1
    };
    assert!(same(&of("a").await, &vector("apples").await));

    mutate(&graph, r#"update Note set { text: "figs" } where slug = "a""#).await.unwrap();
    assert!(same(&of("a").await, &vector("figs").await));
    assert!(same(&of("b").await, &vector("pears").await));

    // A vector that is given with its text stays; a change of something else changes no vector.
    let given = "[0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]";
    mutate(&graph, &format!(r#"update Note set {{ text: "kiwis", vec: {given} }} where slug = "a""#))
        .await
        .unwrap();
    mutate(&graph, r#"update Note set { n: 5 } where slug = "a""#).await.unwrap();
    assert!(same(&of("a").await, &json!([0, 1, 0, 0, 0, 0, 0, 0])));

    // Without a text there is no vector.
    let without = async |of: &str, slug: &str| {
        let text =
            format!("query m($t: String?) {{ update {of} set {{ text: $t }} where slug = \"{slug}\" }}");
        let mut request = Mutate::new("main", &text);
        request.params = json!({"t": null}).as_object().cloned().unwrap();
        graph.mutate(request).await.map(|_| ())
    };
    without("Note", "b").await.unwrap();
    assert_eq!(of("b").await, Json::Null);

    // In one mutation the last text counts.
    mutate(
        &graph,
        r#"insert Note { slug: "c", text: "one" } update Note set { text: "two" } where slug = "c"
           update Note set { text: "three" } where slug = "c""#,
    )
    .await
    .unwrap();
    assert!(same(&of("c").await, &vector("three").await));

    // A required vector goes with its text too.
    mutate(&graph, r#"update Card set { text: "dates" } where slug = "x""#).await.unwrap();
    assert!(same(&vectors(&graph, "Card", "vec").await[0].1, &vector("dates").await));
    let refused = without("Card", "x").await.unwrap_err();
    assert!(refused.to_string().contains("vec"), "{refused}");
}

#[tokio::test]
async fn a_merge_load_replaces_the_vector_with_the_text() {
    let graph = embedding(Some("small")).await;
    for text in ["apples", "figs"] {
        let line = json!({"type": "Note", "data": {"slug": "a", "text": text}});
        load(&graph, LoadMode::Merge, &line.to_string()).await.unwrap();
        assert!(same(&vectors(&graph, "Note", "vec").await[0].1, &vector(text).await));
    }
}

#[tokio::test]
async fn what_cannot_be_embedded_is_refused_and_nothing_is_written() {
    let graph = embedding(Some("large")).await;
    let head = graph.snapshot_of("main").await.unwrap().commit().graph_commit_id.to_string();
    // The schema records another model.
    let card = r#"insert Card { slug: "x", text: "plums" }"#;
    let refused = mutate(&graph, card).await.unwrap_err().to_string();
    assert!(
        ["small", "large", "OMNIGRAPH_EMBED_MODEL"].iter().all(|part| refused.contains(part)),
        "{refused}"
    );
    let line = json!({"type": "Card", "data": {"slug": "x", "text": "plums"}}).to_string();
    assert!(matches!(load(&graph, LoadMode::Append, &line).await, Err(OmniError::Embedding(_))));
    // A required vector has no source.
    let lines = "{\"type\": \"Note\", \"data\": {\"slug\": \"a\"}}\n{\"type\": \"Card\", \"data\": {\"slug\": \"x\"}}\n";
    let refused = load(&graph, LoadMode::Append, lines).await.unwrap_err().to_string();
    assert!(refused.contains("line 2") && refused.contains("vec"), "{refused}");
    assert_eq!(graph.snapshot_of("main").await.unwrap().commit().graph_commit_id.to_string(), head);
}

#[tokio::test]
async fn nothing_is_embedded_unless_asked_for() {
    let graph = fresh_with(SCHEMA, &OpenOptions::default()).await.with_embedding_config(mock(Some("small")));
    mutate(&graph, r#"insert Note { slug: "a", text: "apples" }"#).await.unwrap();
    assert_eq!(vectors(&graph, "Note", "vec").await[0].1, Json::Null);
    let refused = mutate(&graph, r#"insert Card { slug: "x", text: "plums" }"#).await.unwrap_err();
    assert!(refused.to_string().contains("vec"), "{refused}");
    let params = ParamMap::new();
    assert_eq!(
        graph
            .query("main", "query q() { match { $c: Card } return { $c.slug } }", None, &params)
            .await
            .unwrap()
            .row_count(),
        0
    );
}
