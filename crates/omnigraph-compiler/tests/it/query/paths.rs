//! `path $p = …` and what reads a path: typed form, types and mistakes.

use expect_test::expect;
use omnigraph_compiler::ir::{Expr, OutputType, PathPart, SortKey, VarType};

use super::lowering::check;
use super::{accept_all, check_all, read};

#[test]
fn paths_are_bound_by_traversals() {
    check(
        r#"match {
             $a: Paper { slug: $s }
             path $p = $a cites{1,6} $b
             path $up = $b wrote $author
             path $_ = $a <cites> $c
             length($p) > 2.0 and length($p) != length($up)
             optional { path $q = $b <cites>{1,2} $d  length($q) = 1 }
             length($q) is null
             not { $b cites $x  $x.year = 1  length($p) > 3 }
           }
           return { $b, length($p), nodes($p) as via, edges($q) } order { length($p) desc, length($q) }"#,
        &expect![[r#"
            q
              introduced a b p author up c | bound a
              path p = a -Cites{1,6}-> b (left a)
              path up = author -Wrote{1,1}-> b (left b)
              a -Cites{1,1}-- c (left a)
              Eq(a.slug:String, $s)
              Gt(Length(p), Int(2):I64)
              Ne(Length(p), Length(up))
              not
                introduced x | bound 
                b -Cites{1,1}-> x (left b)
                Eq(x.year:I32, Int(1):I32)
                Gt(Length(p), Int(3):I64)
              optional
                introduced d q | bound 
                path q = b -Cites{1,2}-- d (left b)
                Eq(Length(q), Int(1):I64)
              late null(Length(q))
              return b = node(b)
              return length = Length(p)
              return via = Nodes(p)
              return edges = Edges(q)
              order Length(p) desc
              order Length(q)
              grouped false, offset 0, limit None
        "#]],
    );
}

#[test]
fn parts_of_paths_have_types() {
    let q = read(
        "match { path $p = $a cites{1,3} $b  optional { path $w = $a cites $c } }
         return { length($p), nodes($p), edges($p), length($w), nodes($w), edges($w) as e } order { length($w) }",
    );
    let columns: Vec<String> = q
        .projections
        .iter()
        .map(|p| match &p.ty {
            OutputType::Value(ty) => format!("{}/{} {ty}", p.column, p.name),
            OutputType::Node { .. } => panic!("a value"),
        })
        .collect();
    assert_eq!(
        columns,
        [
            "length/length I64",
            "nodes/nodes [String]",
            "edges/edges [String]",
            "length/length I64?",
            "nodes/nodes [String]?",
            "e/e [String]?",
        ]
    );
    let paths: Vec<(&str, bool)> = q
        .variables
        .iter()
        .filter(|v| v.ty == VarType::Path { edge: "Cites".into() })
        .map(|v| (v.name.as_str(), v.optional))
        .collect();
    assert_eq!(paths, [("p", false), ("w", true)]);
    let optional = q.pattern.optionals[0].traversals[0].path.expect("a path");
    assert_eq!(q.order[0].key, SortKey::Value(Expr::Path { var: optional, part: PathPart::Length }));
}

#[test]
fn lengths_are_grouped_aggregated_and_ordered() {
    let q = read(
        "match { path $p = $a cites{1,3} $b } return { length($p) as hops, count(*) as n, avg(length($p)) }
         order { hops, length($p) desc, avg(length($p)) }",
    );
    let keys: Vec<&SortKey> = q.order.iter().map(|o| &o.key).collect();
    assert_eq!(keys, [&SortKey::Column(0), &SortKey::Column(0), &SortKey::Column(2)]);
    assert!(q.grouped);
    assert_eq!(q.projections[2].column, "length");
    let q = read("match { path $p = $a cites{1,3} $b } return distinct { length($p) } order { length($p) }");
    assert_eq!(q.order[0].key, SortKey::Column(0));
}

#[test]
fn paths_are_bound_where_they_can_be_read() {
    check_all(
        &[
            "match { $a: Paper  not { path $p = $a cites $b } } return { $a }",
            "match { $a: Paper  optional { $a cites $c  not { path $p = $c cites $b } } } return { $a }",
            "match { path $p = $a $w:cites $b } return { $w.weight, length($p) }",
            "match { path $a = $a cites $b } return { $a }",
            "match { path $p = $p cites $p } return { $p }",
            "match { $p: Paper  path $p = $a cites $b } return { $p }",
            "match { path $p = $a cites $b  path $p = $b cites $c } return { length($p) }",
            "match { path $s = $a cites $b } return { $a }",
            "match { path $w = $a $w:cites $b } return { $a }",
            "match { $a: Paper  not { $a cites $p }  path $p = $a cites $b } return { $a }",
            "match { path $p = $a nothing $b } return { length($p) }",
            "match { path $p = $a cites{2,} $b } return { length($p) }",
            "match { $a: Author  path $p = $a cites $b } return { length($p) }",
            "match { path $p = $a <wrote> $b } return { length($p) }",
        ],
        &expect![[r#"
            match { $a: Paper  not { path $p = $a cites $b } } return { $a }
                type error: T28: path `$p` in a `not` block, out of which nothing can be read @ $p (leave out `path $p =`: the traversal alone asks whether there is one)
            match { $a: Paper  optional { $a cites $c  not { path $p = $c cites $b } } } return { $a }
                type error: T28: path `$p` in a `not` block, out of which nothing can be read @ $p (leave out `path $p =`: the traversal alone asks whether there is one)
            match { path $p = $a $w:cites $b } return { $w.weight, length($p) }
                type error: T28: path `$p` and edge binding `$w` on one traversal: only one fits @ $p (a path has one row for all parallel edges, an edge binding one for each)
            match { path $a = $a cites $b } return { $a }
                type error: T28: path `$a` has the name of an endpoint @ $a
            match { path $p = $p cites $p } return { $p }
                type error: T28: path `$p` has the name of an endpoint @ $p
            match { $p: Paper  path $p = $a cites $b } return { $p }
                type error: T28: the name of path `$p` is taken @ $p
            match { path $p = $a cites $b  path $p = $b cites $c } return { length($p) }
                type error: T28: the name of path `$p` is taken @ $p
            match { path $s = $a cites $b } return { $a }
                type error: T28: the name of path `$s` is taken @ $s
            match { path $w = $a $w:cites $b } return { $a }
                type error: T28: path `$w` and edge binding `$w` on one traversal: only one fits @ $w (a path has one row for all parallel edges, an edge binding one for each)
                type error: T28: the name of path `$w` is taken @ $w
            match { $a: Paper  not { $a cites $p }  path $p = $a cites $b } return { $a }
                type error: T28: the name of path `$p` is taken @ $p
            match { path $p = $a nothing $b } return { length($p) }
                type error: T4: unknown edge type `nothing` @ nothing
            match { path $p = $a cites{2,} $b } return { length($p) }
                type error: T15: unbounded traversal is disabled: give a maximum @ {2,}
            match { $a: Author  path $p = $a cites $b } return { length($p) }
                type error: T5: `$a` is of type Author, which is not that endpoint of `Cites` (Paper to Paper) @ $a
            match { path $p = $a <wrote> $b } return { length($p) }
                type error: T22: undirected traversal over `Wrote`, which connects different types (Author and Paper) @ wrote
        "#]],
    );
}

#[test]
fn paths_are_read_by_functions() {
    check_all(
        &[
            "match { path $p = $a cites $b } return { $p }",
            "match { path $p = $a cites $b } return { count($p) as n }",
            "match { path $p = $a cites $b  $p = 1 } return { $a }",
            "match { path $p = $a cites $b } return { $a } order { $p }",
            "match { path $p = $a cites $b } return { $p.title }",
            "match { path $p = $a cites $b  search($p.title, $s) } return { $a }",
            "match { path $p = $a cites $b  $p cites $c } return { $a }",
            "match { path $p = $a cites $b  $c cites $p } return { $a }",
            "match { path $p = $a cites $b  $p: Paper } return { $a }",
            "match { path $p = $a cites $b  $a $p:cites $b } return { $a }",
            "match { path $p = $a cites $b  $x: Paper { title: $p } } return { $a }",
        ],
        &expect![[r#"
            match { path $p = $a cites $b } return { $p }
                type error: T28: path `$p` is read with `length`, `nodes` or `edges`, not by itself @ $p
            match { path $p = $a cites $b } return { count($p) as n }
                type error: T28: path `$p` is read with `length`, `nodes` or `edges`, not by itself @ $p
            match { path $p = $a cites $b  $p = 1 } return { $a }
                type error: T28: path `$p` is read with `length`, `nodes` or `edges`, not by itself @ $p
            match { path $p = $a cites $b } return { $a } order { $p }
                type error: T28: path `$p` is read with `length`, `nodes` or `edges`, not by itself @ $p
            match { path $p = $a cites $b } return { $p.title }
                type error: T28: `$p` is bound to a path, which has no properties @ $p (read a path with `length`, `nodes` or `edges`)
            match { path $p = $a cites $b  search($p.title, $s) } return { $a }
                type error: T28: `$p` is bound to a path, which has no properties @ $p (read a path with `length`, `nodes` or `edges`)
            match { path $p = $a cites $b  $p cites $c } return { $a }
                type error: T28: `$p` is bound to a path and cannot be an endpoint @ $p (read a path with `length`, `nodes` or `edges`)
            match { path $p = $a cites $b  $c cites $p } return { $a }
                type error: T28: `$p` is bound to a path and cannot be an endpoint @ $p (read a path with `length`, `nodes` or `edges`)
            match { path $p = $a cites $b  $p: Paper } return { $a }
                type error: T28: `$p` is bound to a path and cannot be rebound as a node @ $p
            match { path $p = $a cites $b  $a $p:cites $b } return { $a }
                type error: T23: the name of edge binding `$p` is taken @ $p
            match { path $p = $a cites $b  $x: Paper { title: $p } } return { $a }
                type error: `$p` is a match variable: an inline condition takes a literal, a parameter or `now()` @ $p
        "#]],
    );
}

#[test]
fn path_functions_take_paths() {
    check_all(
        &[
            "match { $a: Paper } return { nodes($a) }",
            "match { $a $w:cites $b } return { edges($w) }",
            "match { $a: Paper } return { length($s) }",
            "match { $a: Paper } return { length($a.title) }",
            "match { $a: Paper } return { length(1) }",
            "match { path $path = $a cites $b } return { length($paht) }",
            "match { $a cites $_ } return { length($_) }",
            "match { $a: Paper  length($a) > 1 } return { $a }",
            "match { $a: Paper } return { $a } order { length($a) }",
            "match { $a: Paper } return { max(length($a)) as m }",
            "match { path $p = $a cites $b  nodes($p) contains \"x\" } return { $a }",
            "match { path $p = $a cites $b  \"x\" in edges($p) } return { $a }",
            "match { path $p = $a cites $b  nodes($p) is null } return { $a }",
            "match { path $p = $a cites $b  length($p) = \"x\" } return { $a }",
            "match { path $p = $a cites $b  search($a.title, nodes($p)) } return { $a }",
            "match { path $p = $a cites $b } return { count(nodes($p)) as n }",
            "match { path $p = $a cites $b } return { length($p) } order { nodes($p) }",
            "match { path $p = $a cites $b } return { nodes($p) as n } order { n }",
            "match { path $p = $a cites $b } return { count(*) as n } order { length($p) }",
            "match { path $p = $a cites $b } return distinct { $a } order { length($p) }",
            "match { $a: Paper  optional { path $p = $a cites $b }  not { $a.year = length($p) } } return { $a }",
        ],
        &expect![[r#"
            match { $a: Paper } return { nodes($a) }
                type error: T29: `nodes` takes the variable of a path, `$a` is a node of type Paper @ $a (a path is bound by `path $p = $a edge{1,6} $b`)
            match { $a $w:cites $b } return { edges($w) }
                type error: T29: `edges` takes the variable of a path, `$w` is an edge of type Cites @ $w (a path is bound by `path $p = $a edge{1,6} $b`)
            match { $a: Paper } return { length($s) }
                type error: T29: `length` takes the variable of a path, `$s` is a parameter @ $s
            match { $a: Paper } return { length($a.title) }
                type error: T29: `length` takes the variable of a path @ $a.title
            match { $a: Paper } return { length(1) }
                type error: T29: `length` takes the variable of a path @ 1
            match { path $path = $a cites $b } return { length($paht) }
                type error: T29: variable `$paht` is not bound @ $paht (did you mean `$path`?)
            match { $a cites $_ } return { length($_) }
                type error: T29: variable `$_` is not bound @ $_ (`$_` is anonymous: name the variable to read it)
            match { $a: Paper  length($a) > 1 } return { $a }
                type error: T29: `length` takes the variable of a path, `$a` is a node of type Paper @ $a (a path is bound by `path $p = $a edge{1,6} $b`)
            match { $a: Paper } return { $a } order { length($a) }
                type error: T29: `length` takes the variable of a path, `$a` is a node of type Paper @ $a (a path is bound by `path $p = $a edge{1,6} $b`)
            match { $a: Paper } return { max(length($a)) as m }
                type error: T29: `length` takes the variable of a path, `$a` is a node of type Paper @ $a (a path is bound by `path $p = $a edge{1,6} $b`)
            match { path $p = $a cites $b  nodes($p) contains "x" } return { $a }
                type error: T7: `nodes` is for `return`; a filter takes `length` @ nodes($p)
            match { path $p = $a cites $b  "x" in edges($p) } return { $a }
                type error: T7: `edges` is for `return`; a filter takes `length` @ edges($p)
            match { path $p = $a cites $b  nodes($p) is null } return { $a }
                type error: T7: `nodes` is for `return`; a filter takes `length` @ nodes($p)
            match { path $p = $a cites $b  length($p) = "x" } return { $a }
                type error: T7: cannot compare I64 with String @ length($p) = "x"
            match { path $p = $a cites $b  search($a.title, nodes($p)) } return { $a }
                type error: T19: the query of `search` is a String literal or parameter @ nodes($p)
            match { path $p = $a cites $b } return { count(nodes($p)) as n }
                type error: T8: `count` over `nodes`, which is for `return`; an aggregate takes `length` @ nodes($p)
            match { path $p = $a cites $b } return { length($p) } order { nodes($p) }
                type error: `order` takes scalars, not [String] @ nodes($p)
            match { path $p = $a cites $b } return { nodes($p) as n } order { n }
                type error: `order` takes scalars, not [String] @ n
            match { path $p = $a cites $b } return { count(*) as n } order { length($p) }
                type error: with aggregates `order` takes aliases and group keys: the value is not projected @ length($p)
            match { path $p = $a cites $b } return distinct { $a } order { length($p) }
                type error: with `return distinct` `order` takes projected properties: the value is not projected @ length($p)
            match { $a: Paper  optional { path $p = $a cites $b }  not { $a.year = length($p) } } return { $a }
                type error: T27: `$p` is introduced by an `optional` block and cannot be used in a `not` block @ $p (put the `not` block into the `optional` block)
        "#]],
    );
}

#[test]
fn legal_uses_are_accepted() {
    accept_all(&[
        "match { $a: Paper  path $p = $a wrote{1,5} $b } return { nodes($p), edges($p), length($p) }",
        "match { $a: Paper  $b: Paper  path $p = $a <cites>{2,6} $b } return { nodes($p) }",
        "match { path $p = $a cites $a } return { nodes($p) }",
        "match { path $p = $a cites $_ } return { nodes($p) }",
        "match { path $p = $a $_:cites $b } return { nodes($p) }",
        "match { path $p = $a cites{1,9} $b  length($p) in $l or length($p) > $a.year } return { count(length($p)) }",
        "match { path $p = $a cites{1,9} $b } return { nodes($p), count(*) as n, sum(length($p)), max(length($p)) as far } order { far }",
        "match { $a: Paper  optional { path $p = $a cites{1,9} $b  length($p) > 1 }  length($p) is not null } return { $a }",
        "match { $a: Paper  optional { path $p = $a cites $b }  optional { $a cites $c  $c.year > length($p) } } return { $c }",
    ]);
}
