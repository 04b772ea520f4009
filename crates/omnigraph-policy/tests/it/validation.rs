//! What a policy file may hold, and what the errors tell.

use omnigraph_policy::{
    Misfit, PolicyAction, PolicyCompiler, PolicyConfig, PolicyEngine, PolicyLoadError, PolicyResourceKind,
    PolicyWarning, Position, ProblemKind,
};

/// Makes a file with one group and one rule whose `allow` has these entries beside the actors.
fn rule(entries: &str) -> String {
    format!(
        "version: 1\ngroups: {{ g: [a] }}\nprotected_branches: [main]\nrules:\n  - id: r\n    \
         allow: {{ actors: {{ group: g }}, {entries} }}\n"
    )
}

fn refusal(text: &str) -> PolicyLoadError {
    PolicyConfig::from_source(text).expect_err(text)
}

#[test]
fn every_broken_rule_has_its_message_and_its_place() {
    type Row<'a> = (&'a str, String, &'a [&'a str], (u64, u64));
    let table: &[Row<'_>] = &[
        ("not yaml", "version: 1\ngroups: [".into(), &["not valid YAML"], (2, 10)),
        ("version", "version: 2\n".into(), &["policy version must be 1", "found 2"], (1, 10)),
        ("blank group", "version: 1\ngroups: { ' ': [a] }\n".into(), &["must not be blank"], (2, 16)),
        ("empty group", "version: 1\ngroups: { g: [] }\n".into(), &["'g'", "must not be empty"], (2, 14)),
        ("null group", "version: 1\ngroups:\n  g:\n".into(), &["'g'", "must not be empty"], (3, 4)),
        ("blank actor", "version: 1\ngroups: { g: [a, ' '] }\n".into(), &["'g'", "blank actor id"], (2, 18)),
        (
            "blank branch",
            "version: 1\nprotected_branches: [main, '']\n".into(),
            &["protected branch names must not be blank"],
            (2, 28),
        ),
        (
            "rule id",
            rule("actions: [read]").replace("id: r", "id: ''"),
            &["rule ids must not be blank"],
            (5, 9),
        ),
        (
            "duplicate rule",
            rule("actions: [read]") + "  - { id: ' r ', allow: { actors: { group: g }, actions: [read] } }\n",
            &["duplicate policy rule id 'r'", "first at line 5"],
            (7, 11),
        ),
        (
            "unknown group",
            rule("actions: [read]").replace("group: g", "group: h"),
            &["'r' references unknown group 'h'", "one of g"],
            (6, 31),
        ),
        ("no actions", rule("actions: []"), &["'r' must include at least one action"], (6, 45)),
        (
            "both scopes",
            rule("actions: [read], branch_scope: any, target_branch_scope: any"),
            &["'r'", "branch_scope or target_branch_scope, not both"],
            (6, 93),
        ),
        (
            "mixed kinds",
            rule("actions: [graph_list, read]"),
            &["'r' mixes the server-scoped action 'graph_list'", "'read'", "split into separate rules"],
            (6, 45),
        ),
    ];
    for (name, text, fragments, (line, column)) in table {
        let error = refusal(text);
        for fragment in *fragments {
            assert!(error.to_string().contains(fragment), "{name}: {error}");
        }
        let problem = &error.problems()[0];
        assert_eq!(error.problems().len(), 1, "{name}: {error}");
        if *name != "not yaml" {
            assert_eq!(problem.position, Some(Position { line: *line, column: *column }), "{name}: {error}");
        }
        assert!(error.to_string().starts_with("line "), "{name}: {error}");
    }
}

#[test]
fn a_scope_key_goes_only_with_the_actions_that_take_it() {
    for action in PolicyAction::ALL {
        for key in ["branch_scope", "target_branch_scope"] {
            for scope in ["any", "protected", "unprotected"] {
                let text = rule(&format!("actions: [{action}], {key}: {scope}"));
                let takes = action.scope_key().is_some_and(|takes| takes.as_str() == key);
                match PolicyConfig::from_source(&text) {
                    Ok(_) => assert!(takes, "{action} {key}"),
                    Err(error) => {
                        assert!(!takes, "{error}");
                        let expected = format!("{key} with unsupported action '{action}'");
                        assert!(error.to_string().contains(&expected), "{error}");
                    }
                }
            }
        }
        PolicyConfig::from_source(&rule(&format!("actions: [{action}]"))).unwrap();
    }
}

#[test]
fn a_bundle_of_the_wrong_kind_is_refused_where_it_is_attached() {
    for action in PolicyAction::ALL {
        let text = rule(&format!("actions: [{action}]"));
        let graph = PolicyEngine::load_graph_from_source(&text, "atlas");
        let server = PolicyEngine::load_server_from_source(&text);
        let (attached, refused, word) = match action.resource_kind() {
            PolicyResourceKind::Graph => (graph, server, "per-graph"),
            PolicyResourceKind::Server => (server, graph, "server-scoped"),
        };
        attached.unwrap();
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(word) && error.contains(action.as_str()) && error.contains("'r'"), "{error}");
    }
    // Apart in two rules both kinds parse; only attaching tells.
    let both =
        rule("actions: [read]") + "  - { id: s, allow: { actors: { group: g }, actions: [graph_list] } }\n";
    let config = PolicyConfig::from_source(&both).unwrap();
    PolicyCompiler::compile(&config, "atlas").unwrap();
    assert_eq!(config.check_kind(PolicyResourceKind::Graph).unwrap_err().problems().len(), 1);
    assert_eq!(config.check_kind(PolicyResourceKind::Server).unwrap_err().problems().len(), 1);
}

#[test]
fn unknown_keys_are_named_at_every_level() {
    let table = [
        ("version: 1\nrule: []\n".to_owned(), "unknown key 'rule'", "did you mean 'rules'?"),
        (rule("actions: [read]").replace("id: r", "id: r\n    deny: x"), "unknown key 'deny'", "rule 'r'"),
        (
            rule("actions: [read], branch_scop: any"),
            "unknown key 'branch_scop'",
            "did you mean 'branch_scope'?",
        ),
        (
            rule("actions: [read]").replace("group: g", "group: g, user: a"),
            "unknown key 'user'",
            "rules[0].allow.actors",
        ),
        ("version: 1\n<<: { rules: [] }\n".to_owned(), "unknown key '<<'", "line 2"),
    ];
    for (text, key, more) in table {
        let error = refusal(&text).to_string();
        assert!(error.contains(key) && error.contains(more), "{error}");
    }
}

#[test]
fn values_of_the_wrong_shape_are_named() {
    let table = [
        ("", "expected a map, found nothing"),
        ("[]", "expected a map, found a list"),
        ("groups: {}", "missing key 'version'"),
        ("version: '1'", "expected an integer, found the text '1'"),
        ("version: 1.0", "expected an integer, found the number 1.0"),
        ("version: 1\ngroups: { g: a }", "group 'g': expected a list, found the text 'a'"),
        ("version: 1\ngroups: { g: [1] }", "expected text, found the number 1; put it in quotes"),
        ("version: 1\ngroups: { g: [true] }", "found the boolean true; put it in quotes"),
        ("version: 1\n1: x", "expected text, found the number 1"),
        ("version: 1\nrules: { id: r }", "expected a list, found a map"),
        ("version: 1\nrules: [{ id: r }]", "rule 'r': missing key 'allow'"),
        ("version: 1\nrules: [{ id: r, allow: { actions: [read] } }]", "rule 'r': missing key 'actors'"),
        ("version: 1\nrules: [{ allow: {} }]", "missing key 'id'"),
    ];
    for (text, expected) in table {
        let error = refusal(text).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let words = [
        ("actions: [reed]", "unknown policy action 'reed'; did you mean 'read'?"),
        ("actions: [branch-create]", "unknown policy action 'branch-create'; did you mean 'branch_create'?"),
        ("actions: [fly]", "unknown policy action 'fly'; use one of read, export"),
        ("actions: [read], branch_scope: all", "unknown branch_scope 'all'"),
        ("actions: [read], branch_scope: Protected", "did you mean 'protected'?"),
        // Absent would grant every branch, so an empty value must not count as absent.
        ("actions: [read], branch_scope: ", "branch_scope: rule 'r': expected text, found nothing"),
    ];
    for (entries, expected) in words {
        let error = refusal(&rule(entries)).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_repeated_key_is_refused() {
    for text in [
        "version: 1\nversion: 1\n".to_owned(),
        "version: 1\ngroups: { g: [a], g: [b] }\n".to_owned(),
        rule("actions: [read], actions: [change]"),
    ] {
        let error = refusal(&text);
        assert!(
            matches!(error.problems()[0].kind, ProblemKind::Misfit(Misfit::RepeatedKey { .. })),
            "{error}"
        );
        assert!(error.to_string().contains("duplicate key '"), "{error}");
    }
}

#[test]
fn all_problems_are_told_in_the_order_of_the_rules() {
    let text = "\
version: 1
rules:
  - id: b
    allow: { actors: { group: nobody }, actions: [invoke_query], branch_scope: any }
  - id: b
    allow: { actors: { group: g }, actions: [], target_branch_scope: protected }
groups: { g: [' '], h: [] }
protected_branches: ['']
";
    let kinds: Vec<String> =
        refusal(text).problems().iter().map(|p| format!("{} {}", p.position.unwrap().line, p.path)).collect();
    assert_eq!(
        kinds,
        [
            "7 groups.g[0]",
            "7 groups.h",
            "8 protected_branches[0]",
            "5 rules[1].id",
            "4 rules[0].allow.actors.group",
            "6 rules[1].allow.actions",
            "4 rules[0].allow.actions[0]",
        ]
    );
    // Those of the shape come first, by place; a wrong version is told beside them.
    let shape = "version: 3\nrules:\n  - { id: 1, allow: { actors: {}, actions: [reed], x: y } }\n  - 5\n";
    let places: Vec<_> = refusal(shape).problems().iter().map(|p| p.position.unwrap()).collect();
    let places: Vec<_> = places.iter().map(|at| (at.line, at.column)).collect();
    assert_eq!(places, [(3, 11), (3, 31), (3, 45), (3, 52), (4, 5), (1, 10)]);
}

#[test]
fn a_problem_in_a_file_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    std::fs::write(&path, rule("actions: [graph_list]")).unwrap();
    let error = PolicyEngine::load_graph(&path, "atlas").unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}:6:46: rules[0].allow.actions[0]: ", path.display())), "{error}");
    PolicyEngine::load_server(&path).unwrap();
    PolicyConfig::load(&path).unwrap();
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    for path in [path, folder.path().join("absent.yaml")] {
        let error = PolicyConfig::load(&path).unwrap_err();
        assert!(matches!(error, PolicyLoadError::Read { .. }), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn names_are_trimmed_and_must_have_one_spelling() {
    let text = rule("actions: [read]").replace("[a]", "[' a ', ' a ']").replace("[main]", "[' main ']");
    let config = PolicyConfig::from_source(&text).unwrap();
    assert_eq!(config.groups["g"], ["a", "a"]);
    assert_eq!(config.protected_branches, ["main"]);
    let table = [
        "version: 1\ngroups: { g: [a], ' g': [a] }\n",
        "version: 1\ngroups: { g: [a], h: [' a'] }\n",
        "version: 1\nprotected_branches: [main, 'main ']\n",
    ];
    for text in table {
        let error = refusal(text);
        assert!(matches!(error.problems()[0].kind, ProblemKind::AmbiguousName { .. }), "{error}");
    }
}

#[test]
fn names_with_control_characters_are_refused_and_shown_escaped() {
    let table = [
        "version: 1\ngroups: { \"g\\u0001h\": [a] }\n".to_owned(),
        "version: 1\ngroups: { g: [\"a\\eb\"] }\n".to_owned(),
        "version: 1\nprotected_branches: [\"a\\tb\"]\n".to_owned(),
        rule("actions: [read]").replace("id: r", "id: \"r\\ns\""),
    ];
    for text in &table {
        let error = refusal(text).to_string();
        assert!(error.contains("must not contain control characters"), "{error}");
        assert!(!error.contains(char::is_control), "{error:?}");
    }
    let label = PolicyEngine::load_graph_from_source("version: 1", "a\u{7}b").unwrap_err();
    assert!(matches!(label, PolicyLoadError::Label { .. }), "{label}");
}

#[test]
fn a_bundle_made_by_hand_is_checked_when_compiled() {
    let mut config = PolicyConfig::from_source(&rule("actions: [read]")).unwrap();
    config.groups.clear();
    assert!(matches!(
        &PolicyCompiler::compile(&config, "atlas").unwrap_err().problems()[0].kind,
        ProblemKind::UnknownGroup { rule, .. } if rule == "r"
    ));
    let mut empty = PolicyConfig::default();
    assert!(empty.validate().is_ok());
    empty.version = 2;
    assert!(empty.validate().unwrap_err().to_string().contains("policy version must be 1"));
}

#[test]
fn rules_without_effect_are_warned_of() {
    let config = PolicyConfig::from_source(&rule("actions: [admin]")).unwrap();
    assert_eq!(config.warnings(), [PolicyWarning::AdminIsReserved { rule: "r".into() }]);
    let text = rule("actions: [read]").replace("[a]", "[a, 'omnigraph:recovery']");
    let warnings = PolicyConfig::from_source(&text).unwrap().warnings();
    assert!(warnings[0].to_string().contains("'omnigraph:recovery'"), "{warnings:?}");
    let text = rule("actions: [read], branch_scope: protected");
    assert_eq!(PolicyConfig::from_source(&text).unwrap().warnings(), []);
    let open = text.replace("[main]", "[]");
    let engine = PolicyEngine::load_graph_from_source(&open, "atlas").unwrap();
    assert_eq!(engine.warnings(), [PolicyWarning::NothingIsProtected { rule: "r".into() }]);
}

#[test]
fn bundles_are_equal_if_their_content_is() {
    let spread = "version: 1\ngroups:\n  g:\n    - a\n";
    let compact = PolicyConfig::from_source("{ version: 1, groups: { g: [a] } }").unwrap();
    assert_eq!(PolicyConfig::from_source(spread).unwrap(), compact);
    assert_ne!(PolicyConfig::default(), compact);
}
