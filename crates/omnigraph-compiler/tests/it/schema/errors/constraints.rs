//! Errors of constraints in the body of a type.

use expect_test::expect;
use omnigraph_compiler::schema;

use super::super::DOMAIN;
use super::{check, compiles};

#[test]
fn edge_bodies_hold_no_key_range_or_check() {
    check(
        "node A {} edge E: A -> A { a: I32 s: String @key(a) @range(a, 0..1) @check(s, \"x\") @unique(a) @index(s) }",
        expect![[r#"
            1:45 parse error: @key is not supported on edge 'E' <@key(a)>
            1:53 parse error: @range is not supported on edge 'E' <@range(a, 0..1)>
            1:69 parse error: @check is not supported on edge 'E' <@check(s, "x")>
        "#]],
    );
}

#[test]
fn constraints_name_known_members() {
    check(
        "node A { title: String @unique(titel, src) @key(b) @index(c) @range(d, 0..1) @check(e, \"x\") }",
        expect![[r#"
            1:24 parse error: @unique on node 'A' names unknown property 'src' <@unique(titel, src)>
            1:24 parse error: @unique on node 'A' names unknown property 'titel' <@unique(titel, src)> | did you mean 'title'?
            1:44 parse error: @key on node 'A' names unknown property 'b' <@key(b)>
            1:52 parse error: @index on node 'A' names unknown property 'c' <@index(c)>
            1:62 parse error: @range on node 'A' names unknown property 'd' <@range(d, 0..1)>
            1:78 parse error: @check on node 'A' names unknown property 'e' <@check(e, "x")>
        "#]],
    );
    check(
        "node A {} edge E: A -> A { weight: F64 @unique(from, to) @index(wieght, src) }",
        expect![[r#"
        1:40 parse error: @unique on edge 'E' names unknown property 'from' <@unique(from, to)> | did you mean 'src'?
        1:40 parse error: @unique on edge 'E' names unknown property 'to' <@unique(from, to)> | did you mean 'dst'?
        1:58 parse error: @index on edge 'E' names unknown property 'wieght' <@index(wieght, src)> | did you mean 'weight'?
    "#]],
    );
}

#[test]
fn ranges_are_of_numbers() {
    check(
        "node A { a: String b: Date c: enum(x) d: Vector(2) e: Bool f: Blob
           @range(a, 0..) @range(b, 0..) @range(c, 0..) @range(d, 0..) @range(e, 0..) @range(f, 0..) }",
        expect![[r#"
            2:12 parse error: @range requires a numeric property; A.a is String <@range(a, 0..)>
            2:27 parse error: @range requires a numeric property; A.b is Date <@range(b, 0..)>
            2:42 parse error: @range requires a numeric property; A.c is enum(x) <@range(c, 0..)>
            2:57 parse error: @range requires a numeric property; A.d is Vector(2) <@range(d, 0..)>
            2:72 parse error: @range requires a numeric property; A.e is Bool <@range(e, 0..)>
            2:87 parse error: @range requires a numeric property; A.f is Blob <@range(f, 0..)>
        "#]],
    );
    compiles("node A { a: U64? b: F32 @range(a, 0..18446744073709551615) @range(b, -0.5..0.5) }");
}

#[test]
fn checks_are_of_texts() {
    check(
        "node A { a: I32 b: Vector(2) @check(a, \"x\") @check(b, \"x\") }",
        expect![[r#"
        1:30 parse error: @check requires a String property; A.a is I32 <@check(a, "x")>
        1:45 parse error: @check requires a String property; A.b is Vector(2) <@check(b, "x")>
    "#]],
    );
    compiles("node A { a: enum(x)? @check(a, \"x\") }");
}

#[test]
fn constraints_have_well_formed_arguments() {
    check(
        "node A { age: I32 a: String b: String @unique(\"x\") @range(age) @check(a, b) @key() @index(A) }",
        expect![[r#"
            1:39 parse error: malformed arguments of @unique <@unique("x")> | list property names, separated by commas
            1:52 parse error: malformed arguments of @range <@range(age)> | write a property and its bounds, like `@range(age, 0..150)`
            1:64 parse error: malformed arguments of @check <@check(a, b)> | write a property and a quoted pattern, like `@check(code, "^[A-Z]+$")`
            1:77 parse error: malformed arguments of @key <@key()> | list property names, separated by commas
            1:84 parse error: malformed arguments of @index <@index(A)> | list property names, separated by commas, or one vector with its metric, like `@index(vec, metric="cosine")`
        "#]],
    );
    let large = format!("node A {{ a: F64 @range(a, 0..1{}) }}", "0".repeat(400));
    let found = schema::compile(&large, DOMAIN).unwrap_err();
    assert_eq!(found.to_string(), "parse error: @range on A.a has a bound out of range");
}

#[test]
fn patterns_and_bounds_of_constraints_are_valid() {
    check(
        "node A { s: String n: I32 @check(s, \"(a\") @check(s, \"a(?=b)\") @range(n, 5..1) @range(n, 1.5..1) @range(n, 1..0.5) }",
        expect![[r#"
            1:27 parse error: @check on A.s has a pattern that does not compile <@check(s, "(a")> | unclosed group
            1:43 parse error: @check on A.s has a pattern that does not compile <@check(s, "a(?=b)")> | look-around, including look-ahead and look-behind, is not supported
            1:63 parse error: @range on A.n has its minimum above its maximum <@range(n, 5..1)> | swap the bounds: 1..5
            1:79 parse error: @range on A.n has its minimum above its maximum <@range(n, 1.5..1)> | swap the bounds: 1..1.5
            1:97 parse error: @range on A.n has its minimum above its maximum <@range(n, 1..0.5)> | swap the bounds: 0.5..1
        "#]],
    );
    compiles(
        "node A { n: I32 @range(n, 1..1) @range(n, 1..1.0) @range(n, -1..-0.5) @range(n, 9223372036854775807..9223372036854775808) }",
    );
}

#[test]
fn body_constraints_do_not_take_lists_and_vectors() {
    check(
        "node A { a: [String] v: Vector(2) @unique(a) @unique(v) @index(a) @range(a, 0..) @check(a, \"x\") @index(v) }",
        expect![[r#"
            1:35 parse error: @unique is not supported on list property A.a <@unique(a)>
            1:46 parse error: @unique is not supported on vector property A.v <@unique(v)>
            1:57 parse error: @index is not supported on list property A.a <@index(a)>
            1:67 parse error: @range is not supported on list property A.a <@range(a, 0..)>
            1:82 parse error: @check is not supported on list property A.a <@check(a, "x")>
        "#]],
    );
    check(
        "node A {} edge E: A -> A { a: [I32] v: Vector(2) b: Blob @unique(a, v, b, src) @index(a) }",
        expect![[r#"
        1:58 parse error: @unique is not supported on blob property E.b <@unique(a, v, b, src)>
        1:58 parse error: @unique is not supported on list property E.a <@unique(a, v, b, src)>
        1:58 parse error: @unique is not supported on vector property E.v <@unique(a, v, b, src)>
        1:80 parse error: @index is not supported on list property E.a <@index(a)>
    "#]],
    );
}

#[test]
fn constraints_do_not_repeat_members() {
    check(
        "node A { a: I32 @key(a, a) @unique(a, a) @index(a, a) } edge E: A -> A { @unique(src, src) }",
        expect![[r#"
            1:25 parse error: @key on node 'A' repeats member 'a' <a>
            1:39 parse error: @unique on node 'A' repeats member 'a' <a>
            1:52 parse error: @index on node 'A' repeats member 'a' <a>
            1:87 parse error: @unique on edge 'E' repeats member 'src' <src>
        "#]],
    );
}

#[test]
fn constraints_are_no_annotations() {
    check(
        "node A @range @check(\"x\") @card(5) { a: I32 @range b: I32 @card c: I32 @check } edge E: A -> A @range(a, 0..1) { d: I32 @check }",
        expect![[r#"
            1:8 parse error: @range is no annotation of node 'A' <@range> | write `@range(property, min..max)` in the body of a node
            1:15 parse error: @check is no annotation of node 'A' <@check("x")> | write `@check(property, "pattern")` in the body of a node
            1:27 parse error: malformed cardinality: @card is no annotation of node 'A' <@card(5)> | an edge has `@card(min..max)` right after its endpoints, before every annotation
            1:45 parse error: @range is no annotation of property A.a <@range> | write `@range(property, min..max)` in the body of a node
            1:59 parse error: malformed cardinality: @card is no annotation of property A.b <@card> | an edge has `@card(min..max)` right after its endpoints, before every annotation
            1:72 parse error: @check is no annotation of property A.c <@check> | write `@check(property, "pattern")` in the body of a node
            1:96 parse error: @range is no annotation of edge 'E' <@range(a, 0..1)> | write `@range(property, min..max)` in the body of a node
            1:121 parse error: @check is no annotation of property E.d <@check> | write `@check(property, "pattern")` in the body of a node
        "#]],
    );
}
