//! Identity: allocation of ids, resolution of rename hints, ids that are never used again.

use expect_test::{Expect, expect};
use omnigraph_compiler::catalog::Catalog;
use omnigraph_compiler::schema;

use super::{DOMAIN, catalog, describe, lines};

fn evolve(accepted: &Catalog, source: &str) -> Catalog {
    match schema::evolve(accepted, source) {
        Ok(evolution) => evolution.catalog,
        Err(errors) => panic!("{}", errors.render("test.pg", source, false)),
    }
}

fn check_errors(accepted: &str, source: &str, expected: Expect) {
    match schema::evolve(&catalog(accepted), source) {
        Ok(evolution) => panic!("{:?}", evolution.plan),
        Err(errors) => expected.assert_eq(&lines(&errors.0, source)),
    }
}

#[test]
fn numbers_are_handed_out_to_types_then_properties_then_tables() {
    let sources = [
        "interface Z { p: I32 } node A {} node B implements Z {} edge E: A -> B",
        "edge E: A -> B node B implements Z {} node A {} interface Z { p: I32 }",
    ];
    assert_eq!(catalog(sources[0]), catalog(sources[1]));
    expect![[r#"
        interface Z=1
          p=5: I32
        node A=2 table 7 implements []
        node B=3 table 8 implements ["Z"]
          p=6: I32 injected satisfies 5
        edge E=4 table 9: A -> B 0..None
        next=10
    "#]]
    .assert_eq(&describe(&catalog(sources[0])));
}

#[test]
fn new_numbers_continue_the_counter_and_dropped_ones_are_retired() {
    let first = catalog("node A { a: I32? } node B { b: I32? } edge E: A -> B");
    let second = evolve(&first, "node A { a: I32? c: I32? } node C {}");
    expect![[r#"
        node A=1 table 6 implements []
          a=4: I32?
          c=10: I32?
        node C=9 table 11 implements []
        next=12
    "#]]
    .assert_eq(&describe(&second));
    let third = evolve(&second, "node A { c: I32? } node B { b: I32? } node C {}");
    expect![[r#"
        node A=1 table 6 implements []
          c=10: I32?
        node B=12 table 14 implements []
          b=13: I32?
        node C=9 table 11 implements []
        next=15
    "#]]
    .assert_eq(&describe(&third));
    assert_eq!(third.domain, DOMAIN);
    assert!(
        third.nodes["B"].id != first.nodes["B"].id
            && third.nodes["B"].incarnation != first.nodes["B"].incarnation
    );
}

#[test]
fn renames_keep_every_number() {
    let first = catalog(
        "interface I { p: I32? } node User implements I { name: String @key } edge Owns: User -> User { w: F64? }",
    );
    let second = evolve(
        &first,
        "interface I { p: I32? } node Account @rename_from(\"User\") implements I { full_name: String @key @rename_from(name) }
         edge Has: Account -> Account @rename_from(\"Owns\") { weight: F64? @rename_from(w) }",
    );
    assert_eq!(second.next_id, first.next_id);
    assert_eq!(second.nodes["Account"].id, first.nodes["User"].id);
    assert_eq!(second.nodes["Account"].incarnation, first.nodes["User"].incarnation);
    assert_eq!(
        second.nodes["Account"].property("full_name").unwrap().id,
        first.nodes["User"].property("name").unwrap().id
    );
    assert_eq!(second.edges["Has"].incarnation, first.edges["Owns"].incarnation);
    assert_eq!(
        second.edges["Has"].property("weight").unwrap().id,
        first.edges["Owns"].property("w").unwrap().id
    );
}

#[test]
fn a_renamed_interface_property_is_renamed_in_every_node() {
    let first = catalog("interface I { p: I32? } node A implements I {} node B implements I {}");
    let source = "interface I { q: I32? @rename_from(p) } node A implements I {} node B implements I {} node C implements I {}";
    let second = evolve(&first, source);
    assert_eq!(second.nodes["A"].property("q").unwrap().id, first.nodes["A"].property("p").unwrap().id);
    assert_eq!(second.nodes["B"].property("q").unwrap().id, first.nodes["B"].property("p").unwrap().id);
    assert_eq!(second.interfaces["I"].properties[0].id, first.interfaces["I"].properties[0].id);
    assert!(second.nodes["C"].property("q").unwrap().id.0 >= first.next_id);
}

#[test]
fn hints_are_inert_at_creation() {
    let source = "interface I { p: I32 @rename_from(q) } node A @rename_from(\"B\") implements I { x: I32 @rename_from(y) }";
    let compiled = schema::compile(source, DOMAIN).unwrap();
    expect![[r#"
        1:22 schema change error: inert hint: @rename_from("q") on property I.p has no effect in a graph's first schema <@rename_from(q)>
        1:47 schema change error: inert hint: @rename_from("B") on node 'A' has no effect in a graph's first schema <@rename_from("B")>
        1:87 schema change error: inert hint: @rename_from("y") on property A.x has no effect in a graph's first schema <@rename_from(y)>
    "#]].assert_eq(&lines(&compiled.notes, source));
    assert_eq!(compiled.catalog, catalog("interface I { p: I32 } node A implements I { x: I32 }"));
}

#[test]
fn hints_are_ignored_once_the_name_exists() {
    let accepted = catalog("node A { x: I32 y: I32 } node B {}");
    let source = "node A @rename_from(\"B\") { x: I32 @rename_from(y) y: I32 @rename_from(x) } node B {}";
    let evolution = schema::evolve(&accepted, source).unwrap();
    expect![[r#"
        1:8 schema change error: ignored hint: @rename_from("B") on node 'A', which exists under this name <@rename_from("B")>
        1:35 schema change error: ignored hint: @rename_from("y") on property A.x, which exists under this name <@rename_from(y)>
        1:58 schema change error: ignored hint: @rename_from("x") on property A.y, which exists under this name <@rename_from(x)>
    "#]].assert_eq(&lines(&evolution.notes, source));
    assert_eq!(evolution.catalog, accepted);
    assert!(evolution.plan.steps.is_empty());
}

#[test]
fn hints_that_cannot_be_resolved_are_errors() {
    let accepted = "interface I { i: I32 } node Person { name: String } node Company { title: String } edge Owns: Person -> Company";
    let rest = "interface I { i: I32 } node Company { title: String }";
    let mut out = String::new();
    for change in [
        "node P @rename_from(\"Persn\") { name: String }",
        "node P @rename_from(\"Owns\") {}",
        "node P @rename_from(\"I\") {}",
        "node P @rename_from(\"Person\") {} node Q @rename_from(\"Person\") {}",
        "node P @rename_from(\"Person\") {} node Person {}",
        "node Person { a: String @rename_from(nme) }",
        "node Person { a: String @rename_from(title) }",
        "node Person { a: String @rename_from(name) b: String @rename_from(name) }",
        "node Person { name: String b: String @rename_from(name) }",
        "node New { b: String @rename_from(name) }",
    ] {
        let source = format!("{rest} {change}");
        let errors = schema::evolve(&catalog(accepted), &source).unwrap_err();
        out.push_str(&lines(&errors.0, &source));
    }
    expect![[r#"
        1:62 schema change error: @rename_from("Persn") on node 'P': the accepted schema has no node 'Persn' <@rename_from("Persn")> | did you mean 'Person'?
        1:62 schema change error: @rename_from("Owns") on node 'P': the accepted 'Owns' is of another kind: edge <@rename_from("Owns")>
        1:62 schema change error: @rename_from("I") on node 'P': the accepted 'I' is of another kind: interface <@rename_from("I")>
        1:95 schema change error: @rename_from("Person") on node 'Q': node 'Person' is claimed twice <@rename_from("Person")>
        1:62 schema change error: @rename_from("Person") on node 'P': node 'Person' is claimed twice <@rename_from("Person")>
        1:79 schema change error: @rename_from("nme") on property Person.a: the accepted schema has no property 'nme' in node 'Person' <@rename_from(nme)> | did you mean 'name'?
        1:79 schema change error: @rename_from("title") on property Person.a: the accepted property 'title' belongs to another owner: node 'Company' <@rename_from(title)>
        1:108 schema change error: @rename_from("name") on property Person.b: property Person.name is claimed twice <@rename_from(name)>
        1:92 schema change error: @rename_from("name") on property Person.b: property Person.name is claimed twice <@rename_from(name)>
        1:76 schema change error: @rename_from("name") on property New.b: node 'New' is new and cannot import a property <@rename_from(name)>
    "#]].assert_eq(&out);
}

#[test]
fn all_resolution_errors_are_reported() {
    check_errors(
        "node A { x: I32 }",
        "node B @rename_from(\"C\") { y: I32 @rename_from(x) }\nnode A { z: I32 @rename_from(q) }",
        expect![[r#"
            1:8 schema change error: @rename_from("C") on node 'B': the accepted schema has no node 'C' <@rename_from("C")>
            2:17 schema change error: @rename_from("q") on property A.z: the accepted schema has no property 'q' in node 'A' <@rename_from(q)> | did you mean 'x'?
        "#]],
    );
}

#[test]
fn an_exhausted_counter_is_an_error() {
    let mut accepted = catalog("node A {}");
    accepted.next_id = u64::MAX - 3;
    assert!(schema::evolve(&accepted, "node A {} node B {}").is_ok());
    let errors = schema::evolve(&accepted, "node A {} node B { a: I32 b: I32 c: I32 }").unwrap_err();
    assert_eq!(errors.to_string(), "schema change error: the identity counter of the graph is exhausted");
}
