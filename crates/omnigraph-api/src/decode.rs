//! Decoding of request bodies, each one JSON object. Arrays that would pass for one are refused.

use serde::de::DeserializeOwned;

/// Why a request body was refused.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is not JSON, or its members do not have the shape of the request.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It is JSON of another kind.
    #[error("expected a JSON object, found {found}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
}

/// Reads a request.
///
/// Only an object will do: left to themselves, the decoders of records also take an array of the members' values.
///
/// # Errors
/// When the body is not one JSON object with the members of the request.
pub fn decode_request<T: DeserializeOwned>(body: &[u8]) -> Result<T, BodyError> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let found = match first {
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(b'-' | b'0'..=b'9') => "a number",
        // An object, or no JSON at all, which the decoder tells better.
        _ => return Ok(serde_json::from_slice(body)?),
    };
    serde_json::from_slice::<serde::de::IgnoredAny>(body)?;
    Err(BodyError::NotAnObject { found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ExportRequest, QueryRequest};

    fn refusal(body: &str) -> String {
        decode_request::<ExportRequest>(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn takes_objects_with_blanks_around() {
        let request: QueryRequest = decode_request(b" \n{\"query\":\"q\"}\t").unwrap();
        assert_eq!(request.query, "q");
    }

    #[test]
    fn names_what_stands_in_place_of_an_object() {
        let cases = [
            ("[null,[]]", "an array"),
            ("\"x\"", "a string"),
            ("true", "a boolean"),
            ("null", "null"),
            ("-1", "a number"),
        ];
        for (body, found) in cases {
            assert_eq!(refusal(body), format!("expected a JSON object, found {found}"));
        }
    }

    #[test]
    fn tells_broken_json_from_wrong_kinds() {
        assert!(refusal("[1,").starts_with("EOF while parsing"), "{}", refusal("[1,"));
        assert!(refusal("nope").starts_with("expected ident"), "{}", refusal("nope"));
        assert!(refusal("").starts_with("EOF while parsing"), "{}", refusal(""));
        assert!(refusal("{} {}").starts_with("trailing characters"), "{}", refusal("{} {}"));
        assert!(refusal(r#"{"x":1}"#).starts_with("unknown field `x`"), "{}", refusal(r#"{"x":1}"#));
    }
}
