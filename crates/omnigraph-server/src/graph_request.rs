//! One request to one graph: who asks, which graph is meant, what the actor may do, and which form the answer has.
//!
//! [`GraphRequest`] is an extractor: a handler that takes one has the actor that authentication found and a graph that is
//! served. Permission is asked by the handler itself, once it knows which operation the request stands for.

use std::future::Future;
use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use omnigraph::OmniError;
use omnigraph_api::ErrorReply;
use omnigraph_api::legacy::Flat;
use omnigraph_policy::{Authorization, Operation, PolicyEngine, PolicyRequest};

use crate::auth::Actor;
use crate::error::ApiError;
use crate::extract::RequestedGraph;
use crate::metrics::Metrics;
use crate::state::{AppState, GraphHandle};
use crate::workload::{ANONYMOUS, AdmissionGuard};

/// The branch that is meant where none is named.
pub const MAIN: &str = "main";

/// A request to a graph: what every handler of a graph operation starts from.
#[derive(Clone, Debug)]
pub struct GraphRequest {
    /// The server.
    pub app: AppState,
    /// The graph.
    pub graph: Arc<GraphHandle>,
    /// The authenticated actor; none on an open server.
    pub actor: Option<Arc<str>>,
    /// Whether the request came over a flat route, whose answers have the members of older clients.
    pub flat: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for GraphRequest
where
    AppState: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = AppState::from_ref(state);
        let RequestedGraph(id) = RequestedGraph::from_request_parts(parts, state).await?;
        let Some(graph) = app.serving.find(id.as_ref()).cloned() else {
            return Err(match id {
                Some(id) => ErrorReply::graph_not_found(id.as_str()).into(),
                None => ApiError::not_found("no such path"),
            });
        };
        tracing::Span::current().record("graph", graph.label.as_str());
        let actor = actor(parts);
        Ok(Self { app, graph, actor, flat: id.is_none() })
    }
}

/// Returns the actor that authentication found.
pub fn actor(parts: &Parts) -> Option<Arc<str>> {
    parts.extensions.get::<Actor>().map(|actor| Arc::clone(&actor.id))
}

impl GraphRequest {
    /// Returns the actor's name.
    pub fn actor_id(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// Asks for everything that an operation needs.
    ///
    /// # Errors
    /// 403 with the decision; 401 and 500 when there is none.
    pub fn authorize(&self, operation: Operation<'_>) -> Result<(), ApiError> {
        authorize(self.graph.policy.as_ref(), self.actor_id(), operation, &self.app.metrics)
    }

    /// As [`GraphRequest::authorize`] for a read of a branch or a commit, `main` without either. A commit is judged by the branch
    /// it was made on.
    ///
    /// # Errors
    /// As [`GraphRequest::authorize`]; 404 for an unknown commit.
    pub async fn authorize_read(&self, branch: Option<&str>, snapshot: Option<&str>) -> Result<(), ApiError> {
        let Some(id) = snapshot else { return self.authorize(Operation::Read { branch }) };
        if self.graph.policy.is_none() || self.actor.is_none() {
            return self.authorize(Operation::Read { branch: None });
        }
        let commit = self.graph.engine.get_commit(id).await.map_err(|error| ApiError::engine(&error))?;
        self.authorize(Operation::Read { branch: commit.graph_branch.as_deref() })
    }

    /// Takes a slot for a write of about so many bytes.
    ///
    /// # Errors
    /// 429.
    pub fn admit(&self, bytes: usize) -> Result<AdmissionGuard, ApiError> {
        let key = self.actor_id().unwrap_or(ANONYMOUS);
        self.app.workload.try_admit(key, bytes as u64).map_err(|refusal| {
            self.app.metrics.admission_refused(refusal.resource);
            refusal.into()
        })
    }

    /// Runs a write to its end, also when the client goes away meanwhile: what has begun to be published is not undone, and
    /// the slot is held as long as it runs.
    pub async fn finish<T: Send + 'static>(
        &self,
        slot: AdmissionGuard,
        write: impl Future<Output = Result<T, OmniError>> + Send + 'static,
    ) -> Result<T, OmniError> {
        let task = async move {
            let _slot = slot;
            write.await
        };
        let written = match tokio::spawn(tracing::Instrument::in_current_span(task)).await {
            Ok(written) => written,
            Err(stopped) => Err(OmniError::internal(format!("a write stopped: {stopped}"))),
        };
        if written.as_ref().is_err_and(is_conflict) {
            self.app.metrics.write_conflicted();
        }
        written
    }

    /// Makes an answer; on a flat route with the members of older clients.
    pub fn answer<T: serde::Serialize + Flat>(&self, output: T) -> Response {
        if self.flat { Json(output.flat()).into_response() } else { Json(output).into_response() }
    }

    /// Makes the refusal of an engine error; what is wrong with `text` is told with its places.
    pub fn refuse(&self, error: &OmniError, text: &str) -> ApiError {
        ApiError::engine_about(error, text).flat(self.flat)
    }
}

fn is_conflict(error: &OmniError) -> bool {
    let status = omnigraph_service::error::reply(error).status();
    matches!(status, 409 | 412)
}

/// Asks a bundle, or the rules without one, for everything that an operation needs, and logs and counts each decision.
///
/// # Errors
/// 403 with the decision; 401 and 500 when there is none.
pub fn authorize(
    bundle: Option<&PolicyEngine>,
    actor: Option<&str>,
    operation: Operation<'_>,
    metrics: &Metrics,
) -> Result<(), ApiError> {
    for request in operation.requests() {
        decide(bundle, actor, &request, metrics)?;
    }
    Ok(())
}

fn decide(
    bundle: Option<&PolicyEngine>,
    actor: Option<&str>,
    request: &PolicyRequest,
    metrics: &Metrics,
) -> Result<(), ApiError> {
    let action = request.action.as_str();
    let outcome = omnigraph_policy::authorize(bundle, actor, request)
        .map_err(|error| ApiError::internal(format!("policy: {error}")))?;
    if outcome != Authorization::Open && outcome != Authorization::Unauthenticated {
        let matched = match &outcome {
            Authorization::Decided(decision) => decision.matched_rule_id.as_deref(),
            _ => None,
        };
        tracing::info!(
            actor_id = actor.unwrap_or_default(),
            action,
            branch = request.branch.as_deref().unwrap_or_default(),
            target_branch = request.target_branch.as_deref().unwrap_or_default(),
            allowed = outcome.allows(),
            matched_rule_id = matched.unwrap_or_default(),
            "policy decision"
        );
        metrics.policy_decided(action, outcome.allows());
    }
    match outcome {
        Authorization::Open => Ok(()),
        Authorization::Decided(decision) if decision.allowed => Ok(()),
        Authorization::Decided(decision) => Err(ApiError::forbidden(decision.message)),
        Authorization::Denied(message) => Err(ApiError::forbidden(message)),
        Authorization::Unauthenticated => Err(ErrorReply::missing_token().into()),
    }
}

/// Trims the name of a branch, so that it is judged as the branch it resolves to; `main` when it is left out.
///
/// # Errors
/// 400 for a blank one.
pub fn branch_name(name: Option<&str>) -> Result<&str, ApiError> {
    match name.map(str::trim) {
        None => Ok(MAIN),
        Some("") => Err(ApiError::bad_request("a branch name must not be blank")),
        Some(name) => Ok(name),
    }
}

/// As [`branch_name`] for what has no default.
///
/// # Errors
/// 400 for a blank one.
pub fn given_branch(name: Option<&str>) -> Result<Option<&str>, ApiError> {
    name.map(|name| branch_name(Some(name))).transpose()
}

/// Checks that a read names a branch or a commit, and trims both.
///
/// # Errors
/// 400 for both, and for blank ones.
pub fn read_of<'a>(
    branch: Option<&'a str>,
    snapshot: Option<&'a str>,
) -> Result<(Option<&'a str>, Option<&'a str>), ApiError> {
    if branch.is_some() && snapshot.is_some() {
        return Err(ApiError::bad_request("give a branch or a snapshot, not both"));
    }
    let snapshot = snapshot.map(str::trim);
    if snapshot == Some("") {
        return Err(ApiError::bad_request("a snapshot id must not be blank"));
    }
    Ok((given_branch(branch)?, snapshot))
}
