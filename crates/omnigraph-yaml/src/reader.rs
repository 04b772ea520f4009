//! Reads typed values out of a [`Node`] tree and collects every misfit.
//!
//! All maps are closed. A method that returns nothing has reported why.

use std::collections::BTreeMap;

use crate::problem::{Position, Problem, ProblemKind};
use crate::yaml::{Node, Value};

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) problems: Vec<Problem>,
    /// The place of every value that was read, by its path.
    pub(crate) positions: Positions,
    /// The rule or case being read.
    pub(crate) subject: Option<String>,
}

/// Places of values in the text they were read from, by path.
///
/// Any two are equal: bundles are the same if their content is, however it is laid out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Positions(BTreeMap<String, Position>);

impl PartialEq for Positions {
    fn eq(&self, _: &Positions) -> bool {
        true
    }
}

impl Eq for Positions {}

impl Positions {
    /// Returns the place of the value with this path, if it was read from a text.
    pub(crate) fn get(&self, path: &str) -> Option<Position> {
        self.0.get(path).copied()
    }
}

/// A map whose keys are all known.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    path: String,
    position: Option<Position>,
    entries: Vec<(&'n str, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// Returns the value of a key and its path.
    pub(crate) fn get(&self, key: &str) -> Option<(&'n Node, String)> {
        let (_, node) = self.entries.iter().find(|(name, _)| *name == key)?;
        Some((*node, join(&self.path, key)))
    }
}

/// Returns the path of a key of the map at `path`.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Returns the path of an item of the list at `path`.
pub(crate) fn item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

impl Reader {
    /// Reports a problem of the subject being read.
    pub(crate) fn report(&mut self, path: &str, position: Option<Position>, kind: ProblemKind) {
        let problem = Problem::new(path.to_owned(), position, kind);
        self.problems.push(Problem { subject: self.subject.clone(), ..problem });
    }

    /// Returns the problems by rule and place.
    pub(crate) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.position);
        Problem::in_order(self.problems)
    }

    fn wrong_type(&mut self, node: &Node, path: &str, expected: &'static str) {
        let found = node.value.to_string();
        self.report(path, node.position, ProblemKind::WrongType { expected, found });
    }

    fn note(&mut self, node: &Node, path: &str) {
        if let Some(position) = node.position {
            self.positions.0.insert(path.to_owned(), position);
        }
    }

    /// Reads a map with any keys that are text.
    pub(crate) fn open_map<'n>(&mut self, node: &'n Node, path: &str) -> Option<Vec<(&'n str, &'n Node)>> {
        self.note(node, path);
        let Value::Map(entries) = &node.value else {
            self.wrong_type(node, path, "a map");
            return None;
        };
        let mut named = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            match &key.value {
                Value::Text(name) => named.push((name.as_str(), value)),
                _ => self.wrong_type(key, path, "text"),
            }
        }
        Some(named)
    }

    /// Reads a map with keys out of `known`.
    pub(crate) fn map<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        known: &'static [&'static str],
    ) -> Option<Fields<'n>> {
        self.note(node, path);
        let Value::Map(entries) = &node.value else {
            self.wrong_type(node, path, "a map");
            return None;
        };
        let mut fields = Fields { path: path.to_owned(), position: node.position, entries: Vec::new() };
        for (key, value) in entries {
            match &key.value {
                Value::Text(name) if known.contains(&name.as_str()) => fields.entries.push((name, value)),
                Value::Text(name) => {
                    let kind = ProblemKind::UnknownKey { key: name.clone(), known };
                    self.report(path, key.position, kind);
                }
                _ => self.wrong_type(key, path, "text"),
            }
        }
        Some(fields)
    }

    /// Returns the value of a key that must be there.
    pub(crate) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        key: &'static str,
    ) -> Option<(&'n Node, String)> {
        let found = fields.get(key);
        if found.is_none() {
            self.report(&fields.path, fields.position, ProblemKind::MissingKey { key });
        }
        found
    }

    /// Reads a text.
    pub(crate) fn text(&mut self, node: &Node, path: &str) -> Option<String> {
        self.note(node, path);
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            _ => {
                self.wrong_type(node, path, "text");
                None
            }
        }
    }

    /// Reads a text that must be there.
    pub(crate) fn required_text(&mut self, fields: &Fields<'_>, key: &'static str) -> Option<String> {
        let (node, path) = self.required(fields, key)?;
        self.text(node, &path)
    }

    /// Reads an integer that must be there.
    pub(crate) fn required_integer(&mut self, fields: &Fields<'_>, key: &'static str) -> Option<i128> {
        let (node, path) = self.required(fields, key)?;
        self.note(node, &path);
        match node.value {
            Value::Integer(value) => Some(value),
            _ => {
                self.wrong_type(node, &path, "an integer");
                None
            }
        }
    }

    /// Reads a list. A key without a value is an empty list.
    pub(crate) fn list<'n>(&mut self, node: &'n Node, path: &str) -> Option<&'n [Node]> {
        self.note(node, path);
        match &node.value {
            Value::List(items) => Some(items),
            Value::Null => Some(&[]),
            _ => {
                self.wrong_type(node, path, "a list");
                None
            }
        }
    }

    /// Reads a list of texts; nothing if one of its items is not text.
    pub(crate) fn texts(&mut self, node: &Node, path: &str) -> Option<Vec<String>> {
        let items = self.list(node, path)?;
        let texts: Vec<_> =
            items.iter().enumerate().map(|(i, node)| self.text(node, &item(path, i))).collect();
        texts.into_iter().collect()
    }

    /// Reads a word of a closed set.
    pub(crate) fn word<T: Copy>(
        &mut self,
        node: &Node,
        path: &str,
        what: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.text(node, path)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| *word).collect();
            self.report(path, node.position, ProblemKind::UnknownWord { what, word: text, known });
        }
        found
    }
}
