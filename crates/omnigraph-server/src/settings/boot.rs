//! The boot source: which graphs a process serves. `--cluster` comes first, then a graph by URI, a graph of the config file by
//! name, and all graphs of a config file that the operator named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::file::{ConfigFile, GraphEntry, QueryEntry};
use super::{GraphId, GraphUri, SettingsError};
use crate::args::Args;
use crate::env::{Env, NotUnicode};

/// Config file that is read when none is named.
const FOUND_FILE: &str = "omnigraph.yaml";

/// What to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootSource {
    /// One graph, on flat routes and under `default`.
    Single(GraphSource),
    /// Every graph of the config file, under its id.
    Multi {
        /// In the order of the file; never empty.
        graphs: Vec<GraphSource>,
        /// Bundle of the server itself.
        server_policy: Option<PathBuf>,
    },
    /// The applied graphs of a cluster.
    Cluster(ClusterSource),
}

/// A graph to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphSource {
    /// Id in request paths.
    pub id: GraphId,
    /// Second id under which a graph that was booted by name answers, if its name is an id.
    pub alias: Option<GraphId>,
    /// What policies and messages call it: the id, the configured name, or the normalised URI of an anonymous graph.
    pub label: String,
    /// Where it is stored.
    pub uri: GraphUri,
    /// Its policy bundle.
    pub policy: Option<PathBuf>,
    /// Its stored queries, in the order of the file.
    pub queries: Vec<QueryEntry>,
}

/// A cluster to boot from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSource {
    /// Directory or storage-root URI, as given.
    pub location: String,
    /// Whether a graph that cannot be served aborts startup.
    pub require_all_graphs: bool,
}

impl BootSource {
    /// Tells whether a policy is configured for something that is served.
    ///
    /// # Errors
    /// [`SettingsError::ClusterUnsupported`]: of a cluster only its served revision tells.
    pub fn has_policy(&self) -> Result<bool, SettingsError> {
        match self {
            BootSource::Single(graph) => Ok(graph.policy.is_some()),
            BootSource::Multi { graphs, server_policy } => {
                Ok(server_policy.is_some() || graphs.iter().any(|graph| graph.policy.is_some()))
            }
            BootSource::Cluster(cluster) => {
                Err(SettingsError::ClusterUnsupported { source_uri: cluster.location.clone() })
            }
        }
    }

    /// Returns the graphs; none for a cluster, whose state names them.
    pub fn graphs(&self) -> &[GraphSource] {
        match self {
            BootSource::Single(graph) => std::slice::from_ref(graph),
            BootSource::Multi { graphs, .. } => graphs,
            BootSource::Cluster(_) => &[],
        }
    }
}

/// The chosen source, the config file if one counts, and what the operator should know.
pub(super) struct Boot {
    pub(super) source: BootSource,
    pub(super) config: ConfigFile,
    pub(super) warnings: Vec<String>,
}

/// Chooses the boot source. `cwd` is the absolute working directory.
pub(super) fn choose(args: &Args, env: &Env<'_>, cwd: &Path) -> Result<Boot, SettingsError> {
    if let Some(location) = &args.cluster {
        return cluster(args, env, location.clone());
    }
    let (named_file, explicit) = config_path(args, env, cwd)?;
    let config = match named_file {
        Some(file) => ConfigFile::load(&file, cwd)?,
        None => ConfigFile { base: cwd.to_owned(), ..ConfigFile::default() },
    };
    let mut warnings = Vec::new();
    let source = if let Some(uri) = &args.uri {
        if let Some(target) = &args.target {
            warnings.push(format!("--target {target} does not count: the graph given by URI is served"));
        }
        BootSource::Single(anonymous(GraphUri::normalise(uri, cwd)?, &config))
    } else if let Some(name) = args.target.as_ref().or(config.server.graph.as_ref()) {
        BootSource::Single(named(name, &config)?)
    } else if explicit && !config.graphs.is_empty() {
        many(&config)?
    } else {
        return Err(SettingsError::NoGraph);
    };
    if matches!(source, BootSource::Single(_)) && config.server.policy.is_some() {
        warnings.push("server.policy.file does not count: it is for servers of several graphs".to_owned());
    }
    Ok(Boot { source, config, warnings })
}

fn cluster(args: &Args, env: &Env<'_>, location: String) -> Result<Boot, SettingsError> {
    let other = [
        (args.uri.is_some(), "a graph's URI"),
        (args.target.is_some(), "--target"),
        (args.config.is_some(), "--config"),
    ];
    if let Some((_, other)) = other.into_iter().find(|(given, _)| *given) {
        return Err(SettingsError::ExclusiveSource { other });
    }
    let require_all_graphs = args.require_all_graphs || env.truthy("OMNIGRAPH_REQUIRE_ALL_GRAPHS")?;
    let source = BootSource::Cluster(ClusterSource { location, require_all_graphs });
    Ok(Boot { source, config: ConfigFile::default(), warnings: Vec::new() })
}

/// Returns the config file, and whether the operator named it. One that was only found never starts several graphs.
fn config_path(args: &Args, env: &Env<'_>, cwd: &Path) -> Result<(Option<PathBuf>, bool), NotUnicode> {
    if let Some(file) = &args.config {
        return Ok((Some(file.clone()), true));
    }
    if let Some(file) = env.get("OMNIGRAPH_CONFIG")? {
        return Ok((Some(file.trim().into()), true));
    }
    let found = cwd.join(FOUND_FILE).exists().then(|| PathBuf::from(FOUND_FILE));
    Ok((found, false))
}

fn anonymous(uri: GraphUri, config: &ConfigFile) -> GraphSource {
    GraphSource {
        id: GraphId::default_graph(),
        alias: None,
        label: uri.as_str().to_owned(),
        uri,
        policy: config.policy.clone(),
        queries: config.queries.clone(),
    }
}

fn named(name: &str, config: &ConfigFile) -> Result<GraphSource, SettingsError> {
    let entry = config.graphs.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let available = config.graphs.iter().map(|entry| entry.name.clone()).collect();
        SettingsError::GraphNotFound { name: name.to_owned(), available }
    })?;
    if let Some(block) = top_level_block(config) {
        return Err(SettingsError::TopLevelBlockWithNamedGraph { graph: name.to_owned(), block });
    }
    let id = GraphId::default_graph();
    let alias = GraphId::try_from(name).ok().filter(|name| *name != id);
    Ok(GraphSource { alias, ..graph(id, entry, &config.base)? })
}

fn many(config: &ConfigFile) -> Result<BootSource, SettingsError> {
    if let Some(block) = top_level_block(config) {
        return Err(SettingsError::TopLevelBlockWithManyGraphs { block });
    }
    let ids = config
        .graphs
        .iter()
        .map(|entry| GraphId::try_from(entry.name.as_str()))
        .collect::<Result<Vec<_>, _>>()?;
    let graphs = ids
        .into_iter()
        .zip(&config.graphs)
        .map(|(id, entry)| graph(id, entry, &config.base))
        .collect::<Result<Vec<_>, _>>()?;
    let mut locations = BTreeMap::new();
    for graph in &graphs {
        if let Some(first) = locations.insert(graph.uri.identity(), &graph.id) {
            return Err(SettingsError::SameLocation {
                first: first.to_string(),
                second: graph.id.to_string(),
                uri: graph.uri.to_string(),
            });
        }
    }
    Ok(BootSource::Multi { graphs, server_policy: config.server.policy.clone() })
}

fn graph(id: GraphId, entry: &GraphEntry, base: &Path) -> Result<GraphSource, SettingsError> {
    Ok(GraphSource {
        id,
        alias: None,
        label: entry.name.clone(),
        uri: GraphUri::normalise(&entry.uri, base)?,
        policy: entry.policy.clone(),
        queries: entry.queries.clone(),
    })
}

/// Returns a block at the top of the file that counts for an anonymous graph only.
fn top_level_block(config: &ConfigFile) -> Option<&'static str> {
    if config.policy.is_some() {
        Some("policy.file")
    } else if !config.queries.is_empty() {
        Some("queries")
    } else {
        None
    }
}
