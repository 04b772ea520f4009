//! Names of types that may be misspelt: a filter by a name that no type has would silently let nothing through.

use std::collections::BTreeSet;

use omnigraph_api::{EntityChangeOutput, ErrorReply, SnapshotOutput};
use omnigraph_compiler::diagnostics::closest;

use crate::failure::Failure;

/// Returns the names of the types of a branch.
pub(super) fn of(branch: &SnapshotOutput) -> Vec<&str> {
    branch.datasets.iter().map(|dataset| dataset.type_name.as_str()).collect()
}

/// Refuses the first name that is not known, in the words of servers.
pub(super) fn check(names: &[String], known: &[&str]) -> Result<(), Failure> {
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Failure::Usage {
            message: ErrorReply::unknown_type(name).into_parts().1.error,
            hint: closest(name, known.iter().copied()).map(|near| format!("did you mean '{near}'?")),
        }),
    }
}

/// Warns about names that are not known at a place. They are not refused: history may have types that are gone.
pub(super) fn warn<'a>(names: impl IntoIterator<Item = &'a str>, known: &[&str], place: &str) {
    for name in names.into_iter().filter(|name| !known.contains(name)) {
        let near = closest(name, known.iter().copied());
        let near = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
        eprintln!("warning: no type of {place} is called '{name}'{near}");
    }
}

/// Names that changes are filtered by, and that no change has had so far.
pub(super) struct Unseen<'a>(BTreeSet<&'a str>);

impl<'a> Unseen<'a> {
    pub(super) fn of(names: &'a [String]) -> Unseen<'a> {
        Unseen(names.iter().map(String::as_str).collect())
    }

    /// Takes away the types of these changes.
    pub(super) fn see(&mut self, changes: &[EntityChangeOutput]) {
        for change in changes {
            self.0.remove(change.entity_type.name.as_str());
        }
    }

    /// Tells whether there is any.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Warns about those that no type of the branch has.
    pub(super) fn warn(&self, branch: &SnapshotOutput) {
        warn(self.0.iter().copied(), &of(branch), &format!("branch '{}'", branch.graph_branch));
    }
}
