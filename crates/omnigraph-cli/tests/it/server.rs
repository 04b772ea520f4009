//! A server in the process of the tests, on a free port, for graphs that the command line made.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use omnigraph::Omnigraph;
use omnigraph_policy::PolicyEngine;
use omnigraph_server::auth::{Authenticator, TokenStore};
use omnigraph_server::build_app;
use omnigraph_server::registry::QueryRegistry;
use omnigraph_server::settings::{GraphId, GraphUri, QueryEntry};
use omnigraph_server::state::{AppState, GraphHandle, Serving};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// What a server has; by default nothing, and everyone may do everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    /// The graphs: id and folder.
    graphs: Vec<(String, PathBuf)>,
    /// Whether the only graph is on flat routes.
    flat: bool,
    /// Actors and their tokens.
    tokens: Vec<(String, String)>,
    /// The bundle of every graph.
    bundle: Option<String>,
    /// The bundle of the server.
    server_bundle: Option<String>,
    /// Stored queries of every graph: name and file.
    queries: Vec<(String, PathBuf)>,
}

impl Setup {
    /// One graph on flat routes.
    pub(crate) fn flat(root: &Path) -> Setup {
        Setup { graphs: vec![("default".to_owned(), root.to_owned())], flat: true, ..Setup::default() }
    }

    /// Graphs by id.
    pub(crate) fn many(graphs: &[(&str, &Path)]) -> Setup {
        let graphs = graphs.iter().map(|(id, root)| ((*id).to_owned(), (*root).to_owned()));
        Setup { graphs: graphs.collect(), ..Setup::default() }
    }

    /// Actors and their tokens. With them, or with a bundle, requests need a token.
    pub(crate) fn tokens(mut self, tokens: &[(&str, &str)]) -> Setup {
        self.tokens =
            tokens.iter().map(|(actor, token)| ((*actor).to_owned(), (*token).to_owned())).collect();
        self
    }

    /// The bundle of every graph.
    pub(crate) fn bundle(mut self, text: &str) -> Setup {
        self.bundle = Some(text.to_owned());
        self
    }

    /// The bundle of the server, which grants the list of graphs.
    pub(crate) fn server_bundle(mut self, text: &str) -> Setup {
        self.server_bundle = Some(text.to_owned());
        self
    }

    /// Stored queries of every graph, all in one file.
    pub(crate) fn queries(mut self, file: &Path, names: &[&str]) -> Setup {
        self.queries = names.iter().map(|name| ((*name).to_owned(), file.to_owned())).collect();
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Server {
        let runtime = Runtime::new().unwrap();
        let (listener, state) =
            runtime.block_on(async { (TcpListener::bind("127.0.0.1:0").await.unwrap(), self.state().await) });
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let serving = axum::serve(listener, build_app(state));
                tokio::select! {
                    ended = serving.into_future() => ended.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Server { base, stop: Some(stop), thread: Some(thread) }
    }

    async fn state(&self) -> AppState {
        let mut handles = Vec::new();
        for (id, root) in &self.graphs {
            handles.push(self.handle(id, root).await);
        }
        let serving = if self.flat {
            Serving::Single { graph: handles.remove(0).into(), alias: None }
        } else {
            Serving::many(handles).unwrap()
        };
        let authenticator = match self.tokens.is_empty() {
            true => Authenticator::open(),
            false => Authenticator::new(TokenStore::new(self.tokens.clone()).unwrap(), None),
        };
        AppState::new(serving, authenticator).with(|shared| {
            shared.server_policy = self
                .server_bundle
                .as_deref()
                .map(|text| PolicyEngine::load_server_from_source(text).unwrap());
        })
    }

    async fn handle(&self, id: &str, root: &Path) -> GraphHandle {
        let graph = Omnigraph::open(root.to_str().unwrap()).await.unwrap();
        let uri = GraphUri::normalise(graph.uri(), "/".as_ref()).unwrap();
        let policy =
            self.bundle.as_deref().map(|text| PolicyEngine::load_graph_from_source(text, id).unwrap());
        let entries: Vec<QueryEntry> = self
            .queries
            .iter()
            .map(|(name, file)| QueryEntry {
                name: name.clone(),
                file: file.clone(),
                exposed: true,
                tool_name: name.clone(),
            })
            .collect();
        let queries = QueryRegistry::load(id, &entries).unwrap();
        let (queries, _) = queries.checked(id, &graph.catalog("main").await.unwrap()).unwrap();
        GraphHandle::new(GraphId::try_from(id).unwrap(), id, uri, graph, policy, queries)
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    /// Its base URL, without trailing `/`.
    pub(crate) base: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves one graph on flat routes to everyone.
    pub(crate) fn open(root: &Path) -> Server {
        Setup::flat(root).start()
    }

    /// Serves one graph on flat routes to actors with tokens, as a bundle allows.
    pub(crate) fn guarded(root: &Path, tokens: &[(&str, &str)], bundle: &str) -> Server {
        Setup::flat(root).tokens(tokens).bundle(bundle).start()
    }

    /// Serves graphs by id to everyone.
    pub(crate) fn many(graphs: &[(&str, &Path)]) -> Server {
        Setup::many(graphs).start()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
