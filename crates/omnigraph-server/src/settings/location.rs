//! Locations of graphs: relative paths resolve against the folder of the config file, URLs of servers are refused, and two
//! locations are known to be one even where links hide that. The rest is the engine's [`GraphLocation`].

use std::fmt;
use std::path::{Component, Path, PathBuf};

use omnigraph::{GraphLocation, LocationError};

use super::SettingsError;

/// Normalised location of a graph: the canonical text of a [`GraphLocation`].
///
/// `.` components go; `..` stay, because only the file system knows where a link leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GraphUri(String);

impl GraphUri {
    /// Normalises a location. Relative paths resolve against `base`, which is absolute.
    ///
    /// # Errors
    /// [`SettingsError::Location`] for a blank text, a URL of a server, and what [`GraphLocation::parse`] refuses.
    pub fn normalise(text: &str, base: &Path) -> Result<Self, SettingsError> {
        let refuse =
            |problem: &str| SettingsError::Location { uri: text.to_owned(), problem: problem.to_owned() };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(refuse("is blank; give a path, file://… or s3://bucket/prefix"));
        }
        let scheme = trimmed.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let location = match scheme.as_deref() {
            Some("http" | "https") => {
                return Err(refuse("is a URL of a server; give the storage of the graph"));
            }
            Some(_) => GraphLocation::parse(trimmed),
            None => match base.join(trimmed).to_str() {
                Some(path) => GraphLocation::parse(path),
                None => return Err(refuse("is below a folder whose name is not UTF-8")),
            },
        };
        match location {
            Ok(location) => Ok(Self(location.to_string())),
            Err(LocationError { reason }) => Err(refuse(&format!("cannot be used: {reason}"))),
        }
    }

    /// Returns the location as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what tells two locations apart: for a path on this machine, the path with links resolved as far as it exists.
    pub fn identity(&self) -> String {
        if self.0.contains("://") {
            return self.0.clone();
        }
        let path = Path::new(&self.0);
        for ancestor in path.ancestors() {
            if let Ok(resolved) = ancestor.canonicalize() {
                let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
                return lexical(&resolved.join(rest)).to_string_lossy().into_owned();
            }
        }
        lexical(path).to_string_lossy().into_owned()
    }
}

impl fmt::Display for GraphUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Resolves `..` by the text alone.
fn lexical(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                resolved.pop();
            }
            other => resolved.push(other),
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(text: &str) -> String {
        GraphUri::normalise(text, Path::new("/base")).unwrap().0
    }

    #[test]
    fn every_location_has_one_spelling() {
        for (text, expected) in [
            ("g.omni", "/base/g.omni"),
            ("./g.omni/", "/base/g.omni"),
            ("a/./b//c", "/base/a/b/c"),
            ("/x/y///", "/x/y"),
            ("/", "/"),
            ("file:///x/y/", "/x/y"),
            ("file://localhost/x", "/x"),
            ("FILE:///x%20y", "/x y"),
            ("Memory://m/", "memory://m"),
            ("s3://bucket/prefix//", "s3://bucket/prefix"),
            ("S3://Bucket/P", "s3://Bucket/P"),
            (" /x ", "/x"),
            ("../up", "/base/../up"),
        ] {
            assert_eq!(normal(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_storage_is_refused() {
        for text in [
            "",
            "  ",
            "http://h/g",
            "https://h",
            "file://host/x",
            "file://x",
            "file://localhostx",
            "ftp://host/x",
            "s3://",
            "s3:///",
            "file:///%ff",
        ] {
            let error = GraphUri::normalise(text, Path::new("/base")).unwrap_err();
            assert!(matches!(error, SettingsError::Location { .. }), "{text}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_and_parents_do_not_hide_that_two_locations_are_one() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("link")).unwrap();
        let identity = |text: &str| GraphUri::normalise(text, dir.path()).unwrap().identity();
        assert_eq!(identity("real/g"), identity("link/g"));
        assert_eq!(identity("real/g"), identity("other/../real/g"));
        assert_ne!(identity("real/g"), identity("real/h"));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "(s3://|file:///|/|)[a-z./]{1,20}") {
            if let Ok(once) = GraphUri::normalise(&text, Path::new("/base")) {
                let twice = GraphUri::normalise(once.as_str(), Path::new("/base")).unwrap();
                prop_assert_eq!(once, twice);
            }
        }
    }
}
