//! The example of the guide is the example files, and they do what the guide says.

use omnigraph_policy::{PolicyEngine, PolicyTestConfig};

#[test]
fn the_example_of_the_guide_passes_its_tests() {
    let engine = PolicyEngine::load_graph("../../docs/examples/policy.yaml", "atlas").unwrap();
    let tests = PolicyTestConfig::load("../../docs/examples/policy.tests.yaml").unwrap();
    assert_eq!(engine.run_tests(&tests).to_string(), "policy tests passed: 12 cases");
    assert_eq!(engine.warnings(), []);
}

#[test]
fn the_guide_shows_the_example_files() {
    let guide = std::fs::read_to_string("../../docs/policy.md").unwrap();
    for file in ["policy.yaml", "policy.tests.yaml", "server-policy.yaml"] {
        let text = std::fs::read_to_string(format!("../../docs/examples/{file}")).unwrap();
        assert!(guide.contains(&format!("```yaml\n{text}```")), "docs/policy.md must show {file} as it is");
    }
}
