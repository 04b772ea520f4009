//! What the input may look like: the strict and the permissive grammar, framing, and what each refuses.

use super::*;

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
