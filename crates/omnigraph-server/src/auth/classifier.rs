//! How a server judges requests, given whether it has tokens, a policy, and the operator's consent to neither. Combinations
//! that would let everybody or nobody in are refused before anything is opened.

/// How requests are judged for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerRuntimeState {
    /// No authentication, no actor, everything allowed but listing graphs.
    Open,
    /// Every request needs a token; `read` is allowed, everything else denied.
    DefaultDeny,
    /// Every request needs a token; bundles decide, graphs without one allow `read` only.
    PolicyEnabled,
}

/// Tokens, policy and consent that do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClassifierError {
    /// Nothing protects the server and nobody consented.
    #[error(
        "no bearer tokens and no policy are configured, so anyone could do anything; set \
         OMNIGRAPH_SERVER_BEARER_TOKEN, OMNIGRAPH_SERVER_BEARER_TOKENS_FILE, OMNIGRAPH_SERVER_BEARER_TOKENS_JSON or \
         --jwt-jwks, or consent with --unauthenticated"
    )]
    Unprotected,
    /// There are rules, but nobody could prove who they are.
    #[error(
        "a policy file is configured but no bearer tokens are, so every request would 401; set \
         OMNIGRAPH_SERVER_BEARER_TOKEN, OMNIGRAPH_SERVER_BEARER_TOKENS_FILE, OMNIGRAPH_SERVER_BEARER_TOKENS_JSON or \
         --jwt-jwks, or remove the policy"
    )]
    PolicyWithoutTokens,
}

/// Decides how requests are judged.
///
/// `has_tokens`: bearer tokens or JWT keys are configured. `has_policy`: a policy is configured for something that this
/// process serves. `allow_unauthenticated`: the operator consents to neither; it never weakens a server with tokens.
///
/// # Errors
/// [`ClassifierError`], with the cure.
pub fn classify_server_runtime_state(
    has_tokens: bool,
    has_policy: bool,
    allow_unauthenticated: bool,
) -> Result<ServerRuntimeState, ClassifierError> {
    match (has_tokens, has_policy, allow_unauthenticated) {
        (true, true, _) => Ok(ServerRuntimeState::PolicyEnabled),
        (true, false, _) => Ok(ServerRuntimeState::DefaultDeny),
        (false, true, _) => Err(ClassifierError::PolicyWithoutTokens),
        (false, false, true) => Ok(ServerRuntimeState::Open),
        (false, false, false) => Err(ClassifierError::Unprotected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_its_outcome() {
        use ClassifierError::*;
        use ServerRuntimeState::*;
        for (tokens, policy, consent, outcome) in [
            (false, false, false, Err(Unprotected)),
            (false, false, true, Ok(Open)),
            (true, false, false, Ok(DefaultDeny)),
            (true, false, true, Ok(DefaultDeny)),
            (false, true, false, Err(PolicyWithoutTokens)),
            (false, true, true, Err(PolicyWithoutTokens)),
            (true, true, false, Ok(PolicyEnabled)),
            (true, true, true, Ok(PolicyEnabled)),
        ] {
            assert_eq!(classify_server_runtime_state(tokens, policy, consent), outcome);
        }
    }

    #[test]
    fn refusals_have_the_contract_texts() {
        let text = ClassifierError::Unprotected.to_string();
        assert!(text.contains("no bearer tokens") && text.contains("--unauthenticated"));
        let text = ClassifierError::PolicyWithoutTokens.to_string();
        assert!(text.contains("policy file is configured but no bearer tokens"));
        assert!(text.contains("every request would 401"));
    }
}
