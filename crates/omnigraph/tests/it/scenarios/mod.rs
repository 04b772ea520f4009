//! Interrupted writes, scenario by scenario: a fault, or what one left behind, and what a caller must find afterwards.
//!
//! `README.md` beside this file gives each scenario its number and its test. A test takes a root of its own and has it to
//! itself, as fault points are those of the whole process; see [`fixtures::Directory`].

mod branches;
mod faults;
mod feed;
mod fixtures;
mod init;
mod intents;
mod maintenance;
mod merge;
mod schema;
mod writes;

const TABLE: &str = include_str!("README.md");

/// The last number.
const SCENARIOS: usize = 120;

const SOURCES: [(&str, &str); 9] = [
    ("branches", include_str!("branches.rs")),
    ("faults", include_str!("faults.rs")),
    ("feed", include_str!("feed.rs")),
    ("init", include_str!("init.rs")),
    ("intents", include_str!("intents.rs")),
    ("maintenance", include_str!("maintenance.rs")),
    ("merge", include_str!("merge.rs")),
    ("schema", include_str!("schema.rs")),
    ("writes", include_str!("writes.rs")),
];

/// The contract suite of stores, where some scenarios have their test.
const OBJECTS: &str = include_str!("../../../../omnigraph-storage/src/tests/objects.rs");

/// Reads the first table: a number and the test it names, per row.
fn numbered() -> Vec<(usize, &'static str, &'static str)> {
    let rows = TABLE.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let number = cells.next()?.parse().ok()?;
        let (module, test) = cells.next()?.trim_matches('`').split_once("::")?;
        Some((number, module, test))
    });
    rows.collect()
}

#[test]
fn every_scenario_has_its_test() {
    let table = numbered();
    let numbers: Vec<usize> = table.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=SCENARIOS).collect::<Vec<_>>());
    for (number, module, test) in table {
        let source = match module {
            "objects" => OBJECTS,
            _ => SOURCES.iter().find(|(name, _)| *name == module).expect("a module of the scenarios").1,
        };
        assert!(source.contains(&format!("async fn {test}(")), "{number}: no test {module}::{test}");
    }
}

/// A test that no row names is not found by who looks for its scenario.
#[test]
fn every_test_is_in_a_table() {
    for (module, source) in SOURCES {
        let tests = source.split("#[tokio::test").skip(1).map(|rest| {
            let (_, signature) = rest.split_once("async fn ").expect("a test is a function");
            signature.split('(').next().expect("a name comes before its parameters")
        });
        let named = tests.map(|test| (test, TABLE.contains(&format!("`{module}::{test}`"))));
        let named: Vec<_> = named.collect();
        assert!(!named.is_empty(), "{module} has no test");
        for (test, there) in named {
            assert!(there, "{module}::{test} is in no table");
        }
    }
}
