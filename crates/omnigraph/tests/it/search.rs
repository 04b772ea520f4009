//! Search functions: exact beside a reference in memory, whatever was written, deleted or compacted before.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use omnigraph::Omnigraph;
use omnigraph::db::{Load, LoadMode, LoadSource, Mutate, OpenOptions, ParamMap};
use omnigraph::error::OmniError;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::fixtures::{fresh, fresh_with, rows};

const SCHEMA: &str = "
node Doc {
    name: String @key
    text: String? @index
    vec: Vector(3)? @index
    n: I64
}
node Tag { name: String @key }
edge Has: Doc -> Tag
edge Links: Doc -> Doc
";

const WORDS: [&str; 8] = ["kiwi", "zebra", "mango", "lotus", "quartz", "banjo", "fjord", "onyx"];

#[derive(Clone, Debug, PartialEq)]
struct Doc {
    words: Option<Vec<usize>>,
    vec: Option<[i8; 3]>,
    n: i64,
}

impl Doc {
    fn line(&self, name: &str) -> String {
        let text = self.words.as_ref().map(|w| w.iter().map(|&w| WORDS[w]).collect::<Vec<_>>().join(" "));
        let line = json!({"type": "Doc", "data": {"name": name, "text": text, "vec": self.vec, "n": self.n}});
        format!("{line}\n")
    }
}

type Docs = BTreeMap<String, Doc>;

/// The reference: everything by its definition.
mod reference {
    use super::*;

    /// Best first, ties by id.
    pub(super) fn nearest(docs: &Docs, among: &BTreeSet<String>, to: [i8; 3]) -> Vec<(String, f64)> {
        let square = |(a, b): (&i8, &i8)| (f64::from(*a) - f64::from(*b)).powi(2);
        let distance = |v: &[i8; 3]| v.iter().zip(&to).map(square).sum::<f64>().sqrt();
        let scored = docs.iter().filter(|(id, _)| among.contains(*id));
        let mut ranked: Vec<(String, f64)> =
            scored.filter_map(|(id, doc)| Some((id.clone(), distance(doc.vec.as_ref()?)))).collect();
        ranked.sort_by(|(a, x), (b, y)| x.total_cmp(y).then(a.cmp(b)));
        ranked
    }

    /// Lucene's BM25 over all documents with a text, k1 1.2, b 0.75. Best first, ties by id.
    pub(super) fn bm25(docs: &Docs, among: &BTreeSet<String>, query: &[usize]) -> Vec<(String, f64)> {
        let texts: Vec<&Vec<usize>> = docs.values().filter_map(|doc| doc.words.as_ref()).collect();
        let count = texts.len() as f64;
        let average = texts.iter().map(|text| text.len()).sum::<usize>() as f64 / count;
        let score = |text: &Vec<usize>| {
            let mut distinct: Vec<(usize, f64)> = Vec::new();
            for &word in query {
                match distinct.iter_mut().find(|(known, _)| *known == word) {
                    Some((_, times)) => *times += 1.0,
                    None => distinct.push((word, 1.0)),
                }
            }
            let parts = distinct.iter().map(|(word, times)| {
                let df = texts.iter().filter(|text| text.contains(word)).count() as f64;
                let idf = (1.0 + (count - df + 0.5) / (df + 0.5)).ln();
                let f = text.iter().filter(|w| *w == word).count() as f64;
                times * idf * f / (f + 1.2 * (1.0 - 0.75 + 0.75 * text.len() as f64 / average))
            });
            parts.sum::<f64>()
        };
        let matching = docs.iter().filter(|(id, doc)| among.contains(*id) && super::shares(doc, query));
        let mut ranked: Vec<(String, f64)> =
            matching.filter_map(|(id, doc)| Some((id.clone(), score(doc.words.as_ref()?)))).collect();
        ranked.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        ranked
    }

    /// Fuses two rankings; the best `limit`, ties in the order of the first, then of the second.
    pub(super) fn rrf(
        first: &[(String, f64)],
        second: &[(String, f64)],
        k: f64,
        limit: usize,
    ) -> Vec<(String, f64)> {
        let position =
            |ranking: &[(String, f64)], id: &str| ranking.iter().position(|(other, _)| other == id);
        let ids: BTreeSet<&String> = first.iter().chain(second).map(|(id, _)| id).collect();
        let part =
            |position: Option<usize>| position.map_or(0.0, |position| 1.0 / (k + position as f64 + 1.0));
        let mut fused: Vec<(String, f64, usize, usize)> = ids
            .into_iter()
            .map(|id| {
                let (a, b) = (position(first, id), position(second, id));
                (id.clone(), part(a) + part(b), a.unwrap_or(usize::MAX), b.unwrap_or(usize::MAX))
            })
            .collect();
        fused.sort_by(|x, y| y.1.total_cmp(&x.1).then((x.2, x.3).cmp(&(y.2, y.3))));
        fused.into_iter().take(limit).map(|(id, score, ..)| (id, score)).collect()
    }
}

fn shares(doc: &Doc, query: &[usize]) -> bool {
    doc.words.as_ref().is_some_and(|words| words.iter().any(|word| query.contains(word)))
}

fn text(query: &[usize]) -> String {
    query.iter().map(|&word| WORDS[word]).collect::<Vec<_>>().join(" ")
}

fn scored(rows: &[Json]) -> Vec<(String, f64)> {
    rows.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), row["s"].as_f64().unwrap())).collect()
}

/// Scores as good as equal: which of them is greater depends on how they were rounded.
const CLOSE: f64 = 1e-9;

/// Compares the first rows of a ranking, all of which is `expected`. Entities whose scores are close may change places; those
/// with equal scores are in the order of their ids.
fn assert_ranked(actual: &[(String, f64)], expected: &[(String, f64)], limit: usize, what: &str) {
    let told = || format!("{what}\n{actual:?}\n{expected:?}");
    assert_eq!(actual.len(), expected.len().min(limit), "{}", told());
    let scores: HashMap<&str, f64> = expected.iter().map(|(id, score)| (id.as_str(), *score)).collect();
    for ((id, a), (_, b)) in actual.iter().zip(expected) {
        let own = scores.get(id.as_str()).copied().unwrap_or(f64::NAN);
        assert!((a - b).abs() < CLOSE && (a - own).abs() < CLOSE, "{id}: {}", told());
    }
    for pair in actual.windows(2) {
        assert!(pair[0].1 != pair[1].1 || pair[0].0 < pair[1].0, "{}", told());
    }
}

/// Compares rows whose order is certain.
fn assert_same(actual: &[(String, f64)], expected: &[(String, f64)], what: &str) {
    let same = |((a, x), (b, y)): (&(String, f64), &(String, f64))| a == b && (x - y).abs() < CLOSE;
    let all = actual.len() == expected.len() && actual.iter().zip(expected).all(same);
    assert!(all, "{what}\n{actual:?}\n{expected:?}");
}

/// Tells whether rounding decides the order of some scores.
fn undecided(ranking: &[(String, f64)]) -> bool {
    ranking.windows(2).any(|pair| pair[0].1 != pair[1].1 && (pair[0].1 - pair[1].1).abs() < CLOSE)
}

/// Asks everything that can be asked and compares.
async fn check(graph: &Omnigraph, branch: &str, docs: &Docs, query: &Ask) {
    let Ask { words, to, from, limit } = query;
    let (limit, q) = (*limit, text(words));
    let among: BTreeSet<String> =
        docs.iter().filter(|(_, d)| d.n >= *from).map(|(id, _)| id.clone()).collect();
    let nearest = reference::nearest(docs, &among, *to);
    let bm25 = reference::bm25(docs, &among, words);
    let filter = format!("$d: Doc  $d.n >= {from}");
    let ask = |text: String| async move { scored(&rows(graph, branch, &text).await) };
    let to_number = i64::from(to[0].unsigned_abs()) + 1;
    let to = format!("[{}, {}, {}]", to[0], to[1], to[2]);

    let asked = format!(
        "query q() {{ match {{ {filter} }} return {{ $d.name as id, nearest($d.vec, {to}) as s }}
         order {{ nearest($d.vec, {to}) }} limit {limit} }}"
    );
    assert_ranked(&ask(asked.clone()).await, &nearest, limit, &asked);

    let asked = format!(
        "query q() {{ match {{ {filter} }} return {{ $d.name as id, bm25($d.text, \"{q}\") as s }}
         order {{ bm25($d.text, \"{q}\") }} limit {limit} }}"
    );
    assert_ranked(&ask(asked.clone()).await, &bm25, limit, &asked);
    let asked = asked.replace(&format!("limit {limit}"), "");
    assert_ranked(&ask(asked.clone()).await, &bm25, usize::MAX, &asked);

    let asked = format!(
        "query q() {{ match {{ {filter} }} return {{ $d.name as id, rrf(nearest($d.vec, {to}), bm25($d.text, \"{q}\"), 7) as s }}
         order {{ s desc }} limit {limit} }}"
    );
    let fused = reference::rrf(&nearest[..nearest.len().min(limit)], &bm25, 7.0, limit);
    if !undecided(&nearest) && !undecided(&bm25) {
        assert_same(&ask(asked.clone()).await, &fused, &asked);
    }

    let asked = format!(
        "query q() {{ match {{ {filter}  search($d.text, \"{q}\") }} return {{ $d.name as id }} order {{ id }} }}"
    );
    let found: Vec<String> =
        rows(graph, branch, &asked).await.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    let expected: Vec<String> = docs
        .iter()
        .filter(|(id, d)| among.contains(*id) && shares(d, words))
        .map(|(id, _)| id.clone())
        .collect();
    assert_eq!(found, expected, "{asked}");
    // What indexes narrow down is what the conditions say.
    let (low, high) = (format!("d{:02}", from * 9), format!("d{:02}", from * 9 + to_number));
    let part = words.first().map_or("a", |word| &WORDS[*word][1..4]);
    type Meets<'a> = Box<dyn Fn(&str, &Doc) -> bool + 'a>;
    let conditions: [(String, Meets<'_>); 3] = [
        (format!("$d.name starts_with \"{}\"", &low[..2 + limit % 2]), {
            let prefix = low[..2 + limit % 2].to_owned();
            Box::new(move |id, _| id.starts_with(&prefix))
        }),
        (format!("$d.name >= \"{low}\"  $d.name < \"{high}\""), Box::new(|id, _| *low <= *id && *id < *high)),
        (format!("$d.text contains \"{part}\""), {
            let holds = |doc: &Doc| doc.words.as_ref().is_some_and(|words| text(words).contains(part));
            Box::new(move |_, doc| holds(doc))
        }),
    ];
    for (condition, meets) in &conditions {
        let asked = format!(
            "query q() {{ match {{ {filter}  {condition} }} return {{ $d.name as id }} order {{ id }} }}"
        );
        let found = rows(graph, branch, &asked).await;
        let found: Vec<&str> = found.iter().map(|row| row["id"].as_str().unwrap()).collect();
        let expected = docs.iter().filter(|(id, doc)| among.contains(*id) && meets(id, doc));
        assert_eq!(found, expected.map(|(id, _)| id.as_str()).collect::<Vec<_>>(), "{asked}");
    }
    // One letter is missing: a term within one edit is the word itself.
    if let Some(&word) = words.first() {
        let asked = format!(
            "query q() {{ match {{ {filter}  fuzzy($d.text, \"{}\", 1) }} return {{ $d.name as id }} order {{ id }} }}",
            &WORDS[word][1..]
        );
        let found = rows(graph, branch, &asked).await.len();
        let expected = docs.iter().filter(|(id, d)| among.contains(*id) && shares(d, &[word])).count();
        assert_eq!(found, expected, "{asked}");
    }
}

#[derive(Clone, Debug)]
struct Ask {
    words: Vec<usize>,
    to: [i8; 3],
    from: i64,
    limit: usize,
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<(u8, Doc)>),
    Delete(u8),
    Optimize,
    Cleanup,
    Fork(u8),
    Turn(u8),
    /// Drops what this process holds of what it derived, and finds what is kept.
    Forget,
    Ask(Ask),
}

fn doc() -> impl Strategy<Value = Doc> {
    let words = prop::option::weighted(0.9, prop::collection::vec(0..WORDS.len(), 0..6));
    let vec = prop::option::weighted(0.9, prop::array::uniform3(-2i8..3));
    (words, vec, 0..4i64).prop_map(|(words, vec, n)| Doc { words, vec, n })
}

fn step() -> impl Strategy<Value = Step> {
    let ask =
        (prop::collection::vec(0..WORDS.len(), 0..4), prop::array::uniform3(-2i8..3), 0..3i64, 1..8usize)
            .prop_map(|(words, to, from, limit)| Step::Ask(Ask { words, to, from, limit }));
    prop_oneof![
        6 => prop::collection::vec((0..40u8, doc()), 1..12).prop_map(Step::Put),
        2 => (0..40u8).prop_map(Step::Delete),
        1 => Just(Step::Optimize),
        1 => Just(Step::Cleanup),
        1 => (0..3u8).prop_map(Step::Fork),
        1 => (0..4u8).prop_map(Step::Turn),
        1 => Just(Step::Forget),
        6 => ask,
    ]
}

async fn play(steps: &[Step]) {
    // Everything is kept, however small.
    let graph = fresh_with(SCHEMA, &OpenOptions { index_from_rows: 1, ..OpenOptions::default() }).await;
    let mut branches: BTreeMap<String, Docs> = [("main".to_owned(), Docs::new())].into();
    let mut branch = "main".to_owned();
    for step in steps {
        let docs = branches.get_mut(&branch).unwrap();
        match step {
            Step::Put(put) => {
                let put: BTreeMap<String, &Doc> =
                    put.iter().map(|(id, d)| (format!("d{id:02}"), d)).collect();
                let lines: String = put.iter().map(|(id, doc)| doc.line(id)).collect();
                graph.load(Load::new(&branch, LoadSource::Text(lines), LoadMode::Merge)).await.unwrap();
                docs.extend(put.into_iter().map(|(id, doc)| (id, doc.clone())));
            }
            Step::Delete(id) => {
                let id = format!("d{id:02}");
                let text = format!("query q() {{ delete Doc where name = \"{id}\" }}");
                graph.mutate(Mutate::new(&branch, &text)).await.unwrap();
                docs.remove(&id);
            }
            Step::Optimize => {
                graph.optimize().await.unwrap();
            }
            Step::Cleanup => {
                let options =
                    omnigraph::db::CleanupPolicyOptions { keep_versions: Some(1), ..Default::default() };
                graph.cleanup(options).await.unwrap();
            }
            Step::Fork(name) => {
                let name = format!("b{name}");
                if !branches.contains_key(&name) {
                    graph.branch_create_from(branch.as_str(), &name).await.unwrap();
                    let docs = branches[&branch].clone();
                    branches.insert(name, docs);
                }
            }
            Step::Turn(number) => {
                let names: Vec<&String> = branches.keys().collect();
                branch = names[usize::from(*number) % names.len()].clone();
            }
            Step::Forget => {
                #[cfg(feature = "failpoints")]
                graph.forget_derived().await;
            }
            Step::Ask(ask) => check(&graph, &branch, docs, ask).await,
        }
    }
}

#[test]
fn answers_are_those_of_the_rows_that_are_there() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) };
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = ProptestConfig { cases: cases.unwrap_or(config.cases), ..config };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..40))| {
        runtime.block_on(play(&steps));
    });
}

async fn library() -> Omnigraph {
    let graph = fresh(SCHEMA).await;
    let lines = [
        r#"{"type":"Doc","data":{"name":"a","text":"Graph databases, café networks","vec":[1,0,0],"n":1}}"#,
        r#"{"type":"Doc","data":{"name":"b","text":"a database of graphs","vec":[0,1,0],"n":2}}"#,
        r#"{"type":"Doc","data":{"name":"c","text":"cooking with mangoes","vec":[0,0,1],"n":3}}"#,
        r#"{"type":"Doc","data":{"name":"d","n":4}}"#,
        r#"{"type":"Doc","data":{"name":"e","text":"graph","vec":[1,0,0],"n":5}}"#,
        r#"{"type":"Tag","data":{"name":"x"}}"#,
        r#"{"type":"Tag","data":{"name":"y"}}"#,
        r#"{"edge":"Has","from":"a","to":"x"}"#,
        r#"{"edge":"Has","from":"a","to":"y"}"#,
        r#"{"edge":"Has","from":"b","to":"x"}"#,
        r#"{"edge":"Has","from":"c","to":"x"}"#,
        r#"{"edge":"Has","from":"d","to":"x"}"#,
    ];
    graph.load(Load::new("main", LoadSource::Text(lines.join("\n")), LoadMode::Append)).await.unwrap();
    graph
}

async fn ids(graph: &Omnigraph, text: &str) -> Vec<String> {
    rows(graph, "main", text).await.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

async fn refusal(graph: &Omnigraph, text: &str) -> OmniError {
    graph.query("main", text, None, &ParamMap::new()).await.unwrap_err()
}

#[tokio::test]
async fn texts_are_analysed_on_both_sides() {
    let graph = library().await;
    let found = |clause: &str| {
        format!("query q() {{ match {{ $d: Doc  {clause} }} return {{ $d.name as id }} order {{ id }} }}")
    };
    assert_eq!(ids(&graph, &found(r#"search($d.text, "GRAPHS")"#)).await, ["a", "b", "e"]);
    assert_eq!(ids(&graph, &found(r#"search($d.text, "cafe")"#)).await, ["a"]);
    assert_eq!(ids(&graph, &found(r#"match_text($d.text, "networks mango")"#)).await, ["a", "c"]);
    assert_eq!(ids(&graph, &found(r#"search($d.text, "of the") = true"#)).await, [""; 0]);
    assert_eq!(ids(&graph, &found(r#"search($d.text, "")"#)).await, [""; 0]);
    assert_eq!(ids(&graph, &found(r#"fuzzy($d.text, "grahp")"#)).await, ["a", "b", "e"]);
    assert_eq!(ids(&graph, &found(r#"fuzzy($d.text, "grahp", 1)"#)).await, [""; 0]);
    assert_eq!(
        ids(&graph, &found(r#"search($d.text, "graph")  search($d.text, "database")"#)).await,
        ["a", "b"]
    );
}

#[tokio::test]
async fn a_ranking_applies_to_what_a_traversal_reached() {
    let graph = library().await;
    let text = r#"query q() { match { $t: Tag { name: "x" }  $d has $t } return { $d.name as id }
        order { nearest($d.vec, [1, 0, 0]) } limit 2 }"#;
    // b and c are equally far; d has no vector, and e no tag.
    assert_eq!(ids(&graph, text).await, ["a", "b"]);
    let text = r#"query q() { match { $d: Doc  $d has $t } return { $d.name as id, $t.name as t }
        order { bm25($d.text, "graph") } limit 3 }"#;
    let found = rows(&graph, "main", text).await;
    let found: Vec<String> = found
        .iter()
        .map(|row| format!("{}{}", row["id"].as_str().unwrap(), row["t"].as_str().unwrap()))
        .collect();
    // The rows of one document stay together, by the ids of the tags.
    assert_eq!(found, ["bx", "ax", "ay"]);
    let text = r#"query q() { match { $d: Doc  not { $d has $t  $t.name = "y" } } return { $d.name as id }
        order { nearest($d.vec, [1, 0, 0]) } limit 2 }"#;
    assert_eq!(ids(&graph, text).await, ["e", "b"]);
}

/// Without a limit as well: f and g have the same text, so only ids tell them apart.
#[tokio::test]
async fn rows_of_one_ranked_entity_stay_together() {
    let graph = library().await;
    let lines = [
        r#"{"type":"Doc","data":{"name":"f","text":"onyx","n":1}}"#,
        r#"{"type":"Doc","data":{"name":"g","text":"onyx","n":1}}"#,
        r#"{"edge":"Has","from":"f","to":"x"}"#,
        r#"{"edge":"Has","from":"f","to":"y"}"#,
        r#"{"edge":"Has","from":"g","to":"x"}"#,
        r#"{"edge":"Has","from":"g","to":"y"}"#,
    ];
    graph.load(Load::new("main", LoadSource::Text(lines.join("\n")), LoadMode::Append)).await.unwrap();
    let pairs = async |order: &str| {
        let text = format!(
            r#"query q() {{ match {{ $z: Doc {{ n: 1 }}  search($z.text, "onyx")  $z has $a }}
            return {{ $z.name as id, $a.name as t }} order {{ {order} }} }}"#
        );
        let rows = rows(&graph, "main", &text).await;
        let pair = |row: &Json| format!("{}{}", row["id"].as_str().unwrap(), row["t"].as_str().unwrap());
        rows.iter().map(pair).collect::<Vec<_>>()
    };
    assert_eq!(pairs(r#"bm25($z.text, "onyx")"#).await, ["fx", "fy", "gx", "gy"]);
    // By anything else, ties are broken by the variables in name order.
    assert_eq!(pairs("$z.n").await, ["fx", "gx", "fy", "gy"]);
}

#[tokio::test]
async fn several_searches_combine() {
    let graph = library().await;
    let text = r#"query q() { match { $d: Doc  $e: Doc  search($d.text, "cooking")  search($e.text, "database")  $e.n < 2 }
        return { $d.name as id, $e.name as e, nearest($d.vec, [0, 0, 0]) as far, bm25($e.text, "network") as s } }"#;
    let found = rows(&graph, "main", text).await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["id"], &found[0]["e"], &found[0]["far"]), (&json!("c"), &json!("a"), &json!(1.0)));
    assert!(found[0]["s"].as_f64().unwrap() > 0.0);
    let text = r#"query q() { match { $d: Doc  search($d.text, "graph") } return { $d.name as id, $d.n }
        order { nearest($d.vec, [1, 0, 0]), $d.n desc } limit 2 offset 0 }"#;
    let text = text.replace(" offset 0", "");
    assert_eq!(ids(&graph, &text).await, ["e", "a"]);
    let text = r#"query q() { match { $d: Doc } return { count($d) as n, max($d.n) as m } }"#;
    assert_eq!(rows(&graph, "main", text).await.len(), 1);
}

#[tokio::test]
async fn the_schema_chooses_the_metric() {
    let vectors: [(&str, [i8; 3]); 5] =
        [("a", [1, 0, 0]), ("b", [10, 1, 0]), ("c", [0, 2, 0]), ("d", [-1, 0, 0]), ("z", [0, 0, 0])];
    for (metric, order, scores) in [
        ("l2", ["a", "z", "d", "c", "b"], [0.0, 1.0, 2.0, 5.0_f64.sqrt(), 82.0_f64.sqrt()]),
        ("cosine", ["a", "b", "c", "z", "d"], [0.0, 1.0 - 10.0 / 101.0_f64.sqrt(), 1.0, 1.0, 2.0]),
        ("dot", ["b", "a", "c", "z", "d"], [-10.0, -1.0, 0.0, 0.0, 1.0]),
    ] {
        let schema = format!("node V {{ name: String @key  vec: Vector(3) @index(metric=\"{metric}\") }}");
        let graph = fresh(&schema).await;
        let line = |(name, vec): &(&str, [i8; 3])| json!({"type": "V", "data": {"name": name, "vec": vec}});
        let lines: String = vectors.iter().map(|v| format!("{}\n", line(v))).collect();
        graph.load(Load::new("main", LoadSource::Text(lines), LoadMode::Append)).await.unwrap();
        // Enough rows that they are compared on a grid; the four nearest are not among them by any metric.
        let far: String =
            (0..400).map(|n| format!("{}\n", line(&(&format!("x{n}"), [-100, (n % 7) as i8, 0])))).collect();
        graph.load(Load::new("main", LoadSource::Text(far), LoadMode::Append)).await.unwrap();
        let text = "query q() { match { $v: V } return { $v.name as id, nearest($v.vec, [1, 0, 0]) as s }
            order { nearest($v.vec, [1, 0, 0]) } limit 4 }";
        let found = scored(&rows(&graph, "main", text).await);
        let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, order[..4], "{metric}: {found:?}");
        for ((id, score), expected) in found.iter().zip(scores) {
            assert!((score - expected).abs() < 1e-6, "{metric}: {id} has {score}, expected {expected}");
        }
    }
}

/// More rows than are compared one by one.
#[tokio::test]
async fn the_nearest_of_many_are_those_of_all() {
    let graph = fresh("node V { name: String @key  n: I64  vec: Vector(8)? }").await;
    let mut state = 7_u32;
    let mut number = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from((state >> 16) % 2001) / 1000.0 - 1.0
    };
    let vectors: Vec<[f64; 8]> = (0..3000).map(|_| std::array::from_fn(|_| number())).collect();
    let lines: String = vectors
        .iter()
        .enumerate()
        .map(|(n, vec)| {
            format!("{}\n", json!({"type": "V", "data": {"name": format!("v{n:04}"), "n": n, "vec": vec}}))
        })
        .collect();
    graph.load(Load::new("main", LoadSource::Text(lines), LoadMode::Append)).await.unwrap();
    for round in 0..20 {
        let query: [f64; 8] = std::array::from_fn(|_| number());
        let from = round * 140;
        let text = format!(
            "query q() {{ match {{ $v: V  $v.n >= {from} }} return {{ $v.name as id, nearest($v.vec, {query:?}) as s }}
             order {{ nearest($v.vec, {query:?}) }} limit 10 }}"
        );
        let found = scored(&rows(&graph, "main", &text).await);
        let distance = |vec: &[f64; 8]| {
            vec.iter()
                .zip(&query)
                .map(|(a, b)| (f64::from(*a as f32) - f64::from(*b as f32)).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        let mut expected: Vec<(String, f64)> = vectors
            .iter()
            .enumerate()
            .skip(from)
            .map(|(n, vec)| (format!("v{n:04}"), distance(vec)))
            .collect();
        expected.sort_by(|(a, x), (b, y)| x.total_cmp(y).then(a.cmp(b)));
        for ((id, score), (other, expected)) in found.iter().zip(&expected) {
            assert!(
                id == other && (score - expected).abs() < 1e-5,
                "{round}: {id} {score}, {other} {expected}"
            );
        }
        assert_eq!(found.len(), 10);
    }
    // A limit beyond all rows, and beyond what is held to rank.
    let text =
        "query q() { match { $v: V } return { $v.name as id, nearest($v.vec, [0, 0, 0, 0, 0, 0, 0, 0]) as s }
        order { nearest($v.vec, [0, 0, 0, 0, 0, 0, 0, 0]) } limit 1000000 }";
    let found = scored(&rows(&graph, "main", text).await);
    assert!(found.len() == 3000 && found.windows(2).all(|pair| pair[0].1 <= pair[1].1));
}

#[tokio::test]
async fn a_text_is_embedded_by_the_configured_embedder() {
    let graph = library().await;
    let mock = omnigraph::embedding::EmbeddingConfig::from_parts(
        omnigraph::embedding::Provider::Mock,
        None,
        None,
        None,
    );
    let graph = graph.with_embedding_config(std::sync::Arc::new(mock.unwrap()));
    let text = r#"query q() { match { $d: Doc } return { $d.name as id, nearest($d.vec, "some text") as s }
        order { nearest($d.vec, "some text") } limit 4 }"#;
    let found = scored(&rows(&graph, "main", text).await);
    assert_eq!(found.len(), 4);
    assert!(found.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{found:?}");
    // The mock's vector for this text and dimension; see the contract of the mock embedder.
    let vector = omnigraph::embedding::EmbeddingClient::new(
        omnigraph::embedding::EmbeddingConfig::from_parts(
            omnigraph::embedding::Provider::Mock,
            None,
            None,
            None,
        )
        .unwrap(),
    );
    let vector = vector.unwrap().embed_query_text("some text", 3).await.unwrap();
    let unit = [[1.0f32, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let distance =
        |u: &[f32; 3]| u.iter().zip(&vector).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    let expected: HashMap<&str, f64> = [
        ("a", distance(&unit[0])),
        ("b", distance(&unit[1])),
        ("c", distance(&unit[2])),
        ("e", distance(&unit[0])),
    ]
    .into();
    for (id, score) in found {
        assert!((expected[id.as_str()] - score).abs() < 1e-6, "{id}: {score}");
    }
}

#[tokio::test]
async fn what_cannot_be_ranked_is_refused() {
    let graph = library().await;
    let q = |order: &str, more: &str| {
        format!(
            "query q({more}) {{ match {{ $d: Doc }} return {{ $d.name as id }} order {{ {order} }} limit 3 }}"
        )
    };
    for (order, more, expected) in [
        ("nearest($d.vec, [1, 2])", "", "dimension"),
        ("nearest($d.text, [1, 2, 3])", "", "T15"),
        ("bm25($d.n, \"x\")", "", "T20"),
        ("bm25($d.text, $t)", "$t: String?", "null"),
        ("nearest($d.vec, $v)", "$v: Vector(3)?", "null"),
        ("rrf(nearest($d.vec, [1,2,3]), bm25($d.text, \"x\"), $k)", "$k: I64?", ""),
    ] {
        let answer = graph.query("main", &q(order, more), None, &ParamMap::new()).await;
        match answer {
            Err(error) => {
                assert!(!expected.is_empty() && error.to_string().contains(expected), "{order}: {error}")
            }
            Ok(_) => assert!(expected.is_empty(), "{order}"),
        }
    }
    let grouped =
        r#"query q() { match { $d: Doc } return { $d.n, count($d) as c } order { bm25($d.text, "x") } }"#;
    refusal(&graph, grouped).await;
    let unlimited =
        r#"query q() { match { $d: Doc } return { $d.name as id } order { nearest($d.vec, [1, 2, 3]) } }"#;
    assert!(refusal(&graph, unlimited).await.to_string().contains("T17"));
}

#[tokio::test]
async fn explain_tells_what_is_searched() {
    let graph = library().await;
    let explain = async |text: &str| graph.explain("main", text, None, &ParamMap::new(), true).await.unwrap();
    let text = r#"query q() { match { $d: Doc } return { $d.name as id } order { bm25($d.text, "graph") } limit 2 }"#;
    let plan = explain(text).await;
    assert!(
        plan.contains("IndexScanExec: node:Doc, by=[words of text], rows=2")
            && plan.contains("bm25(text) over 2 rows"),
        "{plan}"
    );
    let text = r#"query q() { match { $d: Doc } return { $d.name as id } order { nearest($d.vec, [1, 0, 0]) } limit 2 }"#;
    let plan = explain(text).await;
    assert!(plan.contains("nearest(vec) l2") && plan.contains("best=2"), "{plan}");
}
