//! Errors of the operator's files: configuration and credentials.

use std::io;
use std::path::PathBuf;

use crate::token::TokenError;

/// A file of the operator directory cannot be used. No text has a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration is no YAML, has a value of a wrong kind, or contradicts itself.
    #[error("{}: {problem}", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column where they are known.
        problem: String,
    },
    /// Others than the owner may access the credentials.
    #[error("{} can be accessed by others (mode {mode:04o}): run `chmod 600 {}`", .path.display(), .path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A token of the credentials or of the environment cannot be sent.
    #[error("{origin}: {problem}")]
    Token {
        /// The variable, or the section and file, that holds it.
        origin: String,
        /// What is wrong with it.
        problem: TokenError,
    },
    /// A name cannot be a section of the credentials.
    #[error("'{name}' cannot be the name of a server: it is blank, or has a bracket or a line break")]
    ServerName {
        /// The name.
        name: String,
    },
    /// There is no operator directory.
    #[error("there is no place for credentials: set OMNIGRAPH_HOME or HOME")]
    NoHome,
}
