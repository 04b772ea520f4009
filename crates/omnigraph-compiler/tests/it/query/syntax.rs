//! Text to syntax tree: what parses, what does not, and what is reported.

use expect_test::{Expect, expect};
use omnigraph_compiler::query::{SelectError, parse_file, print, select};

fn errors(source: &str) -> String {
    match parse_file(source) {
        Ok(_) => "ok".to_owned(),
        Err(errors) => {
            let line = |d: &omnigraph_compiler::diagnostics::Diagnostic| {
                let (line, column) = d.line_column(source);
                format!("{line}:{column}: {d}")
            };
            errors.0.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    }
}

fn check_all(bodies: &[&str], expected: &Expect) {
    let report = |b: &&str| {
        let errors = errors(&format!("query q() {{ {b} }}"));
        format!("{b}\n    {}", errors.replace('\n', "\n    "))
    };
    let reports: Vec<String> = bodies.iter().map(report).collect();
    expected.assert_eq(&(reports.join("\n") + "\n"));
}

#[test]
fn malformed_texts_are_refused_with_what_was_expected() {
    check_all(
        &[
            "match { } return { $p }",
            "match { $p: Paper } return { }",
            "match { $p: Paper }",
            "match { $p: Paper } return { $p } order { nearest($p.v, [1]) desc } limit 1",
            "match { $p: Paper } return { $p } order { $p.a $p.b }",
            "match { $p: Paper } return { $p } limit $n",
            "match { $p: Paper } return { $p } limit 18446744073709551616",
            "match { $names contains $p.name } return { $p }",
            "match { $p.flag } return { $p }",
            "match { $p: paper } return { $p }",
            "match { optional { } } return { $p }",
            "match { optional $p: Paper } return { $p }",
            "match { path p = $a cites $b } return { $a }",
            "match { path $p $a cites $b } return { $a }",
            "match { path $p = cites } return { $a }",
            "match { $a: A } return { degree($a) }",
            "match { $a: A } return { degree($a, B) }",
            "match { $a: A } return { pagerank($a, \"b\") }",
            "match { $a: A } return { pagerank($a, b, c) }",
            "match { $p: Paper { a: $q.b } } return { $p }",
            "match { $p.a = [1,] } return { $p }",
            "match { $p.a = 9223372036854775808 } return { $p }",
            "match { $p.a = 1e999 } return { $p }",
            r#"match { $p.a = "\x" } return { $p }"#,
            r#"match { $p.a = "x } return { $p }"#,
            "match { $P: Paper } return { $p }",
            "match { $p: Paper } return { sum(*) }",
            "match { $p: Paper } return { $p as Name }",
            "insert Paper { }",
            "update Paper set { a: 1 }",
            "delete Paper",
            "delete Paper where a contains 1",
            "insert Paper { a: b }",
            "mutation { delete Paper where a = 1 }",
            "# note",
            "/* open",
            "",
        ],
        &expect![[r#"
            match { } return { $p }
                1:21: parse error: expected a clause, found `}`
            match { $p: Paper } return { }
                1:42: parse error: expected an expression, found `}`
            match { $p: Paper }
                1:33: parse error: expected `return`, found `}`
            match { $p: Paper } return { $p } order { nearest($p.v, [1]) desc } limit 1
                1:74: parse error: expected `,` or `}`, found `desc`
            match { $p: Paper } return { $p } order { $p.a $p.b }
                1:60: parse error: expected `,`, `asc`, `desc` or `}`, found `$p`
            match { $p: Paper } return { $p } limit $n
                1:53: parse error: expected an unsigned integer, found `$n`
            match { $p: Paper } return { $p } limit 18446744073709551616
                1:53: parse error: number `18446744073709551616` is out of range
            match { $names contains $p.name } return { $p }
                1:39: parse error: expected `,`, `}` or a clause, found `.`
            match { $p.flag } return { $p }
                1:29: parse error: expected a comparison, found `}`
            match { $p: paper } return { $p }
                1:25: parse error: expected a type name, found `paper`
            match { optional { } } return { $p }
                1:32: parse error: expected `(`, `not`, `optional`, `path`, a variable or an expression, found `}`
            match { optional $p: Paper } return { $p }
                1:30: parse error: expected `{` or a comparison, found `$p`
            match { path p = $a cites $b } return { $a }
                1:26: parse error: expected a comparison or a variable, found `p`
            match { path $p $a cites $b } return { $a }
                1:29: parse error: expected `=`, found `$a`
            match { path $p = cites } return { $a }
                1:31: parse error: expected a variable, found `cites`
            match { $a: A } return { degree($a) }
                1:47: parse error: expected `,` or `.`, found `)`
            match { $a: A } return { degree($a, B) }
                1:49: parse error: expected an edge, found `B`
            match { $a: A } return { pagerank($a, "b") }
                1:51: parse error: expected an edge, found a string
            match { $a: A } return { pagerank($a, b, c) }
                1:52: parse error: expected `)`, found `,`
            match { $p: Paper { a: $q.b } } return { $p }
                1:38: parse error: expected `,`, `}` or a name, found `.`
            match { $p.a = [1,] } return { $p }
                1:31: parse error: expected a literal, found `]`
            match { $p.a = 9223372036854775808 } return { $p }
                1:28: parse error: number `9223372036854775808` is out of range
            match { $p.a = 1e999 } return { $p }
                1:28: parse error: number `1e999` is out of range
            match { $p.a = "\x" } return { $p }
                1:29: parse error: unsupported escape sequence
            match { $p.a = "x } return { $p }
                1:28: parse error: unterminated string
            match { $P: Paper } return { $p }
                1:21: parse error: a variable is `$` directly followed by a lower-case name
            match { $p: Paper } return { sum(*) }
                1:42: parse error: `*` is an argument of `count` only, not of `sum`
            match { $p: Paper } return { $p as Name }
                1:48: parse error: expected `,`, `as`, `}`, a name or an expression, found `Name`
            insert Paper { }
                1:26: parse error: T10: `insert` needs at least one assignment
            update Paper set { a: 1 }
                1:39: parse error: expected `where`, found `}`
            delete Paper
                1:26: parse error: expected `where`, found `}`
            delete Paper where a contains 1
                1:34: parse error: expected a comparison, found `contains`
            insert Paper { a: b }
                1:31: parse error: expected a value, found `b`
            mutation { delete Paper where a = 1 }
                1:13: parse error: expected `delete`, `insert`, `match` or `update`, found `mutation`
            # note
                1:13: parse error: unexpected character '#'
            /* open
                1:13: parse error: unterminated block comment

                1:14: parse error: expected `delete`, `insert`, `match` or `update`, found `}`
        "#]],
    );
}

#[test]
fn texts_of_the_grammar_are_accepted() {
    for source in [
        "",
        "// nothing\n/* at all */",
        "query q() { match{$a:A}return{$a}limit 18446744073709551615 }",
        "query q($x: Vector( 3 ) ?, $y: [ String ]?) { match { $a: A } return { $a.limit as limit } }",
        "query query() { match { $_x: A $_x not_ $_ } return { $_x.not } }",
        "query match() { match { $a: A $a.in in $a.is } return { $a.order, order as order } order { order asc } }",
        "query q() @instruction(\"i\") @description(\"d\") { delete A where date = date(\"x\") }",
        "query optional() { match { $a: A { optional: 1 } optional { $a optional $b } $a.optional = 1 } return { $a.optional as optional, optional } order { optional } }",
        "query path() { match { path $path = $a path{1,2} $b  $a path $b  $a.path = $a.length  path $b = $c <path> $d } return { length($path) as length, $a.nodes as nodes, edges($path) as edges, $a.path as path } order { length, path desc, nodes, edges } }",
        "query degree() { match { $a degree $b  $a.pagerank = in_degree($a, degree) } return { $a.degree as degree, out_degree($b, out_degree) as in_degree, $a.pagerank } order { degree, in_degree } }",
        "query q() { match { $a b{2,} $c  $a $e:b $c  $a <b>{1,2} $c } return { $a } }",
    ] {
        assert_eq!(errors(source), "ok", "{source}");
    }
}

#[test]
fn several_errors_are_reported_at_once() {
    let source = r#"
query a() {
    match { $p Paper }
    return { $p. }
    order { $p.a desc asc }
}
query b($x) { delete A where x = 1 }
query c() { match { $p: Paper } return { $p } }
query c() { insert A { x: ' } }
query d(
"#;
    expect![[r#"
        3:16: parse error: expected `.`, `:`, `<`, a comparison, a variable or an edge, found `Paper`
        4:18: parse error: expected a name, found `}`
        5:23: parse error: expected `,` or `}`, found `asc`
        7:11: parse error: expected `:`, found `)`
        9:7: parse error: duplicate query 'c'
        9:27: parse error: unexpected character '\''
        11:1: parse error: expected `)` or a variable, found the end of the text
    "#]]
    .assert_eq(&(errors(source) + "\n"));
}

#[test]
fn deep_nesting_is_refused() {
    let wrap = |open: &str, close: &str, inner: &str| {
        let n = 10_000;
        format!("query q() {{ match {{ {}{inner}{} }} return {{ $a }} }}", open.repeat(n), close.repeat(n))
    };
    for source in [
        wrap("(", ")", "$a.b = 1"),
        wrap("not { ", "}", "$a.b = 1"),
        wrap("optional { ", "}", "$a.b = 1"),
        wrap("not ", "", "$a.b = 1"),
        wrap("not (", ")", "$a.b = 1"),
        wrap("[", "]", ""),
        wrap("search(", ")", "$a.b"),
        "{".repeat(100_000),
        ")".repeat(100_000),
    ] {
        let errors = errors(&source);
        assert_ne!(errors, "ok");
        assert!(source.starts_with(')') || errors.contains("nested more than 64 levels"), "{errors}");
    }
    let fine = |n: usize| {
        format!("query q() {{ match {{ {}$a.b = 1{} }} return {{ $a }} }}", "(".repeat(n), ")".repeat(n))
    };
    assert_eq!(errors(&fine(60)), "ok");
}

#[test]
fn accepted_nesting_fits_a_small_stack() {
    let n = 60;
    let wrap = |open: &str, close: &str, inner: &str| {
        format!("query q() {{ match {{ {}{inner}{} }} return {{ $a }} }}", open.repeat(n), close.repeat(n))
    };
    let mut sources = Vec::new();
    for inner in ["$a.b = 1", "$a.b =", "?"] {
        sources.push(wrap("(", ")", inner));
        sources.push(wrap("not {", "}", inner));
        sources.push(wrap("optional {", "}", inner));
        sources.push(wrap("not ", "", inner));
        sources.push(wrap("search(", ", \"q\")", inner));
        sources.push(wrap("count(distinct ", ")", inner));
        sources.push(wrap("1 = [", "]", inner));
    }
    let run = move || {
        let mut accepted = 0;
        for source in sources {
            if let Ok(file) = parse_file(&source) {
                let _ = omnigraph_compiler::query::typecheck(&file.queries[0], &super::CATALOG);
                assert_eq!(parse_file(&print(&file)), Ok(file));
                accepted += 1;
            }
        }
        accepted
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(run).expect("threads can be started");
    let accepted = thread.join().expect("no overflow");
    assert!(accepted >= 3, "{accepted} texts parse");
}

#[test]
fn long_flat_text_parses_in_time() {
    let clauses = "$a.b = 1 or $a.b = 2 and not $a.c contains \"x\"\n".repeat(2_000);
    assert_eq!(errors(&format!("query q() {{ match {{ {clauses} }} return {{ $a }} }}")), "ok");
}

#[test]
fn queries_are_selected_by_name() {
    let file =
        parse_file("query find() { delete A where x = 1 } query other() { delete A where x = 1 }").unwrap();
    assert_eq!(select(&file, Some("other")).unwrap().name.node, "other");
    let error = select(&file, None).unwrap_err();
    assert!(error.to_string().starts_with("query file contains multiple queries"), "{error}");
    let error = select(&file, Some("fnd")).unwrap_err();
    assert_eq!(error.to_string(), "query 'fnd' not found, did you mean 'find'?");
    let error = select(&file, Some("x")).unwrap_err();
    assert_eq!(error, SelectError::NotFound { name: "x".into(), suggestion: None });
    assert_eq!(select(&parse_file("").unwrap(), None).unwrap_err(), SelectError::Empty);
    let one = parse_file("query only() { delete A where x = 1 }").unwrap();
    assert_eq!(select(&one, None).unwrap().name.node, "only");
}

#[test]
fn printing_keeps_the_nesting() {
    let source = "query q($v: Vector(4)?, $l: [I32]) @description(\"say \\\"hi\\\"\") {
        match { $a: A { x: [1, -2.5, true, date(\"d\")], y: now() }  $a $w:wrote{1,2} $p
          not { $p <cites> $_ }  optional { path $r = $a $w:<b>{2,} $c } ($x contains $y) or not ($a.b = 1 or $a.c is not null) and $a.d not in $l }
        return distinct { count(distinct $a.x) as n, count(*), rrf(nearest($a.v, $v), bm25($a.t, \"q\"), 10) }
        order { n desc, fuzzy($a.t, \"x\", 1) } offset 3 limit 5 }
      query m() { insert A { x: 1 } update A set { y: \"a\\nb\" } where x >= 1 delete A where y != now() }";
    let file = parse_file(source).unwrap();
    let printed = print(&file);
    expect![[r#"
        query q($v: Vector(4)?, $l: [I32]) @description("say \"hi\"") {
            match {
                $a: A { x: [1, -2.5, true, date("d")], y: now() }
                $a $w:wrote{1,2} $p
                not {
                    $p <cites> $_
                }
                optional {
                    path $r = $a $w:<b>{2,} $c
                }
                ($x contains $y or not ($a.b = 1 or $a.c is not null) and $a.d not in $l)
            }
            return distinct {
                count(distinct $a.x) as n,
                count(*),
                rrf(nearest($a.v, $v), bm25($a.t, "q"), 10)
            }
            order { n desc, fuzzy($a.t, "x", 1) }
            offset 3
            limit 5
        }

        query m() {
            insert A { x: 1 }
            update A set { y: "a\nb" } where x >= 1
            delete A where y != now()
        }
    "#]]
    .assert_eq(&printed);
    assert_eq!(parse_file(&printed).unwrap(), file);
}
