//! `quickstart`.

use crate::sandbox::Sandbox;

#[test]
fn quickstart_makes_a_graph_shows_answers_and_says_what_to_try() {
    let sandbox = Sandbox::empty();
    let printed = sandbox.ok(&["quickstart", "d"]);
    assert!(printed.starts_with("Made d: "), "{printed}");
    assert_eq!(printed.matches(" rows from branch main via ").count(), 5);
    assert!(sandbox.ok(&["schema", "show", "d"]).contains("node Package"));
    let hints: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("  omnigraph ")).collect();
    assert_eq!(hints.len(), 5);
    for hint in hints {
        let parts: Vec<&str> = hint.split('\'').collect();
        let mut arguments: Vec<&str> = parts[0].split_whitespace().collect();
        arguments.extend(parts.get(1));
        arguments.extend(parts.get(2).into_iter().flat_map(|rest| rest.split_whitespace()));
        sandbox.ok(&arguments);
    }
}

#[test]
fn quickstart_refuses_a_directory_that_holds_something() {
    let sandbox = Sandbox::empty();
    std::fs::create_dir(sandbox.path("d")).unwrap();
    sandbox.write("d/notes.txt", "mine");
    let error = sandbox.refused(&["quickstart", "d"]);
    assert!(error.contains("'d' exists and is not empty") && error.contains("hint: "), "{error}");
    assert!(!sandbox.exists("d/__manifest"));
}

#[test]
fn quickstart_as_json_is_one_document_of_five_answers() {
    let document = Sandbox::empty().json(&["quickstart", "d", "--json"]);
    let answers = document["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 5);
    for answer in answers {
        assert!(answer["row_count"].as_u64().unwrap() > 0, "{}", answer["query_name"]);
    }
}
