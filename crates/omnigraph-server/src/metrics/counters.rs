//! The metrics of a server: their names and labels, and a method for each thing that is counted.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use axum::http::Method;
use omnigraph::Omnigraph;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::engine;
use crate::workload::{AdmissionResource, WorkloadController};

/// Media type of [`Metrics::encode`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the latency buckets in seconds: from a cached read to a large load.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

/// Why authentication failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthFailure {
    /// No usable `Authorization` header.
    Missing,
    /// A token that proves nothing.
    Invalid,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    action: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    resource: &'static str,
}

#[derive(Clone, Debug)]
struct Latency;

impl MetricConstructor<Histogram> for Latency {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

/// The metrics of one server.
pub struct Metrics {
    registry: RwLock<Registry>,
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram, Latency>,
    pub(super) in_flight: Gauge,
    auth_failures: Family<ReasonLabels, Counter>,
    admission_refusals: Family<ResourceLabels, Counter>,
    policy_decisions: Family<DecisionLabels, Counter>,
    write_conflicts: Counter,
    engine: engine::Latest,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Returns metrics that stand at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("omnigraph");
        let metrics = Self {
            registry: RwLock::default(),
            requests: Family::default(),
            latency: Family::new_with_constructor(Latency),
            in_flight: Gauge::default(),
            auth_failures: Family::default(),
            admission_refusals: Family::default(),
            policy_decisions: Family::default(),
            write_conflicts: Counter::default(),
            engine: engine::Latest::default(),
        };
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from the request's head to the response's head",
            metrics.latency.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests whose response body has not ended",
            metrics.in_flight.clone(),
        );
        registry.register("auth_failures", "Requests without a valid token", metrics.auth_failures.clone());
        registry.register(
            "admission_refusals",
            "Writes refused because of what their actor has under way",
            metrics.admission_refusals.clone(),
        );
        registry.register("policy_decisions", "Decisions at the routes", metrics.policy_decisions.clone());
        registry.register(
            "write_conflicts",
            "Writes answered with a conflict",
            metrics.write_conflicts.clone(),
        );
        metrics.engine.register(&mut registry);
        Self { registry: RwLock::new(registry), ..metrics }
    }

    /// Counts an answered request. `route` is the template of the route.
    pub fn request_answered(&self, method: &Method, route: &str, status: u16, duration: Duration) {
        let (method, route) = (method_label(method), route.to_owned());
        let labels = RouteLabels { method, route: route.clone() };
        self.latency.get_or_create(&labels).observe(duration.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { method, route, status: status.into() }).inc();
    }

    /// Returns how many requests have a response whose body has not ended, or none yet.
    pub fn requests_in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// Counts a request without a valid token.
    pub fn auth_failed(&self, failure: AuthFailure) {
        let reason = match failure {
            AuthFailure::Missing => "missing",
            AuthFailure::Invalid => "invalid",
        };
        self.auth_failures.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts a write that was not admitted.
    pub fn admission_refused(&self, resource: AdmissionResource) {
        self.admission_refusals.get_or_create(&ResourceLabels { resource: resource.as_str() }).inc();
    }

    /// Counts a decision on a policy action, given by its name.
    pub fn policy_decided(&self, action: &'static str, allowed: bool) {
        let outcome = if allowed { "allow" } else { "deny" };
        self.policy_decisions.get_or_create(&DecisionLabels { action, outcome }).inc();
    }

    /// Counts a write that was answered with a conflict.
    pub fn write_conflicted(&self) {
        self.write_conflicts.inc();
    }

    /// Returns all metrics in the OpenMetrics text format.
    ///
    /// # Errors
    /// [`fmt::Error`] if a computed metric has a form that the format cannot show.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut body = String::new();
        text::encode(&mut body, &self.registry.read().unwrap_or_else(PoisonError::into_inner))?;
        Ok(body)
    }

    /// Reads what the engine counts in these graphs and which writes are under way; [`Metrics::encode`] shows it until the
    /// next call.
    pub async fn collect(&self, graphs: &[&Omnigraph], workload: &WorkloadController) {
        self.engine.set(engine::collect(graphs, workload).await);
    }
}

/// Returns one of ten labels: a method is any token that a client thinks up.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::super::scrape::Sample;
    use super::*;

    #[test]
    fn counts_are_in_the_text() {
        let metrics = Metrics::new();
        metrics.request_answered(&Method::GET, "/graphs/{graph_id}/query", 200, Duration::from_millis(3));
        metrics.auth_failed(AuthFailure::Invalid);
        metrics.admission_refused(AdmissionResource::Bytes);
        metrics.policy_decided("branch_merge", false);
        metrics.write_conflicted();
        let text = metrics.encode().unwrap();
        for line in [
            r#"omnigraph_http_requests_total{method="GET",route="/graphs/{graph_id}/query",status="200"} 1"#,
            r#"omnigraph_http_request_duration_seconds_bucket{le="0.005",method="GET",route="/graphs/{graph_id}/query"} 1"#,
            r#"omnigraph_auth_failures_total{reason="invalid"} 1"#,
            r#"omnigraph_admission_refusals_total{resource="per_actor_bytes"} 1"#,
            r#"omnigraph_policy_decisions_total{action="branch_merge",outcome="deny"} 1"#,
            "omnigraph_write_conflicts_total 1",
            "omnigraph_http_requests_in_flight 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn what_the_engine_counted_is_as_it_was_last_collected() {
        let metrics = Metrics::new();
        let sample = |kind: &str, value| Sample { labels: vec![("kind", kind.into())], value };
        let with = |gets| engine::Collected {
            storage_calls: vec![sample("get", gets), sample("put", 1.0)],
            commits: 3.0,
            ..engine::Collected::default()
        };
        metrics.engine.set(with(7.0));
        assert!(metrics.encode().unwrap().contains("omnigraph_storage_calls_total{kind=\"get\"} 7"));
        metrics.engine.set(with(9.0));
        let text = metrics.encode().unwrap();
        for line in [
            "omnigraph_storage_calls_total{kind=\"get\"} 9",
            "omnigraph_storage_calls_total{kind=\"put\"} 1",
            "\nomnigraph_commits_total 3",
            "\nomnigraph_open_intents 0",
        ] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
    }

    #[test]
    fn a_method_that_a_client_thinks_up_is_no_label() {
        assert_eq!(method_label(&Method::from_bytes(b"BREW").unwrap()), "other");
    }
}
