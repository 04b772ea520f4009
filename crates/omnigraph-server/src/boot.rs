//! Boot: opens everything that a checked configuration names (keys, policies, stored queries, graphs) and makes the state of a
//! server. Nothing listens yet.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use omnigraph::db::OpenOptions;
use omnigraph::{OmniError, Omnigraph};
use omnigraph_policy::{PolicyEngine, PolicyLoadError};

use crate::auth::{Authenticator, ServerRuntimeState};
use crate::jwt::{JwksError, JwtVerifier};
use crate::registry::{QueryRegistry, RegistryError};
use crate::settings::{BootSource, GraphSource, ServerConfig, SettingsError};
use crate::state::{AppState, GraphHandle, Serving, ServingError};
use crate::workload::WorkloadController;

/// Graphs that are opened at the same time.
const OPENED_AT_ONCE: usize = 4;

/// The part of the memory budget that the result of one query may take.
const RESULT_SHARE: u64 = 16;

/// Why a server does not start though its settings are right.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The settings do not fit together after all.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The keys of JWTs cannot be read.
    #[error("the keys of JWT bearer tokens: {0}")]
    Keys(#[from] JwksError),
    /// The bundle of the server does not load.
    #[error("the server policy does not load: {0}")]
    ServerPolicy(#[source] PolicyLoadError),
    /// The bundle of a graph does not load.
    #[error("the policy of graph '{graph}' does not load: {source}")]
    Policy {
        /// The graph.
        graph: String,
        /// Why.
        #[source]
        source: PolicyLoadError,
    },
    /// A graph does not open.
    #[error("graph '{graph}' does not open: {source}")]
    Open {
        /// The graph.
        graph: String,
        /// Why.
        #[source]
        source: Box<OmniError>,
    },
    /// Stored queries are wrong.
    #[error(transparent)]
    Queries(#[from] RegistryError),
    /// The graphs cannot be served together.
    #[error(transparent)]
    Serving(#[from] ServingError),
}

/// Opens everything that a configuration names.
///
/// Policies are read before the first graph is opened, graphs are opened four at a time, and the first failure is the
/// answer: a server serves all of its graphs or does not start.
///
/// # Errors
/// [`BootError`], naming the graph.
pub async fn boot(config: &ServerConfig) -> Result<AppState, BootError> {
    let state = config.classify()?;
    let authenticator = match state {
        ServerRuntimeState::Open => Authenticator::open(),
        ServerRuntimeState::DefaultDeny | ServerRuntimeState::PolicyEnabled => {
            let jwt = match &config.jwt {
                Some(settings) => Some(JwtVerifier::load(settings.clone()).await?),
                None => None,
            };
            Authenticator::new(config.tokens.clone(), jwt)
        }
    };
    let mut server_policy = None;
    if let BootSource::Multi { server_policy: Some(file), .. } = &config.source {
        server_policy = Some(PolicyEngine::load_server(file).map_err(BootError::ServerPolicy)?);
    }
    let sources = config.source.graphs();
    let prepared = sources.iter().map(prepare).collect::<Result<Vec<_>, _>>()?;
    let graphs: Vec<GraphHandle> = stream::iter(prepared)
        .map(|prepared| open(prepared, &config.engine))
        .buffered(OPENED_AT_ONCE)
        .try_collect()
        .await?;
    let serving = match (&config.source, graphs) {
        (BootSource::Single(source), mut graphs) if graphs.len() == 1 => {
            let alias = source.alias.clone();
            Serving::Single { graph: Arc::new(graphs.remove(0)), alias }
        }
        (_, graphs) => Serving::many(graphs)?,
    };
    Ok(AppState::new(serving, authenticator).with(|shared| {
        shared.server_policy = server_policy;
        shared.workload = WorkloadController::new(config.workload);
        shared.cors = config.cors.clone();
        shared.request_timeout = config.request_timeout;
        shared.client_timeouts = config.client_timeouts;
        shared.result_bytes = config.engine.memory_budget / RESULT_SHARE;
    }))
}

/// A graph whose files are read.
struct Prepared<'a> {
    source: &'a GraphSource,
    policy: Option<PolicyEngine>,
    queries: QueryRegistry,
}

fn prepare(source: &GraphSource) -> Result<Prepared<'_>, BootError> {
    let label = &source.label;
    let policy = match &source.policy {
        Some(file) => Some(
            PolicyEngine::load_graph(file, label)
                .map_err(|error| BootError::Policy { graph: label.clone(), source: error })?,
        ),
        None => None,
    };
    for warning in policy.iter().flat_map(PolicyEngine::warnings) {
        tracing::warn!(graph = label, "{warning}");
    }
    Ok(Prepared { source, policy, queries: QueryRegistry::load(label, &source.queries)? })
}

async fn open(prepared: Prepared<'_>, options: &OpenOptions) -> Result<GraphHandle, BootError> {
    let Prepared { source, policy, queries } = prepared;
    let label = &source.label;
    let failed = |error: OmniError| BootError::Open { graph: label.clone(), source: Box::new(error) };
    let engine = Omnigraph::open_with(source.uri.as_str(), options).await.map_err(failed)?;
    let catalog = engine.catalog("main").await.map_err(failed)?;
    let (queries, warnings) = queries.checked(label, &catalog)?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(GraphHandle::new(source.id.clone(), label, source.uri.clone(), engine, policy, queries))
}
