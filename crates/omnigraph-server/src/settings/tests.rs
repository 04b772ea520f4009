//! Which graphs a server boots with, over config files on disk and an environment of the test's own.

use std::path::Path;

use super::*;
use crate::args::{Args, LogFormat};
use crate::auth::{ClassifierError, ServerRuntimeState};
use crate::env::Env;
use crate::fixtures::env_of;

const TWO_GRAPHS: &str = "\
server:
  policy: { file: rules/server.yaml }
graphs:
  atlas:
    uri: s3://acme-graphs/atlas.omni/
    policy: { file: rules/atlas.yaml }
    queries: { nearby: { file: nearby.gq } }
  ledger: { uri: ./ledger.omni }
";

const TOKEN: (&str, &str) = ("OMNIGRAPH_SERVER_BEARER_TOKEN", "t");

/// A working directory and what is said there.
struct Shell {
    dir: tempfile::TempDir,
    env: Vec<(&'static str, String)>,
}

impl Shell {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), env: vec![(TOKEN.0, TOKEN.1.to_owned())] }
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    fn without_token(mut self) -> Self {
        self.env.retain(|(name, _)| *name != TOKEN.0);
        self
    }

    fn run(&self, words: &[&str]) -> Result<ServerConfig, SettingsError> {
        use clap::Parser;
        let args = Args::try_parse_from(std::iter::once(&"omnigraph-server").chain(words)).unwrap();
        let variables: Vec<_> = self.env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let lookup = env_of(&variables);
        load_server_settings(&args, &Env::new(&lookup), self.dir.path())
    }

    fn refusal(&self, words: &[&str]) -> String {
        self.run(words).unwrap_err().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }
}

fn single(config: &ServerConfig) -> &GraphSource {
    match &config.source {
        BootSource::Single(graph) => graph,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_uri_beats_target_and_graphs() {
    let shell = Shell::new().file("omnigraph.yaml", TWO_GRAPHS);
    let config = shell.run(&["./mine.omni/", "--target", "atlas", "--config", "omnigraph.yaml"]).unwrap();
    let graph = single(&config);
    assert_eq!(graph.uri.as_str(), shell.path("mine.omni"));
    assert_eq!(graph.label, shell.path("mine.omni"));
    assert_eq!((graph.id.as_str(), graph.alias.as_ref()), ("default", None));
    assert!(graph.policy.is_none() && graph.queries.is_empty());
    assert!(
        config.warnings.iter().any(|warning| warning.contains("--target atlas")),
        "{:?}",
        config.warnings
    );
    assert!(
        config.warnings.iter().any(|warning| warning.contains("server.policy.file")),
        "{:?}",
        config.warnings
    );
}

#[test]
fn an_anonymous_graph_gets_the_top_level_blocks() {
    let yaml = "policy: { file: p.yaml }\nqueries: { q: { file: q.gq } }\n";
    let shell = Shell::new().file("conf/og.yaml", yaml);
    let config = shell.run(&["/g", "--config", "conf/og.yaml"]).unwrap();
    let graph = single(&config);
    assert_eq!(graph.policy.as_deref(), Some(Path::new(&shell.path("conf/p.yaml"))));
    assert_eq!(graph.queries[0].file, Path::new(&shell.path("conf/q.gq")));
    assert_eq!(config.classify().unwrap(), ServerRuntimeState::PolicyEnabled);
}

#[test]
fn a_named_graph_comes_from_target_or_the_file() {
    let shell = Shell::new().file("omnigraph.yaml", TWO_GRAPHS);
    let config = shell.run(&["--target", "atlas"]).unwrap();
    let graph = single(&config);
    assert_eq!((graph.label.as_str(), graph.uri.as_str()), ("atlas", "s3://acme-graphs/atlas.omni"));
    assert_eq!((graph.id.as_str(), graph.alias.as_ref().map(GraphId::as_str)), ("default", Some("atlas")));
    assert_eq!(graph.queries[0].name, "nearby");

    let yaml = TWO_GRAPHS.replace("server:", "server:\n  graph: ledger");
    let shell = Shell::new().file("omnigraph.yaml", &yaml);
    let config = shell.run(&[]).unwrap();
    assert_eq!(single(&config).uri.as_str(), shell.path("ledger.omni"));
    assert_eq!(config.classify().unwrap(), ServerRuntimeState::DefaultDeny);
    let config = shell.run(&["--target", "atlas"]).unwrap();
    assert_eq!(single(&config).label, "atlas");
}

#[test]
fn a_named_graph_need_not_have_a_valid_id() {
    let shell = Shell::new().file("omnigraph.yaml", "graphs: { 'my graph': { uri: g } }\n");
    let config = shell.run(&["--target", "my graph"]).unwrap();
    assert_eq!((single(&config).label.as_str(), &single(&config).alias), ("my graph", &None));
}

#[test]
fn an_absent_graph_is_named() {
    let shell = Shell::new().file("omnigraph.yaml", TWO_GRAPHS);
    let message = shell.refusal(&["--target", "nope"]);
    assert!(message.contains("graph 'nope' not found in omnigraph.yaml"), "{message}");
    assert!(message.contains("'atlas', 'ledger'"), "{message}");
    assert!(Shell::new().refusal(&["--target", "x"]).contains("graph 'x' not found in omnigraph.yaml"));
}

#[test]
fn a_named_file_with_graphs_starts_them_all() {
    let shell = Shell::new().file("conf/og.yaml", TWO_GRAPHS);
    for config in [
        shell.run(&["--config", "conf/og.yaml"]).unwrap(),
        Shell::new()
            .file("conf/og.yaml", TWO_GRAPHS)
            .env("OMNIGRAPH_CONFIG", " conf/og.yaml ")
            .run(&[])
            .unwrap(),
    ] {
        let BootSource::Multi { graphs, server_policy } = &config.source else { panic!("{config:?}") };
        let ids: Vec<_> = graphs.iter().map(|graph| (graph.id.as_str(), graph.label.as_str())).collect();
        assert_eq!(ids, [("atlas", "atlas"), ("ledger", "ledger")]);
        assert!(graphs[1].uri.as_str().ends_with("/conf/ledger.omni"));
        assert!(server_policy.as_ref().unwrap().ends_with("conf/rules/server.yaml"));
        assert_eq!(config.classify().unwrap(), ServerRuntimeState::PolicyEnabled);
        assert!(config.warnings.iter().any(|warning| warning.contains("'ledger' has no policy")));
    }
}

#[test]
fn a_file_that_was_only_found_starts_nothing_by_itself() {
    let shell = Shell::new().file("omnigraph.yaml", TWO_GRAPHS);
    let message = shell.refusal(&[]);
    assert!(message.contains("no graph to serve") && message.contains("boots from a cluster"), "{message}");
    for way in ["positional", "--target", "server.graph", "--config", "graphs:", "--cluster"] {
        assert!(message.contains(way), "{way} is not in: {message}");
    }
    assert!(Shell::new().refusal(&[]).contains("no graph to serve"));
    let empty = Shell::new().file("og.yaml", "graphs: {}\n");
    assert!(empty.refusal(&["--config", "og.yaml"]).contains("no graph to serve"));
}

#[test]
fn the_flag_beats_the_variable_and_both_must_exist() {
    let shell = Shell::new().file("og.yaml", TWO_GRAPHS).env("OMNIGRAPH_CONFIG", "absent.yaml");
    assert!(shell.run(&["--config", "og.yaml"]).is_ok());
    assert!(shell.refusal(&[]).contains("absent.yaml"));
    assert!(shell.refusal(&["/g"]).contains("absent.yaml"));
}

#[test]
fn a_cluster_is_exclusive_and_reads_no_config() {
    let shell = Shell::new().file("omnigraph.yaml", "not: [yaml").env("OMNIGRAPH_CONFIG", "absent.yaml");
    for words in [
        &["--cluster", "c", "./g"][..],
        &["--cluster", "c", "--target", "t"],
        &["--cluster", "c", "--config", "f"],
    ] {
        assert!(shell.refusal(words).contains("exclusive boot source"), "{words:?}");
    }
    let error = shell.run(&["--cluster", "s3://c/root"]).unwrap_err();
    assert!(
        matches!(&error, SettingsError::ClusterUnsupported { source_uri } if source_uri == "s3://c/root")
    );
}

#[test]
fn a_block_that_would_not_count_is_refused() {
    for (block, yaml) in
        [("policy.file", "policy: { file: p }\n"), ("queries", "queries: { q: { file: q.gq } }\n")]
    {
        let shell = Shell::new().file("og.yaml", &format!("{TWO_GRAPHS}{yaml}"));
        let named = shell.refusal(&["--config", "og.yaml", "--target", "atlas"]);
        for part in ["'atlas'", block, "graphs.atlas"] {
            assert!(named.contains(part), "{part} is not in: {named}");
        }
        let multi = shell.refusal(&["--config", "og.yaml"]);
        for part in ["top-level", block, "not honored", "graphs.<graph_id>"] {
            assert!(multi.contains(part), "{part} is not in: {multi}");
        }
        assert_eq!(multi.contains("server.policy.file"), block == "policy.file");
    }
    let empty = Shell::new().file("og.yaml", &format!("{TWO_GRAPHS}policy: {{}}\nqueries: {{}}\n"));
    assert!(empty.run(&["--config", "og.yaml"]).is_ok());
}

#[test]
fn graph_ids_are_checked_before_anything_opens() {
    for id in ["a_b", "healthz", "a/b"] {
        let shell = Shell::new().file("og.yaml", &format!("graphs: {{ '{id}': {{ uri: g }} }}\n"));
        assert!(shell.refusal(&["--config", "og.yaml"]).contains(&format!("invalid graph id '{id}'")));
    }
}

#[test]
fn one_place_is_served_once() {
    for (first, second) in [("s3://b/g", "s3://b/g/"), ("./g", "file://FOLDER/g"), ("x/../g", "g")] {
        let shell = Shell::new();
        let second = second.replace("FOLDER", shell.dir.path().to_str().unwrap());
        let yaml = format!("graphs: {{ one: {{ uri: '{first}' }}, two: {{ uri: '{second}' }} }}\n");
        let message = shell.file("og.yaml", &yaml).refusal(&["--config", "og.yaml"]);
        assert!(message.contains("'one'") && message.contains("'two'"), "{message}");
    }
}

#[test]
fn what_protects_the_server_is_decided_before_anything_opens() {
    let open = Shell::new().without_token();
    let error = open.run(&["/g"]).unwrap_err();
    assert!(matches!(error, SettingsError::Classifier(ClassifierError::Unprotected)));
    assert_eq!(open.run(&["/g", "--unauthenticated"]).unwrap().classify().unwrap(), ServerRuntimeState::Open);
    let consent = Shell::new().without_token().env("OMNIGRAPH_UNAUTHENTICATED", "yes");
    assert_eq!(consent.run(&["/g"]).unwrap().classify().unwrap(), ServerRuntimeState::Open);
    let rules = Shell::new().without_token().file("omnigraph.yaml", "policy: { file: p }\n");
    assert!(rules.refusal(&["/g", "--unauthenticated"]).contains("every request would 401"));
    let state = Shell::new().run(&["/g", "--unauthenticated"]).unwrap().classify().unwrap();
    assert_eq!(state, ServerRuntimeState::DefaultDeny);
}

#[test]
fn the_server_policy_is_no_policy_of_a_single_graph() {
    let shell = Shell::new().without_token().file("omnigraph.yaml", TWO_GRAPHS);
    let config = shell.run(&["--target", "ledger", "--unauthenticated"]).unwrap();
    assert_eq!(config.classify().unwrap(), ServerRuntimeState::Open);
}

#[test]
fn jwt_keys_count_as_tokens() {
    let shell = Shell::new().without_token();
    let words = ["/g", "--jwt-jwks", "http://id/keys", "--jwt-issuer", "i", "--jwt-audience", "a"];
    let config = shell.run(&words).unwrap();
    assert_eq!(config.classify().unwrap(), ServerRuntimeState::DefaultDeny);
    assert!(config.warnings.iter().any(|warning| warning.contains("use https")));
    assert!(shell.refusal(&words[..3]).contains("--jwt-issuer"));
}

#[test]
fn options_of_the_file_count_and_flags_win() {
    let yaml = "\
server:
  bind: 0.0.0.0:1
  tls: { cert: c.pem, key: k.pem }
  cors: { origins: ['https://a'] }
  request_timeout: 30s
  client_timeout: 1m
  log: { format: json }
  jwt: { jwks: keys.json, issuer: i, audience: [a, b], leeway: 5s, algorithms: [ES256] }
";
    let shell = Shell::new().file("conf/og.yaml", yaml).env("RUST_LOG", "debug");
    let config = shell.run(&["/g", "--config", "conf/og.yaml"]).unwrap();
    assert_eq!(config.bind.to_string(), "0.0.0.0:1");
    assert_eq!(config.tls.as_ref().unwrap().cert, Path::new(&shell.path("conf/c.pem")));
    assert_eq!(config.request_timeout, Some(std::time::Duration::from_secs(30)));
    assert_eq!(
        config.client_timeouts,
        crate::client_timeouts::ClientTimeouts::uniform(std::time::Duration::from_secs(60))
    );
    assert_eq!((config.log.format, config.log.filter.as_deref()), (LogFormat::Json, Some("debug")));
    let jwt = config.jwt.unwrap();
    assert_eq!(jwt.jwks, crate::jwt::JwksSource::File(shell.path("conf/keys.json").into()));
    assert_eq!((jwt.audiences, jwt.leeway.as_secs()), (vec!["a".to_owned(), "b".to_owned()], 5));
    let words = ["/g", "--config", "conf/og.yaml", "--bind", "127.0.0.1:2", "--log-format", "text"];
    let config = shell.run(&words).unwrap();
    assert_eq!((config.bind.port(), config.log.format), (2, LogFormat::Text));
}

#[test]
fn a_configuration_shows_no_token() {
    let shell = Shell::new().without_token().env(TOKEN.0, "hush-hush");
    assert!(!format!("{:?}", shell.run(&["/g"]).unwrap()).contains("hush"));
}
