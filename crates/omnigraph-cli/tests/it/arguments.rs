//! The process contract: help, version, exit codes.

use crate::sandbox::Sandbox;

#[test]
fn no_arguments_print_help_on_stderr_and_exit_2() {
    let run = Sandbox::empty().run(&[]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("COMMANDS BY CAPABILITY"));
}

#[test]
fn every_command_has_help_with_an_example() {
    let sandbox = Sandbox::empty();
    for command in [
        vec!["query"],
        vec!["mutate"],
        vec!["load"],
        vec!["ingest"],
        vec!["snapshot"],
        vec!["export"],
        vec!["commit"],
        vec!["schema"],
        vec!["commit", "list"],
        vec!["commit", "show"],
        vec!["schema", "show"],
        vec!["schema", "plan"],
        vec!["init"],
        vec!["lint"],
        vec!["quickstart"],
        vec!["completions"],
        vec!["version"],
    ] {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let help = sandbox.ok(&arguments);
        assert!(help.contains(&format!("omnigraph {}", command.join(" "))), "{help}");
        assert!(help.contains("Example:"), "{help}");
    }
}

#[test]
fn the_older_loader_is_not_listed_and_warns() {
    let sandbox = Sandbox::with_graph();
    assert!(!sandbox.ok(&["--help"]).contains("ingest"));
    let warning = "warning: `omnigraph ingest` is a deprecated loader command; \
                   use `omnigraph load --from <base> --mode <mode>`\n";
    let run = sandbox.run(&["ingest", "g", "--data", "rows.jsonl", "--as", "ada", "--json"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (0, &*format!("{warning}omnigraph ingest → g (direct, local)\n"))
    );
    let receipt: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (&receipt["actor_id"], &receipt["commit"]["actor_id"]),
        (&serde_json::Value::Null, &"ada".into())
    );
    let quiet = sandbox.run(&["ingest", "g", "--data", "rows.jsonl", "--quiet"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, warning));
    let run = sandbox.run(&["ingest", "g"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--data"), "{}", run.stderr);
}

#[test]
fn version_is_one_line_and_the_command_adds_the_storage_format() {
    let sandbox = Sandbox::empty();
    let short = sandbox.ok(&["--version"]);
    assert_eq!(short, format!("omnigraph {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(sandbox.ok(&["-v"]), short);
    assert_eq!(sandbox.ok(&["version"]), format!("{short}internal-schema 1\n"));
}

#[test]
fn wrong_arguments_exit_2() {
    let sandbox = Sandbox::empty();
    let unknown = sandbox.run(&["query", "--nope"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("unexpected argument '--nope'"));
    let conflict = sandbox.run(&["query", "--store", "g", "-e", "x", "--json", "--format", "csv"]);
    assert_eq!(conflict.code, 2);
    assert!(conflict.stderr.contains("cannot be used"));
    let conflict = sandbox.run(&["--json", "query", "--store", "g", "-e", "x", "--format", "csv"]);
    assert_eq!(conflict.code, 2);
    assert!(conflict.stderr.contains("cannot be used"));
    let mode = sandbox.run(&["load", "g", "--data", "rows.jsonl"]);
    assert_eq!(mode.code, 2);
    assert!(mode.stderr.contains("--mode"));
}

#[test]
fn json_is_a_flag_of_every_command_that_prints_a_document() {
    let sandbox = Sandbox::with_graph();
    let after = sandbox.json(&["snapshot", "g", "--json"]);
    assert_eq!(sandbox.json(&["--json", "snapshot", "g"]), after);
    let failed = sandbox.refused(&["--json", "snapshot", "nowhere"]);
    assert!(serde_json::from_str::<serde_json::Value>(&failed).unwrap()["error"].is_string(), "{failed}");
    for arguments in [
        &["--json", "export", "g"][..],
        &["export", "g", "--json"],
        &["version", "--json"],
        &["completions", "bash", "--json"],
        &["blob", "get", "node", "Doc", "d1", "body", "--store", "g", "--json"],
    ] {
        let run = sandbox.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(run.stderr.contains("unexpected argument '--json'"), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn a_command_without_a_graph_names_the_ways_to_address_one() {
    let error = Sandbox::empty().refused(&["snapshot"]);
    assert!(error.contains("no graph addressed") && error.contains("--store"), "{error}");
}

#[test]
fn a_missing_graph_is_reported_with_the_cure() {
    let error = Sandbox::empty().refused(&["snapshot", "nowhere"]);
    assert!(
        error.contains("no graph at '") && error.contains("nowhere'") && error.contains("omnigraph init"),
        "{error}"
    );
}

#[test]
fn completions_are_printed_for_a_shell() {
    let sandbox = Sandbox::empty();
    assert!(sandbox.ok(&["completions", "bash"]).contains("_omnigraph"));
    for shell in ["zsh", "fish"] {
        assert!(sandbox.ok(&["completions", shell]).contains("omnigraph"));
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let sandbox = Sandbox::with_graph();
    for arguments in [
        vec!["completions", "fish"],
        vec!["export", "g"],
        vec!["commit", "list", "g"],
        vec!["query", "people", "--store", "g", "--query", "queries.gq"],
        vec!["query", "people", "--store", "g", "--query", "queries.gq", "--format", "csv"],
    ] {
        assert_eq!(sandbox.run_into_closed_pipe(&arguments), (0, String::new()), "{arguments:?}");
    }
}

#[test]
fn an_empty_actor_is_a_wrong_argument() {
    let run = Sandbox::empty().run(&["mutate", "--store", "g", "-e", "x", "--as", ""]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
}
