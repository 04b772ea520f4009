//! Measures of nodes: typed form, types and mistakes.

use expect_test::expect;
use omnigraph_compiler::ir::{Expr, Measure, Output, OutputType, SortKey};

use super::lowering::check;
use super::{accept_all, check_all, read};

#[test]
fn measures_are_values_of_nodes() {
    check(
        r#"match {
             $a: Author
             $a wrote $p
             degree($p, cites) > 2.0 and pagerank($p, cITES) > 1
             in_degree($p, wrote) = out_degree($p, cites)
             not { $p cites $x  in_degree($x, cites) > 3 }
             optional { $p cites $q  degree($q, wrote) > 1 }
             degree($q, cites) is null
           }
           return { $p, out_degree($a, wrote), degree($a, wrote) as d, pagerank($q, cites) as rank }
           order { rank desc, pagerank($p, cites) desc, d }"#,
        &expect![[r#"
            q
              introduced a p | bound a
              a -Wrote{1,1}-> p (left a)
              Gt(Degree(p, Cites), Int(2):I64)
              Gt(PageRank(p, Cites), Float(1.0):F64)
              Eq(InDegree(p, Wrote), OutDegree(p, Cites))
              not
                introduced x | bound 
                p -Cites{1,1}-> x (left p)
                Gt(InDegree(x, Cites), Int(3):I64)
              optional
                introduced q | bound 
                p -Cites{1,1}-> q (left p)
                Gt(Degree(q, Wrote), Int(1):I64)
              late null(Degree(q, Cites))
              return p = node(p)
              return out_degree = OutDegree(a, Wrote)
              return d = Degree(a, Wrote)
              return rank = PageRank(q, Cites)
              order column 3 desc
              order PageRank(p, Cites) desc
              order column 2
              grouped false, offset 0, limit None
        "#]],
    );
}

#[test]
fn measures_have_types() {
    let q = read(
        "match { $p: Paper  optional { $p cites $q } }
         return { degree($p, cites), in_degree($p, cites), out_degree($p, cites), pagerank($p, cites),
                  degree($q, wrote) as q, pagerank($q, cites) as rank }",
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
            "degree/degree I64",
            "in_degree/in_degree I64",
            "out_degree/out_degree I64",
            "pagerank/pagerank F64",
            "q/q I64?",
            "rank/rank F64?",
        ]
    );
    let Output::Value(Expr::Measure { measure, edge, .. }) = &q.projections[3].value else {
        panic!("a measure")
    };
    assert_eq!((*measure, edge.as_str()), (Measure::PageRank, "Cites"));
}

#[test]
fn measures_are_grouped_aggregated_and_ordered() {
    let q = read(
        "match { $p: Paper } return { degree($p, cites) as d, count(*) as n, avg(pagerank($p, cites)) }
         order { d, degree($p, cites), avg(pagerank($p, cites)) desc }",
    );
    let keys: Vec<&SortKey> = q.order.iter().map(|o| &o.key).collect();
    assert_eq!(keys, [&SortKey::Column(0), &SortKey::Column(0), &SortKey::Column(2)]);
    assert_eq!(q.projections[2].column, "pagerank");
}

#[test]
fn measures_take_nodes() {
    check_all(
        &[
            "match { $p $w:cites $q } return { degree($w, cites) }",
            "match { path $p = $a cites $b } return { degree($p, cites) }",
            "match { $p: Paper } return { degree($s, cites) }",
            "match { $p: Paper } return { degree($p.year, cites) }",
            "match { $p: Paper } return { pagerank(1, cites) }",
            "match { $p: Paper } return { pagerank($q, cites) }",
            "match { $paper: Paper } return { $paper } order { pagerank($papr, cites) }",
            "match { $p cites $_ } return { degree($_, cites) }",
            "match { $p: Paper  optional { $p cites $q }  not { degree($q, cites) = $p.year } } return { $p }",
        ],
        &expect![[r#"
            match { $p $w:cites $q } return { degree($w, cites) }
                type error: T30: `degree` takes the variable of a node, `$w` is bound to an edge @ $w
            match { path $p = $a cites $b } return { degree($p, cites) }
                type error: T30: `degree` takes the variable of a node, `$p` is bound to a path @ $p
            match { $p: Paper } return { degree($s, cites) }
                type error: T30: `degree` takes the variable of a node, `$s` is a parameter @ $s
            match { $p: Paper } return { degree($p.year, cites) }
                type error: T30: `degree` takes the variable of a node @ $p.year
            match { $p: Paper } return { pagerank(1, cites) }
                type error: T30: `pagerank` takes the variable of a node @ 1
            match { $p: Paper } return { pagerank($q, cites) }
                type error: T30: variable `$q` is not bound @ $q
            match { $paper: Paper } return { $paper } order { pagerank($papr, cites) }
                type error: T30: variable `$papr` is not bound @ $papr (did you mean `$paper`?)
            match { $p cites $_ } return { degree($_, cites) }
                type error: T30: variable `$_` is not bound @ $_ (`$_` is anonymous: name the variable to read it)
            match { $p: Paper  optional { $p cites $q }  not { degree($q, cites) = $p.year } } return { $p }
                type error: T27: `$q` is introduced by an `optional` block and cannot be used in a `not` block @ $q (put the `not` block into the `optional` block)
        "#]],
    );
}

#[test]
fn measures_look_at_edges_of_the_node() {
    check_all(
        &[
            "match { $p: Paper } return { degree($p, citse) }",
            "match { $p: Paper  pagerank($p, nothing) > 0.5 } return { $p }",
            "match { $p: Paper } return { degree($q, citse) }",
            "match { $a: Author } return { degree($a, cites) }",
            "match { $a: Author } return { in_degree($a, wrote) }",
            "match { $p: Paper } return { out_degree($p, wrote) }",
            "match { $a: Author } return { in_degree($a, cites) }",
            "match { $p: Paper } return { out_degree($p, attached) }",
            "match { $p: Paper } return { pagerank($p, wrote) }",
            "match { $a: Author } return { pagerank($a, wrote) }",
            "match { $a: Author } return { pagerank($a, cites) }",
        ],
        &expect![[r#"
            match { $p: Paper } return { degree($p, citse) }
                type error: T30: unknown edge type `citse` @ citse (did you mean `cites`?)
            match { $p: Paper  pagerank($p, nothing) > 0.5 } return { $p }
                type error: T30: unknown edge type `nothing` @ nothing
            match { $p: Paper } return { degree($q, citse) }
                type error: T30: variable `$q` is not bound @ $q
                type error: T30: unknown edge type `citse` @ citse (did you mean `cites`?)
            match { $a: Author } return { degree($a, cites) }
                type error: T30: `$a` is of type Author, which `Cites` (Paper to Paper) does not touch @ $a
            match { $a: Author } return { in_degree($a, wrote) }
                type error: T30: `$a` is of type Author, which `Wrote` (Author to Paper) does not enter @ $a (`out_degree` counts the edges that leave it)
            match { $p: Paper } return { out_degree($p, wrote) }
                type error: T30: `$p` is of type Paper, which `Wrote` (Author to Paper) does not leave @ $p (`in_degree` counts the edges that enter it)
            match { $a: Author } return { in_degree($a, cites) }
                type error: T30: `$a` is of type Author, which `Cites` (Paper to Paper) does not enter @ $a
            match { $p: Paper } return { out_degree($p, attached) }
                type error: T30: `$p` is of type Paper, which `Attached` (Thing to Paper) does not leave @ $p (`in_degree` counts the edges that enter it)
            match { $p: Paper } return { pagerank($p, wrote) }
                type error: T31: `pagerank` over `Wrote`, which connects different types (Author and Paper) @ wrote
            match { $a: Author } return { pagerank($a, wrote) }
                type error: T31: `pagerank` over `Wrote`, which connects different types (Author and Paper) @ wrote
            match { $a: Author } return { pagerank($a, cites) }
                type error: T30: `$a` is of type Author, which `Cites` (Paper to Paper) does not touch @ $a
        "#]],
    );
}

#[test]
fn measures_are_typed_values() {
    check_all(
        &[
            r#"match { $p: Paper  degree($p, cites) = "x" } return { $p }"#,
            "match { $p: Paper  degree($p, cites) contains 1 } return { $p }",
            "match { $p: Paper  search($p.title, degree($p, cites)) } return { $p }",
            "match { $p: Paper } return { count(*) as n } order { degree($p, cites) }",
            "match { $p: Paper } return distinct { $p } order { degree($p, cites) }",
            "match { $p: Paper } return { $p } order { rrf(bm25($p.title, $s), pagerank($p, cites)) } limit 1",
            "match { $p: Paper { year: degree } } return { $p }",
        ],
        &expect![[r#"
            match { $p: Paper  degree($p, cites) = "x" } return { $p }
                type error: T7: cannot compare I64 with String @ degree($p, cites) = "x"
            match { $p: Paper  degree($p, cites) contains 1 } return { $p }
                type error: T7: `contains` needs a list or a String on the left, not I64 @ degree($p, cites)
            match { $p: Paper  search($p.title, degree($p, cites)) } return { $p }
                type error: T19: the query of `search` is a String literal or parameter @ degree($p, cites)
            match { $p: Paper } return { count(*) as n } order { degree($p, cites) }
                type error: with aggregates `order` takes aliases and group keys: the value is not projected @ degree($p, cites)
            match { $p: Paper } return distinct { $p } order { degree($p, cites) }
                type error: with `return distinct` `order` takes projected properties: the value is not projected @ degree($p, cites)
            match { $p: Paper } return { $p } order { rrf(bm25($p.title, $s), pagerank($p, cites)) } limit 1
                type error: T21: an arm of `rrf` is `nearest(…)` or `bm25(…)` @ pagerank($p, cites)
            match { $p: Paper { year: degree } } return { $p }
                parse error: expected a value, found `degree` @ degree
        "#]],
    );
}

#[test]
fn legal_uses_are_accepted() {
    accept_all(&[
        "match { $p: Paper  in_degree($p, cites) in $l or pagerank($p, cites) > $o } return { $p }",
        "match { $p: Paper } return { $p } order { pagerank($p, cites) desc, degree($p, wrote) } limit 10",
        "match { $p: Paper } return { $p } order { bm25($p.title, $s), pagerank($p, cites) desc } limit 10",
        "match { $t attached $p } return { out_degree($t, attached), in_degree($p, attached), degree($t, attached) }",
        "match { $p: Paper } return distinct { degree($p, cites) as d } order { degree($p, cites) desc }",
        "match { $p: Paper } return { min(pagerank($p, cites)), sum(degree($p, cites)), count(distinct in_degree($p, cites)) }",
        "match { $p: Paper  optional { $p cites $q } } return { $q, degree($q, cites) } order { degree($q, cites) }",
    ]);
}
