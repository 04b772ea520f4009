//! Graphs on a server: which flags go with which command, whose token is sent, and how refusals are reported.

use serde_json::{Value, json};

use crate::sandbox::{Run, Sandbox};
use crate::server::{Server, Setup};

/// What each actor of the fixture may do.
const BUNDLE: &str = "\
version: 1
groups: { writers: [act-ada], readers: [act-bob] }
rules:
  - id: all-read
    allow: { actors: { group: readers }, actions: [read] }
  - id: writers-read
    allow: { actors: { group: writers }, actions: [read, change, branch_create, branch_merge, invoke_query] }
";

const TOKENS: &[(&str, &str)] = &[("act-ada", "ada-secret"), ("act-bob", "bob-secret")];

const COUNT: &str = "query q() { match { $p: Person } return { count($p) as n } }";

fn count(run: &Run) -> Value {
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str::<Value>(&run.stdout).unwrap()["rows"][0]["n"].clone()
}

#[test]
fn flags_that_a_command_cannot_use_are_refused_first() {
    let sandbox = Sandbox::empty();
    // Nothing of these exists, and no configuration could be read.
    std::fs::create_dir_all(sandbox.path("home")).unwrap();
    sandbox.write("home/config.yaml", "servers: [");
    let served = "--server addresses a served graph";
    let actor = "--as sets the actor for a direct-engine or actor-bound cluster operation";
    for (words, expected) in [
        (
            &["optimize", "--server", "prod", "absent"][..],
            format!(
                "`optimize` is a direct (storage-native) command; {served} and does not apply. \
                 Pass a storage URI, or --cluster <dir> --graph <id>."
            ),
        ),
        (
            &["schema", "plan", "--schema", "x", "--cluster", "c"],
            "`schema plan` is a direct (storage-native) command; --cluster addresses a cluster-scoped command \
             and does not apply. Pass a storage URI."
                .to_owned(),
        ),
        (
            &["graphs", "list", "--store", "g"],
            "`graphs list` is a served command; --store addresses a single graph's storage directly and does \
             not apply. Address the server with --server <name|url> or --profile <name>."
                .to_owned(),
        ),
        (&["query", "-e", "x", "--as", "me"], format!("`query` is a data command; {actor} and does not apply.")),
        (&["blob", "stat", "node", "A", "b", "c", "--as", "me"], format!("`blob stat` is a data command; {actor} and does not apply.")),
        (&["commit", "list", "--as", "me"], format!("`commit` is a data command; {actor} and does not apply.")),
        (
            &["load", "--data", "x", "--mode", "merge", "--cluster", "c"],
            "`load` is a data command; --cluster addresses a cluster-scoped command and does not apply."
                .to_owned(),
        ),
        (
            &["ingest", "--data", "x", "--cluster", "c"],
            "`ingest` is a data command; --cluster addresses a cluster-scoped command and does not apply."
                .to_owned(),
        ),
        (
            &["version", "--profile", "p"],
            "`version` is a local command; --profile selects a scope bundle and does not apply. \
             It does not address a graph."
                .to_owned(),
        ),
        (
            &["diff", "a", "b", "--server", "http://127.0.0.1:1"],
            format!("`diff` is a direct (storage-native) command; {served} and does not apply. Pass a storage URI."),
        ),
        (
            &["init", "g", "--schema", "x", "--as", "me", "--graph", "kb"],
            "`init` is a direct (storage-native) command; --graph selects a graph within a server or cluster \
             scope and does not apply. Pass a storage URI."
                .to_owned(),
        ),
    ] {
        assert_eq!(sandbox.refused(words), format!("error: {expected}\n"), "{words:?}");
    }
}

#[test]
fn one_graph_is_addressed_in_one_way() {
    let sandbox = Sandbox::with_graph();
    for (words, text) in [
        (&["snapshot", "g", "--server", "http://127.0.0.1:1"][..], "exclusive"),
        (&["snapshot", "--store", "g", "--server", "http://127.0.0.1:1"], "exclusive"),
        (&["snapshot", "g", "--store", "g"], "mutually exclusive"),
        (&["snapshot", "--store", "g", "--graph", "kb"], "already a single graph"),
        (&["snapshot", "http://127.0.0.1:1"], "must be addressed with `--server <url>`"),
        (&["optimize", "http://127.0.0.1:1"], "remote server"),
        (&["snapshot", "--server", "prod"], "unknown server 'prod'"),
        (&["snapshot", "--profile", "lab"], "unknown profile 'lab'"),
    ] {
        let error = sandbox.refused(words);
        assert!(error.contains(text), "{words:?}: {error}");
    }
    let broken = [("OMNIGRAPH_PROFILE", "broken")];
    assert_eq!(sandbox.run_with(&["snapshot", "--store", "g"], &broken).code, 0);
    let error = sandbox.run_with(&["snapshot"], &broken).stderr;
    assert!(error.contains("profile 'broken'"), "{error}");
    let variable = [("OMNIGRAPH_STORE", "g")];
    assert_eq!(sandbox.run_with(&["snapshot"], &variable).code, 0);
    let error = sandbox.run_with(&["snapshot", "--server", "http://127.0.0.1:1"], &variable).stderr;
    assert!(error.contains("cannot reach http://127.0.0.1:1"), "{error}");
}

#[test]
fn names_and_defaults_of_the_config_lead_to_a_graph() {
    let sandbox = Sandbox::with_graph();
    let server = Server::many(&[("kb", &sandbox.path("g"))]);
    std::fs::create_dir_all(sandbox.path("home")).unwrap();
    sandbox.write(
        "home/config.yaml",
        &format!(
            "operator: {{ actor: act-cy }}\nservers: {{ prod: {{ url: '{}/' }} }}\ncolour: red\n\
             profiles: {{ team: {{ server: prod, default_graph: kb }}, lab: {{ store: g }}, odd: {{ cluster: c }} }}\n\
             defaults: {{ output: csv, server: prod, default_graph: kb }}\n",
            server.base
        ),
    );
    let query = ["query", "-e", COUNT];
    for scope in
        [&["--server", "prod", "--graph", "kb"][..], &["--profile", "team"], &["--profile", "lab"], &[]]
    {
        let run = sandbox.run(&[&query[..], scope].concat());
        assert_eq!((run.code, run.stdout.as_str()), (0, "n\n4\n"), "{scope:?}: {}", run.stderr);
        assert_eq!(run.stderr, "warning: unknown key `colour` in the operator config\n");
    }
    let odd = sandbox.refused(&[&query[..], &["--profile", "odd"]].concat());
    assert!(odd.contains("profile 'odd' resolves a cluster scope"), "{odd}");
    let storage = sandbox.refused(&["optimize"]);
    assert!(storage.contains("operator defaults") && storage.contains("--store"), "{storage}");
    let absent = sandbox.run(&["snapshot", "--server", "prod", "--graph", "nope", "--json"]);
    assert_eq!((absent.code, absent.stdout.as_str()), (1, ""));
    let object: Value = serde_json::from_str(absent.stderr.split_once('\n').unwrap().1).unwrap();
    assert_eq!(object["code"], "not_found", "{object}");

    // The operator's actor signs what is written to storage, and is nothing to a server.
    let insert = ["mutate", "insert_person", "--query", "queries.gq", "--json", "--params"];
    let direct = sandbox.json(&[&insert[..], &[r#"{"name":"Eve"}"#, "--store", "g"]].concat());
    assert_eq!((&direct["actor_id"], &direct["commit"]["actor_id"]), (&json!("act-cy"), &json!("act-cy")));
    let served = sandbox.json(&[&insert[..], &[r#"{"name":"Fay"}"#, "--profile", "team"]].concat());
    assert_eq!(served["actor_id"], json!(null));
    let refused = sandbox.refused(&[&insert[..], &[r#"{"name":"Gil"}"#, "--as", "me"]].concat());
    assert!(refused.contains("`--as` is not allowed on a served write"), "{refused}");
}

#[test]
fn the_token_of_the_server_is_sent_and_denials_are_reported() {
    let sandbox = Sandbox::with_graph();
    let server = Server::guarded(&sandbox.path("g"), TOKENS, BUNDLE);
    std::fs::create_dir_all(sandbox.path("home")).unwrap();
    sandbox.write("home/config.yaml", &format!("servers: {{ my-lab: {{ url: '{}' }} }}\n", server.base));
    let at = ["--server", server.base.as_str()];
    let query = [&["query", "-e", COUNT, "--json"][..], &at].concat();
    let without = sandbox.run(&query);
    assert_eq!((without.code, without.stdout.as_str()), (1, ""));
    let object: Value = serde_json::from_str(&without.stderr).unwrap();
    assert_eq!(object["code"], "unauthorized");

    let ada = [("OMNIGRAPH_TOKEN_MY_LAB", "ada-secret"), ("OMNIGRAPH_BEARER_TOKEN", "wrong")];
    let bob = [("OMNIGRAPH_BEARER_TOKEN", "bob-secret")];
    assert_eq!(count(&sandbox.run_with(&query, &ada)), 4);
    assert_eq!(count(&sandbox.run_with(&query, &bob)), 4);
    let insert = ["mutate", "insert_person", "--query", "queries.gq", "--params", r#"{"name":"Eve"}"#];
    let insert = [&insert[..], &at].concat();
    let denied = sandbox.run_with(&insert, &bob);
    assert_eq!((denied.code, denied.stdout.as_str()), (1, ""));
    assert!(
        denied.stderr.starts_with("error: ") && !denied.stderr.contains("bob-secret"),
        "{}",
        denied.stderr
    );
    assert_eq!(count(&sandbox.run_with(&query, &ada)), 4);
    let done = sandbox.run_with(&insert, &ada);
    assert_eq!(
        done.stdout, "changed main via insert_person: 1 nodes, 0 edges\nactor_id: act-ada\n",
        "{}",
        done.stderr
    );

    let ingested = sandbox.run_with(&[&["ingest", "--data", "rows.jsonl"][..], &at].concat(), &ada);
    assert!(ingested.stdout.ends_with("entities loaded\nactor_id: act-ada\n"), "{}", ingested.stderr);

    // The credentials of the operator do as well, unless others may read them.
    sandbox.write("home/credentials", "[my-lab]\ntoken = ada-secret\n");
    let mode = |mode| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(sandbox.path("home/credentials"), std::fs::Permissions::from_mode(mode))
            .unwrap();
    };
    mode(0o600);
    assert_eq!(count(&sandbox.run(&query)), 5);
    mode(0o644);
    assert!(sandbox.refused(&query).contains("chmod 600"));

    // What may be merged need not be allowed to go.
    mode(0o600);
    sandbox.ok(&[&["branch", "create", "side", "--quiet"][..], &at].concat());
    let merged = sandbox.run(&[&["branch", "merge", "side", "--delete-branch", "--json"][..], &at].concat());
    let receipt: Value = serde_json::from_str(&merged.stdout).unwrap();
    assert_eq!((merged.code, &receipt["branch_deleted"]), (0, &json!(false)));
    assert!(merged.stderr.contains("warning: could not delete branch 'side'"), "{}", merged.stderr);
    assert!(
        merged.stderr.contains(&format!("omnigraph branch merge → {} (served)\n", server.base)),
        "{}",
        merged.stderr
    );
}

#[test]
fn a_server_of_graphs_needs_a_graph_id() {
    let sandbox = Sandbox::with_graph();
    let lists = "version: 1\ngroups: { all: [act-bob] }\nrules:\n  - id: list\n    \
                 allow: { actors: { group: all }, actions: [graph_list] }\n";
    let server =
        Setup::many(&[("kb", &sandbox.path("g"))]).tokens(TOKENS).bundle(BUNDLE).server_bundle(lists).start();
    let query = ["query", "-e", COUNT, "--json", "--server", server.base.as_str()];
    let bob = [("OMNIGRAPH_BEARER_TOKEN", "bob-secret")];
    let unnamed = sandbox.run_with(&query, &bob);
    assert_eq!((unnamed.code, unnamed.stdout.as_str()), (1, ""));
    assert!(unnamed.stderr.contains("kb") && unnamed.stderr.contains("--graph <id>"), "{}", unnamed.stderr);
    assert_eq!(count(&sandbox.run_with(&[&query[..], &["--graph", "kb"]].concat(), &bob)), 4);
}

#[test]
fn destructive_writes_to_a_server_need_consent() {
    let sandbox = Sandbox::with_graph();
    let server = Server::open(&sandbox.path("g"));
    let at = ["--server", server.base.as_str()];
    let load = [&["load", "--data", "rows.jsonl", "--mode", "overwrite"][..], &at].concat();
    let before = sandbox.ok(&["commit", "list", "g"]);
    let refused = sandbox.refused(&load);
    assert!(refused.contains("refusing destructive `load --mode overwrite`"), "{refused}");
    assert!(refused.contains(&server.base) && refused.contains("--yes"), "{refused}");
    let ingest = [&["ingest", "--data", "rows.jsonl", "--mode", "overwrite"][..], &at].concat();
    let refused = sandbox.refused(&ingest);
    assert!(refused.contains("refusing destructive `ingest --mode overwrite`"), "{refused}");
    let delete = [&["branch", "delete", "side"][..], &at].concat();
    sandbox.ok(&["branch", "create", "side", "--uri", "g"]);
    assert!(sandbox.refused(&delete).contains("refusing destructive `branch delete`"));
    assert_eq!(sandbox.ok(&["branch", "list", "--uri", "g"]), "main\nside\n");
    assert_eq!(sandbox.ok(&["commit", "list", "g"]), before);
    sandbox.ok(&[&delete[..], &["--yes"]].concat());
    let loaded = sandbox.json(&[&load[..], &["--yes", "--json"]].concat());
    assert_eq!((&loaded["uri"], &loaded["total_entities"]), (&json!(server.base), &json!(11)));
    let keys: Vec<&String> = loaded.as_object().unwrap().keys().collect();
    let expected = ["uri", "branch", "mode", "branch_created", "nodes", "edges", "total_entities", "commit"];
    assert_eq!(keys, expected);
}

#[test]
fn stored_queries_run_by_name_and_by_their_kind() {
    let sandbox = Sandbox::with_graph();
    let server = Setup::many(&[("kb", &sandbox.path("g"))])
        .queries(&sandbox.path("queries.gq"), &["people", "insert_person"])
        .start();
    let at = ["--server", server.base.as_str(), "--graph", "kb"];
    let people = sandbox.json(&[&["query", "people", "--json"][..], &at].concat());
    assert_eq!((&people["query_name"], &people["row_count"]), (&json!("people"), &json!(4)));
    let params = ["--params", r#"{"name":"Eve"}"#];
    let wrong = sandbox.refused(&[&["query", "insert_person"][..], &params, &at].concat());
    assert!(wrong.contains("'insert_person' is a mutation — use omnigraph mutate insert_person"), "{wrong}");
    let wrong = sandbox.refused(&[&["mutate", "people"][..], &at].concat());
    assert!(wrong.contains("'people' is a read — use omnigraph query people"), "{wrong}");
    let insert = [&["mutate", "insert_person", "--json"][..], &params, &at].concat();
    let head = people["graph_commit_id"].as_str().unwrap();
    let done = sandbox.json(&[&insert[..], &["--if-commit", head]].concat());
    assert_eq!((&done["affected_nodes"], &done["commit"]["parent_commit_id"]), (&json!(1), &json!(head)));

    let lost = sandbox.run(&[&insert[..], &["--if-commit", head]].concat());
    assert_eq!((lost.code, lost.stderr.as_str()), (4, ""));
    let object: Value = serde_json::from_str(&lost.stdout).unwrap();
    let failure = json!({"expected": head, "actual": done["commit"]["graph_commit_id"]});
    assert_eq!(object["precondition_failure"], failure);
    let direct = sandbox.refused(&["query", "people", "--store", "g"]);
    assert!(direct.contains("needs a server"), "{direct}");
    let absent = sandbox.refused(&[&["query", "nope"][..], &at].concat());
    assert!(absent.starts_with("error: "), "{absent}");
}

#[test]
fn flags_that_servers_have_no_request_for_are_refused() {
    let sandbox = Sandbox::with_graph();
    let server = Server::open(&sandbox.path("g"));
    sandbox.ok(&["branch", "create", "side", "--uri", "g"]);
    let at = ["--server", server.base.as_str()];
    for words in [
        &["query", "-e", COUNT, "--explain"][..],
        &["branch", "create", "x", "--snapshot", "01J"],
        &["branch", "merge", "side", "--dry-run"],
        &["branch", "merge", "side", "--resolve", "ours"],
        &["commit", "list", "--after", "01J"],
        &["schema", "apply", "--schema", "schema.pg", "--branch", "side"],
    ] {
        let error = sandbox.refused(&[words, &at].concat());
        assert!(error.contains("works on storage only") && error.contains("--store"), "{words:?}: {error}");
    }
}

#[test]
fn a_failing_server_is_reported_and_leaves_files_alone() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ =
                stream.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbusy");
        }
    });
    let sandbox = Sandbox::empty();
    assert_eq!(sandbox.refused(&["snapshot", "--server", &base]), "error: server returned 503: busy\n");
    let blob = ["blob", "get", "node", "Doc", "d1", "body", "--out", "f", "--server", &base];
    assert!(sandbox.refused(&blob).starts_with("error: Blob delivery failed\n"));
    assert!(sandbox.refused(&[&blob[..], &["--length", "0"]].concat()).contains("must be greater than zero"));
    std::fs::write(sandbox.path("f"), "before").unwrap();
    assert!(
        sandbox.refused(&["changes", "baseline", "--out", "f", "--server", &base]).starts_with("error: ")
    );
    assert_eq!(sandbox.read("f"), "before");
    let left = std::fs::read_dir(sandbox.path("")).unwrap();
    assert!(!left.into_iter().any(|entry| entry.unwrap().file_name().to_string_lossy().ends_with(".tmp")));
}
