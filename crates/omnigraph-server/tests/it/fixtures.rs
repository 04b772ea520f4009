//! A loaded graph that is served in the test process, requests to it, and their answers.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request};
use omnigraph::Omnigraph;
use omnigraph::db::{Load, LoadMode, LoadSource};
use omnigraph_policy::PolicyEngine;
use omnigraph_server::auth::{Authenticator, TokenStore};
use omnigraph_server::build_app;
use omnigraph_server::registry::QueryRegistry;
use omnigraph_server::settings::{GraphId, GraphUri, QueryEntry};
use omnigraph_server::state::{AppState, GraphHandle, Serving, Shared};
use serde_json::Value;
use tower::ServiceExt;

pub(crate) const SCHEMA: &str = "\
node City { name: String @key  people: I64?  photo: Blob? }
edge Road: City -> City { km: I32? }
";

pub(crate) const ROWS: &str = r#"{"type":"City","data":{"name":"oslo","people":700000,"photo":"base64:aGVsbG8="}}
{"type":"City","data":{"name":"bergen","people":280000}}
{"edge":"Road","from":"oslo","to":"bergen","data":{"km":463}}
"#;

/// Stored queries of the fixture.
const QUERIES: &str = "\
query big($n: I64) @description(\"Cities with more people\") @instruction(\"Give a number\") {
    match { $c: City  $c.people > $n }
    return { $c.name }
}
query add_city($name: String, $people: I64?) {
    insert City { name: $name, people: $people }
}
query hidden() { match { $c: City } return { count($c) as n } }
";

/// A served graph.
pub(crate) struct Served {
    pub(crate) app: Router,
    pub(crate) state: AppState,
    /// The graph without a policy.
    pub(crate) graph: Omnigraph,
}

/// How a graph is served.
#[derive(Default)]
pub(crate) struct Setup<'a> {
    /// A bundle; with one, or with tokens, the server asks for tokens.
    pub(crate) bundle: Option<&'a str>,
    /// Actors; each has the token `token-<actor>`.
    pub(crate) actors: &'a [&'a str],
    /// Whether the stored queries are there.
    pub(crate) queries: bool,
}

/// The token of an actor.
pub(crate) fn token(actor: &str) -> String {
    format!("token-{actor}")
}

/// Creates a loaded graph that no other test sees.
pub(crate) async fn graph() -> Omnigraph {
    static GRAPHS: AtomicU64 = AtomicU64::new(0);
    let uri = format!("memory://served-{}", GRAPHS.fetch_add(1, Ordering::Relaxed));
    let graph = Omnigraph::init(&uri, SCHEMA).await.unwrap();
    graph.load(Load::new("main", LoadSource::Text(ROWS.to_owned()), LoadMode::Append)).await.unwrap();
    graph
}

/// Makes the handle of a graph.
pub(crate) async fn handle(graph: &Omnigraph, id: &str, setup: &Setup<'_>) -> GraphHandle {
    let uri = GraphUri::normalise(graph.uri(), "/".as_ref()).unwrap();
    let policy = setup.bundle.map(|text| PolicyEngine::load_graph_from_source(text, id).unwrap());
    let queries = if setup.queries { queries(graph, id).await } else { QueryRegistry::default() };
    GraphHandle::new(GraphId::try_from(id).unwrap(), id, uri, graph.clone(), policy, queries)
}

async fn queries(graph: &Omnigraph, label: &str) -> QueryRegistry {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queries.gq");
    std::fs::write(&file, QUERIES).unwrap();
    let entry = |name: &str, exposed| QueryEntry {
        name: name.to_owned(),
        file: file.clone(),
        exposed,
        tool_name: format!("tool_{name}"),
    };
    let entries = [entry("big", true), entry("add_city", true), entry("hidden", false)];
    let registry = QueryRegistry::load(label, &entries).unwrap();
    registry.checked(label, &graph.catalog("main").await.unwrap()).unwrap().0
}

/// Returns what knows the actors; nobody is asked when there are none.
pub(crate) fn authenticator(actors: &[&str]) -> Authenticator {
    if actors.is_empty() {
        return Authenticator::open();
    }
    let pairs = actors.iter().map(|actor| ((*actor).to_owned(), token(actor)));
    Authenticator::new(TokenStore::new(pairs).unwrap(), None)
}

impl Served {
    /// Serves one graph to everyone.
    pub(crate) async fn open() -> Served {
        Served::with(&Setup { queries: true, ..Setup::default() }).await
    }

    /// Serves one graph.
    pub(crate) async fn with(setup: &Setup<'_>) -> Served {
        Served::adjusted(setup, |_| {}).await
    }

    /// Serves one graph, with limits changed.
    pub(crate) async fn adjusted(setup: &Setup<'_>, change: impl FnOnce(&mut Shared)) -> Served {
        let graph = graph().await;
        let handle = handle(&graph, "default", setup).await;
        let serving =
            Serving::Single { graph: handle.into(), alias: Some(GraphId::try_from("atlas").unwrap()) };
        let state = AppState::new(serving, authenticator(setup.actors)).with(change);
        Served { app: build_app(state.clone()), state, graph }
    }

    /// Serves `atlas` and `ledger`.
    pub(crate) async fn many(setup: &Setup<'_>, server_bundle: Option<&str>) -> Served {
        let (graph, other) = (graph().await, self::graph().await);
        let handles = vec![handle(&other, "ledger", setup).await, handle(&graph, "atlas", setup).await];
        let state =
            AppState::new(Serving::many(handles).unwrap(), authenticator(setup.actors)).with(|shared| {
                shared.server_policy =
                    server_bundle.map(|text| PolicyEngine::load_server_from_source(text).unwrap());
            });
        Served { app: build_app(state.clone()), state, graph }
    }

    /// Sends a request.
    pub(crate) async fn send(&self, ask: Ask) -> Reply {
        let response = self.app.clone().oneshot(ask.request()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Ask::get(path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Ask::post(path, body)).await
    }

    /// The id of the head of a branch.
    pub(crate) async fn head(&self, branch: &str) -> String {
        self.graph.snapshot_of(branch).await.unwrap().commit().graph_commit_id
    }
}

/// A request to make.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: &'static str, path: &str) -> Ask {
        Ask { method, path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(path: &str) -> Ask {
        Ask::new("GET", path)
    }

    pub(crate) fn post(path: &str, body: Value) -> Ask {
        Ask::new("POST", path).with("content-type", "application/json").bytes(body.to_string())
    }

    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Ask {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn actor(self, actor: &str) -> Ask {
        let value = format!("Bearer {}", token(actor));
        self.with("authorization", value)
    }

    pub(crate) fn bytes(mut self, body: impl Into<Vec<u8>>) -> Ask {
        self.body = body.into();
        self
    }

    pub(crate) fn request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body)).unwrap()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json", "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The text of a refusal, whose status and code must be these.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: Option<&str>) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        let body = self.json();
        assert_eq!(body.get("code").and_then(Value::as_str), code, "{body}");
        body["error"].as_str().unwrap().to_owned()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
