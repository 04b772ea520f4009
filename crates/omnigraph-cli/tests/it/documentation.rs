//! The documents tell the truth: what they show is run as it stands there.

use serde_json::json;

use crate::sandbox::Sandbox;

const README: &str = include_str!("../../../../README.md");
const DEBIAN: &str = include_str!("../../../../examples/debian/README.md");
const SCHEMAS: &str = include_str!("../../../../docs/schema.md");
const QUERIES: &str = include_str!("../../../../docs/queries.md");

/// Returns the fenced blocks of a language, in order.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let starts = document.match_indices(&fence).map(|(at, _)| at + fence.len());
    starts.map(|start| document[start..].split("```").next().unwrap()).collect()
}

/// Splits a line of a shell block that has single quotes only.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// Runs the commands of a shell block, all of them `omnigraph`; returns what each printed.
fn run_block(sandbox: &Sandbox, block: &str) -> Vec<String> {
    let commands = block.replace("\\\n", " ");
    let run = |line: &str| {
        let words = words(line);
        assert_eq!(words[0], "omnigraph");
        sandbox.ok(&words[1..].iter().map(String::as_str).collect::<Vec<_>>())
    };
    commands.lines().map(run).collect()
}

fn people() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("people.pg", blocks(README, "pg")[0]);
    sandbox.write("people.jsonl", blocks(README, "json")[0]);
    sandbox.write("people.gq", blocks(README, "gq")[0]);
    sandbox
}

#[test]
fn the_first_graph_of_the_readme_works_command_by_command() {
    let sandbox = people();
    let shell = blocks(README, "sh");
    let block = shell.iter().find(|block| block.contains("omnigraph init")).unwrap();
    let printed = run_block(&sandbox, block);
    assert!(printed[2].contains("1 rows from branch main via reach\n") && printed[2].contains("Bob"));
    assert_eq!(printed[3], "changed main via befriend: 1 nodes, 1 edges\nactor_id: ada\n");
    assert_eq!((printed[4].lines().count(), printed[5].lines().count()), (3, 5));
}

#[test]
fn the_walkthrough_of_the_debian_example_works_from_top_to_bottom() {
    let sandbox = Sandbox::empty();
    for name in ["schema.pg", "queries.gq", "slice.jsonl"] {
        let text = std::fs::read_to_string(format!("../../examples/debian/{name}")).unwrap();
        sandbox.write(name, &text);
    }
    let load = DEBIAN.find("## Load it").unwrap();
    run_block(&sandbox, blocks(&DEBIAN[load..], "sh")[0]);
    let (reads, writes) = DEBIAN[load..].split_once("Mutations, each one commit").unwrap();
    let mut run = 0;
    for (verb, tables) in [("query", reads), ("mutate", writes)] {
        for row in tables.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.split('|').map(|cell| cell.trim_matches([' ', '`'])).collect();
            let mut arguments = vec![verb, cells[1], "--store", "debian.graph", "--query", "queries.gq"];
            if !cells[2].is_empty() {
                arguments.extend(["--params", cells[2]]);
            }
            sandbox.ok(&arguments);
            run += 1;
        }
    }
    assert!(run >= 20, "only {run} queries of the walkthrough were found");
    run_block(&sandbox, blocks(writes, "sh")[0]);
}

#[test]
fn the_mistake_of_the_readme_is_reported_as_the_readme_shows_it() {
    let sandbox = people();
    sandbox.ok(&["init", "people.graph", "--schema", "people.pg"]);
    sandbox.write("people.gq", &blocks(README, "gq")[0].replace("return { $q.name,", "return { $q.nam,"));
    let error = sandbox.refused(&["query", "reach", "--store", "people.graph", "--query", "people.gq"]);
    assert_eq!(error, blocks(README, "text")[0]);
}

#[test]
fn the_schema_and_the_queries_of_the_language_pages_compile() {
    let sandbox = Sandbox::empty();
    sandbox.write("docs.pg", blocks(SCHEMAS, "pg")[0]);
    let queries = blocks(QUERIES, "gq");
    assert_eq!(queries.len(), 2);
    for query in queries {
        sandbox.write("docs.gq", query);
        let report = sandbox.json(&["lint", "--query", "docs.gq", "--schema", "docs.pg", "--json"]);
        assert_eq!(report["errors"], json!(0), "{report}");
    }
}
