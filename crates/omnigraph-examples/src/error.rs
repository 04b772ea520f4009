//! Errors: why a conversion failed, with file and line.

use std::io;

/// A failed conversion.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// An input cannot be opened.
    #[error("cannot open {path}: {source}")]
    Open {
        /// The input.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// An input breaks off.
    #[error("{path}:{line}: cannot read: {source}")]
    Read {
        /// The input.
        path: String,
        /// Line from 1.
        line: u64,
        /// What the system says.
        source: io::Error,
    },
    /// An input is compressed in a form that is not read.
    #[error(
        "{path} is compressed with LZ4, which is not read: pass `-` and pipe `/usr/lib/apt/apt-helper cat-file` into it"
    )]
    Lz4 {
        /// The input.
        path: String,
    },
    /// A line breaks the rules of its format.
    #[error("{path}:{line}: {problem}")]
    Malformed {
        /// The input.
        path: String,
        /// Line from 1.
        line: u64,
        /// The rule.
        problem: Problem,
    },
    /// The files of a database do not fit together.
    #[error("{path}: {problem}")]
    Inconsistent {
        /// The database.
        path: String,
        /// The rule.
        problem: Problem,
    },
    /// The output cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The output.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A slice starts at a name that the input does not have.
    #[error("the input has no '{name}' to start the slice from")]
    UnknownRoot {
        /// The name.
        name: String,
    },
}

/// The rule that a line breaks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Bytes that are not text.
    #[error("not UTF-8")]
    NotUtf8,
    /// A stanza line that is neither a field nor a continuation.
    #[error("expected 'Field: value' or a continuation line")]
    NotAField,
    /// A stanza without a field that every stanza has.
    #[error("the stanza has no field '{0}'")]
    MissingField(&'static str),
    /// A number that is not one.
    #[error("field '{field}' must be a whole number, found '{found}'")]
    NotANumber {
        /// The field.
        field: &'static str,
        /// Its text.
        found: String,
    },
    /// A value outside the set that the schema declares.
    #[error("unknown {what} '{found}'")]
    UnknownValue {
        /// What the value says.
        what: &'static str,
        /// The value.
        found: String,
    },
    /// A dependency that does not parse.
    #[error("field '{field}': '{found}' is not 'name[:qualifier] [(op version)]'")]
    NotARelation {
        /// The field.
        field: &'static str,
        /// The dependency.
        found: String,
    },
    /// A database line that ends early or holds another token.
    #[error("expected {expected}, found {}", .found.as_ref().map_or("the end of the line".to_owned(), |f| format!("'{f}'")))]
    Unexpected {
        /// What the format has here.
        expected: &'static str,
        /// The token, or nothing at the end of the line.
        found: Option<String>,
    },
    /// A pointer to a synset or word that the database does not hold.
    #[error("{what} '{target}' is not in the database")]
    Dangling {
        /// Kind of the target.
        what: &'static str,
        /// The target.
        target: String,
    },
}
