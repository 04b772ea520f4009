//! Authentication of a request: finds the actor that its bearer token proves, and the middleware that refuses requests
//! without one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::header::bearer_token;
use super::tokens::{TokenStore, actor_problem};
use crate::error::ApiError;
use crate::jwt::JwtVerifier;
use crate::metrics::{AuthFailure, Metrics};

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The name that policies judge and commits record.
    pub id: Arc<str>,
    /// Placeholder for identities that belong to a tenant; always `None`.
    pub tenant: Option<Arc<str>>,
    /// What the credential itself is limited to.
    pub scope: TokenScope,
    /// What proved the name.
    pub source: IdentitySource,
}

/// What a credential is limited to, apart from policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenScope {
    /// Nothing: everything its actor may do.
    Full,
}

/// What proved an actor's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// A configured bearer token.
    Static,
    /// A signed JWT.
    Jwt,
}

/// Why a request is 401. Displays as the text for the client, which never tells more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No `Authorization` header, an unreadable one, or another scheme than `Bearer`.
    #[error("missing bearer token")]
    Missing,
    /// A token that proves nothing.
    #[error("invalid bearer token")]
    Invalid,
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        ApiError::unauthorized(error.to_string())
    }
}

/// Decides who is calling. Static tokens are tried first; a token of three parts then counts as a JWT.
#[derive(Debug)]
pub struct Authenticator {
    required: bool,
    tokens: TokenStore,
    jwt: Option<JwtVerifier>,
}

impl Authenticator {
    /// Returns one that asks every request for a token.
    pub fn new(tokens: TokenStore, jwt: Option<JwtVerifier>) -> Self {
        Self { required: true, tokens, jwt }
    }

    /// Returns one that looks at no header and finds no actor.
    pub fn open() -> Self {
        Self { required: false, tokens: TokenStore::default(), jwt: None }
    }

    /// Tells whether requests need a token.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Returns the caller; `None` if the server is open.
    ///
    /// # Errors
    /// [`AuthError`]; why a JWT was refused goes to the log at `debug`.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Actor>, AuthError> {
        if !self.required {
            return Ok(None);
        }
        let token = bearer_token(headers).ok_or(AuthError::Missing)?;
        if let Some(id) = self.tokens.resolve(token.as_bytes()) {
            return Ok(Some(Actor {
                id,
                tenant: None,
                scope: TokenScope::Full,
                source: IdentitySource::Static,
            }));
        }
        let Some(jwt) = self.jwt.as_ref().filter(|_| token.split('.').count() == 3) else {
            return Err(AuthError::Invalid);
        };
        let id = match jwt.verify(token).await {
            Ok(actor) => actor,
            Err(rejection) => {
                tracing::debug!(%rejection, "a JWT is refused");
                return Err(AuthError::Invalid);
            }
        };
        // A static token's actor is known by that token alone: an issuer cannot mint it.
        if self.tokens.actors().any(|actor| actor == id) || actor_problem(&id).is_some() {
            tracing::debug!("a JWT is refused: its actor is one of the static tokens or reserved");
            return Err(AuthError::Invalid);
        }
        Ok(Some(Actor { id: id.into(), tenant: None, scope: TokenScope::Full, source: IdentitySource::Jwt }))
    }
}

/// What [`authenticate`] needs.
#[derive(Clone, Debug)]
pub struct AuthState {
    /// Decides.
    pub authenticator: Arc<Authenticator>,
    /// Counts failures.
    pub metrics: Arc<Metrics>,
}

/// Middleware: 401 without a valid token; otherwise the request carries its [`Actor`] as an extension, if it has one.
///
/// For `Router::route_layer`: unknown paths stay 404 without authentication, wrong methods are 405 after it.
pub async fn authenticate(State(state): State<AuthState>, mut request: Request, next: Next) -> Response {
    // Nothing that came with the request may pass for an identity.
    request.extensions_mut().remove::<Actor>();
    match state.authenticator.authenticate(request.headers()).await {
        Ok(Some(actor)) => {
            tracing::Span::current().record("actor", &*actor.id);
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Ok(None) => next.run(request).await,
        Err(error) => {
            state.metrics.auth_failed(match error {
                AuthError::Missing => AuthFailure::Missing,
                AuthError::Invalid => AuthFailure::Invalid,
            });
            ApiError::from(error).into_response()
        }
    }
}
