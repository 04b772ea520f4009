//! Which tokens prove an actor, and why others do not.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use super::fixtures::*;
use crate::jwt::JwtRejection;

#[tokio::test]
async fn every_asymmetric_algorithm_proves_an_actor() {
    use Algorithm::*;
    for algorithm in [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA] {
        let signer = Signer::new("k1", algorithm);
        let verifier = verifier(&[signer.jwk()]).await;
        let actor = verifier.verify(&signer.sign(&claims(json!({})))).await;
        assert_eq!(actor.as_deref(), Ok("act-ada"), "{algorithm:?}");
    }
}

#[tokio::test]
async fn issuer_audience_and_times_must_fit() {
    let signer = Signer::new("k1", Algorithm::ES256);
    let verifier = verifier(&[signer.jwk()]).await;
    let party = |name| Err(JwtRejection::Party(name));
    for (changes, outcome) in [
        (json!({ "iss": "https://evil.example/" }), party("issuer")),
        (json!({ "iss": "https://id.example" }), party("issuer")),
        (json!({ "iss": ["https://id.example/", "https://evil.example/"] }), party("issuer")),
        (json!({ "iss": null }), Err(JwtRejection::Invalid)),
        (json!({ "iss": 7 }), Err(JwtRejection::Invalid)),
        (json!({ "aud": "someone-else" }), party("audience")),
        (json!({ "aud": ["a", "b"] }), party("audience")),
        (json!({ "aud": [] }), party("audience")),
        (json!({ "aud": null }), Err(JwtRejection::Invalid)),
        (json!({ "aud": ["x", "other"] }), Ok("act-ada".to_owned())),
        (json!({ "exp": now() - 3600 }), Err(JwtRejection::Time("expired"))),
        (json!({ "exp": now() - 30 }), Ok("act-ada".to_owned())),
        (json!({ "exp": null }), Err(JwtRejection::Invalid)),
        (json!({ "exp": "tomorrow" }), Err(JwtRejection::Invalid)),
        (json!({ "exp": -1 }), Err(JwtRejection::Invalid)),
        (json!({ "nbf": now() + 3600 }), Err(JwtRejection::Time("not valid yet"))),
        (json!({ "nbf": now() + 30 }), Ok("act-ada".to_owned())),
        (json!({ "nbf": "soon" }), Err(JwtRejection::Invalid)),
    ] {
        assert_eq!(verifier.verify(&signer.sign(&claims(changes.clone()))).await, outcome, "{changes}");
    }
}

#[tokio::test]
async fn the_actor_claim_is_a_text_that_is_not_blank() {
    let signer = Signer::new("k1", Algorithm::ES256);
    let verifier = verifier_with(&[signer.jwk()], |settings| settings.actor_claim = "email".into()).await;
    let long = "x".repeat(257);
    for (email, outcome) in [
        (json!("ada@example.org"), Ok("ada@example.org".to_owned())),
        (json!("  "), Err(JwtRejection::Actor)),
        (json!(7), Err(JwtRejection::Actor)),
        (json!(["a"]), Err(JwtRejection::Actor)),
        (json!(null), Err(JwtRejection::Actor)),
        (json!(long), Err(JwtRejection::Actor)),
    ] {
        assert_eq!(
            verifier.verify(&signer.sign(&claims(json!({ "email": email })))).await,
            outcome,
            "{email}"
        );
    }
}

#[tokio::test]
async fn a_signature_by_another_key_is_refused() {
    let (ours, theirs) = (Signer::new("k1", Algorithm::EdDSA), Signer::new("k1", Algorithm::EdDSA));
    let verifier = verifier(&[ours.jwk()]).await;
    assert_eq!(verifier.verify(&theirs.sign(&claims(json!({})))).await, Err(JwtRejection::Invalid));
    let token = ours.sign(&claims(json!({})));
    let other = ours.sign(&claims(json!({ "sub": "root" })));
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (other_head, _) = other.rsplit_once('.').unwrap();
    assert!(verifier.verify(&format!("{head}.{signature}")).await.is_ok());
    assert_eq!(verifier.verify(&format!("{other_head}.{signature}")).await, Err(JwtRejection::Invalid));
}

#[tokio::test]
async fn no_signature_and_shared_secrets_are_refused() {
    let signer = Signer::new("k1", Algorithm::RS256);
    let verifier = verifier(&[signer.jwk()]).await;
    let token = signer.sign(&claims(json!({})));
    let payload = token.split('.').nth(1).unwrap();
    // {"alg":"none"}, {"alg":"None","kid":"k1"}
    for head in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJOb25lIiwia2lkIjoiazEifQ"] {
        for signature in ["", "AAAA"] {
            let outcome = verifier.verify(&format!("{head}.{payload}.{signature}")).await;
            assert_eq!(outcome, Err(JwtRejection::Malformed));
        }
    }
    // The public key, in every form an attacker has it, as an HMAC secret.
    let jwk = signer.jwk();
    let modulus = jwk["n"].as_str().unwrap();
    for secret in [modulus.as_bytes().to_vec(), jwk.to_string().into_bytes(), Vec::new()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let header = Header { kid: Some("k1".into()), ..Header::new(algorithm) };
            let token = encode(&header, &claims(json!({})), &EncodingKey::from_secret(&secret)).unwrap();
            assert_eq!(verifier.verify(&token).await, Err(JwtRejection::Algorithm(algorithm)));
        }
    }
}

#[tokio::test]
async fn an_algorithm_must_fit_the_key_and_be_accepted() {
    let (rsa, ec) = (Signer::new("rsa", Algorithm::RS256), Signer::new("ec", Algorithm::ES256));
    let keys = [rsa.jwk(), ec.jwk()];
    let all = verifier(&keys).await;
    let crossed = Header { kid: Some("rsa".into()), ..ec.header() };
    assert_eq!(all.verify(&ec.sign_with(&crossed, &claims(json!({})))).await, Err(JwtRejection::UnfitKey));
    let some = verifier_with(&keys, |settings| settings.algorithms = vec![Algorithm::ES256]).await;
    assert_eq!(
        some.verify(&rsa.sign(&claims(json!({})))).await,
        Err(JwtRejection::Algorithm(Algorithm::RS256))
    );
    assert!(some.verify(&ec.sign(&claims(json!({})))).await.is_ok());
    let mut only_512 = rsa.jwk();
    only_512["alg"] = json!("RS512");
    let verifier = verifier(&[only_512]).await;
    assert_eq!(verifier.verify(&rsa.sign(&claims(json!({})))).await, Err(JwtRejection::UnfitKey));
}

#[tokio::test]
async fn keys_for_other_uses_do_not_count() {
    let signer = Signer::new("k1", Algorithm::ES256);
    let good = Signer::new("k2", Algorithm::ES256);
    for (member, value) in [("use", json!("enc")), ("key_ops", json!(["encrypt"])), ("alg", json!("ECDH-ES"))]
    {
        let mut jwk = signer.jwk();
        jwk[member] = value;
        let verifier = verifier(&[jwk, good.jwk()]).await;
        let outcome = verifier.verify(&signer.sign(&claims(json!({})))).await;
        assert_eq!(outcome, Err(JwtRejection::UnknownKey), "{member}");
        assert!(verifier.verify(&good.sign(&claims(json!({})))).await.is_ok(), "{member}");
    }
}

#[tokio::test]
async fn a_token_without_key_id_needs_one_fitting_key() {
    let (one, two) = (Signer::new("k1", Algorithm::ES256), Signer::new("k2", Algorithm::ES256));
    let other = Signer::new("k3", Algorithm::EdDSA);
    let token = one.sign_with(&Header { kid: None, ..one.header() }, &claims(json!({})));
    assert!(verifier(&[one.jwk(), other.jwk()]).await.verify(&token).await.is_ok());
    let both = verifier(&[one.jwk(), two.jwk()]).await;
    assert_eq!(both.verify(&token).await, Err(JwtRejection::UnfitKey));
}

#[tokio::test]
async fn critical_extensions_and_keys_in_the_token_are_refused_or_ignored() {
    let (ours, theirs) = (Signer::new("k1", Algorithm::ES256), Signer::new("k1", Algorithm::ES256));
    let verifier = verifier(&[ours.jwk()]).await;
    let critical = Header { crit: Some(vec!["b64".into()]), ..ours.header() };
    let outcome = verifier.verify(&ours.sign_with(&critical, &claims(json!({})))).await;
    assert_eq!(outcome, Err(JwtRejection::Critical));
    let own_key: jsonwebtoken::jwk::Jwk = serde_json::from_value(theirs.jwk()).unwrap();
    let carrying =
        Header { jwk: Some(own_key), jku: Some("https://evil.example/".into()), ..theirs.header() };
    let outcome = verifier.verify(&theirs.sign_with(&carrying, &claims(json!({})))).await;
    assert_eq!(outcome, Err(JwtRejection::Invalid));
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let signer = Signer::new("k1", Algorithm::ES256);
    let verifier = verifier(&[signer.jwk()]).await;
    let huge = format!("{}.e30.AA", "A".repeat(20_000));
    for text in ["", "..", "a.b.c", "e30.e30.", "eyJhbGciOiJFUzI1NiJ9.!.!", "a.b", "ä.ö.ü", huge.as_str()]
    {
        assert!(verifier.verify(text).await.is_err(), "{text:.20}");
    }
}

#[tokio::test]
async fn a_static_token_goes_first_and_its_actor_cannot_be_minted() {
    use axum::http::{HeaderMap, HeaderValue};

    use crate::auth::{AuthError, Authenticator, IdentitySource, TokenStore};

    let signer = Signer::new("k1", Algorithm::ES256);
    let tokens = TokenStore::new([("root", "x.y.z")]).unwrap();
    let authenticator = Authenticator::new(tokens, Some(verifier(&[signer.jwk()]).await));
    let ask = async |token: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        authenticator.authenticate(&headers).await
    };
    let actor = ask("x.y.z").await.unwrap().unwrap();
    assert_eq!((&*actor.id, actor.source), ("root", IdentitySource::Static));
    let actor = ask(&signer.sign(&claims(json!({})))).await.unwrap().unwrap();
    assert_eq!((&*actor.id, actor.source), ("act-ada", IdentitySource::Jwt));
    for actor in ["root", " root ", "omnigraph:recovery", "a\u{0}b"] {
        let outcome = ask(&signer.sign(&claims(json!({ "sub": actor })))).await;
        assert_eq!(outcome, Err(AuthError::Invalid), "{actor:?}");
    }
    for token in ["x.y.zz", "x.y", "x.y.z.w"] {
        assert_eq!(ask(token).await, Err(AuthError::Invalid), "{token}");
    }
}
