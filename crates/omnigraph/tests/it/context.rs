//! What a graph knows about a text.

use std::sync::Arc;

use omnigraph::Omnigraph;
use omnigraph::db::{Context, ContextRequest, Load, LoadMode, LoadSource};
use omnigraph::embedding::{EmbeddingConfig, Provider};
use omnigraph::error::{ManifestErrorKind, OmniError};
use serde_json::json;

use crate::fixtures::fresh;

const SCHEMA: &str = "
node Doc {
    name: String @key
    text: String? @index
    vec: Vector(4)? @embed(text)
    body: Blob?
}
node Person { name: String @key  bio: String? @index }
node Tag { name: String @key }
edge Cites: Doc -> Doc
edge Wrote: Person -> Doc
edge Has: Doc -> Tag
";

async fn library(schema: &str) -> Omnigraph {
    let graph = fresh(schema).await;
    let doc = |name: &str, text: &str| json!({"type": "Doc", "data": {"name": name, "text": text}});
    let edge = |edge: &str, from: &str, to: &str| json!({"edge": edge, "from": from, "to": to});
    let lines = [
        doc("a", "kiwi kiwi kiwi"),
        doc("b", "kiwi zebra mango"),
        doc("c", "onyx"),
        doc("d", "lotus"),
        doc("e", "quartz"),
        json!({"type": "Person", "data": {"name": "ada", "bio": "grows kiwi"}}),
        json!({"type": "Tag", "data": {"name": "fruit"}}),
        edge("Cites", "a", "c"),
        edge("Cites", "c", "d"),
        edge("Cites", "e", "a"),
        edge("Wrote", "ada", "b"),
        edge("Has", "c", "fruit"),
    ];
    let text = lines.map(|line| line.to_string()).join("\n");
    graph.load(Load::new("main", LoadSource::Text(text), LoadMode::Append)).await.unwrap();
    graph
}

fn words_only() -> String {
    SCHEMA.replace("    vec: Vector(4)? @embed(text)\n", "")
}

async fn ask(graph: &Omnigraph, request: ContextRequest) -> Context {
    graph.context("main", &request).await.unwrap()
}

fn names(context: &Context) -> Vec<(&str, u32)> {
    context.items.iter().map(|item| (item.id.as_str(), item.hop)).collect()
}

#[tokio::test]
async fn seeds_come_first_and_each_entity_after_the_one_it_was_reached_from() {
    let graph = library(&words_only()).await;
    let context = ask(&graph, ContextRequest { hops: 2, ..ContextRequest::new("kiwi") }).await;
    // Both firsts have rank 1 of their type; then what one step leads to from a first, from the second, and two steps.
    assert_eq!(names(&context), [("a", 0), ("ada", 0), ("b", 0), ("c", 1), ("e", 1), ("d", 2), ("fruit", 2)]);
    assert_eq!(context.rankings, ["bm25(Doc.text)", "bm25(Person.bio)"]);
    assert!((context.items[0].score - 1.0 / 61.0).abs() < 1e-12);
    assert!((context.items[3].score - 0.5 / 61.0).abs() < 1e-12);
    let via = |name: &str| {
        let item = context.items.iter().find(|item| item.id == name).unwrap();
        let via = item.via.as_ref().unwrap();
        (via.edge_type.as_str(), via.from_id.as_str(), via.forward)
    };
    assert_eq!(via("c"), ("Cites", "a", true));
    assert_eq!(via("e"), ("Cites", "a", false));
    assert_eq!(via("fruit"), ("Has", "c", true));
    assert_eq!(context.items[0].properties["text"], "kiwi kiwi kiwi");
    assert!(!context.items[0].properties.contains_key("body"));
    assert_eq!((context.left_out, context.skipped.len()), (0, 0));
    assert_eq!(context, ask(&graph, ContextRequest { hops: 2, ..ContextRequest::new("kiwi") }).await);
}

#[tokio::test]
async fn types_edges_hops_and_budgets_bound_the_answer() {
    let graph = library(&words_only()).await;
    let of = |types: &[&str], edges: &[&str], hops| ContextRequest {
        types: types.iter().map(|name| (*name).to_owned()).collect(),
        edges: edges.iter().map(|name| (*name).to_owned()).collect(),
        hops,
        ..ContextRequest::new("kiwi")
    };
    assert_eq!(names(&ask(&graph, of(&["Doc"], &[], 0)).await), [("a", 0), ("b", 0)]);
    assert_eq!(names(&ask(&graph, of(&["Doc"], &["Wrote"], 3)).await), [("a", 0), ("b", 0), ("ada", 1)]);
    let few = ask(&graph, ContextRequest { max_items: 4, hops: 2, ..ContextRequest::new("kiwi") }).await;
    assert_eq!(names(&few), [("a", 0), ("ada", 0), ("b", 0), ("c", 1)]);
    assert_eq!(few.left_out, 3);
    let all = ask(&graph, ContextRequest { hops: 2, ..ContextRequest::new("kiwi") }).await;
    let budget = all.items[..4].iter().map(|item| item.tokens).sum();
    let short =
        ask(&graph, ContextRequest { hops: 2, max_tokens: Some(budget), ..ContextRequest::new("kiwi") })
            .await;
    assert_eq!(names(&short), names(&all)[..4]);
    assert_eq!((short.tokens, short.left_out), (budget, 3));
    let one = ask(&graph, ContextRequest { seeds: 1, ..of(&["Doc"], &[], 0) }).await;
    assert_eq!(names(&one), [("a", 0)]);
    assert!(ask(&graph, ContextRequest::new("nothing of it")).await.items.is_empty());
}

#[tokio::test]
async fn meaning_counts_where_an_embedder_fits_and_is_told_where_none_does() {
    let mock = || Arc::new(EmbeddingConfig::from_parts(Provider::Mock, None, None, None).unwrap());
    // The schema records another model than the one that is configured.
    let other = library(&SCHEMA.replace("@embed(text)", "@embed(text, model=\"m\")")).await;
    let context =
        other.with_embedding_config(mock()).context("main", &ContextRequest::new("kiwi")).await.unwrap();
    let [skipped] = context.skipped.as_slice() else { panic!("{:?}", context.skipped) };
    assert!(skipped.starts_with("nearest(Doc.vec): ") && skipped.contains("'m'"), "{skipped}");
    assert_eq!(context.rankings, ["bm25(Doc.text)", "bm25(Person.bio)"]);

    let with = library(SCHEMA).await.with_embedding_config(mock());
    let context = with.context("main", &ContextRequest::new("kiwi")).await.unwrap();
    assert_eq!(context.rankings, ["bm25(Doc.text)", "nearest(Doc.vec)", "bm25(Person.bio)"]);
    assert!(context.skipped.is_empty());
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_with_the_cure() {
    let graph = library(&words_only()).await;
    let refused = async |request: ContextRequest| match graph.context("main", &request).await {
        Err(OmniError::Manifest(error)) if error.kind == ManifestErrorKind::BadRequest => error.message,
        other => panic!("{other:?}"),
    };
    let of_type = |name: &str| ContextRequest { types: vec![name.to_owned()], ..ContextRequest::new("kiwi") };
    assert!(refused(of_type("Dok")).await.contains("did you mean 'Doc'"));
    assert!(refused(of_type("Tag")).await.contains("nothing to search by"));
    let edges = vec!["Cite".to_owned()];
    assert!(refused(ContextRequest { edges, ..ContextRequest::new("kiwi") }).await.contains("'Cites'"));
    assert!(
        refused(ContextRequest { seeds: 0, ..ContextRequest::new("kiwi") }).await.contains("at least one")
    );
    let bare = fresh("node Tag { name: String @key }").await;
    let error = bare.context("main", &ContextRequest::new("kiwi")).await.unwrap_err().to_string();
    assert!(error.contains("no node type has anything to search by"), "{error}");
}
