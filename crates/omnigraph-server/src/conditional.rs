//! The header `Omnigraph-If-Graph-Commit`: a write that happens only while a commit is the head of its branch.

use axum::http::{HeaderMap, HeaderName};
use omnigraph_api::headers::IF_GRAPH_COMMIT;

use crate::error::ApiError;

fn name() -> HeaderName {
    HeaderName::from_bytes(IF_GRAPH_COMMIT.as_bytes())
        .unwrap_or(HeaderName::from_static("omnigraph-if-graph-commit"))
}

/// Returns the commit that must still be the head.
///
/// # Errors
/// 400 unless there is exactly one value that is one plain id: an entity tag, a list or `*` of other headers of this kind
/// would be understood by none of our readers.
pub fn required(headers: &HeaderMap) -> Result<&str, ApiError> {
    let refuse = |problem: &str| Err(ApiError::bad_request(format!("{IF_GRAPH_COMMIT}: {problem}")));
    let mut values = headers.get_all(name()).iter();
    let Some(value) = values.next() else { return refuse("the header is required: one commit id") };
    if values.next().is_some() {
        return refuse("the header is given more than once");
    }
    let Ok(text) = std::str::from_utf8(value.as_bytes()) else { return refuse("the value is not UTF-8") };
    match text.trim() {
        "" => refuse("the value is empty; give one commit id"),
        "*" => refuse("'*' is not supported; give one commit id"),
        id if id.starts_with("W/") => refuse("give a commit id, not an entity tag"),
        id if id.starts_with('"') || id.ends_with('"') => refuse("give a commit id without quotes"),
        id if id.contains(',') => refuse("give one commit id, not a list"),
        id => Ok(id),
    }
}

/// Refuses the header on a route that would not look at it: a precondition is never ignored. `path` is the route that
/// does.
///
/// # Errors
/// 400 when the header is there.
pub fn refused(headers: &HeaderMap, path: &str) -> Result<(), ApiError> {
    if headers.contains_key(name()) {
        return Err(ApiError::bad_request(format!(
            "{IF_GRAPH_COMMIT} requires the fail-closed conditional route: POST {path}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name(), HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn one_plain_id_is_taken() {
        assert_eq!(required(&headers(&[b" 01J9Z "])).unwrap(), "01J9Z");
    }

    #[test]
    fn anything_else_is_refused() {
        let cases: [(&[&[u8]], &str); 9] = [
            (&[], "required"),
            (&[b"a", b"a"], "more than once"),
            (&[b""], "empty"),
            (&[b"  "], "empty"),
            (&[b"\xff"], "UTF-8"),
            (&[b"*"], "'*'"),
            (&[b"W/\"a\""], "entity tag"),
            (&[b"\"a\""], "quotes"),
            (&[b"a, b"], "list"),
        ];
        for (values, part) in cases {
            let error = required(&headers(values)).unwrap_err();
            assert_eq!(error.status(), 400);
            assert!(error.to_string().contains(part), "{values:?}: {error}");
        }
    }

    #[test]
    fn other_routes_refuse_the_header() {
        assert!(refused(&headers(&[]), "/mutate/if-graph-commit").is_ok());
        let error = refused(&headers(&[b"a"]), "/mutate/if-graph-commit").unwrap_err().to_string();
        assert!(error.contains("requires the fail-closed conditional route"), "{error}");
        assert!(error.contains("/mutate/if-graph-commit"), "{error}");
    }
}
