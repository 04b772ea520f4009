//! A JWKS document as the keys that can verify signatures, and the choice of one for a token.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::fetch::JwksError;

/// Most keys of a set; an issuer has a handful.
const MOST_KEYS: usize = 100;

/// Keys that can verify a signature. Others of the set (secrets, encryption, unknown kinds) are left out.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// What the key's kind, and its own `alg` if it names one, allow.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// What a token's header finds.
pub(super) enum Found<'a> {
    /// The key.
    Key(&'a DecodingKey),
    /// The set has no key of this id: it may be newer than the set.
    UnknownId,
    /// There is a key of this id, but for other algorithms; or the token names no id and several keys would do.
    Unfit,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads a JWKS document.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, JwksError> {
        let document: Document = serde_json::from_slice(bytes).map_err(JwksError::Malformed)?;
        if document.keys.len() > MOST_KEYS {
            return Err(JwksError::TooManyKeys { keys: document.keys.len(), limit: MOST_KEYS });
        }
        let keys: Vec<Key> = document.keys.into_iter().filter_map(key).collect();
        if keys.is_empty() { Err(JwksError::NoKeys) } else { Ok(Self { keys }) }
    }

    /// Returns the key for a token's `kid` and `alg`. A token without `kid` needs a set with one fitting key.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found<'_> {
        let mut fitting = self.keys.iter().filter(|key| key.algorithms.contains(&algorithm));
        match id {
            Some(id) => match fitting.find(|key| key.id.as_deref() == Some(id)) {
                Some(key) => Found::Key(&key.key),
                None if self.keys.iter().any(|key| key.id.as_deref() == Some(id)) => Found::Unfit,
                None => Found::UnknownId,
            },
            None => match (fitting.next(), fitting.next()) {
                (Some(key), None) => Found::Key(&key.key),
                _ => Found::Unfit,
            },
        }
    }
}

fn key(value: serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let for_signatures =
        jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let verifies = jwk
        .common
        .key_operations
        .as_ref()
        .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !for_signatures || !verifies {
        return None;
    }
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(parameters) if parameters.curve == EllipticCurve::Ed25519 => {
            vec![Algorithm::EdDSA]
        }
        _ => return None,
    };
    if let Some(own) = &jwk.common.key_algorithm {
        let own = own.to_string();
        algorithms.retain(|algorithm| format!("{algorithm:?}") == own);
    }
    if algorithms.is_empty() {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(Key { id: jwk.common.key_id, algorithms, key })
}
