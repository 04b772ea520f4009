//! Parses the URI of a root. Pure.

use std::path::PathBuf;

use crate::error::{Result, StorageError};

/// Where a root lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A directory, as an absolute path.
    Local(PathBuf),
    /// A prefix of a bucket; the prefix has no slash at either end and may be empty.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Key prefix.
        prefix: String,
    },
    /// A store of this process, shared by name.
    Memory(String),
}

impl Location {
    /// Parses a plain local path, `file://…`, `s3://bucket/prefix` or `memory://name`.
    ///
    /// # Errors
    /// `bad_request` for an empty URI, another scheme, or a missing bucket or name.
    pub(crate) fn parse(uri: &str) -> Result<Location> {
        let refuse = |reason: &str| StorageError::bad_request(format!("invalid graph URI '{uri}': {reason}"));
        let uri = uri.trim();
        if uri.is_empty() {
            return Err(refuse("it is empty"));
        }
        match uri.split_once("://") {
            None => Ok(Location::Local(absolute(uri)?)),
            Some(("file", rest)) => {
                let path = rest.strip_prefix("localhost").unwrap_or(rest);
                if !path.starts_with('/') {
                    return Err(refuse("a file URI needs an absolute path, as in file:///data/graph"));
                }
                Ok(Location::Local(absolute(path)?))
            }
            Some(("s3", rest)) => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let prefix = prefix.trim_matches('/');
                if bucket.is_empty() {
                    return Err(refuse("the bucket is missing, as in s3://bucket/prefix"));
                }
                if prefix
                    .split('/')
                    .any(|part| matches!(part, "." | "..") || (part.is_empty() && !prefix.is_empty()))
                {
                    return Err(refuse("the prefix has an empty, '.' or '..' segment"));
                }
                Ok(Location::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
            }
            Some(("memory", name)) => {
                let name = name.trim_matches('/');
                if name.is_empty() {
                    return Err(refuse("the name is missing, as in memory://name"));
                }
                Ok(Location::Memory(name.to_owned()))
            }
            Some((scheme, _)) => Err(refuse(&format!(
                "unknown scheme '{scheme}'; use a local path, file://, s3:// or memory://"
            ))),
        }
    }

    /// Returns the canonical text of the location.
    pub(crate) fn text(&self) -> String {
        match self {
            Location::Local(path) => path.to_string_lossy().into_owned(),
            Location::S3 { bucket, prefix } if prefix.is_empty() => format!("s3://{bucket}"),
            Location::S3 { bucket, prefix } => format!("s3://{bucket}/{prefix}"),
            Location::Memory(name) => format!("memory://{name}"),
        }
    }
}

fn absolute(path: &str) -> Result<PathBuf> {
    let path =
        std::path::absolute(path).map_err(|error| StorageError::io(format!("resolving '{path}'"), error))?;
    // Rebuilding from components drops a trailing slash, so that one directory has one name.
    Ok(path.components().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_parses() {
        assert_eq!(Location::parse("/a/b/").unwrap(), Location::Local("/a/b".into()));
        assert_eq!(Location::parse("file:///a/b").unwrap(), Location::Local("/a/b".into()));
        assert_eq!(
            Location::parse("s3://bucket/x/y/").unwrap(),
            Location::S3 { bucket: "bucket".into(), prefix: "x/y".into() }
        );
        assert_eq!(Location::parse("s3://bucket").unwrap().text(), "s3://bucket");
        assert_eq!(Location::parse("memory://m").unwrap(), Location::Memory("m".into()));
        assert!(matches!(Location::parse("relative").unwrap(), Location::Local(path) if path.is_absolute()));
    }

    #[test]
    fn what_cannot_be_a_root_is_refused() {
        for uri in ["", "  ", "s3://", "s3:///x", "s3://b/../x", "memory://", "ftp://x", "file://relative"] {
            assert!(Location::parse(uri).is_err(), "{uri}");
        }
    }
}
