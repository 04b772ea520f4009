//! Scopes: which storage, server or cluster a command works on. Flags come before a profile, a profile before the defaults.

use std::fmt;

use super::config::{OperatorConfig, Profile};
use super::env::{Env, set};

/// Variable with the name of the default profile.
pub(super) const PROFILE_VARIABLE: &str = "OMNIGRAPH_PROFILE";

/// What a command can work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// A graph, over HTTP or directly.
    Data,
    /// The list of graphs of a server.
    GraphList,
    /// The storage of a graph.
    Direct,
    /// A cluster.
    Control,
}

/// The address that a command line gives. What is left out is looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressFlags<'a> {
    /// The command's own URI: positional, or `--uri`.
    pub uri: Option<&'a str>,
    /// `--store`.
    pub store: Option<&'a str>,
    /// `--server`.
    pub server: Option<&'a str>,
    /// `--cluster`.
    pub cluster: Option<&'a str>,
    /// `--graph`.
    pub graph: Option<&'a str>,
    /// `--profile`.
    pub profile: Option<&'a str>,
}

/// What a command works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The storage of one graph.
    Store {
        /// Path or URI, as given.
        uri: String,
    },
    /// A server, or a graph of it.
    Server {
        /// Base URL without trailing `/`, `http` or `https`.
        base: String,
        /// The graph; without it, the server is to be asked whether it has graphs.
        graph: Option<String>,
        /// Name of the server, unless it was addressed by its URL.
        name: Option<String>,
    },
    /// A cluster, or a graph of it.
    Cluster {
        /// Directory or storage root.
        root: String,
        /// The graph; without it, the sole one is meant.
        graph: Option<String>,
        /// Name of the cluster, unless it was addressed by its root.
        name: Option<String>,
    },
}

/// Tells whether a URI is on this machine: a path, or `file://`.
pub fn is_local(uri: &str) -> bool {
    uri.starts_with("file://") || !uri.contains("://")
}

/// What decided about a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag, or the command's own URI.
    Flag(&'static str),
    /// A profile.
    Profile(String),
    /// The defaults.
    Defaults,
}

/// As the subject of "… resolves a … scope".
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => write!(f, "{flag} resolves"),
            Origin::Profile(name) => write!(f, "profile '{name}' resolves"),
            Origin::Defaults => f.write_str("operator defaults resolve"),
        }
    }
}

/// A command line, with the operator's configuration, addresses nothing that the command can work on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// Two addresses are given.
    #[error("{first} and {second} are mutually exclusive: give one address")]
    Exclusive {
        /// One.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Nothing is addressed.
    #[error(
        "no graph addressed: pass a storage URI, --store <uri>, --server <name|url> or --profile <name>, or set a \
         default scope in the operator config"
    )]
    NoGraph,
    /// No server is addressed.
    #[error("`graphs list` needs a server scope: pass --server <name|url> or --profile <name>")]
    NoServer,
    /// No cluster is addressed.
    #[error("this command needs a cluster: pass --cluster <dir|uri>, or select a cluster profile{}", because(.origin))]
    NoCluster {
        /// What is addressed instead, and by what.
        origin: Option<(Origin, &'static str)>,
    },
    /// A command on data cannot use a cluster.
    #[error(
        "{origin} a cluster scope, which is not valid for graph data commands: pass --server <name|url> or --store \
         <uri>"
    )]
    ClusterForData {
        /// What addresses it.
        origin: Origin,
    },
    /// The list of graphs is a server's.
    #[error(
        "{origin} a {kind} scope, but `graphs list` requires a server: pass --server <name|url>{}",
        other_list(.kind)
    )]
    RequiresServer {
        /// What addresses something else.
        origin: Origin,
        /// What it addresses.
        kind: &'static str,
    },
    /// The command works on storage.
    #[error("{origin} a server scope, but this command needs direct storage: pass --store <uri>")]
    RequiresStorage {
        /// What addresses the server.
        origin: Origin,
    },
    /// A storage URI is the URL of a server, for a command that can use servers.
    #[error("the graph at {uri} must be addressed with `--server <url>`")]
    UrlForData {
        /// The URL, without user and password.
        uri: String,
    },
    /// A storage URI is the URL of a server, for a command that needs storage.
    #[error("{uri} is a remote server, but this command needs direct storage: pass --store <uri>")]
    UrlForDirect {
        /// The URL, without user and password.
        uri: String,
    },
    /// A graph is chosen within one graph.
    #[error("--graph does not apply: {uri} is already a single graph")]
    SingleGraph {
        /// The graph.
        uri: String,
    },
    /// There is no such profile.
    #[error("unknown profile '{name}'{}", defined(.known))]
    UnknownProfile {
        /// The name.
        name: String,
        /// The profiles there are.
        known: Vec<String>,
    },
    /// A profile cannot be used.
    #[error("profile '{name}' {problem}")]
    Profile {
        /// The profile.
        name: String,
        /// What is wrong with it.
        problem: ProfileProblem,
    },
    /// There is no such server.
    #[error("unknown server '{name}'{}", defined(.known))]
    UnknownServer {
        /// The name.
        name: String,
        /// The servers there are.
        known: Vec<String>,
    },
    /// An entry has no address.
    #[error("{kind} '{name}' has no `{key}` in the operator config")]
    NoAddress {
        /// `server` or `cluster`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The key that is missing.
        key: &'static str,
    },
    /// The URL of a server has another scheme. It may hold a password and is not told.
    #[error("the URL of {server} must begin with http:// or https://")]
    Scheme {
        /// The server, by its name or as the flag.
        server: String,
    },
}

/// What is wrong with a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileProblem {
    /// It binds nothing.
    #[error("binds no scope: set one of `server`, `cluster` and `store`")]
    Unbound,
    /// It binds more than one thing.
    #[error("binds {} scopes ({}): it must bind exactly one", .0.len(), .0.join(", "))]
    Overbound(Vec<&'static str>),
    /// It chooses a graph within one graph.
    #[error("has `default_graph` beside `store`, which is already a single graph")]
    GraphOfStore,
}

fn because(origin: &Option<(Origin, &'static str)>) -> String {
    origin.as_ref().map(|(origin, kind)| format!(" ({origin} a {kind} scope)")).unwrap_or_default()
}

fn other_list(kind: &str) -> &'static str {
    if kind == "cluster" { ", or see `omnigraph cluster status`" } else { "" }
}

fn defined(known: &[String]) -> String {
    if known.is_empty() { "; none is defined".to_owned() } else { format!("; defined: {}", known.join(", ")) }
}

/// What a profile binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding<'a> {
    Server(&'a str),
    Cluster(&'a str),
    Store(&'a str),
}

impl<'a> Binding<'a> {
    pub(super) fn kind(self) -> &'static str {
        match self {
            Binding::Server(_) => "server",
            Binding::Cluster(_) => "cluster",
            Binding::Store(_) => "store",
        }
    }

    pub(super) fn target(self) -> &'a str {
        match self {
            Binding::Server(target) | Binding::Cluster(target) | Binding::Store(target) => target,
        }
    }
}

/// Returns the one thing that a profile binds.
pub(super) fn binding(profile: &Profile) -> Result<Binding<'_>, ProfileProblem> {
    let bound: Vec<Binding<'_>> = [
        profile.server.as_deref().map(Binding::Server),
        profile.cluster.as_deref().map(Binding::Cluster),
        profile.store.as_deref().map(Binding::Store),
    ]
    .into_iter()
    .flatten()
    .collect();
    match bound[..] {
        [] => Err(ProfileProblem::Unbound),
        [Binding::Store(_)] if profile.default_graph.is_some() => Err(ProfileProblem::GraphOfStore),
        [binding] => Ok(binding),
        _ => Err(ProfileProblem::Overbound(bound.iter().map(|binding| binding.kind()).collect())),
    }
}

/// Returns a profile by its name.
pub(super) fn profile<'a>(
    config: &'a OperatorConfig,
    name: &str,
) -> Result<(&'a Profile, Binding<'a>), ScopeError> {
    let profile = config.profiles.get(name).ok_or_else(|| ScopeError::UnknownProfile {
        name: name.to_owned(),
        known: config.profiles.keys().cloned().collect(),
    })?;
    let binding =
        binding(profile).map_err(|problem| ScopeError::Profile { name: name.to_owned(), problem })?;
    Ok((profile, binding))
}

/// Something bound, the graph chosen in it, and what bound it.
struct Bound<'a> {
    binding: Binding<'a>,
    graph: Option<&'a str>,
    origin: Origin,
}

/// Resolves what a command works on. The first of these decides:
///
/// 1. an address on the command line, which makes all else irrelevant;
/// 2. the profile of the command line, or of `OMNIGRAPH_PROFILE`;
/// 3. the server of the defaults;
/// 4. the store of the defaults.
///
/// `--graph` beats the graph of a profile, which beats the default one. Commands on clusters take no default graph and
/// no defaults; the list of graphs takes no graph at all.
///
/// # Errors
/// When two addresses are given, none can be found, or the command cannot use what is found.
pub fn resolve(
    capability: Capability,
    flags: &AddressFlags<'_>,
    config: &OperatorConfig,
    env: &dyn Env,
) -> Result<Scope, ScopeError> {
    let selected = flags.profile.map(str::to_owned).or_else(|| set(env, PROFILE_VARIABLE));
    let bound = match explicit(flags)? {
        Some(bound) => bound,
        None => match &selected {
            Some(name) => of_profile(capability, flags, config, name)?,
            None => of_defaults(capability, flags, config)?,
        },
    };
    check(capability, &bound)?;
    finish(capability, bound, flags, config)
}

fn explicit<'a>(flags: &AddressFlags<'a>) -> Result<Option<Bound<'a>>, ScopeError> {
    let given = [
        (flags.uri.map(Binding::Store), "the graph URI"),
        (flags.store.map(Binding::Store), "--store"),
        (flags.server.map(Binding::Server), "--server"),
        (flags.cluster.map(Binding::Cluster), "--cluster"),
    ];
    let mut given = given.into_iter().filter_map(|(binding, flag)| Some((binding?, flag)));
    let Some((binding, flag)) = given.next() else { return Ok(None) };
    if let Some((_, second)) = given.next() {
        return Err(ScopeError::Exclusive { first: flag, second });
    }
    Ok(Some(Bound { binding, graph: flags.graph, origin: Origin::Flag(flag) }))
}

fn of_profile<'a>(
    capability: Capability,
    flags: &AddressFlags<'a>,
    config: &'a OperatorConfig,
    name: &str,
) -> Result<Bound<'a>, ScopeError> {
    let (profile, binding) = profile(config, name)?;
    let usual = match (capability, binding) {
        (Capability::Control, _) | (_, Binding::Store(_)) => None,
        _ => profile.default_graph.as_deref().or(config.defaults.default_graph.as_deref()),
    };
    Ok(Bound { binding, graph: flags.graph.or(usual), origin: Origin::Profile(name.to_owned()) })
}

fn of_defaults<'a>(
    capability: Capability,
    flags: &AddressFlags<'a>,
    config: &'a OperatorConfig,
) -> Result<Bound<'a>, ScopeError> {
    let defaults = &config.defaults;
    let bound = match (&defaults.server, &defaults.store) {
        _ if capability == Capability::Control => return Err(ScopeError::NoCluster { origin: None }),
        (Some(server), _) => Some((Binding::Server(server), defaults.default_graph.as_deref())),
        (None, Some(store)) => Some((Binding::Store(store), None)),
        (None, None) => None,
    };
    match (bound, capability) {
        (Some((binding, usual)), _) => {
            Ok(Bound { binding, graph: flags.graph.or(usual), origin: Origin::Defaults })
        }
        (None, Capability::GraphList) => Err(ScopeError::NoServer),
        (None, _) => Err(ScopeError::NoGraph),
    }
}

/// Checks that a command can use what is bound.
fn check(capability: Capability, bound: &Bound<'_>) -> Result<(), ScopeError> {
    let origin = || bound.origin.clone();
    match (capability, bound.binding) {
        (Capability::Data, Binding::Server(_))
        | (Capability::GraphList, Binding::Server(_))
        | (Capability::Direct, Binding::Cluster(_))
        | (Capability::Control, Binding::Cluster(_)) => Ok(()),
        (Capability::Data, Binding::Cluster(_)) => Err(ScopeError::ClusterForData { origin: origin() }),
        (Capability::GraphList, other) => {
            Err(ScopeError::RequiresServer { origin: origin(), kind: other.kind() })
        }
        (Capability::Direct, Binding::Server(_)) => Err(ScopeError::RequiresStorage { origin: origin() }),
        (Capability::Control, other) => Err(ScopeError::NoCluster { origin: Some((origin(), other.kind())) }),
        (_, Binding::Store(uri)) if is_url(uri) => {
            let uri = without_user(uri);
            Err(match capability {
                Capability::Direct => ScopeError::UrlForDirect { uri },
                _ => ScopeError::UrlForData { uri },
            })
        }
        (_, Binding::Store(uri)) if bound.graph.is_some() => {
            Err(ScopeError::SingleGraph { uri: uri.to_owned() })
        }
        (_, Binding::Store(_)) => Ok(()),
    }
}

fn finish(
    capability: Capability,
    bound: Bound<'_>,
    flags: &AddressFlags<'_>,
    config: &OperatorConfig,
) -> Result<Scope, ScopeError> {
    let graph = match capability {
        Capability::GraphList => None,
        Capability::Control => flags.graph,
        Capability::Data | Capability::Direct => bound.graph,
    }
    .map(str::to_owned);
    match bound.binding {
        Binding::Store(uri) => Ok(Scope::Store { uri: uri.to_owned() }),
        Binding::Server(server) => {
            let (base, name) = server_base(config, server)?;
            Ok(Scope::Server { base, graph, name })
        }
        Binding::Cluster(cluster) => match config.clusters.get(cluster) {
            Some(entry) => {
                let root = entry.root.clone().ok_or_else(|| no_address("cluster", cluster, "root"))?;
                Ok(Scope::Cluster { root, graph, name: Some(cluster.to_owned()) })
            }
            None => Ok(Scope::Cluster { root: cluster.to_owned(), graph, name: None }),
        },
    }
}

/// Returns the base URL of a server, without trailing `/`, given by name or URL; and its name, if it was given so.
///
/// # Errors
/// When the name is unknown or has no URL, or the URL is not `http` or `https`.
pub fn server_base(config: &OperatorConfig, server: &str) -> Result<(String, Option<String>), ScopeError> {
    let (url, name) = if server.contains("://") {
        (server, None)
    } else {
        let entry = config.servers.get(server).ok_or_else(|| ScopeError::UnknownServer {
            name: server.to_owned(),
            known: config.servers.keys().cloned().collect(),
        })?;
        let url = entry.url.as_deref().ok_or_else(|| no_address("server", server, "url"))?;
        (url, Some(server.to_owned()))
    };
    if !is_url(url) {
        let server = name.map_or_else(|| "--server".to_owned(), |name| format!("server '{name}'"));
        return Err(ScopeError::Scheme { server });
    }
    Ok((url.trim_end_matches('/').to_owned(), name))
}

fn no_address(kind: &'static str, name: &str, key: &'static str) -> ScopeError {
    ScopeError::NoAddress { kind, name: name.to_owned(), key }
}

/// Returns a URL without user and password.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// Tells whether a text begins as the URL of a server does.
fn is_url(text: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)))
}

#[cfg(test)]
#[path = "scope_tests.rs"]
mod tests;
