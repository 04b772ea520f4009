//! Explanations of decisions for operators: the rules that grant a request, and on a denial those that grant it on other
//! branches.

use std::fmt;

use serde::Serialize;

use crate::action::PolicyAction;
use crate::config::{PolicyConfig, PolicyScope};
use crate::engine::PolicyEngine;
use crate::request::{PolicyError, PolicyRequest};

/// A decision with its reasons. Tells of rules and groups, so it is for operators and not for the actor.
///
/// Displays as lines `decision:`, `actor:`, `action:`, `branch:`?, `target_branch:`?, `matched_rule:`?,
/// `message:`. [`PolicyExplanation::reasons`] has the reasons in words. Serializes with all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyExplanation {
    /// `allow` or `deny`.
    pub decision: PolicyEffect,
    /// Who asked.
    pub actor: String,
    /// The groups of the actor, sorted; none makes it unknown to the bundle.
    pub groups: Vec<String>,
    /// For what.
    pub action: PolicyAction,
    /// The branch, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The target branch, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_branch: Option<String>,
    /// The rule that a decision names: of the granting rules the smallest id. Absent on a denial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched_rule: Option<String>,
    /// All rules that grant the request, by id.
    pub granted_by: Vec<RuleReason>,
    /// On a denial: the rules that grant the action to a group of the actor, but only on other branches.
    pub near_misses: Vec<RuleReason>,
    /// The message of the decision.
    pub message: String,
}

/// A rule that bears on a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleReason {
    /// Id of the rule.
    pub rule: String,
    /// The group it is for.
    pub group: String,
    /// Which branches it covers, such as `protected branches`; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_on: Option<String>,
}

/// What a decision comes to, as tests and explanations write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyEffect {
    /// Allowed.
    Allow,
    /// Denied.
    Deny,
}

impl PolicyEffect {
    /// Returns the effect of a decision.
    pub fn of(allowed: bool) -> PolicyEffect {
        if allowed { PolicyEffect::Allow } else { PolicyEffect::Deny }
    }
}

impl fmt::Display for PolicyEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PolicyEffect::Allow => "allow",
            PolicyEffect::Deny => "deny",
        })
    }
}

impl PolicyEngine {
    /// Decides like [`PolicyEngine::authorize`] and tells why.
    ///
    /// # Errors
    /// [`PolicyError::Internal`] where `authorize` has it.
    pub fn explain(&self, actor: &str, request: &PolicyRequest) -> Result<PolicyExplanation, PolicyError> {
        let verdict = self.judge(actor, request)?;
        let config = self.config();
        let member = |members: &Vec<String>| members.iter().any(|member| member == actor);
        let groups: Vec<String> =
            config.groups.iter().filter(|(_, m)| member(m)).map(|(name, _)| name.clone()).collect();
        // Every such rule failed by its scope, since nothing else in a permit is left to differ.
        let near = |rule: &usize| {
            let allow = &config.rules[*rule].allow;
            !verdict.decision.allowed
                && allow.actions.contains(&request.action)
                && groups.contains(&allow.actors.group)
        };
        let reason = |rule: usize| RuleReason {
            rule: config.rules[rule].id.clone(),
            group: config.rules[rule].allow.actors.group.clone(),
            only_on: scope_words(config, rule),
        };
        let trimmed = |branch: &Option<String>| branch.as_deref().map(|name| name.trim().to_owned());
        Ok(PolicyExplanation {
            decision: PolicyEffect::of(verdict.decision.allowed),
            actor: actor.to_owned(),
            action: request.action,
            branch: trimmed(&request.branch),
            target_branch: trimmed(&request.target_branch),
            matched_rule: verdict.decision.matched_rule_id,
            granted_by: verdict.rules.into_iter().map(reason).collect(),
            near_misses: (0..config.rules.len()).filter(near).map(reason).collect(),
            groups,
            message: verdict.decision.message,
        })
    }
}

/// Says which branches a rule covers: `protected branches`, `unprotected target branches`.
pub(crate) fn scope_words(config: &PolicyConfig, rule: usize) -> Option<String> {
    let allow = &config.rules[rule].allow;
    let (scope, noun) = match (allow.branch_scope, allow.target_branch_scope) {
        (Some(scope), _) => (scope, "branches"),
        (None, Some(scope)) => (scope, "target branches"),
        (None, None) => return None,
    };
    (scope != PolicyScope::Any).then(|| format!("{} {noun}", scope.as_str()))
}

impl PolicyExplanation {
    /// Returns the reasons in words, one a line, none empty: the rules that grant it, or on a denial what keeps
    /// the actor from it.
    pub fn reasons(&self) -> Vec<String> {
        let (actor, action) = (&self.actor, self.action);
        if self.groups.is_empty() {
            return vec![format!("actor '{actor}' is in no group")];
        }
        if !self.granted_by.is_empty() {
            let line =
                |r: &RuleReason| format!("rule '{}' grants it to group '{}'{}", r.rule, r.group, on(r));
            return self.granted_by.iter().map(line).collect();
        }
        if self.near_misses.is_empty() {
            let groups = self.groups.join("', '");
            return vec![format!("no rule grants '{action}' to group '{groups}'")];
        }
        let line =
            |r: &RuleReason| format!("rule '{}' grants '{action}' to group '{}'{}", r.rule, r.group, on(r));
        self.near_misses.iter().map(line).collect()
    }
}

fn on(reason: &RuleReason) -> String {
    reason.only_on.as_ref().map(|branches| format!(" on {branches} only")).unwrap_or_default()
}

impl fmt::Display for PolicyExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "decision: {}", self.decision)?;
        writeln!(f, "actor: {}", self.actor)?;
        writeln!(f, "action: {}", self.action)?;
        if let Some(branch) = &self.branch {
            writeln!(f, "branch: {branch}")?;
        }
        if let Some(target) = &self.target_branch {
            writeln!(f, "target_branch: {target}")?;
        }
        if let Some(rule) = &self.matched_rule {
            writeln!(f, "matched_rule: {rule}")?;
        }
        write!(f, "message: {}", self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn explain(actor: &str, request: PolicyRequest) -> PolicyExplanation {
        sample::engine().explain(actor, &request).unwrap()
    }

    #[test]
    fn an_allow_names_the_rule_and_its_group() {
        let why = explain("act-lin", PolicyRequest::new(PolicyAction::Change).on_branch(" draft/x"));
        let text = "decision: allow\nactor: act-lin\naction: change\nbranch: draft/x\n\
                    matched_rule: editors-work-on-drafts\nmessage: policy allowed action 'change' for actor 'act-lin'";
        assert_eq!(why.to_string(), text);
        let reason =
            "rule 'editors-work-on-drafts' grants it to group 'editors' on unprotected branches only";
        assert_eq!(why.reasons(), [reason]);
        assert_eq!(why.groups, ["editors", "readers"]);
        let json = serde_json::to_value(&why).unwrap();
        assert_eq!(json["decision"], "allow");
        let granted = serde_json::json!([
            {"rule": "editors-work-on-drafts", "group": "editors", "only_on": "unprotected branches"}
        ]);
        assert_eq!(json["granted_by"], granted);
        assert_eq!(json.get("target_branch"), None);
    }

    #[test]
    fn a_denial_tells_the_rules_that_came_near() {
        let merge = PolicyRequest::new(PolicyAction::BranchMerge).on_branch("main").targeting("draft/x");
        let why = explain("act-ada", merge);
        let text = "decision: deny\nactor: act-ada\naction: branch_merge\nbranch: main\ntarget_branch: draft/x\n\
                    message: policy denied action 'branch_merge' on branch 'main' targeting branch 'draft/x' \
                    for actor 'act-ada'";
        assert_eq!(why.to_string(), text);
        let reason =
            "rule 'owners-publish' grants 'branch_merge' to group 'owners' on protected target branches only";
        assert_eq!(why.reasons(), [reason]);
    }

    #[test]
    fn a_denial_without_a_near_rule_tells_the_groups() {
        let why = explain("act-ada", PolicyRequest::new(PolicyAction::InvokeQuery));
        assert_eq!(why.reasons(), ["no rule grants 'invoke_query' to group 'owners'"]);
        let why = explain("act-eve", PolicyRequest::new(PolicyAction::Read));
        assert_eq!(why.reasons(), ["actor 'act-eve' is in no group"]);
        assert!(why.to_string().contains("unknown actor 'act-eve'"));
    }
}
