//! The client of a server, which serves one graph or several: what it serves, and the clients of its graphs.

use omnigraph_api::{GraphListResponse, HealthOutput, Operation};

use super::connection::Connection;
use super::error::{AddressError, ClientError};
use super::graph::GraphClient;
use super::paths;
use crate::token::BearerToken;

/// Returns the base URL of a graph: that of its server, with `/graphs/` and the id.
///
/// # Errors
/// When the id cannot stand in a path.
pub fn graph_base(server: &str, id: &str) -> Result<String, AddressError> {
    Ok(format!("{}{}", server.trim_end_matches('/'), paths::graph(id)?))
}

/// A client of a server as a whole. Its graphs share its connections and its token.
#[derive(Clone, Debug)]
pub struct ServerClient {
    connection: Connection,
}

impl ServerClient {
    /// Makes a client of the server at a base URL. No connection is made yet.
    ///
    /// # Errors
    /// As [`GraphClient::new`].
    pub fn new(base: &str, token: Option<BearerToken>) -> Result<ServerClient, ClientError> {
        Ok(ServerClient { connection: Connection::new(base, token)? })
    }

    /// Returns the base URL, without trailing `/`, user and password.
    pub fn base(&self) -> String {
        self.connection.base()
    }

    /// Lists the graphs that are served, by id.
    ///
    /// # Errors
    /// When the server refuses: 403 when the list is not granted, 405 when it serves one graph without id.
    pub async fn graphs(&self) -> Result<GraphListResponse, ClientError> {
        self.connection.call(Operation::ListGraphs, &[])?.json().await
    }

    /// Tells whether the server answers, and which release it is.
    ///
    /// # Errors
    /// When it does not.
    pub async fn health(&self) -> Result<HealthOutput, ClientError> {
        self.connection.call(Operation::Health, &[])?.json().await
    }

    /// Returns the client of a graph by its id.
    ///
    /// # Errors
    /// When the id cannot stand in a path.
    pub fn graph(&self, id: &str) -> Result<GraphClient, ClientError> {
        Ok(GraphClient { connection: self.connection.under(&paths::graph(id)?) })
    }

    /// Returns the client of the graph whose base is this base.
    pub fn flat(&self) -> GraphClient {
        GraphClient { connection: self.connection.clone() }
    }

    /// Returns the client of the graph that a caller means: the one with the id, or without id the one at this base.
    ///
    /// Without id the server is asked for its graphs first. When it has none, or does not tell, the base is the graph.
    ///
    /// # Errors
    /// [`AddressError::GraphNotChosen`] when the server lists graphs and none was named, even if it is only one: the
    /// list need not be complete.
    pub async fn select(&self, graph: Option<&str>) -> Result<GraphClient, ClientError> {
        if let Some(id) = graph {
            return self.graph(id);
        }
        match self.graphs().await {
            Ok(list) if !list.graphs.is_empty() => {
                let ids = list.graphs.into_iter().map(|graph| graph.graph_id).collect();
                Err(AddressError::GraphNotChosen { ids }.into())
            }
            _ => Ok(self.flat()),
        }
    }
}
