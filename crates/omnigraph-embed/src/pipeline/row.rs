//! One line of a seed file: what it is, the text that is embedded for it, and the line that replaces it.
//!
//! All other values stay raw JSON, so that numbers and escapes keep their spelling.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::RowProblem;
use super::spec::TypeSpec;

/// A JSON object with its members in file order. The last of equal keys counts.
#[derive(Debug, Default)]
pub(super) struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Returns the raw value of a member.
    pub(super) fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// Returns the value of a member.
    pub(super) fn value(&self, key: &str) -> Option<Value> {
        serde_json::from_str(self.raw(key)?.get()).ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<'a>, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Object)
    }
}

/// A line of a seed.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// A node: a string `type` and an object `data`.
    Node(Node<'a>),
    /// An edge, or anything else that is an object.
    Other(&'a str),
}

/// A node with its properties.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) type_name: String,
    pub(super) data: Object<'a>,
    row: Object<'a>,
}

impl<'a> Line<'a> {
    /// Reads a line that is not blank.
    pub(super) fn parse(text: &'a str) -> Result<Line<'a>, RowProblem> {
        if !text.starts_with('{') {
            // Text that is no JSON at all is worth the parser's message.
            serde_json::from_str::<&RawValue>(text).map_err(RowProblem::InvalidJson)?;
            return Err(RowProblem::NotAnObject);
        }
        let row: Object<'a> = serde_json::from_str(text).map_err(RowProblem::InvalidJson)?;
        let Some(Value::String(type_name)) = row.value("type") else { return Ok(Line::Other(text)) };
        let data = row.raw("data").filter(|data| data.get().starts_with('{')).ok_or(RowProblem::NoData)?;
        let data = serde_json::from_str(data.get()).map_err(RowProblem::InvalidJson)?;
        Ok(Line::Node(Node { type_name, data, row }))
    }

    /// Returns the line without white space between its tokens.
    pub(super) fn compact(&self) -> String {
        match self {
            Line::Node(node) => node.without(None),
            Line::Other(text) => {
                let mut line = String::with_capacity(text.len());
                push_compact(&mut line, text);
                line
            }
        }
    }
}

impl Node<'_> {
    /// Tells whether the property has no vector: it is absent, null or an empty list.
    pub(super) fn lacks(&self, target: &str) -> bool {
        match self.data.value(target) {
            None | Some(Value::Null) => true,
            Some(Value::Array(items)) => items.is_empty(),
            Some(_) => false,
        }
    }

    /// Returns the text that stands for the node: its type, and a line for each field that says something.
    pub(super) fn text(&self, spec: &TypeSpec) -> String {
        let mut text = format!("type: {}", self.type_name);
        for field in &spec.fields {
            let Some(value) = self.data.value(field).and_then(|value| saying(&value)) else { continue };
            text.push_str(&format!("\n{field}: {value}"));
        }
        text
    }

    /// Returns the compact line without a property.
    pub(super) fn without(&self, target: Option<&str>) -> String {
        let mut line = String::new();
        self.write(&mut line, |line| {
            let kept = self.data.0.iter().filter(|(key, _)| Some(key.as_str()) != target);
            for (key, value) in kept {
                push_member(line, key, value);
            }
        });
        line
    }

    /// Returns what stands before and after the property's value in the compact line. The property keeps its
    /// position, or becomes the last one.
    pub(super) fn around(&self, target: &str) -> (String, String) {
        let mut line = String::new();
        let mut cut = 0;
        self.write(&mut line, |line| {
            let position = self.data.0.iter().rposition(|(key, _)| key == target);
            for (at, (key, value)) in self.data.0.iter().enumerate() {
                if Some(at) == position {
                    push_key(line, key);
                    cut = line.len();
                } else if key != target {
                    push_member(line, key, value);
                }
            }
            if position.is_none() {
                push_key(line, target);
                cut = line.len();
            }
        });
        let rest = line.split_off(cut);
        (line, rest)
    }

    fn write(&self, line: &mut String, properties: impl FnOnce(&mut String)) {
        line.push('{');
        let position = self.row.0.iter().rposition(|(key, _)| key == "data");
        let mut properties = Some(properties);
        for (at, (key, value)) in self.row.0.iter().enumerate() {
            if Some(at) != position {
                if key != "data" {
                    push_member(line, key, value);
                }
            } else if let Some(properties) = properties.take() {
                push_key(line, key);
                line.push('{');
                properties(line);
                line.push('}');
            }
        }
        line.push('}');
    }
}

/// Renders a value as text: a string bare, anything else as JSON.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Renders what a value says, or nothing for null and for what is empty.
fn saying(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Array(items) => items.iter().filter_map(saying).collect::<Vec<_>>().join(", "),
        other => as_text(other).trim().to_owned(),
    };
    (!text.is_empty()).then_some(text)
}

fn push_member(line: &mut String, key: &str, value: &RawValue) {
    push_key(line, key);
    push_compact(line, value.get());
}

fn push_key(line: &mut String, key: &str) {
    if !line.ends_with('{') {
        line.push(',');
    }
    line.push_str(&Value::from(key).to_string());
    line.push(':');
}

/// Appends valid JSON without the white space between its tokens.
fn push_compact(line: &mut String, json: &str) {
    let (mut quoted, mut escaped) = (false, false);
    for c in json.chars() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        } else {
            quoted = c == '"';
        }
        line.push(c);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn node(text: &str) -> Node<'_> {
        match Line::parse(text) {
            Ok(Line::Node(node)) => node,
            other => panic!("{other:?}"),
        }
    }

    fn spec(fields: &[&str]) -> TypeSpec {
        TypeSpec { target: "vec".to_owned(), fields: fields.iter().map(|field| field.to_string()).collect() }
    }

    #[test]
    fn text_has_the_type_and_the_fields_that_say_something() {
        let node = node(
            r#"{"type":"Doc","data":{"title":"  Ferries\n","n":7,"on":true,"none":null,"blank":" ","list":["a ",null,"",2,["b","c"]],
               "object":{"a": 1},"empty":[]}}"#,
        );
        let text =
            node.text(&spec(&["title", "none", "absent", "blank", "n", "on", "list", "empty", "object"]));
        assert_eq!(text, "type: Doc\ntitle: Ferries\nn: 7\non: true\nlist: a, 2, b, c\nobject: {\"a\":1}");
        assert_eq!(node.text(&spec(&["absent"])), "type: Doc");
    }

    #[test]
    fn a_vector_is_missing_when_absent_null_or_empty() {
        for (data, lacks) in [
            ("{}", true),
            (r#"{"vec":null}"#, true),
            (r#"{"vec":[ ]}"#, true),
            (r#"{"vec":[0.5]}"#, false),
            (r#"{"vec":"x"}"#, false),
        ] {
            assert_eq!(node(&format!(r#"{{"type":"Doc","data":{data}}}"#)).lacks("vec"), lacks, "{data}");
        }
    }

    #[test]
    fn a_replaced_property_keeps_its_position_and_others_their_spelling() {
        let text = r#"{ "id" : 1e0, "data" : { "a" : "x \" \\" , "vec": [1, 2], "b": 12345678901234567890.10 }, "type": "Doc" }"#;
        let (before, after) = node(text).around("vec");
        assert_eq!(
            format!("{before}[9]{after}"),
            r#"{"id":1e0,"data":{"a":"x \" \\","vec":[9],"b":12345678901234567890.10},"type":"Doc"}"#
        );
        let plain = r#"{"id":1e0,"data":{"a":"x \" \\","b":12345678901234567890.10},"type":"Doc"}"#;
        assert_eq!(node(text).without(Some("vec")), plain);
    }

    #[test]
    fn an_added_property_is_the_last() {
        let (before, after) = node(r#"{"type":"Doc","data":{},"x":1}"#).around("a\"b");
        assert_eq!(format!("{before}[]{after}"), r#"{"type":"Doc","data":{"a\"b":[]},"x":1}"#);
        let (before, after) = node(r#"{"type":"Doc","data":{"a":{}}}"#).around("vec");
        assert_eq!(format!("{before}[]{after}"), r#"{"type":"Doc","data":{"a":{},"vec":[]}}"#);
    }

    #[test]
    fn the_last_of_equal_keys_counts_and_is_the_only_one_replaced() {
        let text = r#"{"type":"Doc","data":{"vec":[1],"vec":null}}"#;
        assert!(node(text).lacks("vec"));
        let (before, after) = node(text).around("vec");
        assert_eq!(format!("{before}[2]{after}"), r#"{"type":"Doc","data":{"vec":[2]}}"#);
    }

    #[test]
    fn lines_that_are_no_nodes_pass_or_are_refused() {
        for (text, compact) in [
            (r#"{"edge": "Wrote", "from": "a b", "data": {}}"#, r#"{"edge":"Wrote","from":"a b","data":{}}"#),
            (r#"{"type": 7}"#, r#"{"type":7}"#),
            ("{ }", "{}"),
        ] {
            assert_eq!(Line::parse(text).unwrap().compact(), compact);
        }
        for text in [r#"{"type":"Doc"}"#, r#"{"type":"Doc","data":[]}"#, r#"{"type":"Doc","data":null}"#] {
            assert!(matches!(Line::parse(text), Err(RowProblem::NoData)), "{text}");
        }
        assert!(matches!(Line::parse("[1]"), Err(RowProblem::NotAnObject)));
        for text in [r#"{"type":"Doc""#, "{} {}", "nope", r#"{"a":01}"#] {
            assert!(matches!(Line::parse(text), Err(RowProblem::InvalidJson(_))), "{text}");
        }
    }

    /// Any JSON, with texts that look like its punctuation.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            r#"[a"\\{}\[\]:, \n\té\u{1F600}]{0,6}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((r#"[a"\\{} ]{0,3}"#, inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn compact_lines_equal_those_of_the_serializer(value in any_json()) {
            let row = json!({"edge": value});
            let pretty = serde_json::to_string_pretty(&row).unwrap();
            prop_assert_eq!(Line::parse(&pretty).unwrap().compact(), row.to_string());
        }

        #[test]
        fn editing_a_line_equals_editing_its_value(
            before in any_json(), old in prop::option::of(any_json()), after in any_json(),
        ) {
            let mut data = json!({"a": before});
            if let Some(old) = old {
                data["vec"] = old;
            }
            data["z"] = after;
            let mut row = json!({"id": 1, "type": "Doc", "data": data, "x": null});
            let pretty = serde_json::to_string_pretty(&row).unwrap();
            let node = node(&pretty);
            prop_assert_eq!(node.without(None), row.to_string());

            row["data"]["vec"] = json!([9]);
            let (head, tail) = node.around("vec");
            prop_assert_eq!(format!("{head}[9]{tail}"), row.to_string());

            row["data"].as_object_mut().unwrap().shift_remove("vec");
            prop_assert_eq!(node.without(Some("vec")), row.to_string());
        }
    }
}
