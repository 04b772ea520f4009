//! The authorization of a request to a server, with or without a bundle and an actor.
//!
//! A server asks here before a request reaches its handler. A graph handle asks again before it changes anything
//! ([`crate::enforce`]), so that a change is refused whatever front end it comes from.

use crate::action::{PolicyAction, PolicyResourceKind};
use crate::engine::PolicyEngine;
use crate::request::{PolicyDecision, PolicyError, PolicyRequest};

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// Nothing decides: an open server, or `read` on a graph without a bundle.
    Open,
    /// The bundle decided, either way. To be logged.
    Decided(PolicyDecision),
    /// Denied without a bundle, with a message for the caller.
    Denied(String),
    /// A bundle is there but no actor: credentials are missing. Not a denial.
    Unauthenticated,
}

impl Authorization {
    /// Returns whether the request may go ahead.
    pub fn allows(&self) -> bool {
        match self {
            Authorization::Open => true,
            Authorization::Decided(decision) => decision.allowed,
            Authorization::Denied(_) | Authorization::Unauthenticated => false,
        }
    }
}

/// Authorizes a request by the bundle of what it concerns: the graph, or for a server-scoped action the server.
///
/// Without a bundle a server-scoped action is denied in every state, an actor may only `read`, and a caller
/// without an actor, which only an open server admits, may do everything on a graph.
///
/// # Errors
/// [`PolicyError::Internal`] if the bundle cannot decide; never [`PolicyError::Denied`].
pub fn authorize(
    bundle: Option<&PolicyEngine>,
    actor: Option<&str>,
    request: &PolicyRequest,
) -> Result<Authorization, PolicyError> {
    let action = request.action;
    Ok(match (bundle, actor) {
        (Some(bundle), Some(actor)) => Authorization::Decided(bundle.authorize(actor, request)?),
        (Some(_), None) => Authorization::Unauthenticated,
        (None, _) if action.resource_kind() == PolicyResourceKind::Server => Authorization::Denied(format!(
            "action '{action}' is denied: the management surface is closed until a server-level policy grants it"
        )),
        (None, None) => Authorization::Open,
        (None, Some(_)) if action == PolicyAction::Read => Authorization::Open,
        (None, Some(actor)) => Authorization::Denied(format!(
            "action '{action}' is denied for actor '{actor}': without a policy the graph is default-deny and only \
             'read' is allowed"
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn without_a_bundle_only_the_open_state_and_read_pass() {
        for action in PolicyAction::ALL {
            let request = PolicyRequest::new(action).on_branch("main");
            let open = authorize(None, None, &request).unwrap();
            let actor = authorize(None, Some("act-ada"), &request).unwrap();
            assert_eq!(open.allows(), action != PolicyAction::GraphList, "{action}");
            assert_eq!(actor.allows(), action == PolicyAction::Read, "{action}");
            match (action, actor) {
                (PolicyAction::Read, actor) => assert_eq!(actor, Authorization::Open),
                (PolicyAction::GraphList, Authorization::Denied(message)) => {
                    assert!(message.contains("server-level"), "{message}");
                }
                (_, Authorization::Denied(message)) => assert!(message.contains("default-deny"), "{message}"),
                (_, other) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_bundle_needs_an_actor_and_then_decides() {
        let engine = sample::engine();
        let change = PolicyRequest::new(PolicyAction::Change);
        assert_eq!(authorize(Some(&engine), None, &change), Ok(Authorization::Unauthenticated));
        let draft = authorize(Some(&engine), Some("act-lin"), &change.clone().on_branch("draft")).unwrap();
        assert!(draft.allows());
        let main = authorize(Some(&engine), Some("act-lin"), &change.clone().on_branch("main")).unwrap();
        assert!(matches!(&main, Authorization::Decided(decision) if !decision.allowed));
        assert!(matches!(
            authorize(Some(&engine), Some("act-lin"), &change.on_branch(" ")),
            Err(PolicyError::Internal(_))
        ));
    }
}
