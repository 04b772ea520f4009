//! YAML text to a tree whose every node knows its place.
//!
//! The tree is untyped so that a file can be judged as a whole: [`crate::reader`] walks it and reports every
//! key or value of the wrong shape, not only the first.
//!
//! YAML 1.2 booleans only (`yes` is text). A key given twice is an error, as is a second document. Merge keys
//! (`<<`) are ordinary keys and so unknown ones; aliases work. Nesting, aliases and size are bounded.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};

use crate::problem::{PolicyLoadError, Position, Problem, ProblemKind};

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) position: Option<Position>,
}

/// A YAML value. Maps keep the order of the text and may have keys that are not text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Returns the text under a key of a map, if both are there.
    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find_map(|(name, node)| match (&name.value, &node.value) {
            (Value::Text(name), Value::Text(text)) if name == key => Some(text.as_str()),
            _ => None,
        })
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
            Value::List(_) => f.write_str("a list"),
            Value::Map(_) => f.write_str("a map"),
        }
    }
}

/// Parses one YAML document. An empty text is [`Value::Null`].
///
/// # Errors
/// One problem, [`ProblemKind::Syntax`] or [`ProblemKind::RepeatedKey`], at the first place that is not YAML, exceeds
/// a bound or repeats a key.
pub(crate) fn parse(text: &str) -> Result<Node, PolicyLoadError> {
    let mut alias_limits = AliasLimits::default();
    alias_limits.max_total_replayed_events = 100_000;
    alias_limits.max_replay_stack_depth = 4;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 32, max_documents: 2 },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        alias_limits: alias_limits,
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Node>(text, options).map_err(|error| {
        let position = error.location().and_then(position);
        let kind = problem_kind(error.without_snippet(), position);
        let problems = vec![Problem::new(String::new(), position, kind)];
        PolicyLoadError::Invalid { file: None, problems }
    })
}

/// Words what the parser refuses, without the place, which the problem tells itself.
fn problem_kind(error: &serde_saphyr::Error, position: Option<Position>) -> ProblemKind {
    match error {
        serde_saphyr::Error::DuplicateMappingKey { key, .. } => {
            ProblemKind::RepeatedKey { key: key.clone().unwrap_or_default() }
        }
        serde_saphyr::Error::MultipleDocuments { .. } => {
            ProblemKind::Syntax { message: "a second document begins here".to_owned() }
        }
        other => {
            let message = other.to_string();
            let place = position.map(|at| format!(" at line {}, column {}", at.line, at.column));
            ProblemKind::Syntax { message: message.replace(&place.unwrap_or_default(), "") }
        }
    }
}

fn position(location: Location) -> Option<Position> {
    (location != Location::UNKNOWN).then(|| Position { line: location.line(), column: location.column() })
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
    fn keys_and_values_know_their_places() {
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
    fn a_repeated_key_is_refused_at_its_place() {
        for text in ["a: 1\nb: 2\na: 3\n", "x: { a: 1,\n  a: 1 }\n", "'a': 1\na: 2\n"] {
            let error = parse(text).unwrap_err();
            let problem = &error.problems()[0];
            assert_eq!(problem.kind, ProblemKind::RepeatedKey { key: "a".into() });
            assert!(problem.position.is_some_and(|p| p.line > 1), "{problem}");
        }
    }

    #[test]
    fn what_is_not_one_bounded_document_is_refused_with_a_place() {
        let deep = "[".repeat(100);
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e]\n";
        for text in ["a: [1", "a: 1\n b: 2\n", "--- 1\n--- 2\n", &deep, bomb, "a: *nowhere"] {
            let error = parse(text).unwrap_err();
            let problem = &error.problems()[0];
            assert!(problem.position.is_some(), "{text}: {problem}");
        }
    }

    #[test]
    fn an_empty_text_is_nothing() {
        for text in ["", "\n\n", "# only a comment\n", "---\n"] {
            assert_eq!(parse(text).unwrap().value, Value::Null);
        }
    }
}
