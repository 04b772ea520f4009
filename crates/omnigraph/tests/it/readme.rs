//! What the README shows is what runs.

#[test]
fn the_rust_block_of_the_readme_is_the_example_people() {
    let readme = std::fs::read_to_string("../../README.md").unwrap();
    let (_, rest) = readme.split_once("```rust\n").expect("the README has a Rust block");
    let (shown, _) = rest.split_once("```\n").unwrap();
    let example = include_str!("../../examples/people.rs");
    let (_, program) = example.split_once("\n\n").expect("a blank line after the header");
    assert_eq!(shown, program);
}
