//! Problems of a file: what is wrong, where, and the cure.

use std::fmt::{self, Write as _};

use serde::Serialize;

/// A position in a text. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
}

/// A kind of problem that may know what to do about it. Its display says what is wrong.
pub trait Cure: fmt::Display {
    /// Returns what to do about it, if there is something to say beyond the message.
    fn cure(&self) -> Option<String>;
}

/// One thing that is wrong with a file.
///
/// Displays on one line, without the position: `rules[0].allow.branch_scope: <what>; <cure>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem<K = Misfit> {
    /// Path of the key or value in the file, such as `rules[0].allow.actions[1]`; empty for the whole file.
    pub path: String,
    /// Where; absent for what was not read from a text.
    pub position: Option<Position>,
    /// The named thing it lies in, such as `rule 'publish'`, when the kind does not tell.
    pub subject: Option<String>,
    /// What is wrong.
    pub kind: K,
}

impl<K> Problem<K> {
    /// Makes a problem of no subject.
    pub fn new(path: String, position: Option<Position>, kind: K) -> Problem<K> {
        Problem { path, position, subject: None, kind }
    }

    /// Returns the problem as one of a program's own kind.
    pub fn into_kind<L: From<K>>(self) -> Problem<L> {
        Problem { path: self.path, position: self.position, subject: self.subject, kind: self.kind.into() }
    }
}

impl<K: Cure> fmt::Display for Problem<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        if !self.path.is_empty() {
            line += &format!("{}: ", self.path);
        }
        if let Some(subject) = &self.subject {
            line += &format!("{subject}: ");
        }
        line += &self.kind.to_string();
        if let Some(cure) = self.kind.cure() {
            line += &format!("; {cure}");
        }
        // Names come from the file: nothing in them may break the line or steer a terminal.
        line.chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => f.write_char(c),
        })
    }
}

/// What can be wrong with any file, whatever it is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Not YAML, too large or too deep.
    #[error("not valid YAML: {message}")]
    Syntax {
        /// What the parser says, without the position.
        message: String,
    },
    /// A key given twice in one map.
    #[error("duplicate key '{key}'")]
    RepeatedKey {
        /// The key.
        key: String,
    },
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What belongs here, with article.
        expected: &'static str,
        /// What is here.
        found: String,
    },
    /// A key that the map does not have.
    #[error("unknown key '{key}'")]
    UnknownKey {
        /// The key.
        key: String,
        /// The keys of the map; empty if it has none at all.
        known: &'static [&'static str],
    },
    /// A key that must be given is not.
    #[error("missing key '{key}'")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A word outside a closed set.
    #[error("unknown {what} '{word}'")]
    UnknownWord {
        /// What the set holds, such as `policy action`.
        what: &'static str,
        /// The word.
        word: String,
        /// The set.
        known: Vec<&'static str>,
    },
}

impl Cure for Misfit {
    fn cure(&self) -> Option<String> {
        match self {
            Misfit::RepeatedKey { .. } => Some("remove one of the two or merge them".to_owned()),
            Misfit::WrongType { expected: "text", found } if found.starts_with("the ") => {
                Some("put it in quotes".to_owned())
            }
            Misfit::UnknownKey { key, known } => {
                Some(suggestion(key, known.iter().copied()).unwrap_or_else(|| match known {
                    [] => "remove it".to_owned(),
                    known => format!("the keys here are {}", known.join(", ")),
                }))
            }
            Misfit::UnknownWord { word, known, .. } => Some(
                suggestion(word, known.iter().copied())
                    .unwrap_or_else(|| format!("use one of {}", known.join(", "))),
            ),
            Misfit::Syntax { .. } | Misfit::WrongType { .. } | Misfit::MissingKey { .. } => None,
        }
    }
}

/// Says which of the known words was probably meant: one or two typing errors away, and nearer than that for
/// short words. Long words are not compared, so that the cost stays small on any input.
pub fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    if word.len() > 64 {
        return None;
    }
    known
        .filter(|candidate| candidate.len() <= 64)
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 2 && *distance < candidate.chars().count().div_ceil(2))
        .min()
        .map(|(_, candidate)| format!("did you mean '{candidate}'?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        let known = ["branch_create", "read", "id"];
        let meant = |word: &str| suggestion(word, known.into_iter());
        assert_eq!(meant("branch-create").as_deref(), Some("did you mean 'branch_create'?"));
        assert_eq!(meant("raed").as_deref(), Some("did you mean 'read'?"));
        assert_eq!(meant("ix"), None, "of two letters one is too much");
        assert_eq!(meant("publish"), None);
        assert_eq!(meant(&"r".repeat(65)), None);
    }

    #[test]
    fn nothing_of_a_name_breaks_the_line() {
        let kind = Misfit::UnknownKey { key: "a\n\u{1b}[2J".into(), known: &[] };
        let problem = Problem { subject: Some("rule 'x'".into()), ..Problem::new("r[0]".into(), None, kind) };
        assert_eq!(problem.to_string(), "r[0]: rule 'x': unknown key 'a\\n\\u{1b}[2J'; remove it");
    }
}
