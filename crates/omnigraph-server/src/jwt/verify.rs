//! Verification of one JWT: from its text to the actor that it proves, or the reason why it proves none.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, TokenData, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::cache::{JwksLimits, KeyCache};
use super::fetch::JwksError;
use super::keys::Found;
use super::settings::JwtSettings;

/// Longest token in bytes; an HTTP header is shorter anyway.
const LONGEST_TOKEN: usize = 16 << 10;

/// Longest actor in bytes: actors are kept in commits and counted per request.
const LONGEST_ACTOR: usize = 256;

/// Why a token is refused. For the log only: a client learns that its token is invalid, never why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtRejection {
    /// No JWT, or a signature of another kind than the nine asymmetric ones, such as `none`.
    #[error("it is not a JWT with a known signature algorithm")]
    Malformed,
    /// An algorithm that is not among the accepted ones.
    #[error("its algorithm {0:?} is not accepted")]
    Algorithm(Algorithm),
    /// A header extension that must be understood.
    #[error("its header has critical extensions")]
    Critical,
    /// No key of this id, also not after reading the keys again.
    #[error("no key has its key id")]
    UnknownKey,
    /// The key of its id is for other algorithms, or it names no key and several would do.
    #[error("the key it names does not fit its algorithm, or it names none and several fit")]
    UnfitKey,
    /// The keys are too old and cannot be read.
    #[error("the keys are too old and cannot be read again")]
    NoKeys,
    /// Issued by or for someone else.
    #[error("its {0} is another one")]
    Party(&'static str),
    /// Expired or not valid yet.
    #[error("it is {0}")]
    Time(&'static str),
    /// The signature is wrong, or a claim is missing or of the wrong type.
    #[error("its signature or one of its claims is invalid")]
    Invalid,
    /// The actor claim is missing, blank, too long or not a string.
    #[error("its actor claim is missing, blank, too long or not a string")]
    Actor,
}

/// Verifies JWT bearer tokens of one issuer.
#[derive(Debug)]
pub struct JwtVerifier {
    settings: JwtSettings,
    keys: KeyCache,
}

impl JwtVerifier {
    /// Reads the keys and returns a verifier.
    ///
    /// # Errors
    /// [`JwksError`] if the keys cannot be read: a server that starts can verify.
    pub async fn load(settings: JwtSettings) -> Result<Self, JwksError> {
        Self::load_with(settings, JwksLimits::default()).await
    }

    /// Reads the keys within other bounds than the default ones.
    ///
    /// # Errors
    /// As [`JwtVerifier::load`].
    pub async fn load_with(settings: JwtSettings, limits: JwksLimits) -> Result<Self, JwksError> {
        let keys = KeyCache::load(settings.jwks.clone(), limits).await?;
        Ok(Self { settings, keys })
    }

    /// Returns the actor that a token proves: its actor claim, trimmed.
    ///
    /// Reads the keys again when the token names an unknown one, at most once per interval.
    ///
    /// # Errors
    /// [`JwtRejection`].
    pub async fn verify(&self, token: &str) -> Result<String, JwtRejection> {
        if token.len() > LONGEST_TOKEN {
            return Err(JwtRejection::Malformed);
        }
        let header = decode_header(token).map_err(|_| JwtRejection::Malformed)?;
        if header.crit.is_some() {
            return Err(JwtRejection::Critical);
        }
        if !self.settings.algorithms.contains(&header.alg) {
            return Err(JwtRejection::Algorithm(header.alg));
        }
        let id = header.kid.as_deref();
        let mut current = self.keys.current().await.ok_or(JwtRejection::NoKeys)?;
        if matches!(current.keys.find(id, header.alg), Found::UnknownId) {
            current = self.keys.newer_than(&current).await.ok_or(JwtRejection::UnknownKey)?;
        }
        match current.keys.find(id, header.alg) {
            Found::Key(key) => {
                let token: TokenData<Map<String, Value>> = decode(token, key, &self.validation(header.alg))
                    .map_err(|error| rejection(error.kind()))?;
                self.actor(&token.claims)
            }
            Found::UnknownId => Err(JwtRejection::UnknownKey),
            Found::Unfit => Err(JwtRejection::UnfitKey),
        }
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&self.settings.audiences);
        validation.validate_nbf = true;
        validation.leeway = self.settings.leeway.as_secs();
        validation
    }

    fn actor(&self, claims: &Map<String, Value>) -> Result<String, JwtRejection> {
        // RFC 7519 §4.1.1: one issuer, a string. A list that holds ours among others is not ours.
        if claims.get("iss").and_then(Value::as_str) != Some(&self.settings.issuer) {
            return Err(JwtRejection::Party("issuer"));
        }
        let actor = claims.get(&self.settings.actor_claim).and_then(Value::as_str).map(str::trim);
        match actor {
            Some(actor) if !actor.is_empty() && actor.len() <= LONGEST_ACTOR => Ok(actor.to_owned()),
            _ => Err(JwtRejection::Actor),
        }
    }
}

fn rejection(kind: &ErrorKind) -> JwtRejection {
    match kind {
        ErrorKind::InvalidIssuer => JwtRejection::Party("issuer"),
        ErrorKind::InvalidAudience => JwtRejection::Party("audience"),
        ErrorKind::ExpiredSignature => JwtRejection::Time("expired"),
        ErrorKind::ImmatureSignature => JwtRejection::Time("not valid yet"),
        _ => JwtRejection::Invalid,
    }
}
