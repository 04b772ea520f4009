//! Errors of the text, of declarations and of their names and types.

use expect_test::expect;

use super::{check, compiles};

#[test]
fn text_that_does_not_follow_the_grammar_is_refused() {
    check(
        "node A { a: I32 b }",
        expect![[r#"
        1:19 parse error: unexpected '}', expected ':' <}>
    "#]],
    );
}

#[test]
fn unknown_escapes_are_refused() {
    check(
        r#"node A { a: String @check(a, "\d+") }"#,
        expect![[r#"
        1:31 parse error: unsupported escape sequence '\d' <\d> | the escapes are \" \\ \n \r \t
    "#]],
    );
}

#[test]
fn names_of_storage_columns_are_reserved() {
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
fn vector_dimensions_have_bounds() {
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
fn lists_of_blobs_are_refused() {
    check(
        "node A { a: [Blob] }",
        expect![[r#"
        1:13 parse error: A.a is a list of Blob, which is not a type <[Blob]>
    "#]],
    );
}

#[test]
fn enum_values_are_distinct() {
    check(
        "node A { a: enum(x, y, x, x) }",
        expect![[r#"
        1:24 parse error: enum of A.a has duplicate values: 'x' <x>
        1:27 parse error: enum of A.a has duplicate values: 'x' <x>
    "#]],
    );
}

#[test]
fn cardinalities_are_ordered_and_fit_32_bits() {
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
fn implemented_interfaces_exist() {
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
fn properties_of_nodes_and_interfaces_agree_in_type() {
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
fn implemented_interfaces_agree_with_each_other() {
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
fn types_are_declared_once() {
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
fn properties_are_declared_once() {
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
fn edge_names_differ_by_more_than_case() {
    check(
        "node A {} edge WorksAt: A -> A edge Worksat: A -> A edge WORKSAT: A -> A",
        expect![[r#"
        1:37 catalog error: edge names 'WorksAt' and 'Worksat' are equal after case folding <Worksat>
        1:58 catalog error: edge names 'WorksAt' and 'WORKSAT' are equal after case folding <WORKSAT>
    "#]],
    );
}

#[test]
fn endpoints_of_edges_exist() {
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
fn names_of_physical_columns_are_checked_last() {
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
