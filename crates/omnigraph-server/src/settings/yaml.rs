//! Typed reading of a YAML file in which other programs may have keys.
//!
//! Only values that are asked for are judged, and no message shows one: a file may hold secrets of other programs.

use std::path::Path;

use omnigraph_yaml::{Misfit, Node, Position, Value, item, join};

use super::error::{ConfigError, SettingsError};

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
        let root = omnigraph_yaml::parse(text).map_err(|problems| {
            let problem = problems.into_iter().next().expect("a refusal has a problem");
            let what = match problem.kind {
                misfit @ Misfit::Syntax { .. } => misfit.to_string(),
                misfit => format!("not valid YAML: {misfit}"),
            };
            config_error(file, problem.position, problem.path, what)
        })?;
        Ok(Self { file, root })
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
        self.map()?;
        let node = self.node.and_then(|node| node.get(name)).and_then(present);
        Ok(Entry { file: self.file, key: join(&self.key, name), node })
    }

    /// Returns all entries of this map with their names, in the order of the file; none if this is absent.
    pub(super) fn entries(&self) -> Result<Vec<(String, Entry<'a>)>, SettingsError> {
        self.map()?
            .iter()
            .map(|(name, node)| match &name.value {
                Value::Text(text) => {
                    let key = join(&self.key, text);
                    Ok((text.clone(), Entry { file: self.file, key, node: present(node) }))
                }
                other => Err(self.error_at(
                    Some(name),
                    format!("a key is {}; quote it to make it a string", other.kind()),
                )),
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
                    Entry { file: self.file, key: item(&self.key, at), node: Some(node) }.required_text()
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

    fn wrong_type(&self, expected: &str, found: &Value) -> SettingsError {
        self.error(format!("expected {expected}, found {}", found.kind()))
    }

    fn error_at(&self, node: Option<&Node>, problem: String) -> SettingsError {
        config_error(self.file, node.and_then(|node| node.position), self.key.clone(), problem)
    }
}

fn present(node: &Node) -> Option<&Node> {
    (node.value != Value::Null).then_some(node)
}

fn config_error(file: &Path, position: Option<Position>, key: String, problem: String) -> SettingsError {
    let (line, column) = position.map_or((0, 0), |at| (at.line, at.column));
    ConfigError { file: file.to_owned(), line, column, key, problem }.into()
}
