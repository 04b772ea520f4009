//! No input panics: texts made of the pieces of policy files, and files with pieces cut out.

use omnigraph_policy::{PolicyConfig, PolicyEngine, PolicyLoadError, PolicyRequest, PolicyTestConfig};
use proptest::prelude::*;
use proptest::sample::select;

const PIECES: [&str; 44] = [
    "version",
    "groups",
    "protected_branches",
    "rules",
    "id",
    "allow",
    "actors",
    "group",
    "actions",
    "read",
    "graph_list",
    "branch_scope",
    "target_branch_scope",
    "any",
    "cases",
    "expect",
    "deny",
    ": ",
    ":",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "'",
    "\"",
    "\\u0000",
    "&a ",
    "*a",
    "<<",
    "!!int ",
    "|\n",
    ">-\n",
    "? ",
    "1",
    "~",
    "#",
    "\t",
    "\u{feff}",
    "é\u{301}",
];

/// Loads a text in every way; a refusal must say something, with a place where it has one.
fn load(text: &str) {
    for result in [
        PolicyConfig::from_source(text).map(|_| ()),
        PolicyTestConfig::from_source(text).map(|_| ()),
        PolicyEngine::load_server_from_source(text).map(|_| ()),
    ] {
        if let Err(error) = result {
            assert!(!error.to_string().is_empty());
            assert!(
                matches!(&error, PolicyLoadError::Invalid { problems, .. } if !problems.is_empty()),
                "{error}"
            );
        }
    }
    if let Ok(engine) = PolicyEngine::load_graph_from_source(text, text.trim()) {
        let request = PolicyRequest::new("read".parse().unwrap()).on_branch(text).targeting(text);
        let _ = engine.authorize(text, &request);
        let _ = engine.explain("act-lin", &request);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_pieces_never_panic(pieces in proptest::collection::vec(select(PIECES.to_vec()), 0..40)) {
        load(&pieces.concat());
    }

    #[test]
    fn random_texts_never_panic(text in "\\PC{0,80}", body in any::<String>()) {
        load(&text);
        load(&format!("version: 1\n{body}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_damaged_file_never_panics(from in 0_usize..900, length in 0_usize..60, piece in select(PIECES.to_vec())) {
        let text = include_str!("../../../../docs/examples/policy.yaml");
        let from = from.min(text.len());
        let to = (from + length).min(text.len());
        load(&format!("{}{piece}{}", &text[..from], &text[to..]));
    }
}

#[test]
fn the_undamaged_file_is_accepted() {
    let text = include_str!("../../../../docs/examples/policy.yaml");
    load(text);
    assert!(PolicyEngine::load_graph_from_source(text, "atlas").is_ok());
}

#[test]
fn very_large_and_very_deep_texts_are_answered() {
    let many = format!("version: 1\ngroups: {{ g: [{}] }}\n", "a, ".repeat(20_000));
    assert!(PolicyConfig::from_source(&many).is_ok());
    for piece in ["[", "{a: ", "- ", "? ", "&a ", "\"", "*a ", "!a "] {
        load(&piece.repeat(20_000));
    }
    // Aliases in aliases, each of them deep: expanded they would be some thousand levels.
    let (open, close) = ("[".repeat(20), "]".repeat(20));
    let links = (1..200).map(|i| format!("k{i}: &a{i} {open}*a{}{close}\n", i - 1));
    load(&format!("k0: &a0 x\n{}", links.collect::<String>()));
    load(&format!("version: 1\ngroups: {{ g: ['{}'] }}\n", "x".repeat(1_000_000)));
}
