//! What annotations and constraints stand on, and the check of keywords that they share.

use super::ast;
use super::declaration::DeclarationKind;
use super::findings::Findings;
use crate::types::Type;

/// What annotations stand on.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    /// The header of a node or edge type.
    Header { kind: DeclarationKind, name: &'a str },
    /// A property; the type is absent if it was refused.
    Property { kind: DeclarationKind, owner: &'a str, name: &'a str, ty: Option<&'a Type> },
}

impl std::fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Header { kind, name } => write!(f, "{kind} '{name}'"),
            Target::Property { owner, name, .. } => write!(f, "property {owner}.{name}"),
        }
    }
}

/// Refuses a keyword that is given again.
pub(super) fn check_keywords(
    word: &str,
    target: &dyn std::fmt::Display,
    keywords: &[(ast::Name, ast::Argument)],
    findings: &mut Findings,
) {
    for (i, (keyword, _)) in keywords.iter().enumerate() {
        if keywords[..i].iter().any(|(other, _)| other.text == keyword.text) {
            let message = format!("@{word} on {target} gives '{}' multiple times", keyword.text);
            findings.declaration(keyword.at.0, message);
        }
    }
}
