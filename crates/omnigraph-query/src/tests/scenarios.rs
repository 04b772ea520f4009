//! Named cases of the language definition.

use std::collections::BTreeMap;

use omnigraph_compiler::catalog::TypeKey;
use omnigraph_compiler::types::Value;
use omnigraph_graph::commit::Snapshot;

use super::fixtures::{Data, Entity, NoEmbedder, compile, graph, head, rows};
use crate::run::explain;
use crate::topology::TraversalMode;

const SCHEMA: &str = "
    node N { k: String @key  a: I32?  e: I32? @index  u: String @unique }
    node C { x: I32  y: String  @key(x, y) }
    edge To: N -> N { w: I32? }
";

async fn letters(edges: &str) -> Snapshot {
    let node = |k: char| Entity {
        id: k.to_string(),
        endpoints: None,
        values: BTreeMap::from([
            ("k".into(), Value::String(k.into())),
            ("u".into(), Value::String(k.into())),
            ("a".into(), if k == 'A' { Value::Null } else { Value::Int(k as i64) }),
        ]),
    };
    let edges = edges.split_whitespace().enumerate().map(|(i, pair)| Entity {
        id: format!("e{i}"),
        endpoints: Some((pair[..1].to_owned(), pair[1..].to_owned())),
        values: BTreeMap::new(),
    });
    let composite = Entity {
        id: r#"["1","b"]"#.into(),
        endpoints: None,
        values: BTreeMap::from([("x".into(), Value::Int(1)), ("y".into(), Value::String("b".into()))]),
    };
    let data = Data::from([
        (TypeKey::node("N"), "ABCDEF".chars().map(node).collect()),
        (TypeKey::node("C"), vec![composite]),
        (TypeKey::edge("To"), edges.collect()),
    ]);
    head(&graph(SCHEMA, &data, 2).await).await
}

async fn ask(snapshot: &Snapshot, text: &str) -> String {
    let query = compile(snapshot, text);
    let mut all = Vec::new();
    for mode in [TraversalMode::Csr, TraversalMode::Indexed] {
        let found = rows(snapshot, &query, &[], mode).await.unwrap();
        all.push(serde_json::to_string(&found).unwrap());
    }
    assert_eq!(all[0], all[1]);
    all.swap_remove(0)
}

async fn reach(snapshot: &Snapshot, bounds: &str) -> String {
    let text = format!(
        r#"query q() {{ match {{ $a: N {{ k: "A" }} $a to{bounds} $x }} return {{ $x }} order {{ $x.k }} }}"#
    );
    ask(snapshot, &text).await
}

#[tokio::test]
async fn walks_report_destinations_by_shortest_distance() {
    let cycle = letters("AB BC CD CA").await;
    assert_eq!(reach(&cycle, "{1,3}").await, r#"[["B"],["C"],["D"]]"#);
    assert_eq!(reach(&cycle, "{2,2}").await, r#"[["C"]]"#);
    assert_eq!(reach(&cycle, "{3,3}").await, r#"[["D"]]"#);
    let own = letters("AA AF").await;
    assert_eq!(reach(&own, "{1,5}").await, r#"[["A"],["F"]]"#);
    let other = letters("AB BB").await;
    assert_eq!(reach(&other, "{2,2}").await, "[]");
}

#[tokio::test]
async fn nulls_sort_lowest_and_global_groups_have_one_row() {
    let graph = letters("").await;
    let text = "query q() { match { $n: N } return { $n } order { $n.a desc } limit 2 }";
    assert_eq!(ask(&graph, text).await, r#"[["F"],["E"]]"#);
    let text = "query q() { match { $n: N } return { $n } order { $n.a } limit 1 }";
    assert_eq!(ask(&graph, text).await, r#"[["A"]]"#);
    let text =
        "query q() { match { $n: N $n to $m } return { count($m) as c, sum($m.a) as s, max($m.k) as x } }";
    assert_eq!(ask(&graph, text).await, r#"[[0,null,null]]"#);
    let text = "query q() { match { $n: N $n to $m } return { $n, count($m) as c } }";
    assert_eq!(ask(&graph, text).await, "[]");
    let text = "query q() { match { $n: N not { $n.a != 70 } } return { $n } order { $n.k } }";
    assert_eq!(ask(&graph, text).await, r#"[["A"],["F"]]"#);
}

#[tokio::test]
async fn an_equality_on_a_key_never_scans() {
    let graph = letters("AB").await;
    for (pattern, expected) in [
        (r#"$n: N { k: "B" }"#, r#"[["B"]]"#),
        (r#"$n: N { u: "B" }"#, r#"[["B"]]"#),
        (r#"$n: N ["B", "D", "B", "Z"] contains $n.k"#, r#"[["B"],["D"]]"#),
        (r#"$n: C { x: 1 y: "b" }"#, r#"[["[\"1\",\"b\"]"]]"#),
        (r#"$n: C { x: 2 y: "b" }"#, "[]"),
        (r#"$m: N { k: "A" } $m to $n"#, r#"[["B"]]"#),
        (r#"$n: N { k: "B" } $n.k = "C""#, "[]"),
    ] {
        let pattern = pattern.replace("1 y", "1, y").replace("2 y", "2, y");
        let text = format!("query q() {{ match {{ {pattern} }} return {{ $n }} }}");
        assert_eq!(ask(&graph, &text).await, expected, "{pattern}");
        let plan = explain(&graph, &compile(&graph, &text), &[], 0, &NoEmbedder, true).await.unwrap();
        assert!(plan.contains("KeyLookupExec") && !plan.contains("NodeScanExec"), "{plan}");
        assert!(plan.contains("output_rows"), "{plan}");
    }
}

#[tokio::test]
async fn a_null_parameter_matches_nothing() {
    let graph = letters("").await;
    let query = compile(&graph, "query q($x: I32?) { match { $n: N $n.a != $x } return { $n } }");
    assert!(rows(&graph, &query, &[Value::Null], TraversalMode::Adaptive).await.unwrap().is_empty());
    let found = rows(&graph, &query, &[Value::Int(70)], TraversalMode::Adaptive).await.unwrap();
    assert_eq!(found.len(), 4);
}

#[tokio::test]
async fn a_text_predicate_starts_from_the_rows_of_its_index() {
    let graph = letters("").await;
    let query = compile(&graph, r#"query q() { match { $n: N search($n.k, "a") } return { $n } }"#);
    let text = explain(&graph, &query, &[], 0, &NoEmbedder, false).await.unwrap();
    assert!(text.contains("IndexScanExec"), "{text}");
}
