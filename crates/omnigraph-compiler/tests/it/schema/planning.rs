//! Migration plans: each kind of step, each unsupported change, order, and the JSON shapes.

use expect_test::{Expect, expect};
use omnigraph_compiler::schema::{self, MigrationPlan, MigrationStep, codes};

use super::catalog;

fn plan(accepted: &str, desired: &str) -> MigrationPlan {
    match schema::evolve(&catalog(accepted), desired) {
        Ok(evolution) => {
            let plan = evolution.plan;
            let refused =
                plan.steps.iter().any(|step| matches!(step, MigrationStep::UnsupportedChange { .. }));
            assert_eq!(plan.supported, !refused);
            // Whatever was planned, the desired schema then differs from itself in nothing.
            assert_eq!(
                schema::evolve(&evolution.catalog, desired).unwrap().plan,
                MigrationPlan::new(Vec::new())
            );
            plan
        }
        Err(errors) => panic!("{}", errors.render("test.pg", desired, false)),
    }
}

/// One JSON step per line.
fn check(accepted: &str, desired: &str, expected: Expect) {
    let plan = plan(accepted, desired);
    let lines = plan.steps.iter().map(|step| serde_json::to_string(step).unwrap() + "\n");
    expected.assert_eq(&lines.collect::<String>());
}

fn check_same(accepted: &str, desired: &str) {
    assert_eq!(plan(accepted, desired), MigrationPlan { supported: true, steps: Vec::new() });
}

#[test]
fn a_schema_that_says_the_same_has_an_empty_plan() {
    check_same("", "");
    check_same(
        "node A { s: enum(x, y) n: I32 @range(n, 0..1) @unique(n, s) } // comment",
        "node A @rename_from(\"B\") { @unique(s, n) @range(n, 0..1) n: I32 @rename_from(m), s: enum(y, x) }",
    );
}

#[test]
fn types_are_added() {
    check(
        "",
        "edge Owns: A -> A { x: I32 @index } node A { k: String @key } interface I { p: I32 }",
        expect![[r#"
            {"kind":"add_type","type_kind":"interface","name":"I"}
            {"kind":"add_type","type_kind":"node","name":"A"}
            {"kind":"add_type","type_kind":"edge","name":"Owns"}
        "#]],
    );
}

#[test]
fn types_are_renamed() {
    check(
        "node User { a: I32 } edge Owns: User -> User @card(0..1) { @unique(src, dst) }",
        "node Account @rename_from(\"User\") { a: I32 } edge Has: Account -> Account @card(0..1) @rename_from(\"Owns\") { @unique(src, dst) }",
        expect![[r#"
            {"kind":"rename_type","type_kind":"node","from":"User","to":"Account"}
            {"kind":"rename_type","type_kind":"edge","from":"Owns","to":"Has"}
        "#]],
    );
}

#[test]
fn optional_properties_are_added() {
    check(
        "interface I {} node A implements I {} edge E: A -> A",
        "interface I { p: I32? @description(\"d\") } node A implements I { v: Vector(4)? e: enum(y, x)? l: [Date]? s: String? @custom } edge E: A -> A { w: F64? }",
        expect![[r#"
            {"kind":"add_property","type_kind":"interface","type_name":"I","property_name":"p","property_type":{"scalar":"I32","nullable":true,"list":false,"enum_values":null}}
            {"kind":"add_property","type_kind":"node","type_name":"A","property_name":"e","property_type":{"scalar":"String","nullable":true,"list":false,"enum_values":["x","y"]}}
            {"kind":"add_property","type_kind":"node","type_name":"A","property_name":"l","property_type":{"scalar":"Date","nullable":true,"list":true,"enum_values":null}}
            {"kind":"add_property","type_kind":"node","type_name":"A","property_name":"p","property_type":{"scalar":"I32","nullable":true,"list":false,"enum_values":null}}
            {"kind":"add_property","type_kind":"node","type_name":"A","property_name":"s","property_type":{"scalar":"String","nullable":true,"list":false,"enum_values":null}}
            {"kind":"add_property","type_kind":"node","type_name":"A","property_name":"v","property_type":{"scalar":{"Vector":4},"nullable":true,"list":false,"enum_values":null}}
            {"kind":"add_property","type_kind":"edge","type_name":"E","property_name":"w","property_type":{"scalar":"F64","nullable":true,"list":false,"enum_values":null}}
        "#]],
    );
}

#[test]
fn required_properties_are_not_added() {
    check(
        "interface I {} node A implements I {} edge E: A -> A",
        "interface I { p: I32 } node A implements I {} edge E: A -> A { w: F64 }",
        expect![[r#"
        {"kind":"unsupported_change","entity":"interface:I.p","reason":"required property I.p cannot be added: existing rows have no value for it","code":"OG-MF-103"}
        {"kind":"unsupported_change","entity":"node:A.p","reason":"required property A.p cannot be added: existing rows have no value for it","code":"OG-MF-103"}
        {"kind":"unsupported_change","entity":"edge:E.w","reason":"required property E.w cannot be added: existing rows have no value for it","code":"OG-MF-103"}
    "#]],
    );
}

#[test]
fn properties_are_renamed() {
    check(
        "node A { name: String @key n: I32 body: String v: Vector(2) @embed(body) @range(n, 0..) @check(body, \"x\") @index(n, body) @unique(n) }",
        "node A { full: String @key @rename_from(name) m: I32 @rename_from(n) text: String @rename_from(body)
           v: Vector(2) @embed(text) @range(m, 0..) @check(text, \"x\") @index(text, m) @unique(m) }",
        expect![[r#"
            {"kind":"rename_property","type_kind":"node","type_name":"A","from":"name","to":"full"}
            {"kind":"rename_property","type_kind":"node","type_name":"A","from":"n","to":"m"}
            {"kind":"rename_property","type_kind":"node","type_name":"A","from":"body","to":"text"}
        "#]],
    );
}

#[test]
fn interface_properties_are_renamed_with_the_nodes() {
    check(
        "interface I { p: I32? @index } node A implements I {}",
        "interface I { q: I32? @index @rename_from(p) } node A implements I {}",
        expect![[r#"
            {"kind":"rename_property","type_kind":"interface","type_name":"I","from":"p","to":"q"}
            {"kind":"rename_property","type_kind":"node","type_name":"A","from":"p","to":"q"}
        "#]],
    );
}

#[test]
fn indexes_are_added() {
    check(
        "interface I { p: I32 } node A implements I { a: I32 b: I32 c: I32? } edge E: A -> A { w: F64 }",
        "interface I { p: I32 @index } node A implements I { a: I32 @index @index(a) b: I32 c: I32? @index(c, b) d: I32? @index } edge E: A -> A { w: F64 @index @index(src) }",
        expect![[r#"
            {"kind":"add_constraint","type_kind":"interface","type_name":"I","constraint":{"Index":["p"]}}
            {"kind":"add_constraint","type_kind":"node","type_name":"A","constraint":{"Index":["a"]}}
            {"kind":"add_property","type_kind":"node","type_name":"A","property_name":"d","property_type":{"scalar":"I32","nullable":true,"list":false,"enum_values":null}}
            {"kind":"add_constraint","type_kind":"node","type_name":"A","constraint":{"Index":["d"]}}
            {"kind":"add_constraint","type_kind":"node","type_name":"A","constraint":{"Index":["p"]}}
            {"kind":"add_constraint","type_kind":"node","type_name":"A","constraint":{"Index":["b","c"]}}
            {"kind":"add_constraint","type_kind":"edge","type_name":"E","constraint":{"Index":["w"]}}
            {"kind":"add_constraint","type_kind":"edge","type_name":"E","constraint":{"Index":["src"]}}
        "#]],
    );
}

#[test]
fn enums_are_extended() {
    check(
        "node A { s: enum(b, a) t: enum(a)? }",
        "node A { u: enum(c, a, d, b) @rename_from(s) t: enum(a, z)? }",
        expect![[r#"
            {"kind":"extend_enum","type_kind":"node","type_name":"A","property_name":"t","added_values":["z"]}
            {"kind":"rename_property","type_kind":"node","type_name":"A","from":"s","to":"u"}
            {"kind":"extend_enum","type_kind":"node","type_name":"A","property_name":"u","added_values":["c","d"]}
        "#]],
    );
}

#[test]
fn other_type_changes_are_unsupported() {
    check(
        "node A { a: I32 b: I64 c: I32 d: I32? e: I32 f: Vector(2) g: enum(x, y) h: enum(x) i: enum(x) j: String k: enum(x) l: enum(x, y) }",
        "node A { a: I64 b: I32 c: [I32] d: I32 e: I32? f: Vector(3) g: enum(x) h: enum(z) i: String j: enum(x) k: enum(x, y)? l: enum(x, z) }",
        expect![[r#"
            {"kind":"unsupported_change","entity":"node:A.a","reason":"changing property type of A.a from I32 to I64 is not supported","code":"OG-MF-106"}
            {"kind":"unsupported_change","entity":"node:A.b","reason":"changing property type of A.b from I64 to I32 is not supported","code":"OG-MF-106"}
            {"kind":"unsupported_change","entity":"node:A.c","reason":"changing property type of A.c from I32 to [I32] is not supported","code":"OG-MF-106"}
            {"kind":"unsupported_change","entity":"node:A.d","reason":"changing property type of A.d from I32? to I32 is not supported","code":"OG-MF-106"}
            {"kind":"unsupported_change","entity":"node:A.e","reason":"changing property type of A.e from I32 to I32? is not supported","code":"OG-MF-106"}
            {"kind":"unsupported_change","entity":"node:A.f","reason":"changing property type of A.f from Vector(2) to Vector(3) is not supported","code":"OG-MF-106"}
            {"kind":"unsupported_change","entity":"node:A.g","reason":"changing property type of A.g from enum(x, y) to enum(x) is not supported","code":"OG-MF-106"}
            {"kind":"unsupported_change","entity":"node:A.h","reason":"changing property type of A.h from enum(x) to enum(z) is not supported","code":"OG-MF-106"}
            {"kind":"unsupported_change","entity":"node:A.i","reason":"changing property type of A.i from enum(x) to String is not supported","code":"OG-MF-106"}
            {"kind":"unsupported_change","entity":"node:A.j","reason":"changing property type of A.j from String to enum(x) is not supported","code":"OG-MF-106"}
            {"kind":"unsupported_change","entity":"node:A.k","reason":"changing property type of A.k from enum(x) to enum(x, y)? is not supported","code":"OG-MF-106"}
            {"kind":"unsupported_change","entity":"node:A.l","reason":"changing property type of A.l from enum(x, y) to enum(x, z) is not supported","code":"OG-MF-106"}
        "#]],
    );
}

#[test]
fn metadata_is_updated() {
    check(
        "node A @description(\"d\") @instruction(\"i\") { a: I32 @description(\"a\") b: I32 @description(\"b\") } edge E: A -> A",
        "node A @description(\"e\") @instruction(\"i\") { a: I32 b: I32 @description(\"c\") } edge E: A -> A @instruction(\"x\")",
        expect![[r#"
            {"kind":"update_type_metadata","type_kind":"node","name":"A","annotations":[{"name":"description","value":"e"},{"name":"instruction","value":"i"}]}
            {"kind":"update_property_metadata","type_kind":"node","type_name":"A","property_name":"a","annotations":[]}
            {"kind":"update_property_metadata","type_kind":"node","type_name":"A","property_name":"b","annotations":[{"name":"description","value":"c"}]}
            {"kind":"update_type_metadata","type_kind":"edge","name":"E","annotations":[{"name":"instruction","value":"x"}]}
        "#]],
    );
}

#[test]
fn custom_annotations_are_frozen() {
    check(
        "node A @x(\"1\") { a: I32 @y b: I32 @z } edge E: A -> A",
        "node A @x(\"2\") { a: I32 b: I32 @z(1) } edge E: A -> A @w",
        expect![[r#"
            {"kind":"unsupported_change","entity":"node:A","reason":"custom annotations of node 'A' cannot change"}
            {"kind":"unsupported_change","entity":"node:A.a","reason":"custom annotations of property A.a cannot change"}
            {"kind":"unsupported_change","entity":"node:A.b","reason":"custom annotations of property A.b cannot change"}
            {"kind":"unsupported_change","entity":"edge:E","reason":"custom annotations of edge 'E' cannot change"}
        "#]],
    );
}

#[test]
fn types_and_properties_are_dropped() {
    let accepted = "node A { a: I32 b: I32? } node B {} edge E: A -> B edge F: A -> A { x: I32 }";
    let desired = "node A { b: I32? } edge F: A -> A";
    check(
        accepted,
        desired,
        expect![[r#"
        {"kind":"drop_property","type_kind":"node","type_name":"A","property_name":"a","mode":"soft"}
        {"kind":"drop_type","type_kind":"node","name":"B","mode":"soft"}
        {"kind":"drop_property","type_kind":"edge","type_name":"F","property_name":"x","mode":"soft"}
        {"kind":"drop_type","type_kind":"edge","name":"E","mode":"soft"}
    "#]],
    );
    let hard = plan(accepted, desired).promote_drops_to_hard();
    expect![[r#"{"supported":true,"steps":[{"kind":"drop_property","type_kind":"node","type_name":"A","property_name":"a","mode":"hard"},{"kind":"drop_type","type_kind":"node","name":"B","mode":"hard"},{"kind":"drop_property","type_kind":"edge","type_name":"F","property_name":"x","mode":"hard"},{"kind":"drop_type","type_kind":"edge","name":"E","mode":"hard"}]}"#]].assert_eq(&serde_json::to_string(&hard).unwrap());
}

#[test]
fn a_name_dropped_and_taken_by_a_rename_is_two_changes() {
    check(
        "node A { a: I32? } node B {}",
        "node C @rename_from(\"A\") { c: I32? @rename_from(a) } node B { a: I32? }",
        expect![[r#"
        {"kind":"add_property","type_kind":"node","type_name":"B","property_name":"a","property_type":{"scalar":"I32","nullable":true,"list":false,"enum_values":null}}
        {"kind":"rename_type","type_kind":"node","from":"A","to":"C"}
        {"kind":"rename_property","type_kind":"node","type_name":"C","from":"a","to":"c"}
    "#]],
    );
}

#[test]
fn constrained_properties_are_not_dropped() {
    check(
        "node A { a: I32 @index b: I32 @range(b, 0..) c: String @key d: I32 } interface I { p: I32 @unique }",
        "node A {} interface I {}",
        expect![[r#"
            {"kind":"drop_property","type_kind":"interface","type_name":"I","property_name":"p","mode":"soft"}
            {"kind":"unsupported_change","entity":"interface:I.p","reason":"the constraints of property I.p cannot be removed"}
            {"kind":"drop_property","type_kind":"node","type_name":"A","property_name":"a","mode":"soft"}
            {"kind":"drop_property","type_kind":"node","type_name":"A","property_name":"b","mode":"soft"}
            {"kind":"drop_property","type_kind":"node","type_name":"A","property_name":"c","mode":"soft"}
            {"kind":"drop_property","type_kind":"node","type_name":"A","property_name":"d","mode":"soft"}
            {"kind":"unsupported_change","entity":"node:A","reason":"@key(c) of node 'A' cannot be removed"}
            {"kind":"unsupported_change","entity":"node:A","reason":"@index(a) of node 'A' cannot be removed"}
            {"kind":"unsupported_change","entity":"node:A","reason":"@range(b, 0..) of node 'A' cannot be removed"}
        "#]],
    );
}

#[test]
fn interfaces_are_neither_removed_nor_renamed() {
    check(
        "interface I { p: I32 } interface J { q: I32? } node A implements J {}",
        "interface K { p: I32 }",
        expect![[r#"
            {"kind":"add_type","type_kind":"interface","name":"K"}
            {"kind":"unsupported_change","entity":"interface:I","reason":"interface 'I' cannot be removed"}
            {"kind":"unsupported_change","entity":"interface:J","reason":"interface 'J' cannot be removed"}
            {"kind":"drop_type","type_kind":"node","name":"A","mode":"soft"}
        "#]],
    );
}

#[test]
fn implemented_interfaces_and_provenance_are_fixed() {
    check(
        "interface I { p: I32? } interface J { p: I32? q: I32? } node A implements I { q: I32? } node B implements I {} node C { p: I32? }",
        "interface I { p: I32? } interface J { p: I32? q: I32? } node A implements J, I { q: I32? } node B implements I { p: I32? } node C implements I {}",
        expect![[r#"
            {"kind":"unsupported_change","entity":"node:A","reason":"the implemented interfaces of node 'A' cannot change"}
            {"kind":"unsupported_change","entity":"node:A.p","reason":"the interface properties that property A.p satisfies cannot change"}
            {"kind":"unsupported_change","entity":"node:A.q","reason":"the interface properties that property A.q satisfies cannot change"}
            {"kind":"unsupported_change","entity":"node:B.p","reason":"property B.p cannot move between the type and an interface"}
            {"kind":"unsupported_change","entity":"node:C","reason":"the implemented interfaces of node 'C' cannot change"}
            {"kind":"unsupported_change","entity":"node:C.p","reason":"property C.p cannot move between the type and an interface"}
            {"kind":"unsupported_change","entity":"node:C.p","reason":"the interface properties that property C.p satisfies cannot change"}
        "#]],
    );
}

#[test]
fn metrics_change_as_metadata() {
    check(
        r#"interface I { v: Vector(2) @index(metric="cosine") }
           node A implements I { a: Vector(2) @index b: Vector(2) @index(metric="dot") @description("d") c: Vector(2) d: Vector(2) @index(d) e: Vector(2) f: Vector(2) @index(metric="dot") @description("d") }"#,
        r#"interface I { v: Vector(2) @index(metric="dot") }
           node A implements I { a: Vector(2) @index(metric="cosine") b: Vector(2) @index @description("d") c: Vector(2) @index(metric="dot") d: Vector(2) @index(d, metric="dot") e: Vector(2) @index(e, metric="cosine") f: Vector(2) @index(metric="dot") @description("other") g: Vector(2)? @index(metric="dot") }"#,
        expect![[r#"
            {"kind":"update_property_metadata","type_kind":"interface","type_name":"I","property_name":"v","annotations":[{"name":"index","value":null,"kwargs":{"metric":"dot"}}]}
            {"kind":"update_property_metadata","type_kind":"node","type_name":"A","property_name":"a","annotations":[{"name":"index","value":null,"kwargs":{"metric":"cosine"}}]}
            {"kind":"update_property_metadata","type_kind":"node","type_name":"A","property_name":"b","annotations":[{"name":"description","value":"d"},{"name":"index","value":null,"kwargs":{"metric":"l2"}}]}
            {"kind":"add_constraint","type_kind":"node","type_name":"A","constraint":{"Index":["c"]}}
            {"kind":"update_property_metadata","type_kind":"node","type_name":"A","property_name":"c","annotations":[{"name":"index","value":null,"kwargs":{"metric":"dot"}}]}
            {"kind":"update_property_metadata","type_kind":"node","type_name":"A","property_name":"d","annotations":[{"name":"index","value":null,"kwargs":{"metric":"dot"}}]}
            {"kind":"update_property_metadata","type_kind":"node","type_name":"A","property_name":"e","annotations":[{"name":"index","value":null,"kwargs":{"metric":"cosine"}}]}
            {"kind":"update_property_metadata","type_kind":"node","type_name":"A","property_name":"f","annotations":[{"name":"description","value":"other"},{"name":"index","value":null,"kwargs":{"metric":"dot"}}]}
            {"kind":"add_property","type_kind":"node","type_name":"A","property_name":"g","property_type":{"scalar":{"Vector":2},"nullable":true,"list":false,"enum_values":null}}
            {"kind":"add_constraint","type_kind":"node","type_name":"A","constraint":{"Index":["g"]}}
            {"kind":"update_property_metadata","type_kind":"node","type_name":"A","property_name":"v","annotations":[{"name":"index","value":null,"kwargs":{"metric":"dot"}}]}
            {"kind":"add_constraint","type_kind":"node","type_name":"A","constraint":{"Index":["e"]}}
        "#]],
    );
    // The default may be spelt out; a rename keeps the metric.
    check_same("node A { v: Vector(2) @index }", "node A { v: Vector(2) @index(metric=\"l2\") }");
    check(
        "node A { v: Vector(2) @index(metric=\"dot\") w: Vector(2) @index(w, metric=\"dot\") }",
        "node A { x: Vector(2) @index(metric=\"dot\") @rename_from(v) y: Vector(2) @rename_from(w) @index(y, metric=\"dot\") }",
        expect![[r#"
            {"kind":"rename_property","type_kind":"node","type_name":"A","from":"v","to":"x"}
            {"kind":"rename_property","type_kind":"node","type_name":"A","from":"w","to":"y"}
        "#]],
    );
    let plan = plan("node A { v: Vector(2) @index }", "node A { v: Vector(2) @index(metric=\"dot\") }");
    assert_eq!(
        plan.steps[0].to_string(),
        r#"update metadata on property 'A.v' of node 'A' (@index(metric="dot"))"#
    );
}

#[test]
fn an_index_with_a_metric_is_neither_removed_nor_moved() {
    check(
        r#"node A { v: Vector(2) @index(metric="dot") w: Vector(2) @index(metric="dot") }"#,
        r#"node A { v: Vector(2) w: Vector(2) @index(w, metric="dot") }"#,
        expect![[r#"
            {"kind":"unsupported_change","entity":"node:A.v","reason":"@index of property A.v cannot be removed"}
            {"kind":"unsupported_change","entity":"node:A.w","reason":"@index of property A.w cannot move between property and body form"}
        "#]],
    );
}

#[test]
fn ends_and_cardinality_are_fixed() {
    check(
        "node A {} node B {} edge E: A -> B @card(0..1) edge F: A -> A edge G: A -> A",
        "node A {} node B {} edge E: B -> A @card(0..2) edge F: A -> A @card(1..) edge G: A -> B",
        expect![[r#"
            {"kind":"unsupported_change","entity":"edge:E","reason":"the endpoint types of edge 'E' cannot change"}
            {"kind":"unsupported_change","entity":"edge:E","reason":"the cardinality of edge 'E' cannot change"}
            {"kind":"unsupported_change","entity":"edge:F","reason":"the cardinality of edge 'F' cannot change"}
            {"kind":"unsupported_change","entity":"edge:G","reason":"the endpoint types of edge 'G' cannot change"}
        "#]],
    );
}

#[test]
fn embeddings_are_fixed() {
    check(
        "node A { s: String t: String u: Vector(2) @embed(s) v: Vector(2) @embed(s) w: Vector(2) x: Vector(2) @embed(s) }",
        "node A { s: String t: String u: Vector(2) @embed(t) v: Vector(2) @embed(s, model=\"m\") w: Vector(2) @embed(s) x: Vector(2) }",
        expect![[r#"
            {"kind":"unsupported_change","entity":"node:A.u","reason":"@embed of property A.u cannot change"}
            {"kind":"unsupported_change","entity":"node:A.v","reason":"@embed of property A.v cannot change"}
            {"kind":"unsupported_change","entity":"node:A.w","reason":"@embed of property A.w cannot change"}
            {"kind":"unsupported_change","entity":"node:A.x","reason":"@embed of property A.x cannot change"}
        "#]],
    );
}

#[test]
fn constraints_are_not_removed() {
    check(
        "node A { k: String @key u: I32 @unique i: I32 @index n: I32 s: String @unique(n, s) @index(n, s) @range(n, 0..) @check(s, \"x\") } edge E: A -> A { @unique(src) @index(dst) }",
        "node A { k: String u: I32 i: I32 n: I32 s: String } edge E: A -> A",
        expect![[r#"
            {"kind":"unsupported_change","entity":"node:A.i","reason":"@index of property A.i cannot be removed"}
            {"kind":"unsupported_change","entity":"node:A.k","reason":"@key of property A.k cannot be removed"}
            {"kind":"unsupported_change","entity":"node:A.u","reason":"@unique of property A.u cannot be removed"}
            {"kind":"unsupported_change","entity":"node:A","reason":"@unique(n, s) of node 'A' cannot be removed"}
            {"kind":"unsupported_change","entity":"node:A","reason":"@index(n, s) of node 'A' cannot be removed"}
            {"kind":"unsupported_change","entity":"node:A","reason":"@range(n, 0..) of node 'A' cannot be removed"}
            {"kind":"unsupported_change","entity":"node:A","reason":"@check(s, \"x\") of node 'A' cannot be removed"}
            {"kind":"unsupported_change","entity":"edge:E","reason":"@unique(src) of edge 'E' cannot be removed"}
            {"kind":"unsupported_change","entity":"edge:E","reason":"@index(dst) of edge 'E' cannot be removed"}
        "#]],
    );
}

#[test]
fn other_constraints_are_not_added_or_changed() {
    check(
        "node A { k: String u: I32 n: I32 m: I32 s: String @range(n, 0..) @check(s, \"x\") } edge E: A -> A",
        "node A { k: String @key u: I32 @unique n: I32 m: I32 s: String @range(n, 0..1) @check(s, \"y\") @range(m, 0..) @check(k, \"z\") @unique(n, m) } edge E: A -> A { @unique(src) }",
        expect![[r#"
            {"kind":"unsupported_change","entity":"node:A.k","reason":"@key cannot be added to property A.k"}
            {"kind":"unsupported_change","entity":"node:A.u","reason":"@unique cannot be added to property A.u"}
            {"kind":"unsupported_change","entity":"node:A","reason":"@range(n, 0..) of node 'A' cannot change"}
            {"kind":"unsupported_change","entity":"node:A","reason":"@check(s, \"x\") of node 'A' cannot change"}
            {"kind":"unsupported_change","entity":"node:A","reason":"@unique(m, n) cannot be added to node 'A'"}
            {"kind":"unsupported_change","entity":"node:A","reason":"@range(m, 0..) cannot be added to node 'A'"}
            {"kind":"unsupported_change","entity":"node:A","reason":"@check(k, \"z\") cannot be added to node 'A'"}
            {"kind":"unsupported_change","entity":"edge:E","reason":"@unique(src) cannot be added to edge 'E'"}
        "#]],
    );
}

#[test]
fn constraints_do_not_move_between_forms() {
    check(
        "node A { k: String @key u: I32 @unique i: I32 @index v: I32 j: I32 @unique(v) @index(j) }",
        "node A { k: String u: I32 i: I32 v: I32 @unique j: I32 @index @key(k) @unique(u) @index(i) }",
        expect![[r#"
            {"kind":"unsupported_change","entity":"node:A.i","reason":"@index of property A.i cannot move between property and body form"}
            {"kind":"unsupported_change","entity":"node:A.j","reason":"@index of property A.j cannot move between property and body form"}
            {"kind":"unsupported_change","entity":"node:A.k","reason":"@key of property A.k cannot move between property and body form"}
            {"kind":"unsupported_change","entity":"node:A.u","reason":"@unique of property A.u cannot move between property and body form"}
            {"kind":"unsupported_change","entity":"node:A.v","reason":"@unique of property A.v cannot move between property and body form"}
        "#]],
    );
}

#[test]
fn steps_come_in_the_order_of_the_language() {
    check(
        "interface I { p: I32? } node B implements I { old: enum(a) gone: I32? } node Z {} edge E: B -> B { w: F64? }",
        "interface N {} interface I { p: I32? @index }
         node A @rename_from(\"B\") @description(\"d\") implements I { state: enum(a, b) @rename_from(old) @description(\"s\") @index aa: I32? @index(aa, state) }
         edge E: A -> A @card(0..9) { v: F64? @rename_from(w) u: I32? } node C {}",
        expect![[r#"
            {"kind":"add_constraint","type_kind":"interface","type_name":"I","constraint":{"Index":["p"]}}
            {"kind":"add_type","type_kind":"interface","name":"N"}
            {"kind":"rename_type","type_kind":"node","from":"B","to":"A"}
            {"kind":"update_type_metadata","type_kind":"node","name":"A","annotations":[{"name":"description","value":"d"}]}
            {"kind":"add_property","type_kind":"node","type_name":"A","property_name":"aa","property_type":{"scalar":"I32","nullable":true,"list":false,"enum_values":null}}
            {"kind":"add_constraint","type_kind":"node","type_name":"A","constraint":{"Index":["p"]}}
            {"kind":"rename_property","type_kind":"node","type_name":"A","from":"old","to":"state"}
            {"kind":"extend_enum","type_kind":"node","type_name":"A","property_name":"state","added_values":["b"]}
            {"kind":"add_constraint","type_kind":"node","type_name":"A","constraint":{"Index":["state"]}}
            {"kind":"update_property_metadata","type_kind":"node","type_name":"A","property_name":"state","annotations":[{"name":"description","value":"s"}]}
            {"kind":"drop_property","type_kind":"node","type_name":"A","property_name":"gone","mode":"soft"}
            {"kind":"add_constraint","type_kind":"node","type_name":"A","constraint":{"Index":["aa","state"]}}
            {"kind":"add_type","type_kind":"node","name":"C"}
            {"kind":"drop_type","type_kind":"node","name":"Z","mode":"soft"}
            {"kind":"unsupported_change","entity":"edge:E","reason":"the cardinality of edge 'E' cannot change"}
            {"kind":"add_property","type_kind":"edge","type_name":"E","property_name":"u","property_type":{"scalar":"I32","nullable":true,"list":false,"enum_values":null}}
            {"kind":"rename_property","type_kind":"edge","type_name":"E","from":"w","to":"v"}
        "#]],
    );
}

#[test]
fn a_step_reads_back_from_json() {
    let plan = plan(
        "interface I { p: I32? } node B implements I { old: enum(a) gone: I32? } node Z {} edge E: B -> B { w: F64? }",
        "interface I { p: I32? @index } node A @rename_from(\"B\") @description(\"d\") implements I
           { state: enum(a, b) @rename_from(old) @description(\"s\") v: Vector(4)? r: I32 @range(r, 0..1.5) }",
    );
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<MigrationPlan>(&text).unwrap(), plan);
}

#[test]
fn steps_read_well() {
    let plan = plan(
        "node B { old: enum(a) gone: I32? n: I32 } node Z {}",
        "node A @rename_from(\"B\") @description(\"d\") { state: enum(a, b) @rename_from(old) @description(\"s\") @index v: Vector(4)? r: I32 n: [I32] } node C {}",
    );
    let lines: String = plan.steps.iter().map(|step| format!("{step}\n")).collect();
    expect![[r#"
        rename node type 'B' -> 'A'
        update metadata on node 'A' (@description("d"))
        unsupported change on node:A.n [OG-MF-106, destructive]: changing property type of A.n from I32 to [I32] is not supported
        unsupported change on node:A.r [OG-MF-103, validated]: required property A.r cannot be added: existing rows have no value for it
        rename property 'A.old' -> 'A.state' on node 'A'
        extend enum 'A.state' (+b) on node 'A'
        add constraint @index(state) on node 'A'
        update metadata on property 'A.state' of node 'A' (@description("s"))
        add property 'A.v' (Vector(4)?) on node 'A'
        drop property 'A.gone' of node 'A' (soft mode)
        add node type 'C'
        drop node type 'Z' (soft mode)
    "#]].assert_eq(&lines);
    assert_eq!(
        plan.refusal().unwrap(),
        "[OG-MF-106] changing property type of A.n from I32 to [I32] is not supported"
    );
}

#[test]
fn codes_are_listed() {
    let lines: String =
        codes::ALL.iter().map(|c| format!("{c}; {}; {}\n", c.family.letters(), c.emitted)).collect();
    expect![[r#"
        OG-DS-101, destructive; DS; false
        OG-DS-102, destructive; DS; false
        OG-DS-103, destructive; DS; false
        OG-DS-104, destructive; DS; false
        OG-DS-105, destructive; DS; false
        OG-MF-103, validated; MF; true
        OG-MF-104, validated; MF; false
        OG-MF-106, destructive; MF; true
    "#]]
    .assert_eq(&lines);
    assert_eq!(codes::find("OG-MF-103"), Some(codes::ADD_REQUIRED));
    assert_eq!(codes::find("OG-MF-999"), None);
}
