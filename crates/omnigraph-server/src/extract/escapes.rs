//! Percent escapes that are broken. Decoders take them for text; here they are refused, so that a text has one meaning.

/// Tells whether every `%` is followed by two hex digits (RFC 3986 §2.1).
pub(super) fn escapes_are_whole(text: &str) -> bool {
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
