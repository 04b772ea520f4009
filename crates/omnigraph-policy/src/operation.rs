//! The actions that an operation needs, and the branches they are on.
//!
//! Servers and graph handles take them from here, so both ask for the same.

use crate::action::PolicyAction;
use crate::request::{PolicyRequest, ResourceScope};

/// The branch that is meant where none is named.
const MAIN: &str = "main";

/// What an operation on a graph or a server does, with the branches it resolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// Reads the content of a branch: queries, snapshots, blobs, the change feed, the commits of a branch.
    /// A read of a snapshot names the branch its commit belongs to. None is `main`.
    Read {
        /// The branch.
        branch: Option<&'a str>,
    },
    /// Reads what belongs to no branch: the schema, the list of branches, a commit by id.
    ReadGraph,
    /// Exports a branch, or captures a baseline of its changes. None is `main`.
    Export {
        /// The branch.
        branch: Option<&'a str>,
    },
    /// Mutates or loads into a branch. None is `main`.
    Change {
        /// The branch.
        branch: Option<&'a str>,
    },
    /// Loads into a branch that the load makes.
    ForkingLoad {
        /// Where the new branch starts. None is `main`.
        source: Option<&'a str>,
        /// The new branch.
        branch: &'a str,
    },
    /// Applies a schema to a branch.
    SchemaApply {
        /// The branch whose schema changes.
        branch: &'a str,
    },
    /// Creates a branch.
    BranchCreate {
        /// Where it starts; none if the caller is bound to it. A snapshot is given as `<snapshot>`.
        source: Option<&'a str>,
        /// Its name.
        name: &'a str,
    },
    /// Deletes a branch.
    BranchDelete {
        /// Its name.
        name: &'a str,
    },
    /// Merges one branch into another.
    BranchMerge {
        /// What is merged.
        source: &'a str,
        /// Into what.
        target: &'a str,
    },
    /// Reaches a stored query. Its body is then a [`Operation::Read`] or a [`Operation::Change`].
    InvokeQuery,
    /// Lists the graphs of the server.
    GraphList,
}

impl Operation<'_> {
    /// Returns what must be allowed, in the order of asking. All of them must be.
    pub fn questions(&self) -> Vec<(PolicyAction, ResourceScope)> {
        let on = |branch: Option<&str>| ResourceScope::Branch(branch.unwrap_or(MAIN).to_owned());
        let target = |name: &str| ResourceScope::TargetBranch(name.to_owned());
        let transition = |source: &str, target: &str| ResourceScope::BranchTransition {
            source: source.to_owned(),
            target: target.to_owned(),
        };
        match *self {
            Operation::Read { branch } => vec![(PolicyAction::Read, on(branch))],
            Operation::ReadGraph => vec![(PolicyAction::Read, ResourceScope::Graph)],
            Operation::Export { branch } => vec![(PolicyAction::Export, on(branch))],
            Operation::Change { branch } => vec![(PolicyAction::Change, on(branch))],
            Operation::ForkingLoad { source, branch } => vec![
                (PolicyAction::BranchCreate, transition(source.unwrap_or(MAIN), branch)),
                (PolicyAction::Change, on(Some(branch))),
            ],
            Operation::SchemaApply { branch } => vec![(PolicyAction::SchemaApply, target(branch))],
            Operation::BranchCreate { source: None, name } => {
                vec![(PolicyAction::BranchCreate, target(name))]
            }
            Operation::BranchCreate { source: Some(source), name } => {
                vec![(PolicyAction::BranchCreate, transition(source, name))]
            }
            Operation::BranchDelete { name } => vec![(PolicyAction::BranchDelete, target(name))],
            Operation::BranchMerge { source, target } => {
                vec![(PolicyAction::BranchMerge, transition(source, target))]
            }
            Operation::InvokeQuery => vec![(PolicyAction::InvokeQuery, ResourceScope::Graph)],
            Operation::GraphList => vec![(PolicyAction::GraphList, ResourceScope::Graph)],
        }
    }

    /// Returns the same as requests to a bundle.
    pub fn requests(&self) -> Vec<PolicyRequest> {
        self.questions().iter().map(|(action, scope)| PolicyRequest::in_scope(*action, scope)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_ask_the_documented_questions() {
        let merge = Operation::BranchMerge { source: "d", target: "main" };
        let table: &[(Operation<'_>, &str)] = &[
            (Operation::Read { branch: None }, "read(main; -)"),
            (Operation::Read { branch: Some("d") }, "read(d; -)"),
            (Operation::ReadGraph, "read(-; -)"),
            (Operation::Export { branch: None }, "export(main; -)"),
            (Operation::Change { branch: Some("d") }, "change(d; -)"),
            (Operation::ForkingLoad { source: None, branch: "d" }, "branch_create(main; d) change(d; -)"),
            (Operation::SchemaApply { branch: "main" }, "schema_apply(-; main)"),
            (Operation::BranchCreate { source: None, name: "d" }, "branch_create(-; d)"),
            (Operation::BranchCreate { source: Some("s"), name: "d" }, "branch_create(s; d)"),
            (Operation::BranchDelete { name: "d" }, "branch_delete(-; d)"),
            (merge, "branch_merge(d; main)"),
            (Operation::InvokeQuery, "invoke_query(-; -)"),
            (Operation::GraphList, "graph_list(-; -)"),
        ];
        for (operation, expected) in table {
            let requests = operation.requests();
            let shown = requests.iter().map(|r| {
                let name = |branch: &Option<String>| branch.clone().unwrap_or("-".into());
                format!("{}({}; {})", r.action, name(&r.branch), name(&r.target_branch))
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), *expected);
        }
    }
}
