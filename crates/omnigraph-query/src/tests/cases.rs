//! Random graphs and queries in a form that shrinks: how many entities and clauses there are is a list each, one seed
//! per item, so that a failure can be cut down item by item while the others stay as they are.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use omnigraph_compiler::catalog::TypeKey;
use omnigraph_compiler::types::Value;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::{bool, option};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::fixtures::{Data, Entity};

pub(super) const SCHEMA: &str = "
    node P { k: String @key  a: I32? @index  f: F32?  s: String?  t: [I32]?  b: Bool? }
    node Q { k: I64 @key  a: I64?  d: F64?  s: String? }
    node R { s: String?  u: U64? }
    edge Pp: P -> P { w: I32? }
    edge Pq: P -> Q { w: F64? }
    edge Qr: Q -> R
    edge Rp: R -> P
";

pub(super) const EDGES: [(&str, &str, &str); 4] =
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

/// Decides one item.
type Seed = u64;

/// A graph, and queries to run on it.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) queries: Vec<Shape>,
    nodes: [Vec<Seed>; 3],
    edges: [Vec<Seed>; 4],
    /// Over how many commits the rows are spread.
    pub(super) commits: usize,
}

/// What a query consists of.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    binding: Seed,
    traversals: Vec<Seed>,
    further_bindings: Vec<Seed>,
    filters: Vec<Seed>,
    negation: Option<Negation>,
    optionals: Vec<Negation>,
    /// Filters that may use what the optional blocks introduce.
    late: Vec<Seed>,
    columns: Vec<Seed>,
    aggregates: Vec<Seed>,
    order: Vec<Seed>,
    limit: Option<u64>,
    pub(super) offset: Option<u64>,
    pub(super) distinct: bool,
    /// Whether the first and the second aggregate count distinct values, if they count.
    pub(super) count_distinct: [bool; 2],
}

#[derive(Clone, Debug)]
struct Negation {
    traversal: Seed,
    bindings: Vec<Seed>,
    filters: Vec<Seed>,
    inner: Option<Box<Negation>>,
}

fn seed() -> impl Strategy<Value = Seed> {
    any::<u64>().no_shrink()
}

fn negation(depth: usize) -> BoxedStrategy<Negation> {
    let inner = if depth < 2 {
        option::weighted(0.25, negation(depth + 1).prop_map(Box::new)).boxed()
    } else {
        Just(None).boxed()
    };
    (seed(), vec(seed(), 0..2), vec(seed(), 0..3), inner)
        .prop_map(|(traversal, bindings, filters, inner)| Negation { traversal, bindings, filters, inner })
        .boxed()
}

fn shape() -> impl Strategy<Value = Shape> {
    let pattern = (
        seed(),
        vec(seed(), 0..3),
        prop_oneof![6 => Just(Vec::new()), 1 => vec(seed(), 1)],
        vec(seed(), 0..3),
        option::weighted(0.3, negation(0)),
        prop_oneof![2 => Just(Vec::new()), 1 => vec(negation(1), 1..3)],
        prop_oneof![7 => Just(Vec::new()), 1 => vec(seed(), 1)],
    );
    let output = (
        vec(seed(), 1..4),
        prop_oneof![2 => Just(Vec::new()), 1 => vec(seed(), 1..3)],
        vec(seed(), 0..3),
        option::weighted(0.4, 0..6_u64),
        option::weighted(0.2, 0..4_u64),
        bool::weighted(0.2),
        [bool::weighted(0.4), bool::weighted(0.4)],
    );
    (pattern, output).prop_map(|(pattern, output)| {
        let (binding, traversals, further_bindings, filters, negation, optionals, late) = pattern;
        let (columns, aggregates, order, limit, offset, distinct, count_distinct) = output;
        Shape {
            binding,
            traversals,
            further_bindings,
            filters,
            negation,
            optionals,
            late,
            columns,
            aggregates,
            order,
            limit,
            offset,
            distinct,
            count_distinct,
        }
    })
}

/// Makes graphs of up to six nodes a type and eleven edges a type, with up to `queries` queries each.
pub(super) fn cases(queries: usize) -> impl Strategy<Value = Case> {
    let nodes = || vec(seed(), 0..7);
    let edges = || vec(seed(), 0..12);
    let graph = ([nodes(), nodes(), nodes()], [edges(), edges(), edges(), edges()], 1..4_usize);
    (vec(shape(), 1..=queries), graph).prop_map(|(queries, (nodes, edges, commits))| Case {
        queries,
        nodes,
        edges,
        commits,
    })
}

impl Case {
    /// Returns the content of the graph.
    pub(super) fn data(&self) -> Data {
        let mut data = Data::new();
        for (ty, seeds) in ["P", "Q", "R"].into_iter().zip(&self.nodes) {
            let entities = seeds.iter().enumerate().map(|(i, &seed)| node(ty, i, seed));
            data.insert(TypeKey::node(ty), entities.collect());
        }
        for ((word, from, to), seeds) in EDGES.into_iter().zip(&self.edges) {
            let ids = |ty: &str| data[&TypeKey::node(ty)].iter().map(|e| e.id.clone()).collect::<Vec<_>>();
            let (from, to) = (ids(from), ids(to));
            let edges = seeds.iter().enumerate().filter_map(|(i, &seed)| edge(word, i, &from, &to, seed));
            let edges: Vec<Entity> = edges.collect();
            data.insert(TypeKey::edge(format!("{}{}", word[..1].to_uppercase(), &word[1..])), edges);
        }
        data
    }
}

impl fmt::Debug for Case {
    /// Shows what somebody needs to see the failure happen: the content and the queries.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a graph of {} commits:\n{}", self.commits, lines(&self.data()))?;
        self.queries.iter().try_for_each(|shape| writeln!(f, "{}", shape.text()))
    }
}

/// Renders content as lines for a load.
pub(super) fn lines(data: &Data) -> String {
    let mut text = String::new();
    for (key, entities) in data {
        for Entity { id, endpoints, values } in entities {
            let mut values: serde_json::Map<_, _> =
                values.iter().map(|(name, value)| (name.clone(), json(value))).collect();
            values.insert("id".to_owned(), id.clone().into());
            let line = match endpoints {
                None => serde_json::json!({"type": key.name, "data": values}),
                Some((from, to)) => {
                    serde_json::json!({"edge": key.name, "from": from, "to": to, "data": values})
                }
            };
            writeln!(text, "{line}").unwrap();
        }
    }
    text
}

fn node(ty: &str, i: usize, seed: Seed) -> Entity {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut values = BTreeMap::new();
    for &(name, _) in properties(ty) {
        let value = match (ty, name) {
            ("P", "k") => Value::String(format!("p{i}")),
            ("Q", "k") => Value::Int(i as i64),
            _ if rng.random_bool(0.25) => Value::Null,
            ("P", "f") => Value::Float(f64::from([0.1f32, 0.5, -0.0, 0.0, 2.0][rng.random_range(0..5)])),
            ("Q", "d") => Value::Float([0.25, 0.5, 0.0, 2.0, -1.5][rng.random_range(0..5)]),
            ("P", "t") => {
                Value::List((0..rng.random_range(0..3)).map(|_| Value::Int(rng.random_range(0..3))).collect())
            }
            ("P", "b") => Value::Bool(rng.random()),
            (_, "s") => Value::String(["", "a", "ab", "b", "é"][rng.random_range(0..5)].to_owned()),
            ("R", "u") => Value::Int(rng.random_range(0..4)),
            _ => Value::Int(rng.random_range(-1..4)),
        };
        values.insert(name.to_owned(), value);
    }
    let id = if ty == "P" { format!("p{i}") } else { i.to_string() };
    Entity { id, endpoints: None, values }
}

/// Makes an edge; none when there is nothing it could end at.
fn edge(word: &str, i: usize, from: &[String], to: &[String], seed: Seed) -> Option<Entity> {
    let mut rng = StdRng::seed_from_u64(seed);
    let endpoints = (from.choose(&mut rng)?.clone(), to.choose(&mut rng)?.clone());
    let mut values = BTreeMap::new();
    if !properties(word).is_empty() && rng.random_bool(0.8) {
        let n = rng.random_range(0..3);
        let value = if word == "pq" { Value::Float(n as f64 / 2.0) } else { Value::Int(n) };
        values.insert("w".to_owned(), value);
    }
    Some(Entity { id: format!("{word}{i:02}"), endpoints: Some(endpoints), values })
}

impl Shape {
    /// Writes the query.
    pub(super) fn text(&self) -> String {
        let rng = StdRng::seed_from_u64(0);
        Writer { rng, vars: vec![], paths: vec![], in_negation: false, next: 0 }.query(self)
    }
}

struct Writer {
    /// Seeded anew for every clause.
    rng: StdRng,
    /// Name and type (node type, or edge word).
    vars: Vec<(String, &'static str)>,
    /// Names of paths.
    paths: Vec<String>,
    /// Whether a `not` block is written, which binds no path.
    in_negation: bool,
    next: usize,
}

impl Writer {
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

    fn clause(&mut self, seed: Seed) {
        self.rng = StdRng::seed_from_u64(seed);
    }

    fn binding(&mut self, text: &mut String, seed: Seed) {
        self.clause(seed);
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

    fn traversal(&mut self, text: &mut String, seed: Seed) {
        self.clause(seed);
        let nodes: Vec<(String, &'static str)> =
            self.vars.iter().filter(|(_, t)| t.len() == 1).cloned().collect();
        let (at, ty) = nodes.choose(&mut self.rng).unwrap().clone();
        let choices: Vec<_> = EDGES.iter().filter(|(_, f, t)| *f == ty || *t == ty).collect();
        let &&(word, from, to) = choices.choose(&mut self.rng).unwrap();
        let forward = if from == to { self.rng.random() } else { from == ty };
        let other_type = if forward { to } else { from };
        let known: Vec<&String> = nodes.iter().filter(|(_, t)| *t == other_type).map(|(n, _)| n).collect();
        let other = if !known.is_empty() && self.rng.random_bool(0.25) {
            (*known.choose(&mut self.rng).unwrap()).clone()
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
            if !self.in_negation && self.rng.random_bool(0.3) {
                let path = format!("v{}", 99 - self.next);
                self.next += 1;
                write!(text, "path ${path} = ").unwrap();
                self.paths.push(path);
            }
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
        all.choose(&mut self.rng).cloned()
    }

    fn filter(&mut self, text: &mut String, seed: Seed) {
        self.clause(seed);
        let op = ["=", "!=", "<", "<=", ">", ">="][self.rng.random_range(0..6)];
        let kind = ['n', 'n', 's', 'b', 'l'][self.rng.random_range(0..5)];
        if let Some(path) = self.paths.choose(&mut self.rng)
            && self.rng.random_bool(0.3)
            && !self.in_negation
        {
            writeln!(text, "length(${path}) {op} {}", self.rng.random_range(1..4)).unwrap();
            return;
        }
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

    fn negation(&mut self, text: &mut String, negation: &Negation) {
        let kept = self.vars.clone();
        self.in_negation = true;
        text.push_str("not {\n");
        self.traversal(text, negation.traversal);
        negation.bindings.iter().for_each(|&seed| self.binding(text, seed));
        negation.filters.iter().for_each(|&seed| self.filter(text, seed));
        if let Some(inner) = &negation.inner {
            self.negation(text, inner);
        }
        text.push_str("}\n");
        self.in_negation = false;
        self.vars = kept;
    }

    /// Writes a block of the same parts; only the first may have a negation, as others could name what is optional in it.
    fn optional(&mut self, text: &mut String, block: &Negation, first: bool) {
        text.push_str("optional {\n");
        self.traversal(text, block.traversal);
        block.bindings.iter().for_each(|&seed| self.binding(text, seed));
        block.filters.iter().for_each(|&seed| self.filter(text, seed));
        if let Some(inner) = block.inner.as_ref().filter(|_| first) {
            self.negation(text, inner);
        }
        text.push_str("}\n");
    }

    fn aggregate(&mut self, seed: Seed) -> String {
        self.clause(seed);
        let of_property = match self.rng.random_range(0..4) {
            0 => None,
            1 => self.property("nsb").map(|p| format!("count({p})")),
            2 => self.property("n").map(|p| format!("{}({p})", ["sum", "avg"][self.rng.random_range(0..2)])),
            _ => self.property("ns").map(|p| format!("{}({p})", ["min", "max"][self.rng.random_range(0..2)])),
        };
        let nodes: Vec<&String> = self.vars.iter().filter(|(_, t)| t.len() == 1).map(|(v, _)| v).collect();
        let node = nodes.choose(&mut self.rng).map(|node| format!("count(${node})"));
        of_property.unwrap_or_else(|| node.unwrap_or_default())
    }

    fn order_key(&mut self, columns: &[String], grouped: bool, seed: Seed) -> Option<String> {
        self.clause(seed);
        let key = if !grouped && self.rng.random_bool(0.5) {
            self.property("nsb")?
        } else {
            columns.choose(&mut self.rng)?.clone()
        };
        Some(format!("{key}{}", ["", " asc", " desc"][self.rng.random_range(0..3)]))
    }

    fn query(&mut self, shape: &Shape) -> String {
        let mut text = String::from("query q() {\nmatch {\n");
        self.binding(&mut text, shape.binding);
        shape.traversals.iter().for_each(|&seed| self.traversal(&mut text, seed));
        shape.further_bindings.iter().for_each(|&seed| self.binding(&mut text, seed));
        shape.filters.iter().for_each(|&seed| self.filter(&mut text, seed));
        if let Some(negation) = &shape.negation {
            self.negation(&mut text, negation);
        }
        for (at, block) in shape.optionals.iter().enumerate() {
            self.optional(&mut text, block, at == 0);
        }
        shape.late.iter().for_each(|&seed| self.filter(&mut text, seed));
        text.push_str("}\nreturn {\n");
        let mut columns = Vec::new();
        for (at, &seed) in shape.columns.iter().enumerate() {
            self.clause(seed);
            let nodes: Vec<String> =
                self.vars.iter().filter(|(_, t)| t.len() == 1).map(|(v, _)| v.clone()).collect();
            let path = self.paths.choose(&mut self.rng).cloned();
            if let Some(path) = path.filter(|_| self.rng.random_bool(0.5)) {
                // The key of a group is no list and no computed value.
                let grouped = !shape.aggregates.is_empty() || shape.distinct;
                let part = ["length", "nodes", "edges"][self.rng.random_range(0..3)];
                if !grouped {
                    writeln!(text, "{part}(${path}) as c{at}").unwrap();
                }
                if !grouped && part == "length" {
                    columns.push(format!("c{at}"));
                }
            } else if self.rng.random_bool(0.15) && shape.aggregates.is_empty() && !shape.distinct {
                let (var, ty) = self
                    .vars
                    .iter()
                    .filter(|(_, t)| t.len() == 1)
                    .collect::<Vec<_>>()
                    .choose(&mut self.rng)
                    .map(|(var, ty)| (var.clone(), *ty))
                    .unwrap();
                let choices: Vec<_> = EDGES.iter().filter(|(_, f, t)| *f == ty || *t == ty).collect();
                let (word, from, to) = choices.choose(&mut self.rng).unwrap();
                let fits = [("degree", true), ("out_degree", *from == ty), ("in_degree", *to == ty)];
                let fits: Vec<&str> =
                    fits.into_iter().filter(|(_, fits)| *fits).map(|(name, _)| name).collect();
                writeln!(text, "{}(${var}, {word}) as c{at}", fits.choose(&mut self.rng).unwrap()).unwrap();
                columns.push(format!("c{at}"));
            } else if self.rng.random_bool(0.4) {
                writeln!(text, "${} as c{at}", nodes.choose(&mut self.rng).unwrap()).unwrap();
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
        for (at, &seed) in shape.aggregates.iter().enumerate() {
            let aggregate = self.aggregate(seed);
            writeln!(text, "{aggregate} as g{at}").unwrap();
            columns.push(format!("g{at}"));
        }
        text.push_str("}\n");
        let grouped = !shape.aggregates.is_empty();
        let keys: Vec<String> =
            shape.order.iter().filter_map(|&seed| self.order_key(&columns, grouped, seed)).collect();
        if !keys.is_empty() {
            writeln!(text, "order {{ {} }}", keys.join(", ")).unwrap();
        }
        if let Some(limit) = shape.limit {
            writeln!(text, "limit {limit}").unwrap();
        }
        text.push_str("}\n");
        text
    }
}

/// Renders a value as results and loads spell it.
pub(super) fn json(value: &Value) -> serde_json::Value {
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
