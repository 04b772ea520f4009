//! Random graphs × random queries: the engine agrees with the naive interpreter under every traversal mode.

use std::collections::BTreeMap;
use std::fmt::Write;

use omnigraph_compiler::catalog::TypeKey;
use omnigraph_compiler::ir::{Aggregate, Body, Output};
use omnigraph_compiler::types::Value;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::kit::{Data, Entity, compile, graph, head, rows};
use super::reference::Reference;
use crate::query::topology::Mode;

const SCHEMA: &str = "
    node P { k: String @key  a: I32? @index  f: F32?  s: String?  t: [I32]?  b: Bool? }
    node Q { k: I64 @key  a: I64?  d: F64?  s: String? }
    node R { s: String?  u: U64? }
    edge Pp: P -> P { w: I32? }
    edge Pq: P -> Q { w: F64? }
    edge Qr: Q -> R
    edge Rp: R -> P
";

const EDGES: [(&str, &str, &str); 4] =
    [("pp", "P", "P"), ("pq", "P", "Q"), ("qr", "Q", "R"), ("rp", "R", "P")];

fn properties(ty: &str) -> &'static [(&'static str, char)] {
    match ty {
        "P" => &[("k", 's'), ("a", 'n'), ("f", 'n'), ("s", 's'), ("t", 'l'), ("b", 'b')],
        "Q" => &[("k", 'n'), ("a", 'n'), ("d", 'n'), ("s", 's')],
        "R" => &[("s", 's'), ("u", 'n')],
        "pp" | "pq" => &[("w", 'n')],
        _ => &[],
    }
}

fn data(rng: &mut StdRng) -> Data {
    let mut data = Data::new();
    let sizes: BTreeMap<&str, usize> =
        ["P", "Q", "R"].into_iter().map(|t| (t, rng.random_range(0..7))).collect();
    for (&ty, &n) in &sizes {
        let entities = (0..n).map(|i| {
            let mut values = BTreeMap::new();
            for &(name, _) in properties(ty) {
                let value = match (ty, name) {
                    ("P", "k") => Value::String(format!("p{i}")),
                    ("Q", "k") => Value::Int(i as i64),
                    _ if rng.random_bool(0.25) => Value::Null,
                    ("P", "f") => {
                        Value::Float(f64::from([0.1f32, 0.5, -0.0, 0.0, 2.0][rng.random_range(0..5)]))
                    }
                    ("Q", "d") => Value::Float([0.25, 0.5, 0.0, 2.0, -1.5][rng.random_range(0..5)]),
                    ("P", "t") => Value::List(
                        (0..rng.random_range(0..3)).map(|_| Value::Int(rng.random_range(0..3))).collect(),
                    ),
                    ("P", "b") => Value::Bool(rng.random()),
                    (_, "s") => Value::String(["", "a", "ab", "b", "é"][rng.random_range(0..5)].to_owned()),
                    ("R", "u") => Value::Int(rng.random_range(0..4)),
                    _ => Value::Int(rng.random_range(-1..4)),
                };
                values.insert(name.to_owned(), value);
            }
            let id = match ty {
                "P" => format!("p{i}"),
                "Q" => i.to_string(),
                _ => format!("{i}"),
            };
            Entity { id, ends: None, values }
        });
        data.insert(TypeKey::node(ty), entities.collect());
    }
    for (word, from, to) in EDGES {
        let ids = |ty: &str| data[&TypeKey::node(ty)].iter().map(|e| e.id.clone()).collect::<Vec<_>>();
        let (from, to) = (ids(from), ids(to));
        let n = if from.is_empty() || to.is_empty() { 0 } else { rng.random_range(0..12) };
        let name = format!("{}{}", word[..1].to_uppercase(), &word[1..]);
        let edges = (0..n).map(|i| {
            let ends = (from.choose(rng).unwrap().clone(), to.choose(rng).unwrap().clone());
            let mut values = BTreeMap::new();
            if !properties(word).is_empty() && rng.random_bool(0.8) {
                let n = rng.random_range(0..3);
                let value = if word == "pq" { Value::Float(n as f64 / 2.0) } else { Value::Int(n) };
                values.insert("w".to_owned(), value);
            }
            Entity { id: format!("{word}{i:02}"), ends: Some(ends), values }
        });
        let edges: Vec<Entity> = edges.collect();
        data.insert(TypeKey::edge(name), edges);
    }
    data
}

struct Writer<'a> {
    rng: &'a mut StdRng,
    /// Name and type (node type, or edge word).
    vars: Vec<(String, &'static str)>,
    next: usize,
}

impl Writer<'_> {
    fn fresh(&mut self, ty: &'static str) -> String {
        // Names run against the order of introduction, so that name order differs from it.
        let name = format!("v{}", 99 - self.next);
        self.next += 1;
        self.vars.push((name.clone(), ty));
        name
    }

    fn node_type(&mut self) -> &'static str {
        ["P", "Q", "R"][self.rng.random_range(0..3)]
    }

    fn literal(&mut self, kind: char) -> String {
        match kind {
            's' => ["\"\"", "\"a\"", "\"b\"", "\"ab\"", "\"p1\"", "\"p2\""][self.rng.random_range(0..6)]
                .to_owned(),
            'b' => ["true", "false"][self.rng.random_range(0..2)].to_owned(),
            _ => ["0", "1", "2", "0.5", "0.1", "0.25", "3000000000"][self.rng.random_range(0..7)].to_owned(),
        }
    }

    fn binding(&mut self, text: &mut String) {
        let ty = self.node_type();
        let var = self.fresh(ty);
        write!(text, "${var}: {ty}").unwrap();
        if self.rng.random_bool(0.3) {
            let (name, kind) = properties(ty)[0];
            let literal = match (ty, kind) {
                ("P", _) => format!("\"p{}\"", self.rng.random_range(0..4)),
                ("Q", _) => self.rng.random_range(0..4).to_string(),
                _ => self.literal(kind),
            };
            write!(text, " {{ {name}: {literal} }}").unwrap();
        }
        text.push('\n');
    }

    fn traversal(&mut self, text: &mut String) {
        let nodes: Vec<(String, &'static str)> =
            self.vars.iter().filter(|(_, t)| t.len() == 1).cloned().collect();
        let (at, ty) = nodes.choose(self.rng).unwrap().clone();
        let choices: Vec<_> = EDGES.iter().filter(|(_, f, t)| *f == ty || *t == ty).collect();
        let &&(word, from, to) = choices.choose(self.rng).unwrap();
        let forward = if from == to { self.rng.random() } else { from == ty };
        let other_type = if forward { to } else { from };
        let known: Vec<&String> = nodes.iter().filter(|(_, t)| *t == other_type).map(|(n, _)| n).collect();
        let other = if !known.is_empty() && self.rng.random_bool(0.25) {
            (*known.choose(self.rng).unwrap()).clone()
        } else if self.rng.random_bool(0.15) {
            "_".to_owned()
        } else {
            self.fresh(other_type)
        };
        let (left, right) = if forward { (at, other) } else { (other, at) };
        let undirected = from == to && self.rng.random_bool(0.4);
        let shown = if undirected { format!("<{word}>") } else { word.to_owned() };
        let bounds = if self.rng.random_bool(if from == to { 0.5 } else { 0.1 }) {
            let min = self.rng.random_range(1..4);
            format!("{{{min},{}}}", min + self.rng.random_range(0..3))
        } else {
            String::new()
        };
        if bounds.is_empty() && self.rng.random_bool(0.3) {
            let edge = self.fresh(word);
            writeln!(text, "${left} ${edge}:{shown} ${right}").unwrap();
        } else {
            writeln!(text, "${left} {shown}{bounds} ${right}").unwrap();
        }
    }

    fn property(&mut self, kinds: &str) -> Option<String> {
        let all: Vec<String> = self
            .vars
            .iter()
            .flat_map(|(v, t)| properties(t).iter().map(move |(p, k)| (v, p, k)))
            .filter(|(_, _, k)| kinds.contains(**k))
            .map(|(v, p, _)| format!("${v}.{p}"))
            .collect();
        all.choose(self.rng).cloned()
    }

    fn filter(&mut self, text: &mut String) {
        let op = ["=", "!=", "<", "<=", ">", ">="][self.rng.random_range(0..6)];
        let kind = ['n', 'n', 's', 'b', 'l'][self.rng.random_range(0..5)];
        let Some(left) = self.property(&kind.to_string()) else { return };
        let right = match self.rng.random_range(0..3) {
            0 if kind != 'l' => self.property(&kind.to_string()).unwrap_or_else(|| self.literal(kind)),
            _ => self.literal(kind),
        };
        match kind {
            'l' => writeln!(text, "{left} contains {right}"),
            's' if self.rng.random_bool(0.3) => {
                let word = ["contains", "starts_with"][self.rng.random_range(0..2)];
                writeln!(text, "{left} {word} {right}")
            }
            's' if self.rng.random_bool(0.2) => writeln!(text, "[\"a\", \"p1\", \"p3\"] contains {left}"),
            _ => writeln!(text, "{left} {op} {right}"),
        }
        .unwrap();
    }

    fn negation(&mut self, text: &mut String, depth: usize) {
        let kept = self.vars.clone();
        text.push_str("not {\n");
        self.traversal(text);
        if self.rng.random_bool(0.3) {
            self.binding(text);
        }
        for _ in 0..self.rng.random_range(0..3) {
            self.filter(text);
        }
        if depth < 2 && self.rng.random_bool(0.25) {
            self.negation(text, depth + 1);
        }
        text.push_str("}\n");
        self.vars = kept;
    }

    fn query(&mut self) -> String {
        let mut text = String::from("query q() {\nmatch {\n");
        self.binding(&mut text);
        for _ in 0..self.rng.random_range(0..3) {
            self.traversal(&mut text);
        }
        if self.rng.random_bool(0.15) {
            self.binding(&mut text);
        }
        for _ in 0..self.rng.random_range(0..3) {
            self.filter(&mut text);
        }
        if self.rng.random_bool(0.3) {
            self.negation(&mut text, 0);
        }
        text.push_str("}\nreturn {\n");
        let mut columns = Vec::new();
        for at in 0..self.rng.random_range(1..4) {
            let nodes: Vec<String> =
                self.vars.iter().filter(|(_, t)| t.len() == 1).map(|(v, _)| v.clone()).collect();
            if self.rng.random_bool(0.4) {
                writeln!(text, "${} as c{at}", nodes.choose(self.rng).unwrap()).unwrap();
            } else if let Some(property) = self.property("nsbl") {
                let sortable = !property.ends_with(".t");
                writeln!(text, "{property} as c{at}").unwrap();
                if sortable {
                    columns.push(format!("c{at}"));
                }
            }
        }
        if text.ends_with("{\n") {
            writeln!(text, "${} as c0", self.vars[0].0).unwrap();
        }
        let grouped = self.rng.random_bool(0.35);
        if grouped {
            for at in 0..self.rng.random_range(1..3) {
                let aggregate = match self.rng.random_range(0..4) {
                    0 => Some(format!("count(${})", self.vars[0].0)),
                    1 => self.property("nsb").map(|p| format!("count({p})")),
                    2 => self
                        .property("n")
                        .map(|p| format!("{}({p})", ["sum", "avg"][self.rng.random_range(0..2)])),
                    _ => self
                        .property("ns")
                        .map(|p| format!("{}({p})", ["min", "max"][self.rng.random_range(0..2)])),
                };
                let aggregate = aggregate.unwrap_or_else(|| format!("count(${})", self.vars[0].0));
                writeln!(text, "{aggregate} as g{at}").unwrap();
                columns.push(format!("g{at}"));
            }
        }
        text.push_str("}\n");
        if self.rng.random_bool(0.6) {
            let mut keys: Vec<String> = Vec::new();
            for _ in 0..self.rng.random_range(1..3) {
                let key = if !grouped && self.rng.random_bool(0.5) {
                    self.property("nsb")
                } else {
                    columns.choose(self.rng).cloned()
                };
                keys.extend(
                    key.map(|k| format!("{k}{}", ["", " asc", " desc"][self.rng.random_range(0..3)])),
                );
            }
            if !keys.is_empty() {
                writeln!(text, "order {{ {} }}", keys.join(", ")).unwrap();
            }
        }
        if self.rng.random_bool(0.4) {
            writeln!(text, "limit {}", self.rng.random_range(0..6)).unwrap();
        }
        text.push_str("}\n");
        text
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(v) => (*v).into(),
        Value::Int(v) => (*v).into(),
        // The engine may show either zero.
        Value::Float(v) => (v + 0.0).into(),
        Value::String(v) => v.clone().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Date(_) | Value::DateTime(_) => unreachable!("none are generated"),
    }
}

/// Zeros of both signs are one value.
fn unsigned_zero(value: serde_json::Value) -> serde_json::Value {
    match value.as_f64() {
        Some(0.0) if value.is_f64() => 0.0.into(),
        _ => value,
    }
}

/// Returns how many of the queries had rows.
async fn check(seed: u64, queries: usize) -> usize {
    let mut fruitful = 0;
    let mut rng = StdRng::seed_from_u64(seed);
    let data = data(&mut rng);
    let commits = rng.random_range(1..4);
    let graph = graph(SCHEMA, &data, commits).await;
    let snapshot = head(&graph).await;
    for _ in 0..queries {
        let text = Writer { rng: &mut rng, vars: vec![], next: 0 }.query();
        let mut query = compile(&snapshot, &text);
        let Body::Read(read) = &mut query.body else { unreachable!() };
        if rng.random_bool(0.2) && !read.grouped {
            read.distinct = true;
            read.order.retain(|o| matches!(o.key, omnigraph_compiler::ir::SortKey::Column(_)));
        }
        if rng.random_bool(0.2) {
            read.offset = rng.random_range(0..4);
        }
        for projection in &mut read.projections {
            if let Output::Aggregate { function: Aggregate::Count, distinct, .. } = &mut projection.value {
                *distinct = rng.random_bool(0.4);
            }
        }
        let read = read.clone();
        let all = Reference { data: &data, read: &read, params: &[] }.rows();
        let all: Vec<Vec<serde_json::Value>> =
            all.iter().map(|row| row.iter().map(json).map(unsigned_zero).collect()).collect();
        fruitful += usize::from(!all.is_empty());
        let kept = all.len().saturating_sub(read.offset as usize);
        let kept = read.limit.map_or(kept, |l| kept.min(l as usize));
        for mode in [Mode::Csr, Mode::Indexed, Mode::Adaptive] {
            let context = || {
                format!("seed {seed}, {mode:?}, distinct {}, offset {}\n{text}", read.distinct, read.offset)
            };
            let found =
                rows(&snapshot, &query, &[], mode).await.unwrap_or_else(|e| panic!("{e}\n{}", context()));
            let found: Vec<Vec<serde_json::Value>> =
                found.into_iter().map(|row| row.into_iter().map(unsigned_zero).collect()).collect();
            if read.order.is_empty() {
                let mut pool: Vec<String> = all.iter().map(|r| format!("{r:?}")).collect();
                assert_eq!(found.len(), kept, "{}\nexpected of {all:?}\nfound {found:?}", context());
                for row in &found {
                    let at = pool.iter().position(|p| *p == format!("{row:?}"));
                    let at = at.unwrap_or_else(|| panic!("{}\n{row:?} is not in {all:?}", context()));
                    pool.swap_remove(at);
                }
            } else {
                let from = (read.offset as usize).min(all.len());
                let expected = &all[from..from + kept];
                assert_eq!(found, expected, "{}", context());
            }
        }
    }
    fruitful
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_queries_agree_with_the_naive_interpreter() {
    let seeds: u64 = std::env::var("OMNIGRAPH_TEST_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(12);
    let first: u64 = std::env::var("OMNIGRAPH_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    let mut fruitful = 0;
    for seed in first..first + seeds {
        fruitful += check(seed, 40).await;
    }
    assert!(fruitful > 40 * seeds as usize / 4, "only {fruitful} queries had rows");
}
