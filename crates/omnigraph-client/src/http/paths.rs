//! Paths of calls, from the table of operations. Each value is encoded as one segment, so that the branch `etl/run-1` is
//! `etl%2Frun-1`; values that no path can carry are refused.

use omnigraph_api::{Operation, graph_base_path};

use super::error::AddressError;

/// Returns the path of an operation below the base of its graph or server, with a value for each of its parameters.
pub(super) fn path(operation: Operation, values: &[&str]) -> Result<String, AddressError> {
    for (parameter, value) in operation.path_parameters().zip(values) {
        check(noun(parameter), value)?;
    }
    Ok(operation.url_path(values))
}

/// Returns the path of a graph below the base of its server.
pub(super) fn graph(id: &str) -> Result<String, AddressError> {
    check("graph id", id)?;
    Ok(graph_base_path(id))
}

/// Refuses empty and dot segments: they mean something else in every path, also when escaped (WHATWG URL, section 4.1).
fn check(what: &'static str, text: &str) -> Result<(), AddressError> {
    match text {
        "" | "." | ".." => Err(AddressError::Segment { what, text: text.to_owned() }),
        _ => Ok(()),
    }
}

/// Returns what people call the values of a parameter.
fn noun(parameter: &'static str) -> &'static str {
    match parameter {
        "commit_id" => "commit id",
        "name" => "query name",
        _ => parameter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment() {
        assert_eq!(path(Operation::DeleteBranch, &["etl/run-1"]).unwrap(), "/branches/etl%2Frun-1");
        assert_eq!(
            path(Operation::DeleteBranch, &["50% \u{e4}?#"]).unwrap(),
            "/branches/50%25%20%C3%A4%3F%23"
        );
        assert_eq!(path(Operation::GetCommitChanges, &["a/b"]).unwrap(), "/commits/a%2Fb/changes");
        assert_eq!(graph("a_b.c~d-E9").unwrap(), "/graphs/a_b.c~d-E9");
    }

    #[test]
    fn what_would_change_the_path_is_refused() {
        for text in ["", ".", ".."] {
            for (operation, what) in [
                (Operation::DeleteBranch, "branch"),
                (Operation::GetCommit, "commit id"),
                (Operation::GetCommitChanges, "commit id"),
                (Operation::InvokeQuery, "query name"),
                (Operation::InvokeQueryIfGraphCommit, "query name"),
            ] {
                let expected = AddressError::Segment { what, text: text.to_owned() };
                assert_eq!(path(operation, &[text]), Err(expected), "{operation:?}");
            }
            let expected = AddressError::Segment { what: "graph id", text: text.to_owned() };
            assert_eq!(graph(text), Err(expected));
        }
    }

    #[test]
    fn every_parameter_has_a_name_for_people() {
        for operation in Operation::ALL {
            assert!(
                operation.path_parameters().all(|parameter| !noun(parameter).contains('_')),
                "{operation:?}"
            );
        }
    }
}
