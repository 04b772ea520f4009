//! Loads and exports, as a caller sees them: modes, grammars, values, constraints, limits and races.

use std::fmt::Write as _;

use omnigraph::db::{
    Grammar, JsonRows, Load, LoadMode, LoadReceipt, LoadSource, OpenOptions, ParamMap, row_objects,
};
use omnigraph::error::OmniError;
use omnigraph::{Omnigraph, Result};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};

use LoadMode::{Append, Merge, Overwrite};

use crate::fixtures::{fresh, fresh_with};

const SCHEMA: &str = "
    node Person { name: String @key  age: I32? }
    node Company { name: String @key }
    node Note { text: String? }
    edge Knows: Person -> Person { since: Date? }
    edge WorksAt: Person -> Company
";

const DATA: &str = r#"
{"type":"Person","data":{"name":"Ada","age":36}}
{"type":"Person","data":{"name":"Bob"}}
{"type":"Company","data":{"name":"Acme"}}
{"edge":"Knows","from":"Ada","to":"Bob","data":{"id":"k1"}}
{"edge":"WorksAt","from":"Ada","to":"Acme","data":{"id":"w1"}}
"#;

async fn load(graph: &Omnigraph, text: &str, mode: LoadMode) -> Result<LoadReceipt> {
    graph.load(Load::new("main", LoadSource::Text(text.to_owned()), mode)).await
}

async fn ingest(graph: &Omnigraph, text: &str) -> Result<LoadReceipt> {
    let load = Load::new("main", LoadSource::Text(text.to_owned()), Append);
    graph.load(Load { grammar: Grammar::Permissive, ..load }).await
}

async fn fixture() -> Omnigraph {
    let graph = fresh(SCHEMA).await;
    load(&graph, DATA, Append).await.unwrap();
    graph
}

async fn export(graph: &Omnigraph, types: &[&str]) -> String {
    let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
    let mut out = Vec::new();
    graph.export("main", &types, &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

/// Returns the `data` of every exported line of a type.
async fn rows(graph: &Omnigraph, name: &str) -> Vec<Json> {
    let data = |line: &str| serde_json::from_str::<Json>(line).unwrap()["data"].take();
    export(graph, &[name]).await.lines().map(data).collect()
}

/// Returns the ids of a type in order.
async fn ids(graph: &Omnigraph, name: &str) -> Vec<String> {
    rows(graph, name).await.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

async fn version(graph: &Omnigraph) -> u64 {
    graph.snapshot_of("main").await.unwrap().graph_manifest_version()
}

fn person(name: &str) -> String {
    format!("{{\"type\":\"Person\",\"data\":{{\"name\":\"{name}\"}}}}\n")
}

/// Checks that a load is refused with a text, makes no commit, and leaves every row as it was.
async fn refused(graph: &Omnigraph, text: &str, mode: LoadMode, fragment: &str) -> OmniError {
    let before = (version(graph).await, export(graph, &[]).await);
    let error = load(graph, text, mode).await.expect_err(fragment);
    assert!(error.to_string().contains(fragment), "{text}: {error}");
    assert_eq!((version(graph).await, export(graph, &[]).await), before, "{text}");
    error
}

#[tokio::test]
async fn append_refuses_what_exists_and_keeps_the_rest() {
    let graph = fixture().await;
    let error = refused(&graph, r#"{"type":"Person","data":{"name":"Ada","age":1}}"#, Append, "Ada").await;
    assert!(matches!(error, OmniError::KeyConflict { entity_id, .. } if entity_id == "Ada"));
    let edge = r#"{"edge":"Knows","from":"Bob","to":"Ada","data":{"id":"k1"}}"#;
    assert!(matches!(refused(&graph, edge, Append, "k1").await, OmniError::KeyConflict { .. }));
    let twice = person("Eve") + &person("Eve");
    refused(&graph, &twice, Append, "@unique violation on Person.name").await;
    let note = "{\"type\":\"Note\",\"data\":{\"id\":\"n1\"}}\n";
    let error = refused(&graph, &note.repeat(2), Append, "n1").await;
    assert!(matches!(error, OmniError::KeyConflict { .. }));
    load(&graph, &(person("Eve") + note), Append).await.unwrap();
    assert_eq!(ids(&graph, "Person").await, ["Ada", "Bob", "Eve"]);
    assert_eq!(ids(&graph, "Knows").await, ["k1"]);
}

#[tokio::test]
async fn merge_replaces_full_images_and_is_idempotent() {
    let graph = fixture().await;
    let text = r#"{"type":"Person","data":{"name":"Ada"}}
{"type":"Note","data":{"id":"n1","text":"first"}}
{"edge":"Knows","from":"Bob","to":"Ada","data":{"id":"k1","since":"2024-06-01"}}
{"type":"Note","data":{"id":"n1","text":"last"}}"#;
    let receipt = load(&graph, text, Merge).await.unwrap();
    assert_eq!(receipt.counts.nodes["Note"], 2, "lines are counted, not entities");
    assert_eq!(rows(&graph, "Person").await[0], json!({"id":"Ada","age":null,"name":"Ada"}));
    assert_eq!(rows(&graph, "Note").await, [json!({"id":"n1","text":"last"})]);
    let edges = export(&graph, &["Knows"]).await;
    assert_eq!(
        edges,
        "{\"edge\":\"Knows\",\"from\":\"Bob\",\"to\":\"Ada\",\"data\":{\"id\":\"k1\",\"since\":19875}}\n"
    );
    let once = export(&graph, &[]).await;
    load(&graph, text, Merge).await.unwrap();
    assert_eq!(export(&graph, &[]).await, once);
    refused(&graph, &person("Eve").repeat(2), Merge, "@unique violation on Person.name").await;
}

/// One schema with every constraint that is judged after the input was read.
const STRICT: &str = r#"
    node P {
        k: String @key
        n: I32?
        m: String? @unique
        s: enum(on, off)?
        @range(n, 0..10)
        @check(m, "@")
    }
    node Note { text: String? }
    edge E: P -> P @card(0..1)
"#;

#[tokio::test]
async fn refusals_after_reading_name_the_line_of_the_row() {
    let p = |k: &str, rest: &str| format!("{{\"type\":\"P\",\"data\":{{\"k\":\"{k}\"{rest}}}}}\n");
    let e = |from: &str, to: &str| format!("{{\"edge\":\"E\",\"from\":\"{from}\",\"to\":\"{to}\"}}\n");
    let note = |id: &str| format!("{{\"type\":\"Note\",\"data\":{{\"id\":\"{id}\"}}}}\n");
    let good = format!("{}\n{}{}", p("x", ""), e("x", "x"), p("y", r#","m":"a@b""#));
    let cases = [
        (p("z", r#","n":11"#), "line 5: @range violation on P.n: 11"),
        (p("z", r#","m":"mail""#), "line 5: @check violation on P.m: 'mail'"),
        (p("z", r#","s":"dim""#), "line 5: invalid enum value 'dim' for P.s"),
        (
            p("z", r#","m":"a@b""#),
            "line 5: @unique violation on P.m: value 'a@b' is held by 'y' (line 4) and 'z'",
        ),
        (p("x", ""), "line 5: @unique violation on P.k: value 'x' is held by two rows 'x', first on line 1"),
        (e("y", "nobody"), "line 5: dst 'nobody' not found in P"),
        (e("nobody", "y"), "line 5: src 'nobody' not found in P"),
        (e("x", "y"), "line 5: @card violation on edge E: source 'x' has 2 edges (max 1)"),
        (
            p("z", "") + &note("n") + &note("n"),
            "line 7: node type Note already has an entity with id 'n', first on line 6",
        ),
    ];
    // Rows of a spilled spool keep their lines as well.
    for memory_budget in [OpenOptions::default().memory_budget, 0] {
        let graph = fresh_with(STRICT, &OpenOptions { memory_budget, ..OpenOptions::default() }).await;
        for (bad, text) in &cases {
            let error = refused(&graph, &format!("{good}{bad}"), Append, text).await;
            assert!(error.to_string().starts_with(text), "{error}");
            let place = error.place().unwrap();
            assert_eq!(text.split(':').next().unwrap(), place.to_string());
        }
    }
    let graph = fresh(STRICT).await;
    load(&graph, &good, Append).await.unwrap();
    let error = refused(&graph, &(p("v", "") + &p("x", "")), Append, "'x' (@key k)").await;
    assert_eq!(error.to_string(), "line 2: node type P already has an entity with id 'x' (@key k)");
    refused(&graph, &(p("v", "") + &p("w", r#","m":"a@b""#)), Append, "line 2: @unique violation on P.m")
        .await;
    refused(&graph, &e("x", "y"), Merge, "line 1: @card violation").await;
    // The edge that loses its end is a stored one: no line is at fault.
    let error = refused(&graph, &p("y", ""), Overwrite, "src 'x' not found in P").await;
    assert_eq!(error.place(), None);
    let error = ingest(&graph, &(p("v", "") + &p("w", r#","n":-1"#))).await.unwrap_err();
    assert!(error.to_string().starts_with("record 2: @range violation"), "{error}");
}

#[tokio::test]
async fn overwrite_replaces_the_types_of_the_input_only() {
    let graph = fixture().await;
    refused(&graph, &person("Ada"), Overwrite, "dst 'Bob' not found in Person").await;
    refused(&graph, &person("Ada").repeat(2), Overwrite, "@unique violation").await;
    let edge = "{\"edge\":\"Knows\",\"from\":\"Ada\",\"to\":\"Bob\",\"data\":{\"id\":\"x\"}}\n";
    let error = refused(&graph, &edge.repeat(2), Overwrite, "x").await;
    assert!(matches!(error, OmniError::KeyConflict { .. }));
    let text = format!("{}{}{}", edge.replace("Bob", "Eve"), person("Ada"), person("Eve"));
    load(&graph, &text, Overwrite).await.unwrap();
    assert_eq!(ids(&graph, "Person").await, ["Ada", "Eve"]);
    assert_eq!(ids(&graph, "Knows").await, ["x"]);
    assert_eq!(ids(&graph, "WorksAt").await, ["w1"]);
    assert_eq!(ids(&graph, "Company").await, ["Acme"]);
}

#[tokio::test]
async fn lines_have_no_order_and_framing_is_tolerant_of_blank_lines_and_bom() {
    let graph = fresh(SCHEMA).await;
    let text = "\u{FEFF}{\"edge\":\"KNOWS\",\"from\":\"Ada\",\"to\":\"Bob\"}\r\n\r\n \t\r\n\
        {\"edge\":\"knows\",\"to\":\"Ada\",\"from\":\"Bob\",\"data\":{}}\r\n\
        {\"data\":{\"name\":\"Ada\"},\"type\":\"Person\"}\r\n{\"type\":\"Person\",\"data\":{\"name\":\"Bob\"}}";
    let receipt = load(&graph, text, Append).await.unwrap();
    assert_eq!(receipt.counts.nodes, [("Person".to_owned(), 2)].into());
    assert_eq!(receipt.counts.edges, [("Knows".to_owned(), 2)].into());
    assert_eq!(receipt.counts.total(), 4);
    for (text, mode) in [("", Append), ("\n \r\n", Merge), ("", Overwrite)] {
        let before = version(&graph).await;
        let receipt = load(&graph, text, mode).await.unwrap();
        assert_eq!(receipt.counts.total(), 0);
        assert_eq!(receipt.commit.graph_manifest_version, before + 1);
    }
    let load = Load::new("mian", LoadSource::Text(person("Eve")), Append);
    assert!(matches!(graph.load(load).await, Err(OmniError::BranchNotFound { .. })));
}

#[tokio::test]
async fn the_strict_grammar_names_field_and_line_and_leaves_nothing() {
    let graph = fixture().await;
    let cases = [
        ("{} {}", "line 3: invalid strict JSON"),
        ("{\"type\":", "line 3: invalid strict JSON"),
        ("// note", "invalid strict JSON"),
        ("{\"type\":\"Person\",\"data\":{\"age\":NaN}}", "invalid strict JSON"),
        ("7", "graph batch record must be one JSON object"),
        (r#"{"type":"Person","data":{"name":"X","name":"Y"}}"#, "duplicate JSON member 'name'"),
        (r#"{"type":"Person","edge":"Knows"}"#, "exactly one of 'type' or 'edge'"),
        (r#"{"data":{}}"#, "exactly one of 'type' or 'edge'"),
        (r#"{"type":"Person","branch":"x"}"#, "unknown top-level graph batch field 'branch'"),
        (r#"{"type":"Person","_rowid":1}"#, "reserved physical state"),
        (r#"{"type":"Person","data":{"name":"X","_rowid":1}}"#, "reserved physical state"),
        (
            r#"{"type":"Person","data":{"name":"X","nickname":"x"}}"#,
            "unknown input field 'nickname' of Person",
        ),
        (r#"{"edge":"Knows","from":"Ada","to":"Bob","data":{"src":"Ada"}}"#, "reserved structural state"),
        (r#"{"edge":"Knows","from":"Ada","to":"Bob","data":{"from":"Ada"}}"#, "unknown input field 'from'"),
        (r#"{"edge":"Knows","from":1,"to":"Bob"}"#, "'from' must be a string"),
        (r#"{"edge":"Knows","from":"Ada"}"#, "'to'"),
        (r#"{"type":"Person","data":null}"#, "'data' must be an object"),
        (r#"{"type":"person","data":{"name":"X"}}"#, "unknown node type 'person'"),
        (r#"{"edge":"Likes","from":"Ada","to":"Bob"}"#, "unknown edge type 'Likes'"),
        (r#"{"type":"Person","data":{}}"#, "non-nullable"),
        (r#"{"type":"Person","data":{"name":null}}"#, "non-nullable"),
        (r#"{"type":"Person","data":{"name":"X","age":"old"}}"#, "expects Int32"),
        (r#"{"type":"Person","data":{"name":7}}"#, "expects Utf8"),
        (
            r#"{"type":"Person","data":{"id":"p1","name":"Eve"}}"#,
            "does not match its canonical @key id 'Eve'",
        ),
        (r#"{"type":"Person","data":{"id":7,"name":"Eve"}}"#, "field 'id' must be a string"),
        (r#"{"type":"Note","data":{"id":null}}"#, "field 'id' must be a string"),
    ];
    for (line, fragment) in cases {
        let error = refused(&graph, &format!("{}\n{line}\n", person("Eve")), Append, fragment).await;
        assert!(error.to_string().starts_with("line 3: "), "{error}");
    }
    refused(&graph, r#"{"edge":"Knows","from":"Ada","to":"X"}"#, Append, "dst 'X' not found in Person").await;
    refused(&graph, r#"{"edge":"Knows","from":"X","to":"Ada"}"#, Append, "src 'X' not found in Person").await;
    let wide = format!("{{\"type\":\"Note\",\"x\":[{}]}}", "1,".repeat(131_072));
    let text = "resource limit exceeded for graph_batch_json_structural_slots: actual";
    refused(&graph, &wide, Append, text).await;
    load(&graph, &person("Eve"), Append).await.unwrap();
}

#[tokio::test]
async fn the_permissive_grammar_ignores_what_it_does_not_know() {
    let graph = fresh(SCHEMA).await;
    let text = "\u{FEFF}{\"type\":\"Person\",\"edge\":\"Knows\",\"x\":1,\n \"data\":{\"name\":\"X\",\"name\":\"Ada\",\
        \"nickname\":1,\"_rowid\":2}} {\"type\":7,\"edge\":\"knows\",\"from\":\"Ada\",\"to\":\"Ada\",\
        \"data\":{\"src\":\"q\",\"id\":5}}{\"type\":\"Note\"}";
    let receipt = ingest(&graph, text).await.unwrap();
    assert_eq!(receipt.counts.total(), 3);
    assert_eq!(ids(&graph, "Person").await, ["Ada"]);
    assert_eq!(ids(&graph, "Knows").await[0].len(), 26);
    let before = version(&graph).await;
    let cases = [
        ("{}", "record 2: expected 'type' or 'edge' field"),
        ("// note", "invalid JSON at record 2"),
        (r#"{"edge":"Knows","to":"Ada"}"#, "record 2: edge missing 'from'"),
        (r#"{"edge":"Knows","from":"Ada"}"#, "record 2: edge missing 'to'"),
        (r#"{"type":"Person"}"#, "record 2: "),
        (r#"{"type":"Note","data":{"id":5}}"#, "explicit id must be a string"),
        (r#"{"type":"Person","data":{"name":"Q","age":3000000000}}"#, "exceeds Int32 range"),
        (r#"{"type":"Person","data":{"id":"p","name":"Q"}}"#, "does not match"),
        (r#"{"type":"Nope"}"#, "record 2: unknown node type 'Nope'"),
    ];
    for (record, fragment) in cases {
        let error = ingest(&graph, &format!("\n\n{} {record}", person("Bob"))).await.unwrap_err();
        assert!(error.to_string().contains(fragment), "{record}: {error}");
    }
    assert_eq!(version(&graph).await, before);
}

/// Node types by every kind of key that has older spellings, and edges between them.
const KEYED: &str = "
    node Num { k: I64 @key }
    node Real { k: F32 @key }
    node Day { k: Date @key }
    node Time { k: DateTime @key }
    node Pair { slot: I32  tenant: String  @key(tenant, slot) }
    node Word { k: String @key }
    edge Next: Num -> Num
    edge At: Real -> Day
    edge During: Day -> Time
    edge Of: Pair -> Word
    edge Is: Word -> Pair
";

#[tokio::test]
async fn older_spellings_of_ids_are_stored_canonically_and_rewritten_in_endpoints() {
    let graph = fresh(KEYED).await;
    let text = r#"
        {"edge":"Next","from":"007","to":"+8","data":{"id":"n1"}}
        {"edge":"Next","from":"8","to":"7","data":{"id":"n2"}}
        {"type":"Num","data":{"id":"007","k":7}} {"type":"Num","data":{"id":"+8","k":8}}
        {"type":"Real","data":{"id":"0.10000000149011612","k":0.1}}
        {"type":"Day","data":{"id":"2024-06-01","k":"2024-06-01"}}
        {"type":"Time","data":{"id":"2024-06-01T00:00:00Z","k":"2024-06-01T02:00:00+02:00"}}
        {"type":"Pair","data":{"id":"acme","tenant":"acme","slot":7}} {"type":"Pair","data":{"id":"9","tenant":"b","slot":9}}
        {"type":"Word","data":{"id":"acme","k":"acme"}}
        {"edge":"At","from":"0.10000000149011612","to":"2024-06-01","data":{"id":"a"}}
        {"edge":"During","from":"2024-06-01","to":"2024-06-01T00:00:00Z","data":{"id":"d"}}
        {"edge":"Of","from":"acme","to":"acme","data":{"id":"o"}}
        {"edge":"Is","from":"acme","to":"9","data":{"id":"i"}}"#;
    ingest(&graph, text).await.unwrap();
    for (name, expected) in [
        ("Num", vec!["7", "8"]),
        ("Real", vec!["0.1"]),
        ("Day", vec!["19875"]),
        ("Time", vec!["1717200000000"]),
        ("Pair", vec![r#"["7","acme"]"#, r#"["9","b"]"#]),
        ("Word", vec!["acme"]),
    ] {
        assert_eq!(ids(&graph, name).await, expected, "{name}");
    }
    let ends = |text: String| -> Vec<(String, String)> {
        let end = |line: &Json, name: &str| line[name].as_str().unwrap().to_owned();
        let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        lines.map(|line| (end(&line, "from"), end(&line, "to"))).collect()
    };
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(ends(export(&graph, &["Next"]).await), [pair("7", "8"), pair("8", "7")]);
    assert_eq!(ends(export(&graph, &["At"]).await), [pair("0.1", "19875")]);
    assert_eq!(ends(export(&graph, &["During"]).await), [pair("19875", "1717200000000")]);
    // The spelling of one type is left alone where another type has it as its id.
    assert_eq!(ends(export(&graph, &["Of"]).await), [pair(r#"["7","acme"]"#, "acme")]);
    assert_eq!(ends(export(&graph, &["Is"]).await), [pair("acme", r#"["9","b"]"#)]);
    // Only the input that spells an id may use the spelling, and only in the permissive grammar.
    let edge = r#"{"edge":"Next","from":"007","to":"8"}"#;
    let error = ingest(&graph, edge).await.unwrap_err();
    assert!(error.to_string().contains("src '007' not found in Num"), "{error}");
    let strict = r#"{"type":"Num","data":{"id":"09","k":9}}"#;
    refused(&graph, strict, Append, "does not match its canonical @key id '9'").await;
}

#[tokio::test]
async fn a_spelling_that_means_two_nodes_or_none_is_refused() {
    let graph = fresh(KEYED).await;
    for (text, fragment) in [
        (
            r#"{"type":"Pair","data":{"id":"acme","tenant":"acme","slot":1}}
               {"type":"Pair","data":{"id":"acme","tenant":"acme","slot":2}}"#,
            r#"record 2: ambiguous edge endpoint remap: 'acme' of Pair is '["2","acme"]' here and '["1","acme"]' at record 1"#,
        ),
        (
            // Days since the epoch of one node, the date of the other.
            r#"{"type":"Day","data":{"k":20240601}} {"type":"Day","data":{"id":"20240601","k":"2024-06-01"}}"#,
            "record 2: ambiguous edge endpoint remap: '20240601' of Day is '19875' here and '20240601' at record 1",
        ),
        (
            r#"{"type":"Day","data":{"id":"20240601","k":"2024-06-01"}} {"type":"Day","data":{"k":20240601}}"#,
            "record 2: ambiguous edge endpoint remap",
        ),
        (
            r#"{"type":"Num","data":{"id":"08","k":7}}"#,
            "record 1: id '08' of Num does not match its canonical @key",
        ),
        (r#"{"type":"Word","data":{"id":"A","k":"a"}}"#, "does not match its canonical @key id 'a'"),
        (r#"{"type":"Pair","data":{"id":"x","tenant":"acme","slot":1}}"#, "does not match"),
        (
            r#"{"type":"Num","data":{"id":"07","k":7}} {"type":"Num","data":{"id":"07","k":7}}"#,
            "record 2: @unique violation on Num.k",
        ),
    ] {
        let error = ingest(&graph, text).await.expect_err(text);
        assert!(error.to_string().contains(fragment), "{text}: {error}");
    }
    assert_eq!(export(&graph, &[]).await, "");
}

#[tokio::test]
async fn spellings_beyond_the_memory_are_rewritten_in_several_passes() {
    let graph = fresh_with(KEYED, &OpenOptions { memory_budget: 0, ..OpenOptions::default() }).await;
    let nodes = 30_000;
    let mut text = String::new();
    for n in 0..nodes {
        let (node, next) = (format!("0{n}"), format!("0{}", (n + 1) % nodes));
        writeln!(text, "{{\"edge\":\"Next\",\"from\":\"{node}\",\"to\":\"{next}\"}}").unwrap();
        writeln!(text, "{{\"type\":\"Num\",\"data\":{{\"id\":\"{node}\",\"k\":{n}}}}}").unwrap();
    }
    let receipt = ingest(&graph, &text).await.unwrap();
    assert_eq!((receipt.counts.nodes["Num"], receipt.counts.edges["Next"]), (nodes, nodes));
    // An export sorts, which needs memory.
    let graph = Omnigraph::open(graph.uri()).await.unwrap();
    let mut hops: Vec<(u64, u64)> = export(&graph, &["Next"])
        .await
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap())
        .map(|line| {
            let end = |name: &str| line[name].as_str().unwrap().parse().unwrap();
            assert!(!line["from"].as_str().unwrap().starts_with('0') || line["from"] == "0");
            (end("from"), end("to"))
        })
        .collect();
    hops.sort_unstable();
    assert_eq!(hops, (0..nodes).map(|n| (n, (n + 1) % nodes)).collect::<Vec<_>>());
}

const EVERYTHING: &str = "
    node Thing {
        name: String @key
        flag: Bool?
        i: I32?
        l: I64?
        u: U32?
        w: U64?
        f: F32?
        d: F64?
        day: Date?
        at: DateTime?
        mood: enum(calm, wild)?
        data: Blob?
        vec: Vector(3)?
        texts: [String]?
        longs: [I64]?
        days: [Date]?
    }
    node Plain { d: F64? }
    edge Near: Thing -> Thing { f: F32?  tags: [String]? }
    edge On: Plain -> Thing
";

#[tokio::test]
async fn values_that_do_not_fit_are_refused_with_their_text() {
    let graph = fresh(EVERYTHING).await;
    let cases = [
        ("flag", "\"true\"", "expects Boolean"),
        ("i", "3.0", "expects Int32"),
        ("i", "1e3", "expects Int32"),
        ("i", "2147483648", "exceeds Int32 range"),
        ("l", "9223372036854775808", "exceeds Int64 range"),
        ("u", "-1", "exceeds UInt32 range"),
        ("w", "18446744073709551616", "exceeds UInt64 range"),
        ("f", "1e39", "exceeds Float32 range"),
        ("d", "\"1\"", "expects Float64"),
        ("day", "\"soon\"", "invalid Date literal 'soon'"),
        ("day", "3000000000", "Date value out of range"),
        ("at", "\"soon\"", "invalid DateTime literal 'soon'"),
        ("at", "9223372036854775808", "DateTime value out of range"),
        ("mood", "\"sad\"", "invalid enum value 'sad'"),
        ("data", "7", "must be a URI string or base64: prefixed data"),
        ("data", "\"base64:@@\"", "invalid base64"),
        ("data", "\"s3://b/k\"", "external blob URI 's3://b/k' is not allowed"),
        ("data", "\"https://x/y\"", "is not allowed"),
        ("vec", "[1,2]", "expects 3 dimensions, got 2"),
        ("vec", "[1,2,null]", "elements must be numeric"),
        ("vec", "{}", "expects a JSON array"),
        ("vec", "[1,2,1e39]", "exceeds Float32 range"),
        ("texts", "\"x\"", "expects a JSON array"),
        ("texts", "[\"x\",null]", "contains a null or invalid item"),
        ("longs", "[1.5]", "contains a null or invalid item"),
    ];
    for (property, value, fragment) in cases {
        let line = format!("\n{{\"type\":\"Thing\",\"data\":{{\"name\":\"x\",\"{property}\":{value}}}}}");
        let error = refused(&graph, &line, Append, fragment).await.to_string();
        assert!(error.contains("line 2") || property == "mood", "{error}");
        assert!(error.contains(property), "{error}");
    }
}

#[tokio::test]
async fn every_value_survives_and_is_returned_in_its_form() {
    let graph = fresh(EVERYTHING).await;
    let text = r#"{"type":"Thing","data":{"name":"x","flag":true,"i":-7,"l":9007199254740993,"u":4294967295,"w":18446744073709551615,"f":0.1,"d":30,"day":"2024-06-01","at":"2024-06-01T02:00:00.1239+02:00","mood":"wild","data":"base64:AP8=","vec":[1,0.5,-2],"texts":["a",""],"longs":[],"days":["1969-12-31",0]}}
{"type":"Thing","data":{"name":"y","data":"base64:"}}"#;
    load(&graph, text, Append).await.unwrap();
    let expected = r#"{"type":"Thing","data":{"id":"x","at":1717200000123,"d":30.0,"data":"base64:AP8=","day":19875,"days":[-1,0],"f":0.10000000149011612,"flag":true,"i":-7,"l":9007199254740993,"longs":[],"mood":"wild","name":"x","texts":["a",""],"u":4294967295,"vec":[1.0,0.5,-2.0],"w":18446744073709551615}}
{"type":"Thing","data":{"id":"y","at":null,"d":null,"data":"base64:","day":null,"days":null,"f":null,"flag":null,"i":null,"l":null,"longs":null,"mood":null,"name":"y","texts":null,"u":null,"vec":null,"w":null}}
"#;
    assert_eq!(export(&graph, &[]).await, expected);
    let query = "query q() { match { $t: Thing { name: \"x\" } }
        return { $t.at as at, $t.day as day, $t.vec as vec, $t.texts as texts, $t.longs as longs, $t.days as days,
            $t.w as w, $t.flag as flag } }";
    let answer = graph.query("main", query, None, &ParamMap::new()).await.unwrap();
    let found = row_objects(&answer.batches[0], &answer.columns, JsonRows::Exact);
    let expected = json!({
        "at": "2024-06-01T00:00:00.123Z", "day": "2024-06-01", "vec": [1.0, 0.5, -2.0], "texts": ["a", ""],
        "longs": [], "days": ["1969-12-31", "1970-01-01"], "w": u64::MAX, "flag": true,
    });
    assert_eq!(Json::Object(found[0].clone()), expected);
}

#[tokio::test]
async fn ids_are_the_canonical_text_of_every_kind_of_key() {
    let cases = [
        ("String", "\"ä b\"", "ä b"),
        ("enum(calm, wild)", "\"calm\"", "calm"),
        ("Bool", "true", "true"),
        ("I32", "-7", "-7"),
        ("I64", "9007199254740993", "9007199254740993"),
        ("U32", "7", "7"),
        ("U64", "18446744073709551615", "18446744073709551615"),
        ("F32", "0.1", "0.1"),
        ("F64", "2", "2"),
        ("F64", "-0.0", "0"),
        ("F64", "1e21", "1000000000000000000000"),
        ("Date", "\"2024-06-01\"", "19875"),
        ("DateTime", "\"2024-06-01T00:00:00Z\"", "1717200000000"),
    ];
    for (ty, value, id) in cases {
        let graph = fresh(&format!("node N {{ k: {ty} @key }} edge E: N -> N")).await;
        let node = format!("{{\"type\":\"N\",\"data\":{{\"k\":{value}}}}}\n");
        let edge = format!("{{\"edge\":\"E\",\"from\":\"{id}\",\"to\":\"{id}\"}}");
        load(&graph, &(node.clone() + &edge), Append).await.unwrap();
        assert_eq!(ids(&graph, "N").await, [id], "{ty}");
        let explicit = format!("{{\"type\":\"N\",\"data\":{{\"k\":{value},\"id\":\"{id}\"}}}}");
        load(&graph, &explicit, Merge).await.unwrap();
        assert!(matches!(load(&graph, &node, Append).await, Err(OmniError::KeyConflict { .. })), "{ty}");
    }
    let graph =
        fresh("node Slot { tenant: String  slot: I32  @key(tenant, slot) } edge E: Slot -> Slot").await;
    let text = r#"{"edge":"E","from":"[\"7\",\"acme\"]","to":"[\"7\",\"acme\"]"}
{"type":"Slot","data":{"tenant":"acme","slot":7}}"#;
    load(&graph, text, Append).await.unwrap();
    assert_eq!(ids(&graph, "Slot").await, [r#"["7","acme"]"#]);
}

#[tokio::test]
async fn constraints_hold_over_the_final_image() {
    let schema = "
        node User {
            name: String @key
            mail: String? @unique
            age: I32?
            first: String?
            last: String?
            code: String?
            @range(age, 0..120)
            @unique(first, last)
            @check(code, \"^[a-z]+$\")
        }
        edge Leads: User -> User @card(0..1)
        edge Owns: User -> User @card(1..2)
    ";
    let graph = fresh(schema).await;
    let user =
        |name: &str, rest: &str| format!("{{\"type\":\"User\",\"data\":{{\"name\":\"{name}\"{rest}}}}}\n");
    let mail = |name: &str, mail: &str| user(name, &format!(",\"mail\":\"{mail}\""));
    load(&graph, &(mail("a", "x") + &mail("b", "y") + &user("c", "")), Append).await.unwrap();
    refused(&graph, &user("d", ",\"age\":121"), Append, "@range violation on User.age").await;
    refused(&graph, &user("d", ",\"code\":\"A\""), Append, "@check violation on User.code").await;
    refused(&graph, &mail("d", "x"), Append, "@unique violation on User.mail").await;
    refused(&graph, &(mail("d", "z") + &mail("e", "z")), Append, "@unique violation on User.mail").await;
    let full = |name: &str| user(name, ",\"first\":\"p\",\"last\":\"q\"");
    refused(&graph, &(full("d") + &full("e")), Append, "@unique violation on User.(first, last)").await;
    load(&graph, &mail("a", "x"), Merge).await.unwrap();
    load(&graph, &(mail("a", "y") + &mail("b", "x")), Merge).await.unwrap();
    load(&graph, &(user("a", "") + &mail("c", "y")), Merge).await.unwrap();
    refused(&graph, &mail("d", "y"), Append, "@unique violation on User.mail").await;

    let edge = |name: &str, id: &str, from: &str, to: &str| {
        format!("{{\"edge\":\"{name}\",\"from\":\"{from}\",\"to\":\"{to}\",\"data\":{{\"id\":\"{id}\"}}}}\n")
    };
    load(&graph, &edge("Leads", "l1", "a", "b"), Append).await.unwrap();
    let text = "@card violation on edge Leads: source 'a' has 2 edges (max 1)";
    refused(&graph, &edge("Leads", "l2", "a", "c"), Append, text).await;
    load(&graph, &edge("Leads", "l1", "a", "c"), Merge).await.unwrap();
    load(&graph, &edge("Owns", "o1", "a", "b"), Append).await.unwrap();
    let text = "@card violation on edge Owns: source 'a' has 0 edges (min 1)";
    refused(&graph, &edge("Owns", "o1", "b", "c"), Merge, text).await;
    let cascade = omnigraph::db::Mutate::new("main", "query q() { delete User where name = \"b\" }");
    let error = graph.mutate(cascade).await.unwrap_err().to_string();
    assert!(error.contains(text), "{error}");
    let whole = omnigraph::db::Mutate::new("main", "query q() { delete User where name = \"a\" }");
    graph.mutate(whole).await.unwrap();
    assert_eq!(ids(&graph, "Owns").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_small_budget_spills_and_still_checks_everything() {
    const NODES: usize = 200_000;
    const EDGES: usize = 100_000;
    let mut text = String::new();
    for n in 0..EDGES {
        let (from, to) = (n, n * 7 % NODES);
        writeln!(text, "{{\"edge\":\"Knows\",\"from\":\"person-{from:08}\",\"to\":\"person-{to:08}\"}}")
            .unwrap();
    }
    for n in 0..NODES {
        text += &person(&format!("person-{n:08}"));
    }
    let options = OpenOptions { memory_budget: 16 << 20, ..OpenOptions::default() };
    let graph = fresh_with(SCHEMA, &options).await;
    let before = version(&graph).await;
    let bad = text.clone() + &person("person-00000003");
    let error = load(&graph, &bad, Append).await.unwrap_err().to_string();
    assert!(
        error.contains("@unique violation on Person.name: value") && error.contains("person-00000003"),
        "{error}"
    );
    let bad = text.clone() + "{\"edge\":\"Knows\",\"from\":\"person-00000001\",\"to\":\"nobody\"}\n";
    let error = load(&graph, &bad, Append).await.unwrap_err().to_string();
    assert!(error.contains("dst 'nobody' not found in Person"), "{error}");
    assert_eq!(version(&graph).await, before);
    load(&graph, &text, Append).await.unwrap();
    assert_eq!(graph.snapshot_of("main").await.unwrap().entity_counts(), (NODES as u64, EDGES as u64));
    let error = load(&graph, &person("person-00199999"), Append).await.unwrap_err();
    assert!(matches!(error, OmniError::KeyConflict { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appends_race_by_id_only() {
    let graph = fresh(SCHEMA).await;
    let append = |name: String| {
        let graph = graph.clone();
        tokio::spawn(async move { load(&graph, &person(&name), Append).await })
    };
    let disjoint: Vec<_> = (0..8).map(|n| append(format!("p{n}"))).collect();
    for task in disjoint {
        task.await.unwrap().unwrap();
    }
    assert_eq!(ids(&graph, "Person").await.len(), 8);
    let same: Vec<_> = (0..8).map(|_| append("only".to_owned())).collect();
    let mut winners = 0;
    for task in same {
        match task.await.unwrap() {
            Ok(_) => winners += 1,
            Err(OmniError::KeyConflict { entity_id, .. }) => assert_eq!(entity_id, "only"),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(winners, 1);
    assert_eq!(version(&graph).await, 10);
}

fn nullable(value: impl Strategy<Value = Json> + 'static) -> BoxedStrategy<Json> {
    prop_oneof![1 => Just(Json::Null), 3 => value].boxed()
}

fn thing() -> impl Strategy<Value = Json> {
    let finite = any::<f64>().prop_filter("finite", |x| x.is_finite());
    let small = any::<f32>().prop_filter("finite", |x| x.is_finite());
    let numbers = (
        nullable(any::<bool>().prop_map(Json::from)),
        nullable(any::<i32>().prop_map(Json::from)),
        nullable(any::<i64>().prop_map(Json::from)),
        nullable(any::<u32>().prop_map(Json::from)),
        nullable(any::<u64>().prop_map(Json::from)),
        nullable(small.prop_map(Json::from)),
        nullable(finite.prop_map(Json::from)),
        nullable((-1_000_000..1_000_000_i32).prop_map(Json::from)),
        nullable(any::<i64>().prop_map(Json::from)),
    );
    let rest = (
        nullable(prop_oneof![Just(json!("calm")), Just(json!("wild"))]),
        nullable(prop_oneof![Just(json!("base64:")), Just(json!("base64:AP8=")), Just(json!("base64:aGk="))]),
        nullable(any::<[i16; 3]>().prop_map(|v| json!(v.map(|x| f32::from(x) / 3.0)))),
        nullable(prop::collection::vec(any::<String>(), 0..4).prop_map(Json::from)),
        nullable(prop::collection::vec(any::<i64>(), 0..4).prop_map(Json::from)),
        nullable(prop::collection::vec(-9999..9999_i32, 0..4).prop_map(Json::from)),
    );
    (numbers, rest).prop_map(|((flag, i, l, u, w, f, d, day, at), (mood, data, vec, texts, longs, days))| {
        json!({
            "flag": flag, "i": i, "l": l, "u": u, "w": w, "f": f, "d": d, "day": day, "at": at, "mood": mood,
            "data": data, "vec": vec, "texts": texts, "longs": longs, "days": days,
        })
    })
}

#[test]
fn an_exported_graph_loads_into_the_same_export() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rows = prop::collection::btree_map(any::<String>(), thing(), 0..6);
    let ends = prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..6);
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let round_trip = |(rows, ends): (std::collections::BTreeMap<String, Json>, Vec<_>)| {
        let mut lines: Vec<Json> =
            vec![json!({"type": "Plain", "data": {"id": "p"}}), json!({"type": "Plain"})];
        let names: Vec<&String> = rows.keys().collect();
        for (name, row) in &rows {
            let mut row = row.clone();
            row["name"] = json!(name);
            lines.push(json!({"type": "Thing", "data": row}));
        }
        if !names.is_empty() {
            let edge = |(from, to): &(prop::sample::Index, prop::sample::Index)| json!({"edge": "Near", "from": names[from.index(names.len())], "to": names[to.index(names.len())]});
            lines.extend(ends.iter().map(edge));
            lines.push(json!({"edge": "On", "from": "p", "to": names[0]}));
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        runtime.block_on(async {
            let first = fresh(EVERYTHING).await;
            load(&first, &text, Append).await.unwrap();
            let exported = export(&first, &[]).await;
            let second = fresh(EVERYTHING).await;
            load(&second, &exported, Overwrite).await.unwrap();
            prop_assert_eq!(&export(&second, &[]).await, &exported);
            load(&second, &exported, Merge).await.unwrap();
            prop_assert_eq!(&export(&second, &[]).await, &exported);
            Ok(())
        })
    };
    runner.run(&(rows, ends), round_trip).unwrap();
}
