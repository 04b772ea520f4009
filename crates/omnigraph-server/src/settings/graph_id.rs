//! Ids of graphs in request paths.

use std::fmt;

/// Names that a graph cannot have, because routes have them.
const RESERVED: [&str; 4] = ["policies", "healthz", "openapi", "graphs"];

/// Longest graph id, in characters.
const LONGEST: usize = 64;

/// Id of a graph in a request path: 1 to 64 of `A-Z a-z 0-9 -`, and no name that a route has.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GraphId(String);

/// A text that is no [`GraphId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid graph id '{}': {rule}", shown(.id))]
pub struct InvalidGraphId {
    /// The text.
    pub id: String,
    rule: &'static str,
}

impl GraphId {
    /// Returns the id that the one graph of a single boot always has.
    pub fn default_graph() -> Self {
        Self("default".to_owned())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for GraphId {
    type Error = InvalidGraphId;

    fn try_from(text: &str) -> Result<Self, InvalidGraphId> {
        let refuse = |rule| Err(InvalidGraphId { id: text.to_owned(), rule });
        if text.is_empty() || text.len() > LONGEST {
            return refuse("it must have 1 to 64 characters");
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return refuse("only letters, digits and '-' are allowed");
        }
        if RESERVED.contains(&text) {
            return refuse("the name is reserved");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for GraphId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Shows a text that may come from a request: control characters escaped, at most about a line.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(100).flat_map(printable).collect();
    if text.chars().count() > 100 {
        shown.push('…');
    }
    shown
}

fn printable(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn letters_digits_and_dashes_are_ids() {
        let longest = "x".repeat(64);
        for text in ["default", "a", "A-9", "-", "Graphs", longest.as_str()] {
            assert_eq!(GraphId::try_from(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        let long = "x".repeat(65);
        for text in
            ["", long.as_str(), "a_b", "a%2Db", "ä", "a b", "policies", "healthz", "openapi", "graphs"]
        {
            let message = GraphId::try_from(text).unwrap_err().to_string();
            assert!(message.starts_with(&format!("invalid graph id '{text}'")), "{message}");
        }
    }

    #[test]
    fn control_characters_are_shown_escaped() {
        assert!(GraphId::try_from("a\nb").unwrap_err().to_string().contains(r"'a\nb'"));
    }

    proptest! {
        #[test]
        fn the_rule_is_the_pattern(text in "[A-Za-z0-9_%. -]{0,70}") {
            let matches = (1..=64).contains(&text.len())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !RESERVED.contains(&text.as_str());
            prop_assert_eq!(GraphId::try_from(text.as_str()).is_ok(), matches);
        }
    }
}
