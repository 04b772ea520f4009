//! `omnigraph graphs list`.

use omnigraph_client::http::ServerClient;
use omnigraph_client::operator::{Capability, Scope, ScopeError};

use crate::address;
use crate::args::Global;
use crate::failure::Failure;
use crate::operator;
use crate::output;

/// Lists the graphs of a server.
pub(crate) async fn list(global: &Global) -> Result<(), Failure> {
    let Scope::Server { base, .. } = address::scope(Capability::GraphList, None, global)? else {
        return Err(ScopeError::NoServer.into());
    };
    let token = operator::load()?.token(&base)?;
    let list = ServerClient::new(&base, token)?.graphs().await?;
    if global.json {
        return output::json(&list);
    }
    list.graphs.iter().try_for_each(|graph| output::line(&format!("{}\t{}", graph.graph_id, graph.uri)))
}
