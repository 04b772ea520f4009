//! Values of every type, on their way in and out.

use omnigraph::db::{JsonRows, ParamMap, row_objects};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

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
