//! The log: lines on stderr, so that stdout carries the listen address alone.
//!
//! Never logged: tokens, `Authorization` values, request bodies. Our own code does not; of the HTTP crates, which could
//! show headers at their finest levels, only `info` and above is kept, whatever the filter says.

use std::io::IsTerminal;

use tracing::subscriber::SetGlobalDefaultError;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::args::LogFormat;

/// Crates that handle headers and bodies.
const HTTP_CRATES: [&str; 9] =
    ["axum", "axum_core", "axum_server", "h2", "hyper", "hyper_util", "reqwest", "rustls", "tower_http"];

/// What is logged when nothing is said: the storage and query libraries tell of every file that they open.
const DEFAULT_FILTER: &str = "info,lance=warn,datafusion=warn";

/// How the log looks and what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSettings {
    /// Form of the lines.
    pub format: LogFormat,
    /// Filter in the syntax of `RUST_LOG`; `info` if absent.
    pub filter: Option<String>,
}

/// Sends the events of this process to stderr.
///
/// # Errors
/// [`SetGlobalDefaultError`] if the process has a subscriber already.
pub fn init(settings: &LogSettings) -> Result<(), SetGlobalDefaultError> {
    let colours = std::io::stderr().is_terminal();
    tracing::subscriber::set_global_default(subscriber(settings, colours, std::io::stderr))?;
    if let Some(problem) = settings.filter.as_deref().and_then(|text| EnvFilter::try_new(text).err()) {
        tracing::warn!(%problem, "RUST_LOG is no filter; using info");
    }
    Ok(())
}

fn subscriber<W>(settings: &LogSettings, colours: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match settings.format {
        LogFormat::Text => Box::new(tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(writer)),
        LogFormat::Json => Box::new(
            tracing_subscriber::fmt::layer().json().flatten_event(true).with_ansi(false).with_writer(writer),
        ),
    };
    Box::new(
        Registry::default()
            .with(lines.with_filter(filter(settings.filter.as_deref()).and(filter_fn(shows_no_header)))),
    )
}

fn filter(text: Option<&str>) -> EnvFilter {
    let chosen = text.and_then(|text| EnvFilter::try_new(text).ok());
    chosen.unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER))
}

/// Tells whether an event or span can hold no header.
fn shows_no_header(metadata: &Metadata<'_>) -> bool {
    let name = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || !HTTP_CRATES.contains(&name)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log(format: LogFormat, filter: Option<&str>, events: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let settings = LogSettings { format, filter: filter.map(str::to_owned) };
        let subscriber = subscriber(&settings, false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, events);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_have_fields_and_the_span() {
        let text = log(LogFormat::Json, None, || {
            tracing::info_span!("request", request_id = "r1")
                .in_scope(|| tracing::info!(status = 200, "answered"));
        });
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["status"], 200);
        assert_eq!(line["message"], "answered");
        assert_eq!(line["span"]["request_id"], "r1");
    }

    #[test]
    fn info_is_the_default_and_a_filter_that_is_none_changes_nothing() {
        for filter in [None, Some("omnigraph=nonsense=x")] {
            let text = log(LogFormat::Text, filter, || {
                tracing::info!("shown");
                tracing::debug!("hidden");
                tracing::info!(target: "lance::dataset_events", "hidden");
                tracing::info!(target: "lance_io::x", "hidden");
            });
            assert!(text.contains("shown") && !text.contains("hidden"), "{filter:?}: {text}");
        }
    }

    #[test]
    fn a_filter_is_followed_but_http_crates_stay_at_info() {
        let text = log(LogFormat::Text, Some("trace,hyper=trace"), || {
            tracing::trace!("ours");
            tracing::trace!(target: "hyper::proto", "authorization: Bearer hush");
            tracing::debug!(target: "h2::codec", "hush");
            tracing::info!(target: "hyper", "a notice");
        });
        assert!(text.contains("ours") && text.contains("a notice") && !text.contains("hush"), "{text}");
        let text = log(LogFormat::Text, Some("error"), || tracing::info!(target: "hyper", "a notice"));
        assert_eq!(text, "");
    }

    #[tokio::test]
    async fn a_request_is_logged_with_its_id_and_actor_and_without_its_token() {
        use axum::body::Body;
        use axum::extract::Request;
        use axum::middleware::from_fn_with_state;
        use axum::routing::post;
        use tower::ServiceExt;

        use crate::auth::{AuthState, Authenticator, TokenStore, authenticate};
        use crate::metrics::Metrics;
        use crate::request_id::{RequestIds, name_request};

        let captured = Captured::default();
        let writer = captured.clone();
        let settings = LogSettings { format: LogFormat::Json, filter: Some("trace".to_owned()) };
        let subscriber = subscriber(&settings, false, move || writer.clone());
        let guard = tracing::subscriber::set_default(subscriber);
        let tokens = TokenStore::new([("ada", "hush-hush")]).unwrap();
        let authenticator = Arc::new(Authenticator::new(tokens, None));
        let state = AuthState { authenticator, metrics: Arc::new(Metrics::new()) };
        let app = axum::Router::new()
            .route("/branches/{branch}", post(|body: String| async move { body }))
            .route_layer(from_fn_with_state(state, authenticate))
            .layer(from_fn_with_state(RequestIds::default(), name_request));
        for token in ["hush-hush", "hush-wrong"] {
            let request = Request::post("/branches/secret-name")
                .header("X-Request-Id", "r-7")
                .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
                .header("Authorization", format!("Bearer {token}"))
                .body(Body::from("body-hush"))
                .unwrap();
            app.clone().oneshot(request).await.unwrap();
        }
        drop(guard);
        let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        let ends: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &serde_json::Value| line["message"] == "answered")
            .collect();
        let [allowed, refused] = ends.as_slice() else { panic!("{text}") };
        assert_eq!((&allowed["status"], &refused["status"]), (&200.into(), &401.into()));
        let span = &allowed["span"];
        assert_eq!((span["request_id"].as_str(), span["actor"].as_str()), (Some("r-7"), Some("ada")));
        assert_eq!(span["route"], "/branches/{branch}");
        assert_eq!(span["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(!text.contains("hush") && !text.contains("secret-name"), "{text}");
    }
}
