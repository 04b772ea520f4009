//! `login`, `logout`, `profile`, `graphs` and `alias`, with an operator directory of their own.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::sandbox::{Run, Sandbox};
use crate::server::{Server, Setup};

/// A bundle that lets one actor read and call stored queries, and another do nothing.
const BUNDLE: &str = "\
version: 1
groups: { readers: [act-ada], others: [act-bob] }
protected_branches: [main]
rules:
  - id: readers-read
    allow: { actors: { group: readers }, actions: [read], branch_scope: any }
  - id: readers-invoke
    allow: { actors: { group: readers }, actions: [invoke_query] }
";

/// A bundle of a server that lets the same actor list its graphs.
const SERVER_BUNDLE: &str = "\
version: 1
groups: { readers: [act-ada] }
rules:
  - id: readers-list
    allow: { actors: { group: readers }, actions: [graph_list] }
";

const TOKENS: &[(&str, &str)] = &[("act-ada", "t-ada"), ("act-bob", "t-bob")];

/// A sandbox with an operator directory `home`.
struct OperatorHome {
    sandbox: Sandbox,
    path: String,
}

impl OperatorHome {
    fn new(sandbox: Sandbox) -> OperatorHome {
        let path = sandbox.path("home").display().to_string();
        OperatorHome { sandbox, path }
    }

    fn config(&self, text: &str) {
        std::fs::create_dir_all(&self.path).unwrap();
        self.sandbox.write("home/config.yaml", text);
    }

    fn credentials(&self) -> String {
        self.sandbox.read("home/credentials")
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let home = [("OMNIGRAPH_HOME", self.path.as_str())];
        self.sandbox.run_with(arguments, &[&home[..], variables].concat())
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments:?} failed: {}", run.stderr);
        run.stdout
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    /// Runs the command, which must fail with exit code 1 and print nothing on stdout; returns its stderr.
    fn refused(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{arguments:?}: {}", run.stderr);
        run.stderr
    }

    /// Runs the command with a text on stdin.
    fn run_fed(&self, arguments: &[&str], input: &str) -> Run {
        let mut child = Command::new(env!("CARGO_BIN_EXE_omnigraph"))
            .args(arguments)
            .env("OMNIGRAPH_HOME", &self.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[test]
fn a_login_stores_a_token_and_a_logout_removes_it() {
    let home = OperatorHome::new(Sandbox::empty());
    let path = format!("{}/credentials", home.path);
    let run = home.run(&["login", "prod", "--token", " abc123 "]);
    assert_eq!(run.stdout, format!("stored credential for 'prod' in {path}\n"));
    assert!(run.stderr.starts_with("note: ") && run.stderr.contains("prod"), "{}", run.stderr);
    assert_eq!(home.credentials(), "[prod]\ntoken = abc123\n");

    home.config("servers: { prod: { url: 'https://h' } }");
    let run = home.run_fed(&["login", "prod", "--json"], "def456\nsecond line\n");
    let expected = json!({"server": "prod", "credentials_path": path, "declared": true});
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap(), expected);
    assert_eq!(run.stderr, "");
    assert_eq!(home.credentials(), "[prod]\ntoken = def456\n");

    for _ in 0..2 {
        let gone = home.json(&["logout", "prod", "--json"]);
        assert_eq!(gone, json!({"server": "prod", "credentials_path": path}));
    }
    assert_eq!(home.credentials(), "");
    let text = home.ok(&["logout", "prod"]);
    assert_eq!(text, format!("removed credential for 'prod' from {path}\n"));
}

#[test]
fn a_logout_makes_no_file_and_reads_no_configuration() {
    let home = OperatorHome::new(Sandbox::empty());
    home.ok(&["logout", "prod"]);
    assert!(!home.sandbox.exists("home"));
    home.config("servers: [");
    home.ok(&["logout", "prod"]);
}

#[test]
fn what_is_no_token_is_refused_without_being_shown() {
    let home = OperatorHome::new(Sandbox::empty());
    for input in ["", "\n", "  \nabc\n"] {
        let run = home.run_fed(&["login", "prod"], input);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{input:?}");
        assert!(run.stderr.contains("the token is blank"), "{}", run.stderr);
    }
    let error = home.refused(&["login", "prod", "--token", "s3cret word"]);
    assert!(error.contains("the token has a blank") && !error.contains("s3cret"), "{error}");
    let error = home.refused(&["login", "pr]od", "--token", "t"]);
    assert!(error.contains("'pr]od' cannot be the name of a server"), "{error}");
    assert!(!home.sandbox.exists("home/credentials"));
}

#[cfg(unix)]
#[test]
fn credentials_that_others_may_access_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let home = OperatorHome::new(Sandbox::empty());
    home.ok(&["login", "prod", "--token", "t"]);
    let file = home.sandbox.path("home/credentials");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    for arguments in [&["login", "prod", "--token", "u"][..], &["logout", "prod"]] {
        let error = home.refused(arguments);
        assert!(error.contains("chmod 600"), "{error}");
    }
    assert_eq!(home.credentials(), "[prod]\ntoken = t\n");
}

#[test]
fn local_commands_take_no_address() {
    let home = OperatorHome::new(Sandbox::empty());
    for arguments in [&["login", "prod", "--token", "t"][..], &["logout", "prod"], &["profile", "list"]] {
        let error = home.refused(&[arguments, &["--server", "prod"]].concat());
        let expected = format!(
            "`{}` is a local command; --server addresses a served graph and does not apply. It does not address a graph.",
            arguments[0]
        );
        assert!(error.contains(&expected), "{error}");
    }
    assert!(!home.sandbox.exists("home"));
}

const PROFILES: &str = "
defaults: { server: prod, default_graph: kb, output: json }
servers: { prod: { url: 'https://h' } }
clusters: { brain: { root: 's3://b/brain' } }
profiles:
  admin: { cluster: brain, default_graph: g }
  both: { server: prod, store: /x }
  lab: { store: /x }
  lost: { server: gone }
";

#[test]
fn profiles_are_listed_with_what_is_wrong_with_them() {
    let home = OperatorHome::new(Sandbox::empty());
    assert_eq!(home.ok(&["profile", "list"]), "no profiles defined in the operator config\n");
    assert_eq!(home.json(&["profile", "list", "--json"]), json!([]));
    home.config(PROFILES);
    let run = home.run_with(&["profile", "list"], &[("OMNIGRAPH_PROFILE", "lab")]);
    let expected = "admin  cluster: brain · graph: g\n\
                    both  invalid: binds 2 scopes (server, store): it must bind exactly one\n\
                    lab (active)  store: /x\n\
                    lost  server: gone\n";
    assert_eq!(run.stdout, expected);
    let list = home.json(&["profile", "list", "--json"]);
    let expected = json!({
        "name": "admin", "binding": "cluster: brain", "scope_kind": "cluster", "target": "brain", "valid": true,
        "error": null, "default_graph": "g", "active": false
    });
    assert_eq!(list[0], expected);
    assert_eq!((&list[1]["valid"], &list[1]["target"]), (&json!(false), &Value::Null));
}

#[test]
fn a_profile_shows_the_address_it_resolves_to() {
    let home = OperatorHome::new(Sandbox::empty());
    assert_eq!(home.ok(&["profile", "show"]), "profile: (defaults)\n  scope:   none\n");
    home.config(PROFILES);
    let defaults = "profile: (defaults)\n  scope:   server prod\n  endpoint: https://h\n  default graph: kb\n  output: json\n";
    assert_eq!(home.ok(&["profile", "show"]), defaults);
    let active = home.run_with(&["profile", "show", "--json"], &[("OMNIGRAPH_PROFILE", "admin")]);
    let expected = json!({
        "name": "admin", "scope_kind": "cluster", "target": "brain", "endpoint": "s3://b/brain", "default_graph": "g",
        "output_format": "json"
    });
    assert_eq!(serde_json::from_str::<Value>(&active.stdout).unwrap(), expected);
    let lost = home.ok(&["profile", "show", "lost"]);
    assert!(lost.contains("  scope:   server gone\n  endpoint: server 'gone' is not defined\n"), "{lost}");
    let error = home.refused(&["profile", "show", "both"]);
    assert!(error.contains("profile 'both' binds 2 scopes (server, store)"), "{error}");
    let error = home.refused(&["profile", "show", "nobody", "--json"]);
    let error: Value = serde_json::from_str(&error).unwrap();
    let text = error["error"].as_str().unwrap();
    assert_eq!(text, "unknown profile 'nobody'; defined: admin, both, lab, lost");
}

#[test]
fn a_malformed_configuration_is_named() {
    let home = OperatorHome::new(Sandbox::empty());
    home.config("defaults: { output: xml }");
    for arguments in [&["profile", "list"][..], &["login", "prod", "--token", "t"], &["alias", "who"]] {
        let error = home.refused(arguments);
        assert!(error.contains("config.yaml: `defaults.output`"), "{error}");
    }
    home.config("colour: red\ndefaults: { colour: red }");
    let run = home.run(&["profile", "list"]);
    assert_eq!(run.code, 0);
    assert_eq!(run.stderr.matches("warning: ").count(), 2, "{}", run.stderr);
    assert!(run.stderr.contains("`defaults.colour`"), "{}", run.stderr);
}

/// A server of the graphs `a` and `b`, called `prod`, where the operator is logged in.
fn two_graphs() -> (OperatorHome, Server) {
    let sandbox = Sandbox::with_graph();
    sandbox.ok(&["init", "b", "--schema", "schema.pg"]);
    let server = Setup::many(&[("b", &sandbox.path("b")), ("a", &sandbox.path("g"))])
        .queries(&sandbox.path("queries.gq"), &["people", "reach", "insert_person"])
        .tokens(TOKENS)
        .bundle(BUNDLE)
        .server_bundle(SERVER_BUNDLE)
        .start();
    let home = OperatorHome::new(sandbox);
    home.config(&format!(
        "servers: {{ prod: {{ url: '{}/' }} }}\n\
         profiles:\n  team: {{ server: prod, default_graph: a }}\n  lab: {{ store: g }}\n  admin: {{ cluster: c }}\n\
         aliases:\n  near: {{ server: prod, graph: a, query: reach, args: [name] }}\n  \
         bob: {{ server: prod, graph: a, query: reach, params: {{ name: Bob }}, format: csv }}\n  \
         query: {{ server: '{}', graph: a, query: people }}\n  \
         add: {{ server: prod, graph: a, query: insert_person, args: [name, age] }}\n  \
         lost: {{ server: prod, graph: a, query: nothing }}\n  \
         anywhere: {{ server: prod, query: people }}\n",
        server.base, server.base
    ));
    home.ok(&["login", "prod", "--token", "t-ada"]);
    (home, server)
}

#[test]
fn the_graphs_of_a_server_are_listed_by_id() {
    let (home, server) = two_graphs();
    let list = home.json(&["graphs", "list", "--server", "prod", "--json"]);
    let ids: Vec<&str> =
        list["graphs"].as_array().unwrap().iter().map(|graph| graph["graph_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "b"]);
    let uri = |at: usize| list["graphs"][at]["uri"].as_str().unwrap().to_owned();
    let text = format!("a\t{}\nb\t{}\n", uri(0), uri(1));
    for address in [["--server", &server.base], ["--profile", "team"]] {
        assert_eq!(home.ok(&[&["graphs", "list"][..], &address].concat()), text);
    }
    let run = home.run_with(&["graphs", "list"], &[("OMNIGRAPH_PROFILE", "team")]);
    assert_eq!(run.stdout, text);
    let other = [("OMNIGRAPH_TOKEN_PROD", "t-bob")];
    let denied = home.run_with(&["graphs", "list", "--server", "prod", "--json"], &other);
    assert_eq!(denied.code, 1);
    assert_eq!(serde_json::from_str::<Value>(&denied.stderr).unwrap()["code"], "forbidden");
}

#[test]
fn a_list_of_graphs_needs_a_server() {
    let (home, _server) = two_graphs();
    for (arguments, fragment) in [
        (&[][..], "`graphs list` needs a server scope"),
        (&["--profile", "lab"], "profile 'lab' resolves a store scope, but `graphs list` requires a server"),
        (&["--profile", "admin"], "`omnigraph cluster status`"),
        (&["--profile", "nobody"], "unknown profile 'nobody'"),
        (&["--server", "nobody"], "unknown server 'nobody'; defined: prod"),
        (&["--server", "ftp://h"], "must begin with http:// or https://"),
        (
            &["--store", "g"],
            "`graphs list` is a served command; --store addresses a single graph's storage directly",
        ),
        (&["--server", "prod", "--graph", "a"], "--graph selects a graph within a server or cluster scope"),
        (&["--server", "http://127.0.0.1:1"], "cannot reach http://127.0.0.1:1"),
    ] {
        let error = home.refused(&[&["graphs", "list"][..], arguments].concat());
        assert!(error.contains(fragment), "{arguments:?}: {error}");
    }
}

#[test]
fn a_list_of_graphs_is_granted_by_the_server() {
    let sandbox = Sandbox::with_graph();
    let server = Server::open(&sandbox.path("g"));
    let home = OperatorHome::new(sandbox);
    let error = home.refused(&["graphs", "list", "--server", &server.base, "--json"]);
    let error: Value = serde_json::from_str(&error).unwrap();
    assert_eq!(error["code"], "method_not_allowed", "{error}");
}

#[test]
fn an_alias_runs_a_stored_read() {
    let (home, _server) = two_graphs();
    let near = home.json(&["alias", "near", "Alice", "--json"]);
    assert_eq!(near["rows"], json!([{"q.name": "Bob"}, {"q.name": "Charlie"}, {"q.name": "Diana"}]));
    assert_eq!(home.ok(&["alias", "bob"]), "q.name\nDiana\n");
    assert_eq!(
        home.ok(&["alias", "bob", "--format", "kv"]),
        "1 rows from branch main via reach\nrow 1\nq.name: Diana\n"
    );
    assert_eq!(home.ok(&["alias", "bob", "--params", r#"{"name":"Diana"}"#]), "q.name\n");
    assert_eq!(
        home.json(&["alias", "near", "Alice", "--params", r#"{"name":"Bob"}"#, "--json"])["row_count"],
        1
    );
    let table = home.ok(&["alias", "query"]);
    assert!(table.starts_with("4 rows from branch main via people\np.name  | p.age\n"), "{table}");
    // The alias does not stand in the way of the command of its name.
    assert_eq!(home.ok(&["query", "people", "--store", "g", "--query", "queries.gq"]), table);
}

#[test]
fn mistakes_with_aliases_are_reported() {
    let (home, _server) = two_graphs();
    for (arguments, fragment) in [
        (&["whom"][..], "unknown alias 'whom'; defined: add, anywhere, bob, lost, near, query"),
        (&["near", "Alice", "2"], "alias 'near' takes 1 positional arg(s): name; 2 given"),
        (&["near"], "parameter 'name' not provided"),
        (&["near", "5"], "param 'name': expected string"),
        (&["near", "--params", "[1]"], "params must be a JSON object"),
        (&["near", "--params", "{"], "is not valid JSON"),
        (&["add", "Eve"], "'insert_person' is a mutation — use omnigraph mutate insert_person"),
        (&["anywhere"], "names no graph, and the server has a, b"),
        (
            &["near", "x", "--graph", "b", "--server", "prod"],
            "`alias` uses the server, graph, and stored query",
        ),
        (&["near", "x", "--as", "ada", "--store", "g"], "--store, --as"),
    ] {
        let error = home.refused(&[&["alias"][..], arguments].concat());
        assert!(error.contains(fragment), "{arguments:?}: {error}");
    }
    assert!(!home.refused(&["alias", "lost"]).is_empty());
    assert_eq!(home.json(&["alias", "query", "--json"])["row_count"], 4);
    let both = home.run(&["alias", "query", "--json", "--format", "csv"]);
    assert_eq!(both.code, 2);
}

#[test]
fn an_alias_sends_the_token_of_its_server() {
    let sandbox = Sandbox::with_graph();
    let server = Setup::flat(&sandbox.path("g"))
        .tokens(TOKENS)
        .bundle(BUNDLE)
        .queries(&sandbox.path("queries.gq"), &["people"])
        .start();
    let home = OperatorHome::new(sandbox);
    home.config(&format!(
        "servers: {{ prod: {{ url: '{}' }} }}\naliases: {{ all: {{ server: prod, query: people }} }}",
        server.base
    ));
    let error = home.refused(&["alias", "all", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&error).unwrap()["code"], "unauthorized", "{error}");
    home.ok(&["login", "prod", "--token", "t-ada"]);
    assert_eq!(home.json(&["alias", "all", "--json"])["row_count"], 4);
    // A query that may not be run is reported like one that does not exist.
    let run = home.run_with(&["alias", "all"], &[("OMNIGRAPH_TOKEN_PROD", "t-bob")]);
    assert_eq!(run.code, 1);
    assert!(!run.stderr.contains("t-bob"), "{}", run.stderr);
    home.ok(&["logout", "prod"]);
    assert_eq!(home.run(&["alias", "all"]).code, 1);
}
