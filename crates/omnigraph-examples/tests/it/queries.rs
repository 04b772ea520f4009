//! Type checks of the example queries.

use std::collections::BTreeMap;

use omnigraph_compiler::query::{self, SchemaSource, Status, params};
use serde_json::Value;

use crate::EXAMPLES;

#[test]
fn every_example_query_compiles() {
    for example in EXAMPLES {
        let catalog = example.catalog();
        let file = query::parse_file(example.queries).unwrap_or_else(|e| panic!("{}: {e}", example.name));
        assert!(file.queries.len() >= 15, "{}", example.name);
        for query in &file.queries {
            let name = &query.name.node;
            query::compile(example.queries, Some(name), &catalog)
                .unwrap_or_else(|e| panic!("{}: {name}: {e}", example.name));
        }
    }
}

#[test]
fn lint_finds_nothing_wrong() {
    for example in EXAMPLES {
        let path = format!("examples/{}/queries.gq", example.name);
        let report = query::lint(
            &path,
            example.queries,
            &example.catalog(),
            SchemaSource::File { path: String::new() },
        );
        let warnings: Vec<_> = report.results.iter().flat_map(|r| &r.warnings).collect();
        assert_eq!((report.status, report.errors), (Status::Ok, 0), "{report:#?}");
        assert!(warnings.is_empty(), "{warnings:#?}");
    }
}

/// Rows of the README's tables that start with the name of a query and its parameters.
fn documented(readme: &str) -> BTreeMap<&str, Option<Value>> {
    let mut rows = BTreeMap::new();
    for line in readme.lines() {
        let cells: Vec<&str> = line.split('|').map(|c| c.trim_matches([' ', '`'])).collect();
        if let [_, name, params, _, _] = cells.as_slice()
            && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            && line.starts_with("| `")
        {
            let params = (!params.is_empty()).then(|| serde_json::from_str(params).expect(params));
            assert!(rows.insert(*name, params).is_none(), "{name} stands twice");
        }
    }
    rows
}

#[test]
fn the_readme_gives_parameters_for_every_query() {
    for example in EXAMPLES {
        let catalog = example.catalog();
        let mut rows = documented(example.readme);
        let file = query::parse_file(example.queries).unwrap();
        for query in &file.queries {
            let name = query.name.node.as_str();
            let given = rows.remove(name).unwrap_or_else(|| panic!("{}: no {name}", example.name));
            let query = query::typecheck(query, &catalog).unwrap();
            params::bind(&query.params, given.as_ref()).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(params::undeclared(&query.params, given.as_ref()), Vec::<&str>::new(), "{name}");
        }
        assert!(rows.is_empty(), "{}: no query {rows:?}", example.name);
    }
}
