//! YAML text to a tree whose every node knows its place, and typed reading of its values.
//!
//! Only values that are asked for are judged: a file may hold keys for other programs. YAML 1.2 booleans only
//! (`yes` is text). A key given twice is an error, as is a second document. Nesting, aliases and size are bounded.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};

use super::error::{ConfigError, SettingsError};

/// A value and where it begins: line and column from 1, or zeros when unknown.
#[derive(Clone, Debug, PartialEq)]
struct Node {
    value: Value,
    line: u64,
    column: u64,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// Says what a value is without showing it, since a file may hold secrets of other programs.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        })
    }
}

/// A parsed document and the file it came from.
pub(super) struct Document<'a> {
    file: &'a Path,
    root: Node,
}

/// A value of a document: where it is, under which key, and what it holds. An absent value and `null` are the same.
#[derive(Clone)]
pub(super) struct Entry<'a> {
    file: &'a Path,
    key: String,
    node: Option<&'a Node>,
}

impl<'a> Document<'a> {
    /// Parses one document. An empty text is an empty map.
    pub(super) fn parse(file: &'a Path, text: &str) -> Result<Self, SettingsError> {
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
        match serde_saphyr::from_str_with_options::<Node>(text, options) {
            Ok(root) => Ok(Self { file, root }),
            Err(error) => {
                let (line, column) = error.location().map_or((0, 0), place);
                let problem = format!("not valid YAML: {}", error.without_snippet());
                Err(ConfigError { file: file.to_owned(), line, column, key: String::new(), problem }.into())
            }
        }
    }

    /// Returns the whole document.
    pub(super) fn root(&'a self) -> Entry<'a> {
        Entry { file: self.file, key: String::new(), node: present(&self.root) }
    }
}

impl<'a> Entry<'a> {
    /// Tells whether there is a value.
    pub(super) fn is_set(&self) -> bool {
        self.node.is_some()
    }

    /// Returns the full key, such as `graphs.atlas.uri`.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Returns the value under `name` of this map; absent if this is absent.
    pub(super) fn get(&self, name: &str) -> Result<Entry<'a>, SettingsError> {
        let found =
            self.map()?.iter().find(|(key, _)| matches!(&key.value, Value::Text(text) if text == name));
        Ok(Entry { file: self.file, key: self.child(name), node: found.and_then(|(_, node)| present(node)) })
    }

    /// Returns all entries of this map with their names, in the order of the file; none if this is absent.
    pub(super) fn entries(&self) -> Result<Vec<(String, Entry<'a>)>, SettingsError> {
        self.map()?
            .iter()
            .map(|(name, node)| match &name.value {
                Value::Text(text) => {
                    Ok((text.clone(), Entry { file: self.file, key: self.child(text), node: present(node) }))
                }
                other => {
                    Err(self.error_at(Some(name), format!("a key is {other}; quote it to make it a string")))
                }
            })
            .collect()
    }

    /// Returns the text; `None` if absent. A blank text is refused.
    pub(super) fn text(&self) -> Result<Option<String>, SettingsError> {
        match self.node.map(|node| &node.value) {
            None => Ok(None),
            Some(Value::Text(text)) if text.trim().is_empty() => {
                Err(self.error("it is blank; leave the key out instead"))
            }
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong_type("a string", other)),
        }
    }

    /// Returns the text, which must be there.
    pub(super) fn required_text(&self) -> Result<String, SettingsError> {
        self.text()?.ok_or_else(|| self.error("it is required"))
    }

    /// Returns the boolean; `None` if absent.
    pub(super) fn flag(&self) -> Result<Option<bool>, SettingsError> {
        match self.node.map(|node| &node.value) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.wrong_type("true or false", other)),
        }
    }

    /// Returns the texts of a list, or a single text as a list of one; none if absent.
    pub(super) fn texts(&self) -> Result<Vec<String>, SettingsError> {
        match self.node.map(|node| &node.value) {
            Some(Value::List(items)) => items
                .iter()
                .enumerate()
                .map(|(at, node)| {
                    let key = format!("{}[{at}]", self.key);
                    Entry { file: self.file, key, node: Some(node) }.required_text()
                })
                .collect(),
            _ => Ok(self.text()?.into_iter().collect()),
        }
    }

    /// Returns an error about this value.
    pub(super) fn error(&self, problem: impl Into<String>) -> SettingsError {
        self.error_at(self.node, problem.into())
    }

    fn map(&self) -> Result<&'a [(Node, Node)], SettingsError> {
        match self.node.map(|node| &node.value) {
            None => Ok(&[]),
            Some(Value::Map(entries)) => Ok(entries),
            Some(other) => Err(self.wrong_type("a map", other)),
        }
    }

    fn child(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }

    fn wrong_type(&self, expected: &str, found: &Value) -> SettingsError {
        self.error(format!("expected {expected}, found {found}"))
    }

    fn error_at(&self, node: Option<&Node>, problem: String) -> SettingsError {
        let (line, column) = node.map_or((0, 0), |node| (node.line, node.column));
        ConfigError { file: self.file.to_owned(), line, column, key: self.key.clone(), problem }.into()
    }
}

fn present(node: &Node) -> Option<&Node> {
    (node.value != Value::Null).then_some(node)
}

fn place(location: Location) -> (u64, u64) {
    if location == Location::UNKNOWN { (0, 0) } else { (location.line(), location.column()) }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        let (line, column) = place(spanned.referenced);
        Ok(Node { value: spanned.value, line, column })
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

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Number)
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
