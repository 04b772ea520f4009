//! URIs of bytes outside the graph: `s3://bucket/key` and `file:///path`, compared by components, never by prefix.

use std::fmt::Write as _;

/// Longest URI, in bytes.
const LONGEST: usize = 65_536;

/// Where bytes outside the graph are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scheme {
    /// The local file system.
    File,
    /// A bucket.
    S3,
}

/// A URI in normal form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlobUri {
    scheme: Scheme,
    /// The bucket; empty for files.
    bucket: String,
    /// Decoded components of the path.
    components: Vec<String>,
}

/// Why a text is no such URI. Displays without the text, which may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UriError {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {LONGEST} bytes")]
    Long,
    #[error("it contains white space, a backslash or a control character")]
    Characters,
    #[error("it is not s3://bucket/key or file:///path")]
    Form,
    #[error("it contains user information, a port, a query or a fragment")]
    Parts,
    #[error("a component of its path is '.', '..' or empty")]
    Component,
    #[error("it contains an incomplete or forbidden percent escape")]
    Escape,
}

impl BlobUri {
    /// Parses the URI of an object.
    pub(crate) fn object(text: &str) -> Result<BlobUri, UriError> {
        let uri = BlobUri::parse(text)?;
        if uri.components.is_empty() || text.ends_with('/') {
            return Err(UriError::Component);
        }
        Ok(uri)
    }

    /// Parses a base: the directory or prefix below which objects may be referenced.
    pub(crate) fn base(text: &str) -> Result<BlobUri, UriError> {
        BlobUri::parse(text)
    }

    fn parse(text: &str) -> Result<BlobUri, UriError> {
        if text.is_empty() {
            return Err(UriError::Empty);
        }
        if text.len() > LONGEST {
            return Err(UriError::Long);
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(UriError::Characters);
        }
        if text.contains(['?', '#']) {
            return Err(UriError::Parts);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UriError::Form)?;
        let (authority, path) = rest.split_once('/').ok_or(UriError::Form)?;
        if authority.contains(['@', ':']) {
            return Err(UriError::Parts);
        }
        let (scheme, bucket) = match (scheme.to_ascii_lowercase().as_str(), authority) {
            ("s3", "") => return Err(UriError::Form),
            ("s3", bucket) => (Scheme::S3, bucket.to_ascii_lowercase()),
            ("file", "") => (Scheme::File, String::new()),
            _ => return Err(UriError::Form),
        };
        let path = path.strip_suffix('/').unwrap_or(path);
        let components = match path {
            "" => Vec::new(),
            path => path.split('/').map(decode).collect::<Result<_, _>>()?,
        };
        Ok(BlobUri { scheme, bucket, components })
    }

    /// Returns the scheme.
    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the bucket.
    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the path without a leading slash.
    pub(crate) fn path(&self) -> String {
        self.components.join("/")
    }

    /// Tells whether this is strictly below a base.
    pub(crate) fn is_below(&self, base: &BlobUri) -> bool {
        self != base && self.is_within(base)
    }

    /// Tells whether this is a base or below it.
    pub(crate) fn is_within(&self, base: &BlobUri) -> bool {
        (self.scheme, &self.bucket) == (base.scheme, &base.bucket)
            && self.components.starts_with(&base.components)
    }

    /// Returns the normal form, with a slash at the end.
    pub(crate) fn as_base(&self) -> String {
        let mut text = match self.scheme {
            Scheme::S3 => format!("s3://{}/", self.bucket),
            Scheme::File => "file:///".to_owned(),
        };
        for component in &self.components {
            for byte in component.bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    text.push(char::from(byte));
                } else {
                    let _ = write!(text, "%{byte:02X}");
                }
            }
            text.push('/');
        }
        text
    }
}

fn decode(component: &str) -> Result<String, UriError> {
    let mut bytes = Vec::with_capacity(component.len());
    let mut rest = component.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let [high, low, after @ ..] = after else { return Err(UriError::Escape) };
            let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(UriError::Escape);
            let byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).map_err(|_| UriError::Escape)?;
            if matches!(byte, b'/' | b'\\' | b'%' | 0) {
                return Err(UriError::Escape);
            }
            bytes.push(byte);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| UriError::Escape)?;
    match text.as_str() {
        "" | "." | ".." => Err(UriError::Component),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_have_one_normal_form() {
        for (text, normal) in [
            ("S3://Acme-Assets/kb", "s3://acme-assets/kb/"),
            ("s3://b/", "s3://b/"),
            ("file:///a%20b/c/", "file:///a%20b/c/"),
            ("s3://b/%7Eme/%61", "s3://b/~me/a/"),
        ] {
            assert_eq!(BlobUri::base(text).unwrap().as_base(), normal);
        }
    }

    #[test]
    fn what_is_below_a_base_is_decided_by_components() {
        let base = BlobUri::base("s3://a/kb").unwrap();
        let below = |text| BlobUri::object(text).unwrap().is_below(&base);
        assert!(below("s3://a/kb/x") && below("S3://A/kb/img/x.png") && below("s3://a/%6Bb/x"));
        assert!(
            !below("s3://a/kb2/x") && !below("s3://a/kb") && !below("s3://b/kb/x") && !below("file:///kb/x")
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, error) in [
            ("", UriError::Empty),
            ("s3://b/a b", UriError::Characters),
            (" s3://b/a", UriError::Characters),
            ("s3://b\\a", UriError::Characters),
            ("https://b/a", UriError::Form),
            ("file://host/a", UriError::Form),
            ("s3:///a", UriError::Form),
            ("s3://b", UriError::Form),
            ("a/b", UriError::Form),
            ("s3://me:secret@b/a", UriError::Parts),
            ("s3://b:80/a", UriError::Parts),
            ("s3://b/a?x", UriError::Parts),
            ("s3://b/a#x", UriError::Parts),
            ("s3://b/../a", UriError::Component),
            ("s3://b/%2e%2E/a", UriError::Component),
            ("s3://b//a", UriError::Component),
            ("s3://b/a/", UriError::Component),
            ("s3://b/a%2Fb", UriError::Escape),
            ("s3://b/a%2", UriError::Escape),
            ("s3://b/a%zz", UriError::Escape),
        ] {
            assert_eq!(BlobUri::object(text), Err(error), "{text}");
        }
        assert_eq!(BlobUri::object(&format!("s3://b/{}", "a".repeat(LONGEST))), Err(UriError::Long));
    }
}
