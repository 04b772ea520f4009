//! Who is calling: bearer tokens, the actor they prove, and what a server does at startup with or without them.
//!
//! Identity comes from the bearer token alone; no other part of a request is looked at.

mod authenticator;
mod classifier;
mod header;
mod payload;
#[cfg(test)]
mod tests;
mod tokens;

pub use authenticator::{
    Actor, AuthError, AuthState, Authenticator, IdentitySource, TokenScope, authenticate,
};
pub use classifier::{ClassifierError, ServerRuntimeState, classify_server_runtime_state};
pub use header::bearer_token;
pub use tokens::{RESERVED_ACTOR_PREFIX, TokenError, TokenSource, TokenStore};
