//! The schema language.

#![allow(clippy::unwrap_used)]

mod errors;
mod grammar;
mod identity;
mod injection;
mod planning;
mod properties;

use std::fmt::Write;

use omnigraph_compiler::catalog::{Catalog, Property};
use omnigraph_compiler::diagnostics::{Diagnostic, Diagnostics};
use omnigraph_compiler::schema;

const DOMAIN: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn catalog(source: &str) -> Catalog {
    match schema::compile(source, DOMAIN) {
        Ok(compiled) => compiled.catalog,
        Err(errors) => panic!("{}", errors.render("test.pg", source, false)),
    }
}

/// One line per diagnostic: position, text, `| hint`.
fn lines(diagnostics: &[Diagnostic], source: &str) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let (line, column) = diagnostic.line_column(source);
        let text = source.get(diagnostic.span.start..diagnostic.span.end).expect("a span inside the source");
        write!(out, "{line}:{column} {diagnostic} <{text}>").unwrap();
        if let Some(hint) = &diagnostic.hint {
            write!(out, " | {hint}").unwrap();
        }
        out.push('\n');
    }
    out
}

fn errors(source: &str) -> String {
    match schema::compile(source, DOMAIN) {
        Ok(_) => panic!("compiles: {source}"),
        Err(Diagnostics(errors)) => lines(&errors, source),
    }
}

/// Ids and properties of a catalog as text.
fn describe(catalog: &Catalog) -> String {
    let mut out = String::new();
    let properties = |out: &mut String, properties: &[Property]| {
        for p in properties {
            write!(out, "  {}={}: {}", p.name, p.id, p.ty).unwrap();
            for (set, mark) in [(p.marks.key, "@key"), (p.marks.unique, "@unique"), (p.marks.index, "@index")]
            {
                if set {
                    write!(out, " {mark}").unwrap();
                }
            }
            if let Some(metric) = p.metric {
                write!(out, " by {metric}").unwrap();
            }
            if let Some(embed) = &p.embed {
                write!(out, " embeds {} with {:?}", embed.source, embed.model).unwrap();
            }
            for annotation in &p.annotations {
                write!(out, " @{} {:?} {:?}", annotation.name, annotation.value, annotation.kwargs).unwrap();
            }
            if !p.declared {
                out.push_str(" injected");
            }
            if !p.satisfies.is_empty() {
                let ids: Vec<String> = p.satisfies.iter().map(ToString::to_string).collect();
                write!(out, " satisfies {}", ids.join(",")).unwrap();
            }
            out.push('\n');
        }
    };
    for t in catalog.interfaces.values() {
        writeln!(out, "interface {}={}", t.name, t.id).unwrap();
        properties(&mut out, &t.properties);
    }
    for t in catalog.nodes.values() {
        writeln!(out, "node {}={} table {} implements {:?}", t.name, t.id, t.incarnation, t.implements)
            .unwrap();
        properties(&mut out, &t.properties);
        t.constraints.iter().for_each(|c| writeln!(out, "  {c:?}").unwrap());
        t.annotations.iter().for_each(|a| writeln!(out, "  @{} {:?}", a.name, a.value).unwrap());
    }
    for t in catalog.edges.values() {
        let c = t.cardinality;
        writeln!(
            out,
            "edge {}={} table {}: {} -> {} {}..{:?}",
            t.name, t.id, t.incarnation, t.from, t.to, c.min, c.max
        )
        .unwrap();
        properties(&mut out, &t.properties);
        t.constraints.iter().for_each(|c| writeln!(out, "  {c:?}").unwrap());
        t.annotations.iter().for_each(|a| writeln!(out, "  @{} {:?}", a.name, a.value).unwrap());
    }
    writeln!(out, "next={}", catalog.next_id).unwrap();
    out
}
