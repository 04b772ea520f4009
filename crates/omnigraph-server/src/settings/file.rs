//! The keys of `omnigraph.yaml` that the server reads. Everything else in the file belongs to other programs.

use std::path::{Path, PathBuf};

use super::SettingsError;
use super::yaml::{Document, Entry};

/// A stored query of the config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryEntry {
    /// Name by which it is called: the declaration `query <name>` in the file.
    pub name: String,
    /// Absolute path of its text.
    pub file: PathBuf,
    /// Whether the catalog shows it to clients.
    pub exposed: bool,
    /// Name of the tool it is for clients that offer tools.
    pub tool_name: String,
}

/// An entry of `graphs`.
#[derive(Clone, Debug)]
pub(super) struct GraphEntry {
    pub(super) name: String,
    pub(super) uri: String,
    pub(super) policy: Option<PathBuf>,
    pub(super) queries: Vec<QueryEntry>,
}

/// A value with the file and key it came from, for messages.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sourced<T> {
    pub(super) value: T,
    pub(super) origin: String,
}

/// Keys under `server` that stand for flags.
#[derive(Clone, Debug, Default)]
pub(super) struct ServerBlock {
    pub(super) graph: Option<String>,
    pub(super) bind: Option<Sourced<String>>,
    pub(super) policy: Option<PathBuf>,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    pub(super) cors_origins: Option<Sourced<Vec<String>>>,
    pub(super) request_timeout: Option<Sourced<String>>,
    pub(super) client_timeout: Option<Sourced<String>>,
    pub(super) memory: Option<Sourced<String>>,
    pub(super) log_format: Option<Sourced<String>>,
    pub(super) jwt_jwks: Option<Sourced<String>>,
    pub(super) jwt_issuer: Option<Sourced<String>>,
    pub(super) jwt_audiences: Option<Sourced<Vec<String>>>,
    pub(super) jwt_actor_claim: Option<Sourced<String>>,
    pub(super) jwt_algorithms: Option<Sourced<Vec<String>>>,
    pub(super) jwt_leeway: Option<Sourced<String>>,
}

/// What the server reads of a config file.
#[derive(Clone, Debug, Default)]
pub(super) struct ConfigFile {
    /// Absolute folder of the file.
    pub(super) base: PathBuf,
    pub(super) server: ServerBlock,
    pub(super) graphs: Vec<GraphEntry>,
    pub(super) policy: Option<PathBuf>,
    pub(super) queries: Vec<QueryEntry>,
}

impl ConfigFile {
    /// Reads a file; a relative path resolves against `cwd`.
    pub(super) fn load(file: &Path, cwd: &Path) -> Result<Self, SettingsError> {
        let absolute = cwd.join(file);
        let text = std::fs::read_to_string(&absolute)
            .map_err(|source| SettingsError::ReadConfig { file: file.to_owned(), source })?;
        let base = absolute.parent().unwrap_or(cwd);
        let base = std::path::absolute(base).map_err(SettingsError::WorkingDirectory)?;
        Self::parse(file, &base, &text)
    }

    /// Reads the text of a file; `file` is for messages, `base` what its relative paths resolve against.
    pub(super) fn parse(file: &Path, base: &Path, text: &str) -> Result<Self, SettingsError> {
        let document = Document::parse(file, text)?;
        let root = document.root();
        let graphs = root
            .get("graphs")?
            .entries()?
            .into_iter()
            .map(|(name, entry)| {
                Ok(GraphEntry {
                    uri: entry.get("uri")?.required_text()?,
                    policy: policy_file(&entry, base)?,
                    queries: queries(&entry, base)?,
                    name,
                })
            })
            .collect::<Result<_, SettingsError>>()?;
        Ok(Self {
            base: base.to_owned(),
            server: server(&root.get("server")?, file, base)?,
            graphs,
            policy: policy_file(&root, base)?,
            queries: queries(&root, base)?,
        })
    }
}

fn server(server: &Entry<'_>, file: &Path, base: &Path) -> Result<ServerBlock, SettingsError> {
    let text = |entry: Entry<'_>| -> Result<Option<Sourced<String>>, SettingsError> {
        let origin = format!("{}: {}", file.display(), entry.key());
        Ok(entry.text()?.map(|value| Sourced { value, origin }))
    };
    let texts = |entry: Entry<'_>| -> Result<Option<Sourced<Vec<String>>>, SettingsError> {
        let origin = format!("{}: {}", file.display(), entry.key());
        Ok(if entry.is_set() { Some(Sourced { value: entry.texts()?, origin }) } else { None })
    };
    let path = |entry: Entry<'_>| -> Result<Option<PathBuf>, SettingsError> {
        Ok(entry.text()?.map(|path| base.join(path)))
    };
    let (tls, jwt) = (server.get("tls")?, server.get("jwt")?);
    // A JWKS file is a path of the config file; a URL is taken as it is.
    let jwt_jwks = text(jwt.get("jwks")?)?.map(|mut source| {
        if !source.value.contains("://") {
            source.value = base.join(&source.value).to_string_lossy().into_owned();
        }
        source
    });
    Ok(ServerBlock {
        graph: server.get("graph")?.text()?,
        bind: text(server.get("bind")?)?,
        policy: policy_file(server, base)?,
        tls_cert: path(tls.get("cert")?)?,
        tls_key: path(tls.get("key")?)?,
        cors_origins: texts(server.get("cors")?.get("origins")?)?,
        request_timeout: text(server.get("request_timeout")?)?,
        client_timeout: text(server.get("client_timeout")?)?,
        memory: text(server.get("memory")?)?,
        log_format: text(server.get("log")?.get("format")?)?,
        jwt_jwks,
        jwt_issuer: text(jwt.get("issuer")?)?,
        jwt_audiences: texts(jwt.get("audience")?)?,
        jwt_actor_claim: text(jwt.get("actor_claim")?)?,
        jwt_algorithms: texts(jwt.get("algorithms")?)?,
        jwt_leeway: text(jwt.get("leeway")?)?,
    })
}

fn policy_file(owner: &Entry<'_>, base: &Path) -> Result<Option<PathBuf>, SettingsError> {
    Ok(owner.get("policy")?.get("file")?.text()?.map(|file| base.join(file)))
}

fn queries(owner: &Entry<'_>, base: &Path) -> Result<Vec<QueryEntry>, SettingsError> {
    owner
        .get("queries")?
        .entries()?
        .into_iter()
        .map(|(name, entry)| {
            let mcp = entry.get("mcp")?;
            Ok(QueryEntry {
                file: base.join(entry.get("file")?.required_text()?),
                exposed: mcp.get("expose")?.flag()?.unwrap_or(true),
                tool_name: mcp.get("tool_name")?.text()?.unwrap_or_else(|| name.clone()),
                name,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::error::ConfigError;

    const SAMPLE: &str = "\
project: { name: acme }
server:
  bind: 0.0.0.0:8080
  policy: { file: rules/server.yaml }
  jwt: { jwks: keys.json, issuer: 'https://id', audience: og }
graphs:
  atlas:
    uri: s3://acme-graphs/atlas.omni
    policy: { file: rules/atlas.yaml }
    queries:
      nearby:   { file: queries/nearby.gq }
      add_city: { file: /q/cities.gq, mcp: { expose: false, tool_name: grow } }
  ledger:
    uri: ./ledger.omni
aliases: [1, 2]
";

    fn parse(text: &str) -> Result<ConfigFile, SettingsError> {
        ConfigFile::parse(Path::new("omnigraph.yaml"), Path::new("/base"), text)
    }

    fn refusal(text: &str) -> ConfigError {
        match parse(text) {
            Err(SettingsError::Config(error)) => error,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_keys_of_the_server_are_read_and_others_ignored() {
        let config = parse(SAMPLE).unwrap();
        assert_eq!(config.server.bind.unwrap().value, "0.0.0.0:8080");
        assert_eq!(config.server.policy.unwrap(), Path::new("/base/rules/server.yaml"));
        assert_eq!(config.server.jwt_jwks.unwrap().value, "/base/keys.json");
        assert_eq!(config.server.jwt_audiences.unwrap().value, ["og"]);
        let [atlas, ledger] = config.graphs.as_slice() else { panic!() };
        assert_eq!((atlas.name.as_str(), atlas.uri.as_str()), ("atlas", "s3://acme-graphs/atlas.omni"));
        assert_eq!(atlas.policy.as_deref(), Some(Path::new("/base/rules/atlas.yaml")));
        assert_eq!(
            atlas.queries,
            [
                QueryEntry {
                    name: "nearby".into(),
                    file: "/base/queries/nearby.gq".into(),
                    exposed: true,
                    tool_name: "nearby".into()
                },
                QueryEntry {
                    name: "add_city".into(),
                    file: "/q/cities.gq".into(),
                    exposed: false,
                    tool_name: "grow".into()
                },
            ]
        );
        assert!(ledger.policy.is_none() && ledger.queries.is_empty());
    }

    #[test]
    fn nothing_at_all_is_a_config() {
        for text in ["", "# comment\n", "graphs:\n", "graphs: {}\nserver: ~\n", "policy: ~\nqueries:\n"] {
            let config = parse(text).unwrap();
            assert!(
                config.graphs.is_empty() && config.policy.is_none() && config.queries.is_empty(),
                "{text}"
            );
        }
    }

    #[test]
    fn wrong_types_are_refused_with_line_and_key() {
        for (text, line, key, problem) in [
            ("graphs:\n  a: { uri: 12 }\n", 2, "graphs.a.uri", "expected a string, found a number"),
            ("graphs: [a]\n", 1, "graphs", "expected a map, found a list"),
            ("graphs:\n  a: s3://x\n", 2, "graphs.a", "expected a map, found a string"),
            ("graphs:\n  a: {}\n", 0, "graphs.a.uri", "it is required"),
            ("graphs:\n  a:\n", 0, "graphs.a.uri", "it is required"),
            ("graphs:\n  7: { uri: x }\n", 2, "graphs", "a key is a number; quote it"),
            ("server:\n  bind: true\n", 2, "server.bind", "expected a string, found a boolean"),
            ("server:\n  graph: ' '\n", 2, "server.graph", "it is blank"),
            ("server:\n\n  policy: x.yaml\n", 3, "server.policy", "expected a map"),
            ("policy: { file: [x] }\n", 1, "policy.file", "expected a string, found a list"),
            (
                "queries:\n  q: { file: f, mcp: { expose: yes } }\n",
                2,
                "queries.q.mcp.expose",
                "true or false",
            ),
            ("queries:\n  q: { mcp: {} }\n", 0, "queries.q.file", "required"),
            (
                "server:\n  cors:\n    origins: [a,\n      1]\n",
                4,
                "server.cors.origins[1]",
                "expected a string",
            ),
        ] {
            let error = refusal(text);
            assert_eq!((error.line, error.key.as_str()), (line, key), "{error}");
            assert!(error.problem.contains(problem), "{error}");
        }
    }

    #[test]
    fn what_is_not_one_bounded_document_is_refused() {
        let deep = "[".repeat(100);
        for text in
            ["a: [1", "a: 1\n b: 2\n", "--- 1\n--- 2\n", deep.as_str(), "a: 1\na: 2\n", "x: *nowhere\n"]
        {
            assert!(refusal(text).problem.starts_with("not valid YAML"), "{text}");
        }
        assert_eq!(refusal("- a\n").problem, "expected a map, found a list");
    }

    #[test]
    fn messages_name_file_line_and_key_but_no_value() {
        let error = refusal("graphs:\n  a: { uri: 12 }\n");
        assert_eq!(error.to_string(), "omnigraph.yaml:2:13: graphs.a.uri: expected a string, found a number");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_refusal_names_the_file(
            lines in prop::collection::vec("( ){0,4}(graphs|server|a|uri|policy|file|- )?:? ?(x|12|~|\\[|\\{|'|&a|\\*a)?", 0..8),
        ) {
            if let Err(error) = parse(&lines.join("\n")) {
                prop_assert!(error.to_string().starts_with("omnigraph.yaml:"), "{}", error);
            }
        }
    }
}
