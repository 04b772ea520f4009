//! The engine: asks Cedar for a decision by a compiled bundle, and words the answer.

use std::sync::Arc;

use cedar_policy::{Authorizer, Decision, Request, Response};

use crate::cedar;
use crate::config::{PolicyConfig, PolicyWarning};
use crate::program::{Program, action_index};
use crate::request::{PolicyDecision, PolicyError, PolicyRequest};

/// A compiled bundle. Cheap to clone, safe to share; fixed for its life.
///
/// Every decision is Cedar's: this type hands it the prepared policies and entities and words the answer.
/// A decision takes microseconds and grows with the number of rules for the action asked.
#[derive(Clone, Debug)]
pub struct PolicyEngine {
    program: Arc<Program>,
    authorizer: Arc<Authorizer>,
}

/// What Cedar said, and the rules that made it say so.
pub(crate) struct Verdict {
    pub(crate) decision: PolicyDecision,
    /// The rules that allow the request, as indexes in the bundle, sorted by id; empty on a denial.
    pub(crate) rules: Vec<usize>,
}

impl PolicyEngine {
    pub(crate) fn new(program: Program) -> PolicyEngine {
        PolicyEngine { program: Arc::new(program), authorizer: Arc::new(Authorizer::new()) }
    }

    /// Decides whether an actor may do what it asks for.
    ///
    /// Branch names are trimmed, then compared exactly; actors are compared as they are. An actor in no group
    /// is denied without asking Cedar.
    ///
    /// # Errors
    /// [`PolicyError::Internal`] if a given branch is blank or Cedar fails; never [`PolicyError::Denied`].
    pub fn authorize(&self, actor: &str, request: &PolicyRequest) -> Result<PolicyDecision, PolicyError> {
        Ok(self.judge(actor, request)?.decision)
    }

    pub(crate) fn judge(&self, actor: &str, request: &PolicyRequest) -> Result<Verdict, PolicyError> {
        let branch = given("branch", request.branch.as_deref())?;
        let target = given("target branch", request.target_branch.as_deref())?;
        let action = request.action;
        let Some(principal) = self.program.actors.get(actor) else {
            let message = format!("policy denied action '{action}' for unknown actor '{actor}'");
            let decision = PolicyDecision { allowed: false, matched_rule_id: None, message };
            return Ok(Verdict { decision, rules: Vec::new() });
        };
        let judged = |name: Option<&'_ str>| name.map(|name| self.program.protected.contains(name));
        let context = cedar::context(branch.zip(judged(branch)), target.zip(judged(target)))
            .map_err(PolicyError::Internal)?;
        let program = &self.program.actions[action_index(action)];
        let schema = cedar::schema().map_err(|error| PolicyError::Internal(error.to_string()))?;
        let (who, what, on) = (principal.clone(), program.action.clone(), program.resource.clone());
        let question = Request::new(who, what, on, context, Some(schema))
            .map_err(|error| PolicyError::Internal(error.to_string()))?;
        let response = self.authorizer.is_authorized(&question, &program.policies, &self.program.entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(PolicyError::Internal(error.to_string()));
        }
        let rules = self.rules_of(&response);
        let decision = match response.decision() {
            Decision::Allow => PolicyDecision {
                allowed: true,
                matched_rule_id: rules.first().map(|&rule| self.config().rules[rule].id.clone()),
                message: format!("policy allowed action '{action}' for actor '{actor}'"),
            },
            Decision::Deny => {
                let on = branch.map(|name| format!(" on branch '{name}'")).unwrap_or_default();
                let to = target.map(|name| format!(" targeting branch '{name}'")).unwrap_or_default();
                let message = format!("policy denied action '{action}'{on}{to} for actor '{actor}'");
                PolicyDecision { allowed: false, matched_rule_id: None, message }
            }
        };
        Ok(Verdict { decision, rules })
    }

    /// Returns the rules whose policies determined the answer, sorted by id.
    fn rules_of(&self, response: &Response) -> Vec<usize> {
        let reasons = response.diagnostics().reason();
        let mut rules: Vec<usize> =
            reasons.filter_map(|policy| self.program.rules.get(policy).copied()).collect();
        rules.sort_by_key(|&rule| &self.config().rules[rule].id);
        rules
    }

    /// Returns the number of distinct actors over all groups.
    pub fn known_actor_count(&self) -> usize {
        self.program.actors.len()
    }

    /// Returns the bundle, with all names trimmed.
    pub fn config(&self) -> &PolicyConfig {
        &self.program.config
    }

    /// Returns what the bundle grants that probably is not meant, to be logged at load.
    pub fn warnings(&self) -> Vec<PolicyWarning> {
        self.config().warnings()
    }

    /// Returns the Cedar policies that decide, for review: by rule in the order of the file, each below a
    /// comment with its id.
    pub fn cedar_source(&self) -> String {
        let mut policies: Vec<_> = self.program.actions.iter().flat_map(|a| a.policies.policies()).collect();
        // Stable, so the actions of a rule stay in the order of the documentation.
        policies.sort_by_key(|policy| self.program.rules.get(policy.id()));
        policies.iter().map(|policy| format!("// {}\n{policy}\n", policy.id())).collect::<Vec<_>>().join("\n")
    }
}

/// Trims a branch of a request. A blank one names nothing that could be judged.
fn given<'r>(what: &str, name: Option<&'r str>) -> Result<Option<&'r str>, PolicyError> {
    match name.map(str::trim) {
        Some("") => Err(PolicyError::Internal(format!("{what} name must not be blank"))),
        name => Ok(name),
    }
}
