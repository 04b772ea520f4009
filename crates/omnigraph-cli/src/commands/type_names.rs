//! Checks of the type names in filters. A filter by a misspelt name would match nothing without saying why.

use std::collections::BTreeSet;

use omnigraph_api::{EntityChangeOutput, ErrorReply, SnapshotOutput};
use omnigraph_compiler::diagnostics::closest;

use crate::failure::Failure;

/// Returns the names of the types of a branch.
pub(super) fn of(branch: &SnapshotOutput) -> Vec<&str> {
    branch.datasets.iter().map(|dataset| dataset.type_name.as_str()).collect()
}

/// Refuses the first name that is not known, with the text of servers.
pub(super) fn check(names: &[String], known: &[&str]) -> Result<(), Failure> {
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Failure::Usage {
            message: ErrorReply::unknown_type(name).into_parts().1.error,
            hint: closest(name, known.iter().copied()).map(|near| format!("did you mean '{near}'?")),
        }),
    }
}

/// Warns about names that are not known in `scope`, such as a branch. They are not refused: history may have types
/// that the schema has dropped.
pub(super) fn warn<'a>(names: impl IntoIterator<Item = &'a str>, known: &[&str], scope: &str) {
    for name in names.into_iter().filter(|name| !known.contains(name)) {
        let near = closest(name, known.iter().copied());
        let near = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
        eprintln!("warning: no type of {scope} is called '{name}'{near}");
    }
}

/// Type names of a filter that no change has matched so far.
pub(super) struct UnseenNames<'a>(BTreeSet<&'a str>);

impl<'a> UnseenNames<'a> {
    pub(super) fn of(names: &'a [String]) -> UnseenNames<'a> {
        UnseenNames(names.iter().map(String::as_str).collect())
    }

    /// Removes the names that these changes have.
    pub(super) fn remove_seen(&mut self, changes: &[EntityChangeOutput]) {
        for change in changes {
            self.0.remove(change.entity_type.name.as_str());
        }
    }

    /// Tells whether every name was matched.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Warns about the names that no type of the branch has.
    pub(super) fn warn(&self, branch: &SnapshotOutput) {
        warn(self.0.iter().copied(), &of(branch), &format!("branch '{}'", branch.graph_branch));
    }
}
