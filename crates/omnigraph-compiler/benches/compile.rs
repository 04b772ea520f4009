//! Time from text to a catalog and from text to a typed query, on the example of Debian packages.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed bench")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use omnigraph_compiler::query::{self, compile};
use omnigraph_compiler::schema;

const SCHEMA: &str = include_str!("../../../examples/debian/schema.pg");
const QUERIES: &str = include_str!("../../../examples/debian/queries.gq");
/// A query as long as most, with a walk, a filter and aggregates.
const QUERY: &str = r#"
query dependency_weight($name: String) {
    match {
        $p: Package { name: $name }
        $p depends{1,12} $q
        $q.installed_kib > 0
        not { $q suggests $p }
    }
    return { count(distinct $q) as packages, sum($q.installed_kib) as size, max($q.installed_kib) as largest }
}
"#;
const DOMAIN: &str = "01J00000000000000000000000";

fn schemas(c: &mut Criterion) {
    let mut group = c.benchmark_group("schema");
    group.throughput(Throughput::Bytes(SCHEMA.len() as u64));
    group.bench_function("compile", |b| b.iter(|| schema::compile(black_box(SCHEMA), DOMAIN).unwrap()));
    group.finish();
}

fn queries(c: &mut Criterion) {
    let catalog = schema::compile(SCHEMA, DOMAIN).unwrap().catalog;
    let mut group = c.benchmark_group("query");
    group.throughput(Throughput::Bytes(QUERY.len() as u64));
    group.bench_function("compile", |b| b.iter(|| compile(black_box(QUERY), None, &catalog).unwrap()));
    group.throughput(Throughput::Bytes(QUERIES.len() as u64));
    group.bench_function("parse file", |b| b.iter(|| query::parse_file(black_box(QUERIES)).unwrap()));
    group.finish();
}

criterion_group!(benches, schemas, queries);
criterion_main!(benches);
