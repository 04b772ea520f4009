//! Extractors whose refusals are [`ApiError`](crate::error::ApiError)s with the place of the problem.

mod body;
mod json;
mod path;
mod query;
mod rejection;

pub use body::{ApiBytes, JSON_LIMIT, LOAD_LIMIT, read_request};
pub use json::ApiJson;
pub use path::{ApiPath, RequestedGraph};
pub use query::{ApiQuery, query_pairs};
pub use rejection::ExtractError;

/// Tells whether every `%` is followed by two hex digits (RFC 3986 §2.1).
fn escapes_are_whole(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => rest = &rest[at + 3..],
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_has_two_hex_digits() {
        for text in ["", "abc", "%41", "a%2fb%2F", "%25%25"] {
            assert!(escapes_are_whole(text), "{text}");
        }
        for text in ["%", "%4", "a%4g", "%%41", "%41%", "%ä"] {
            assert!(!escapes_are_whole(text), "{text}");
        }
    }
}
