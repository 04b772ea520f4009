//! `policy validate`, `test` and `explain` on the bundles of the guide, and what they say about broken ones.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

const POLICY: &str = include_str!("../../../../docs/examples/policy.yaml");
const SERVER_POLICY: &str = include_str!("../../../../docs/examples/server-policy.yaml");
const TESTS: &str = include_str!("../../../../docs/examples/policy.tests.yaml");

/// A folder with the bundles of the guide.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("policy.yaml", POLICY);
    sandbox.write("server-policy.yaml", SERVER_POLICY);
    sandbox.write("policy.tests.yaml", TESTS);
    sandbox
}

/// Runs a command that must succeed; returns stdout and stderr.
fn both(sandbox: &Sandbox, arguments: &[&str]) -> (String, String) {
    let run = sandbox.run(arguments);
    assert_eq!(run.code, 0, "{arguments:?}: {}", run.stderr);
    (run.stdout, run.stderr)
}

/// Returns the JSON error object of a command that must be refused.
fn error_object(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    serde_json::from_str(&sandbox.refused(&[arguments, &["--json"]].concat())).unwrap()
}

#[test]
fn the_help_of_every_subcommand_has_an_example() {
    let sandbox = Sandbox::empty();
    for command in
        [vec!["policy"], vec!["policy", "validate"], vec!["policy", "test"], vec!["policy", "explain"]]
    {
        let help = sandbox.ok(&[&command[..], &["--help"]].concat());
        assert!(help.contains(&format!("Example:\n  omnigraph {}", command.join(" "))), "{help}");
    }
    assert!(sandbox.ok(&["--help"]).contains("\n  control policy: "));
}

#[test]
fn a_valid_bundle_is_reported_with_its_actors() {
    let sandbox = sandbox();
    let validate = |file: &str| both(&sandbox, &["policy", "validate", "--file", file]);
    assert_eq!(
        validate("policy.yaml"),
        ("policy valid: bundle 'policy' [4 actors]\n".to_owned(), String::new())
    );
    assert_eq!(validate("server-policy.yaml").0, "policy valid: bundle 'server-policy' [1 actors]\n");
    sandbox.write("none.yaml", "version: 1\n");
    assert_eq!(validate("none.yaml").0, "policy valid: bundle 'none' [0 actors]\n");
}

#[test]
fn a_validation_as_json_tells_the_kind_and_counts() {
    let sandbox = sandbox();
    let validate = |file: &str| sandbox.json(&["policy", "validate", "--file", file, "--json"]);
    let document = |bundle: &str, kind: &str, actors: u64, rules: u64| json!({"bundle": bundle, "kind": kind, "valid": true, "actors": actors, "rules": rules, "warnings": []});
    assert_eq!(validate("policy.yaml"), document("policy", "graph", 4, 5));
    assert_eq!(validate("server-policy.yaml"), document("server-policy", "server", 1, 1));
    sandbox.write("none.yaml", "version: 1\n");
    assert_eq!(validate("none.yaml"), document("none", "graph", 0, 0));
    let as_server =
        sandbox.json(&["policy", "validate", "--file", "none.yaml", "--kind", "server", "--json"]);
    assert_eq!(as_server, document("none", "server", 0, 0));
}

#[test]
fn a_rule_without_effect_is_warned_of() {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "admin.yaml",
        "version: 1\ngroups: { owners: [act-ada] }\nrules:\n  - { id: own, allow: { actors: { group: owners }, actions: [admin] } }\n",
    );
    let validate = ["policy", "validate", "--file", "admin.yaml"];
    let warning = "policy rule 'own' allows 'admin', which nothing asks for yet";
    let expected = ("policy valid: bundle 'admin' [1 actors]\n".to_owned(), format!("warning: {warning}\n"));
    assert_eq!(both(&sandbox, &validate), expected);
    let (document, stderr) = both(&sandbox, &[&validate[..], &["--json"]].concat());
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!((&document["warnings"], stderr.as_str()), (&json!([warning]), ""));
}

#[test]
fn a_bundle_of_the_other_kind_is_refused() {
    let sandbox = sandbox();
    let as_kind =
        |file: &str, kind: &str| sandbox.refused(&["policy", "validate", "--file", file, "--kind", kind]);
    let graph = as_kind("server-policy.yaml", "graph");
    assert!(
        graph.contains("grants the server-scoped action 'graph_list' in a graph policy; move the rule to the server policy"),
        "{graph}"
    );
    let server = as_kind("policy.yaml", "server");
    assert!(
        server.contains("policy.yaml:14:17: ")
            && server.contains("grants the per-graph action 'read' in a server policy"),
        "{server}"
    );
    let as_graph = ["policy", "validate", "--file", "server-policy.yaml", "--kind", "graph", "--json"];
    let document: Value = serde_json::from_str(&sandbox.run(&as_graph).stdout).unwrap();
    assert_eq!(document["kind"], json!("graph"));
    assert_eq!(document["problems"][0]["key_path"], json!("rules[0].allow.actions[0]"));
    let rules = SERVER_POLICY.split_once("rules:\n").unwrap().1;
    let both = format!("{POLICY}\n{}", rules.replace("operators }", "owners }"));
    sandbox.write("both.yaml", &both);
    let error = sandbox.refused(&["policy", "validate", "--file", "both.yaml"]);
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains("rule 'operators-see-graphs' grants the server-scoped action"), "{error}");
    let kind = sandbox.run(&["policy", "validate", "--file", "policy.yaml", "--kind", "grpah"]);
    assert_eq!((kind.code, kind.stdout.as_str()), (2, ""));
    assert!(kind.stderr.contains("graph") && kind.stderr.contains("server"), "{}", kind.stderr);
}

#[test]
fn every_mistake_in_a_bundle_is_reported_with_its_location_and_a_cure() {
    let sandbox = Sandbox::empty();
    for (from, to, location, text) in [
        (
            "    allow:\n      actors: { group: editors }\n      actions: [change]\n      branch_scope",
            "    allow:\n      actors: { group: editors }\n      actions: [change]\n      brnch_scope",
            "20:7",
            "unknown key 'brnch_scope'; did you mean 'branch_scope'?",
        ),
        ("[change]", "[chnage]", "19:17", "unknown policy action 'chnage'; did you mean 'change'?"),
        ("[change]", "[change, branch-merge]", "19:25", "did you mean 'branch_merge'?"),
        ("branch_scope: any", "branch_scope: all", "38:21", "unknown branch_scope 'all'"),
        (
            "{ group: readers }",
            "{ group: reader }",
            "13:24",
            "references unknown group 'reader'; did you mean 'readers'?",
        ),
        (
            "id: owners-publish",
            "id: everyone-reads",
            "28:9",
            "duplicate policy rule id 'everyone-reads'; it is used first at line 11",
        ),
        ("version: 1", "version: 2", "1:10", "policy version must be 1"),
        ("owners: [act-ada]", "owners: []", "6:11", "policy group 'owners' must not be empty"),
        ("[main, release]", "[main, '']", "8:28", "protected branch names must not be blank"),
        ("[read, export, change]", "[]", "37:16", "must include at least one action"),
        (
            "actions: [change]\n",
            "actions: [schema_apply]\n",
            "19:17",
            "branch_scope with unsupported action 'schema_apply'",
        ),
    ] {
        assert!(POLICY.contains(from), "{from}");
        sandbox.write("broken.yaml", &POLICY.replacen(from, to, 1));
        let error = sandbox.refused(&["policy", "validate", "--file", "broken.yaml"]);
        assert!(
            error.starts_with(&format!("error: broken.yaml:{location}: ")) && error.contains(text),
            "{error}"
        );
        // The other commands say the same.
        let explain = ["policy", "explain", "--file", "broken.yaml", "--actor", "a", "--action", "read"];
        assert_eq!(sandbox.refused(&explain), error);
    }
}

#[test]
fn all_mistakes_of_a_bundle_are_reported_at_once_and_as_json() {
    let sandbox = Sandbox::empty();
    sandbox.write("broken.yaml", "version: 1\ngruops: {}\nrule: []\n");
    let error = sandbox.refused(&["policy", "validate", "--file", "broken.yaml"]);
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 2, "{error}");
    assert!(lines[0].starts_with("error: broken.yaml:2:1: ") && lines[0].contains("'groups'"), "{error}");
    assert!(lines[1].starts_with("broken.yaml:3:1: ") && lines[1].contains("'rules'"), "{error}");

    let run = sandbox.run(&["policy", "validate", "--file", "broken.yaml", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&document["bundle"], &document["valid"]), (&json!("broken"), &json!(false)));
    assert_eq!(document["problems"][1]["line"], json!(3));

    let explain = ["policy", "explain", "--file", "broken.yaml", "--actor", "a", "--action", "read"];
    let object = error_object(&sandbox, &explain);
    assert_eq!(object["code"], json!("bad_request"));
    let first = &object["diagnostics"][0];
    assert_eq!(
        (&first["path"], &first["line"], &first["column"], &first["key_path"]),
        (&json!("broken.yaml"), &json!(2), &json!(1), &json!(""))
    );
    assert_eq!(object["diagnostics"], document["problems"]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let sandbox = sandbox();
    for command in [
        vec!["policy", "validate", "--file", "polciy.yaml"],
        vec!["policy", "test", "--file", "polciy.yaml", "--tests", "policy.tests.yaml"],
        vec!["policy", "test", "--file", "policy.yaml", "--tests", "polciy.yaml"],
        vec!["policy", "explain", "--file", "polciy.yaml", "--actor", "a", "--action", "read"],
    ] {
        let error = sandbox.refused(&command);
        assert!(error.starts_with("error: cannot read 'polciy.yaml': No such file"), "{error}");
        assert_eq!(error_object(&sandbox, &command)["code"], json!("not_found"));
    }
}

#[test]
fn passing_tests_are_counted() {
    let sandbox = sandbox();
    let test = ["policy", "test", "--file", "policy.yaml", "--tests", "policy.tests.yaml"];
    assert_eq!(both(&sandbox, &test), ("policy tests passed: 12 cases\n".to_owned(), String::new()));
    let document = sandbox.json(&[&test[..], &["--json"]].concat());
    assert_eq!((&document["passed"], &document["failed"]), (&json!(12), &json!(0)));
    let first = json!({"id": "lin-reads", "expected": "allow", "actual": "allow", "passed": true});
    assert_eq!(document["cases"][0], first);
    sandbox.write("empty.yaml", "version: 1\n");
    let none = ["policy", "test", "--file", "policy.yaml", "--tests", "empty.yaml"];
    assert_eq!(sandbox.ok(&none), "policy tests passed: 0 cases\n");
}

#[test]
fn all_cases_run_and_every_failed_one_is_reported() {
    let sandbox = sandbox();
    let case = |id: &str, branch: &str, expect: &str| {
        format!("  - {{ id: {id}, actor: act-lin, action: change, branch: {branch}, expect: {expect} }}\n")
    };
    let cases =
        [case("main", "main", "allow"), case("draft", "draft/x", "allow"), case("blank", "' '", "deny")];
    sandbox.write("wrong.yaml", &format!("version: 1\ncases:\n{}", cases.concat()));
    let test = ["policy", "test", "--file", "policy.yaml", "--tests", "wrong.yaml"];
    assert_eq!(
        sandbox.refused(&test),
        "error: policy tests failed:\n\
         main: expected allow but got deny (policy denied action 'change' on branch 'main' for actor 'act-lin')\n\
         blank: expected deny but got an error (policy evaluation failed: branch name must not be blank)\n"
    );
    let run = sandbox.run(&[&test[..], &["--json"]].concat());
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&document["passed"], &document["failed"]), (&json!(1), &json!(2)));
    let message = "policy denied action 'change' on branch 'main' for actor 'act-lin'";
    let failed =
        json!({"id": "main", "expected": "allow", "actual": "deny", "passed": false, "message": message});
    assert_eq!(document["cases"][0], failed);
    assert_eq!(document["cases"][1]["passed"], json!(true));
    assert_eq!(document["cases"][2]["actual"], json!(null));
}

#[test]
fn a_broken_tests_file_is_refused() {
    let sandbox = sandbox();
    let case = |entries: &str| format!("version: 1\ncases:\n  - {{ {entries} }}\n");
    for (text, fragment) in [
        ("version: 2\n".to_owned(), "1:10: version: policy test version must be 1"),
        (
            case("id: a, actor: x, action: raed, expect: deny"),
            "unknown policy action 'raed'; did you mean 'read'?",
        ),
        (case("id: a, actor: x, action: read, expct: deny"), "unknown key 'expct'; did you mean 'expect'?"),
        (case("id: a, actor: x, action: read, expect: alow"), "did you mean 'allow'?"),
        (case("id: a, actor: ' ', action: read, expect: deny"), "blank actor id"),
        (TESTS.replace("lin-drafts,", "lin-reads,"), "duplicate policy test case id 'lin-reads'"),
    ] {
        sandbox.write("broken.yaml", &text);
        let error = sandbox.refused(&["policy", "test", "--file", "policy.yaml", "--tests", "broken.yaml"]);
        assert!(error.starts_with("error: broken.yaml:") && error.contains(fragment), "{error}");
    }
    let missing = sandbox.run(&["policy", "test", "--file", "policy.yaml"]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("--tests <FILE>"), "{}", missing.stderr);
}

/// Actor, action, branch, target, the rule that allows it.
type Decision =
    (&'static str, &'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>);

/// The worked decisions of the documentation.
const DECISIONS: [Decision; 13] = [
    ("act-lin", "read", Some("main"), None, Some("everyone-reads")),
    ("act-lin", "change", Some("main"), None, None),
    ("act-lin", "change", Some("draft/x"), None, Some("editors-work-on-drafts")),
    ("act-lin", "branch_create", Some("main"), Some("draft/y"), Some("editors-open-and-close-drafts")),
    ("act-lin", "branch_create", Some("main"), Some("release"), None),
    ("act-lin", "branch_merge", Some("draft/x"), Some("main"), None),
    ("act-ada", "branch_merge", Some("draft/x"), Some("main"), Some("owners-publish")),
    ("act-ada", "branch_merge", Some("main"), Some("draft/x"), None),
    ("act-ada", "schema_apply", None, Some("main"), Some("owners-publish")),
    ("act-ada", "invoke_query", None, None, None),
    ("act-sam", "export", Some("main"), None, None),
    ("act-sam", "graph_list", None, None, None),
    ("act-eve", "read", Some("main"), None, None),
];

#[test]
fn the_worked_decisions_are_explained() {
    let sandbox = sandbox();
    for (actor, action, branch, target, rule) in DECISIONS {
        let mut lines = vec![
            format!("decision: {}", if rule.is_some() { "allow" } else { "deny" }),
            format!("actor: {actor}"),
            format!("action: {action}"),
        ];
        let mut arguments =
            vec!["policy", "explain", "--file", "policy.yaml", "--actor", actor, "--action", action];
        let on = branch.map(|name| format!(" on branch '{name}'")).unwrap_or_default();
        let to = target.map(|name| format!(" targeting branch '{name}'")).unwrap_or_default();
        if let Some(branch) = branch {
            arguments.extend(["--branch", branch]);
            lines.push(format!("branch: {branch}"));
        }
        if let Some(target) = target {
            arguments.extend(["--target-branch", target]);
            lines.push(format!("target_branch: {target}"));
        }
        lines.extend(rule.map(|rule| format!("matched_rule: {rule}")));
        let message = match (actor, rule) {
            ("act-eve", _) => format!("policy denied action '{action}' for unknown actor 'act-eve'"),
            (_, Some(_)) => format!("policy allowed action '{action}' for actor '{actor}'"),
            (_, None) => format!("policy denied action '{action}'{on}{to} for actor '{actor}'"),
        };
        lines.push(format!("message: {message}"));
        let (stdout, stderr) = both(&sandbox, &arguments);
        assert_eq!(stdout, lines.join("\n") + "\n");
        assert!(stderr.starts_with("note: "), "the reasons are notes: {stderr}");

        let (document, stderr) = both(&sandbox, &[&arguments[..], &["--json"]].concat());
        let document: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["decision"], json!(if rule.is_some() { "allow" } else { "deny" }));
        assert_eq!(document.get("matched_rule").and_then(Value::as_str), rule);
        assert_eq!(document.get("target_branch").and_then(Value::as_str), target);
        assert_eq!((&document["message"], stderr.as_str()), (&json!(message), ""));
    }
}

#[test]
fn the_reasons_of_a_decision_name_rules_and_groups() {
    let sandbox = sandbox();
    let explain = |actor: &str, branch: &str| {
        let request = ["--actor", actor, "--action", "change", "--branch", branch];
        both(&sandbox, &[&["policy", "explain", "--file", "policy.yaml"], &request[..]].concat()).1
    };
    let rule = "rule 'editors-work-on-drafts' grants";
    let group = "to group 'editors' on unprotected branches only";
    assert_eq!(explain("act-lin", "draft/x"), format!("note: {rule} it {group}\n"));
    assert_eq!(explain("act-lin", "main"), format!("note: {rule} 'change' {group}\n"));
    assert_eq!(explain("act-sam", "main"), "note: no rule grants 'change' to group 'readers'\n");
    assert_eq!(explain("act-lni", "main"), "note: actor 'act-lni' is in no group\n");
}

#[test]
fn a_server_bundle_answers_for_the_server() {
    let sandbox = sandbox();
    let explain = |action: &str| {
        sandbox.ok(&[
            "policy",
            "explain",
            "--file",
            "server-policy.yaml",
            "--actor",
            "act-ada",
            "--action",
            action,
        ])
    };
    assert!(explain("graph-list").contains("decision: allow\n"));
    assert!(explain("graph_list").contains("matched_rule: operators-see-graphs\n"));
    assert!(explain("read").contains("decision: deny\n"));
}

#[test]
fn an_action_is_taken_in_both_spellings_and_a_typing_error_is_reported() {
    let sandbox = sandbox();
    let explain = |action: &str| {
        sandbox.run(&["policy", "explain", "--file", "policy.yaml", "--actor", "act-ada", "--action", action])
    };
    for (kebab, snake) in [
        ("read", "read"),
        ("export", "export"),
        ("change", "change"),
        ("schema-apply", "schema_apply"),
        ("branch-create", "branch_create"),
        ("branch-delete", "branch_delete"),
        ("branch-merge", "branch_merge"),
        ("admin", "admin"),
        ("graph-list", "graph_list"),
        ("invoke-query", "invoke_query"),
    ] {
        assert_eq!(explain(kebab).stdout, explain(snake).stdout);
        assert!(explain(kebab).stdout.contains(&format!("\naction: {snake}\n")));
    }
    let wrong = explain("raed");
    assert_eq!((wrong.code, wrong.stdout.as_str()), (2, ""));
    assert!(
        wrong.stderr.contains("'raed'") && wrong.stderr.contains("similar value exists: 'read'"),
        "{}",
        wrong.stderr
    );
    let unknown = explain("publish");
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("schema_apply, branch_create, branch_delete"), "{}", unknown.stderr);
}

#[test]
fn a_blank_branch_is_refused() {
    let sandbox = sandbox();
    let explain = |branch: &'static str| {
        vec![
            "policy",
            "explain",
            "--file",
            "policy.yaml",
            "--actor",
            "act-ada",
            "--action",
            "change",
            "--branch",
            branch,
        ]
    };
    let error = sandbox.refused(&explain(" "));
    assert_eq!(error, "error: policy evaluation failed: branch name must not be blank\n");
    assert_eq!(error_object(&sandbox, &explain(" "))["code"], json!("bad_request"));
    assert_eq!(sandbox.run(&explain("")).code, 2);
    assert!(sandbox.ok(&explain(" main ")).contains("\nbranch: main\n"));
}

#[test]
fn a_bundle_is_needed_and_a_cluster_is_not_available() {
    let sandbox = sandbox();
    for command in [
        vec!["policy", "validate"],
        vec!["policy", "test", "--tests", "policy.tests.yaml"],
        vec!["policy", "explain", "--actor", "a", "--action", "read"],
    ] {
        let error = sandbox.refused(&command);
        for fragment in ["needs a cluster", "pass --cluster <dir|uri>", "--file <bundle.yaml>"] {
            assert!(error.contains(fragment), "{error}");
        }
        assert_eq!(error_object(&sandbox, &command)["code"], json!("bad_request"));
        let cluster = sandbox.refused(&[&command[..], &["--cluster", "."]].concat());
        assert!(
            cluster.contains("this build has no cluster support") && cluster.contains("--file"),
            "{cluster}"
        );
    }
    let two = sandbox.run(&["policy", "validate", "--file", "policy.yaml", "--cluster", "."]);
    assert_eq!(two.code, 2);
    assert!(two.stderr.contains("cannot be used"), "{}", two.stderr);
    let twice = sandbox.refused(&["policy", "test", "--file", "-", "--tests", "-"]);
    assert!(twice.contains("cannot both come from stdin"), "{twice}");
}

#[test]
fn flags_that_address_something_else_are_refused_before_any_file_is_read() {
    let sandbox = sandbox();
    let store = "--store addresses a single graph's storage directly";
    let actor = "--as sets the actor for a direct-engine or actor-bound cluster operation";
    for (flags, what) in [
        (vec!["--store", "g"], store),
        (vec!["--as", "act-ada"], actor),
        (vec!["--as", "act-ada", "--store", "g"], store),
    ] {
        for command in [
            vec!["policy", "validate", "--file", "absent.yaml"],
            vec!["policy", "test", "--file", "absent.yaml", "--tests", "absent.yaml"],
            vec!["policy", "explain", "--file", "absent.yaml", "--actor", "a", "--action", "read"],
        ] {
            let error = sandbox.refused(&[&command[..], &flags[..]].concat());
            let expected = format!(
                "error: `policy` is a cluster control command; {what} and does not apply. \
                 It operates on a cluster (pass --cluster <dir|uri>, or select a cluster profile).\n"
            );
            assert!(error.starts_with(&expected) && error.contains("--file <bundle.yaml>"), "{error}");
        }
    }
}

#[test]
fn a_default_graph_of_the_environment_does_not_matter() {
    let sandbox = sandbox();
    let validate = ["policy", "validate", "--file", "policy.yaml"];
    let run = sandbox.run_with(&validate, &[("OMNIGRAPH_STORE", "g")]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let given = sandbox.run_with(&[&validate[..], &["--store", "h"]].concat(), &[("OMNIGRAPH_STORE", "g")]);
    assert_eq!(given.code, 1);
}
