//! The authentication middleware in front of routes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use proptest::prelude::*;
use tower::ServiceExt;

use super::*;
use crate::fixtures::body_json;
use crate::metrics::Metrics;

fn app(authenticator: Authenticator) -> (Router, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new());
    let state = AuthState { authenticator: Arc::new(authenticator), metrics: Arc::clone(&metrics) };
    let who = |actor: Option<Extension<Actor>>| async move {
        actor.map_or_else(
            || "nobody".to_owned(),
            |Extension(actor)| format!("{} {:?}", actor.id, actor.source),
        )
    };
    let app = Router::new()
        .route("/who", get(who))
        .route_layer(from_fn_with_state(state, authenticate))
        .route("/healthz", get(|| async { "ok" }));
    (app, metrics)
}

fn tokens() -> TokenStore {
    TokenStore::new([("root", "r00t"), ("ada", "a.d.a")]).unwrap()
}

async fn ask(app: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 9999).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_token_names_its_actor() {
    let (app, _) = app(Authenticator::new(tokens(), None));
    let response = ask(&app, "GET", "/who", &[("Authorization", "bearer a.d.a")]).await;
    assert_eq!(text(response).await, "ada Static");
}

#[tokio::test]
async fn nothing_but_the_token_names_an_actor() {
    let (app, _) = app(Authenticator::new(tokens(), None));
    let headers =
        [("X-Actor-Id", "root"), ("Authorization", "Bearer a.d.a"), ("Authorization", "Bearer r00t")];
    assert_eq!(text(ask(&app, "GET", "/who?actor=root", &headers).await).await, "ada Static");
}

#[tokio::test]
async fn requests_without_a_valid_token_are_401_with_the_contract_texts() {
    let (app, metrics) = app(Authenticator::new(tokens(), None));
    for (headers, message) in [
        (&[][..], "missing bearer token"),
        (&[("Authorization", "Basic eDp5")], "missing bearer token"),
        (&[("Authorization", "Bearer")], "missing bearer token"),
        (&[("Authorization", "Bearer nope")], "invalid bearer token"),
        (&[("Authorization", "Bearer  r00t")], "invalid bearer token"),
        (&[("Authorization", "Bearer a.b.c")], "invalid bearer token"),
    ] {
        let response = ask(&app, "GET", "/who", headers).await;
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let body = body_json(response).await;
        assert_eq!((body["error"].as_str(), body["code"].as_str()), (Some(message), Some("unauthorized")));
    }
    let counted = metrics.encode().unwrap();
    assert!(counted.contains(r#"omnigraph_auth_failures_total{reason="missing"} 3"#), "{counted}");
    assert!(counted.contains(r#"omnigraph_auth_failures_total{reason="invalid"} 3"#), "{counted}");
}

#[tokio::test]
async fn unknown_paths_need_no_token_and_wrong_methods_do() {
    let (app, _) = app(Authenticator::new(tokens(), None));
    assert_eq!(ask(&app, "GET", "/nowhere", &[]).await.status(), 404);
    assert_eq!(ask(&app, "GET", "/healthz", &[]).await.status(), 200);
    assert_eq!(ask(&app, "POST", "/who", &[]).await.status(), 401);
    assert_eq!(ask(&app, "POST", "/who", &[("Authorization", "Bearer r00t")]).await.status(), 405);
}

#[tokio::test]
async fn an_open_server_looks_at_no_header() {
    let (app, _) = app(Authenticator::open());
    for header in ["Bearer r00t", "Basic x", "Bearer"] {
        assert_eq!(text(ask(&app, "GET", "/who", &[("Authorization", header)]).await).await, "nobody");
    }
}

proptest! {
    #[test]
    fn no_header_value_panics_or_proves_an_actor(value in prop::collection::vec(0x20..=0xffu8, 0..60)) {
        prop_assume!(!value.contains(&0x7f));
        let mut headers = axum::http::HeaderMap::new();
        headers.insert("authorization", axum::http::HeaderValue::from_bytes(&value).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let outcome = runtime.block_on(Authenticator::new(tokens(), None).authenticate(&headers));
        prop_assert!(outcome.is_err());
    }
}
