//! How keys are read and read again, from files and from servers that behave well or badly.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::json;

use super::fixtures::*;
use crate::jwt::{JwksError, JwksLimits, JwksSource, JwtRejection, JwtVerifier};

#[tokio::test]
async fn a_new_key_is_found_when_a_token_names_it() {
    let (old, new) = (Signer::new("old", Algorithm::ES256), Signer::new("new", Algorithm::EdDSA));
    let server = KeyServer::start(Answer::Text(jwks(&[old.jwk()]))).await;
    let verifier = server.verifier(eager()).await;
    assert_eq!(server.hits(), 1);
    assert_eq!(verifier.verify(&new.sign(&claims(json!({})))).await, Err(JwtRejection::UnknownKey));
    assert_eq!(server.hits(), 2);
    server.answer(Answer::Text(jwks(&[new.jwk()])));
    assert!(verifier.verify(&new.sign(&claims(json!({})))).await.is_ok());
    assert_eq!(verifier.verify(&old.sign(&claims(json!({})))).await, Err(JwtRejection::UnknownKey));
}

#[tokio::test]
async fn tokens_that_name_unknown_keys_cannot_make_it_ask_often() {
    let known = Signer::new("known", Algorithm::ES256);
    let server = KeyServer::start(Answer::Text(jwks(&[known.jwk()]))).await;
    let limits = JwksLimits { min_interval: Duration::from_secs(3600), ..eager() };
    let verifier = server.verifier(limits).await;
    for id in ["a", "b", "c", "d"] {
        let token = Signer::new(id, Algorithm::ES256).sign(&claims(json!({})));
        assert_eq!(verifier.verify(&token).await, Err(JwtRejection::UnknownKey));
    }
    assert_eq!(server.hits(), 1);
    assert!(verifier.verify(&known.sign(&claims(json!({})))).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_of_one_new_key_ask_once() {
    let (old, new) = (Signer::new("old", Algorithm::ES256), Signer::new("new", Algorithm::ES256));
    let server = KeyServer::start(Answer::Text(jwks(&[old.jwk()]))).await;
    let verifier = std::sync::Arc::new(server.verifier(eager()).await);
    server.answer(Answer::Text(jwks(&[old.jwk(), new.jwk()])));
    let token = new.sign(&claims(json!({})));
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (verifier, token) = (std::sync::Arc::clone(&verifier), token.clone());
            tokio::spawn(async move { verifier.verify(&token).await })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().is_ok());
    }
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn a_key_that_is_withdrawn_stops_counting() {
    let (old, new) = (Signer::new("old", Algorithm::ES256), Signer::new("new", Algorithm::ES256));
    let server = KeyServer::start(Answer::Text(jwks(&[old.jwk()]))).await;
    let verifier = server.verifier(JwksLimits { max_age: Duration::ZERO, ..eager() }).await;
    let token = old.sign(&claims(json!({})));
    server.answer(Answer::Text(jwks(&[new.jwk()])));
    let withdrawn = async {
        while verifier.verify(&token).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), withdrawn).await.unwrap();
}

#[tokio::test]
async fn a_server_that_fails_leaves_the_old_keys_in_use_until_they_are_stale() {
    let (known, unknown) = (Signer::new("known", Algorithm::ES256), Signer::new("unknown", Algorithm::ES256));
    let server = KeyServer::start(Answer::Text(jwks(&[known.jwk()]))).await;
    let quick = JwksLimits { time: Duration::from_millis(200), ..eager() };
    let verifier = server.verifier(quick).await;
    for answer in [
        Answer::Hang,
        Answer::Status(500),
        Answer::Endless,
        Answer::Redirect(server.url()),
        Answer::Text("{}".into()),
        Answer::Text(jwks(&[])),
    ] {
        server.answer(answer);
        let outcome = verifier.verify(&unknown.sign(&claims(json!({})))).await;
        assert_eq!(outcome, Err(JwtRejection::UnknownKey));
        assert!(verifier.verify(&known.sign(&claims(json!({})))).await.is_ok());
    }
    server.answer(Answer::Text(jwks(&[known.jwk()])));
    let stale = server.verifier(JwksLimits { max_stale: Duration::ZERO, ..quick }).await;
    assert_eq!(stale.verify(&known.sign(&claims(json!({})))).await, Err(JwtRejection::NoKeys));
}

#[tokio::test]
async fn a_start_without_keys_says_why() {
    let server = KeyServer::start(Answer::Hang).await;
    let limits = JwksLimits { time: Duration::from_millis(200), size: 64 << 10, ..eager() };
    let load = || JwtVerifier::load_with(settings(&server.url()), limits);
    assert!(matches!(load().await.unwrap_err(), JwksError::Timeout { .. }));
    server.answer(Answer::Status(503));
    assert!(matches!(load().await.unwrap_err(), JwksError::Status(503)));
    server.answer(Answer::Redirect(server.url()));
    assert!(matches!(load().await.unwrap_err(), JwksError::Status(302)));
    server.answer(Answer::Endless);
    assert!(matches!(load().await.unwrap_err(), JwksError::TooLarge { .. } | JwksError::Timeout { .. }));
    server.answer(Answer::Text(" ".repeat((64 << 10) + 1)));
    assert!(matches!(load().await.unwrap_err(), JwksError::TooLarge { limit: 65_536 }));
    server.answer(Answer::Text("[]".into()));
    assert!(matches!(load().await.unwrap_err(), JwksError::Malformed(_)));
    server.answer(Answer::Text(jwks(&[json!({ "kty": "oct", "k": "c2VjcmV0" }), json!(7)])));
    assert!(matches!(load().await.unwrap_err(), JwksError::NoKeys));
    let many = vec![Signer::new("k", Algorithm::ES256).jwk(); 101];
    server.answer(Answer::Text(jwks(&many)));
    assert!(matches!(load().await.unwrap_err(), JwksError::TooManyKeys { keys: 101, .. }));
    assert!(matches!(
        JwtVerifier::load(settings("http://127.0.0.1:1/jwks")).await.unwrap_err(),
        JwksError::Http(_)
    ));
}

#[tokio::test]
async fn a_file_is_read_again_too() {
    let (old, new) = (Signer::new("old", Algorithm::ES256), Signer::new("new", Algorithm::ES256));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jwks.json");
    std::fs::write(&file, jwks(&[old.jwk()])).unwrap();
    let mut settings = settings("x");
    settings.jwks = JwksSource::File(file.clone());
    let verifier = JwtVerifier::load_with(settings.clone(), eager()).await.unwrap();
    std::fs::write(&file, jwks(&[new.jwk()])).unwrap();
    assert!(verifier.verify(&new.sign(&claims(json!({})))).await.is_ok());

    settings.jwks = JwksSource::File(dir.path().join("absent.json"));
    assert!(matches!(JwtVerifier::load(settings.clone()).await.unwrap_err(), JwksError::File { .. }));
    settings.jwks = JwksSource::File(file);
    let tiny = JwksLimits { size: 8, ..eager() };
    assert!(matches!(
        JwtVerifier::load_with(settings, tiny).await.unwrap_err(),
        JwksError::TooLarge { limit: 8 }
    ));
}
