//! What a graph handle asks before it works: the trait of a checker, and the one function that enforces it.

use crate::action::PolicyAction;
use crate::engine::PolicyEngine;
use crate::request::{PolicyError, PolicyRequest, ResourceScope};

/// Decides whether an actor may do something. Installed on a graph handle; [`PolicyEngine`] is one.
pub trait PolicyChecker: Send + Sync {
    /// Allows an action in a scope by returning nothing.
    ///
    /// # Errors
    /// [`PolicyError::Denied`] with a message for the actor; [`PolicyError::Internal`] if there is no decision.
    fn check(&self, action: PolicyAction, scope: &ResourceScope, actor: &str) -> Result<(), PolicyError>;
}

impl PolicyChecker for PolicyEngine {
    fn check(&self, action: PolicyAction, scope: &ResourceScope, actor: &str) -> Result<(), PolicyError> {
        let decision = self.authorize(actor, &PolicyRequest::in_scope(action, scope))?;
        if decision.allowed { Ok(()) } else { Err(PolicyError::Denied(decision.message)) }
    }
}

/// Asks the checker of a handle, if it has one, before anything is read or written.
///
/// Without a checker everything is allowed. With one, an anonymous caller is refused whatever the checker says.
///
/// # Errors
/// [`PolicyError::Denied`] without an actor or if the checker denies; [`PolicyError::Internal`] from the checker.
///
/// ```
/// use omnigraph_policy::{PolicyAction, PolicyEngine, ResourceScope, enforce};
///
/// let nobody = PolicyEngine::load_graph_from_source("version: 1\n", "atlas")?;
/// let main = ResourceScope::Branch("main".into());
/// assert!(enforce(None, PolicyAction::Change, &main, None).is_ok());
/// assert!(enforce(Some(&nobody), PolicyAction::Change, &main, Some("act-ada")).is_err());
/// # Ok::<(), omnigraph_policy::PolicyLoadError>(())
/// ```
pub fn enforce(
    checker: Option<&dyn PolicyChecker>,
    action: PolicyAction,
    scope: &ResourceScope,
    actor: Option<&str>,
) -> Result<(), PolicyError> {
    match (checker, actor) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(PolicyError::Denied(format!(
            "policy is installed but no actor was given for action '{action}'"
        ))),
        (Some(checker), Some(actor)) => checker.check(action, scope, actor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    struct Fails;

    impl PolicyChecker for Fails {
        fn check(&self, _: PolicyAction, _: &ResourceScope, _: &str) -> Result<(), PolicyError> {
            Err(PolicyError::Internal("out of order".into()))
        }
    }

    #[test]
    fn no_checker_allows_and_a_checker_refuses_the_anonymous() {
        let draft = ResourceScope::Branch("draft/x".into());
        let engine = sample::engine();
        for actor in [None, Some("act-eve")] {
            assert_eq!(enforce(None, PolicyAction::Change, &draft, actor), Ok(()));
        }
        let refused = enforce(Some(&engine), PolicyAction::Change, &draft, None).unwrap_err();
        assert!(refused.to_string().contains("no actor"), "{refused}");
        assert_eq!(enforce(Some(&engine), PolicyAction::Change, &draft, Some("act-lin")), Ok(()));
    }

    #[test]
    fn a_denial_and_a_failure_are_told_apart() {
        let main = ResourceScope::Branch("main".into());
        let denied = enforce(Some(&sample::engine()), PolicyAction::Change, &main, Some("act-lin"));
        let message = "policy denied action 'change' on branch 'main' for actor 'act-lin'";
        assert_eq!(denied, Err(PolicyError::Denied(message.into())));
        let failed = enforce(Some(&Fails), PolicyAction::Change, &main, Some("act-lin"));
        assert_eq!(failed, Err(PolicyError::Internal("out of order".into())));
    }
}
