//! The names of commits, branches, operations and positions in a log. Pure values; a text becomes one by parsing only.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ulid::Ulid;

use crate::error::{GraphError, Result};

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Ulid);

        impl $name {
            /// Mints an id that nobody has.
            pub fn mint() -> $name {
                $name(Ulid::new())
            }

            /// Reads the canonical text; letters may be lower case.
            pub fn from_text(text: &str) -> Option<$name> {
                let ulid = Ulid::from_string(text).ok()?;
                ulid.to_string().eq_ignore_ascii_case(text).then_some($name(ulid))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $name::from_text(&text).ok_or_else(|| de::Error::custom(format!("'{text}' is not a ULID")))
            }
        }
    };
}

ulid_id! {
    /// Identity of a commit. Greater than the ids of all its parents, so ids ascend along a branch's log.
    CommitId
}
ulid_id! {
    /// Identity of one write request; names its intent and its audit record, and stands in the record it publishes.
    OperationId
}
ulid_id! {
    /// Identity of one incarnation of a branch; a name that is deleted and created again has another.
    BranchUid
}

impl CommitId {
    /// Parses an id given by a user.
    ///
    /// # Errors
    /// Not found (`commit '<id>' not found`): a text that is no id names no commit.
    pub fn parse(text: &str) -> Result<CommitId> {
        let text = text.trim();
        CommitId::from_text(text).ok_or_else(|| GraphError::not_found(format!("commit '{text}' not found")))
    }

    /// Returns when it was minted, by the clock of its writer, but not before its parents were.
    pub(crate) fn minted_at(self) -> chrono::DateTime<chrono::Utc> {
        self.0.datetime().into()
    }

    /// Mints an id greater than those of all parents, whatever the clocks of their writers said. Its random part is its
    /// own, so that the children a commit gets on several branches at once have different ids.
    pub fn mint_after(parents: &[CommitId]) -> CommitId {
        let fresh = Ulid::new();
        let next = parents.iter().map(|parent| parent.0.timestamp_ms() + 1).max().unwrap_or(0);
        CommitId(Ulid::from_parts(fresh.timestamp_ms().max(next), fresh.random()))
    }
}

/// Place of a record in the log of a branch; the first commit of a graph is 1. Users see it as the graph manifest version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The position of the first commit of a graph.
    pub const FIRST: Seq = Seq(1);

    /// Returns the position after this one.
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Longest escaped branch name in bytes, so that its ref fits a file name on every file system.
const MAX_ESCAPED: usize = 240;
/// A name the base contract reserves for serializing schema changes.
const SCHEMA_LOCK: &str = "__schema_apply_lock__";

/// Name of a branch: trimmed, not empty, a valid ref path (`review/2026-07`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct BranchName(String);

impl BranchName {
    /// Returns the default branch.
    pub fn main() -> BranchName {
        BranchName("main".to_owned())
    }

    /// Parses a name given by a user; surrounding blanks are dropped.
    ///
    /// # Errors
    /// Bad request: empty, too long, reserved, or with characters that a ref cannot hold.
    pub fn parse(text: &str) -> Result<BranchName> {
        let name = text.trim();
        if name.is_empty() {
            return Err(GraphError::bad_request("a branch name cannot be empty"));
        }
        if name.trim_start_matches('/') == SCHEMA_LOCK {
            return Err(GraphError::bad_request(format!(
                "this call does not allow internal system ref '{name}'"
            )));
        }
        if let Some(fault) = fault(name) {
            return Err(GraphError::bad_request(format!("invalid branch name '{name}': {fault}")));
        }
        let name = BranchName(name.to_owned());
        if name.escaped().len() > MAX_ESCAPED {
            return Err(GraphError::bad_request(format!("invalid branch name '{name}': too long")));
        }
        Ok(name)
    }

    /// Tells whether this is the default branch.
    pub fn is_main(&self) -> bool {
        self.0 == "main"
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name as one file name: bytes other than `a-z 0-9 - _ .` become `=` and two hexadecimal digits, so
    /// that names differing in case only stay apart on file systems that ignore case.
    pub(crate) fn escaped(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
                other => out.push_str(&format!("={other:02x}")),
            }
        }
        out
    }

    /// Reads what [`BranchName::escaped`] wrote.
    pub fn from_escaped(text: &str) -> Option<BranchName> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let [first, tail @ ..] = rest {
            if *first == b'=' {
                let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &tail[2..];
            } else {
                bytes.push(*first);
                rest = tail;
            }
        }
        let name = BranchName::parse(&String::from_utf8(bytes).ok()?).ok()?;
        (name.escaped() == text).then_some(name)
    }
}

/// Says what is wrong with a ref path, by the rules of `git check-ref-format`.
fn fault(name: &str) -> Option<&'static str> {
    if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some("blanks and control characters are not allowed");
    }
    if name.contains(['~', '^', ':', '?', '*', '[', '\\']) || name.contains("@{") {
        return Some(r"the characters ~ ^ : ? * [ \ and the sequence @{ are not allowed");
    }
    if name.contains("..") {
        return Some("'..' is not allowed");
    }
    if name.split('/').any(str::is_empty) {
        return Some("a slash must stand between two parts");
    }
    if name.split('/').any(|part| part.starts_with('.') || part.ends_with('.') || part.ends_with(".lock")) {
        return Some("a part cannot start or end with '.' or end with '.lock'");
    }
    None
}

impl fmt::Display for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for BranchName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        BranchName::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branch_names_are_trimmed_and_checked() {
        assert_eq!(BranchName::parse("  review/2026-07 ").unwrap().as_str(), "review/2026-07");
        assert!(BranchName::parse("main").unwrap().is_main());
        for bad in
            ["", "  ", "a b", "/a", "a/", "a//b", "a..b", ".a", "a/.b", "a.lock", "a:b", "a\u{7}", "x@{y"]
        {
            assert!(BranchName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(BranchName::parse(&"x".repeat(241)).is_err());
    }

    #[test]
    fn reserved_lock_is_refused_with_any_leading_slashes() {
        for name in ["__schema_apply_lock__", "//__schema_apply_lock__"] {
            let error = BranchName::parse(name).unwrap_err().to_string();
            assert!(error.contains("does not allow internal system ref"), "{error}");
        }
        assert!(BranchName::parse("__run__x").is_ok());
    }

    #[test]
    fn escaping_round_trips_and_keeps_cases_apart() {
        for name in ["main", "review/2026-07", "Größe", "A=b", "100%"] {
            let name = BranchName::parse(name).unwrap();
            let escaped = name.escaped();
            assert!(
                escaped.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.=".contains(&b))
            );
            assert_eq!(BranchName::from_escaped(&escaped), Some(name));
        }
        let upper = BranchName::parse("A").unwrap().escaped();
        assert_ne!(upper.to_lowercase(), BranchName::parse("a").unwrap().escaped());
        assert_eq!(BranchName::from_escaped("=2"), None);
        assert_eq!(BranchName::from_escaped("=61"), None);
    }

    #[test]
    fn commit_ids_ascend_also_after_a_parent_from_the_future() {
        let future = CommitId(Ulid::from_parts(1 << 47, (1 << 80) - 1));
        let next = CommitId::mint_after(&[CommitId::mint(), future]);
        assert!(next > future);
        let again = CommitId::mint_after(&[next]);
        assert!(again > next);
        assert_ne!(again, CommitId::mint_after(&[next]));
    }

    #[test]
    fn ill_formed_commit_id_is_not_found() {
        let error = CommitId::parse("nonsense").unwrap_err().to_string();
        assert_eq!(error, "commit 'nonsense' not found");
        assert!(CommitId::parse("8ZZZZZZZZZZZZZZZZZZZZZZZZZ").is_err());
        let id = CommitId::mint();
        assert_eq!(CommitId::parse(&id.to_string().to_lowercase()).unwrap(), id);
    }
}
