//! Lexical rules, grammar, recovery, printing.

use expect_test::{Expect, expect};
use omnigraph_compiler::schema;

use super::{catalog, errors, lines};

/// Parses and prints.
fn check(source: &str, expected: Expect) {
    match schema::parse(source) {
        Ok(tree) => expected.assert_eq(&schema::print(&tree)),
        Err(e) => panic!("{}", e.render("test.pg", source, false)),
    }
}

fn check_errors(source: &str, expected: Expect) {
    match schema::parse(source) {
        Ok(tree) => panic!("parses:\n{}", schema::print(&tree)),
        Err(e) => expected.assert_eq(&lines(&e.0, source)),
    }
}

#[test]
fn every_construct_prints_in_the_usual_layout() {
    check(
        r#"
        // line comment
        interface Titled{title:String@index vec:Vector(4)@embed(title,model="m")}
        /* block * comment / */ node Article @description("Published \"text\"\n") @owner("a", team = 3, ok=true)
          implements Titled , Dated { slug: String @key, body: String?, words: I32? @range(words, 0..)
          @range(words,-1.5..2) @range(words,..5) tags:[String]? state: enum(todo, in-progress, 3d, Done, -x) @unique(slug, words)
          @check(slug,"^[a-z]+$") @index(words) @key(a,b) flag: Bool @rename_from(old) @x(trueish) @y(true) @z(1.50), }
        edge Cites:Article->Article@card(0..50)@description("Reference"){weight:F64? @unique(src,dst)}
        edge Bare : A -> B @card(1..) @note
        "#,
        expect![[r#"
            interface Titled {
                title: String @index
                vec: Vector(4) @embed(title, model="m")
            }

            node Article @description("Published \"text\"\n") @owner("a", team=3, ok=true) implements Titled, Dated {
                slug: String @key
                body: String?
                words: I32?
                @range(words, 0..)
                @range(words, -1.5..2)
                @range(words, ..5)
                tags: [String]?
                state: enum(todo, in-progress, 3d, Done, -x)
                @unique(slug, words)
                @check(slug, "^[a-z]+$")
                @index(words)
                @key(a, b)
                flag: Bool @rename_from(old) @x(trueish) @y(true) @z(1.50)
            }

            edge Cites: Article -> Article @card(0..50) @description("Reference") {
                weight: F64?
                @unique(src, dst)
            }

            edge Bare: A -> B @card(1..) @note
        "#]],
    );
}

#[test]
fn a_metric_prints_where_it_is_written() {
    check(
        r#"interface I{v:Vector(2)@index ( metric = "dot" )@description("d")}
           node A{ v:Vector(2)?@index(metric="cosine")w:Vector(2)@index(w,metric="l2")@index(v,w)index:Vector(2)@index(metric)}"#,
        expect![[r#"
            interface I {
                v: Vector(2) @index(metric="dot") @description("d")
            }

            node A {
                v: Vector(2)? @index(metric="cosine")
                w: Vector(2)
                @index(w, metric="l2")
                @index(v, w)
                index: Vector(2)
                @index(metric)
            }
        "#]],
    );
}

#[test]
fn metrics_in_the_wrong_place_or_shape_are_syntax_errors() {
    check_errors(
        r#"node A {
  @index(metric="cosine")
  v: Vector(2), @index(metric="cosine")
  w: Vector(2) @index(v) @index(metric="cosine")
  x: Vector(2) @index(metric=cosine) @description("kept")
  y: Vector(2) @index(metric="cosine", y) @index(y, metric=) @index(metric="dot", y)
  @index("cosine") @index(x, metric="dot", y) @unique(x, metric="dot") @key(metric="dot")
  z: Vectr( @index(metric="dot")
  z: Vector(2) @x(metric="dot")
}"#,
        expect![[r#"
            2:3 parse error: @index without a member follows no property <@index(metric="cosine")> | write it on the property, or name the property first, like `@index(vec, metric="cosine")`
            3:17 parse error: @index without a member follows no property <@index(metric="cosine")> | write it on the property, or name the property first, like `@index(vec, metric="cosine")`
            4:26 parse error: @index without a member follows no property <@index(metric="cosine")> | write it on the property, or name the property first, like `@index(vec, metric="cosine")`
            5:16 parse error: malformed arguments of @index <@index(metric=cosine)> | give the metric alone and in quotes, like `@index(metric="cosine")`
            6:16 parse error: malformed arguments of @index <@index(metric="cosine", y)> | give the metric alone and in quotes, like `@index(metric="cosine")`
            6:43 parse error: malformed arguments of @index <@index(y, metric=)> | list property names, separated by commas, or one vector with its metric, like `@index(vec, metric="cosine")`
            6:62 parse error: @index without a member follows no property <@index(metric="dot", y)> | write it on the property, or name the property first, like `@index(vec, metric="cosine")`
            7:3 parse error: malformed arguments of @index <@index("cosine")> | list property names, separated by commas, or one vector with its metric, like `@index(vec, metric="cosine")`
            7:20 parse error: malformed arguments of @index <@index(x, metric="dot", y)> | list property names, separated by commas, or one vector with its metric, like `@index(vec, metric="cosine")`
            7:47 parse error: malformed arguments of @unique <@unique(x, metric="dot")> | list property names, separated by commas
            7:72 parse error: malformed arguments of @key <@key(metric="dot")> | list property names, separated by commas
            8:11 parse error: unexpected '(', expected ',' or '?' or a body constraint or a property or an annotation <(>
            9:16 parse error: malformed arguments of @x <@x(metric="dot")> | write one value, then `name=literal` pairs; quote whatever is not a plain identifier
            8:6 parse error: unknown type 'Vectr' <Vectr>
            9:3 parse error: duplicate property 'z' in node 'A' <z>
        "#]],
    );
}

#[test]
fn an_index_of_a_property_without_keywords_belongs_to_a_body() {
    check_errors(
        r#"interface I { v: Vector(2)? @index(me tric="dot") w: Vector(2) @index(w) }"#,
        expect![[r#"
            1:29 parse error: unexpected '@', expected ',' or a property <@>
            1:64 parse error: unexpected '@', expected ',' or '?' or a property <@>
        "#]],
    );
}

#[test]
fn an_empty_file_is_a_schema() {
    check("", expect![""]);
    check(" // nothing", expect![""]);
    assert_eq!(catalog("/* nothing */").next_id, 1);
}

#[test]
fn keywords_are_names_where_names_stand() {
    check(
        "node A { node: String, enum: enum(enum, node, String) interface: Bool edge: I32 implements: I64 true: F32 false: F64 }",
        expect![[r#"
            node A {
                node: String
                enum: enum(enum, node, String)
                interface: Bool
                edge: I32
                implements: I64
                true: F32
                false: F64
            }
        "#]],
    );
}

#[test]
fn keywords_end_at_word_boundaries() {
    check_errors(
        "nodeFoo {}",
        expect![[r#"
        1:1 parse error: unexpected 'nodeFoo', expected a declaration <nodeFoo>
    "#]],
    );
    check_errors(
        "node A implementsB {}",
        expect![[r#"
        1:8 parse error: unexpected 'implementsB', expected 'implements' or '{' or an annotation <implementsB>
    "#]],
    );
    check_errors(
        "edge A: B -> C @cards(0..1)",
        expect![[r#"
        1:16 parse error: malformed arguments of @cards <@cards(0..1)> | write one value, then `name=literal` pairs; quote whatever is not a plain identifier
    "#]],
    );
}

#[test]
fn a_constraint_word_with_parenthesis_starts_a_body_constraint() {
    check(
        "node A { email: String @unique(email) }",
        expect![[r#"
            node A {
                email: String
                @unique(email)
            }
        "#]],
    );
}

#[test]
fn hash_is_no_comment() {
    check_errors(
        "# comment\nnode A {} # other\nnode B { x: Foo }",
        expect![[r#"
        1:1 parse error: unexpected '#' <#> | comments start with `//`
        2:11 parse error: unexpected '#' <#> | comments start with `//`
        3:13 parse error: unknown type 'Foo' <Foo> | did you mean 'Bool'?
    "#]],
    );
}

#[test]
fn strange_characters_are_reported_together() {
    check_errors(
        "node A { ключ: String; b: I32 }",
        expect![[r#"
        1:10 parse error: unexpected 'ключ' <ключ>
        1:14 parse error: unexpected ':', expected a body constraint or a property <:>
        1:22 parse error: unexpected ';' <;>
    "#]],
    );
}

#[test]
fn unterminated_texts_are_reported_once() {
    check_errors(
        "node A {} /* open",
        expect![[r#"
        1:11 parse error: unterminated block comment </*>
    "#]],
    );
    check_errors(
        "node A @description(\"open) {}",
        expect![[r#"
        1:21 parse error: unterminated string <">
    "#]],
    );
}

#[test]
fn unknown_escapes_are_all_reported() {
    check_errors(
        r#"node A @description("a\qb\é") @instruction("\u0041") {}"#,
        expect![[r#"
        1:23 parse error: unsupported escape sequence '\q' <\q> | the escapes are \" \\ \n \r \t
        1:26 parse error: unsupported escape sequence '\é' <\é> | the escapes are \" \\ \n \r \t
        1:45 parse error: unsupported escape sequence '\u' <\u> | the escapes are \" \\ \n \r \t
    "#]],
    );
}

#[test]
fn raw_line_breaks_stand_in_strings() {
    let tree = schema::parse("node A @description(\"one\n\ttwo é\") {}").unwrap();
    assert_eq!(schema::print(&tree), "node A @description(\"one\\n\\ttwo é\") {}\n");
}

#[test]
fn order_of_headers_is_fixed() {
    check_errors(
        "node A implements B @description(\"d\") {}",
        expect![[r#"
        1:21 parse error: unexpected '@', expected ',' or '{' <@> | annotations come before `implements`
    "#]],
    );
    check_errors(
        "edge E: A -> B @description(\"d\") @card(0..1)",
        expect![[r#"
        1:34 parse error: malformed cardinality: @card is no annotation of edge 'E' <@card(0..1)> | an edge has `@card(min..max)` right after its endpoints, before every annotation
    "#]],
    );
    check_errors(
        "edge E: A -> B @card(1) {}",
        expect![[r#"
        1:16 parse error: malformed cardinality: @card is no annotation of edge 'E' <@card(1)> | an edge has `@card(min..max)` right after its endpoints, before every annotation
    "#]],
    );
}

#[test]
fn braces_are_required_on_nodes_and_interfaces() {
    check_errors(
        "node A",
        expect![[r#"
        1:6 parse error: unexpected end of the schema, expected 'implements' or '{' or an annotation <A>
    "#]],
    );
    check_errors(
        "interface A interface B {}",
        expect![[r#"
        1:13 parse error: unexpected 'interface', expected '{' <interface>
    "#]],
    );
}

#[test]
fn interfaces_hold_properties_only() {
    check_errors(
        "interface I { a: I32 @unique(a) b: I32 }",
        expect![[r#"
        1:22 parse error: unexpected '@', expected ',' or '?' or a property <@>
    "#]],
    );
    check_errors(
        "interface I @description(\"d\") {}",
        expect![[r#"
        1:13 parse error: unexpected '@', expected '{' <@> | an interface takes no annotations
    "#]],
    );
}

#[test]
fn types_do_not_nest() {
    check_errors(
        "node A { a: [[I32]] b: [enum(x)] c: [Vector(3)] d: [I32?] e: enum(\"x\") f: enum() }",
        expect![[r#"
        1:14 parse error: unexpected '[', expected a type name <[>
        1:25 parse error: unexpected 'enum', expected a type name <enum>
        1:44 parse error: unexpected '(', expected ']' <(>
        1:56 parse error: unexpected '?', expected ']' <?>
        1:67 parse error: unexpected a string, expected an enum value <"x">
        1:80 parse error: unexpected ')', expected an enum value <)>
    "#]],
    );
}

#[test]
fn annotation_arguments_have_one_shape() {
    check_errors(
        "node A @a(x=1) @b(1, 2) @c() @d(\"x\", k=word) @rename_from(Old) @e(-1) { p: I32 @embed(a b) }",
        expect![[r#"
            1:8 parse error: malformed arguments of @a <@a(x=1)> | write one value, then `name=literal` pairs; quote whatever is not a plain identifier
            1:16 parse error: malformed arguments of @b <@b(1, 2)> | write one value, then `name=literal` pairs; quote whatever is not a plain identifier
            1:25 parse error: malformed arguments of @c <@c()> | write one value, then `name=literal` pairs; quote whatever is not a plain identifier
            1:30 parse error: malformed arguments of @d <@d("x", k=word)> | write one value, then `name=literal` pairs; quote whatever is not a plain identifier
            1:46 parse error: malformed arguments of @rename_from <@rename_from(Old)> | write the former name in quotes, like `@rename_from("Old")`
            1:64 parse error: malformed arguments of @e <@e(-1)> | write one value, then `name=literal` pairs; quote whatever is not a plain identifier
            1:80 parse error: malformed arguments of @embed <@embed(a b)> | write the source property, like `@embed(body)` or `@embed(body, model="m")`
        "#]],
    );
}

#[test]
fn several_syntax_errors_are_reported_at_once() {
    check_errors(
        "node A {\n  a String\n  b: I32 @key @\n  c: [String\n  d: I32\n}\nedge E A -> B\nnode C {\n  x: I32\nnode D { y; z: I32 }\n}\ninterface {}\n",
        expect![[r#"
            2:5 parse error: unexpected 'String', expected ':' <String>
            4:4 parse error: unexpected ':', expected '(' or ',' or a body constraint or a property or an annotation <:>
            7:8 parse error: unexpected 'A', expected ':' <A>
            10:1 parse error: unexpected 'node', expected ',' or '?' or '}' or a body constraint or a property or an annotation <node>
            10:11 parse error: unexpected ';' <;>
            10:13 parse error: unexpected 'z', expected ':' <z>
            11:1 parse error: unexpected '}', expected a declaration <}>
        "#]],
    );
}

#[test]
fn local_errors_are_reported_beside_syntax_errors() {
    check_errors(
        "node A { v: Vector(0) w: Strin } node B { x y }",
        expect![[r#"
        1:45 parse error: unexpected 'y', expected ':' <y>
        1:20 parse error: Vector dimension of A.v must be at least 1 <0>
        1:26 parse error: unknown type 'Strin' <Strin> | did you mean 'String'?
    "#]],
    );
}

#[test]
fn range_bounds_are_tight() {
    check_errors(
        "node A { a: I32 @range(a, - 5..) @range(a, ..) @range(a, 1...2) @range(a, .5..) @range(a, 1e3..) }",
        expect![[r#"
        1:17 parse error: malformed arguments of @range <@range(a, - 5..)> | write a property and its bounds, like `@range(age, 0..150)`
        1:34 parse error: malformed arguments of @range <@range(a, ..)> | write a property and its bounds, like `@range(age, 0..150)`
        1:61 parse error: unexpected '.' <.>
        1:75 parse error: unexpected '.' <.>
        1:81 parse error: malformed arguments of @range <@range(a, 1e3..)> | write a property and its bounds, like `@range(age, 0..150)`
    "#]],
    );
}

#[test]
fn type_names_are_capitalised_and_properties_are_not() {
    check_errors(
        "node a {} node B { Name: String }",
        expect![[r#"
        1:6 parse error: unexpected 'a', expected a type name <a>
        1:20 parse error: unexpected 'Name', expected a body constraint or a property <Name>
    "#]],
    );
    check(
        "node B2_x { _x: String, aB9: I32 }",
        expect![[r#"
        node B2_x {
            _x: String
            aB9: I32
        }
    "#]],
    );
}

#[test]
fn the_parser_names_what_it_expected() {
    let rendered = schema::compile("node Person {\n    name: Strin @key\n}\n", "d").unwrap_err();
    expect![[r#"
        error: parse error: unknown type 'Strin'
         --> schema.pg:2:11
          |
        2 |     name: Strin @key
          |           ^^^^^
          |
        hint: did you mean 'String'?"#]]
    .assert_eq(&rendered.render("schema.pg", "node Person {\n    name: Strin @key\n}\n", false));
    expect![[r#"
        1:31 parse error: unexpected end of the schema, expected '(' or ',' or '}' or a body constraint or a property or an annotation <y>
    "#]].assert_eq(&errors("node Person { name: String @key"));
}
