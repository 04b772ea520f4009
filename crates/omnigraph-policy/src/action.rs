//! The actions that a policy grants, what each of them is asked about, and which scope key it takes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an actor wants to do. No action implies another.
///
/// The serialized form is the snake_case name, as in policy files: `branch_create`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyAction {
    /// Queries, snapshots, schema, branches, commits, diffs, feeds, blobs, the catalog of stored queries.
    Read,
    /// Export of a branch, and the baseline of a change feed.
    Export,
    /// Mutations and loads on a branch.
    Change,
    /// Applying a schema; the target is `main`.
    SchemaApply,
    /// Creating a branch: the branch is the source, the target the new name.
    BranchCreate,
    /// Deleting a branch, which is the target.
    BranchDelete,
    /// Merging: the branch is the source, the target the destination.
    BranchMerge,
    /// Reserved for policy management; nothing asks for it.
    Admin,
    /// Listing the graphs of a server. The only action that concerns the server and not a graph.
    GraphList,
    /// Reaching any stored query of the graph; its body still needs `read` or `change`.
    InvokeQuery,
}

/// What an action is asked about; also the kind of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyResourceKind {
    /// One graph.
    Graph,
    /// The server as a whole.
    Server,
}

/// The key of a rule that narrows an action to some branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKey {
    /// Looks at the branch of a request.
    BranchScope,
    /// Looks at the target branch of a request.
    TargetBranchScope,
}

/// A text that names no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown policy action '{text}'; the actions are {}", PolicyAction::names())]
pub struct UnknownAction {
    /// The text, trimmed.
    pub text: String,
}

impl PolicyAction {
    /// Every action, in the order of the documentation.
    pub const ALL: [PolicyAction; 10] = [
        PolicyAction::Read,
        PolicyAction::Export,
        PolicyAction::Change,
        PolicyAction::SchemaApply,
        PolicyAction::BranchCreate,
        PolicyAction::BranchDelete,
        PolicyAction::BranchMerge,
        PolicyAction::Admin,
        PolicyAction::GraphList,
        PolicyAction::InvokeQuery,
    ];

    /// Returns the name used in policy files, in Cedar and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            PolicyAction::Read => "read",
            PolicyAction::Export => "export",
            PolicyAction::Change => "change",
            PolicyAction::SchemaApply => "schema_apply",
            PolicyAction::BranchCreate => "branch_create",
            PolicyAction::BranchDelete => "branch_delete",
            PolicyAction::BranchMerge => "branch_merge",
            PolicyAction::Admin => "admin",
            PolicyAction::GraphList => "graph_list",
            PolicyAction::InvokeQuery => "invoke_query",
        }
    }

    /// Returns the action with exactly this snake_case name.
    pub fn from_name(name: &str) -> Option<PolicyAction> {
        PolicyAction::ALL.into_iter().find(|action| action.as_str() == name)
    }

    /// Returns what the action is asked about.
    pub fn resource_kind(self) -> PolicyResourceKind {
        match self {
            PolicyAction::GraphList => PolicyResourceKind::Server,
            PolicyAction::Read
            | PolicyAction::Export
            | PolicyAction::Change
            | PolicyAction::SchemaApply
            | PolicyAction::BranchCreate
            | PolicyAction::BranchDelete
            | PolicyAction::BranchMerge
            | PolicyAction::Admin
            | PolicyAction::InvokeQuery => PolicyResourceKind::Graph,
        }
    }

    /// Returns the key by which a rule may narrow the action, if there is one.
    pub fn scope_key(self) -> Option<ScopeKey> {
        match self {
            PolicyAction::Read | PolicyAction::Export | PolicyAction::Change => Some(ScopeKey::BranchScope),
            PolicyAction::SchemaApply
            | PolicyAction::BranchCreate
            | PolicyAction::BranchDelete
            | PolicyAction::BranchMerge => Some(ScopeKey::TargetBranchScope),
            PolicyAction::Admin | PolicyAction::GraphList | PolicyAction::InvokeQuery => None,
        }
    }

    /// Returns all names, separated by commas.
    pub(crate) fn names() -> String {
        PolicyAction::ALL.map(PolicyAction::as_str).join(", ")
    }
}

impl fmt::Display for PolicyAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads a name as it is typed on a command line: trimmed, in snake_case (`branch_create`) or in kebab-case
/// (`branch-create`). Policy files are stricter: see [`PolicyAction::from_name`].
impl FromStr for PolicyAction {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<PolicyAction, UnknownAction> {
        let text = text.trim();
        PolicyAction::ALL
            .into_iter()
            .find(|action| action.as_str() == text || action.as_str().replace('_', "-") == text)
            .ok_or_else(|| UnknownAction { text: text.to_owned() })
    }
}

impl PolicyResourceKind {
    /// Returns `graph` or `server`.
    pub fn as_str(self) -> &'static str {
        match self {
            PolicyResourceKind::Graph => "graph",
            PolicyResourceKind::Server => "server",
        }
    }
}

impl fmt::Display for PolicyResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ScopeKey {
    /// Returns the key as it is written in a policy file.
    pub fn as_str(self) -> &'static str {
        match self {
            ScopeKey::BranchScope => "branch_scope",
            ScopeKey::TargetBranchScope => "target_branch_scope",
        }
    }
}

impl fmt::Display for ScopeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_listed_with_its_resource_and_its_scope_key() {
        use PolicyResourceKind::{Graph, Server};
        use ScopeKey::{BranchScope, TargetBranchScope};
        let table = [
            ("read", Graph, Some(BranchScope)),
            ("export", Graph, Some(BranchScope)),
            ("change", Graph, Some(BranchScope)),
            ("schema_apply", Graph, Some(TargetBranchScope)),
            ("branch_create", Graph, Some(TargetBranchScope)),
            ("branch_delete", Graph, Some(TargetBranchScope)),
            ("branch_merge", Graph, Some(TargetBranchScope)),
            ("admin", Graph, None),
            ("graph_list", Server, None),
            ("invoke_query", Graph, None),
        ];
        let found = PolicyAction::ALL.map(|a| (a.as_str(), a.resource_kind(), a.scope_key()));
        assert_eq!(found, table);
    }

    #[test]
    fn a_command_line_name_is_trimmed_and_may_be_kebab_case() {
        for action in PolicyAction::ALL {
            assert_eq!(format!(" {action}\n").parse(), Ok(action));
            assert_eq!(action.as_str().replace('_', "-").parse(), Ok(action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
            assert_eq!(serde_json::from_str::<PolicyAction>(&format!("\"{action}\"")).unwrap(), action);
        }
    }

    #[test]
    fn an_unknown_name_is_quoted_in_the_error() {
        let error = " Read ".parse::<PolicyAction>().unwrap_err();
        assert!(error.to_string().starts_with("unknown policy action 'Read'"), "{error}");
        assert_eq!(PolicyAction::from_name("branch-create"), None);
    }
}
