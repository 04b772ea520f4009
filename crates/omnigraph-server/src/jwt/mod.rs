//! JWT bearer tokens: signed by keys of a JWKS, which is a file or a URL.
//!
//! Rules: asymmetric signatures only, never `none` and never a shared secret; the algorithm must fit the key (RFC 8725
//! §3.1), so that no public key passes for a secret; issuer, audience and expiry are required and checked; header
//! extensions marked critical are refused (RFC 7515 §4.1.11). Keys come from the configured source alone, never from
//! the token's own header.

mod cache;
mod fetch;
mod keys;
mod settings;
#[cfg(test)]
mod tests;
mod verify;

pub use cache::JwksLimits;
pub use fetch::JwksError;
pub use settings::{JwksSource, JwtOptions, JwtSettings, JwtSettingsError};
pub use verify::{JwtRejection, JwtVerifier};
