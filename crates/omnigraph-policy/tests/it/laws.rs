//! Laws: Cedar decides as a small reading of the specification does, over random bundles and requests.

use std::fmt::Write as _;

use omnigraph_policy::{PolicyAction, PolicyEngine, PolicyRequest, ScopeKey};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const ACTORS: [&str; 4] = ["ann", "bob", "cy", "dee"];
const GROUPS: [&str; 3] = ["red", "green \"x\"", "blue"];
const BRANCHES: [&str; 4] = ["main", "release", "draft/a", "draft/b"];
const SCOPES: [&str; 3] = ["any", "protected", "unprotected"];

#[derive(Clone, Debug)]
struct Rule {
    group: usize,
    actions: Vec<PolicyAction>,
    scope: Option<(ScopeKey, &'static str)>,
}

#[derive(Clone, Debug)]
struct Bundle {
    groups: Vec<Vec<&'static str>>,
    protected: Vec<&'static str>,
    rules: Vec<Rule>,
}

impl Bundle {
    fn text(&self) -> String {
        let mut text = String::from("version: 1\ngroups:\n");
        for (name, members) in GROUPS.iter().zip(&self.groups) {
            writeln!(text, "  '{name}': [{}]", members.join(", ")).unwrap();
        }
        writeln!(text, "protected_branches: [{}]\nrules:", self.protected.join(", ")).unwrap();
        for (index, rule) in self.rules.iter().enumerate() {
            let actions: Vec<_> = rule.actions.iter().map(|a| a.as_str()).collect();
            let scope = rule.scope.map(|(key, scope)| format!(", {key}: {scope}")).unwrap_or_default();
            let group = GROUPS[rule.group];
            let actions = actions.join(", ");
            writeln!(
                text,
                "  - {{ id: r{index}, allow: {{ actors: {{ group: '{group}' }}, actions: [{actions}]{scope} }} }}"
            )
            .unwrap();
        }
        text
    }

    /// The specification, read without Cedar: the ids of the rules that allow the request, sorted.
    fn allowing(&self, actor: &str, request: &PolicyRequest) -> Vec<String> {
        let matches = |rule: &Rule| {
            let judged = match rule.scope {
                None | Some((_, "any")) => return true,
                Some((ScopeKey::BranchScope, _)) => &request.branch,
                Some((ScopeKey::TargetBranchScope, _)) => &request.target_branch,
            };
            let Some(name) = judged else { return false };
            self.protected.contains(&name.as_str()) == (rule.scope.is_some_and(|(_, s)| s == "protected"))
        };
        let allows = |rule: &Rule| {
            self.groups[rule.group].contains(&actor)
                && rule.actions.contains(&request.action)
                && matches(rule)
        };
        let rules = self.rules.iter().enumerate().filter(|(_, rule)| allows(rule));
        let mut ids: Vec<String> = rules.map(|(index, _)| format!("r{index}")).collect();
        ids.sort();
        ids
    }
}

fn rule() -> impl Strategy<Value = Rule> {
    let families = [Some(ScopeKey::BranchScope), Some(ScopeKey::TargetBranchScope), None];
    (0..GROUPS.len(), select(families.to_vec()), select(SCOPES.to_vec()), any::<bool>()).prop_flat_map(
        |(group, key, scope, scoped)| {
            let of_family = |a: &PolicyAction| key.is_none() || a.scope_key() == key;
            let on_graph = |a: &PolicyAction| *a != PolicyAction::GraphList;
            let actions: Vec<_> = PolicyAction::ALL.into_iter().filter(of_family).filter(on_graph).collect();
            let count = 1..=actions.len();
            let scope = key.filter(|_| scoped).map(|key| (key, scope));
            subsequence(actions, count).prop_map(move |actions| Rule { group, actions, scope })
        },
    )
}

fn bundle() -> impl Strategy<Value = Bundle> {
    let members = || subsequence(ACTORS[..3].to_vec(), 1..=3);
    let groups = proptest::collection::vec(members(), GROUPS.len());
    let protected = subsequence(BRANCHES.to_vec(), 0..=3);
    (groups, protected, proptest::collection::vec(rule(), 0..8))
        .prop_map(|(groups, protected, rules)| Bundle { groups, protected, rules })
}

fn question() -> impl Strategy<Value = (&'static str, PolicyRequest)> {
    let branch = || proptest::option::of(select(BRANCHES.to_vec()));
    (select(ACTORS.to_vec()), select(PolicyAction::ALL.to_vec()), branch(), branch()).prop_map(
        |(actor, action, branch, target)| {
            let names = (branch.map(str::to_owned), target.map(str::to_owned));
            (actor, PolicyRequest { action, branch: names.0, target_branch: names.1 })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cedar_decides_as_the_specification_reads(
        bundle in bundle(),
        questions in proptest::collection::vec(question(), 60),
    ) {
        let engine = PolicyEngine::load_graph_from_source(&bundle.text(), "atlas").unwrap();
        for (actor, request) in &questions {
            let expected = bundle.allowing(actor, request);
            let decision = engine.authorize(actor, request).unwrap();
            prop_assert_eq!(decision.allowed, !expected.is_empty(), "{} {:?}\n{}", actor, request, bundle.text());
            prop_assert_eq!(decision.matched_rule_id.as_ref(), expected.first());
            let why = engine.explain(actor, request).unwrap();
            let granted: Vec<_> = why.granted_by.iter().map(|reason| reason.rule.clone()).collect();
            prop_assert_eq!(granted, expected);
            prop_assert!(!decision.allowed || why.near_misses.is_empty());
            prop_assert!(!why.reasons().is_empty());
        }
    }

    #[test]
    fn more_rules_never_take_a_right_away(
        bundle in bundle(),
        extra in rule(),
        questions in proptest::collection::vec(question(), 20),
    ) {
        let fewer = PolicyEngine::load_graph_from_source(&bundle.text(), "atlas").unwrap();
        let mut wider = bundle;
        wider.rules.push(extra);
        let more = PolicyEngine::load_graph_from_source(&wider.text(), "atlas").unwrap();
        for (actor, request) in &questions {
            let before = fewer.authorize(actor, request).unwrap().allowed;
            prop_assert!(!before || more.authorize(actor, request).unwrap().allowed);
        }
    }
}
