//! Key pairs, signed tokens, and a server of keys whose answers a test chooses.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

use crate::jwt::{JwksLimits, JwksSource, JwtOptions, JwtSettings, JwtVerifier};

/// A key pair and the id of its public half.
pub(super) struct Signer {
    pub(super) id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

static RSA: LazyLock<EncodingKey> = LazyLock::new(|| {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = pair.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
});

impl Signer {
    pub(super) fn new(id: &'static str, algorithm: Algorithm) -> Self {
        let random = SystemRandom::new();
        let key = match algorithm {
            Algorithm::ES256 => {
                let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
                EncodingKey::from_ec_der(der.as_ref())
            }
            Algorithm::ES384 => {
                let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
                EncodingKey::from_ec_der(der.as_ref())
            }
            Algorithm::EdDSA => {
                EncodingKey::from_ed_der(Ed25519KeyPair::generate_pkcs8v1(&random).unwrap().as_ref())
            }
            _ => RSA.clone(),
        };
        Self { id, algorithm, key }
    }

    /// The public half as a JWK. It names no algorithm.
    pub(super) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_algorithm = None;
        jwk.common.key_id = Some(self.id.to_owned());
        serde_json::to_value(&jwk).unwrap()
    }

    pub(super) fn header(&self) -> Header {
        Header { kid: Some(self.id.to_owned()), ..Header::new(self.algorithm) }
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    pub(super) fn sign_with(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.key).unwrap()
    }
}

/// Claims of a good token of actor `act-ada`, with some members replaced; `null` takes one out.
pub(super) fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example/", "aud": "omnigraph", "sub": " act-ada ", "exp": now() + 600,
    });
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

pub(super) fn now() -> u64 {
    get_current_timestamp()
}

pub(super) fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

pub(super) fn settings(jwks: &str) -> JwtSettings {
    JwtSettings::new(JwtOptions {
        jwks: Some(jwks.to_owned()),
        issuer: Some("https://id.example/".to_owned()),
        audiences: vec!["omnigraph".to_owned(), "other".to_owned()],
        ..JwtOptions::default()
    })
    .unwrap()
    .unwrap()
}

/// A verifier over a file of these keys.
pub(super) async fn verifier(keys: &[Value]) -> JwtVerifier {
    verifier_with(keys, |_| {}).await
}

pub(super) async fn verifier_with(keys: &[Value], change: impl FnOnce(&mut JwtSettings)) -> JwtVerifier {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jwks.json");
    std::fs::write(&file, jwks(keys)).unwrap();
    let mut settings = settings("x");
    settings.jwks = JwksSource::File(file);
    change(&mut settings);
    JwtVerifier::load(settings).await.unwrap()
}

/// Limits under which a test waits for nothing and asks as often as it likes.
pub(super) fn eager() -> JwksLimits {
    JwksLimits { time: Duration::from_secs(5), min_interval: Duration::ZERO, ..JwksLimits::default() }
}

/// What the key server answers.
#[derive(Clone)]
pub(super) enum Answer {
    Text(String),
    Status(u16),
    Redirect(String),
    Endless,
    Hang,
}

/// A key server on this machine.
#[derive(Clone)]
pub(super) struct KeyServer {
    address: SocketAddr,
    state: Arc<ServerState>,
}

struct ServerState {
    answer: Mutex<Answer>,
    hits: AtomicUsize,
}

impl KeyServer {
    pub(super) async fn start(answer: Answer) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(ServerState { answer: Mutex::new(answer), hits: AtomicUsize::new(0) });
        let app = Router::new().route("/jwks", get(respond)).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, state }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/jwks", self.address)
    }

    pub(super) fn answer(&self, answer: Answer) {
        *self.state.answer.lock().unwrap() = answer;
    }

    pub(super) fn hits(&self) -> usize {
        self.state.hits.load(Ordering::SeqCst)
    }

    pub(super) async fn verifier(&self, limits: JwksLimits) -> JwtVerifier {
        JwtVerifier::load_with(settings(&self.url()), limits).await.unwrap()
    }
}

async fn respond(State(state): State<Arc<ServerState>>) -> Response {
    state.hits.fetch_add(1, Ordering::SeqCst);
    let answer = state.answer.lock().unwrap().clone();
    match answer {
        Answer::Text(text) => text.into_response(),
        Answer::Status(status) => axum::http::StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Redirect(to) => (axum::http::StatusCode::FOUND, [("location", to)]).into_response(),
        Answer::Endless => {
            let chunk = axum::body::Bytes::from(vec![b' '; 4096]);
            Body::from_stream(futures::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone())))
                .into_response()
        }
        Answer::Hang => std::future::pending().await,
    }
}
