//! Parses where a graph is: a path, `file://…`, `s3://bucket/prefix` or `memory://name`. Reads nothing but the current
//! directory, and that only for a relative path.
//!
//! The rules for `file` URIs are those of RFC 8089: no host or `localhost`, an absolute path, percent-encoded. A plain path is
//! taken as it stands. Schemes are recognised in any case.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// Where a graph is. Its `Display` is the canonical text: parsing that gives the same location.
///
/// ```
/// use omnigraph_storage::objects::location::GraphLocation;
///
/// let location = GraphLocation::parse("FILE:///tmp/a%20b/")?;
/// assert_eq!(location, GraphLocation::Local("/tmp/a b".into()));
/// assert_eq!(location.to_string(), "/tmp/a b");
/// assert!(GraphLocation::parse("ftp://host/graph").is_err());
/// # Ok::<(), omnigraph_storage::objects::location::LocationError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GraphLocation {
    /// A directory: an absolute path in UTF-8, without `.` and without a slash at its end.
    Local(PathBuf),
    /// A prefix of a bucket.
    S3 {
        /// Name of the bucket.
        bucket: String,
        /// Prefix of all keys, without a slash at either end; empty for the whole bucket.
        prefix: String,
    },
    /// Memory of this process, shared by name.
    Memory(String),
}

/// Why a text is not the location of a graph. It does not repeat the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LocationError {
    /// A clause about the location, with the cure where there is one.
    pub reason: String,
}

impl GraphLocation {
    /// Parses a location; white space around it does not count.
    ///
    /// # Errors
    /// For an empty text, an unknown scheme, a `file` URI with a host or a relative path, what does not decode to UTF-8, a
    /// missing bucket or name, and a relative path where there is no current directory.
    pub fn parse(text: &str) -> Result<GraphLocation, LocationError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(refused("it is empty"));
        }
        let location = match text.split_once("://") {
            None => local(text)?,
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "file" => file(rest)?,
                "s3" => s3(rest)?,
                "memory" => memory(rest)?,
                scheme => {
                    let known = "use a local path, file://, s3:// or memory://";
                    return Err(refused(format!("unknown scheme '{scheme}'; {known}")));
                }
            },
        };
        // The canonical text of such a location would be that of another.
        match location.to_string().ends_with(char::is_whitespace) {
            true => Err(refused("it ends with white space")),
            false => Ok(location),
        }
    }
}

impl FromStr for GraphLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<GraphLocation, LocationError> {
        GraphLocation::parse(text)
    }
}

impl fmt::Display for GraphLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GraphLocation::Local(path) => path.display().fmt(f),
            GraphLocation::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            GraphLocation::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            GraphLocation::Memory(name) => write!(f, "memory://{name}"),
        }
    }
}

fn refused(reason: impl Into<String>) -> LocationError {
    LocationError { reason: reason.into() }
}

fn file(rest: &str) -> Result<GraphLocation, LocationError> {
    let path = rest.strip_prefix("localhost").filter(|path| path.starts_with('/')).unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(refused("a file URI needs an absolute path, as in file:///data/graph"));
    }
    let decoded = percent_decode_str(path).decode_utf8();
    local(&decoded.map_err(|_| refused("its path does not decode to UTF-8"))?)
}

fn s3(rest: &str) -> Result<GraphLocation, LocationError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    if bucket.is_empty() {
        return Err(refused("the bucket is missing, as in s3://bucket/prefix"));
    }
    let mut segments = prefix.split('/');
    if !prefix.is_empty() && segments.any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(refused("the prefix has an empty, '.' or '..' segment"));
    }
    Ok(GraphLocation::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
}

fn memory(rest: &str) -> Result<GraphLocation, LocationError> {
    match rest.trim_matches('/') {
        "" => Err(refused("the name is missing, as in memory://name")),
        name => Ok(GraphLocation::Memory(name.to_owned())),
    }
}

fn local(path: &str) -> Result<GraphLocation, LocationError> {
    let absolute = std::path::absolute(path).map_err(|error| {
        refused(format!("it is relative to a current directory that is not there: {error}"))
    })?;
    // Rebuilding from components drops a trailing slash, so that one directory has one name.
    let path: PathBuf = absolute.components().collect();
    match path.to_str() {
        None => Err(refused("the path is not valid UTF-8")),
        Some(text) if text.contains('\0') => Err(refused("the path has a null character")),
        Some(_) => Ok(GraphLocation::Local(path)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn s3(bucket: &str, prefix: &str) -> GraphLocation {
        GraphLocation::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() }
    }

    #[test]
    fn every_form_parses() {
        for (text, expected) in [
            ("/a/b/", GraphLocation::Local("/a/b".into())),
            (" /a/./b//c ", GraphLocation::Local("/a/b/c".into())),
            ("/x%20y", GraphLocation::Local("/x%20y".into())),
            ("file:///a/b", GraphLocation::Local("/a/b".into())),
            ("file:///tmp/a%20b", GraphLocation::Local("/tmp/a b".into())),
            ("FILE://localhost/x%20y/", GraphLocation::Local("/x y".into())),
            ("s3://bucket/x/y/", s3("bucket", "x/y")),
            ("S3://Bucket/P", s3("Bucket", "P")),
            ("s3://bucket", s3("bucket", "")),
            ("memory://m", GraphLocation::Memory("m".into())),
            ("Memory://M/", GraphLocation::Memory("M".into())),
        ] {
            assert_eq!(GraphLocation::parse(text), Ok(expected), "{text}");
        }
        let relative = GraphLocation::parse("relative");
        assert!(matches!(relative, Ok(GraphLocation::Local(path)) if path.is_absolute()));
    }

    #[test]
    fn what_cannot_be_a_root_is_refused_without_repeating_it() {
        for text in [
            "",
            "  ",
            "s3://",
            "s3:///x",
            "s3://b/../x",
            "memory://",
            "ftp://secret",
            "file://secret",
            "file://secret/x",
            "file://localhosts/x",
            "file://localhostx",
            "file:///secret%ff",
            "file:///secret%20",
            "file:///secret%00",
        ] {
            let refused = GraphLocation::parse(text).unwrap_err();
            assert!(!refused.reason.contains("secret"), "{text}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_text_names_the_same_location(
            text in "(s3://|S3://|file:///|file://localhost/|memory://|/|)[a-z%0-9 ./]{1,20}",
        ) {
            if let Ok(location) = GraphLocation::parse(&text) {
                prop_assert_eq!(GraphLocation::parse(&location.to_string()), Ok(location));
            }
        }
    }
}
