//! The query language: text in; syntax trees, typed queries, diagnostics, reports out.

#![allow(clippy::unwrap_used)]

mod codes;
mod extensions;
mod lint;
mod lowering;
mod measures;
mod optional;
mod params;
mod paths;
mod properties;
mod syntax;
mod uncoded;

use std::sync::LazyLock;

use expect_test::Expect;
use omnigraph_compiler::catalog::Catalog;
use omnigraph_compiler::ir;
use omnigraph_compiler::query;
use omnigraph_compiler::schema;

/// The schema of the language definition's examples, and a type with every kind of property.
const SCHEMA: &str = r#"
    interface Titled { title: String }
    node Author { name: String @key  age: I32? }
    node Paper implements Titled {
        slug: String @key
        title: String @index
        year: I32
        tags: [String]?
        embedding: Vector(4)?
    }
    edge Wrote: Author -> Paper { role: String? }
    edge Cites: Paper -> Paper { weight: F64? }
    node Thing {
        id2: I64 @key
        flag: Bool?
        u32: U32?
        u64: U64?
        f32: F32?
        f64: F64?
        day: Date?
        at: DateTime?
        state: enum(open, closed)?
        file: Blob?
        scores: [F64]?
        body: String
        vec: Vector(3) @embed(body)
    }
    edge Attached: Thing -> Paper { file: Blob?  since: Date }
"#;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    schema::compile(SCHEMA, "01J0000000000000000000TEST").expect("the schema is valid").catalog
});

/// Compiles the only query of a text.
fn compile(source: &str) -> Result<ir::Query, query::CompileError> {
    query::compile(source, None, &CATALOG)
}

/// Compiles `match` and `return` of a query without parameters.
fn body(source: &str) -> String {
    format!("query q($s: String, $n: I32, $blob: Blob, $v: Vector(4), $l: [I32], $o: F64?) {{ {source} }}")
}

/// Returns every diagnostic of a query body, one a line, with the text that each one marks and its hint.
fn diagnose(source: &str) -> String {
    let source = body(source);
    match compile(&source) {
        Ok(_) => "ok".to_owned(),
        Err(query::CompileError::Select(error)) => error.to_string(),
        Err(query::CompileError::Source(errors)) => {
            let line = |d: &omnigraph_compiler::diagnostics::Diagnostic| {
                let hint = d.hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
                format!("{d} @ {}{hint}", &source[d.span.start..d.span.end])
            };
            errors.0.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    }
}

/// Diagnoses one query body a line and compares all of it.
fn check_all(bodies: &[&str], expected: &Expect) {
    let lines: Vec<String> =
        bodies.iter().map(|b| format!("{b}\n    {}", diagnose(b).replace('\n', "\n    "))).collect();
    expected.assert_eq(&(lines.join("\n") + "\n"));
}

/// Asserts that every query body compiles.
fn accept_all(bodies: &[&str]) {
    for source in bodies {
        assert_eq!(diagnose(source), "ok", "{source}");
    }
}

/// Compiles a query body to its typed read.
fn read(source: &str) -> ir::Read {
    match compile(&body(source)).unwrap_or_else(|e| panic!("{source}: {e}")).body {
        ir::Body::Read(read) => read,
        ir::Body::Mutation(_) => panic!("{source} is a mutation"),
    }
}
