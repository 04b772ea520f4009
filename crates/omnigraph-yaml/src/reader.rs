//! Takes typed values out of a [`Node`] tree and collects every misfit.
//!
//! A map is read with the keys that it may have ([`Reader::map`]), with those that matter ([`Reader::some_of_map`]) or with
//! any ([`Reader::open_map`]). A method that returns nothing has reported why.

use std::collections::BTreeMap;
use std::fmt;

use crate::path::{item, join};
use crate::problem::{Misfit, Position, Problem, suggestion};
use crate::tree::{Node, Value};

/// Collects the problems and the positions of a file while it is read. `K` is what can be wrong with the file, in a program's own terms.
#[derive(Debug)]
pub struct Reader<K = Misfit> {
    problems: Vec<Problem<K>>,
    positions: Positions,
    subject: Option<String>,
}

impl<K> Default for Reader<K> {
    fn default() -> Reader<K> {
        Reader { problems: Vec::new(), positions: Positions::default(), subject: None }
    }
}

/// Positions of values in the text they were read from, by path.
///
/// Any two are equal, so that what keeps them is the same if its content is, however it is laid out.
#[derive(Clone, Debug, Default)]
pub struct Positions(BTreeMap<String, Position>);

impl PartialEq for Positions {
    fn eq(&self, _: &Positions) -> bool {
        true
    }
}

impl Eq for Positions {}

impl Positions {
    /// Returns the position of the value with this path, if it was read from a text.
    pub fn get(&self, path: &str) -> Option<Position> {
        self.0.get(path).copied()
    }
}

/// The known keys of a map, with their values.
#[derive(Debug)]
pub struct Fields<'n> {
    path: String,
    position: Option<Position>,
    known: &'static [&'static str],
    entries: Vec<(&'n str, &'n Node)>,
    /// Keys that are ignored, and where they are.
    ignored: Vec<(&'n str, Option<Position>)>,
}

/// A key that may be a misspelled one. Displays with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimilarKey {
    /// The key as it is written.
    pub key: String,
    /// Where it is.
    pub position: Option<Position>,
}

impl fmt::Display for SimilarKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.key.escape_debug())?;
        self.position.map_or(Ok(()), |at| write!(f, " in line {}, column {}", at.line, at.column))
    }
}

impl<'n> Fields<'n> {
    fn new(path: &str, position: Option<Position>, known: &'static [&'static str]) -> Fields<'n> {
        Fields { path: path.to_owned(), position, known, entries: Vec::new(), ignored: Vec::new() }
    }

    /// Returns the first of the ignored keys that is spelled nearly like `key`, which may be meant by it.
    pub fn similar_to(&self, key: &str) -> Option<SimilarKey> {
        let similar = |name: &str| suggestion(name, std::iter::once(key)).is_some();
        let (name, position) = self.ignored.iter().find(|(name, _)| similar(name))?;
        Some(SimilarKey { key: (*name).to_owned(), position: *position })
    }

    /// Returns the value of a key and its path, if the key is there.
    pub fn get(&self, key: &str) -> Option<(&'n Node, String)> {
        let (_, node) = self.entries.iter().find(|(name, _)| *name == key)?;
        Some((*node, join(&self.path, key)))
    }
}

impl<K: From<Misfit>> Reader<K> {
    /// Names what is read from here on, such as `rule 'publish'`, for the problems found in it.
    pub fn enter(&mut self, subject: Option<String>) {
        self.subject = subject;
    }

    /// Returns the problems so far, in the order of their discovery.
    pub fn problems(&self) -> &[Problem<K>] {
        &self.problems
    }

    /// Returns the problems in the order of the text, those without a position first.
    pub fn into_problems(mut self) -> Vec<Problem<K>> {
        self.problems.sort_by_key(|problem| problem.position);
        self.problems
    }

    /// Returns the position of every value that was read.
    pub fn into_positions(self) -> Positions {
        self.positions
    }

    /// Reports a problem of the subject being read.
    pub fn report(&mut self, path: &str, position: Option<Position>, kind: K) {
        let problem = Problem::new(path.to_owned(), position, kind);
        self.problems.push(Problem { subject: self.subject.clone(), ..problem });
    }

    fn misfit(&mut self, path: &str, position: Option<Position>, misfit: Misfit) {
        self.report(path, position, misfit.into());
    }

    fn wrong_type(&mut self, node: &Node, path: &str, expected: &'static str) {
        let found = node.value.to_string();
        self.misfit(path, node.position, Misfit::WrongType { expected, found });
    }

    fn note(&mut self, node: &Node, path: &str) {
        if let Some(position) = node.position {
            self.positions.0.insert(path.to_owned(), position);
        }
    }

    /// Reads a map with any keys that are text.
    pub fn open_map<'n>(&mut self, node: &'n Node, path: &str) -> Option<Vec<(&'n str, &'n Node)>> {
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
    pub fn map<'n>(
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
        let mut fields = Fields::new(path, node.position, known);
        for (key, value) in entries {
            match &key.value {
                Value::Text(name) if known.contains(&name.as_str()) => fields.entries.push((name, value)),
                Value::Text(name) => {
                    self.misfit(path, key.position, Misfit::UnknownKey { key: name.clone(), known });
                }
                _ => self.wrong_type(key, path, "text"),
            }
        }
        Some(fields)
    }

    /// Reads the keys of `known` out of a map that may have others, too. Those are ignored; only when a required key is
    /// missing, one that is spelled nearly like it is reported.
    pub fn some_of_map<'n>(
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
        let mut fields = Fields::new(path, node.position, known);
        for (key, value) in entries {
            match &key.value {
                Value::Text(name) if known.contains(&name.as_str()) => fields.entries.push((name, value)),
                Value::Text(name) => fields.ignored.push((name, key.position)),
                _ => {}
            }
        }
        Some(fields)
    }

    /// Returns the value of a key that must be there.
    pub fn required<'n>(&mut self, fields: &Fields<'n>, key: &'static str) -> Option<(&'n Node, String)> {
        let found = fields.get(key);
        if found.is_none() {
            self.misfit(&fields.path, fields.position, Misfit::MissingKey { key });
            if let Some(similar) = fields.similar_to(key) {
                let kind = Misfit::UnknownKey { key: similar.key, known: fields.known };
                self.misfit(&fields.path, similar.position, kind);
            }
        }
        found
    }

    /// Reads a text.
    pub fn text(&mut self, node: &Node, path: &str) -> Option<String> {
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
    pub fn required_text(&mut self, fields: &Fields<'_>, key: &'static str) -> Option<String> {
        let (node, path) = self.required(fields, key)?;
        self.text(node, &path)
    }

    /// Reads an integer that must be there.
    pub fn required_integer(&mut self, fields: &Fields<'_>, key: &'static str) -> Option<i128> {
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
    pub fn list<'n>(&mut self, node: &'n Node, path: &str) -> Option<&'n [Node]> {
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
    pub fn texts(&mut self, node: &Node, path: &str) -> Option<Vec<String>> {
        let items = self.list(node, path)?;
        let texts: Vec<_> =
            items.iter().enumerate().map(|(i, node)| self.text(node, &item(path, i))).collect();
        texts.into_iter().collect()
    }

    /// Reads a word of a closed set.
    pub fn word<T: Copy>(
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
            self.misfit(path, node.position, Misfit::UnknownWord { what, word: text, known });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::parse;

    #[test]
    fn every_misfit_is_told_in_the_order_of_the_text() {
        let text = "version: one\nname: 5\ngraphs:\n  kb: [a, 1]\n  7: []\nmode: fsat\ncolour: red\n";
        let root = parse(text).unwrap();
        let mut reader = Reader::<Misfit>::default();
        let keys = &["version", "name", "graphs", "mode", "owner"];
        let fields = reader.map(&root, "", keys).unwrap();
        assert_eq!(reader.required_text(&fields, "owner"), None);
        let (mode, path) = fields.get("mode").unwrap();
        assert_eq!(reader.word(mode, &path, "mode", &[("fast", 1), ("slow", 2)]), None);
        let (graphs, path) = fields.get("graphs").unwrap();
        for (name, list) in reader.open_map(graphs, &path).unwrap() {
            reader.enter(Some(format!("graph '{name}'")));
            assert_eq!(reader.texts(list, &join(&path, name)), None);
        }
        reader.enter(None);
        assert_eq!(reader.required_text(&fields, "name"), None);
        assert_eq!(reader.required_integer(&fields, "version"), None);
        let told: Vec<_> = reader.into_problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "missing key 'owner'",
                "version: expected an integer, found the text 'one'",
                "name: expected text, found the number 5; put it in quotes",
                "graphs.kb[1]: graph 'kb': expected text, found the number 1; put it in quotes",
                "graphs: expected text, found the number 7; put it in quotes",
                "mode: unknown mode 'fsat'; did you mean 'fast'?",
                "unknown key 'colour'; the keys here are version, name, graphs, mode, owner",
            ]
        );
    }

    #[test]
    fn other_keys_are_ignored_unless_they_may_be_a_missing_one() {
        let root = parse("nmae: a\nversoin: 1\nnote: x\n7: y\n").unwrap();
        let mut reader = Reader::<Misfit>::default();
        let fields = reader.some_of_map(&root, "", &["name", "version"]).unwrap();
        assert!(reader.problems().is_empty());
        assert_eq!(reader.required_text(&fields, "name"), None);
        let told: Vec<_> = reader.into_problems().iter().map(ToString::to_string).collect();
        assert_eq!(told, ["missing key 'name'", "unknown key 'nmae'; did you mean 'name'?"]);
    }

    #[test]
    fn what_was_read_can_be_found_again() {
        let root = parse("version: 1\nrules:\n  - id: a\n  -\n").unwrap();
        let mut reader = Reader::<Misfit>::default();
        let fields = reader.map(&root, "", &["version", "rules"]).unwrap();
        assert_eq!(reader.required_integer(&fields, "version"), Some(1));
        let (rules, path) = fields.get("rules").unwrap();
        let rule = &reader.list(rules, &path).unwrap()[0];
        let rule = reader.map(rule, &item(&path, 0), &["id"]).unwrap();
        assert_eq!(reader.required_text(&rule, "id").as_deref(), Some("a"));
        assert!(reader.problems().is_empty());
        let positions = reader.into_positions();
        let line = |path: &str| positions.get(path).map(|at| at.line);
        assert_eq!((line("rules[0].id"), line("version"), line("nowhere")), (Some(3), Some(1), None));
    }
}
