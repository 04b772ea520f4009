//! Parameters of query strings, none of which may be given twice.

use std::borrow::Cow;
use std::collections::BTreeSet;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;

use super::escapes::escapes_are_whole;
use super::rejection::ExtractError;

/// The parameters of a query string. Unknown ones are up to `T`; a repeated one is 400, since each reader of a request
/// could take another of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiQuery<T>(
    /// The value.
    pub T,
);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ExtractError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ExtractError> {
        check(parts.uri.query().unwrap_or_default())?;
        let Query(value) = Query::try_from_uri(&parts.uri).map_err(refuse)?;
        Ok(Self(value))
    }
}

/// Refuses broken escapes, bytes that are not UTF-8, and repeated names.
fn check(query: &str) -> Result<(), ExtractError> {
    let mut names = BTreeSet::new();
    for (name, _) in query_pairs(query)? {
        if !names.insert(name.clone()) {
            return Err(ExtractError::RepeatedParameter { name });
        }
    }
    Ok(())
}

/// Decodes the parameters of a query string, in their order.
///
/// # Errors
/// [`ExtractError::Escape`] and [`ExtractError::NotUtf8`].
pub fn query_pairs(query: &str) -> Result<Vec<(String, String)>, ExtractError> {
    if !escapes_are_whole(query) {
        return Err(ExtractError::Escape { part: "query string" });
    }
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let decoded = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, decode(value)?))
    });
    decoded.collect()
}

/// Decodes as forms do: `+` is a blank.
fn decode(text: &str) -> Result<String, ExtractError> {
    let blanks = text.replace('+', " ");
    let decoded = percent_decode(blanks.as_bytes()).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| ExtractError::NotUtf8 { part: "query string" })
}

fn refuse(rejection: QueryRejection) -> ExtractError {
    let text = rejection.body_text();
    let problem = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
    ExtractError::Query { problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use proptest::prelude::*;
    use serde::Deserialize;
    use tower::ServiceExt;

    use super::*;
    use crate::fixtures::body_json;

    #[derive(Deserialize)]
    struct Wanted {
        branch: Option<String>,
        limit: Option<u32>,
    }

    async fn ask(query: &str) -> (u16, String) {
        let echo = |ApiQuery(wanted): ApiQuery<Wanted>| async move {
            axum::Json(format!("{:?} {:?}", wanted.branch, wanted.limit))
        };
        let app = Router::new().route("/", get(echo));
        let request = Request::get(format!("/?{query}")).body(Body::empty()).unwrap();
        let response = app.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = body_json(response).await;
        let text = if status == 200 { &body } else { &body["error"] };
        (status, text.as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn parameters_are_decoded_and_unknown_ones_ignored() {
        assert_eq!(ask("branch=a%2Fb+c&limit=3&x=1").await, (200, r#"Some("a/b c") Some(3)"#.to_owned()));
        assert_eq!(ask("").await, (200, "None None".to_owned()));
        assert_eq!(ask("branch=").await, (200, r#"Some("") None"#.to_owned()));
    }

    #[tokio::test]
    async fn repeated_broken_and_wrong_parameters_are_400() {
        for (query, part) in [
            ("branch=a&branch=a", "'branch' is given more than once"),
            ("branch=a&br%61nch=b", "'branch' is given more than once"),
            ("x&x", "'x' is given more than once"),
            ("branch=%zz", "percent escape"),
            ("branch=%4", "percent escape"),
            ("branch=%ff", "not UTF-8"),
            ("%ff=1", "not UTF-8"),
            ("limit=many", "limit"),
            ("limit=-1", "limit"),
        ] {
            let (status, message) = ask(query).await;
            assert_eq!(status, 400, "{query}");
            assert!(message.contains(part), "{query}: {message}");
        }
    }

    proptest! {
        #[test]
        fn what_passes_has_each_name_once(query in "[ab=&%0-9+]{0,24}") {
            if check(&query).is_ok() {
                let parsed: Query<Vec<(String, String)>> =
                    Query::try_from_uri(&format!("/?{query}").parse().unwrap()).unwrap();
                let names: BTreeSet<_> = parsed.iter().map(|(name, _)| name).collect();
                prop_assert_eq!(names.len(), parsed.len());
            }
        }
    }
}
