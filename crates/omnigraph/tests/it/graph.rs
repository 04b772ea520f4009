//! Optional blocks, paths and measures, as a caller sees them.

use omnigraph::Omnigraph;
use omnigraph::db::{Load, LoadMode, LoadSource, Mutate};
use serde_json::{Value as Json, json};

use crate::fixtures::{fresh, rows};

const SCHEMA: &str = "
node Page { name: String @key  words: I32? }
node Site { name: String @key }
edge Links: Page -> Page
edge On: Page -> Site
";

/// a → b → d, a → c → d (twice), d → e, e → e; a and b on one site; f alone.
async fn web() -> Omnigraph {
    let graph = fresh(SCHEMA).await;
    let pages = ["a", "b", "c", "d", "e", "f"].map(|name| json!({"type": "Page", "data": {"name": name}}));
    let links = [
        ("l1", "a", "b"),
        ("l2", "a", "c"),
        ("l3", "b", "d"),
        ("l5", "c", "d"),
        ("l4", "c", "d"),
        ("l6", "d", "e"),
        ("l7", "e", "e"),
    ];
    let links =
        links.map(|(id, from, to)| json!({"edge": "Links", "from": from, "to": to, "data": {"id": id}}));
    let site = [json!({"type": "Site", "data": {"name": "s"}})];
    let on = ["a", "b"].map(|page| json!({"edge": "On", "from": page, "to": "s"}));
    let lines = pages.into_iter().chain(site).chain(links).chain(on);
    let text = lines.map(|line| line.to_string()).collect::<Vec<_>>().join("\n");
    graph.load(Load::new("main", LoadSource::Text(text), LoadMode::Append)).await.unwrap();
    graph
}

async fn ask(graph: &Omnigraph, body: &str) -> Vec<Json> {
    rows(graph, "main", &format!("query q() {{ {body} }}")).await
}

#[tokio::test]
async fn an_optional_block_keeps_rows_that_it_cannot_extend() {
    let graph = web().await;
    let found = ask(
        &graph,
        "match { $p: Page  optional { $p on $s }  optional { $p links $q  $q.name != \"c\" } }
         return { $p.name as p, $s as s, $q.name as q } order { p, q }",
    )
    .await;
    let expected = [
        json!({"p": "a", "s": "s", "q": "b"}),
        json!({"p": "b", "s": "s", "q": "d"}),
        json!({"p": "c", "s": null, "q": "d"}),
        json!({"p": "d", "s": null, "q": "e"}),
        json!({"p": "e", "s": null, "q": "e"}),
        json!({"p": "f", "s": null, "q": null}),
    ];
    assert_eq!(found, expected);
    let counted = ask(
        &graph,
        "match { $p: Page  optional { $p links $q } } return { $p.name as p, count($q) as n } order { n desc, p }",
    )
    .await;
    let expected = [("a", 2), ("b", 1), ("c", 1), ("d", 1), ("e", 1), ("f", 0)];
    assert_eq!(counted, expected.map(|(p, n)| json!({"p": p, "n": n})));
    let without = ask(
        &graph,
        "match { $p: Page  optional { $p on $s }  $s.name is null } return { $p.name as p } order { p }",
    );
    assert_eq!(without.await.len(), 4);
    let chained = ask(
        &graph,
        "match { $p: Page { name: \"f\" }  optional { $p links $q }  optional { $q links $r } } return { $q as q, $r as r }",
    );
    assert_eq!(chained.await, [json!({"q": null, "r": null})]);
}

#[tokio::test]
async fn a_path_is_the_smallest_of_the_shortest() {
    let graph = web().await;
    let found = ask(
        &graph,
        "match { $a: Page { name: \"a\" }  path $p = $a links{1,9} $b }
         return { $b as b, length($p) as n, nodes($p) as via, edges($p) as by } order { n, b }",
    )
    .await;
    let expected = [
        json!({"b": "b", "n": 1, "via": ["a", "b"], "by": ["l1"]}),
        json!({"b": "c", "n": 1, "via": ["a", "c"], "by": ["l2"]}),
        json!({"b": "d", "n": 2, "via": ["a", "b", "d"], "by": ["l1", "l3"]}),
        json!({"b": "e", "n": 3, "via": ["a", "b", "d", "e"], "by": ["l1", "l3", "l6"]}),
    ];
    assert_eq!(found, expected);
    // From the right end the same pairs, the other way round; a loop; parallel edges.
    let back = ask(
        &graph,
        "match { $e: Page { name: \"d\" }  path $p = $e <links>{1,2} $b  $b.name = \"a\" } return { nodes($p) as via }",
    );
    assert_eq!(back.await, [json!({"via": ["d", "b", "a"]})]);
    let own = ask(
        &graph,
        "match { $e: Page { name: \"e\" }  path $p = $e links $b } return { nodes($p) as via, edges($p) as by }",
    );
    assert_eq!(own.await, [json!({"via": ["e", "e"], "by": ["l7"]})]);
    let two =
        ask(&graph, "match { $c: Page { name: \"c\" }  path $p = $c links $d } return { edges($p) as by }");
    assert_eq!(two.await, [json!({"by": ["l4"]})]);
    let apart = ask(
        &graph,
        "match { $a: Page { name: \"a\" }  $f: Page  optional { path $p = $a links{1,9} $f } }
         return { $f as f, length($p) as n, nodes($p) as via } order { f desc } limit 2",
    );
    let expected =
        [json!({"f": "f", "n": null, "via": null}), json!({"f": "e", "n": 3, "via": ["a", "b", "d", "e"]})];
    assert_eq!(apart.await, expected);
    let site =
        ask(&graph, "match { $s: Site  path $p = $a on $s } return { nodes($p) as via } order { $a.name }");
    assert_eq!(site.await, [json!({"via": ["a", "s"]}), json!({"via": ["b", "s"]})]);
}

#[tokio::test]
async fn measures_are_those_of_the_snapshot_whatever_is_matched() {
    let graph = web().await;
    let body = "match { $p: Page { name: \"d\" } } return { degree($p, links) as all, in_degree($p, links) as into, \
                out_degree($p, links) as out, degree($p, on) as on }";
    assert_eq!(ask(&graph, body).await, [json!({"all": 4, "into": 3, "out": 1, "on": 0})]);
    let top = ask(&graph, "match { $s: Site } return { degree($s, on) as n }");
    assert_eq!(top.await, [json!({"n": 2})]);
    let ranked = ask(&graph, "match { $p: Page  degree($p, links) > 0 } return { $p.name as p, pagerank($p, links) as r } order { r desc }").await;
    let names: Vec<&str> = ranked.iter().map(|row| row["p"].as_str().unwrap()).collect();
    assert_eq!(names[0], "e");
    assert_eq!(names.len(), 5);
    let all = ask(&graph, "match { $p: Page } return { sum(pagerank($p, links)) as r }").await;
    assert!((all[0]["r"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    // Another commit has other degrees; the old one keeps its own.
    let before = graph.snapshot_of("main").await.unwrap().commit().graph_commit_id;
    graph.mutate(Mutate::new("main", "query q() { insert Links { from: \"f\", to: \"d\" } }")).await.unwrap();
    assert_eq!(ask(&graph, body).await[0]["into"], 4);
    let then = omnigraph::db::ReadTarget::Snapshot(omnigraph::db::SnapshotId::new(&before));
    assert_eq!(rows(&graph, then, &format!("query q() {{ {body} }}")).await[0]["into"], 3);
}
