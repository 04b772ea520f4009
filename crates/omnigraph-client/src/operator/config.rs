//! The operator's configuration, `config.yaml` of the operator directory.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use omnigraph_yaml::{Misfit, Problem};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::error::OperatorError;
use super::home::OperatorDir;
use super::keys;

/// How rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// Aligned columns.
    #[default]
    Table,
    /// One line per value.
    Kv,
    /// Comma-separated values.
    Csv,
    /// A metadata object, then one object per row.
    Jsonl,
    /// One document.
    Json,
}

impl OutputFormat {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            OutputFormat::Table => "table",
            OutputFormat::Kv => "kv",
            OutputFormat::Csv => "csv",
            OutputFormat::Jsonl => "jsonl",
            OutputFormat::Json => "json",
        }
    }
}

/// What becomes of a table cell that is too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellLayout {
    /// It is cut.
    #[default]
    Truncate,
    /// It goes on on further lines.
    Wrap,
}

/// The operator's configuration. An absent key, a null and an absent file are the same.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct OperatorConfig {
    /// Who the operator is.
    #[serde(default, deserialize_with = "or_default")]
    pub operator: Operator,
    /// What holds when a command says nothing else.
    #[serde(default, deserialize_with = "or_default")]
    pub defaults: Defaults,
    /// Servers, by name.
    #[serde(default, deserialize_with = "or_default")]
    pub servers: BTreeMap<String, ServerEntry>,
    /// Clusters, by name.
    #[serde(default, deserialize_with = "or_default")]
    pub clusters: BTreeMap<String, ClusterEntry>,
    /// Bundles of a scope and a graph, by name.
    #[serde(default, deserialize_with = "or_default")]
    pub profiles: BTreeMap<String, Profile>,
    /// Bound stored queries, by name.
    #[serde(default, deserialize_with = "or_default")]
    pub aliases: BTreeMap<String, Alias>,
}

/// Who the operator is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Operator {
    /// Author of direct writes.
    pub actor: Option<String>,
}

/// What holds when a command says nothing else. It binds a server or a store, not both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Defaults {
    /// How rows are printed.
    pub output: Option<OutputFormat>,
    /// Widest table column, in characters.
    pub table_max_column_width: Option<usize>,
    /// What becomes of longer cells.
    pub table_cell_layout: Option<CellLayout>,
    /// Server, by name or URL.
    pub server: Option<String>,
    /// Storage of one graph.
    pub store: Option<String>,
    /// Graph of the server.
    pub default_graph: Option<String>,
}

/// A server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ServerEntry {
    /// Its base URL.
    pub url: Option<String>,
}

/// A cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ClusterEntry {
    /// Its directory or storage root.
    pub root: Option<String>,
}

/// A bundle of one scope and a graph in it. Whether it binds one scope is checked when it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Server, by name or URL.
    pub server: Option<String>,
    /// Cluster, by name, directory or URI.
    pub cluster: Option<String>,
    /// Storage of one graph.
    pub store: Option<String>,
    /// Graph of the server or the cluster.
    pub default_graph: Option<String>,
}

/// A stored read query with its server, graph and parameters.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Alias {
    /// Server, by name or URL.
    pub server: String,
    /// Graph of the server.
    #[serde(default)]
    pub graph: Option<String>,
    /// Name of the stored query.
    pub query: String,
    /// Names of the parameters that positional arguments bind to, in order.
    #[serde(default, deserialize_with = "or_default")]
    pub args: Vec<String>,
    /// Parameters that are fixed.
    #[serde(default, deserialize_with = "or_default")]
    pub params: Map<String, Value>,
    /// How rows are printed.
    #[serde(default)]
    pub format: Option<OutputFormat>,
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A configuration as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadedConfig {
    /// The configuration.
    pub config: OperatorConfig,
    /// Keys that mean nothing, as dotted paths in the order of the file; each is worth a warning.
    pub unknown_keys: Vec<String>,
}

impl OperatorConfig {
    /// Reads the configuration; without directory or file it is empty.
    ///
    /// # Errors
    /// When the file cannot be read, is no YAML, or has a value of a wrong kind.
    pub fn load(dir: Option<&OperatorDir>) -> Result<LoadedConfig, OperatorError> {
        let Some(dir) = dir else { return Ok(LoadedConfig::default()) };
        let path = dir.config_path();
        match std::fs::read_to_string(&path) {
            Ok(text) => OperatorConfig::parse(&path, &text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(LoadedConfig::default()),
            Err(source) => Err(OperatorError::Io { action: "read", path, source }),
        }
    }

    /// Reads a text, which came from the file at `path`.
    ///
    /// # Errors
    /// When it is no YAML, or has a value of a wrong kind.
    pub fn parse(path: &Path, text: &str) -> Result<LoadedConfig, OperatorError> {
        let refused = |problem: String| OperatorError::Config { path: path.to_owned(), problem };
        let tree = omnigraph_yaml::parse(text)
            .map_err(|problems| refused(problems.first().map(told).unwrap_or_default()))?;
        if tree.value == omnigraph_yaml::Value::Null {
            return Ok(LoadedConfig::default());
        }
        // The second reading fills the type; the tree has the keys that the type does not have.
        let config: OperatorConfig =
            omnigraph_yaml::from_str(text).map_err(|problem| refused(told(&problem)))?;
        config.check().map_err(|problem| refused(problem.to_owned()))?;
        Ok(LoadedConfig { config, unknown_keys: keys::unknown(&tree) })
    }

    fn check(&self) -> Result<(), &'static str> {
        let defaults = &self.defaults;
        match (&defaults.server, &defaults.store, &defaults.default_graph) {
            (Some(_), Some(_), _) => {
                Err("`defaults` has both `server` and `store`: a default scope binds one of them")
            }
            (None, Some(_), Some(_)) => {
                Err("`defaults` has `default_graph` beside `store`, which already is a single graph")
            }
            _ => Ok(()),
        }
    }
}

/// Says what is wrong and where, without the file.
fn told(problem: &Problem) -> String {
    let position = problem.position.map(|at| format!(" at line {}, column {}", at.line, at.column));
    let position = position.unwrap_or_default();
    let what = match &problem.kind {
        Misfit::RepeatedKey { key } => format!("the key `{key}` is repeated{position}"),
        Misfit::Syntax { message } => format!("{message}{position}"),
        misfit => format!("{misfit}{position}"),
    };
    if problem.path.is_empty() { what } else { format!("`{}`: {what}", problem.path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"
operator: { actor: act-ada }
defaults:
  output: kv
  table_max_column_width: 80
  table_cell_layout: wrap
  server: prod
  default_graph: kb
servers:
  prod: { url: "https://graphs.example.org" }
clusters:
  brain: { root: "s3://bucket/brain" }
profiles:
  lab:   { store: "file:///data/lab.omni" }
  team:  { server: prod, default_graph: kb }
aliases:
  who: { server: prod, graph: kb, query: find_person, args: [name], params: { limit: 5 }, format: csv }
"#;

    fn parse(text: &str) -> Result<LoadedConfig, String> {
        OperatorConfig::parse(Path::new("/cfg/config.yaml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_every_key() {
        let LoadedConfig { config, unknown_keys } = parse(SAMPLE).unwrap();
        assert_eq!(unknown_keys, Vec::<String>::new());
        assert_eq!(config.operator.actor.as_deref(), Some("act-ada"));
        assert_eq!(config.defaults.output, Some(OutputFormat::Kv));
        assert_eq!(config.defaults.table_max_column_width, Some(80));
        assert_eq!(config.defaults.table_cell_layout, Some(CellLayout::Wrap));
        assert_eq!(config.defaults.default_graph.as_deref(), Some("kb"));
        assert_eq!(config.servers["prod"].url.as_deref(), Some("https://graphs.example.org"));
        assert_eq!(config.clusters["brain"].root.as_deref(), Some("s3://bucket/brain"));
        assert_eq!(config.profiles["team"].server.as_deref(), Some("prod"));
        let alias = &config.aliases["who"];
        assert_eq!((alias.query.as_str(), alias.args.as_slice()), ("find_person", &["name".to_owned()][..]));
        assert_eq!((&alias.params["limit"], alias.format), (&Value::from(5), Some(OutputFormat::Csv)));
    }

    #[test]
    fn everything_may_be_absent_or_null() {
        for text in ["", "# nothing\n", "{}", "servers:\ndefaults: ~\nprofiles: {}\n", "aliases: null"] {
            assert_eq!(parse(text).unwrap(), LoadedConfig::default(), "{text}");
        }
        let entry = parse("servers: { a: {}, b: { url: ~ } }\nprofiles: { p: {} }").unwrap().config;
        assert_eq!(entry.servers["a"], entry.servers["b"]);
        assert_eq!(entry.profiles["p"], Profile::default());
    }

    #[test]
    fn texts_that_look_like_numbers_must_be_quoted_and_other_words_not() {
        let text = "servers: { '1': { url: '2' }, on: { url: no } }\ndefaults: { default_graph: \"2024\", store: ~ }";
        let config = parse(text).unwrap().config;
        assert_eq!(config.servers["1"].url.as_deref(), Some("2"));
        assert_eq!(config.servers["on"].url.as_deref(), Some("no"));
        assert_eq!((config.defaults.default_graph.as_deref(), config.defaults.store), (Some("2024"), None));
        let error = parse("operator:\n  actor: 5\n").unwrap_err();
        assert!(error.contains("`operator.actor`: ") && error.contains("quoted at line 2"), "{error}");
        let error = parse("a: 1\na: 2\n").unwrap_err();
        assert_eq!(error, "/cfg/config.yaml: the key `a` is repeated at line 2, column 1");
    }

    #[test]
    fn unknown_keys_are_told_by_their_paths() {
        let text = "colour: 1\ndefaults: { colour: red, output: json }\nservers: { prod: { url: u, tls: { ca: x } } }\n\
                    aliases: { a: { server: s, query: q, params: { anything: 1 }, branch: b } }\noperator: { x.y: 1 }\n";
        let expected = ["colour", "defaults.colour", "servers.prod.tls", "aliases.a.branch", "operator.x.y"];
        let mut unknown = parse(text).unwrap().unknown_keys;
        unknown.sort();
        let mut expected = expected.map(str::to_owned);
        expected.sort();
        assert_eq!(unknown, expected);
    }

    #[test]
    fn what_is_malformed_names_the_file() {
        for text in [
            "a: [1",
            "- list",
            "defaults: 3",
            "defaults: { output: xml }",
            "defaults: { table_cell_layout: fold }",
            "defaults: { table_max_column_width: wide }",
            "servers: [a]",
            "operator: { actor: 5 }",
            "servers: { a: { url: true } }",
            "servers: { a: http }",
            "aliases: { a: { server: s } }",
            "aliases: { a: { query: q } }",
            "aliases: { a: { server: s, query: q, params: [1] } }",
            "a: 1\na: 2\n",
            "defaults: { server: a, store: b }",
            "defaults: { store: b, default_graph: g }",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with("/cfg/config.yaml: "), "{text}: {error}");
        }
    }

    #[test]
    fn an_absent_file_is_empty_and_an_unreadable_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let home = OperatorDir::new(dir.path());
        assert_eq!(OperatorConfig::load(None).unwrap(), LoadedConfig::default());
        assert_eq!(OperatorConfig::load(Some(&home)).unwrap(), LoadedConfig::default());
        std::fs::write(home.config_path(), "operator: { actor: ada }").unwrap();
        assert_eq!(OperatorConfig::load(Some(&home)).unwrap().config.operator.actor.as_deref(), Some("ada"));
        std::fs::remove_file(home.config_path()).unwrap();
        std::fs::create_dir(home.config_path()).unwrap();
        let error = OperatorConfig::load(Some(&home)).unwrap_err().to_string();
        assert!(error.contains("config.yaml"), "{error}");
    }
}
