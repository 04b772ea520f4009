//! Forms that extend the base language: operators, `distinct`, `offset`, trailing commas.

use expect_test::expect;
use omnigraph_compiler::ir::{self, Expr, SortKey};

use super::{accept_all, check_all, read};

#[test]
fn boolean_operators_bind_not_then_and_then_or() {
    let filters =
        |text: &str| read(&format!("match {{ $p: Paper  {text} }} return {{ $p }}")).pattern.filters;
    let (a, b, c) = ("$p.year = 1", "$p.year = 2", "$p.year = 3");
    let one = |text: &str| filters(text).remove(0);
    let (ea, eb, ec) = (one(a), one(b), one(c));
    let not = |e: &Expr| Expr::Not(Box::new(e.clone()));
    assert_eq!(
        filters(&format!("{a} or not {b} and {c}")),
        [Expr::Or(vec![ea.clone(), Expr::And(vec![not(&eb), ec.clone()])])]
    );
    assert_eq!(
        filters(&format!("not ({a} or {b})  {c}")),
        [not(&Expr::Or(vec![ea.clone(), eb.clone()])), ec.clone()]
    );
    assert_eq!(filters(&format!("{a} or {b}, {c}")), [Expr::Or(vec![ea.clone(), eb.clone()]), ec.clone()]);
    assert_eq!(filters(&format!("{a} and {b}")), [ea, eb]);
}

#[test]
fn membership_and_null_tests_have_negated_forms() {
    let filter = |text: &str| {
        let read = read(&format!("match {{ $p: Paper  {text} }} return {{ $p }}"));
        read.pattern.filters.into_iter().next().expect("one filter")
    };
    assert_eq!(filter(r#"$p.slug in ["a", "b"]"#), filter(r#"["a", "b"] contains $p.slug"#));
    assert_eq!(filter("$p.year in $l"), filter("($l contains $p.year)"));
    assert_eq!(filter("$p.year not in $l"), Expr::Not(Box::new(filter("$p.year in $l"))));
    assert_eq!(filter("$p.year is not null"), Expr::Not(Box::new(filter("$p.year is null"))));
    accept_all(&["match { $p: Paper  $o is null or $p.year > $o  $p.tags is null } return { $p }"]);
}

#[test]
fn base_programs_keep_their_meaning() {
    // Operator words between two variables stay edges.
    check_all(
        &[
            "match { $p: Paper  $p contains $q } return { $p }",
            "match { $p: Paper  $p in $l } return { $p }",
            "match { $p: Paper  $p or $q } return { $p }",
        ],
        &expect![[r#"
            match { $p: Paper  $p contains $q } return { $p }
                type error: T4: unknown edge type `contains` @ contains
            match { $p: Paper  $p in $l } return { $p }
                type error: T4: unknown edge type `in` @ in
                type error: `$l` is both a parameter and a match variable @ $l
            match { $p: Paper  $p or $q } return { $p }
                type error: T4: unknown edge type `or` @ or
        "#]],
    );
    // Words that are operators elsewhere stay names of properties and aliases.
    accept_all(&[
        "match { $p: Paper } return { $p.year as distinct, $p.title as limit } order { distinct, limit desc } limit 1",
        "match { $p: Paper } return { count($p) as count } order { count desc }",
    ]);
}

#[test]
fn reads_may_be_distinct_skip_rows_and_count_them() {
    let q = read("match { $p: Paper } return distinct { $p.year } order { $p.year } limit 3 offset 2");
    assert!(q.distinct);
    assert_eq!((q.offset, q.limit), (2, Some(3)));
    assert_eq!(q.order[0].key, SortKey::Column(0));
    let q = read(
        "match { $p: Paper } return { $p.year, count(*), count(distinct $p.title) as t } offset 1 limit 2",
    );
    let columns: Vec<&str> = q.projections.iter().map(|p| p.column.as_str()).collect();
    assert_eq!(columns, ["p.year", "count", "t"]);
    let aggregate =
        |distinct, argument| ir::Output::Aggregate { function: ir::Aggregate::Count, argument, distinct };
    assert_eq!(q.projections[1].value, aggregate(false, None));
    assert!(matches!(
        &q.projections[2].value,
        ir::Output::Aggregate { distinct: true, argument: Some(_), .. }
    ));
}

#[test]
fn a_projected_aggregate_may_order() {
    let q = read("match { $p: Paper } return { $p.title, count($p) } order { count($p) desc }");
    assert_eq!(q.order, [ir::Ordering { key: SortKey::Column(1), descending: true }]);
}

#[test]
fn negative_numbers_trailing_commas_and_empty_braces_are_accepted() {
    accept_all(&[
        "match { $p: Paper { }, $p.year > -1, $p.year < 1.5e3, } return { $p, $p.year, }",
        "match { $p: Paper { slug: $s year: -1 } } return { $p }",
        "insert Author { name: $s, age: -3, }, delete Author where age < -2.5e-3",
        "insert Author { name: $s }  update Author set { age: 1 } where name = $s  delete Wrote where from = $s",
    ]);
}
