//! Properties over random input: printing and parsing are inverse, nothing panics.

use omnigraph_compiler::diagnostics::Span;
use omnigraph_compiler::ir;
use omnigraph_compiler::query::ast::*;
use omnigraph_compiler::query::{SchemaSource, compile, lint, parse_file, print};
use proptest::prelude::*;

use super::CATALOG;

/// Words with a meaning of their own, which would make a printed alias something else.
const RESERVED: [&str; 24] = [
    "not",
    "and",
    "or",
    "in",
    "is",
    "null",
    "as",
    "asc",
    "desc",
    "distinct",
    "true",
    "false",
    "contains",
    "starts_with",
    "now",
    "date",
    "datetime",
    "match",
    "return",
    "order",
    "limit",
    "offset",
    "query",
    "where",
];

fn at<T>(node: T) -> Spanned<T> {
    Spanned::new(node, Span::default())
}

fn word() -> impl Strategy<Value = Name> {
    "[a-z_][a-zA-Z0-9_]{0,5}".prop_filter("reserved", |w| !RESERVED.contains(&w.as_str())).prop_map(at)
}

fn type_name() -> impl Strategy<Value = Name> {
    "[A-Z][a-zA-Z0-9_]{0,5}".prop_map(at)
}

fn literal() -> impl Strategy<Value = Literal> {
    let leaf = prop_oneof![
        ".{0,6}".prop_map(Literal::String),
        any::<i64>().prop_map(Literal::Int),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Literal::Float),
        any::<bool>().prop_map(Literal::Bool),
        ".{0,4}".prop_map(Literal::Date),
        ".{0,4}".prop_map(Literal::DateTime),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop::collection::vec(inner.prop_map(at), 0..3).prop_map(Literal::List)
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        literal().prop_map(ValueKind::Literal),
        word().prop_map(|w| ValueKind::Variable(w.node)),
        Just(ValueKind::Now),
    ]
    .prop_map(at)
}

fn property() -> impl Strategy<Value = PropertyRef> {
    (word(), word()).prop_map(|(variable, property)| PropertyRef { variable, property })
}

fn text_call(inner: impl Strategy<Value = Expr> + Clone + 'static) -> impl Strategy<Value = Expr> {
    let function =
        prop_oneof![Just(TextFunction::Search), Just(TextFunction::MatchText), Just(TextFunction::Fuzzy)];
    (function, inner.clone(), inner.clone(), prop::option::of(inner)).prop_map(
        |(function, field, query, max_edits)| {
            let max_edits = max_edits.filter(|_| function == TextFunction::Fuzzy).map(Box::new);
            at(ExprKind::Text { function, field: Box::new(field), query: Box::new(query), max_edits })
        },
    )
}

fn expr() -> impl Strategy<Value = Expr> + Clone {
    let leaf = prop_oneof![
        Just(ExprKind::Now),
        literal().prop_map(ExprKind::Literal),
        word().prop_map(|w| ExprKind::Variable(w.node)),
        property().prop_map(ExprKind::Property),
        word().prop_map(|w| ExprKind::Alias(w.node)),
    ]
    .prop_map(at);
    leaf.prop_recursive(2, 8, 3, |inner| {
        let inner = inner.boxed();
        let boxed = inner.clone().prop_map(Box::new).boxed();
        let function = prop::sample::select(AggregateFunction::ALL.to_vec());
        prop_oneof![
            text_call(inner),
            (function, any::<bool>(), boxed.clone()).prop_map(|(function, distinct, argument)| at(
                ExprKind::Aggregate { function, distinct, argument: Some(argument) }
            )),
            Just(at(ExprKind::Aggregate {
                function: AggregateFunction::Count,
                distinct: false,
                argument: None
            })),
            (prop::sample::select(PathFunction::ALL.to_vec()), boxed.clone())
                .prop_map(|(function, argument)| at(ExprKind::Path { function, argument })),
            (prop::sample::select(MeasureFunction::ALL.to_vec()), boxed.clone(), word())
                .prop_map(|(function, argument, edge)| at(ExprKind::Measure { function, argument, edge })),
            (property(), boxed.clone())
                .prop_map(|(field, query)| at(ExprKind::Nearest { field: at(field), query })),
            (boxed.clone(), boxed.clone()).prop_map(|(field, query)| at(ExprKind::Bm25 { field, query })),
            (boxed.clone(), boxed.clone(), prop::option::of(boxed))
                .prop_map(|(a, b, k)| at(ExprKind::Rrf { arms: [a, b], k })),
        ]
    })
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let operator = prop::sample::select(Operator::ALL.to_vec());
    let leaf = prop_oneof![
        (operator, expr(), expr()).prop_map(|(op, left, right)| PredicateKind::Compare { op, left, right }),
        (expr(), expr(), any::<bool>()).prop_map(|(element, list, negated)| PredicateKind::In {
            element,
            list,
            negated
        }),
        (expr(), any::<bool>()).prop_map(|(operand, negated)| PredicateKind::IsNull { operand, negated }),
        text_call(expr()).prop_map(PredicateKind::Text),
    ]
    .prop_map(at);
    leaf.prop_recursive(3, 8, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4).boxed();
        prop_oneof![
            inner.prop_map(|p| at(PredicateKind::Not(Box::new(p)))),
            several.clone().prop_map(|p| at(PredicateKind::And(p))),
            several.prop_map(|p| at(PredicateKind::Or(p))),
        ]
    })
}

fn property_values(least: usize) -> impl Strategy<Value = Vec<PropertyValue>> {
    let one = (word(), value()).prop_map(|(property, value)| PropertyValue { property, value });
    prop::collection::vec(one, least..3)
}

fn clause() -> impl Strategy<Value = Clause> {
    let bounds = (any::<u64>(), any::<Option<u64>>()).prop_map(|(min, max)| at(Bounds { min, max }));
    let traversal =
        (word(), prop::option::of(word()), word(), any::<bool>(), prop::option::of(bounds), word());
    let traversal = (prop::option::of(word()), traversal);
    let leaf = prop_oneof![
        (word(), type_name(), property_values(0))
            .prop_map(|(variable, ty, conditions)| Clause::Binding(Binding { variable, ty, conditions })),
        traversal.prop_map(|(path, (left, binding, edge, undirected, bounds, right))| {
            Clause::Traversal(at(Traversal { path, left, binding, edge, undirected, bounds, right }))
        }),
        predicate().prop_map(Clause::Filter),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        let block = prop::collection::vec(inner, 1..3).boxed();
        prop_oneof![
            block.clone().prop_map(|clauses| Clause::Negation(at(clauses))),
            block.prop_map(|clauses| Clause::Optional(at(clauses))),
        ]
    })
}

fn body() -> impl Strategy<Value = Body> {
    let projection =
        (expr(), prop::option::of(word())).prop_map(|(value, alias)| Projection { value, alias });
    let ordering = (expr(), any::<bool>()).prop_map(|(value, descending)| {
        let descending = descending && !matches!(value.node, ExprKind::Nearest { .. });
        Ordering { value, descending }
    });
    let read = (
        prop::collection::vec(clause(), 1..4),
        any::<bool>(),
        prop::collection::vec(projection, 1..3),
        prop::collection::vec(ordering, 0..3),
        any::<Option<u64>>(),
        any::<Option<u64>>(),
    )
        .prop_map(|(clauses, distinct, projections, order, offset, limit)| {
            Body::Read(Read { clauses, distinct, projections, order, offset, limit })
        });
    let condition = (word(), prop::sample::select(Operator::ALL[..6].to_vec()), value())
        .prop_map(|(property, op, value)| Condition { property, op, value })
        .boxed();
    let statement = prop_oneof![
        (type_name(), property_values(1)).prop_map(|(ty, assignments)| Statement::Insert { ty, assignments }),
        (type_name(), property_values(1), condition.clone())
            .prop_map(|(ty, assignments, condition)| Statement::Update { ty, assignments, condition }),
        (type_name(), condition).prop_map(|(ty, condition)| Statement::Delete { ty, condition }),
    ];
    prop_oneof![read, prop::collection::vec(statement, 1..4).prop_map(Body::Mutation)]
}

fn param() -> impl Strategy<Value = Param> {
    let not_vector = || type_name().prop_filter("a vector has a dimension", |n| n.node != "Vector");
    let kind = prop_oneof![
        not_vector().prop_map(ParamKind::Scalar),
        type_name().prop_map(ParamKind::List),
        any::<u64>().prop_map(|n| ParamKind::Vector(at(n))),
    ];
    (word(), kind, any::<bool>())
        .prop_map(|(name, kind, nullable)| Param { name, ty: at(ParamType { kind, nullable }) })
}

fn file() -> impl Strategy<Value = File> {
    let params = prop::collection::vec(param(), 0..3);
    let query = (params, prop::option::of(".{0,5}"), prop::option::of(".{0,5}"), body());
    prop::collection::vec(query, 0..3).prop_map(|queries| {
        let query = |(i, (params, description, instruction, body))| {
            let name = at(format!("q{i}"));
            Query { name, params, description, instruction, body }
        };
        File { queries: queries.into_iter().enumerate().map(query).collect() }
    })
}

/// Clauses that often, but not always, go together.
const CLAUSES: [&str; 18] = [
    "$a cites $b",
    "$b <cites>{1,2} $c",
    "$c cites $d",
    "$w wrote $b",
    "$a $e:cites $c",
    "path $p = $a cites{1,3} $b",
    "path $q = $b cites $d",
    "$b: Paper { year: 1 }",
    "$c: Paper",
    "$b.year > 1",
    "$c.year = $b.year or $d.title = \"x\"",
    "$e.weight is null",
    "$a.year = 1 and $c.year = 2",
    "length($p) > 1",
    "length($q) is null and length($p) = 2",
    "degree($b, cites) > in_degree($c, wrote)",
    "search($b.title, \"x\")",
    "not ($c.year = 1)",
];

/// The text of some clauses, some of them in blocks.
fn clauses(depth: u32) -> BoxedStrategy<String> {
    let one = prop::sample::select(CLAUSES.to_vec()).prop_map(str::to_owned).boxed();
    let one = match depth {
        0 => one,
        _ => prop_oneof![
            4 => one,
            1 => clauses(depth - 1).prop_map(|c| format!("not {{ {c} }}")),
            2 => clauses(depth - 1).prop_map(|c| format!("optional {{ {c} }}")),
        ]
        .boxed(),
    };
    prop::collection::vec(one, 1..4).prop_map(|c| c.join("  ")).boxed()
}

/// Returns what every variable of a block and of the blocks in it was introduced as: whether in an `optional` block.
fn introduced(pattern: &ir::Pattern, optional: bool, found: &mut Vec<(ir::VarId, bool)>) {
    found.extend(pattern.introduced.iter().map(|v| (*v, optional)));
    pattern.optionals.iter().for_each(|block| introduced(block, true, found));
    pattern.negations.iter().for_each(|block| introduced(block, false, found));
}

/// Tells whether a condition reads one of these variables.
fn reads(condition: &ir::Expr, variables: &[ir::VarId]) -> bool {
    let mut found = false;
    condition.walk(&mut |e| found |= e.var().is_some_and(|v| variables.contains(&v)));
    found
}

/// Checks that no required clause of a block, and no `not` block in it, uses one of these variables.
fn assert_required(pattern: &ir::Pattern, optional: &[ir::VarId]) {
    assert!(!pattern.filters.iter().any(|f| reads(f, optional)), "{pattern:?}");
    assert!(!pattern.bound.iter().any(|v| optional.contains(v)), "{pattern:?}");
    let ends = pattern.traversals.iter().flat_map(|t| [t.from, t.to]);
    assert!(!ends.into_iter().any(|v| optional.contains(&v)), "{pattern:?}");
    pattern.negations.iter().for_each(|block| assert_required(block, optional));
}

/// Checks what the typed form promises about `optional` blocks.
fn assert_optional_rules(read: &ir::Read) {
    let mut all = Vec::new();
    introduced(&read.pattern, false, &mut all);
    all.sort();
    let listed: Vec<(ir::VarId, bool)> =
        read.variables.iter().enumerate().map(|(i, v)| (ir::VarId(i), v.optional)).collect();
    assert_eq!(all, listed, "each variable is introduced by one block");
    let optional: Vec<ir::VarId> = listed.iter().filter(|(_, optional)| *optional).map(|(v, _)| *v).collect();
    assert_required(&read.pattern, &optional);
    assert!(read.pattern.late.iter().all(|f| reads(f, &optional)));
    for block in &read.pattern.optionals {
        assert!(block.optionals.is_empty() && block.late.is_empty());
        block.negations.iter().for_each(|n| assert!(n.optionals.is_empty() && n.late.is_empty()));
    }
    for projection in &read.projections {
        let nullable = match &projection.ty {
            ir::OutputType::Node { nullable, .. } => *nullable,
            ir::OutputType::Value(ty) => ty.nullable,
        };
        let ir::Output::Value(value) = &projection.value else { panic!("a value") };
        assert_eq!(nullable, reads(value, &optional), "{projection:?}");
    }
}

/// A text that parses, with every kind of clause, projection and statement. It need not type-check.
const WELL_FORMED: &str = r#"query q($s: String, $v: Vector(4)?, $l: [I32]) @description("d") {
    match { $p: Paper { slug: $s, tags: "x" }  $a $w:wrote{1,1} $p  $p <cites>{1,2} $q
      not { $q cites $_  $q.year in $l or not ($w.role is null and $p.year >= -1.5e3) }
      fuzzy($p.title, "a b", 1)
      optional { $p cites $c  not { $c cites $p }  $c.year > 1 } optional { $c $x:cites $_ } $c.year is not null
      path $r = $p cites{1,3} $z  length($r) > 1  in_degree($z, cites) > 2 }
    return distinct { nodes($r), max(length($r)) as far, edges($r) as via, pagerank($q, cites) as rank, sum(degree($a, wrote)), $p.title as t, count(distinct $q), count(*), [1, 2] }
    order { t desc, rrf(nearest($p.embedding, $v), bm25($p.title, $s), 9) } limit 3 offset 1 }
query m($d: Date?) { insert Thing { id2: 1 body: "b" day: $d }, update Paper set { tags: [] } where slug != "x"
    delete Wrote where from = "a" }"#;

fn run(source: &str) {
    let _ = lint("q.gq", source, &CATALOG, SchemaSource::File { path: String::new() });
    if let Ok(file) = parse_file(source) {
        assert_eq!(parse_file(&print(&file)).as_ref(), Ok(&file));
    } else if let Err(errors) = parse_file(source) {
        assert!(!errors.0.is_empty());
        assert!(!errors.render("q.gq", source, false).is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parsing_a_printed_tree_gives_it_back(file in file()) {
        let printed = print(&file);
        let parsed = parse_file(&printed);
        prop_assert_eq!(parsed.as_ref(), Ok(&file), "{}", printed);
    }

    #[test]
    fn type_checking_a_random_tree_never_panics(file in file()) {
        run(&print(&file));
    }

    #[test]
    fn arbitrary_text_never_panics(source in ".{0,200}") {
        run(&source);
    }

    #[test]
    fn mutilated_text_never_panics(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, ".{0,3}"), 1..6)
    ) {
        let mut chars: Vec<char> = WELL_FORMED.chars().collect();
        for (at, len, insert) in cuts {
            let at = at.index(chars.len() + 1);
            let end = (at + len).min(chars.len());
            chars.splice(at..end, insert.chars());
        }
        run(&chars.into_iter().collect::<String>());
    }

    #[test]
    fn shuffled_tokens_never_panic(
        words in prop::collection::vec(prop::sample::select(WELL_FORMED.split_whitespace().collect::<Vec<_>>()), 0..60)
    ) {
        run(&format!("query q() {{ {}", words.join(" ")));
    }
}

#[test]
fn the_unmutilated_text_parses() {
    run(WELL_FORMED);
    assert_eq!(parse_file(WELL_FORMED).unwrap().queries.len(), 2);
}

#[test]
fn optional_variables_are_kept_apart_from_required_clauses() {
    // Every column of the list reads one variable that may have been introduced, or not.
    let columns = ["$a", "$b", "$b.year", "$c", "$d.title", "length($p)", "nodes($q)", "pagerank($c, cites)"];
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let starts = [
        "$a cites $b  $a cites $c  $c cites $d",
        "$a cites $b  optional { $a $e:cites $c }",
        "optional { path $p = $a cites{1,3} $b }  optional { $b cites $c }  path $q = $a cites $d",
    ];
    let columns = prop::sample::subsequence(columns.to_vec(), 1..3);
    let strategy = (prop::sample::select(starts.to_vec()), clauses(2), columns);
    // Patterns with an `optional` block that compiled: too few would prove nothing.
    let compiled = std::cell::Cell::new(0);
    let outcome = runner.run(&strategy, |(start, clauses, columns)| {
        let columns = columns.join(", ");
        let source =
            format!("query q() {{ match {{ $a: Paper  {start}  {clauses} }} return {{ {columns} }} }}");
        if let Ok(ir::Query { body: ir::Body::Read(read), .. }) = compile(&source, None, &CATALOG) {
            assert_optional_rules(&read);
            compiled.set(compiled.get() + u32::from(!read.pattern.optionals.is_empty()));
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(compiled.get() > 50, "{} patterns compiled", compiled.get());
}
