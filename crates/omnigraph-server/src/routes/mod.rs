//! The routes: each operation of the API with its handler, and the way of a request to it.
//!
//! A request goes through naming, counting, CORS, panics and the time limit to the router; then through authentication;
//! then its handler finds the graph, reads the body, asks for permission, takes a slot, and calls the engine.

mod blobs;
mod branches;
mod changes;
mod commits;
mod export;
mod legacy;
mod loads;
mod operator;
mod queries;
mod range;
mod reads;
mod schema;
mod writes;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, on};
use axum::{Extension, Router, routing::MethodFilter};
use omnigraph_api::{Method, Operation, Scope, duration};
use tower_http::catch_panic::CatchPanicLayer;

use crate::auth::{AuthState, authenticate};
use crate::drain::drain;
use crate::error::{ApiError, unknown_method, unknown_path};
use crate::metrics::track;
use crate::request_id::name_request;
use crate::state::{AppState, Serving};
use crate::{cors, error};

/// Returns the service of all routes.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use omnigraph::Omnigraph;
/// use omnigraph_server::auth::Authenticator;
/// use omnigraph_server::registry::QueryRegistry;
/// use omnigraph_server::settings::{GraphId, GraphUri};
/// use omnigraph_server::state::{AppState, GraphHandle, Serving};
///
/// let engine = Omnigraph::init("memory://served", "node Person { name: String @key }").await?;
/// let uri = GraphUri::normalise(engine.uri(), "/".as_ref()).unwrap();
/// let (id, queries) = (GraphId::default_graph(), QueryRegistry::default());
/// let graph = GraphHandle::new(id, "people", uri, engine, None, queries).into();
/// let app = AppState::new(Serving::Single { graph, alias: None }, Authenticator::open());
/// let router = omnigraph_server::build_app(app);
/// # drop(router);
/// # Ok::<(), omnigraph::OmniError>(())
/// # }).unwrap();
/// ```
pub fn build_app(app: AppState) -> Router {
    let auth = AuthState { authenticator: Arc::clone(&app.authenticator), metrics: Arc::clone(&app.metrics) };
    let mut guarded = Router::new().route("/metrics", get(operator::metrics));
    let mut open = Router::new()
        .route("/openapi.json", get(operator::openapi))
        .route("/readyz", get(operator::ready))
        .route("/graphs/{graph_id}/healthz", get(operator::health));
    for operation in Operation::ALL {
        let (path, route) = (operation.nested_path(), route(operation));
        if operation == Operation::Health {
            open = open.route(&path, route);
            continue;
        }
        if operation.scope() == Scope::Graph && matches!(app.serving, Serving::Single { .. }) {
            guarded = guarded.route(operation.path(), route.clone());
        }
        guarded = guarded.route(&path, route);
    }
    if matches!(app.serving, Serving::Single { .. }) {
        guarded = guarded.merge(legacy::routes());
    }
    let guarded = guarded
        .method_not_allowed_fallback(unknown_method)
        .route_layer(from_fn_with_state(app.clone(), limit_time))
        .route_layer(from_fn_with_state(auth, authenticate));
    let open = open.method_not_allowed_fallback(unknown_method);
    let several = matches!(app.serving, Serving::Many(_));
    let mut router = guarded.merge(open).fallback(move || unknown(several)).with_state(app.clone()).layer(
        CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            tracing::error!("a handler panicked");
            error::ApiError::internal("internal error").into_response()
        }),
    );
    if let Some(cors) = cors::layer(&app.cors) {
        router = router.layer(cors);
    }
    router
        .layer(from_fn(drain))
        .layer(Extension(app.client_timeouts))
        .layer(from_fn_with_state(Arc::clone(&app.metrics), track))
        .layer(from_fn_with_state(app.request_ids.clone(), name_request))
}

/// Answers paths that no route has; who speaks flat to a server of several graphs is told where they are.
async fn unknown(several: bool) -> ApiError {
    if several {
        return ApiError::not_found(
            "no such path; this server has several graphs, each at /graphs/<graph_id>: name one with --graph <id>",
        );
    }
    unknown_path().await
}

/// Returns the handler of an operation. The one place that says which code answers what.
fn route(operation: Operation) -> MethodRouter<AppState> {
    match operation {
        Operation::Health => at(operation, operator::health),
        Operation::ListGraphs => at(operation, operator::graphs),
        Operation::GetSnapshot => at(operation, reads::snapshot),
        Operation::GetBlob => at(operation, blobs::get),
        Operation::HeadBlob => at(operation, blobs::head),
        Operation::Query => at(operation, reads::query),
        Operation::Read => at(operation, reads::read),
        Operation::Export => at(operation, export::export),
        Operation::ListQueries => at(operation, queries::list),
        Operation::InvokeQuery => at(operation, queries::invoke),
        Operation::InvokeQueryIfGraphCommit => at(operation, queries::invoke_if),
        Operation::Mutate | Operation::Change => at(operation, writes::mutate),
        Operation::MutateIfGraphCommit => at(operation, writes::mutate_if),
        Operation::Load | Operation::Ingest => at(operation, loads::load),
        Operation::LoadNdjson => at(operation, loads::load_ndjson),
        Operation::GetSchema => at(operation, schema::show),
        Operation::ApplySchema => at(operation, schema::apply),
        Operation::ListBranches => at(operation, branches::list),
        Operation::CreateBranch => at(operation, branches::create),
        Operation::DeleteBranch => at(operation, branches::delete),
        // A branch may be called `merge` too, and the path of its deletion is this one.
        Operation::MergeBranches => at(operation, branches::merge).delete(branches::delete_merge),
        Operation::ListCommits => at(operation, commits::list),
        Operation::GetCommit => at(operation, commits::show),
        Operation::GetCommitChanges => at(operation, changes::of_commit),
        Operation::PollChanges => at(operation, changes::poll),
        Operation::CaptureChangeBaseline => at(operation, changes::baseline),
    }
}

/// Mounts a handler under the method of its operation; a deprecated one names its successor in every answer.
fn at<H, T>(operation: Operation, handler: H) -> MethodRouter<AppState>
where
    H: Handler<T, AppState>,
    T: 'static,
{
    let filter = match operation.method() {
        Method::Get => MethodFilter::GET,
        Method::Head => MethodFilter::HEAD,
        Method::Post => MethodFilter::POST,
        Method::Delete => MethodFilter::DELETE,
    };
    let route = on(filter, handler);
    match operation.successor() {
        Some(successor) => route.layer(map_response(move |response| deprecated(successor, response))),
        None => route,
    }
}

/// Marks the answer of a deprecated route (RFC 8288 §3 for the link; the header of the draft that clients know).
async fn deprecated(successor: Operation, mut response: Response) -> Response {
    let link = format!("<{}>; rel=\"successor-version\"", successor.path().trim_start_matches('/'));
    let headers = response.headers_mut();
    headers.insert("deprecation", HeaderValue::from_static("true"));
    if let Ok(link) = HeaderValue::from_str(&link) {
        headers.insert("link", link);
    }
    response
}

/// Ends requests whose answer does not begin in time. Reads stop; a write that has begun goes on.
async fn limit_time(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let Some(limit) = app.request_timeout else { return next.run(request).await };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::gateway_timeout(format!(
            "no answer within {}; a write may still take effect: read before you repeat it",
            duration::format(limit)
        ))
        .into_response(),
    }
}
