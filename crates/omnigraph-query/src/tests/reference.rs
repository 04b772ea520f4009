//! A naive interpreter: every assignment of entities to variables is tried, and those for which all clauses hold are the
//! rows. Written from the language definition, sharing nothing with the engine.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use omnigraph_compiler::catalog::TypeKey;
use omnigraph_compiler::ir::{
    Aggregate, CompareOp, Expr, Measure, Output, PathPart, Pattern, Read, SortKey, Traversal, VarId, VarType,
};
use omnigraph_compiler::types::{Kind, Scalar, Value};

use super::cases::EDGES;
use super::fixtures::{Data, Entity};

/// What each variable is; none for one of an optional block that found nothing.
type Row<'a> = BTreeMap<VarId, Option<&'a Entity>>;

pub(super) struct Reference<'a> {
    pub(super) data: &'a Data,
    pub(super) read: &'a Read,
    pub(super) params: &'a [Value],
}

impl<'a> Reference<'a> {
    /// The result rows, in order when the query orders, the limit not yet applied.
    pub(super) fn rows(&self) -> Vec<Vec<Value>> {
        let mut rows = Vec::new();
        self.block(&self.read.pattern, &Row::new(), &mut rows);
        for block in &self.read.pattern.optionals {
            rows = rows.into_iter().flat_map(|row| self.extended(block, row)).collect();
        }
        rows.retain(|row| self.read.pattern.late.iter().all(|f| self.value(f, row) == Value::Bool(true)));
        let mut results: Vec<(Vec<Value>, Vec<Value>)> =
            if self.read.grouped { self.groups(&rows) } else { rows.iter().map(|r| self.plain(r)).collect() };
        if self.read.distinct {
            let mut seen: Vec<(Vec<Value>, Vec<Value>)> = Vec::new();
            for (values, _) in results {
                if !seen.iter().any(|(v, _)| same(v, &values)) {
                    seen.push((values.clone(), values));
                }
            }
            results = seen;
        }
        if !self.read.order.is_empty() {
            let keyed: Vec<(Vec<Value>, Vec<Value>, Vec<Value>)> = results
                .into_iter()
                .map(|(values, ties)| (self.sort_key(&values, &ties), values, ties))
                .collect();
            let mut keyed = keyed;
            keyed.sort_by(|(a, _, ta), (b, _, tb)| {
                for (at, ordering) in self.read.order.iter().enumerate() {
                    let order = total(&a[at], &b[at]);
                    let order = if ordering.descending { order.reverse() } else { order };
                    if order != Ordering::Equal {
                        return order;
                    }
                }
                ta.iter().zip(tb).map(|(x, y)| total(x, y)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
            });
            return keyed.into_iter().map(|(_, values, _)| values).collect();
        }
        results.into_iter().map(|(values, _)| values).collect()
    }

    /// Sort keys that are not result columns travel behind the tie-breakers.
    fn sort_key(&self, values: &[Value], ties: &[Value]) -> Vec<Value> {
        let mut extra = ties.len() - self.property_orders();
        if self.read.grouped || self.read.distinct {
            extra = ties.len();
        }
        self.read
            .order
            .iter()
            .map(|o| match &o.key {
                SortKey::Column(at) => values[*at].clone(),
                SortKey::Value(expr) if self.read.grouped || self.read.distinct => {
                    let at = self
                        .read
                        .projections
                        .iter()
                        .position(|p| matches!(&p.value, Output::Value(v) if v == expr));
                    values[at.unwrap()].clone()
                }
                SortKey::Value(_) => {
                    extra += 1;
                    ties[extra - 1].clone()
                }
                SortKey::Rank(_) => unreachable!("no rankings are generated"),
            })
            .collect()
    }

    fn property_orders(&self) -> usize {
        if self.read.grouped {
            return 0;
        }
        self.read.order.iter().filter(|o| matches!(o.key, SortKey::Value(_))).count()
    }

    fn plain(&self, row: &Row<'a>) -> (Vec<Value>, Vec<Value>) {
        let values = self.read.projections.iter().map(|p| match &p.value {
            Output::Value(expr) => self.value(expr, row),
            Output::Aggregate { .. } => unreachable!("the query is not grouped"),
        });
        let mut vars: Vec<VarId> = row.keys().copied().filter(|v| !self.is_path(*v)).collect();
        vars.sort_by_key(|v| &self.read.variables[v.0].name);
        let mut ties: Vec<Value> =
            vars.iter().map(|v| row[v].map_or(Value::Null, |e| Value::String(e.id.clone()))).collect();
        for ordering in &self.read.order {
            if let SortKey::Value(expr) = &ordering.key {
                ties.push(self.value(expr, row));
            }
        }
        (values.collect(), ties)
    }

    fn groups(&self, rows: &[Row<'a>]) -> Vec<(Vec<Value>, Vec<Value>)> {
        let mut groups: Vec<(Vec<Value>, Vec<&Row<'a>>)> = Vec::new();
        let keys = |row: &Row<'a>| -> Vec<Value> {
            self.read
                .projections
                .iter()
                .filter_map(|p| match &p.value {
                    Output::Value(expr) => Some(self.value(expr, row)),
                    Output::Aggregate { .. } => None,
                })
                .collect()
        };
        for row in rows {
            let key = keys(row);
            match groups.iter_mut().find(|(k, _)| same(k, &key)) {
                Some((_, members)) => members.push(row),
                None => groups.push((key, vec![row])),
            }
        }
        let global = self.read.projections.iter().all(|p| matches!(p.value, Output::Aggregate { .. }));
        if global && groups.is_empty() {
            groups.push((vec![], vec![]));
        }
        groups
            .into_iter()
            .map(|(key, members)| {
                let mut keys = key.iter();
                let values = self.read.projections.iter().map(|p| match &p.value {
                    Output::Value(_) => keys.next().unwrap().clone(),
                    Output::Aggregate { function, argument, distinct } => {
                        let mut inputs: Vec<Value> = members
                            .iter()
                            .map(|row| argument.as_ref().map_or(Value::Bool(true), |a| self.value(a, row)))
                            .filter(|v| !v.is_null())
                            .collect();
                        if *distinct {
                            let mut kept: Vec<Value> = Vec::new();
                            for v in inputs {
                                if !kept.iter().any(|k| total(k, &v).is_eq()) {
                                    kept.push(v);
                                }
                            }
                            inputs = kept;
                        }
                        aggregate(*function, inputs)
                    }
                });
                (values.collect(), key.clone())
            })
            .collect()
    }

    /// Every extension of a row by an optional block, or the row itself with nulls.
    fn extended(&self, block: &'a Pattern, row: Row<'a>) -> Vec<Row<'a>> {
        let ends = block.traversals.iter().flat_map(|t| [t.from, t.to]);
        let anchored =
            block.bound.iter().copied().chain(ends).all(|var| !matches!(row.get(&var), Some(None)));
        let mut found = Vec::new();
        if anchored {
            self.block(block, &row, &mut found);
        }
        if found.is_empty() {
            let mut alone = row;
            alone.extend(block.introduced.iter().map(|var| (*var, None)));
            found.push(alone);
        }
        found
    }

    fn is_path(&self, var: VarId) -> bool {
        matches!(self.read.variables[var.0].ty, VarType::Path { .. })
    }

    fn block(&self, pattern: &'a Pattern, outer: &Row<'a>, out: &mut Vec<Row<'a>>) {
        let mut vars: Vec<VarId> = pattern.introduced.clone();
        for t in &pattern.traversals {
            vars.extend([Some(t.from), Some(t.to), t.edge_var].into_iter().flatten());
        }
        vars.extend(&pattern.bound);
        vars.sort();
        vars.dedup();
        vars.retain(|v| !outer.contains_key(v) && !self.is_path(*v));
        let mut tables = HashMap::new();
        for (at, t) in pattern.traversals.iter().enumerate() {
            if t.edge_var.is_none() {
                tables.insert(at, self.reachable(t));
            }
        }
        self.assign(pattern, &vars, &tables, outer.clone(), out);
    }

    fn assign(
        &self,
        pattern: &'a Pattern,
        vars: &[VarId],
        tables: &HashMap<usize, Vec<(String, String)>>,
        row: Row<'a>,
        out: &mut Vec<Row<'a>>,
    ) {
        // Traversals are tested as soon as possible only to keep the search small.
        for (at, t) in pattern.traversals.iter().enumerate() {
            let (Some(Some(from)), Some(Some(to))) = (row.get(&t.from), row.get(&t.to)) else { continue };
            match t.edge_var {
                None => {
                    if !tables[&at].iter().any(|(a, b)| *a == from.id && *b == to.id) {
                        return;
                    }
                }
                Some(edge) => {
                    let Some(Some(edge)) = row.get(&edge) else { continue };
                    let (src, dst) = edge.endpoints.as_ref().unwrap();
                    let forward = *src == from.id && *dst == to.id;
                    let backward = t.undirected && *src == to.id && *dst == from.id;
                    if !(forward || backward) {
                        return;
                    }
                }
            }
        }
        let Some((&var, rest)) = vars.split_first() else {
            if pattern.filters.iter().all(|f| self.value(f, &row) == Value::Bool(true))
                && pattern.negations.iter().all(|n| {
                    let mut found = Vec::new();
                    self.block(n, &row, &mut found);
                    found.is_empty()
                })
            {
                out.push(row);
            }
            return;
        };
        let key = match &self.read.variables[var.0].ty {
            VarType::Node(name) => TypeKey::node(name),
            VarType::Edge(name) => TypeKey::edge(name),
            VarType::Path { .. } => unreachable!("paths are not assigned"),
        };
        for entity in self.data.get(&key).into_iter().flatten() {
            let mut next = row.clone();
            next.insert(var, Some(entity));
            self.assign(pattern, rest, tables, next, out);
        }
    }

    /// Every (from, to) pair of a traversal without an edge binding.
    fn reachable(&self, t: &Traversal) -> Vec<(String, String)> {
        let edges = self.data.get(&TypeKey::edge(&t.edge)).map(Vec::as_slice).unwrap_or_default();
        let endpoints: Vec<&(String, String)> = edges.iter().map(|e| e.endpoints.as_ref().unwrap()).collect();
        let VarType::Node(near) = &self.read.variables[t.from.0].ty else { unreachable!() };
        let VarType::Node(far) = &self.read.variables[t.to.0].ty else { unreachable!() };
        if near != far {
            return if t.min == 1 { endpoints.into_iter().cloned().collect() } else { vec![] };
        }
        let step = |from: &str| -> Vec<String> {
            let mut next: Vec<String> = Vec::new();
            for (src, dst) in &endpoints {
                if src == from {
                    next.push(dst.clone());
                }
                if t.undirected && dst == from {
                    next.push(src.clone());
                }
            }
            next
        };
        let mut pairs = Vec::new();
        for start in self.data.get(&TypeKey::node(near)).into_iter().flatten() {
            let mut distance: BTreeMap<String, u32> = [(start.id.clone(), 0)].into();
            for level in 0..t.max {
                let frontier: Vec<String> =
                    distance.iter().filter(|(_, d)| **d == level).map(|(n, _)| n.clone()).collect();
                for node in frontier {
                    for next in step(&node) {
                        distance.entry(next).or_insert(level + 1);
                    }
                }
            }
            for (node, d) in &distance {
                if *d >= t.min && *d <= t.max {
                    pairs.push((start.id.clone(), node.clone()));
                }
            }
            if t.min == 1 && step(&start.id).contains(&start.id) {
                pairs.push((start.id.clone(), start.id.clone()));
            }
        }
        pairs
    }

    /// A degree; the ranks have tests of their own.
    fn measure(&self, var: VarId, edge: &str, measure: Measure, row: &Row<'a>) -> Value {
        let Some(node) = row[&var] else { return Value::Null };
        let edges = self.data.get(&TypeKey::edge(edge)).map(Vec::as_slice).unwrap_or_default();
        let endpoints = || edges.iter().map(|edge| edge.endpoints.as_ref().unwrap());
        let VarType::Node(ty) = &self.read.variables[var.0].ty else { unreachable!() };
        let (from, to) =
            EDGES.iter().find(|(word, ..)| word.eq_ignore_ascii_case(edge)).map(|e| (e.1, e.2)).unwrap();
        let out = if ty == from { endpoints().filter(|(src, _)| *src == node.id).count() } else { 0 };
        let into = if ty == to { endpoints().filter(|(_, dst)| *dst == node.id).count() } else { 0 };
        Value::Int(match measure {
            Measure::Degree => out + into,
            Measure::OutDegree => out,
            Measure::InDegree => into,
            Measure::PageRank => unreachable!("no ranks are generated"),
        } as i64)
    }

    /// A part of the smallest shortest path between the ends of the traversal that binds it.
    fn path(&self, var: VarId, part: PathPart, row: &Row<'a>) -> Value {
        let pattern = &self.read.pattern;
        let traversals = [pattern].into_iter().chain(&pattern.optionals).flat_map(|block| &block.traversals);
        let t = traversals.into_iter().find(|t| t.path == Some(var)).unwrap();
        let (near, far) = if t.left == t.from { (t.from, t.to) } else { (t.to, t.from) };
        let (Some(start), Some(end)) = (row[&near], row[&far]) else { return Value::Null };
        // Both ends may be there although the optional block of the path found nothing.
        if row.contains_key(&var) {
            return Value::Null;
        }
        let edges = self.data.get(&TypeKey::edge(&t.edge)).map(Vec::as_slice).unwrap_or_default();
        // One step each: from, to, id of the edge.
        let mut steps: Vec<(&str, &str, &str)> = Vec::new();
        for edge in edges {
            let (src, dst) = edge.endpoints.as_ref().unwrap();
            if t.undirected || t.left == t.from {
                steps.push((src, dst, &edge.id));
            }
            if t.undirected || t.left != t.from {
                steps.push((dst, src, &edge.id));
            }
        }
        // All walks of one length, until some lead to the end: nodes, edges.
        let mut walks: Vec<(Vec<&str>, Vec<&str>)> = vec![(vec![&start.id], vec![])];
        let found = loop {
            let next: Vec<(Vec<&str>, Vec<&str>)> = walks
                .iter()
                .flat_map(|(nodes, edges)| {
                    let last = *nodes.last().unwrap();
                    let out = steps.iter().filter(move |(from, ..)| *from == last);
                    out.map(move |(_, to, edge)| {
                        ([nodes.as_slice(), &[*to]].concat(), [edges.as_slice(), &[*edge]].concat())
                    })
                })
                .collect();
            let there = next.iter().filter(|(nodes, _)| *nodes.last().unwrap() == end.id);
            if let Some(best) = there.min() {
                break best.clone();
            }
            // Of walks to one node only the smallest goes on.
            let mut best: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
            for walk in next {
                let at = *walk.0.last().unwrap();
                let kept = best.entry(at).or_insert_with(|| walk.clone());
                *kept = walk.min(kept.clone());
            }
            walks = best.into_values().collect();
            assert!(!walks.is_empty(), "the pair is connected");
        };
        let texts =
            |ids: &[&str]| Value::List(ids.iter().map(|id| Value::String((*id).to_owned())).collect());
        match part {
            PathPart::Length => Value::Int(found.1.len() as i64),
            PathPart::Nodes => texts(&found.0),
            PathPart::Edges => texts(&found.1),
        }
    }

    fn value(&self, expr: &Expr, row: &Row<'a>) -> Value {
        let truth = |b: Option<bool>| b.map_or(Value::Null, Value::Bool);
        match expr {
            Expr::Property { var, property, .. } => {
                row[var].and_then(|e| e.values.get(property).cloned()).unwrap_or(Value::Null)
            }
            Expr::Measure { var, edge, measure } => self.measure(*var, edge, *measure, row),
            Expr::Path { var, part } => self.path(*var, *part, row),
            Expr::Node(var) => row[var].map_or(Value::Null, |e| Value::String(e.id.clone())),
            Expr::Param(id) => self.params[id.0].clone(),
            Expr::Literal { value, .. } => value.clone(),
            Expr::Now => Value::DateTime(0),
            Expr::Compare { op, left, right } => {
                let (a, b) = self.beside(left, right, row);
                truth(compare(*op, &a, &b))
            }
            Expr::Member { list, element } => match self.beside(list, element, row) {
                (Value::Null, _) | (_, Value::Null) => Value::Null,
                (Value::List(items), wanted) => {
                    Value::Bool(items.iter().any(|i| compare(CompareOp::Eq, i, &wanted) == Some(true)))
                }
                other => panic!("{other:?}"),
            },
            Expr::Substring { text, part } => {
                truth(text_test(&self.value(text, row), &self.value(part, row), |a, b| a.contains(b)))
            }
            Expr::Prefix { text, prefix } => {
                truth(text_test(&self.value(text, row), &self.value(prefix, row), |a, b| a.starts_with(b)))
            }
            Expr::IsNull(inner) => Value::Bool(self.value(inner, row).is_null()),
            Expr::Not(inner) => match self.value(inner, row) {
                Value::Bool(b) => Value::Bool(!b),
                _ => Value::Null,
            },
            Expr::And(parts) | Expr::Or(parts) => {
                let absorbing = matches!(expr, Expr::Or(_));
                let values: Vec<Value> = parts.iter().map(|p| self.value(p, row)).collect();
                if values.contains(&Value::Bool(absorbing)) {
                    Value::Bool(absorbing)
                } else if values.contains(&Value::Null) {
                    Value::Null
                } else {
                    Value::Bool(!absorbing)
                }
            }
            Expr::Text { .. } | Expr::Rank(_) => unreachable!("no search is generated"),
        }
    }

    /// Both operands; a constant beside an F32 property is rounded first.
    fn beside(&self, left: &Expr, right: &Expr, row: &Row<'a>) -> (Value, Value) {
        let single = |e: &Expr| matches!(e, Expr::Property { ty, .. } if matches!(ty.kind, Kind::Scalar(Scalar::F32) | Kind::List(Scalar::F32)));
        let constant = |e: &Expr| matches!(e, Expr::Literal { .. } | Expr::Param(_));
        let (mut a, mut b) = (self.value(left, row), self.value(right, row));
        if single(left) && constant(right) {
            b = rounded(b);
        }
        if single(right) && constant(left) {
            a = rounded(a);
        }
        (a, b)
    }
}

fn rounded(value: Value) -> Value {
    match value {
        Value::Int(v) => Value::Float(f64::from(v as f32)),
        Value::Float(v) => Value::Float(f64::from(v as f32)),
        Value::List(items) => Value::List(items.into_iter().map(rounded).collect()),
        other => other,
    }
}

fn text_test(a: &Value, b: &Value, test: impl Fn(&str, &str) -> bool) -> Option<bool> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(test(a, b)),
        _ => None,
    }
}

fn compare(op: CompareOp, a: &Value, b: &Value) -> Option<bool> {
    if a.is_null() || b.is_null() {
        return None;
    }
    let order = total(a, b);
    Some(match op {
        CompareOp::Eq => order.is_eq(),
        CompareOp::Ne => order.is_ne(),
        CompareOp::Lt => order.is_lt(),
        CompareOp::Le => order.is_le(),
        CompareOp::Gt => order.is_gt(),
        CompareOp::Ge => order.is_ge(),
    })
}

/// Nulls first; generated numbers are small, so doubles compare them exactly.
fn total(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::List(a), Value::List(b)) => {
            let first = a.iter().zip(b).map(|(x, y)| total(x, y)).find(|o| o.is_ne());
            first.unwrap_or(a.len().cmp(&b.len()))
        }
        _ => number(a).partial_cmp(&number(b)).unwrap(),
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Int(v) => *v as f64,
        Value::Float(v) => *v,
        other => panic!("{other:?} is no number"),
    }
}

fn same(a: &[Value], b: &[Value]) -> bool {
    a.iter().zip(b).all(|(x, y)| total(x, y).is_eq())
}

fn aggregate(function: Aggregate, inputs: Vec<Value>) -> Value {
    let n = inputs.len();
    match function {
        Aggregate::Count => Value::Int(n as i64),
        _ if n == 0 => Value::Null,
        Aggregate::Sum => Value::Float(inputs.iter().map(number).sum()),
        Aggregate::Avg => Value::Float(inputs.iter().map(number).sum::<f64>() / n as f64),
        Aggregate::Min => inputs.into_iter().min_by(total).unwrap(),
        Aggregate::Max => inputs.into_iter().max_by(total).unwrap(),
    }
}
