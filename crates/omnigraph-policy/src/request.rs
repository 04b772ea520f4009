//! Requests to a policy, decisions, and why there may be none.

use serde::Serialize;

use crate::action::PolicyAction;

/// What someone wants to do, without who: identity and request travel apart, so that no part of a request can
/// reach the identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyRequest {
    /// The action.
    pub action: PolicyAction,
    /// The branch it works on or starts from, if it names one. Trimmed before it is judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The branch it makes, removes or changes as a target, if it names one. Trimmed before it is judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_branch: Option<String>,
}

/// The part of a graph an operation touches. Servers and graph handles use it, and so ask for the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceScope {
    /// The graph, or for a server-scoped action the server: no branch, no target.
    Graph,
    /// One branch.
    Branch(String),
    /// One target branch.
    TargetBranch(String),
    /// From one branch to another.
    BranchTransition {
        /// The branch it starts from.
        source: String,
        /// The branch it ends in.
        target: String,
    },
}

impl PolicyRequest {
    /// Makes a request without branch and target.
    pub fn new(action: PolicyAction) -> PolicyRequest {
        PolicyRequest { action, branch: None, target_branch: None }
    }

    /// Makes the request that an action in a scope amounts to.
    pub fn in_scope(action: PolicyAction, scope: &ResourceScope) -> PolicyRequest {
        let (branch, target_branch) = scope.branches();
        PolicyRequest {
            action,
            branch: branch.map(str::to_owned),
            target_branch: target_branch.map(str::to_owned),
        }
    }

    /// Sets the branch.
    pub fn on_branch(mut self, branch: impl Into<String>) -> PolicyRequest {
        self.branch = Some(branch.into());
        self
    }

    /// Sets the target branch.
    pub fn targeting(mut self, target_branch: impl Into<String>) -> PolicyRequest {
        self.target_branch = Some(target_branch.into());
        self
    }
}

impl ResourceScope {
    /// Returns the pair of branch and target branch.
    pub fn branches(&self) -> (Option<&str>, Option<&str>) {
        match self {
            ResourceScope::Graph => (None, None),
            ResourceScope::Branch(branch) => (Some(branch), None),
            ResourceScope::TargetBranch(target) => (None, Some(target)),
            ResourceScope::BranchTransition { source, target } => (Some(source), Some(target)),
        }
    }
}

/// The answer to one request.
///
/// Serialized as `{"allowed", "matched_rule_id"?, "message"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyDecision {
    /// Whether a rule allows the request.
    pub allowed: bool,
    /// Of the rules that allow it, the one with the smallest id in byte order; absent on a denial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched_rule_id: Option<String>,
    /// The decision in words, fit to be shown to the actor: it names action, branches and actor, never a rule.
    pub message: String,
}

/// Why an action may not go ahead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The policy decided against it.
    #[error("policy denied: {0}")]
    Denied(String),
    /// The policy could not be asked. This is a failure, never a decision.
    #[error("policy evaluation failed: {0}")]
    Internal(String),
}

impl PolicyError {
    /// Tells whether this is a decision, and not the lack of one.
    pub fn is_denial(&self) -> bool {
        matches!(self, PolicyError::Denied(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_lowers_to_a_pair_of_branches() {
        let transition = ResourceScope::BranchTransition { source: "a".into(), target: "b".into() };
        let table = [
            (ResourceScope::Graph, None, None),
            (ResourceScope::Branch("a".into()), Some("a"), None),
            (ResourceScope::TargetBranch("b".into()), None, Some("b")),
            (transition, Some("a"), Some("b")),
        ];
        for (scope, branch, target) in table {
            let request = PolicyRequest::in_scope(PolicyAction::BranchMerge, &scope);
            assert_eq!((request.branch.as_deref(), request.target_branch.as_deref()), (branch, target));
        }
    }

    #[test]
    fn a_decision_has_the_documented_json() {
        let decision =
            PolicyDecision { allowed: true, matched_rule_id: Some("r".into()), message: "m".into() };
        let json = serde_json::json!({"allowed": true, "matched_rule_id": "r", "message": "m"});
        assert_eq!(serde_json::to_value(&decision).unwrap(), json);
        let denied = PolicyDecision { allowed: false, matched_rule_id: None, ..decision };
        let json = serde_json::json!({"allowed": false, "message": "m"});
        assert_eq!(serde_json::to_value(denied).unwrap(), json);
    }

    #[test]
    fn errors_say_whether_it_was_a_decision() {
        assert_eq!(PolicyError::Denied("x".into()).to_string(), "policy denied: x");
        assert_eq!(PolicyError::Internal("x".into()).to_string(), "policy evaluation failed: x");
    }
}
