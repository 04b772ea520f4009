//! Errors of the metric of a vector index.

use expect_test::expect;

use super::{check, compiles};

#[test]
fn metrics_stand_on_vectors_of_nodes_only() {
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
fn unknown_metrics_and_keywords_are_refused() {
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
fn a_property_has_one_metric() {
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
