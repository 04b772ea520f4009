//! The numbered compile-time errors of the language, each with position, text and cure.

use expect_test::{Expect, expect};
use omnigraph_compiler::schema;

use super::{DOMAIN, errors};

fn check(source: &str, expected: Expect) {
    expected.assert_eq(&errors(source));
}

fn compiles(source: &str) {
    super::catalog(source);
}

#[test]
fn e01_syntax() {
    check(
        "node A { a: I32 b }",
        expect![[r#"
        1:19 parse error: unexpected '}', expected ':' <}>
    "#]],
    );
}

#[test]
fn e02_unknown_escape() {
    check(
        r#"node A { a: String @check(a, "\d+") }"#,
        expect![[r#"
        1:31 parse error: unsupported escape sequence '\d' <\d> | the escapes are \" \\ \n \r \t
    "#]],
    );
}

#[test]
fn e03_storage_names() {
    check(
        "node A { _rowid: I32 _rowaddr: I32 } interface I { _rowoffset: I32 }",
        expect![[r#"
        1:10 parse error: property name '_rowid' of A is reserved for storage <_rowid>
        1:22 parse error: property name '_rowaddr' of A is reserved for storage <_rowaddr>
        1:52 parse error: property name '_rowoffset' of I is reserved for storage <_rowoffset>
    "#]],
    );
    check(
        "edge E: A -> A { _row_created_at_version: I32 _row_last_updated_at_version: I64 } node A {}",
        expect![[r#"
        1:18 parse error: property name '_row_created_at_version' of E is reserved for storage <_row_created_at_version>
        1:47 parse error: property name '_row_last_updated_at_version' of E is reserved for storage <_row_last_updated_at_version>
    "#]],
    );
    compiles("node A { _row_id: I32 _ROWID: I32 }");
}

#[test]
fn e04_e05_vector_dimension() {
    check(
        "node A { a: Vector(0) b: Vector(2147483648) c: Vector(99999999999999999999999) d: Vector }",
        expect![[r#"
            1:20 parse error: Vector dimension of A.a must be at least 1 <0>
            1:33 parse error: Vector dimension 2147483648 of A.b exceeds maximum supported 2147483647 <2147483648>
            1:55 parse error: Vector dimension 99999999999999999999999 of A.c exceeds maximum supported 2147483647 <99999999999999999999999>
            1:83 parse error: unknown type 'Vector' <Vector> | a vector is written with its dimension, like `Vector(384)`
        "#]],
    );
    compiles("node A { a: Vector(1) b: Vector(2147483647)? }");
}

#[test]
fn e06_list_of_blob() {
    check(
        "node A { a: [Blob] }",
        expect![[r#"
        1:13 parse error: A.a is a list of Blob, which is not a type <[Blob]>
    "#]],
    );
}

#[test]
fn e07_duplicate_enum_values() {
    check(
        "node A { a: enum(x, y, x, x) }",
        expect![[r#"
        1:24 parse error: enum of A.a has duplicate values: 'x' <x>
        1:27 parse error: enum of A.a has duplicate values: 'x' <x>
    "#]],
    );
}

#[test]
fn e08_cardinality() {
    check(
        "node A {} edge E: A -> A @card(2..1) edge F: A -> A @card(4294967296..) edge G: A -> A @card(0..4294967296)",
        expect![[r#"
            1:26 parse error: cardinality of edge 'E' has its minimum above its maximum <@card(2..1)> | swap the bounds: @card(1..2)
            1:59 parse error: cardinality bound 4294967296 of edge 'F' does not fit 32 bits <4294967296>
            1:97 parse error: cardinality bound 4294967296 of edge 'G' does not fit 32 bits <4294967296>
        "#]],
    );
    compiles("node A {} edge E: A -> A @card(4294967295..4294967295)");
}

#[test]
fn e09_unknown_interface() {
    check(
        "interface Titled {} node A implements Titeld, A {}",
        expect![[r#"
        1:39 catalog error: node 'A' implements unknown interface 'Titeld' <Titeld> | did you mean 'Titled'?
        1:47 catalog error: node 'A' implements unknown interface 'A' <A>
    "#]],
    );
    // What an unknown interface might have brought is not reported as missing.
    check(
        "node A implements X { v: Vector(2) @embed(body) @unique(title) }",
        expect![[r#"
        1:19 catalog error: node 'A' implements unknown interface 'X' <X>
    "#]],
    );
}

#[test]
fn e10_interface_type_mismatch() {
    check(
        "interface I { a: String b: enum(x, y)? } node A implements I { a: String? b: enum(y, z)? }",
        expect![[r#"
            1:64 catalog error: property A.a is String? but interface 'I' declares it String <a>
            1:75 catalog error: property A.b is enum(y, z)? but interface 'I' declares it enum(x, y)? <b>
        "#]],
    );
    compiles("interface I { b: enum(x, y)? } node A implements I { b: enum(y, x)? }");
}

#[test]
fn e11_conflicting_interfaces() {
    check(
        "interface I { a: String @index b: I32 c: I32 @unit(\"m\") }
         interface J { a: String b: I64 c: I32 }
         node A implements I, J {}",
        expect![[r#"
            3:15 catalog error: the interfaces of node 'A' define property 'a' differently <A> | declare 'a' in the node itself
            3:15 catalog error: the interfaces of node 'A' define property 'b' differently <A> | declare 'b' in the node itself
            3:15 catalog error: the interfaces of node 'A' define property 'c' differently <A> | declare 'c' in the node itself
        "#]],
    );
    compiles(
        "interface I { a: String @index } interface J { a: String } node A implements I, J { a: String }",
    );
}

#[test]
fn e12_marks_in_node_headers() {
    check(
        "node A @key @unique @index(a, b) @embed(a) { a: I32 }",
        expect![[r#"
        1:8 parse error: @key is only supported on node properties, not on node 'A' <@key> | list the properties in the body, like `@key(slug)`
        1:13 parse error: @unique is only supported on node properties, not on node 'A' <@unique> | list the properties in the body, like `@unique(slug)`
        1:21 parse error: @index is only supported on node properties, not on node 'A' <@index(a, b)> | list the properties in the body, like `@index(slug)`
        1:34 parse error: @embed is only supported on node properties, not on node 'A' <@embed(a)>
    "#]],
    );
}

#[test]
fn e13_marks_in_edge_headers() {
    check(
        "node A {} edge E: A -> A @key @unique(src, dst) @index @embed(x)",
        expect![[r#"
        1:26 parse error: @key is not supported on edge 'E' <@key>
        1:31 parse error: @unique is not supported on edge 'E' <@unique(src, dst)> | list the members in the body, like `@unique(src, dst)`
        1:49 parse error: @index is not supported on edge 'E' <@index> | list the members in the body, like `@index(src, dst)`
        1:56 parse error: @embed is not supported on edge 'E' <@embed(x)>
    "#]],
    );
}

#[test]
fn e14_key_and_embed_on_edge_properties() {
    check(
        "node A {} edge E: A -> A { a: String @key v: Vector(2) @embed(a) b: I32 @unique @index }",
        expect![[r#"
        1:38 parse error: @key is not supported on edge properties (E.a) <@key>
        1:56 parse error: @embed is not supported on edge properties (E.v) <@embed(a)>
    "#]],
    );
}

#[test]
fn e15_constraints_in_edge_bodies() {
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
fn e16_marks_on_list_properties() {
    check(
        "node A { s: String a: [I32] @key @unique @index @embed(s) }",
        expect![[r#"
        1:29 parse error: @key is not supported on list property A.a <@key>
        1:34 parse error: @unique is not supported on list property A.a <@unique>
        1:42 parse error: @index is not supported on list property A.a <@index>
        1:49 parse error: @embed is not supported on list property A.a <@embed(s)>
    "#]],
    );
}

#[test]
fn e17_marks_on_vector_properties() {
    check(
        "node A { a: Vector(2) @key b: Vector(2) @unique c: Vector(2) @index }",
        expect![[r#"
        1:23 parse error: @key is not supported on vector property A.a <@key>
        1:41 parse error: @unique is not supported on vector property A.b <@unique>
    "#]],
    );
}

#[test]
fn e18_marks_on_blob_properties() {
    check(
        "node A { s: String a: Blob @key @unique @index @embed(s) b: Blob @key(b) @unique(b) @index(b) }",
        expect![[r#"
            1:28 parse error: @key is not supported on blob property A.a <@key>
            1:33 parse error: @unique is not supported on blob property A.a <@unique>
            1:41 parse error: @index is not supported on blob property A.a <@index>
            1:48 parse error: @embed is not supported on blob property A.a <@embed(s)>
            1:66 parse error: @key is not supported on blob property A.b <@key(b)>
            1:74 parse error: @unique is not supported on blob property A.b <@unique(b)>
            1:85 parse error: @index is not supported on blob property A.b <@index(b)>
        "#]],
    );
}

#[test]
fn e19_repeated_marks() {
    check(
        "node A { a: String @key @key b: I32 @unique @unique @index @index v: Vector(2) @embed(a) @embed(a) }",
        expect![[r#"
            1:25 parse error: property A.a declares @key multiple times <@key>
            1:45 parse error: property A.b declares @unique multiple times <@unique>
            1:60 parse error: property A.b declares @index multiple times <@index>
            1:90 parse error: property A.v declares @embed multiple times <@embed(a)>
        "#]],
    );
}

#[test]
fn e20_multiple_keys() {
    check(
        "node A { a: I32 @key b: I32 @key }",
        expect![[r#"
        1:22 parse error: multiple @key on node 'A' <b> | a key of several properties is written `@key(a, b)` in the body
    "#]],
    );
    check(
        "node A { a: I32 @key @key(a) }",
        expect![[r#"
        1:22 parse error: multiple @key on node 'A' <@key(a)> | a key of several properties is written `@key(a, b)` in the body
    "#]],
    );
    check(
        "node A { a: I32 b: I32 @key(a) @key(a, b) }",
        expect![[r#"
        1:32 parse error: multiple @key on node 'A' <@key(a, b)> | a key of several properties is written `@key(a, b)` in the body
    "#]],
    );
    check(
        "interface I { a: I32 @key } node A implements I { b: I32 @key }",
        expect![[r#"
        1:51 parse error: multiple @key on node 'A' <b> | a key of several properties is written `@key(a, b)` in the body
    "#]],
    );
    check(
        "interface I { a: I32 @key } interface J { b: I32 @key } node A implements I, J {}",
        expect![[r#"
        1:62 catalog error: multiple @key on node 'A' <A> | a key of several properties is written `@key(a, b)` in the body
    "#]],
    );
    compiles("node A { a: I32 @key(a) @key(a) }");
    compiles("interface I { a: I32 @key } interface J { a: I32 @key } node A implements I, J {}");
}

#[test]
fn e21_key_types() {
    check(
        "node A { a: I32? @key } interface I { b: I32? @key }",
        expect![[r#"
        1:18 parse error: key property A.a cannot be nullable <@key> | remove the `?`
        1:47 parse error: key property I.b cannot be nullable <@key> | remove the `?`
    "#]],
    );
    check(
        "node A { a: I32? b: [I32] c: Vector(2) d: Blob e: enum(x) @key(a, b, c, d, e) }",
        expect![[r#"
            1:59 parse error: @key is not supported on blob property A.d <@key(a, b, c, d, e)>
            1:59 parse error: @key is not supported on list property A.b <@key(a, b, c, d, e)>
            1:59 parse error: @key is not supported on vector property A.c <@key(a, b, c, d, e)>
            1:59 parse error: key property A.a cannot be nullable <@key(a, b, c, d, e)>
        "#]],
    );
    check(
        "interface I { a: I32? } node A implements I { @key(a) }",
        expect![[r#"
        1:47 catalog error: key property A.a cannot be nullable <@key(a)>
    "#]],
    );
}

#[test]
fn e22_unknown_member() {
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
fn e23_range_needs_numbers() {
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
fn e24_check_needs_text() {
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
fn e25_constraint_arguments() {
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
fn e26_embed_on_other_types() {
    check(
        "node A { s: String a: String @embed(s) b: F32 @embed(s) }",
        expect![[r#"
        1:30 parse error: @embed is only supported on vector properties; A.a is String <@embed(s)>
        1:47 parse error: @embed is only supported on vector properties; A.b is F32 <@embed(s)>
    "#]],
    );
}

#[test]
fn e27_embed_without_source() {
    check(
        "node A { s: String a: Vector(2) @embed b: Vector(2) @embed(\" \") }",
        expect![[r#"
        1:33 parse error: @embed on property A.a requires a source property name <@embed> | name the String property that is embedded, like `@embed(body)`
        1:53 parse error: @embed on property A.b requires a source property name <@embed(" ")> | name the String property that is embedded, like `@embed(body)`
    "#]],
    );
}

#[test]
fn e28_embed_unknown_source() {
    check(
        "node A { body: String v: Vector(2) @embed(boddy) }",
        expect![[r#"
        1:36 parse error: @embed on property A.v references unknown source property 'boddy' <@embed(boddy)> | did you mean 'body'?
    "#]],
    );
    check(
        "interface I { v: Vector(2) @embed(body) }",
        expect![[r#"
        1:28 parse error: @embed on property I.v references unknown source property 'body' <@embed(body)>
    "#]],
    );
    check(
        "interface I { v: Vector(2) @embed(body) } node A implements I {}",
        expect![[r#"
        1:28 catalog error: @embed on property A.v references unknown source property 'body' <@embed(body)>
    "#]],
    );
    compiles("interface I { v: Vector(2) @embed(body) } node A implements I { body: String? }");
    compiles("interface I { body: String } node A implements I { v: Vector(2) @embed(body, model=\"m\") }");
}

#[test]
fn e29_embed_source_type() {
    check(
        "node A { a: [String] b: I32 c: Blob d: enum(x)
           v: Vector(2) @embed(a) w: Vector(2) @embed(b) x: Vector(2) @embed(c) y: Vector(2) @embed(d) }",
        expect![[r#"
            2:25 parse error: @embed on property A.v has source 'a' of type [String], which must be String <@embed(a)>
            2:48 parse error: @embed on property A.w has source 'b' of type I32, which must be String <@embed(b)>
            2:71 parse error: @embed on property A.x has source 'c' of type Blob, which must be String <@embed(c)>
            2:94 parse error: @embed on property A.y has source 'd' of type enum(x), which must be String <@embed(d)>
        "#]],
    );
    check(
        "interface I { v: Vector(2) @embed(body) body: I32 }",
        expect![[r#"
        1:28 parse error: @embed on property I.v has source 'body' of type I32, which must be String <@embed(body)>
    "#]],
    );
}

#[test]
fn e30_embed_keywords() {
    check(
        "node A { s: String v: Vector(2) @embed(s, modle=\"m\", dim=3) }",
        expect![[r#"
        1:43 parse error: @embed on property A.v has keyword 'modle': only 'model' is supported <modle>
        1:54 parse error: @embed on property A.v has keyword 'dim': only 'model' is supported <dim>
    "#]],
    );
    check(
        "node A { s: String v: Vector(2) @embed(s, model=\"m\", model=\"n\") }",
        expect![[r#"
        1:54 parse error: @embed on property A.v gives 'model' multiple times <model>
    "#]],
    );
}

#[test]
fn e31_blank_texts() {
    check(
        "node A @description @instruction(\"  \") { a: I32 @description(\"\\n\") } edge E: A -> A @description(\"\")",
        expect![[r#"
            1:8 parse error: @description on node 'A' requires a text that is not blank <@description>
            1:21 parse error: @instruction on node 'A' requires a text that is not blank <@instruction("  ")>
            1:49 parse error: @description on property A.a requires a text that is not blank <@description("\n")>
            1:85 parse error: @description on edge 'E' requires a text that is not blank <@description("")>
        "#]],
    );
}

#[test]
fn e32_repeated_texts() {
    check(
        "node A @description(\"a\") @description(\"a\") @instruction(\"b\") @instruction(\"c\")
         { a: I32 @description(\"a\") @description(\"b\") }",
        expect![[r#"
            1:26 parse error: node 'A' declares @description multiple times <@description("a")>
            1:62 parse error: node 'A' declares @instruction multiple times <@instruction("c")>
            2:37 parse error: property A.a declares @description multiple times <@description("b")>
        "#]],
    );
}

#[test]
fn e33_instruction_on_property() {
    check(
        "node A { a: I32 @instruction(\"x\") } interface I { b: I32 @instruction(\"x\") }",
        expect![[r#"
        1:17 parse error: @instruction is only supported on node and edge types, not on property A.a <@instruction("x")>
        1:58 parse error: @instruction is only supported on node and edge types, not on property I.b <@instruction("x")>
    "#]],
    );
}

#[test]
fn e34_rename_from() {
    check(
        "node A @rename_from { a: I32 @rename_from(\"\") b: I32 @rename_from(\"x\", y=1) c: I32 @rename_from(x) @rename_from(x) }",
        expect![[r#"
            1:8 parse error: @rename_from on node 'A' requires the former name <@rename_from> | write the former name in quotes, like `@rename_from("Old")`
            1:30 parse error: @rename_from on property A.a requires the former name <@rename_from("")> | write the former name in quotes, like `@rename_from("Old")`
            1:72 parse error: @rename_from on property A.b takes no keyword arguments <y>
            1:100 parse error: property A.c declares @rename_from multiple times <@rename_from(x)>
        "#]],
    );
    check(
        "node A @rename_from(\"B\", \"C\") {}",
        expect![[r#"
        1:8 parse error: malformed arguments of @rename_from <@rename_from("B", "C")> | write the former name in quotes, like `@rename_from("Old")`
    "#]],
    );
}

#[test]
fn e35_duplicate_declarations() {
    check(
        "interface X {} interface X {} node X {} node X {} edge X: X -> X edge X: X -> X",
        expect![[r#"
            1:26 catalog error: duplicate interface 'X' <X>
            1:46 catalog error: duplicate node type 'X' <X>
            1:71 catalog error: duplicate edge type 'X' <X>
        "#]],
    );
    compiles("interface Shared {} node Shared {} edge Shared: Shared -> Shared node SHARED {}");
}

#[test]
fn e36_duplicate_properties() {
    check(
        "interface I { a: I32 a: I32 } node A { b: I32 b: String } edge E: A -> A { c: I32, c: I32 }",
        expect![[r#"
            1:22 parse error: duplicate property 'a' in interface 'I' <a>
            1:47 parse error: duplicate property 'b' in node 'A' <b>
            1:84 parse error: duplicate property 'c' in edge 'E' <c>
        "#]],
    );
}

#[test]
fn e37_edge_names_after_case_folding() {
    check(
        "node A {} edge WorksAt: A -> A edge Worksat: A -> A edge WORKSAT: A -> A",
        expect![[r#"
        1:37 catalog error: edge names 'WorksAt' and 'Worksat' are equal after case folding <Worksat>
        1:58 catalog error: edge names 'WorksAt' and 'WORKSAT' are equal after case folding <WORKSAT>
    "#]],
    );
}

#[test]
fn e38_unknown_endpoints() {
    check(
        "interface I {} node Person {} edge E: Persn -> I edge F: E -> Company",
        expect![[r#"
        1:39 catalog error: unknown source type 'Persn' of edge 'E' <Persn> | did you mean 'Person'?
        1:48 catalog error: unknown target type 'I' of edge 'E' <I> | 'I' is an interface; an edge connects node types
        1:58 catalog error: unknown source type 'E' of edge 'F' <E>
        1:63 catalog error: unknown target type 'Company' of edge 'F' <Company>
    "#]],
    );
}

#[test]
fn e39_physical_names_come_last() {
    check(
        "node A { id: String } edge E: A -> A { id: I32 src: I32 dst: I32 from: I32 to: I32 } node B implements C {}",
        expect![[r#"
            1:104 catalog error: node 'B' implements unknown interface 'C' <C>
            1:10 catalog error: property name 'id' is reserved on nodes (A) <id>
            1:40 catalog error: property name 'id' is reserved on edges (E) <id>
            1:48 catalog error: property name 'src' is reserved on edges (E) <src>
            1:57 catalog error: property name 'dst' is reserved on edges (E) <dst>
            1:66 catalog error: property name 'from' is reserved on edges (E) <from>
            1:76 catalog error: property name 'to' is reserved on edges (E) <to>
        "#]],
    );
    check(
        "interface I { id: String } node A implements I {}",
        expect![[r#"
        1:15 catalog error: property name 'id' is reserved on nodes (A) <id>
    "#]],
    );
    compiles("node A { src: I32 dst: I32 from: I32 to: I32 }");
}

#[test]
fn e40_patterns_and_bounds() {
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
fn e41_body_forms_on_lists_and_vectors() {
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
fn e42_repeated_members() {
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
fn metrics_of_other_types_and_places() {
    check(
        r#"node A @index(metric="dot") { i: I32 @index(metric="dot") l: [F32] @index(metric="dot") @index(l, metric="dot") s: String @index(s, metric="cosine") v: Vector(2) w: Vector(2) @index(v, w, metric="dot") }
           interface I { i: String @index(metric="l2") n: I32 }
           node B implements I { @index(n, metric="dot") }
           edge E: A -> A @index(metric="dot") { v: Vector(2) @index(metric="dot") @index(v, metric="dot") @index(src, metric="dot") }"#,
        expect![[r#"
            1:8 parse error: @index is only supported on node properties, not on node 'A' <@index(metric="dot")> | list the properties in the body, like `@index(slug)`
            1:45 parse error: a metric is only supported on vector properties; A.i is I32 <metric> | write `@index` alone
            1:68 parse error: @index is not supported on list property A.l <@index(metric="dot")>
            1:89 parse error: @index is not supported on list property A.l <@index(l, metric="dot")>
            1:133 parse error: a metric is only supported on vector properties; A.s is String <metric> | write `@index(s)`
            1:189 parse error: @index on node 'A' has keyword 'metric' and several members <metric> | write one index per vector, like `@index(vec, metric="cosine")`
            2:43 parse error: a metric is only supported on vector properties; I.i is String <metric> | write `@index` alone
            4:27 parse error: @index is not supported on edge 'E' <@index(metric="dot")> | list the members in the body, like `@index(src, dst)`
            4:70 parse error: a metric is not supported on edge properties (E.v) <metric> | `nearest` ranks nodes; leave the metric out
            4:94 parse error: a metric is not supported on edge properties (E.v) <metric> | `nearest` ranks nodes; leave the metric out
            4:120 parse error: a metric is not supported on edge properties (E.src) <metric> | `nearest` ranks nodes; leave the metric out
            3:44 catalog error: a metric is only supported on vector properties; B.n is I32 <metric> | write `@index(n)`
        "#]],
    );
    compiles("node A { v: Vector(2) @index } edge E: A -> A { v: Vector(2) @index @index(v) }");
}

#[test]
fn metrics_without_a_meaning() {
    check(
        r#"node A {
  a: Vector(2) @index(metric="cosin")
  b: Vector(2) @index(metric="euclidean")
  c: Vector(2) @index(c, metric="Hamming")
  d: Vector(2) @index(metric=2)
  e: Vector(2) @index(metrics="dot", lists=3)
  f: Vector(2) @index(f, lists=3, metric="dot")
}"#,
        expect![[r#"
            2:23 parse error: @index on property A.a names unknown metric 'cosin' <metric> | did you mean 'cosine'?
            3:23 parse error: @index on property A.b names unknown metric 'euclidean' <metric> | did you mean 'l2'?
            4:26 parse error: @index on property A.c names unknown metric 'Hamming' <metric> | the metrics are 'l2', 'cosine', 'dot'
            5:23 parse error: @index on property A.d names unknown metric '2' <metric> | did you mean 'l2'?
            6:23 parse error: @index on property A.e has keyword 'metrics': only 'metric' is supported <metrics> | did you mean 'metric'?
            6:38 parse error: @index on property A.e has keyword 'lists': only 'metric' is supported <lists>
            7:26 parse error: @index on property A.f has keyword 'lists': only 'metric' is supported <lists>
        "#]],
    );
}

#[test]
fn metrics_given_twice() {
    check(
        r#"node A implements I, J {
  a: Vector(2) @index(metric="dot", metric="dot")
  b: Vector(2) @index(b, metric="dot", metric="l2")
  c: Vector(2) @index(metric="dot") @index(c, metric="l2")
  d: Vector(2) @index(d, metric="cosine") @index(d, metric="dot")
  e: Vector(2) @index(metric="dot") @index
  @index(i, metric="dot")
}
interface I { i: Vector(2) @index(metric="cosine") j: Vector(2) @index }
interface J { j: Vector(2) @index(metric="dot") }"#,
        expect![[r#"
            2:37 parse error: @index on property A.a gives 'metric' multiple times <metric>
            3:40 parse error: @index on property A.b gives 'metric' multiple times <metric>
            4:47 parse error: @index gives property A.c both metrics dot and l2 <metric> | say it in one place
            5:53 parse error: @index gives property A.d both metrics cosine and dot <metric> | say it in one place
            6:37 parse error: property A.e declares @index multiple times <@index>
            1:6 catalog error: the interfaces of node 'A' define property 'j' differently <A> | declare 'j' in the node itself
            7:13 catalog error: @index gives property A.i both metrics cosine and dot <metric> | say it in one place
        "#]],
    );
}

#[test]
fn an_index_without_a_metric_contradicts_none() {
    compiles(r#"node A { v: Vector(2) @index(metric="dot") @index(v) @index(v, metric="dot") }"#);
    compiles(
        r#"interface I { v: Vector(2) @index } interface J { v: Vector(2) @index(metric="l2") }
           node A implements I, J { @index(v, metric="dot") }"#,
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

#[test]
fn errors_of_all_stages_are_reported_in_order() {
    check(
        "edge E: A -> Z\nnode A implements I {\n  id: String\n  v: Vector(0)\n  w: Strng\n  @unique(q)\n}\nnode A {}\n",
        expect![[r#"
            4:13 parse error: Vector dimension of A.v must be at least 1 <0>
            5:6 parse error: unknown type 'Strng' <Strng> | did you mean 'String'?
            1:14 catalog error: unknown target type 'Z' of edge 'E' <Z> | did you mean 'A'?
            2:19 catalog error: node 'A' implements unknown interface 'I' <I>
            8:6 catalog error: duplicate node type 'A' <A>
            3:3 catalog error: property name 'id' is reserved on nodes (A) <id>
        "#]],
    );
}
