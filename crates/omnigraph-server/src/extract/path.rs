//! Parameters of paths, decoded segment by segment, and the id of the graph, which stands there as it is.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, OriginalUri, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::escapes::escapes_are_whole;
use super::rejection::ExtractError;
use crate::settings::GraphId;

/// The parameters of a path, each decoded by itself: `review%2F7` is one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiPath<T>(
    /// The value.
    pub T,
);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for ApiPath<T> {
    type Rejection = ExtractError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ExtractError> {
        if !escapes_are_whole(parts.uri.path()) {
            return Err(ExtractError::Escape { part: "path" });
        }
        let Path(value) = Path::from_request_parts(parts, state).await.map_err(refuse)?;
        Ok(Self(value))
    }
}

fn refuse(rejection: PathRejection) -> ExtractError {
    let PathRejection::FailedToDeserializePathParams(error) = rejection else { return ExtractError::Route };
    match error.kind() {
        ErrorKind::InvalidUtf8InPathParam { .. } => ExtractError::NotUtf8 { part: "path" },
        ErrorKind::WrongNumberOfParameters { .. } | ErrorKind::UnsupportedType { .. } => ExtractError::Route,
        kind => ExtractError::Path { problem: kind.to_string() },
    }
}

/// The graph of `/graphs/{graph_id}/…`, as it stands in the path: a percent escape in it is invalid, so that one graph
/// has one address. `None` on flat routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedGraph(
    /// The id.
    pub Option<GraphId>,
);

impl<S: Send + Sync> FromRequestParts<S> for RequestedGraph {
    type Rejection = ExtractError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ExtractError> {
        let original = parts.extensions.get::<OriginalUri>().map(|uri| uri.0.path());
        match graph_segment(original.unwrap_or(parts.uri.path())) {
            Some(segment) => Ok(Self(Some(GraphId::try_from(segment)?))),
            None => Ok(Self(None)),
        }
    }
}

/// Returns the second segment of `/graphs/{graph_id}/…`, undecoded.
fn graph_segment(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/graphs/")?;
    rest.split_once('/').map(|(segment, _)| segment)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;
    use crate::fixtures::body_json;

    async fn ask(path: &str) -> (u16, String) {
        let branch = |ApiPath(name): ApiPath<String>| async move { axum::Json(name) };
        let number = |ApiPath(number): ApiPath<u8>| async move { axum::Json(number.to_string()) };
        let wrong = |ApiPath(_): ApiPath<(String, String)>| async move { axum::Json("") };
        let graph = |RequestedGraph(id): RequestedGraph| async move {
            axum::Json(id.map(|id| id.to_string()).unwrap_or_else(|| "flat".into()))
        };
        let nested = Router::new().route("/query", get(graph));
        let app = Router::new()
            .route("/branches/{branch}", get(branch))
            .route("/numbers/{n}", get(number))
            .route("/wrong/{n}", get(wrong))
            .nest("/graphs/{graph_id}", nested.clone())
            .merge(nested);
        let response = app.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = body_json(response).await;
        let text = if status == 200 { &body } else { &body["error"] };
        (status, text.as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn segments_are_decoded_one_by_one() {
        assert_eq!(ask("/branches/review%2F7").await, (200, "review/7".to_owned()));
        assert_eq!(ask("/branches/a+b%20c").await, (200, "a+b c".to_owned()));
        assert_eq!(ask("/branches/%C3%A4").await, (200, "ä".to_owned()));
    }

    #[tokio::test]
    async fn broken_escapes_and_bytes_are_400() {
        for (path, part) in [
            ("/branches/%zz", "percent escape"),
            ("/branches/a%2", "percent escape"),
            ("/branches/%ff", "not UTF-8"),
            ("/numbers/x", "does not fit"),
            ("/numbers/300", "does not fit"),
        ] {
            let (status, message) = ask(path).await;
            assert_eq!(status, 400, "{path}");
            assert!(message.contains(part), "{path}: {message}");
        }
        assert_eq!(ask("/wrong/x").await.0, 500);
    }

    #[tokio::test]
    async fn the_graph_is_compared_undecoded() {
        assert_eq!(ask("/graphs/atlas/query").await, (200, "atlas".to_owned()));
        assert_eq!(ask("/query").await, (200, "flat".to_owned()));
        for id in ["atl%61s", "a_b", "healthz", "a%2Fb"] {
            let (status, message) = ask(&format!("/graphs/{id}/query")).await;
            assert_eq!(status, 400, "{id}");
            assert!(message.starts_with(&format!("invalid graph id '{id}'")), "{message}");
        }
    }
}
