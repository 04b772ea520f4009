//! Errors of annotations: where they stand, and what they are given.

use expect_test::expect;

use super::{check, compiles};

#[test]
fn marks_do_not_stand_in_node_headers() {
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
fn marks_do_not_stand_in_edge_headers() {
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
fn edge_properties_are_neither_keys_nor_embedded() {
    check(
        "node A {} edge E: A -> A { a: String @key v: Vector(2) @embed(a) b: I32 @unique @index }",
        expect![[r#"
        1:38 parse error: @key is not supported on edge properties (E.a) <@key>
        1:56 parse error: @embed is not supported on edge properties (E.v) <@embed(a)>
    "#]],
    );
}

#[test]
fn list_properties_have_no_marks() {
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
fn vector_properties_are_neither_keys_nor_unique() {
    check(
        "node A { a: Vector(2) @key b: Vector(2) @unique c: Vector(2) @index }",
        expect![[r#"
        1:23 parse error: @key is not supported on vector property A.a <@key>
        1:41 parse error: @unique is not supported on vector property A.b <@unique>
    "#]],
    );
}

#[test]
fn blob_properties_have_no_marks_in_either_form() {
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
fn a_mark_stands_once_on_a_property() {
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
fn a_node_has_one_key() {
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
fn key_properties_are_required_and_of_a_key_type() {
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
fn only_vectors_are_embedded() {
    check(
        "node A { s: String a: String @embed(s) b: F32 @embed(s) }",
        expect![[r#"
        1:30 parse error: @embed is only supported on vector properties; A.a is String <@embed(s)>
        1:47 parse error: @embed is only supported on vector properties; A.b is F32 <@embed(s)>
    "#]],
    );
}

#[test]
fn embed_names_its_source() {
    check(
        "node A { s: String a: Vector(2) @embed b: Vector(2) @embed(\" \") }",
        expect![[r#"
        1:33 parse error: @embed on property A.a requires a source property name <@embed> | name the String property that is embedded, like `@embed(body)`
        1:53 parse error: @embed on property A.b requires a source property name <@embed(" ")> | name the String property that is embedded, like `@embed(body)`
    "#]],
    );
}

#[test]
fn embedded_sources_exist() {
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
fn embedded_sources_are_texts() {
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
fn embed_takes_the_keyword_model_only() {
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
fn descriptions_and_instructions_are_not_blank() {
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
fn descriptions_and_instructions_stand_once() {
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
fn properties_have_no_instruction() {
    check(
        "node A { a: I32 @instruction(\"x\") } interface I { b: I32 @instruction(\"x\") }",
        expect![[r#"
        1:17 parse error: @instruction is only supported on node and edge types, not on property A.a <@instruction("x")>
        1:58 parse error: @instruction is only supported on node and edge types, not on property I.b <@instruction("x")>
    "#]],
    );
}

#[test]
fn rename_hints_name_the_former_name_once() {
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
