//! The typed form of queries.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use omnigraph_compiler::ir::{self, Expr, Output, Pattern, Rank, SortKey, Statement, TextPredicate};
use omnigraph_compiler::query;

use super::{CATALOG, body, compile, read};

/// The worked examples of the language definition.
const EXAMPLES: &str = r#"
query authors_of($slug: String) @description("Who wrote this") {
    match {
        $p: Paper { slug: $slug }
        $a $w:wrote $p
    }
    return { $a.name, $w.role }
    order { $a.name }
}
query neighbourhood($slug: String, $since: I32) {
    match {
        $p: Paper { slug: $slug }
        $p <cites>{1,2} $q
        $q.year >= $since
        not { $q wrote $x  $x.name = "Anonymous" }
    }
    return { $q.slug, $q.year }
    order { $q.year desc }
    limit 20
}
query productivity() {
    match { $a: Author  $a wrote $p }
    return { $a.name, count($p) as papers, max($p.year) as latest }
    order { papers desc, latest desc }
    limit 10
}
query similar_by($author: String, $text: String, $vec: Vector(4)) {
    match {
        $a: Author { name: $author }
        $a wrote $p
        $p.tags contains "survey"
    }
    return { $p.slug, $p.title }
    order { rrf(nearest($p.embedding, $vec), bm25($p.title, $text)) }
    limit 5
}
query publish($slug: String, $title: String, $year: I32, $author: String) {
    insert Paper { slug: $slug, title: $title, year: $year }
    insert Wrote { from: $author, to: $slug, role: "first" }
}
query retract($slug: String) { delete Paper where slug = $slug }
"#;

/// Writes typed queries in short.
struct Short<'q> {
    query: &'q ir::Query,
    variables: &'q [ir::Variable],
}

impl Short<'_> {
    fn var(&self, var: ir::VarId) -> &str {
        &self.variables[var.0].name
    }

    fn expr(&self, expr: &Expr) -> String {
        match expr {
            Expr::Property { var, property, ty } => format!("{}.{property}:{ty}", self.var(*var)),
            Expr::Node(var) => format!("node({})", self.var(*var)),
            Expr::Param(id) => format!("${}", self.query.params[id.0].name),
            Expr::Literal { value, ty } => format!("{value:?}:{ty}"),
            Expr::Now => "now".to_owned(),
            Expr::Compare { op, left, right } => format!("{op:?}({}, {})", self.expr(left), self.expr(right)),
            Expr::Member { list, element } => format!("member({}, {})", self.expr(list), self.expr(element)),
            Expr::Substring { text, part } => format!("substring({}, {})", self.expr(text), self.expr(part)),
            Expr::Prefix { text, prefix } => format!("prefix({}, {})", self.expr(text), self.expr(prefix)),
            Expr::IsNull(operand) => format!("null({})", self.expr(operand)),
            Expr::Not(operand) => format!("not({})", self.expr(operand)),
            Expr::And(operands) => {
                format!("and{:?}", operands.iter().map(|o| self.expr(o)).collect::<Vec<_>>())
            }
            Expr::Or(operands) => {
                format!("or{:?}", operands.iter().map(|o| self.expr(o)).collect::<Vec<_>>())
            }
            Expr::Text { predicate, var, property, query } => {
                let edits = match predicate {
                    TextPredicate::Fuzzy { max_edits } => format!(", {}", self.expr(max_edits)),
                    TextPredicate::Search | TextPredicate::MatchText => String::new(),
                };
                format!("text({}.{property}, {}{edits})", self.var(*var), self.expr(query))
            }
            Expr::Rank(rank) => self.rank(rank),
            Expr::Measure { var, edge, measure } => format!("{measure:?}({}, {edge})", self.var(*var)),
            Expr::Path { var, part } => format!("{part:?}({})", self.var(*var)),
        }
    }

    fn rank(&self, rank: &Rank) -> String {
        match rank {
            Rank::Nearest { var, property, query } => {
                format!("nearest({}.{property}, {})", self.var(*var), self.expr(query))
            }
            Rank::Bm25 { var, property, query } => {
                format!("bm25({}.{property}, {})", self.var(*var), self.expr(query))
            }
            Rank::Rrf { arms: [a, b], k } => {
                format!("rrf({}, {}, {})", self.rank(a), self.rank(b), self.expr(k))
            }
        }
    }

    fn pattern(&self, out: &mut String, pattern: &Pattern, indent: &str) {
        let names = |vars: &[ir::VarId]| vars.iter().map(|v| self.var(*v)).collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            out,
            "{indent}introduced {} | bound {}",
            names(&pattern.introduced),
            names(&pattern.bound)
        );
        for t in &pattern.traversals {
            let edge = t.edge_var.map(|v| format!("{}:", self.var(v))).unwrap_or_default();
            let path = t.path.map(|v| format!("path {} = ", self.var(v))).unwrap_or_default();
            let arrow = if t.undirected { "--" } else { "->" };
            let (from, to, left) = (self.var(t.from), self.var(t.to), self.var(t.left));
            let _ = writeln!(
                out,
                "{indent}{path}{from} -{edge}{}{{{},{}}}{arrow} {to} (left {left})",
                t.edge, t.min, t.max
            );
        }
        for f in &pattern.filters {
            let _ = writeln!(out, "{indent}{}", self.expr(f));
        }
        for n in &pattern.negations {
            let _ = writeln!(out, "{indent}not");
            self.pattern(out, n, &format!("{indent}  "));
        }
        for o in &pattern.optionals {
            let _ = writeln!(out, "{indent}optional");
            self.pattern(out, o, &format!("{indent}  "));
        }
        for f in &pattern.late {
            let _ = writeln!(out, "{indent}late {}", self.expr(f));
        }
    }
}

fn short(query: &ir::Query) -> String {
    let mut out = format!("{}\n", query.name);
    match &query.body {
        ir::Body::Read(read) => {
            let s = Short { query, variables: &read.variables };
            s.pattern(&mut out, &read.pattern, "  ");
            for p in &read.projections {
                let value = match &p.value {
                    Output::Value(expr) => s.expr(expr),
                    Output::Aggregate { function, argument, distinct } => {
                        let argument = argument.as_ref().map_or("*".to_owned(), |a| s.expr(a));
                        format!("{function:?}({}{argument})", if *distinct { "distinct " } else { "" })
                    }
                };
                let _ = writeln!(out, "  return {} = {value}", p.column);
            }
            for o in &read.order {
                let key = match &o.key {
                    SortKey::Column(i) => format!("column {i}"),
                    SortKey::Value(expr) => s.expr(expr),
                    SortKey::Rank(rank) => s.rank(rank),
                };
                let _ = writeln!(out, "  order {key}{}", if o.descending { " desc" } else { "" });
            }
            let _ =
                writeln!(out, "  grouped {}, offset {}, limit {:?}", read.grouped, read.offset, read.limit);
        }
        ir::Body::Mutation(statements) => {
            let s = Short { query, variables: &[] };
            for statement in statements {
                let set = |assignments: &[ir::Assignment]| {
                    assignments
                        .iter()
                        .map(|a| format!(" {}={}", a.property, s.expr(&a.value)))
                        .collect::<String>()
                };
                let condition = |p: &ir::Predicate| format!("{:?} {:?} {}", p.field, p.op, s.expr(&p.value));
                let line = match statement {
                    Statement::InsertNode { node, assignments } => {
                        format!("insert node {node}{}", set(assignments))
                    }
                    Statement::InsertEdge { edge, from, to, assignments } => {
                        format!("insert edge {edge} {} -> {}{}", s.expr(from), s.expr(to), set(assignments))
                    }
                    Statement::UpdateNode { node, assignments, predicate } => {
                        format!("update node {node}{} where {}", set(assignments), condition(predicate))
                    }
                    Statement::DeleteNode { node, predicate } => {
                        format!("delete node {node} where {}", condition(predicate))
                    }
                    Statement::DeleteEdge { edge, predicate } => {
                        format!("delete edge {edge} where {}", condition(predicate))
                    }
                };
                let _ = writeln!(out, "  {line}");
            }
        }
    }
    out
}

/// Compiles a query body and compares its typed form in short.
pub(super) fn check(source: &str, expected: &Expect) {
    expected.assert_eq(&short(&compile(&body(source)).unwrap_or_else(|e| panic!("{source}: {e}"))));
}

#[test]
fn worked_examples_compile() {
    let file = query::parse_file(EXAMPLES).unwrap();
    let all: Vec<String> = file
        .queries
        .iter()
        .map(|q| short(&query::typecheck(q, &CATALOG).unwrap_or_else(|e| panic!("{}: {e}", q.name.node))))
        .collect();
    expect![[r#"
        authors_of
          introduced p a w | bound p
          a -w:Wrote{1,1}-> p (left a)
          Eq(p.slug:String, $slug)
          return a.name = a.name:String
          return w.role = w.role:String?
          order a.name:String
          grouped false, offset 0, limit None
        neighbourhood
          introduced p q | bound p
          p -Cites{1,2}-- q (left p)
          Eq(p.slug:String, $slug)
          Ge(q.year:I32, $since)
          not
            introduced x | bound 
            x -Wrote{1,1}-> q (left q)
            Eq(x.name:String, String("Anonymous"):String)
          return q.slug = q.slug:String
          return q.year = q.year:I32
          order q.year:I32 desc
          grouped false, offset 0, limit Some(20)
        productivity
          introduced a p | bound a
          a -Wrote{1,1}-> p (left a)
          return a.name = a.name:String
          return papers = Count(node(p))
          return latest = Max(p.year:I32)
          order column 1 desc
          order column 2 desc
          grouped true, offset 0, limit Some(10)
        similar_by
          introduced a p | bound a
          a -Wrote{1,1}-> p (left a)
          Eq(a.name:String, $author)
          member(p.tags:[String]?, String("survey"):String)
          return p.slug = p.slug:String
          return p.title = p.title:String
          order rrf(nearest(p.embedding, $vec), bm25(p.title, $text), Int(60):I64)
          grouped false, offset 0, limit Some(5)
        publish
          insert node Paper slug=$slug title=$title year=$year
          insert edge Wrote $author -> $slug role=String("first"):String
        retract
          delete node Paper where Property { name: "slug", ty: Type { kind: Scalar(String), nullable: false } } Eq $slug
    "#]].assert_eq(&all.join(""));
    let printed = query::print(&file);
    assert_eq!(query::parse_file(&printed).unwrap(), file);
}

#[test]
fn literals_take_the_type_of_their_context() {
    check(
        r#"match { $t: Thing { f64: 1, u64: 2.0, f32: 0.1, scores: 3, state: "open" }
            $t.f64 > 2  $t.f32 = 16777217  $t.u32 = 2.5  $t.u32 = -1  3000000000 = $t.u32
            $t.id2 in [1, 2.0]  $t.f32 in [0.1, 2]  [] contains $t.day  $t.f64 = 9007199254740993 }
          return { $t, 1, [1, 2.5], [] as e }"#,
        &expect![[r#"
            q
              introduced t | bound t
              Eq(t.f64:F64?, Float(1.0):F64)
              Eq(t.u64:U64?, Int(2):U64)
              Eq(t.f32:F32?, Float(0.10000000149011612):F32)
              member(t.scores:[F64]?, Float(3.0):F64)
              Eq(t.state:enum(closed, open)?, String("open"):String)
              Gt(t.f64:F64?, Float(2.0):F64)
              Eq(t.f32:F32?, Float(16777216.0):F32)
              Eq(t.u32:U32?, Float(2.5):F64)
              Eq(t.u32:U32?, Int(-1):I64)
              Eq(Int(3000000000):U32, t.u32:U32?)
              member(List([Int(1), Int(2)]):[I64], t.id2:I64)
              member(List([Float(0.10000000149011612), Float(2.0)]):[F32], t.f32:F32?)
              member(List([]):[Date], t.day:Date?)
              Eq(t.f64:F64?, Int(9007199254740993):I64)
              return t = node(t)
              return literal = Int(1):I64
              return literal = List([Float(1.0), Float(2.5)]):[F64]
              return e = List([]):[String]
              grouped false, offset 0, limit None
        "#]],
    );
    check(
        r#"insert Thing { id2: 1, body: "b", f64: 1, f32: 16777217, u64: 2.0, scores: [1, 2.5], vec: [1, 2, 3.5] }
           update Thing set { scores: [] } where f32 < 1
           delete Attached where to = "x"
           delete Thing where id2 = 1.0"#,
        &expect![[r#"
            q
              insert node Thing id2=Int(1):I64 body=String("b"):String f64=Float(1.0):F64 f32=Int(16777217):I64 u64=Float(2.0):F64 scores=List([Float(1.0), Float(2.5)]):[F64] vec=List([Float(1.0), Float(2.0), Float(3.5)]):Vector(3)
              update node Thing scores=List([]):[F64] where Property { name: "f32", ty: Type { kind: Scalar(F32), nullable: true } } Lt Float(1.0):F32
              delete edge Attached where To Eq String("x"):String
              delete node Thing where Property { name: "id2", ty: Type { kind: Scalar(I64), nullable: false } } Eq Int(1):I64
        "#]],
    );
}

#[test]
fn orientation_follows_the_bound_endpoint() {
    check(
        "match { $p: Paper  $p wrote $a  $x cites{2,3} $p  $b: Author  $q wrote $b  $_ wrote $_  $r cites $r }
         return { $p }",
        &expect![[r#"
            q
              introduced p a x b q _0 _1 r | bound p b
              a -Wrote{1,1}-> p (left p)
              x -Cites{2,3}-> p (left x)
              b -Wrote{1,1}-> q (left q)
              _0 -Wrote{1,1}-> _1 (left _0)
              r -Cites{1,1}-> r (left r)
              return p = node(p)
              grouped false, offset 0, limit None
        "#]],
    );
}

#[test]
fn blocks_keep_their_own_variables() {
    check(
        "match { $p: Paper  not { $p cites $x  $x.year > 1 }  not { $x wrote $p  not { $x wrote $y  $y cites $p } } }
         return { $p }",
        &expect![[r#"
            q
              introduced p | bound p
              not
                introduced x | bound 
                p -Cites{1,1}-> x (left p)
                Gt(x.year:I32, Int(1):I32)
              not
                introduced x | bound 
                x -Wrote{1,1}-> p (left x)
                not
                  introduced y | bound 
                  x -Wrote{1,1}-> y (left x)
                  y -Cites{1,1}-> p (left y)
              return p = node(p)
              grouped false, offset 0, limit None
        "#]],
    );
}

#[test]
fn search_functions_are_lowered() {
    check(
        r#"match { $p: Paper  search($p.title, $s)  match_text($p.title, "a") = true  fuzzy($p.slug, $s, 1)
             fuzzy($p.slug, $s) or $p.year = 1 }
           return { nearest($p.embedding, [1, 2, 3, 4.5]) as d, bm25($p.title, $s) }
           order { bm25($p.title, $s) desc, $p.year desc } limit 0"#,
        &expect![[r#"
            q
              introduced p | bound p
              text(p.title, $s)
              text(p.title, String("a"):String)
              text(p.slug, $s, Int(1):I64)
              or["text(p.slug, $s, Int(2):I64)", "Eq(p.year:I32, Int(1):I32)"]
              return d = nearest(p.embedding, List([Float(1.0), Float(2.0), Float(3.0), Float(4.5)]):Vector(4))
              return bm25 = bm25(p.title, $s)
              order bm25(p.title, $s)
              order p.year:I32 desc
              grouped false, offset 0, limit Some(0)
        "#]],
    );
}

#[test]
fn columns_are_named() {
    let read = read(
        "match { $p: Paper } return { $p, $p.title, $p.title as t, $n, 1, now(), search($p.title, $s) }",
    );
    let names: Vec<(&str, &str)> =
        read.projections.iter().map(|p| (p.column.as_str(), p.name.as_str())).collect();
    assert_eq!(
        names,
        [
            ("p", "p"),
            ("p.title", "title"),
            ("t", "t"),
            ("n", "n"),
            ("literal", "literal"),
            ("now", "now"),
            ("search", "search"),
        ]
    );
    let read =
        super::read("match { $p: Paper } return { count($p), avg($p.year), count(*), count($p) as p }");
    let names: Vec<(&str, &str)> =
        read.projections.iter().map(|p| (p.column.as_str(), p.name.as_str())).collect();
    assert_eq!(names, [("p", "count"), ("p.year", "avg"), ("count", "count"), ("p", "p")]);
}
