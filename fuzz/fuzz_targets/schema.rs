//! No text panics the schema compiler, and what parses prints to text that parses to the same tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnigraph_compiler::schema;

fuzz_target!(|text: &str| {
    if let Ok(tree) = schema::parse(text) {
        let printed = schema::print(&tree);
        let again = schema::parse(&printed).expect("printed schemas parse");
        assert_eq!(printed, schema::print(&again));
    }
    match schema::compile(text, "01FUZZ") {
        Ok(compiled) => drop(schema::evolve(&compiled.catalog, text)),
        Err(diagnostics) => drop(diagnostics.render("fuzz.pg", text, false)),
    }
});
