//! The report on a file and the descriptors of queries, as JSON.

use expect_test::expect;
use omnigraph_compiler::ir;
use omnigraph_compiler::query::{SchemaSource, describe, describe_params, lint};

use super::{CATALOG, body, compile};

fn report(source: &str) -> String {
    let schema = SchemaSource::File { path: "schema.pg".to_owned() };
    serde_json::to_string_pretty(&lint("q.gq", source, &CATALOG, schema)).unwrap()
}

#[test]
fn a_report_holds_every_query_and_finding() {
    let source = r#"
        query find($s: String) { match { $p: Paper { slug: $s } } return { $p.tags, $p.embedding, $p.year as y } }
        query bad() { delete Paper where nope = 1 }
        query touch($s: String) { update Paper set { title: "x" } where slug = $s }
        query age($s: String) { update Paper set { tags: [] } where slug = $s }
        query twice() { match { $p: Paper } return { $p.year, avg($p.year) } }
        query add($s: String) { insert Author { name: $s, age: 1 } }
    "#;
    expect![[r#"
        {
          "status": "error",
          "schema_source": {
            "kind": "file",
            "path": "schema.pg"
          },
          "query_path": "q.gq",
          "queries_processed": 6,
          "errors": 1,
          "warnings": 3,
          "infos": 0,
          "results": [
            {
              "name": "find",
              "kind": "read",
              "status": "ok",
              "operation": {
                "result": [
                  {
                    "name": "tags",
                    "kind": "list",
                    "item_kind": "string",
                    "nullable": true
                  },
                  {
                    "name": "embedding",
                    "kind": "vector",
                    "vector_dim": 4,
                    "nullable": true
                  },
                  {
                    "name": "y",
                    "kind": "int",
                    "nullable": false
                  }
                ],
                "reads": [
                  {
                    "kind": "node",
                    "type_name": "Paper"
                  }
                ],
                "writes": []
              }
            },
            {
              "name": "bad",
              "kind": "mutation",
              "status": "error",
              "warnings": [
                "mutation declares no params; hardcoded mutations are easy to miss"
              ],
              "error": "type error: T11: type `Paper` has no property `nope`"
            },
            {
              "name": "touch",
              "kind": "mutation",
              "status": "ok",
              "operation": {
                "result": [],
                "reads": [
                  {
                    "kind": "node",
                    "type_name": "Paper"
                  }
                ],
                "writes": [
                  {
                    "kind": "node",
                    "type_name": "Paper"
                  }
                ]
              }
            },
            {
              "name": "age",
              "kind": "mutation",
              "status": "ok",
              "operation": {
                "result": [],
                "reads": [
                  {
                    "kind": "node",
                    "type_name": "Paper"
                  }
                ],
                "writes": [
                  {
                    "kind": "node",
                    "type_name": "Paper"
                  }
                ]
              }
            },
            {
              "name": "twice",
              "kind": "read",
              "status": "ok",
              "warnings": [
                "2 columns are called `p.year`; a JSON row keeps only the last: give aliases"
              ],
              "operation": {
                "result": [
                  {
                    "name": "year",
                    "kind": "int",
                    "nullable": false
                  },
                  {
                    "name": "avg",
                    "kind": "float",
                    "nullable": true
                  }
                ],
                "reads": [
                  {
                    "kind": "node",
                    "type_name": "Paper"
                  }
                ],
                "writes": []
              }
            },
            {
              "name": "add",
              "kind": "mutation",
              "status": "ok",
              "operation": {
                "result": [],
                "reads": [
                  {
                    "kind": "node",
                    "type_name": "Author"
                  }
                ],
                "writes": [
                  {
                    "kind": "node",
                    "type_name": "Author"
                  }
                ]
              }
            }
          ],
          "findings": [
            {
              "severity": "warning",
              "code": "L201",
              "message": "Paper.embedding exists in schema but no update query sets it",
              "type_name": "Paper",
              "property": "embedding",
              "query_names": [
                "age",
                "touch"
              ]
            }
          ]
        }"#]]
    .assert_eq(&report(source));
}

#[test]
fn a_file_that_does_not_parse_has_a_report_of_its_errors() {
    expect![[r#"
        {
          "status": "error",
          "schema_source": {
            "kind": "file",
            "path": "schema.pg"
          },
          "query_path": "q.gq",
          "queries_processed": 0,
          "errors": 1,
          "warnings": 0,
          "infos": 0,
          "results": [],
          "findings": [
            {
              "severity": "error",
              "code": "Q000",
              "message": "parse error: expected `)` or a variable, found `{`"
            }
          ]
        }"#]]
    .assert_eq(&report("query find( {"));
}

#[test]
fn a_report_names_the_graph_of_its_schema() {
    let schema = SchemaSource::Graph { uri: "file:///g".to_owned() };
    let report = serde_json::to_string(&lint("q.gq", "", &CATALOG, schema)).unwrap();
    expect![[r#"{"status":"ok","schema_source":{"kind":"graph","uri":"file:///g"},"query_path":"q.gq","queries_processed":0,"errors":0,"warnings":0,"infos":0,"results":[],"findings":[]}"#]].assert_eq(&report);
}

fn operation(source: &str) -> String {
    serde_json::to_string(&describe(&compile(&body(source)).unwrap(), &CATALOG)).unwrap()
}

#[test]
fn a_read_is_described_by_its_columns_and_the_types_it_reads() {
    expect![[r#"{"result":[{"name":"a","kind":"object","nullable":false},{"name":"title","kind":"string","nullable":false},{"name":"r","kind":"string","nullable":true},{"name":"n","kind":"int","nullable":false},{"name":"o","kind":"float","nullable":true},{"name":"literal","kind":"bigint","nullable":false},{"name":"literal","kind":"float","nullable":false},{"name":"now","kind":"datetime","nullable":false},{"name":"l","kind":"list","item_kind":"bigint","nullable":false},{"name":"tags","kind":"list","item_kind":"string","nullable":true},{"name":"embedding","kind":"vector","vector_dim":4,"nullable":true}],"reads":[{"kind":"node","type_name":"Author"},{"kind":"node","type_name":"Paper"},{"kind":"edge","type_name":"Cites"},{"kind":"edge","type_name":"Wrote"}],"writes":[]}"#]].assert_eq(&operation(
        "match { $a $w:wrote $p  not { $p cites $q } }
         return { $a, $p.title, $w.role as r, $n, $o, 1, 1.5, now(), [1] as l, $p.tags, $p.embedding }",
    ));
    expect![[r#"{"result":[{"name":"state","kind":"string","nullable":true},{"name":"count","kind":"bigint","nullable":true},{"name":"sum","kind":"float","nullable":true},{"name":"first","kind":"date","nullable":true},{"name":"max","kind":"int","nullable":true}],"reads":[{"kind":"node","type_name":"Thing"}],"writes":[]}"#]].assert_eq(&operation(
        "match { $t: Thing } return { $t.state, count($t), sum($t.f64), min($t.day) as first, max($t.u32) }",
    ));
}

#[test]
fn a_mutation_is_described_by_the_types_it_reads_and_changes() {
    expect![[r#"{"result":[],"reads":[{"kind":"node","type_name":"Author"},{"kind":"node","type_name":"Paper"},{"kind":"edge","type_name":"Wrote"}],"writes":[{"kind":"edge","type_name":"Wrote"}]}"#]].assert_eq(&operation("insert Wrote { from: $s, to: $s }"));
    expect![[r#"{"result":[],"reads":[{"kind":"node","type_name":"Paper"},{"kind":"edge","type_name":"Attached"},{"kind":"edge","type_name":"Cites"},{"kind":"edge","type_name":"Wrote"}],"writes":[{"kind":"node","type_name":"Paper"},{"kind":"edge","type_name":"Attached"},{"kind":"edge","type_name":"Cites"},{"kind":"edge","type_name":"Wrote"}]}"#]].assert_eq(&operation("delete Paper where slug = $s"));
    expect![[r#"{"result":[],"reads":[{"kind":"node","type_name":"Author"},{"kind":"edge","type_name":"Cites"}],"writes":[{"kind":"node","type_name":"Author"},{"kind":"edge","type_name":"Cites"}]}"#]].assert_eq(&operation("update Author set { age: 1 } where name = $s  delete Cites where from = $s"));
}

#[test]
fn parameters_are_described_with_their_types() {
    let query: ir::Query = compile(&body("delete Paper where slug = $s")).unwrap();
    expect![[r#"[{"name":"s","kind":"string","nullable":false},{"name":"n","kind":"int","nullable":false},{"name":"blob","kind":"blob","nullable":false},{"name":"v","kind":"vector","vector_dim":4,"nullable":false},{"name":"l","kind":"list","item_kind":"int","nullable":false},{"name":"o","kind":"float","nullable":true}]"#]].assert_eq(&serde_json::to_string(&describe_params(&query.params)).unwrap());
}

#[test]
fn variables_of_optional_blocks_are_nullable_and_their_types_are_read() {
    expect![[r#"{"result":[{"name":"p","kind":"object","nullable":false},{"name":"q","kind":"object","nullable":true},{"name":"year","kind":"int","nullable":true},{"name":"year","kind":"int","nullable":false}],"reads":[{"kind":"node","type_name":"Author"},{"kind":"node","type_name":"Paper"},{"kind":"edge","type_name":"Cites"},{"kind":"edge","type_name":"Wrote"}],"writes":[]}"#]].assert_eq(&operation(
        "match { $p: Paper  optional { $p cites $q  not { $_ wrote $q } } } return { $p, $q, $q.year, $p.year }",
    ));
}

/// The warnings of the only query of a file.
fn warnings(body: &str) -> Vec<String> {
    let schema = SchemaSource::File { path: String::new() };
    let report = lint("q.gq", &format!("query q() {{ {body} }}"), &CATALOG, schema);
    assert_eq!(report.errors, 0, "{report:?}");
    report.results[0].warnings.clone()
}

#[test]
fn clauses_without_effect_are_reported() {
    let expected = ["`optional` block 2 introduces no variable, so it changes nothing: leave it out"];
    let found = warnings(
        "match { $p: Paper  optional { $p cites $_ }  $q: Paper  optional { $p cites $q  $q.year = 1 } } return { $p }",
    );
    assert_eq!(found, expected);
    let found = warnings(
        "match { path $p = $a cites $b  optional { path $q = $b cites $c  length($q) = 1  path $r = $b cites $d } }
         return { $a }",
    );
    assert_eq!(
        found,
        ["path `$p` is never read: leave out `path $p =`", "path `$r` is never read: leave out `path $r =`"]
    );
}

#[test]
fn paths_are_described() {
    expect![[r#"{"result":[{"name":"length","kind":"bigint","nullable":false},{"name":"nodes","kind":"list","item_kind":"string","nullable":true},{"name":"edges","kind":"list","item_kind":"string","nullable":false},{"name":"far","kind":"bigint","nullable":true}],"reads":[{"kind":"node","type_name":"Author"},{"kind":"node","type_name":"Paper"},{"kind":"edge","type_name":"Cites"},{"kind":"edge","type_name":"Wrote"}],"writes":[]}"#]].assert_eq(&operation(
        "match { $a: Author  path $p = $a wrote $b  optional { path $q = $b cites{1,2} $c } }
         return { length($p), nodes($q), edges($p), max(length($q)) as far }",
    ));
}

#[test]
fn measures_read_their_edge_and_its_ends() {
    let reads = |source: &str| {
        let operation = describe(&compile(&body(source)).unwrap(), &CATALOG);
        operation.reads.into_iter().map(|t| t.type_name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(reads("match { $p: Paper } return { in_degree($p, wrote) }"), "Author Paper Wrote");
    assert_eq!(
        reads("match { $p: Paper } return { $p } order { degree($p, attached) }"),
        "Paper Thing Attached"
    );
    assert_eq!(reads("match { $p: Paper } return { sum(degree($p, wrote)) as n }"), "Author Paper Wrote");
    assert_eq!(
        reads("match { $p: Paper  not { $p cites $q  $q.year = 1 or degree($q, wrote) = 0 } } return { $p }"),
        "Author Paper Cites Wrote"
    );
    assert_eq!(
        reads("match { $p: Paper  optional { $p cites $q }  in_degree($q, attached) is null } return { $p }"),
        "Paper Thing Attached Cites"
    );
}

#[test]
fn the_examples_of_the_language_page_compile() {
    let blocks = |page: &'static str| page.split("```").skip(1).step_by(2);
    let schema =
        blocks(include_str!("../../../../../docs/schema.md")).find_map(|b| b.strip_prefix("pg\n")).unwrap();
    let catalog = omnigraph_compiler::schema::compile(schema, "01J0000000000000000000DOCS").unwrap().catalog;
    let queries = blocks(include_str!("../../../../../docs/queries.md")).map(|b| b.trim_start_matches("gq"));
    let mut count = 0;
    for query in queries {
        let schema = SchemaSource::File { path: String::new() };
        let report = lint("queries.md", query, &catalog, schema);
        assert_eq!(report.errors, 0, "{query}{report:?}");
        assert_eq!(report.results[0].warnings, Vec::<String>::new(), "{query}");
        count += report.queries_processed;
    }
    assert_eq!(count, 5);
}
