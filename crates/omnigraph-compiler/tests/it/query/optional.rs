//! `optional { … }`: its typed form, its mistakes and what is nullable after it.

use expect_test::expect;
use omnigraph_compiler::ir::{Expr, OutputType, SortKey, VarType};

use super::lowering::check;
use super::{accept_all, check_all, read};

#[test]
fn blocks_stand_in_text_order_and_conditions_on_them_come_late() {
    check(
        r#"match {
             $p: Paper { slug: $s }
             optional { $p cites $c  $c: Paper { year: 1 }  $c.year > $p.year  not { $c cites $x } }
             $c.title = "a" and $p.title = "b"
             optional { $c $w:cites $d  $c.year = 2  $_ wrote $d }
             $p.year > 1 or $w.weight is null
             not { $p cites $y }
             search($p.title, "t")
           }
           return { $p, $c, $d.title, $w.weight } order { $d.year desc }"#,
        &expect![[r#"
            q
              introduced p | bound p
              Eq(p.slug:String, $s)
              Eq(p.title:String, String("b"):String)
              text(p.title, String("t"):String)
              not
                introduced y | bound 
                p -Cites{1,1}-> y (left p)
              optional
                introduced c | bound c
                p -Cites{1,1}-> c (left p)
                Eq(c.year:I32, Int(1):I32)
                Gt(c.year:I32, p.year:I32)
                not
                  introduced x | bound 
                  c -Cites{1,1}-> x (left c)
              optional
                introduced d w _0 | bound 
                c -w:Cites{1,1}-> d (left c)
                _0 -Wrote{1,1}-> d (left _0)
                Eq(c.year:I32?, Int(2):I32)
              late Eq(c.title:String?, String("a"):String)
              late or["Gt(p.year:I32, Int(1):I32)", "null(w.weight:F64?)"]
              return p = node(p)
              return c = node(c)
              return d.title = d.title:String?
              return w.weight = w.weight:F64?
              order d.year:I32? desc
              grouped false, offset 0, limit None
        "#]],
    );
}

#[test]
fn what_a_block_introduces_is_nullable_after_it() {
    let q = read(
        "match { $p: Paper  optional { $p cites $q  $q.year > 1  $a wrote $q  not { $q cites $x } } }
         return { $p, $q, $q.year, count($q), count($a.name) } order { $q.year }",
    );
    let optional: Vec<(&str, bool)> = q.variables.iter().map(|v| (v.name.as_str(), v.optional)).collect();
    assert_eq!(optional, [("p", false), ("q", true), ("a", true), ("x", false)]);
    assert_eq!(q.projections[0].ty, OutputType::Node { ty: "Paper".into(), nullable: false });
    assert_eq!(q.projections[1].ty, OutputType::Node { ty: "Paper".into(), nullable: true });
    assert!(matches!(&q.projections[2].ty, OutputType::Value(ty) if ty.nullable && ty.to_string() == "I32?"));
    assert_eq!(q.order[0].key, SortKey::Column(2));
    assert_eq!(q.variables[1].ty, VarType::Node("Paper".into()));
    // Inside its block a variable is bound.
    let Expr::Compare { left, .. } = &q.pattern.optionals[0].filters[0] else { panic!("a comparison") };
    assert!(matches!(&**left, Expr::Property { ty, .. } if !ty.nullable));
}

#[test]
fn anonymous_endpoints_of_a_block_are_optional_too() {
    let q = read("match { $p: Paper  optional { $p cites $_ } } return { $p }");
    assert!(q.variables[1].anonymous && q.variables[1].optional);
}

#[test]
fn blocks_are_not_nested() {
    check_all(
        &[
            "match { $p: Paper  optional { $p cites $q  optional { $q cites $r }  $r.year = 1 } } return { $r }",
            "match { $p: Paper  not { $p cites $q  optional { $q cites $r }  $r.year = 1 } } return { $p }",
            "match { $p: Paper  optional { $p cites $q  not { $q cites $r  optional { $r cites $t } } } } return { $p }",
        ],
        &expect![[r#"
            match { $p: Paper  optional { $p cites $q  optional { $q cites $r }  $r.year = 1 } } return { $r }
                type error: T25: `optional` block inside another `optional` block @ { $q cites $r } (put it after that block: it may use the variables that the earlier block introduces)
            match { $p: Paper  not { $p cites $q  optional { $q cites $r }  $r.year = 1 } } return { $p }
                type error: T25: `optional` block inside a `not` block @ { $q cites $r } (leave it out: a block that drops no row changes nothing inside `not`)
            match { $p: Paper  optional { $p cites $q  not { $q cites $r  optional { $r cites $t } } } } return { $p }
                type error: T25: `optional` block inside a `not` block @ { $r cites $t } (leave it out: a block that drops no row changes nothing inside `not`)
        "#]],
    );
}

#[test]
fn blocks_use_a_variable_from_before() {
    check_all(
        &[
            "match { $p: Paper  optional { $x: Author } } return { $p }",
            "match { optional { $x: Author } } return { $x }",
            "match { $p: Paper  optional { $x: Author  not { $x wrote $p } } } return { $p }",
            "match { $p: Paper  optional { $x: Nothing } } return { $p }",
        ],
        &expect![[r#"
            match { $p: Paper  optional { $x: Author } } return { $p }
                type error: T26: `optional` block uses no variable that is bound before it @ { $x: Author }
            match { optional { $x: Author } } return { $x }
                type error: T26: `optional` block uses no variable that is bound before it @ { $x: Author }
            match { $p: Paper  optional { $x: Author  not { $x wrote $p } } } return { $p }
                type error: T26: `optional` block uses no variable that is bound before it @ { $x: Author  not { $x wrote $p } }
            match { $p: Paper  optional { $x: Nothing } } return { $p }
                type error: T1: unknown node type `Nothing` @ Nothing (did you mean `Thing`?)
        "#]],
    );
}

#[test]
fn optional_variables_do_not_stand_where_rows_are_required() {
    check_all(
        &[
            "match { $p: Paper  optional { $p cites $q }  $q cites $r } return { $r.year }",
            "match { $p: Paper  optional { $p cites $q }  $r cites $q } return { $r.year }",
            "match { $p: Paper  optional { $p cites $q }  $q: Paper { year: 1 } } return { $p }",
            "match { $p: Paper  optional { $p cites $q }  $q: Author } return { $p }",
            "match { $p: Paper  optional { $p cites $q }  not { $q cites $r } } return { $p }",
            "match { $p: Paper  optional { $p cites $q }  not { $p.year = $q.year } } return { $p }",
            "match { $p: Paper  optional { $p cites $q }  not { $q: Paper } } return { $p }",
            "match { $p: Paper  optional { $p cites $q }  optional { $p cites $r  not { $q cites $r } } } return { $p }",
            "match { $p: Paper  optional { $p cites $q }  search($q.title, $s) } return { $p }",
            "match { $p: Paper  optional { $p cites $q }  optional { $q cites $r  search($q.title, $s) } } return { $p }",
            "match { $p: Paper  optional { $p cites $q } } return { $p } order { bm25($q.title, $s) }",
            "match { $p: Paper  optional { $p cites $q } } return { nearest($q.embedding, $v) as d }",
            "match { $p: Paper  optional { $p cites $q } } return { $p } order { rrf(bm25($p.title, $s), bm25($q.title, $s)) } limit 1",
            "match { $p: Paper  optional { $p $w:cites $q }  $w cites $p } return { $p }",
        ],
        &expect![[r#"
            match { $p: Paper  optional { $p cites $q }  $q cites $r } return { $r.year }
                type error: T27: `$q` is introduced by an `optional` block and cannot be an endpoint in a required clause @ $q (bind it before the block, or put the clause into an `optional` block)
            match { $p: Paper  optional { $p cites $q }  $r cites $q } return { $r.year }
                type error: T27: `$q` is introduced by an `optional` block and cannot be an endpoint in a required clause @ $q (bind it before the block, or put the clause into an `optional` block)
            match { $p: Paper  optional { $p cites $q }  $q: Paper { year: 1 } } return { $p }
                type error: T27: `$q` is introduced by an `optional` block and cannot be bound in a required clause @ $q (bind it before the block, or put the clause into an `optional` block)
            match { $p: Paper  optional { $p cites $q }  $q: Author } return { $p }
                type error: T27: `$q` is introduced by an `optional` block and cannot be bound in a required clause @ $q (bind it before the block, or put the clause into an `optional` block)
            match { $p: Paper  optional { $p cites $q }  not { $q cites $r } } return { $p }
                type error: T27: `$q` is introduced by an `optional` block and cannot be used in a `not` block @ $q (put the `not` block into the `optional` block)
            match { $p: Paper  optional { $p cites $q }  not { $p.year = $q.year } } return { $p }
                type error: T27: `$q` is introduced by an `optional` block and cannot be used in a `not` block @ $q (put the `not` block into the `optional` block)
            match { $p: Paper  optional { $p cites $q }  not { $q: Paper } } return { $p }
                type error: T27: `$q` is introduced by an `optional` block and cannot be used in a `not` block @ $q (put the `not` block into the `optional` block)
            match { $p: Paper  optional { $p cites $q }  optional { $p cites $r  not { $q cites $r } } } return { $p }
                type error: T27: `$q` is introduced by an `optional` block and cannot be used in a `not` block @ $q (put the `not` block into the `optional` block)
            match { $p: Paper  optional { $p cites $q }  search($q.title, $s) } return { $p }
                type error: T27: `$q` is introduced by an `optional` block and cannot be the target of `search` outside that block @ $q.title
            match { $p: Paper  optional { $p cites $q }  optional { $q cites $r  search($q.title, $s) } } return { $p }
                type error: T27: `$q` is introduced by an `optional` block and cannot be the target of `search` outside that block @ $q.title
            match { $p: Paper  optional { $p cites $q } } return { $p } order { bm25($q.title, $s) }
                type error: T27: `$q` is introduced by an `optional` block and cannot be the target of `bm25` outside that block @ $q.title
            match { $p: Paper  optional { $p cites $q } } return { nearest($q.embedding, $v) as d }
                type error: T27: `$q` is introduced by an `optional` block and cannot be the target of `nearest` outside that block @ $q.embedding
            match { $p: Paper  optional { $p cites $q } } return { $p } order { rrf(bm25($p.title, $s), bm25($q.title, $s)) } limit 1
                type error: T27: `$q` is introduced by an `optional` block and cannot be the target of `bm25` outside that block @ $q.title
            match { $p: Paper  optional { $p $w:cites $q }  $w cites $p } return { $p }
                type error: T23: `$w` is bound to an edge and cannot be an endpoint @ $w
        "#]],
    );
}

#[test]
fn names_are_one_across_blocks() {
    check_all(
        &[
            "match { $p: Paper  not { $p cites $x }  optional { $p cites $x } } return { $p }",
            "match { $p: Paper  optional { $p cites $q  not { $q cites $x } }  optional { $p cites $x } } return { $p }",
            "match { $p: Paper  optional { $p $w:cites $q }  optional { $p $w:cites $r } } return { $p }",
            "match { $p: Paper  optional { $p cites $s } } return { $p }",
            "match { $p: Paper  optional { $p nothing $q }  $q.year = 1  $q cites $p } return { $q }",
            "match { $p: Paper  optional { $p cites $q }  $q = 1  $q.yaer = 1 } return { $q.tittle }",
        ],
        &expect![[r#"
            match { $p: Paper  not { $p cites $x }  optional { $p cites $x } } return { $p }
                type error: `$x` is local to an earlier `not` block and cannot be bound after it @ $x (bind it before the block, or choose another name)
            match { $p: Paper  optional { $p cites $q  not { $q cites $x } }  optional { $p cites $x } } return { $p }
                type error: `$x` is local to an earlier `not` block and cannot be bound after it @ $x (bind it before the block, or choose another name)
            match { $p: Paper  optional { $p $w:cites $q }  optional { $p $w:cites $r } } return { $p }
                type error: T23: the name of edge binding `$w` is taken @ $w
            match { $p: Paper  optional { $p cites $s } } return { $p }
                type error: `$s` is both a parameter and a match variable @ $s
            match { $p: Paper  optional { $p nothing $q }  $q.year = 1  $q cites $p } return { $q }
                type error: T4: unknown edge type `nothing` @ nothing
            match { $p: Paper  optional { $p cites $q }  $q = 1  $q.yaer = 1 } return { $q.tittle }
                type error: T7: filters take scalar operands, `$q` is a node of type Paper @ $q (name a property: `$q.…`)
                type error: T6: node type `Paper` has no property `yaer` @ yaer (did you mean `year`?)
                type error: T6: node type `Paper` has no property `tittle` @ tittle (did you mean `title`?)
        "#]],
    );
}

#[test]
fn legal_uses_are_accepted() {
    accept_all(&[
        "match { $p: Paper  optional { $p cites{1,3} $q }  optional { $q <cites> $r } } return { $r.year, $q }",
        "match { $p: Paper  optional { $p cites $q }  optional { $q: Paper { year: 1 }  $q cites $r } } return { $p }",
        "match { $p: Paper  optional { $p cites $q }  optional { $p cites $r  $r.year > $q.year } } return { $p }",
        "match { $p: Paper  optional { $p cites $q  search($q.title, $s) } } return { $p }",
        "match { $p: Paper  optional { $p cites $q  not { $q cites $x  $x.year = $q.year } } } return { $p }",
        "match { $p: Paper  optional { $p cites $q } } return { $p, $q } order { bm25($p.title, $s), $q.year }",
        "match { $p: Paper  optional { $p cites $q }  $q.year = 1 or $q.year is null  $q.title in [\"a\"] } return { $p }",
        "match { $p: Paper  optional { $p cites $q }  optional { $p cites $r }  $a wrote $p } return { $q, $r, $a }",
        "match { $p: Paper  optional { $p cites $q } } return { $q.year, count($q), max($q.title), count(distinct $q) as d } order { $q.year }",
        "match { $p: Paper  optional { $p cites $q } } return distinct { $q.year as y } order { y desc }",
        "match { $p: Paper  optional { $p cites $p } } return { $p }",
        "match { $p: Paper  optional { $p cites $q  $p cites $x  not { $x cites $y } }  not { $p cites $y } } return { $p }",
    ]);
}
