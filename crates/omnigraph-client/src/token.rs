//! Bearer tokens, which are never shown.

use std::fmt;

use reqwest::header::HeaderValue;

/// What stands in place of a token in a text.
const HIDDEN: &str = "***";

/// A bearer token: not blank, visible ASCII, without blanks around it.
///
/// It is shown nowhere: `Debug` hides it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(String);

/// A text cannot be a bearer token. The text itself is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing is left once blanks are trimmed.
    #[error("the token is blank")]
    Blank,
    /// It has a character that an `Authorization` header cannot carry.
    #[error("the token has a blank, a line break or a character that is not ASCII")]
    Character,
}

impl BearerToken {
    /// Takes a token, without the blanks around it.
    ///
    /// # Errors
    /// When it is blank or has characters that a header cannot carry.
    pub fn new(text: &str) -> Result<BearerToken, TokenError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TokenError::Blank);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Character);
        }
        Ok(BearerToken(text.to_owned()))
    }

    /// Returns the secret, to be stored or sent, not shown.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the value of the `Authorization` header, marked as sensitive.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Hides the token in a text that someone else wrote.
    pub(crate) fn redact(&self, text: &str) -> String {
        text.replace(&self.0, HIDDEN)
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BearerToken({HIDDEN})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_trimmed_and_never_shown() {
        let token = BearerToken::new(" s3cret\n").unwrap();
        assert_eq!(token.expose(), "s3cret");
        assert!(!format!("{token:?}").contains("s3cret"));
        let header = token.header().unwrap();
        assert_eq!(header, "Bearer s3cret");
        assert!(!format!("{header:?}").contains("s3cret"));
        assert_eq!(token.redact("got s3cret, s3cret"), "got ***, ***");
    }

    #[test]
    fn refuses_what_a_header_cannot_carry() {
        assert_eq!(BearerToken::new(" \t"), Err(TokenError::Blank));
        for text in ["a b", "a\nb", "tö", "a\u{7f}"] {
            assert_eq!(BearerToken::new(text), Err(TokenError::Character), "{text:?}");
        }
    }
}
