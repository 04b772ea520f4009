//! A tree of a YAML text whose nodes know their positions.
//!
//! The tree is untyped, so that a file can be judged as a whole: a walk over it can report every key or value of the wrong
//! shape, not only the first.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::DuplicateKeyPolicy;

use crate::dialect::{options, position, problem};
use crate::path::{item, join};
use crate::problem::{Misfit, Position, Problem};

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it begins; absent where the parser does not tell.
    pub position: Option<Position>,
}

/// A YAML value. Maps keep the order of the text and may have keys that are not text; no key is given twice.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction, an infinity or not a number.
    Float(f64),
    /// A text.
    Text(String),
    /// The items of a list.
    List(Vec<Node>),
    /// The keys and values of a map.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Returns the value under a key of a map, if both are there.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Value::Map(entries) = &self.value else { return None };
        entries
            .iter()
            .find(|(name, _)| matches!(&name.value, Value::Text(name) if name == key))
            .map(|(_, node)| node)
    }

    /// Returns the text under a key of a map, if both are there.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Value {
    /// Says what a value is without showing it, for files that may hold secrets: `a number`, `a list`.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Says what a value is, with its content, shortened: `the number 12`, `a list`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("nothing"),
            Value::Bool(value) => write!(f, "the boolean {value}"),
            Value::Integer(value) => write!(f, "the number {value}"),
            Value::Float(value) => write!(f, "the number {value:?}"),
            Value::Text(text) => {
                let shown: String = text.chars().take(40).collect();
                let more = if shown.len() < text.len() { "…" } else { "" };
                write!(f, "the text '{shown}{more}'")
            }
            Value::List(_) | Value::Map(_) => f.write_str(self.kind()),
        }
    }
}

/// Parses one YAML document. An empty text is [`Value::Null`].
///
/// # Errors
/// One [`Misfit::Syntax`] at the first position that is not YAML or exceeds a bound; or one [`Misfit::RepeatedKey`] for each
/// key that its map already has, at the key, with the path of the map, in the order of the text.
pub fn parse(text: &str) -> Result<Node, Vec<Problem>> {
    let options = options(DuplicateKeyPolicy::PassThrough, false);
    let root: Node =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| vec![problem(&error)])?;
    let mut repeats = Vec::new();
    collect_repeats(&root, "", &mut repeats);
    // Everything behind an alias has the position of the alias: a key is told once there.
    repeats.sort_by_key(|problem| problem.position);
    repeats.dedup_by(|a, b| a.position.is_some() && (a.position, &a.kind) == (b.position, &b.kind));
    if repeats.is_empty() { Ok(root) } else { Err(repeats) }
}

fn collect_repeats(node: &Node, path: &str, repeats: &mut Vec<Problem>) {
    match &node.value {
        Value::List(items) => {
            for (index, node) in items.iter().enumerate() {
                collect_repeats(node, &item(path, index), repeats);
            }
        }
        Value::Map(entries) => {
            let mut seen = HashSet::new();
            for (key, value) in entries {
                let (name, shown) = spelling(&key.value);
                if !seen.insert(name) {
                    let kind = Misfit::RepeatedKey { key: shown.clone() };
                    repeats.push(Problem::new(path.to_owned(), key.position, kind));
                }
                collect_repeats(value, &join(path, &shown), repeats);
            }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

/// Returns what is the same for equal keys and for them only, and how a key is shown.
fn spelling(key: &Value) -> (String, String) {
    match key {
        Value::Text(text) => (format!("'{text}"), text.clone()),
        Value::Null => ("~".to_owned(), "~".to_owned()),
        Value::Bool(value) => (value.to_string(), value.to_string()),
        Value::Integer(value) => (value.to_string(), value.to_string()),
        Value::Float(value) => (format!("{value:?}"), format!("{value:?}")),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| spelling(&item.value).0).collect();
            (format!("{items:?}"), "[…]".to_owned())
        }
        Value::Map(entries) => {
            let mut entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| (spelling(&key.value).0, spelling(&value.value).0))
                .collect();
            entries.sort();
            (format!("{{{entries:?}"), "{…}".to_owned())
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node { value: spanned.value, position: position(spanned.referenced) })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(node: &Node) -> (u64, u64) {
        node.position.map(|p| (p.line, p.column)).unwrap()
    }

    #[test]
    fn keys_and_values_know_their_positions() {
        let root = parse("a: x\nb:\n  - yes\n  - { c: 12, d: ~ }\n").unwrap();
        let Value::Map(entries) = &root.value else { panic!("{root:?}") };
        assert_eq!((at(&entries[0].0), at(&entries[0].1)), ((1, 1), (1, 4)));
        assert_eq!((at(&entries[1].0), at(&entries[1].1)), ((2, 1), (3, 3)));
        let Value::List(items) = &entries[1].1.value else { panic!("{root:?}") };
        assert_eq!((&items[0].value, at(&items[0])), (&Value::Text("yes".into()), (3, 5)));
        let Value::Map(inner) = &items[1].value else { panic!("{root:?}") };
        assert_eq!((&inner[0].1.value, at(&inner[0].1)), (&Value::Integer(12), (4, 10)));
        assert_eq!(inner[1].1.value, Value::Null);
    }

    #[test]
    fn a_repeated_key_is_refused_at_its_position() {
        for text in ["a: 1\nb: 2\na: 3\n", "x: { a: 1,\n  a: 1 }\n", "'a': 1\na: 2\n"] {
            let problems = parse(text).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].kind, Misfit::RepeatedKey { key: "a".into() });
            assert!(problems[0].position.is_some_and(|p| p.line > 1), "{}", problems[0]);
        }
        for text in
            ["1: a\n1: b\n", "~: a\nnull: b\n", "true: a\ntrue: b\n", "[1, {a: 2}]: a\n[1, {a: 2}]: b\n"]
        {
            assert_eq!(parse(text).unwrap_err().len(), 1, "{text}");
        }
        for text in ["1: a\n'1': b\n", "a: { k: 1 }\nb: { k: 1 }\n", "- k: 1\n- k: 1\n", "[a]: 1\n[b]: 2\n"] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn every_repeat_is_told_with_its_position_and_the_path_of_its_map() {
        let text =
            "a: &x\n  - k: 1\n    k: 2\n    k: 3\nb: *x\ngraphs: { kb: { uri: u,\n  uri: v } }\nb: ~\n";
        let told: Vec<_> = parse(text)
            .unwrap_err()
            .into_iter()
            .map(|problem| (problem.position.unwrap().line, format!("{} {}", problem.path, problem.kind)))
            .collect();
        let expected = [
            (3, "a[0] duplicate key 'k'"),
            (4, "a[0] duplicate key 'k'"),
            (5, "b[0] duplicate key 'k'"),
            (7, "graphs.kb duplicate key 'uri'"),
            (8, " duplicate key 'b'"),
        ];
        assert_eq!(told, expected.map(|(line, problem)| (line, problem.to_owned())));
    }

    #[test]
    fn what_is_not_one_bounded_document_is_refused_with_a_position() {
        let deep = "[".repeat(100);
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e]\n";
        for text in ["a: [1", "a: 1\n b: 2\n", "--- 1\n--- 2\n", &deep, bomb, "a: *nowhere"] {
            let problems = parse(text).unwrap_err();
            assert!(matches!(&problems[..], [one] if one.position.is_some()), "{text}: {problems:?}");
        }
    }

    #[test]
    fn an_empty_text_is_nothing() {
        for text in ["", "\n\n", "# only a comment\n", "---\n"] {
            assert_eq!(parse(text).unwrap().value, Value::Null);
        }
    }

    #[test]
    fn a_value_can_be_named_with_and_without_its_content() {
        let root = parse("[~, true, 12, .5, x, [1], {a: 1}]").unwrap();
        let Value::List(items) = &root.value else { panic!("{root:?}") };
        let kinds: Vec<_> = items.iter().map(|node| node.value.kind()).collect();
        assert_eq!(kinds, ["nothing", "a boolean", "a number", "a number", "a string", "a list", "a map"]);
        let shown: Vec<_> = items.iter().map(|node| node.value.to_string()).collect();
        let expected = [
            "nothing",
            "the boolean true",
            "the number 12",
            "the number 0.5",
            "the text 'x'",
            "a list",
            "a map",
        ];
        assert_eq!(shown, expected);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "([ \\n]{0,3}(a|'b'|- |\\? |: |\\[|\\{|\\}|\\]|,|~|&a|\\*a|---|!x|#|1)){0,12}") {
            let _ = parse(&text);
        }
    }
}
