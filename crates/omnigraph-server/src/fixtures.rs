//! An environment and the body of a response, for unit tests.

use std::collections::HashMap;
use std::ffi::OsString;

/// Returns an environment of exactly these variables.
pub(crate) fn env_of(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> + use<> {
    let map: HashMap<String, OsString> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
    move |name| map.get(name).cloned()
}

/// Reads a whole response as JSON.
pub(crate) async fn body_json(response: axum::response::Response) -> serde_json::Value {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
