//! Reads through the public handle.

use omnigraph::Omnigraph;
use omnigraph::db::{JsonRows, Load, LoadMode, LoadSource, OpenOptions, ParamMap, row_objects};
use serde_json::json;

const SCHEMA: &str = "
    node Author { name: String @key  age: I32? }
    node Paper { slug: String @key  title: String @index  year: I32  tags: [String]? }
    edge Wrote: Author -> Paper { role: String? }
    edge Cites: Paper -> Paper { weight: F64? }
";

const ROWS: &str = r#"{"type":"Author","data":{"name":"Ada","age":36}}
{"type":"Author","data":{"name":"Bob"}}
{"type":"Paper","data":{"slug":"x","title":"On X","year":2020,"tags":["survey"]}}
{"type":"Paper","data":{"slug":"y","title":"On Y","year":2021}}
{"type":"Paper","data":{"slug":"z","title":"On Z","year":2021}}
{"edge":"Wrote","from":"Ada","to":"x","data":{"role":"first"}}
{"edge":"Wrote","from":"Bob","to":"x"}
{"edge":"Wrote","from":"Bob","to":"y"}
{"edge":"Cites","from":"y","to":"x"}
{"edge":"Cites","from":"z","to":"y"}
"#;

async fn library(name: &str) -> Omnigraph {
    let uri = format!("memory://query-{name}");
    let graph = Omnigraph::init_with(&uri, SCHEMA, &OpenOptions::default()).await.unwrap();
    graph.load(Load::new("main", LoadSource::Text(ROWS.to_owned()), LoadMode::Append)).await.unwrap();
    graph
}

async fn ask(graph: &Omnigraph, text: &str, params: serde_json::Value) -> serde_json::Value {
    let params: ParamMap = params.as_object().cloned().unwrap_or_default();
    let result = graph.query("main", text, None, &params).await.unwrap();
    result.batches.iter().flat_map(|b| row_objects(b, &result.columns, JsonRows::Exact)).collect()
}

#[tokio::test]
async fn edge_properties_come_with_one_row_per_edge() {
    let graph = library("edges").await;
    let text = r#"query authors_of($slug: String) {
        match { $p: Paper { slug: $slug }  $a $w:wrote $p }
        return { $a.name, $w.role }
        order { $a.name }
    }"#;
    let expected = json!([{"a.name":"Ada","w.role":"first"},{"a.name":"Bob","w.role":null}]);
    assert_eq!(ask(&graph, text, json!({"slug":"x"})).await, expected);
}

#[tokio::test]
async fn walks_negations_order_and_limit_work_together() {
    let graph = library("walks").await;
    let text = r#"query near($slug: String, $since: I32) {
        match {
            $p: Paper { slug: $slug }
            $p <cites>{1,2} $q
            $q.year >= $since
            not { $a wrote $q  $a.name = "Nobody" }
        }
        return { $q.slug, $q.year }
        order { $q.year desc }
        limit 20
    }"#;
    let expected = json!([{"q.slug":"y","q.year":2021},{"q.slug":"z","q.year":2021}]);
    assert_eq!(ask(&graph, text, json!({"slug":"x","since":2000})).await, expected);
    let unread = "query q() { match { $p: Paper not { $a wrote $p } } return { $p } }";
    assert_eq!(ask(&graph, unread, json!({})).await, json!([{"p":"z"}]));
}

#[tokio::test]
async fn groups_are_ordered_by_aliases() {
    let graph = library("groups").await;
    let text = "query productivity() {
        match { $a: Author  $a wrote $p }
        return { $a.name, count($p) as papers, max($p.year) as latest }
        order { papers desc, latest desc }
    }";
    let expected =
        json!([{"a.name":"Bob","papers":2,"latest":2021},{"a.name":"Ada","papers":1,"latest":2020}]);
    assert_eq!(ask(&graph, text, json!({})).await, expected);
}

#[tokio::test]
async fn plans_name_their_operators_and_count_rows() {
    let graph = library("plans").await;
    let text = r#"query q() { match { $p: Paper { slug: "x" }  $a wrote $p } return { $a } order { $a.age } limit 1 }"#;
    let plan = graph.explain("main", text, None, &ParamMap::new(), false).await.unwrap();
    for operator in ["ProjectionExec", "SortExec", "FetchExec", "ExpandExec", "KeyLookupExec"] {
        assert!(plan.contains(operator), "{plan}");
    }
    let plan = graph.explain("main", text, None, &ParamMap::new(), true).await.unwrap();
    assert!(plan.contains("output_rows"), "{plan}");
}
