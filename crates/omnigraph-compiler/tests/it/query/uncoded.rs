//! Rules of the type checker that have no code, and the order in which findings are reported.

use expect_test::expect;

use super::{accept_all, check_all};

#[test]
fn variables_are_bound_once_and_before_use() {
    check_all(
        &[
            "match { $p: Paper  $p: Author } return { $p }",
            "match { $p: Paper  $p.year = $m } return { $p }",
            "match { $p: Paper { title: $m } } return { $p }",
            "match { $p: Paper  $p: Paper { title: $p } } return { $p }",
            "match { $s: Paper } return { 1 }",
            "match { $p: Paper  not { $p cites $q }  $q: Paper } return { $p }",
            "match { $_: Paper } return { 1 }",
            "match { $p: Paper  not { $p cites $q }  $q.year = 1 } return { $p }",
            "match { $p: Paper } return { $m }",
        ],
        &expect![[r#"
            match { $p: Paper  $p: Author } return { $p }
                type error: variable `$p` is already bound to Paper, not Author @ Author
            match { $p: Paper  $p.year = $m } return { $p }
                type error: variable `$m` is not bound @ $m
            match { $p: Paper { title: $m } } return { $p }
                type error: variable `$m` is not bound @ $m
            match { $p: Paper  $p: Paper { title: $p } } return { $p }
                type error: `$p` is a match variable: an inline condition takes a literal, a parameter or `now()` @ $p
            match { $s: Paper } return { 1 }
                type error: `$s` is both a parameter and a match variable @ $s
            match { $p: Paper  not { $p cites $q }  $q: Paper } return { $p }
                type error: `$q` is local to an earlier `not` block and cannot be bound after it @ $q (bind it before the block, or choose another name)
            match { $_: Paper } return { 1 }
                type error: `$_` cannot be bound to a type: give the variable a name @ $_
            match { $p: Paper  not { $p cites $q }  $q.year = 1 } return { $p }
                type error: T6: variable `$q` is not bound @ $q
            match { $p: Paper } return { $m }
                type error: variable `$m` is not bound @ $m
        "#]],
    );
}

#[test]
fn literals_are_well_formed() {
    check_all(
        &[
            r#"match { $t: Thing  $t.day = date("2024-13-01") } return { $t }"#,
            r#"match { $t: Thing  $t.at = datetime("noon") } return { $t }"#,
            r#"match { $t: Thing  [1, "a"] contains $t.f64 } return { $t }"#,
            r#"match { $t: Thing  [[1]] contains $t.f64 } return { $t }"#,
        ],
        &expect![[r#"
            match { $t: Thing  $t.day = date("2024-13-01") } return { $t }
                type error: invalid Date literal "2024-13-01" @ date("2024-13-01")
            match { $t: Thing  $t.at = datetime("noon") } return { $t }
                type error: invalid DateTime literal "noon" @ datetime("noon")
            match { $t: Thing  [1, "a"] contains $t.f64 } return { $t }
                type error: mixed list literal: I64 and String @ "a"
            match { $t: Thing  [[1]] contains $t.f64 } return { $t }
                type error: list literals do not nest @ [1]
        "#]],
    );
}

#[test]
fn aliases_are_for_order() {
    check_all(
        &[
            "match { $p: Paper } return { $p.title as t, t }",
            "match { $p: Paper  t = 1 } return { $p.title as t }",
            "match { $p: Paper } return { $p.title as title } order { titel }",
        ],
        &expect![[r#"
            match { $p: Paper } return { $p.title as t, t }
                type error: alias `t` cannot be used in `return` @ t (a projection is a property such as `$p.name`, a variable, a literal or an aggregate)
            match { $p: Paper  t = 1 } return { $p.title as t }
                type error: alias `t` cannot be used in a filter @ t
            match { $p: Paper } return { $p.title as title } order { titel }
                type error: unknown alias `titel` in `order` @ titel (did you mean `title`?)
        "#]],
    );
}

#[test]
fn order_takes_sortable_values() {
    check_all(
        &[
            "match { $p: Paper } return { $p } order { 1 }",
            "match { $p: Paper } return { $p } order { $p }",
            "match { $p: Paper } return { $p } order { $n }",
            "match { $p: Paper } return { $p } order { now() }",
            "match { $p: Paper } return { $p } order { search($p.title, $s) }",
            "match { $p: Paper } return { $p } order { $p.tags }",
            "match { $p: Paper } return { $p.tags as t } order { t }",
            "match { $p: Paper } return { $p } order { $p.year, bm25($p.title, $s) }",
            "match { $p: Paper } return { count($p) as n } order { $p.year }",
            "match { $p: Paper } return { $p.year } order { count($p) }",
            "match { $p: Paper } return { $p.year, count($p) as n } order { sum($p.year) }",
            "match { $p: Paper } return { count($p) as n } order { bm25($p.title, $s) }",
            "match { $p: Paper } return distinct { $p.title } order { $p.year }",
        ],
        &expect![[r#"
            match { $p: Paper } return { $p } order { 1 }
                type error: `order` takes properties, lengths of paths, measures, aliases of `return` and rank expressions @ 1
            match { $p: Paper } return { $p } order { $p }
                type error: `order` takes properties, lengths of paths, measures, aliases of `return` and rank expressions @ $p
            match { $p: Paper } return { $p } order { $n }
                type error: `order` takes properties, lengths of paths, measures, aliases of `return` and rank expressions @ $n
            match { $p: Paper } return { $p } order { now() }
                type error: `order` takes properties, lengths of paths, measures, aliases of `return` and rank expressions @ now()
            match { $p: Paper } return { $p } order { search($p.title, $s) }
                type error: `order` takes properties, lengths of paths, measures, aliases of `return` and rank expressions @ search($p.title, $s)
            match { $p: Paper } return { $p } order { $p.tags }
                type error: `order` takes scalars, not [String]? @ $p.tags
            match { $p: Paper } return { $p.tags as t } order { t }
                type error: `order` takes scalars, not [String]? @ t
            match { $p: Paper } return { $p } order { $p.year, bm25($p.title, $s) }
                type error: a rank expression must be the first ordering @ bm25($p.title, $s)
            match { $p: Paper } return { count($p) as n } order { $p.year }
                type error: with aggregates `order` takes aliases and group keys: the property is not projected @ $p.year
            match { $p: Paper } return { $p.year } order { count($p) }
                type error: an aggregate in `order` must also be projected @ count($p) (add it to `return`, with an alias if it is to have a name)
            match { $p: Paper } return { $p.year, count($p) as n } order { sum($p.year) }
                type error: an aggregate in `order` must also be projected @ sum($p.year) (add it to `return`, with an alias if it is to have a name)
            match { $p: Paper } return { count($p) as n } order { bm25($p.title, $s) }
                type error: a rank expression cannot order groups @ bm25($p.title, $s)
            match { $p: Paper } return distinct { $p.title } order { $p.year }
                type error: with `return distinct` `order` takes projected properties: the property is not projected @ $p.year
        "#]],
    );
}

#[test]
fn findings_come_in_the_order_of_the_rules() {
    check_all(
        &[
            "match { $p: Paper { x: 1 }  $p.y = 2 } return { $p.z, count($p) as n, 1 } order { m, nearest($p.embedding, $v) }",
            "match { $p nothing{0,1} $q  $q.title = 1 } return { $q.x }",
            "insert Paper { slug: $x, slug: $n, bad: 1 }",
        ],
        &expect![[r#"
            match { $p: Paper { x: 1 }  $p.y = 2 } return { $p.z, count($p) as n, 1 } order { m, nearest($p.embedding, $v) }
                type error: T2: node type `Paper` has no property `x` @ x
                type error: T6: node type `Paper` has no property `y` @ y
                type error: T6: node type `Paper` has no property `z` @ z
                type error: unknown alias `m` in `order` @ m
                type error: a rank expression cannot order groups @ nearest($p.embedding, $v)
                type error: T17: ordering by `nearest` needs `limit` @ nearest($p.embedding, $v)
                type error: T18: an alias cannot order together with `nearest`, nor name it @ m
                type error: T9: next to an aggregate a projection is a property, a match variable, a part of a path or a measure @ 1
            match { $p nothing{0,1} $q  $q.title = 1 } return { $q.x }
                type error: T4: unknown edge type `nothing` @ nothing
            insert Paper { slug: $x, slug: $n, bad: 1 }
                type error: T13: property `slug` is assigned twice @ slug
                type error: T14: `$x` is not a declared parameter @ $x
                type error: T7: property `slug` is String, parameter `$n` is I32 @ $n
                type error: T11: type `Paper` has no property `bad` @ bad
                type error: T12: insert of `Paper` lacks required property `title` @ Paper
                type error: T12: insert of `Paper` lacks required property `year` @ Paper
        "#]],
    );
}

#[test]
fn declarations_are_checked() {
    let check = |source: &str| super::compile(source).unwrap_err().to_string();
    let read = "{ match { $p: Paper } return { $p } }";
    let errors: Vec<String> = [
        "query q($a: Strng)",
        "query q($a: String, $a: I32)",
        "query q($__now: DateTime)",
        "query q($a: Vector(0))",
        "query q($a: Vector(2147483648))",
        "query q($a: [Blob])",
        "query q($a: Paper)",
        r#"query q() @description("a") @description("b")"#,
    ]
    .iter()
    .map(|head| format!("{head}: {}", check(&format!("{head} {read}"))))
    .collect();
    expect![[r#"
        query q($a: Strng): type error: unknown parameter type `Strng`
        query q($a: String, $a: I32): type error: parameter `$a` is declared twice
        query q($__now: DateTime): type error: parameter name `__now` is reserved
        query q($a: Vector(0)): type error: Vector(0) is not a type: 1 to 2147483647 dimensions
        query q($a: Vector(2147483648)): type error: Vector(2147483648) is not a type: 1 to 2147483647 dimensions
        query q($a: [Blob]): type error: a list of Blob is not a parameter type
        query q($a: Paper): type error: unknown parameter type `Paper`
        query q() @description("a") @description("b"): parse error: duplicate @description
    "#]].assert_eq(&(errors.join("\n") + "\n"));
}

#[test]
fn legal_forms_are_accepted() {
    accept_all(&[
        "match { $p: Paper } return { $p, $p.title as t, $n, 1, now(), [1, 2.5], [] as e }",
        r#"match { $p: Paper  "a long text" contains $p.title  ["a", "b"] contains $p.slug } return { $p }"#,
        r#"match { $p: Paper { tags: "a", year: 1.5 } } return { $p }"#,
        "match { $p: Paper { tags: $s, year: $o } } return { $p }",
        "match { $paper: Paper  $paper wrote $author } return { $author.name }",
        "match { $x cites $y } return { $x }",
        "match { $x cites $x } return { $x }",
        "match { $x <cites>{1,3} $y } return { $x }",
        "match { $a $w:wrote{1,1} $p } return { $w.role }",
        "match { $a $_:wrote $p } return { $a }",
        "match { $a wrote $_  $a wrote $_ } return { $a }",
        "match { $a wrote $p  $a: Author { age: 3 }  $a: Author { name: $s } } return { $a }",
        "match { $p: Paper  not { $p cites $x }  not { $p <cites> $x } } return { $p }",
        "match { $p: Paper  not { $p cites $x  not { $x cites $p  $p.year > $x.year } } } return { $p }",
        r#"match { $p: Paper  not { search($p.title, "x") } } return { $p }"#,
        "match { $t: Thing  $t.state < $s  $t.flag >= true  $t.u64 = 2.5  $t.day < date(\"2024-01-01\") } return { $t }",
        "match { $t: Thing  $t.state = \"unknown\" } return { $t }",
        "match { $t: Thing } return { $t.state, min($t.state), max($t.day), min($t.flag), count($t.vec) }",
        "match { $p: Paper } return { $p.title as t, count($p) as n } order { $p.title desc, n, t asc }",
        "match { $p: Paper } return { bm25($p.title, $s) as score } order { score desc, $p.year }",
        "match { $a $w:cites $b } return { $a } order { $w.weight desc }",
        "match { $p: Paper } return { $p } order { nearest($p.embedding, \"text\"), $p.year desc } limit 3",
        "insert Thing { id2: 1, body: $s, f64: 1, u64: 2.5, file: $blob, scores: [1, 2], day: date(\"2024-01-01\") }",
        "insert Thing { id2: 1, vec: [1, 2.5, 3], body: $s, file: $s, scores: [], at: now() }",
        "update Thing set { state: \"open\", body: $s } where id2 = 1",
        "delete Wrote where from = $s",
        "delete Wrote where role >= \"x\"",
        "delete Thing where at < now()",
    ]);
}
