//! Which answers a browser shows to pages of other origins (CORS protocol of the WHATWG Fetch standard).

use axum::http::{HeaderName, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::request_id::X_REQUEST_ID;
use crate::settings::CorsOrigins;

/// How long a browser may keep the answer to a preflight.
const PREFLIGHT_SECONDS: u64 = 600;

/// Returns the layer that answers preflights and marks responses; `None` if no origin may call.
///
/// It goes outside authentication, because a preflight carries no token. Credentials of the browser are never allowed:
/// a caller sends its bearer token itself.
pub fn layer(origins: &CorsOrigins) -> Option<CorsLayer> {
    let allowed = match origins {
        CorsOrigins::None => return None,
        CorsOrigins::Any => AllowOrigin::any(),
        CorsOrigins::List(list) => AllowOrigin::list(list.clone()),
    };
    let exposed = [
        X_REQUEST_ID,
        header::RETRY_AFTER,
        header::ETAG,
        header::ACCEPT_RANGES,
        header::CONTENT_RANGE,
        header::LOCATION,
        HeaderName::from_static("deprecation"),
        HeaderName::from_static("omnigraph-snapshot-id"),
    ];
    Some(
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(exposed)
            .max_age(std::time::Duration::from_secs(PREFLIGHT_SECONDS)),
    )
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::HeaderValue;
    use axum::response::Response;
    use axum::routing::post;
    use tower::ServiceExt;

    use super::*;

    async fn preflight(origins: CorsOrigins, from: &str) -> Response {
        let app = Router::new().route("/query", post(|| async {})).layer(layer(&origins).unwrap());
        let request = Request::builder()
            .method("OPTIONS")
            .uri("/query")
            .header("Origin", from)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization,omnigraph-if-graph-commit")
            .body(Body::empty())
            .unwrap();
        app.oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_preflight_is_answered_for_listed_origins_only() {
        let origins = CorsOrigins::List(vec![HeaderValue::from_static("https://a.example")]);
        let response = preflight(origins.clone(), "https://a.example").await;
        assert_eq!(response.status(), 200);
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "https://a.example");
        assert_eq!(headers["access-control-allow-headers"], "authorization,omnigraph-if-graph-commit");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        let response = preflight(origins, "https://b.example").await;
        assert!(!response.headers().contains_key("access-control-allow-origin"));
    }

    #[tokio::test]
    async fn every_origin_is_a_star() {
        let response = preflight(CorsOrigins::Any, "https://b.example").await;
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        assert!(layer(&CorsOrigins::None).is_none());
    }
}
