//! The state that all requests share: the graphs that are served, who may ask, limits, counters and options.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use omnigraph::Omnigraph;
use omnigraph_policy::PolicyEngine;

use crate::auth::Authenticator;
use crate::client_timeouts::ClientTimeouts;
use crate::metrics::Metrics;
use crate::registry::QueryRegistry;
use crate::request_id::RequestIds;
use crate::settings::{CorsOrigins, GraphId, GraphUri};
use crate::transport::TransportBudget;
use crate::workload::WorkloadController;

/// Most bytes of a result of a server that was not told how much memory it has.
const RESULT_BYTES: u64 = 64 << 20;

/// A graph that is served.
pub struct GraphHandle {
    /// Its id in request paths.
    pub id: GraphId,
    /// What policies, messages and logs call it.
    pub label: String,
    /// Where it is stored.
    pub uri: GraphUri,
    /// The engine's handle, which asks `policy` before every write.
    pub engine: Omnigraph,
    /// Its bundle.
    pub policy: Option<PolicyEngine>,
    /// Its stored queries.
    pub queries: QueryRegistry,
}

impl fmt::Debug for GraphHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphHandle").field("label", &self.label).finish_non_exhaustive()
    }
}

impl GraphHandle {
    /// Makes a handle; the engine is bound by the same bundle as the routes.
    pub fn new(
        id: GraphId,
        label: impl Into<String>,
        uri: GraphUri,
        engine: Omnigraph,
        policy: Option<PolicyEngine>,
        queries: QueryRegistry,
    ) -> Self {
        let engine = match &policy {
            Some(bundle) => engine.with_policy(Arc::new(bundle.clone())),
            None => engine,
        };
        Self { id, label: label.into(), uri, engine, policy, queries }
    }
}

/// Which graphs there are, and under which paths.
#[derive(Clone, Debug)]
pub enum Serving {
    /// One graph: on flat routes, as `default`, and under its name if that is an id.
    Single {
        /// The graph.
        graph: Arc<GraphHandle>,
        /// Its second id.
        alias: Option<GraphId>,
    },
    /// Several graphs, each under its id only.
    Many(BTreeMap<GraphId, Arc<GraphHandle>>),
}

/// Graphs that cannot be served together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServingError {
    /// One id twice.
    #[error("graph id '{id}' is given twice")]
    SameId {
        /// The id.
        id: GraphId,
    },
    /// One location twice.
    #[error("graphs '{first}' and '{second}' have the same location '{uri}'; each graph is served once")]
    SameLocation {
        /// One graph.
        first: GraphId,
        /// The other.
        second: GraphId,
        /// The location.
        uri: GraphUri,
    },
}

impl Serving {
    /// Serves several graphs.
    ///
    /// # Errors
    /// [`ServingError`] for two graphs with one id or one location.
    pub fn many(graphs: Vec<GraphHandle>) -> Result<Serving, ServingError> {
        let mut served: BTreeMap<GraphId, Arc<GraphHandle>> = BTreeMap::new();
        for graph in graphs {
            let same = served.values().find(|other| other.uri.identity() == graph.uri.identity());
            if let Some(first) = same {
                let (first, second, uri) = (first.id.clone(), graph.id, graph.uri);
                return Err(ServingError::SameLocation { first, second, uri });
            }
            if served.contains_key(&graph.id) {
                return Err(ServingError::SameId { id: graph.id });
            }
            served.insert(graph.id.clone(), Arc::new(graph));
        }
        Ok(Serving::Many(served))
    }

    /// Returns all graphs by id.
    pub fn graphs(&self) -> Vec<Arc<GraphHandle>> {
        match self {
            Serving::Single { graph, .. } => vec![Arc::clone(graph)],
            Serving::Many(graphs) => graphs.values().cloned().collect(),
        }
    }

    /// Returns the graph of a request path; without an id, that of flat routes.
    pub fn find(&self, id: Option<&GraphId>) -> Option<&Arc<GraphHandle>> {
        match (self, id) {
            (Serving::Single { graph, .. }, None) => Some(graph),
            (Serving::Single { graph, alias }, Some(id)) => {
                (*id == graph.id || Some(id) == alias.as_ref()).then_some(graph)
            }
            (Serving::Many(_), None) => None,
            (Serving::Many(graphs), Some(id)) => graphs.get(id),
        }
    }
}

/// A server's state. Cheap to clone; all clones are one state.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Shared>);

/// What [`AppState`] shares.
#[derive(Debug)]
pub struct Shared {
    /// The graphs.
    pub serving: Serving,
    /// Who is calling.
    pub authenticator: Arc<Authenticator>,
    /// The bundle of the server itself.
    pub server_policy: Option<PolicyEngine>,
    /// What each actor has under way.
    pub workload: WorkloadController,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Streamed answers.
    pub transport: TransportBudget,
    /// From where browsers may call.
    pub cors: CorsOrigins,
    /// Most bytes that the result of one query may have in memory.
    pub result_bytes: u64,
    /// Longest time until an answer begins.
    pub request_timeout: Option<Duration>,
    /// How long clients may stand still.
    pub client_timeouts: ClientTimeouts,
    /// Ids of requests that bring none.
    pub request_ids: RequestIds,
    draining: AtomicBool,
}

impl AppState {
    /// Makes a state with default limits, no timeout and no browsers.
    pub fn new(serving: Serving, authenticator: Authenticator) -> Self {
        Self(Arc::new(Shared {
            serving,
            authenticator: Arc::new(authenticator),
            server_policy: None,
            workload: WorkloadController::with_defaults(),
            metrics: Arc::new(Metrics::new()),
            transport: TransportBudget::default(),
            cors: CorsOrigins::None,
            result_bytes: RESULT_BYTES,
            request_timeout: None,
            client_timeouts: ClientTimeouts::default(),
            request_ids: RequestIds::default(),
            draining: AtomicBool::new(false),
        }))
    }

    /// Changes what [`AppState::new`] left at its default. The state must not be shared yet; a shared one stays as it is.
    pub fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            change(shared);
        }
        self
    }

    /// From now on the server tells load balancers to go elsewhere.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Tells whether the server is about to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
