//! What holds for every value: what is encoded decodes to the same, and no text panics.

use omnigraph_api::*;
use proptest::prelude::*;
use serde_json::{Map, Number, Value};

/// Any number that a result can have.
fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("finite", Number::from_f64),
    ]
}

/// Any JSON value of a few levels.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            object_of(inner).prop_map(Value::Object),
        ]
    })
}

fn object_of(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((any::<String>(), value), 0..4).prop_map(|members| members.into_iter().collect())
}

/// Member names of the error envelope.
fn error_member() -> impl Strategy<Value = String> {
    let names: Vec<String> = serde_json::to_value(&components()["ErrorOutput"]).unwrap()["properties"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| *name != "error")
        .cloned()
        .collect();
    prop::sample::select(names)
}

proptest! {
    #[test]
    fn rows_pass_unchanged(rows in prop::collection::vec(object_of(json()), 0..4)) {
        let output = ReadOutput {
            query_name: "q".to_owned(),
            target: ReadTargetOutput::new(None, None),
            row_count: rows.len(),
            columns: rows.first().map(|row| row.keys().cloned().collect()).unwrap_or_default(),
            rows,
            graph_commit_id: None,
        };
        let text = serde_json::to_string(&output).unwrap();
        let decoded: ReadOutput = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&decoded).unwrap(), text);
        prop_assert_eq!(decoded, output);
    }

    #[test]
    fn parameters_pass_as_text(value in json(), digits in "-?[1-9][0-9]{0,40}(\\.[0-9]{1,40})?(e[+-]?[0-9]{1,4})?") {
        let text = format!(r#"{{"a":{value},"n":{digits}}}"#);
        let request = QueryRequest {
            query: "q".to_owned(),
            name: None,
            params: Some(RawJson::parse(&text).unwrap()),
            branch: None,
            snapshot: None,
        };
        let sent = serde_json::to_string(&request).unwrap();
        prop_assert_eq!(&sent, &format!(r#"{{"query":"q","params":{text}}}"#));
        let arrived: QueryRequest = decode_request(sent.as_bytes()).unwrap();
        prop_assert_eq!(arrived, request);
    }

    #[test]
    fn the_text_of_an_error_always_arrives(
        error in any::<String>(),
        members in prop::collection::vec((error_member(), json()), 0..4),
    ) {
        let mut body = Map::from_iter([("error".to_owned(), Value::String(error.clone()))]);
        body.extend(members);
        let text = Value::Object(body).to_string();
        let output = ErrorOutput::decode(text.as_bytes()).unwrap();
        prop_assert_eq!(&output.error, &error);
        let again = serde_json::to_string(&output).unwrap();
        prop_assert_eq!(ErrorOutput::decode(again.as_bytes()).unwrap(), output);
    }

    #[test]
    fn any_body_is_decoded_or_refused(body in prop::collection::vec(any::<u8>(), 0..64)) {
        let is_object = serde_json::from_slice::<Map<String, Value>>(&body).is_ok();
        let decoded = decode_request::<ChangeBaselineRequest>(&body).is_ok();
        prop_assert!(is_object || !decoded);
    }

    #[test]
    fn only_objects_are_requests(value in json()) {
        let text = value.to_string();
        let is_object = value.is_object();
        prop_assert_eq!(decode_request::<Map<String, Value>>(text.as_bytes()).is_ok(), is_object);
        if !is_object {
            prop_assert!(decode_request::<ChangeBaselineRequest>(text.as_bytes()).is_err());
        }
    }
}
