//! Every code of the type checker, with its message and position.

use expect_test::expect;

use super::check_all;

#[test]
fn binding_names_a_node_type() {
    check_all(
        &[
            "match { $x: Papr } return { $x }",
            "match { $x: Titled } return { $x.title }",
            "match { $x: Wrote } return { $x }",
        ],
        &expect![[r#"
            match { $x: Papr } return { $x }
                type error: T1: unknown node type `Papr` @ Papr (did you mean `Paper`?)
            match { $x: Titled } return { $x.title }
                type error: T1: `Titled` is an interface, not a node type @ Titled
            match { $x: Wrote } return { $x }
                type error: T1: `Wrote` is an edge type, not a node type @ Wrote
        "#]],
    );
}

#[test]
fn inline_condition_names_a_property() {
    check_all(
        &["match { $x: Paper { yaer: 1 } } return { $x }"],
        &expect![[r#"
        match { $x: Paper { yaer: 1 } } return { $x }
            type error: T2: node type `Paper` has no property `yaer` @ yaer (did you mean `year`?)
    "#]],
    );
}

#[test]
fn literal_has_the_type_of_its_property() {
    check_all(
        &[
            r#"match { $x: Paper { year: "x" } } return { $x }"#,
            r#"match { $x: Paper { tags: 1 } } return { $x }"#,
            r#"match { $x: Paper { tags: ["a"] } } return { $x }"#,
            r#"match { $x: Paper { title: ["a"] } } return { $x }"#,
            r#"match { $x: Paper { embedding: [1.0, 2.0, 3.0, 4.0] } } return { $x }"#,
            r#"match { $x: Thing { state: "opne" } } return { $x }"#,
            r#"match { $x: Thing { file: "a" } } return { $x }"#,
            r#"match { $x: Thing { file: $blob } } return { $x }"#,
            r#"match { $x: Thing { day: "2024-01-01" } } return { $x }"#,
            r#"insert Author { name: 1 }"#,
            r#"insert Thing { id2: 1, body: "b", vec: [1, 2] }"#,
            r#"insert Thing { id2: 1, body: "b", vec: "b" }"#,
            r#"insert Thing { id2: 1, body: "b", state: "x" }"#,
            r#"insert Thing { id2: 1, body: "b", file: "base64:" }"#,
            r#"delete Author where age = "x""#,
            r#"delete Thing where state = "x""#,
        ],
        &expect![[r#"
            match { $x: Paper { year: "x" } } return { $x }
                type error: T3: property `year` is I32, the literal is String @ "x"
            match { $x: Paper { tags: 1 } } return { $x }
                type error: T3: property `tags` is [String]?, the literal is I64 @ 1
            match { $x: Paper { tags: ["a"] } } return { $x }
                type error: T3: property `tags` is a list, and list equality is not supported @ ["a"] (a single value asks for membership)
            match { $x: Paper { title: ["a"] } } return { $x }
                type error: T3: property `title` is String, the literal is [String] @ ["a"]
            match { $x: Paper { embedding: [1.0, 2.0, 3.0, 4.0] } } return { $x }
                type error: T3: property `embedding` is Vector(4)?, which cannot stand in an inline condition @ [1.0, 2.0, 3.0, 4.0]
            match { $x: Thing { state: "opne" } } return { $x }
                type error: T3: "opne" is not a value of `state`: enum(closed, open)? @ "opne" (did you mean `open`?)
            match { $x: Thing { file: "a" } } return { $x }
                type error: T3: property `file` is Blob?, which cannot stand in an inline condition @ "a"
            match { $x: Thing { file: $blob } } return { $x }
                type error: T3: property `file` is Blob?, which cannot stand in an inline condition @ $blob
            match { $x: Thing { day: "2024-01-01" } } return { $x }
                type error: T3: property `day` is Date?, the literal is String @ "2024-01-01"
            insert Author { name: 1 }
                type error: T3: property `name` is String, the literal is I64 @ 1
            insert Thing { id2: 1, body: "b", vec: [1, 2] }
                type error: T3: property `vec` is Vector(3), the literal is Vector(2) @ [1, 2]
            insert Thing { id2: 1, body: "b", vec: "b" }
                type error: T3: property `vec` is Vector(3), the literal is String, not 3 32-bit numbers @ "b"
            insert Thing { id2: 1, body: "b", state: "x" }
                type error: T3: "x" is not a value of `state`: enum(closed, open)? @ "x"
            insert Thing { id2: 1, body: "b", file: "base64:" }
                type error: T3: blob property `file` takes a parameter, not a literal @ "base64:"
            delete Author where age = "x"
                type error: T3: property `age` is I32?, the literal is String @ "x"
            delete Thing where state = "x"
                type error: T3: "x" is not a value of `state`: enum(closed, open)? @ "x"
        "#]],
    );
}

#[test]
fn traversal_names_an_edge_type() {
    check_all(
        &["match { $x: Paper  $x citse $y } return { $x }"],
        &expect![[r#"
        match { $x: Paper  $x citse $y } return { $x }
            type error: T4: unknown edge type `citse` @ citse (did you mean `cites`?)
    "#]],
    );
}

#[test]
fn endpoints_have_the_types_of_the_edge() {
    check_all(
        &[
            "match { $a: Author  $a cites $y } return { $a }",
            "match { $a: Author  $y cites $a } return { $a }",
            "match { $a: Author  $b: Author  $a wrote $b } return { $a }",
            "match { $x wrote $x } return { $x }",
        ],
        &expect![[r#"
            match { $a: Author  $a cites $y } return { $a }
                type error: T5: `$a` is of type Author, which is not that endpoint of `Cites` (Paper to Paper) @ $a
            match { $a: Author  $y cites $a } return { $a }
                type error: T5: `$a` is of type Author, which is not that endpoint of `Cites` (Paper to Paper) @ $a
            match { $a: Author  $b: Author  $a wrote $b } return { $a }
                type error: T5: `$b` is of type Author, which is not that endpoint of `Wrote` (Author to Paper) @ $b
            match { $x wrote $x } return { $x }
                type error: T5: `$x` is of type Author, which is not that endpoint of `Wrote` (Author to Paper) @ $x
        "#]],
    );
}

#[test]
fn properties_are_read_of_bound_variables() {
    check_all(
        &[
            "match { $p: Paper } return { $q.title }",
            "match { $p: Paper } return { $p.titel }",
            "match { $a $w:wrote $p } return { $w.rule }",
            "match { $p: Paper  $p cites $_ } return { $_.title }",
            "match { $q.year > 1  $p cites $q } return { $q }",
        ],
        &expect![[r#"
            match { $p: Paper } return { $q.title }
                type error: T6: variable `$q` is not bound @ $q
            match { $p: Paper } return { $p.titel }
                type error: T6: node type `Paper` has no property `titel` @ titel (did you mean `title`?)
            match { $a $w:wrote $p } return { $w.rule }
                type error: T6: edge type `Wrote` has no property `rule` @ rule (did you mean `role`?)
            match { $p: Paper  $p cites $_ } return { $_.title }
                type error: T6: variable `$_` is not bound @ $_ (`$_` is anonymous: name the variable to read it)
            match { $q.year > 1  $p cites $q } return { $q }
                type error: T6: variable `$q` is not bound @ $q
        "#]],
    );
}

#[test]
fn operands_fit_their_operator() {
    check_all(
        &[
            r#"match { $p: Paper  $p.year = "x" } return { $p }"#,
            r#"match { $p: Paper  $p.tags = "x" } return { $p }"#,
            r#"match { $p: Paper  $p.embedding = [1.0] } return { $p }"#,
            r#"match { $p: Paper  $p.title = $blob } return { $p }"#,
            r#"match { $p: Paper  $p.title = $p } return { $p }"#,
            r#"match { $p: Paper  count($p) > 1 } return { $p }"#,
            r#"match { $p: Paper  $p.title contains 1 } return { $p }"#,
            r#"match { $p: Paper  $p.tags contains ["a"] } return { $p }"#,
            r#"match { $p: Paper  $p.tags contains 1 } return { $p }"#,
            r#"match { $p: Paper  $p.year contains 1 } return { $p }"#,
            r#"match { $p: Paper  $p.year starts_with "1" } return { $p }"#,
            r#"match { $p: Paper  $p.tags starts_with "1" } return { $p }"#,
            r#"match { $t: Thing  $t.day = $t.at } return { $t }"#,
            r#"match { $p: Paper { year: $s } } return { $p }"#,
            r#"match { $p: Paper { year: now() } } return { $p }"#,
            r#"match { $p: Paper { tags: $l } } return { $p }"#,
            r#"match { $p: Paper { embedding: $v } } return { $p }"#,
            r#"insert Author { name: $n }"#,
            r#"insert Author { name: now() }"#,
            r#"delete Author where age = $s"#,
            r#"delete Paper where tags = "x""#,
            r#"match { $p: Paper  nearest($p.embedding, $v) < 1.0 } return { $p }"#,
            r#"match { $p: Paper  search($p.title, "x") = false } return { $p }"#,
            r#"match { $p: Paper  search($p.title, "x") != true } return { $p }"#,
            r#"match { $p: Paper  $p.year in ["a"] } return { $p }"#,
            r#"match { $p: Paper  $p.year in $n } return { $p }"#,
        ],
        &expect![[r#"
            match { $p: Paper  $p.year = "x" } return { $p }
                type error: T7: cannot compare I32 with String @ $p.year = "x"
            match { $p: Paper  $p.tags = "x" } return { $p }
                type error: T7: cannot compare [String]? with String: use `contains` for lists @ $p.tags = "x"
            match { $p: Paper  $p.embedding = [1.0] } return { $p }
                type error: T7: Vector(4)? cannot be compared @ $p.embedding
            match { $p: Paper  $p.title = $blob } return { $p }
                type error: T7: blob parameter `$blob` is not an operand (see T24) @ $blob
            match { $p: Paper  $p.title = $p } return { $p }
                type error: T7: filters take scalar operands, `$p` is a node of type Paper @ $p (name a property: `$p.…`)
            match { $p: Paper  count($p) > 1 } return { $p }
                type error: T7: filters take scalar operands, `count` is an aggregate @ count($p)
            match { $p: Paper  $p.title contains 1 } return { $p }
                type error: T7: `contains` needs a String on the right, not I64 @ 1
            match { $p: Paper  $p.tags contains ["a"] } return { $p }
                type error: T7: a list holds scalars, it cannot be tested for [String] @ ["a"]
            match { $p: Paper  $p.tags contains 1 } return { $p }
                type error: T7: cannot compare [String]? with I64 @ $p.tags contains 1
            match { $p: Paper  $p.year contains 1 } return { $p }
                type error: T7: `contains` needs a list or a String on the left, not I32 @ $p.year
            match { $p: Paper  $p.year starts_with "1" } return { $p }
                type error: T7: `starts_with` needs a String on the left, not I32 @ $p.year
            match { $p: Paper  $p.tags starts_with "1" } return { $p }
                type error: T7: `starts_with` needs a String on the left, not [String]? @ $p.tags
            match { $t: Thing  $t.day = $t.at } return { $t }
                type error: T7: cannot compare Date? with DateTime? @ $t.day = $t.at
            match { $p: Paper { year: $s } } return { $p }
                type error: T7: property `year` is I32, parameter `$s` is String @ $s
            match { $p: Paper { year: now() } } return { $p }
                type error: T7: `now()` is a DateTime, property `year` is I32 @ now()
            match { $p: Paper { tags: $l } } return { $p }
                type error: T7: property `tags` is a list, and list equality is not supported @ $l (a single value asks for membership)
            match { $p: Paper { embedding: $v } } return { $p }
                type error: T7: property `embedding` is Vector(4)?, which cannot stand in an inline condition @ $v
            insert Author { name: $n }
                type error: T7: property `name` is String, parameter `$n` is I32 @ $n
            insert Author { name: now() }
                type error: T7: `now()` is a DateTime, property `name` is String @ now()
            delete Author where age = $s
                type error: T7: property `age` is I32?, parameter `$s` is String @ $s
            delete Paper where tags = "x"
                type error: T7: property `tags` is [String]?, which cannot stand in `where` @ tags
            match { $p: Paper  nearest($p.embedding, $v) < 1.0 } return { $p }
                type error: T7: `nearest($p.embedding, $v)` cannot be compared in a filter @ nearest($p.embedding, $v)
            match { $p: Paper  search($p.title, "x") = false } return { $p }
                type error: T7: `search` stands alone or as `search(…) = true`, not in another comparison @ search($p.title, "x")
            match { $p: Paper  search($p.title, "x") != true } return { $p }
                type error: T7: `search` stands alone or as `search(…) = true`, not in another comparison @ search($p.title, "x")
            match { $p: Paper  $p.year in ["a"] } return { $p }
                type error: T7: cannot compare [String] with I32 @ $p.year in ["a"]
            match { $p: Paper  $p.year in $n } return { $p }
                type error: T7: `in` needs a list on the right, not I32 @ $n
        "#]],
    );
}

#[test]
fn aggregates_take_supported_types() {
    check_all(
        &[
            "match { $p: Paper } return { sum($p.title) as x }",
            "match { $p: Paper } return { avg($p) as x }",
            "match { $p: Paper } return { min($p.tags) as x }",
            "match { $p: Paper } return { count(sum($p.year)) as x }",
        ],
        &expect![[r#"
            match { $p: Paper } return { sum($p.title) as x }
                type error: T8: `sum` over String, not a number @ $p.title
            match { $p: Paper } return { avg($p) as x }
                type error: T8: `avg` over a node of type Paper; only `count` takes one @ $p
            match { $p: Paper } return { min($p.tags) as x }
                type error: T8: `min` over [String]?, not a scalar @ $p.tags
            match { $p: Paper } return { count(sum($p.year)) as x }
                type error: T8: `sum` cannot stand inside another aggregate @ sum($p.year)
        "#]],
    );
}

#[test]
fn negations_use_bound_variables_and_groups_project_keys() {
    check_all(
        &[
            "match { $p: Paper  not { $x: Author } } return { $p }",
            "match { $p: Paper  not { $a wrote $p  not { $x: Author } } } return { $p }",
            "match { $p: Paper  not { $x: Author  not { $x wrote $p } } } return { $p }",
            "match { $p: Paper } return { count($p) as n, $s }",
            "match { $p: Paper } return { count($p) as n, 1 }",
        ],
        &expect![[r#"
            match { $p: Paper  not { $x: Author } } return { $p }
                type error: T9: `not` block uses no variable that is bound before it @ { $x: Author }
            match { $p: Paper  not { $a wrote $p  not { $x: Author } } } return { $p }
                type error: T9: `not` block uses no variable that is bound before it @ { $x: Author }
            match { $p: Paper  not { $x: Author  not { $x wrote $p } } } return { $p }
                type error: T9: `not` block uses no variable that is bound before it @ { $x: Author  not { $x wrote $p } }
            match { $p: Paper } return { count($p) as n, $s }
                type error: T9: next to an aggregate a projection is a property, a match variable, a part of a path or a measure @ $s
            match { $p: Paper } return { count($p) as n, 1 }
                type error: T9: next to an aggregate a projection is a property, a match variable, a part of a path or a measure @ 1
        "#]],
    );
}

#[test]
fn mutation_targets_exist() {
    check_all(
        &[
            "insert Papr { slug: $s }",
            "insert Titled { title: $s }",
            "delete X where a = 1",
            "insert Paper { }",
            "update Paper set { } where slug = $s",
            "update Paper set { titel: $s } where slug = $s",
            "delete Wrote where src = $s",
            "delete Thing where file = $blob",
        ],
        &expect![[r#"
            insert Papr { slug: $s }
                type error: T10: unknown type `Papr` @ Papr (did you mean `Paper`?)
            insert Titled { title: $s }
                type error: T10: unknown type `Titled` @ Titled
            delete X where a = 1
                type error: T10: unknown type `X` @ X
            insert Paper { }
                parse error: T10: `insert` needs at least one assignment @ { }
            update Paper set { } where slug = $s
                parse error: T10: `update` needs at least one assignment @ { }
            update Paper set { titel: $s } where slug = $s
                type error: T11: type `Paper` has no property `titel` @ titel (did you mean `title`?)
            delete Wrote where src = $s
                type error: T11: type `Wrote` has no property `src` @ src (the source endpoint is called `from`)
            delete Thing where file = $blob
                type error: T11: blob property `file` cannot stand in `where` @ file
        "#]],
    );
}

#[test]
fn inserts_are_complete() {
    check_all(
        &[
            "insert Paper { slug: $s }",
            "insert Wrote { from: $s }",
            "insert Thing { id2: 1 }",
            "insert Attached { role: 1, from: $s, from: $n, to: $x }",
        ],
        &expect![[r#"
            insert Paper { slug: $s }
                type error: T12: insert of `Paper` lacks required property `title` @ Paper
                type error: T12: insert of `Paper` lacks required property `year` @ Paper
            insert Wrote { from: $s }
                type error: T12: insert of `Wrote` lacks endpoint `to` @ Wrote
            insert Thing { id2: 1 }
                type error: T12: insert of `Thing` lacks required property `body` @ Thing
                type error: T12: insert of `Thing` lacks required property `vec`, and its source `body` @ Thing
            insert Attached { role: 1, from: $s, from: $n, to: $x }
                type error: T13: property `from` is assigned twice @ from
                type error: T11: type `Attached` has no property `role` @ role (did you mean `file`?)
                type error: T7: property `from` is String, parameter `$n` is I32 @ $n
                type error: T14: `$x` is not a declared parameter @ $x
                type error: T12: insert of `Attached` lacks required property `since` @ Attached
        "#]],
    );
}

#[test]
fn each_property_is_assigned_once_from_known_values() {
    check_all(
        &[
            r#"insert Author { name: "a", name: "b" }"#,
            "insert Author { name: $x }",
            "delete Author where name = $x",
            "update Wrote set { role: $s } where from = $s",
            "update Paper set { slug: $s } where year = 1",
        ],
        &expect![[r#"
            insert Author { name: "a", name: "b" }
                type error: T13: property `name` is assigned twice @ name
            insert Author { name: $x }
                type error: T14: `$x` is not a declared parameter @ $x
            delete Author where name = $x
                type error: T14: `$x` is not a declared parameter @ $x
            update Wrote set { role: $s } where from = $s
                type error: T16: edge type `Wrote` cannot be updated @ Wrote (delete the edge and insert it again)
            update Paper set { slug: $s } where year = 1
                type error: cannot update @key property 'slug' @ slug
        "#]],
    );
}

#[test]
fn bounds_of_traversals_are_ordered_finite_and_start_at_one() {
    check_all(
        &[
            "match { $p: Paper  $p cites{0,2} $q } return { $q }",
            "match { $p: Paper  $p cites{3,2} $q } return { $q }",
            "match { $p: Paper  $p cites{2,} $q } return { $q }",
            "match { $p: Paper  $p cites{1,99999999999} $q } return { $q }",
        ],
        &expect![[r#"
            match { $p: Paper  $p cites{0,2} $q } return { $q }
                type error: T15: traversal bounds start at 1: min must not be 0 @ {0,2}
            match { $p: Paper  $p cites{3,2} $q } return { $q }
                type error: T15: traversal bounds {3,2}: max is below min @ {3,2}
            match { $p: Paper  $p cites{2,} $q } return { $q }
                type error: T15: unbounded traversal is disabled: give a maximum @ {2,}
            match { $p: Paper  $p cites{1,99999999999} $q } return { $q }
                type error: T15: traversal bounds {1,99999999999} exceed 4294967295 @ {1,99999999999}
        "#]],
    );
}

#[test]
fn nearest_takes_a_vector_property_and_a_vector_or_text() {
    check_all(
        &[
            "match { $p: Paper } return { $p } order { nearest($q.embedding, $v) } limit 1",
            "match { $p: Paper } return { $p } order { nearest($p.embeding, $v) } limit 1",
            "match { $p: Paper } return { $p } order { nearest($p.title, $v) } limit 1",
            "match { $p: Paper } return { $p } order { nearest($p.embedding, [1, 2]) } limit 1",
            "match { $p: Paper } return { $p } order { nearest($p.embedding, $n) } limit 1",
            "match { $p: Paper } return { $p } order { nearest($p.embedding, $p.embedding) } limit 1",
            "match { $t: Thing } return { $t } order { nearest($t.vec, $v) } limit 1",
        ],
        &expect![[r#"
            match { $p: Paper } return { $p } order { nearest($q.embedding, $v) } limit 1
                type error: T15: variable `$q` is not bound @ $q
            match { $p: Paper } return { $p } order { nearest($p.embeding, $v) } limit 1
                type error: T15: node type `Paper` has no property `embeding` @ embeding (did you mean `embedding`?)
            match { $p: Paper } return { $p } order { nearest($p.title, $v) } limit 1
                type error: T15: `nearest` needs a Vector property, `title` is String @ $p.title
            match { $p: Paper } return { $p } order { nearest($p.embedding, [1, 2]) } limit 1
                type error: T15: the property has 4 dimensions, the query has 2 @ [1, 2]
            match { $p: Paper } return { $p } order { nearest($p.embedding, $n) } limit 1
                type error: T15: the query of `nearest` is a vector or a String, as a literal or parameter @ $n
            match { $p: Paper } return { $p } order { nearest($p.embedding, $p.embedding) } limit 1
                type error: T15: the query of `nearest` is a vector or a String, as a literal or parameter @ $p.embedding
            match { $t: Thing } return { $t } order { nearest($t.vec, $v) } limit 1
                type error: T15: the property has 3 dimensions, the query has 4 @ $v
        "#]],
    );
}

#[test]
fn rankings_need_a_limit_and_arms_of_one_variable() {
    check_all(
        &[
            "match { $p: Paper } return { $p } order { nearest($p.embedding, $v) }",
            "match { $p: Paper } return { $p, nearest($p.embedding, $v) as d } order { d } limit 1",
            "match { $p: Paper } return { $p, $p.year as y } order { nearest($p.embedding, $v), y } limit 1",
            "match { $p: Paper } return { $p } order { rrf(nearest($p.embedding, $v), bm25($p.title, $s)) }",
            "match { $p: Paper } return { $p, rrf(nearest($p.embedding, $v), bm25($p.title, $s)) as r } order { r }",
            "match { $p: Paper } return { $p } order { rrf(bm25($p.title, $s), $p.year) } limit 1",
            "match { $p: Paper } return { $p } order { rrf(bm25($p.title, $s), bm25($p.slug, $s), 0) } limit 1",
            "match { $p: Paper } return { $p } order { rrf(bm25($p.title, $s), bm25($p.slug, $s), $s) } limit 1",
            "match { $p: Paper $q: Paper } return { $p } order { rrf(bm25($p.title, $s), bm25($q.slug, $s)) } limit 1",
        ],
        &expect![[r#"
            match { $p: Paper } return { $p } order { nearest($p.embedding, $v) }
                type error: T17: ordering by `nearest` needs `limit` @ nearest($p.embedding, $v)
            match { $p: Paper } return { $p, nearest($p.embedding, $v) as d } order { d } limit 1
                type error: T18: an alias cannot order together with `nearest`, nor name it @ d
            match { $p: Paper } return { $p, $p.year as y } order { nearest($p.embedding, $v), y } limit 1
                type error: T18: an alias cannot order together with `nearest`, nor name it @ y
            match { $p: Paper } return { $p } order { rrf(nearest($p.embedding, $v), bm25($p.title, $s)) }
                type error: T21: ordering by `rrf` needs `limit` @ rrf(nearest($p.embedding, $v), bm25($p.title, $s))
            match { $p: Paper } return { $p, rrf(nearest($p.embedding, $v), bm25($p.title, $s)) as r } order { r }
                type error: T21: ordering by `rrf` needs `limit` @ r
            match { $p: Paper } return { $p } order { rrf(bm25($p.title, $s), $p.year) } limit 1
                type error: T21: an arm of `rrf` is `nearest(…)` or `bm25(…)` @ $p.year
            match { $p: Paper } return { $p } order { rrf(bm25($p.title, $s), bm25($p.slug, $s), 0) } limit 1
                type error: T21: the constant k of `rrf` must be at least 1 @ 0
            match { $p: Paper } return { $p } order { rrf(bm25($p.title, $s), bm25($p.slug, $s), $s) } limit 1
                type error: T21: the constant k of `rrf` is an integer literal or parameter @ $s
            match { $p: Paper $q: Paper } return { $p } order { rrf(bm25($p.title, $s), bm25($q.slug, $s)) } limit 1
                type error: T21: the arms of `rrf` rank different variables @ rrf(bm25($p.title, $s), bm25($q.slug, $s))
        "#]],
    );
}

#[test]
fn text_functions_take_strings() {
    check_all(
        &[
            "match { $p: Paper  search($p.year, $s) } return { $p }",
            "match { $p: Paper  search($p.title, $n) } return { $p }",
            "match { $p: Paper  search($p.title, $p.slug) } return { $p }",
            "match { $p: Paper  fuzzy($p.title, $s, $s) } return { $p }",
            "match { $p: Paper  match_text($p.tags, $s) } return { $p }",
            "match { $p: Paper } return { $p } order { bm25($p.title, 1) }",
            r#"match { $p: Paper  search("x", $s) } return { $p }"#,
        ],
        &expect![[r#"
            match { $p: Paper  search($p.year, $s) } return { $p }
                type error: T19: `search` needs a String property, `year` is I32 @ $p.year
            match { $p: Paper  search($p.title, $n) } return { $p }
                type error: T19: the query of `search` is a String, `$n` is I32 @ $n
            match { $p: Paper  search($p.title, $p.slug) } return { $p }
                type error: T19: the query of `search` is a String literal or parameter @ $p.slug
            match { $p: Paper  fuzzy($p.title, $s, $s) } return { $p }
                type error: T19: `max_edits` of `fuzzy` is an integer literal or parameter @ $s
            match { $p: Paper  match_text($p.tags, $s) } return { $p }
                type error: T20: `match_text` needs a String property, `tags` is [String]? @ $p.tags
            match { $p: Paper } return { $p } order { bm25($p.title, 1) }
                type error: T20: the query of `bm25` is a String literal or parameter @ 1
            match { $p: Paper  search("x", $s) } return { $p }
                type error: T19: `search` needs a String property of a node first @ "x"
        "#]],
    );
}

#[test]
fn undirected_traversals_need_equal_endpoint_types() {
    check_all(
        &["match { $a: Author  $a <wrote> $p } return { $p }"],
        &expect![[r#"
        match { $a: Author  $a <wrote> $p } return { $p }
            type error: T22: undirected traversal over `Wrote`, which connects different types (Author and Paper) @ wrote
    "#]],
    );
}

#[test]
fn edge_bindings_are_used_by_property() {
    check_all(
        &[
            "match { $p $w:cites{1,2} $q } return { $p }",
            "match { $p: Paper  $p $p:cites $q } return { $p }",
            "match { $p: Paper  $x: Author  $p $x:cites $q } return { $p }",
            "match { $p $s:cites $q } return { $p }",
            "match { $p $w:cites $q } return { $w }",
            "match { $p $w:cites $q } return { count($w) as n }",
            "match { $p $w:cites $q  $w cites $p } return { $p }",
            "match { $p $w:cites $q  $w: Paper } return { $p }",
            "match { $a $w:wrote $p  search($w.role, $s) } return { $p }",
            "match { $a $w:wrote $p } return { $p } order { bm25($w.role, $s) }",
            "match { $a $w:wrote $p  $w = 1 } return { $p }",
        ],
        &expect![[r#"
            match { $p $w:cites{1,2} $q } return { $p }
                type error: T23: edge binding `$w` on a multi-hop traversal: a path of steps is not one edge @ $w
            match { $p: Paper  $p $p:cites $q } return { $p }
                type error: T23: edge binding `$p` has the name of an endpoint @ $p
            match { $p: Paper  $x: Author  $p $x:cites $q } return { $p }
                type error: T23: the name of edge binding `$x` is taken @ $x
            match { $p $s:cites $q } return { $p }
                type error: T23: the name of edge binding `$s` is taken @ $s
            match { $p $w:cites $q } return { $w }
                type error: T23: edge binding `$w` cannot be used without a property @ $w
            match { $p $w:cites $q } return { count($w) as n }
                type error: T23: edge binding `$w` cannot be used without a property @ $w
            match { $p $w:cites $q  $w cites $p } return { $p }
                type error: T23: `$w` is bound to an edge and cannot be an endpoint @ $w
            match { $p $w:cites $q  $w: Paper } return { $p }
                type error: T23: `$w` is bound to an edge and cannot be rebound as a node @ $w
            match { $a $w:wrote $p  search($w.role, $s) } return { $p }
                type error: T23: `search` works on node properties, `$w` is bound to an edge @ $w.role
            match { $a $w:wrote $p } return { $p } order { bm25($w.role, $s) }
                type error: T23: `bm25` works on node properties, `$w` is bound to an edge @ $w.role
            match { $a $w:wrote $p  $w = 1 } return { $p }
                type error: T23: edge binding `$w` cannot be used without a property @ $w
        "#]],
    );
}

#[test]
fn blobs_are_no_values() {
    check_all(
        &[
            "match { $t: Thing } return { $t.file }",
            "match { $t: Thing } return { $blob }",
            "match { $t: Thing } return { count($t.file) as n }",
            "match { $t: Thing } return { $t } order { $t.file }",
            "match { $t: Thing  $t.file = $s } return { $t }",
            "match { $t: Thing  $t.file is null } return { $t }",
        ],
        &expect![[r#"
            match { $t: Thing } return { $t.file }
                type error: T24: blob property `file` is not a value @ $t.file
            match { $t: Thing } return { $blob }
                type error: T24: blob parameter `$blob` is not a value @ $blob
            match { $t: Thing } return { count($t.file) as n }
                type error: T24: blob property `file` is not a value @ $t.file
            match { $t: Thing } return { $t } order { $t.file }
                type error: T24: blob property `file` is not a value @ $t.file
            match { $t: Thing  $t.file = $s } return { $t }
                type error: T24: blob property `file` is not a value @ $t.file
            match { $t: Thing  $t.file is null } return { $t }
                type error: T24: blob property `file` is not a value @ $t.file
        "#]],
    );
}
