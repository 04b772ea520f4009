//! The bearer token in the header `Authorization`.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// Returns the token of the first `Authorization` header, byte for byte, if its scheme is `Bearer` in any case followed
/// by one blank. `None` for no header, another scheme, or a value that is not visible ASCII.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn token(value: &[u8]) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        bearer_token(&headers).map(str::to_owned)
    }

    #[test]
    fn what_follows_the_scheme_is_the_token() {
        assert_eq!(token(b"Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token(b"bEARER abc").as_deref(), Some("abc"));
        assert_eq!(token(b"Bearer  a b ").as_deref(), Some(" a b "));
        assert_eq!(token(b"Bearer ").as_deref(), Some(""));
    }

    #[test]
    fn anything_else_is_no_token() {
        for value in
            [&b"Bearer"[..], b"Basic YTpi", b"abc", b" Bearer abc", b"Bearer\tabc", b"Bearer caf\xe9", b""]
        {
            assert_eq!(token(value), None, "{value:?}");
        }
        assert_eq!(bearer_token(&HeaderMap::new()), None);
    }

    #[test]
    fn only_the_first_header_counts() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic x"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer y"));
        assert_eq!(bearer_token(&headers), None);
    }
}
