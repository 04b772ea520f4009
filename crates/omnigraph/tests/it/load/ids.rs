//! Ids: the canonical text of every kind of key, and older spellings in endpoints.

use super::*;

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
