//! The operator directory: where it is, and the paths of its files.

use std::path::{Path, PathBuf};

use super::env::{Env, set};

/// The directory with the operator's configuration and credentials. It need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorDir(PathBuf);

impl OperatorDir {
    /// Takes a directory.
    pub fn new(path: impl Into<PathBuf>) -> OperatorDir {
        OperatorDir(path.into())
    }

    /// Finds the directory: `$OMNIGRAPH_HOME`, where a leading `~` is the home directory, else `~/.omnigraph`; `None`
    /// when neither is known.
    pub fn find(env: &dyn Env) -> Option<OperatorDir> {
        let home = || set(env, "HOME").or_else(|| set(env, "USERPROFILE")).map(PathBuf::from);
        let Some(given) = set(env, "OMNIGRAPH_HOME") else {
            return home().map(|home| OperatorDir(home.join(".omnigraph")));
        };
        let below_home = match given.strip_prefix('~') {
            Some("") => Some(""),
            Some(rest) => rest.strip_prefix(['/', std::path::MAIN_SEPARATOR]),
            None => None,
        };
        match below_home {
            Some(rest) => home().map(|home| OperatorDir(home.join(rest))),
            None => Some(OperatorDir(given.into())),
        }
    }

    /// Returns the directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of the configuration.
    pub fn config_path(&self) -> PathBuf {
        self.0.join("config.yaml")
    }

    /// Returns the path of the credentials.
    pub fn credentials_path(&self) -> PathBuf {
        self.0.join("credentials")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(given: Option<&str>, home: Option<&str>) -> Option<String> {
        let env = |name: &str| match name {
            "OMNIGRAPH_HOME" => given.map(str::to_owned),
            "HOME" => home.map(str::to_owned),
            _ => None,
        };
        OperatorDir::find(&env).map(|dir| dir.path().display().to_string())
    }

    #[test]
    fn the_variable_wins_and_a_tilde_is_home() {
        let found = |text: &str| Some(text.to_owned());
        assert_eq!(find(Some("/cfg"), Some("/h")), found("/cfg"));
        assert_eq!(find(Some("~/x"), Some("/h")), found("/h/x"));
        assert_eq!(find(Some("~"), Some("/h")), found("/h/"));
        assert_eq!(find(Some("~ada"), Some("/h")), found("~ada"));
        for unset in [None, Some(""), Some(" ")] {
            assert_eq!(find(unset, Some("/h")), found("/h/.omnigraph"));
        }
        assert_eq!(find(None, None), None);
        assert_eq!(find(Some("~/x"), None), None);
    }
}
