//! Paths of the operations, relative to the base of a graph or a server.
//!
//! All paths of the client are here. Names that vary are encoded one by one, so that a branch `etl/run-1` is the one
//! segment `etl%2Frun-1`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::AddressError;

/// What a segment spells as escapes: all but the unreserved characters of RFC 3986, section 2.3.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) const BLOB: &str = "blob";
pub(super) const BRANCHES: &str = "branches";
pub(super) const CHANGES: &str = "changes";
pub(super) const BASELINE: &str = "changes/baseline";
pub(super) const COMMITS: &str = "commits";
pub(super) const EXPORT: &str = "export";
pub(super) const GRAPHS: &str = "graphs";
pub(super) const HEALTH: &str = "healthz";
pub(super) const INGEST: &str = "ingest";
pub(super) const LOAD_NDJSON: &str = "load/ndjson";
pub(super) const MERGE: &str = "branches/merge";
pub(super) const MUTATE: &str = "mutate";
pub(super) const MUTATE_CONDITIONAL: &str = "mutate/if-graph-commit";
pub(super) const QUERIES: &str = "queries";
pub(super) const QUERY: &str = "query";
pub(super) const SCHEMA: &str = "schema";
pub(super) const SCHEMA_APPLY: &str = "schema/apply";
pub(super) const SNAPSHOT: &str = "snapshot";

/// The base of one graph of a server.
pub(super) fn graph(id: &str) -> Result<String, AddressError> {
    Ok(format!("{GRAPHS}/{}", segment("graph id", id)?))
}

/// One branch.
pub(super) fn branch(name: &str) -> Result<String, AddressError> {
    Ok(format!("{BRANCHES}/{}", segment("branch", name)?))
}

/// One commit.
pub(super) fn commit(id: &str) -> Result<String, AddressError> {
    Ok(format!("{COMMITS}/{}", segment("commit id", id)?))
}

/// The changes of one commit.
pub(super) fn commit_changes(id: &str) -> Result<String, AddressError> {
    Ok(format!("{}/changes", commit(id)?))
}

/// One stored query.
pub(super) fn stored_query(name: &str) -> Result<String, AddressError> {
    Ok(format!("{QUERIES}/{}", segment("query name", name)?))
}

/// The conditional form of one stored query.
pub(super) fn stored_query_conditional(name: &str) -> Result<String, AddressError> {
    Ok(format!("{}/if-graph-commit", stored_query(name)?))
}

/// Encodes one segment. Empty and dot segments mean something else in every path, also when escaped (WHATWG URL,
/// section 4.1), so they are refused.
fn segment(what: &'static str, text: &str) -> Result<String, AddressError> {
    if matches!(text, "" | "." | "..") {
        return Err(AddressError::Segment { what, text: text.to_owned() });
    }
    Ok(utf8_percent_encode(text, ESCAPED).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment() {
        assert_eq!(branch("etl/run-1").unwrap(), "branches/etl%2Frun-1");
        assert_eq!(branch("50% ä?#").unwrap(), "branches/50%25%20%C3%A4%3F%23");
        assert_eq!(graph("a_b.c~d-E9").unwrap(), "graphs/a_b.c~d-E9");
        assert_eq!(commit_changes("a/b").unwrap(), "commits/a%2Fb/changes");
        assert_eq!(stored_query_conditional("q").unwrap(), "queries/q/if-graph-commit");
    }

    #[test]
    fn what_would_change_the_path_is_refused() {
        for text in ["", ".", ".."] {
            let error = branch(text).unwrap_err().to_string();
            assert!(error.contains(&format!("branch '{text}'")), "{error}");
        }
    }
}
