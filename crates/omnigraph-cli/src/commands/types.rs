//! Names of types that may be misspelt: a filter by a name that no type has would silently let nothing through.

use std::collections::BTreeSet;

use omnigraph_api::{EntityChangeOutput, ErrorReply, SnapshotOutput};
use omnigraph_compiler::diagnostics::closest;

use crate::failure::Failure;

/// Refuses the first name that no type of the branch has, in the words of servers.
pub(super) fn check(names: &[String], branch: &SnapshotOutput) -> Result<(), Failure> {
    match names.iter().find(|name| !has(branch, name)) {
        None => Ok(()),
        Some(name) => Err(Failure::Usage {
            message: ErrorReply::unknown_type(name).into_parts().1.error,
            hint: near(branch, name).map(|near| format!("did you mean '{near}'?")),
        }),
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

    /// Warns about those that no type of the branch has. They are not refused: history may have types that are gone.
    pub(super) fn warn(&self, branch: &SnapshotOutput) {
        for name in self.0.iter().filter(|name| !has(branch, name)) {
            let near = near(branch, name).map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
            eprintln!("warning: no type of branch '{}' is called '{name}'{near}", branch.graph_branch);
        }
    }
}

fn has(branch: &SnapshotOutput, name: &str) -> bool {
    branch.datasets.iter().any(|dataset| dataset.type_name == name)
}

fn near<'a>(branch: &'a SnapshotOutput, name: &str) -> Option<&'a str> {
    closest(name, branch.datasets.iter().map(|dataset| dataset.type_name.as_str()))
}
