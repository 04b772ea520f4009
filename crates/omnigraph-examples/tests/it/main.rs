//! The example schemas and queries compile, the READMEs name them all, and the slices are graphs of their schemas.

mod queries;
mod slices;

use omnigraph_compiler::catalog::Catalog;
use omnigraph_compiler::schema;

/// One folder of `examples/`.
struct Example {
    name: &'static str,
    schema: &'static str,
    queries: &'static str,
    slice: &'static str,
    readme: &'static str,
}

impl Example {
    fn catalog(&self) -> Catalog {
        schema::compile(self.schema, self.name).unwrap_or_else(|e| panic!("{}: {e}", self.name)).catalog
    }
}

const EXAMPLES: [Example; 2] = [
    Example {
        name: "debian",
        schema: include_str!("../../../../examples/debian/schema.pg"),
        queries: include_str!("../../../../examples/debian/queries.gq"),
        slice: include_str!("../../../../examples/debian/slice.jsonl"),
        readme: include_str!("../../../../examples/debian/README.md"),
    },
    Example {
        name: "wordnet",
        schema: include_str!("../../../../examples/wordnet/schema.pg"),
        queries: include_str!("../../../../examples/wordnet/queries.gq"),
        slice: include_str!("../../../../examples/wordnet/slice.jsonl"),
        readme: include_str!("../../../../examples/wordnet/README.md"),
    },
];
