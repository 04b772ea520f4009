//! Which graph a command means, and how to open it.
//!
//! The address comes from the command's own URI, the addressing flags, the profile, the environment and the operator
//! config, in this order; `omnigraph_client::operator` ranks them.

use std::path::Path;

use omnigraph::Omnigraph;
use omnigraph::db::{Durability, OpenOptions};
use omnigraph_client::http::{ClientError, GraphClient, ServerClient, graph_base};
use omnigraph_client::operator::{AddressFlags, Capability, ProcessEnv, Scope, ScopeError, resolve};

use crate::args::Global;
use crate::args::global::DurabilityArg;
use crate::failure::Failure;
use crate::operator;

/// The variable that names a graph for commands without one on the command line or in a profile.
const STORE_VARIABLE: &str = "OMNIGRAPH_STORE";

/// Whether a command changes the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It does not.
    Read,
    /// It may.
    Write,
}

/// The graph of a command that works on storage and on servers.
#[derive(Debug)]
pub(crate) enum Target {
    /// In storage: its URI as given.
    Direct(String),
    /// On a server.
    Served(GraphClient),
}

impl Target {
    /// Returns the URI as given, or the base of the requests.
    pub(crate) fn uri(&self) -> String {
        match self {
            Target::Direct(uri) => uri.clone(),
            Target::Served(graph) => graph.base(),
        }
    }

    /// Returns the words for storage or server in the announcement of a write.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Target::Direct(uri) => storage_kind(uri),
            Target::Served(_) => "served",
        }
    }

    /// Tells whether the graph is in storage on this machine.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Target::Direct(uri) if is_local(uri))
    }

    /// Returns the URI of the storage for `what`, a flag that servers have no request for.
    pub(crate) fn storage(&self, what: &str) -> Result<&str, Failure> {
        match self {
            Target::Direct(uri) => Ok(uri),
            Target::Served(_) => Err(Failure::usage(
                format!("{what} works on storage only, and this graph is on a server"),
                "leave it out, or address the graph's storage with --store URI",
            )),
        }
    }
}

/// Returns the words for storage in the announcement of a write.
pub(crate) fn storage_kind(uri: &str) -> &'static str {
    if is_local(uri) { "direct, local" } else { "direct, remote" }
}

/// Resolves the graph of a command that works on storage and on servers. A server that is addressed without a graph is
/// asked for its graphs.
pub(crate) async fn target(own: Option<&str>, global: &Global, access: Access) -> Result<Target, Failure> {
    let (base, graph) = match scope(Capability::Data, own, global)? {
        Scope::Store { uri } => {
            check_storage_uri(&uri)?;
            return Ok(Target::Direct(uri));
        }
        Scope::Server { base, graph, .. } => (base, graph),
        Scope::Cluster { .. } => return Err(no_clusters()),
    };
    if access == Access::Write && global.actor.is_some() {
        return Err(Failure::usage(
            "`--as` is not allowed on a served write: the server takes the actor from the token",
            "leave --as out; `omnigraph login` stores another token",
        ));
    }
    let operator = operator::load()?;
    match graph {
        Some(id) => {
            let base = graph_base(&base, &id).map_err(ClientError::from)?;
            let token = operator.token(&base)?;
            Ok(Target::Served(GraphClient::new(&base, token)?))
        }
        None => {
            let server = ServerClient::new(&base, operator.token(&base)?)?;
            Ok(Target::Served(server.select(None).await?))
        }
    }
}

/// Resolves the graph of a command that works on storage alone.
pub(crate) fn storage(own: Option<&str>, global: &Global) -> Result<String, Failure> {
    match scope(Capability::Direct, own, global)? {
        Scope::Store { uri } => {
            check_storage_uri(&uri)?;
            Ok(uri)
        }
        Scope::Server { .. } | Scope::Cluster { .. } => Err(no_clusters()),
    }
}

/// Resolves the address of a command. `own` is its URI argument.
pub(crate) fn scope(capability: Capability, own: Option<&str>, global: &Global) -> Result<Scope, Failure> {
    let operator = operator::load()?;
    let mut flags = AddressFlags {
        uri: own,
        store: global.store.as_deref(),
        server: global.server.as_deref(),
        cluster: global.cluster.as_deref(),
        graph: global.graph.as_deref(),
        profile: global.profile.as_deref(),
    };
    let default = default_store(&flags);
    if matches!(capability, Capability::Data | Capability::Direct) {
        flags.store = flags.store.or(default.as_deref());
    }
    Ok(resolve(capability, &flags, &operator.config, &ProcessEnv)?)
}

/// Tells whether anything addresses a graph, even one that the command cannot use.
pub(crate) fn is_addressed(own: Option<&str>, global: &Global) -> Result<bool, Failure> {
    match scope(Capability::Direct, own, global) {
        Err(Failure::Scope(ScopeError::NoGraph)) => Ok(false),
        Err(Failure::Operator(error)) => Err(error.into()),
        Ok(_) | Err(_) => Ok(true),
    }
}

/// Returns the graph of the environment, which ranks between profiles and the defaults of the operator config.
fn default_store(flags: &AddressFlags<'_>) -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let given = flags.uri.or(flags.store).or(flags.server).or(flags.cluster).or(flags.profile);
    match given {
        None if set("OMNIGRAPH_PROFILE").is_none() => set(STORE_VARIABLE),
        _ => None,
    }
}

fn no_clusters() -> Failure {
    Failure::usage("this build has no cluster support", "address the graph's storage with --store URI")
}

/// Refuses a URI that cannot be the storage of a graph.
pub(crate) fn check_storage_uri(uri: &str) -> Result<(), Failure> {
    if uri.trim().is_empty() {
        return Err(Failure::usage(
            "the graph's URI is empty",
            "give a path, file://… or s3://bucket/prefix",
        ));
    }
    if uri.starts_with("http://") || uri.starts_with("https://") {
        return Err(Failure::usage(
            "the URI is that of a remote server; this command works on storage",
            "give a path, file://… or s3://bucket/prefix",
        ));
    }
    let Some(path) = local_path(uri) else { return Ok(()) };
    if path.is_file() {
        return Err(Failure::usage(
            format!("'{uri}' is a file; a graph is a directory"),
            "give the graph's directory, or a new one",
        ));
    }
    match path.ancestors().skip(1).find(|parent| parent.is_file()) {
        Some(parent) => Err(Failure::usage(
            format!("'{uri}' cannot exist: its parent '{}' is not a directory", parent.display()),
            "give a path below a directory",
        )),
        None => Ok(()),
    }
}

/// Returns the path of a storage URI on this machine; none if it is percent-encoded.
pub(crate) fn local_path(uri: &str) -> Option<&Path> {
    let path = uri.strip_prefix("file://").unwrap_or(uri);
    (is_local(uri) && !(uri.len() > path.len() && path.contains('%'))).then(|| Path::new(path))
}

/// Tells whether a storage URI is on this machine.
pub(crate) fn is_local(uri: &str) -> bool {
    !uri.contains("://") || uri.starts_with("file://")
}

/// Opens a graph in storage.
pub(crate) async fn open(uri: &str, global: &Global, access: Access) -> Result<Omnigraph, Failure> {
    Ok(Omnigraph::open_with(uri, &options(global, access == Access::Read)).await?)
}

/// Returns how to open a graph in storage.
pub(crate) fn options(global: &Global, read_only: bool) -> OpenOptions {
    OpenOptions {
        durability: match global.durability {
            DurabilityArg::Full => Durability::Full,
            DurabilityArg::Relaxed => Durability::Relaxed,
        },
        memory_budget: global.memory,
        read_only,
        actor: operator::actor(global).map(str::to_owned),
        embed_on_write: global.embed_on_write,
        ..OpenOptions::default()
    }
}
