//! Decisions: scopes, messages, rules that match, and the Cedar text behind them.

use omnigraph_policy::{
    CEDAR_SCHEMA, PolicyAction, PolicyChecker, PolicyEngine, PolicyError, PolicyRequest, ResourceScope,
};

fn sample() -> PolicyEngine {
    PolicyEngine::load_graph("../../docs/examples/policy.yaml", "atlas").unwrap()
}

fn request(action: PolicyAction, branch: Option<&str>, target: Option<&str>) -> PolicyRequest {
    PolicyRequest { action, branch: branch.map(Into::into), target_branch: target.map(Into::into) }
}

#[test]
fn the_worked_decisions_hold() {
    use PolicyAction::*;
    let table = [
        ("act-lin", Read, Some("main"), None, Some("everyone-reads")),
        ("act-lin", Change, Some("main"), None, None),
        ("act-lin", Change, Some("draft/x"), None, Some("editors-work-on-drafts")),
        ("act-lin", BranchCreate, Some("main"), Some("draft/y"), Some("editors-open-and-close-drafts")),
        ("act-lin", BranchCreate, Some("main"), Some("release"), None),
        ("act-lin", BranchMerge, Some("draft/x"), Some("main"), None),
        ("act-ada", BranchMerge, Some("draft/x"), Some("main"), Some("owners-publish")),
        ("act-ada", BranchMerge, Some("main"), Some("draft/x"), None),
        ("act-ada", SchemaApply, None, Some("main"), Some("owners-publish")),
        ("act-ada", InvokeQuery, None, None, None),
        ("act-sam", Export, Some("main"), None, None),
        ("act-sam", GraphList, None, None, None),
        ("act-eve", Read, Some("main"), None, None),
    ];
    let engine = sample();
    for (actor, action, branch, target, rule) in table {
        let decision = engine.authorize(actor, &request(action, branch, target)).unwrap();
        assert_eq!(decision.allowed, rule.is_some(), "{decision:?}");
        assert_eq!(decision.matched_rule_id.as_deref(), rule, "{decision:?}");
    }
    assert_eq!(engine.known_actor_count(), 4);
}

#[test]
fn scopes_match_as_the_table_says() {
    // (scope, without a branch, protected, unprotected)
    let table = [
        (None, true, true, true),
        (Some("any"), true, true, true),
        (Some("protected"), false, true, false),
        (Some("unprotected"), false, false, true),
    ];
    for (key, action) in [("branch_scope", "change"), ("target_branch_scope", "branch_merge")] {
        for (scope, none, protected, unprotected) in table {
            let scope = scope.map(|scope| format!(", {key}: {scope}")).unwrap_or_default();
            let engine = PolicyEngine::load_graph_from_source(
                &format!(
                    "version: 1\ngroups: {{ g: [a] }}\nprotected_branches: [main]\nrules:\n  - {{ id: r, allow: \
                     {{ actors: {{ group: g }}, actions: [{action}]{scope} }} }}\n"
                ),
                "atlas",
            )
            .unwrap();
            let action: PolicyAction = action.parse().unwrap();
            let other = [None, Some("main"), Some("draft")];
            let judged = [
                (None, none),
                (Some("main"), protected),
                (Some("Main"), unprotected),
                (Some(" main "), protected),
            ];
            for (name, expected) in judged {
                for other in other {
                    let request = match key {
                        "branch_scope" => request(action, name, other),
                        _ => request(action, other, name),
                    };
                    assert_eq!(
                        engine.authorize("a", &request).unwrap().allowed,
                        expected,
                        "{scope} {request:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn messages_name_what_was_given() {
    let engine = sample();
    let message = |actor: &str, branch, target| {
        engine.authorize(actor, &request(PolicyAction::BranchMerge, branch, target)).unwrap().message
    };
    assert_eq!(message("act-lin", None, None), "policy denied action 'branch_merge' for actor 'act-lin'");
    assert_eq!(
        message("act-lin", Some("d"), None),
        "policy denied action 'branch_merge' on branch 'd' for actor 'act-lin'"
    );
    assert_eq!(
        message("act-lin", None, Some("main")),
        "policy denied action 'branch_merge' targeting branch 'main' for actor 'act-lin'"
    );
    assert_eq!(
        message("act-lin", Some(" d "), Some("main")),
        "policy denied action 'branch_merge' on branch 'd' targeting branch 'main' for actor 'act-lin'"
    );
    assert_eq!(
        message("act-ada", None, Some("main")),
        "policy allowed action 'branch_merge' for actor 'act-ada'"
    );
    assert_eq!(message("x", None, None), "policy denied action 'branch_merge' for unknown actor 'x'");
    // Actors are compared byte for byte.
    assert_eq!(
        message(" act-ada", None, None),
        "policy denied action 'branch_merge' for unknown actor ' act-ada'"
    );
}

#[test]
fn a_blank_branch_is_a_failure_and_not_a_decision() {
    for (branch, target) in [(Some(""), None), (Some(" \t"), None), (None, Some(" "))] {
        let result = sample().authorize("act-ada", &request(PolicyAction::Read, branch, target));
        assert!(matches!(result, Err(PolicyError::Internal(_))), "{result:?}");
    }
}

#[test]
fn of_several_rules_the_smallest_id_is_named() {
    let text = "\
version: 1
groups: { g: [a], h: [a] }
rules:
  - { id: 'b:read', allow: { actors: { group: g }, actions: [read, read] } }
  - { id: b, allow: { actors: { group: h }, actions: [read], branch_scope: any } }
  - { id: B, allow: { actors: { group: h }, actions: [change] } }
";
    let engine = PolicyEngine::load_graph_from_source(text, "atlas").unwrap();
    let decision = engine.authorize("a", &PolicyRequest::new(PolicyAction::Read)).unwrap();
    assert_eq!(decision.matched_rule_id.as_deref(), Some("b"));
    let why = engine.explain("a", &PolicyRequest::new(PolicyAction::Read)).unwrap();
    let rules: Vec<_> = why.granted_by.iter().map(|r| (r.rule.as_str(), r.group.as_str())).collect();
    assert_eq!(rules, [("b", "h"), ("b:read", "g")]);
}

#[test]
fn a_server_bundle_grants_the_list_of_graphs() {
    let engine = PolicyEngine::load_server("../../docs/examples/server-policy.yaml").unwrap();
    let list = PolicyRequest::new(PolicyAction::GraphList);
    assert_eq!(
        engine.authorize("act-ada", &list).unwrap().matched_rule_id.as_deref(),
        Some("operators-see-graphs")
    );
    assert!(!engine.authorize("act-lin", &list).unwrap().allowed);
    assert!(!engine.authorize("act-ada", &PolicyRequest::new(PolicyAction::Read)).unwrap().allowed);
}

#[test]
fn a_bundle_without_rules_denies_everything() {
    let engine = PolicyEngine::load_graph_from_source("version: 1\ngroups: { g: [a] }\n", "atlas").unwrap();
    for action in PolicyAction::ALL {
        assert!(!engine.authorize("a", &request(action, Some("main"), Some("main"))).unwrap().allowed);
    }
}

#[test]
fn names_with_quotes_and_any_script_keep_their_meaning() {
    let names = [
        "\"",
        "\\",
        "a\"];permit(principal,action,resource);//",
        "e\u{301}",
        "日本",
        "\u{202e}x",
        "a'b",
        "$",
    ];
    for name in names {
        let quoted = name.replace('\'', "''");
        let text = format!(
            "version: 1\ngroups: {{ '{quoted}': ['{quoted}'], other: [other] }}\nprotected_branches: ['{quoted}']\n\
             rules:\n  - {{ id: '{quoted}', allow: {{ actors: {{ group: '{quoted}' }}, actions: [change], \
             branch_scope: protected }} }}\n"
        );
        let engine = PolicyEngine::load_graph_from_source(&text, name).unwrap();
        let on = |branch: &str| PolicyRequest::new(PolicyAction::Change).on_branch(branch);
        let decision = engine.authorize(name, &on(name)).unwrap();
        assert_eq!(decision.matched_rule_id.as_deref(), Some(name));
        assert!(!engine.authorize(name, &on("main")).unwrap().allowed, "{name}");
        assert!(!engine.authorize("other", &on(name)).unwrap().allowed, "{name}");
    }
}

#[test]
fn the_label_does_not_influence_results() {
    let text = std::fs::read_to_string("../../docs/examples/policy.yaml").unwrap();
    for label in ["", "atlas", "file:///tmp/a b\"", "s3://bucket/x"] {
        let engine = PolicyEngine::load_graph_from_source(&text, label).unwrap();
        let draft = PolicyRequest::new(PolicyAction::Change).on_branch("draft");
        assert!(engine.authorize("act-lin", &draft).unwrap().allowed);
    }
}

#[test]
fn a_rule_compiles_to_the_documented_cedar() {
    let source = sample().cedar_source();
    let expected = "// editors-work-on-drafts:change
permit (principal in Omnigraph::Group::\"editors\",
        action == Omnigraph::Action::\"change\",
        resource == Omnigraph::Graph::\"atlas\")
when { context.has_branch && !context.branch_is_protected };
";
    assert!(source.contains(expected), "{source}");
    assert_eq!(source.matches("permit").count(), 10);
    assert!(!source.contains("forbid"));
    assert!(source.contains("when { true }"), "{source}");
    for action in PolicyAction::ALL {
        assert!(CEDAR_SCHEMA.contains(action.as_str()));
    }
}

#[test]
fn the_checker_asks_the_same_question_as_a_request() {
    let engine = sample();
    let scopes = [
        ResourceScope::Graph,
        ResourceScope::Branch("main".into()),
        ResourceScope::Branch("draft".into()),
        ResourceScope::TargetBranch("main".into()),
        ResourceScope::TargetBranch("draft".into()),
        ResourceScope::BranchTransition { source: "main".into(), target: "draft".into() },
        ResourceScope::BranchTransition { source: "draft".into(), target: "main".into() },
    ];
    for actor in ["act-lin", "act-sam", "act-ada", "act-eve"] {
        for action in PolicyAction::ALL {
            for scope in &scopes {
                let decision = engine.authorize(actor, &PolicyRequest::in_scope(action, scope)).unwrap();
                let expected = match decision.allowed {
                    true => Ok(()),
                    false => Err(PolicyError::Denied(decision.message)),
                };
                assert_eq!(engine.check(action, scope, actor), expected);
            }
        }
    }
}

#[test]
fn an_engine_is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<PolicyEngine>();
    let engine = sample();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let engine = engine.clone();
            std::thread::spawn(move || {
                let draft = PolicyRequest::new(PolicyAction::Change).on_branch("draft");
                (0..100).all(|_| engine.authorize("act-lin", &draft).unwrap().allowed)
            })
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}
