//! No text panics the query compiler, and what parses prints to text that parses to the same tree.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use omnigraph_compiler::catalog::Catalog;
use omnigraph_compiler::{query, schema};

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let source = "node Author { name: String @key age: I32? } \
        node Paper { slug: String @key title: String @index year: I32 tags: [String]? embedding: Vector(4)? } \
        edge Wrote: Author -> Paper { role: String? } edge Cites: Paper -> Paper { weight: F64? }";
    schema::compile(source, "01FUZZ").expect("the fixture is legal").catalog
});

fuzz_target!(|text: &str| {
    match query::parse_file(text) {
        Ok(file) => {
            let printed = query::print(&file);
            let again = query::parse_file(&printed).expect("printed queries parse");
            assert_eq!(printed, query::print(&again));
            for parsed in &file.queries {
                let _ = query::typecheck(parsed, &CATALOG);
            }
        }
        Err(diagnostics) => drop(diagnostics.render("fuzz.gq", text, false)),
    }
});
