//! Interfaces, canonical form and provenance.

use expect_test::expect;
use omnigraph_compiler::catalog::Metric;
use omnigraph_compiler::schema;

use super::{DOMAIN, catalog, describe, errors};

#[test]
fn interface_properties_are_injected_with_everything_they_carry() {
    let source = r#"
        interface Titled { title: String @index @description("t") vec: Vector(2)? @embed(title, model="m") @unit("x", b=2) }
        interface Slugged { slug: String @key }
        node Article @description("a") @owner("me") implements Titled, Slugged, Titled {
            body: String?
            words: I32?
            @range(words, 0..) @unique(words, slug) @unique(slug, words) @check(body, "x") @range(words, 0..)
        }
        node Own implements Titled { title: String vec: Vector(2)? }
        edge Cites: Article -> Article @card(0..50) @instruction("i") { weight: F64? @unique @unique(src, dst) @index(dst) }
    "#;
    expect![[r#"
        interface Slugged=1
          slug=6: String @key
        interface Titled=2
          title=7: String @index @description Some("t") {}
          vec=8: Vector(2)? embeds title with Some("m") @unit Some("x") {"b": "2"}
        node Article=3 table 17 implements ["Slugged", "Titled"]
          body=9: String?
          slug=10: String @key injected satisfies 6
          title=11: String @index @description Some("t") {} injected satisfies 7
          vec=12: Vector(2)? embeds title with Some("m") @unit Some("x") {"b": "2"} injected satisfies 8
          words=13: I32?
          Key(["slug"])
          Unique(["slug", "words"])
          Index(["title"])
          Range { property: "words", min: Some(Int(0)), max: None }
          Check { property: "body", pattern: "x" }
          @description Some("a")
          @owner Some("me")
        node Own=4 table 18 implements ["Titled"]
          title=14: String satisfies 7
          vec=15: Vector(2)? satisfies 8
        edge Cites=5 table 19: Article -> Article 0..Some(50)
          weight=16: F64? @unique
          Unique(["dst", "src"])
          Unique(["weight"])
          Index(["dst"])
          @instruction Some("i")
        next=20
    "#]]
    .assert_eq(&describe(&catalog(source)));
}

#[test]
fn metrics_are_injected_and_kept_with_the_property() {
    let source = r#"
        interface I { v: Vector(2) @index(metric="cosine") w: Vector(2) @index }
        node A implements I { @index(w, metric="dot") x: Vector(2)? @index(metric="l2") @index(y, metric="cosine") y: Vector(2) }
        node B implements I { v: Vector(2) }
    "#;
    expect![[r#"
        interface I=1
          v=4: Vector(2) @index by cosine
          w=5: Vector(2) @index
        node A=2 table 12 implements ["I"]
          v=6: Vector(2) @index by cosine injected satisfies 4
          w=7: Vector(2) @index by dot injected satisfies 5
          x=8: Vector(2)? @index
          y=9: Vector(2) by cosine
          Index(["v"])
          Index(["w"])
          Index(["x"])
          Index(["y"])
        node B=3 table 13 implements ["I"]
          v=10: Vector(2) satisfies 4
          w=11: Vector(2) @index injected satisfies 5
          Index(["w"])
        next=14
    "#]]
    .assert_eq(&describe(&catalog(source)));
}

#[test]
fn a_metric_is_in_the_stored_catalog_unless_it_is_the_default() {
    let stored = |source: &str| serde_json::to_string(&catalog(source)).unwrap();
    let bare = stored("node A { v: Vector(2) @index }");
    assert!(!bare.contains("metric"), "{bare}");
    assert_eq!(bare, stored("node A { v: Vector(2) @index(metric=\"l2\") }"));
    assert_eq!(
        bare.replace(r#""index":true}"#, r#""index":true},"metric":"cosine""#),
        stored("node A { v: Vector(2) @index(metric=\"cosine\") }")
    );
    for metric in Metric::ALL {
        assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{metric}\""));
        assert_eq!(Metric::from_name(metric.name()), Some(metric));
    }
}

#[test]
fn order_never_matters() {
    let one = r#"
        interface I { b: I32? a: String }
        interface J { a: String }
        node N @x @description("d") @a("1") implements I, J { p: enum(c, a, b) q: I32 @unique @index @unique(q, p) @index(p) }
        node M {}
        edge E: N -> M { x: I32 y: I32 @index(x, dst) }
    "#;
    let other = r#"
        edge E: N -> M { y: I32 x: I32 @index(dst, x) }
        node M {}
        node N @a("1") @a("1") @description("d") @x implements J, I, J {
            @index(p) @unique(p, q), q: I32 @index @unique, p: enum(b, c, a)
        }
        interface J { a: String }
        interface I { a: String b: I32? }
    "#;
    assert_eq!(catalog(one), catalog(other));
    let accepted = catalog(one);
    let evolution = schema::evolve(&accepted, other).unwrap();
    assert!(evolution.plan.steps.is_empty() && evolution.plan.supported);
    assert_eq!(evolution.catalog, accepted);
}

#[test]
fn quoting_an_annotation_argument_means_nothing() {
    let one = catalog("node A { body: String v: Vector(2) @embed(body) @x(true) @y(1) }");
    let other = catalog("node A { body: String v: Vector(2) @embed(\"body\") @x(\"true\") @y(\"1\") }");
    assert_eq!(one, other);
}

#[test]
fn composite_keys_are_ordered_by_property_id() {
    let accepted = catalog("node A { tenant: String slug: String @key(tenant, slug) }");
    let key: Vec<&str> = accepted.nodes["A"].key().unwrap().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(key, ["slug", "tenant"]);
    let renamed = "node A { tenant: String zlug: String @rename_from(\"slug\") @key(tenant, zlug) }";
    let evolution = schema::evolve(&accepted, renamed).unwrap();
    let key: Vec<&str> =
        evolution.catalog.nodes["A"].key().unwrap().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(key, ["zlug", "tenant"]);
    assert!(evolution.plan.supported);
}

#[test]
fn checks_of_interface_properties_need_no_implementation() {
    expect![[r#"
        1:24 parse error: @key is not supported on list property I.a <@key>
        1:37 parse error: @index is not supported on blob property I.b <@index>
        1:55 parse error: key property I.c cannot be nullable <@key> | remove the `?`
        1:67 parse error: @embed is only supported on vector properties; I.d is I32 <@embed(c)>
        1:84 parse error: @description on property I.e requires a text that is not blank <@description>
        1:104 parse error: @range is no annotation of property I.f <@range> | write `@range(property, min..max)` in the body of a node
    "#]].assert_eq(&errors(
        "interface I { a: [I32] @key b: Blob @index c: String? @key d: I32 @embed(c) e: I32 @description f: I32 @range }",
    ));
}

#[test]
fn a_catalog_survives_json() {
    let source = r#"
        interface I { a: String @index }
        node A implements I { n: F64? v: Vector(3)? w: Vector(2) @index(metric="dot") e: enum(x, y) @range(n, 0..1.5) @check(a, "x") z: I32? @x("1", k=2) }
        edge E: A -> A @card(1..2) { w: [I32]? }
    "#;
    let made = schema::compile(source, DOMAIN).unwrap().catalog;
    let text = serde_json::to_string(&made).unwrap();
    assert_eq!(serde_json::from_str::<omnigraph_compiler::catalog::Catalog>(&text).unwrap(), made);
}
