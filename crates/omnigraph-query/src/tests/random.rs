//! Random graphs × random queries: the engine agrees with the naive interpreter under every traversal mode.
//! `PROPTEST_CASES` sets how many graphs are tried.

use std::cell::Cell;

use omnigraph_compiler::ir::{Aggregate, Body, Output, SortKey};
use omnigraph_graph::commit::Snapshot;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value as Json;

use super::cases::{Case, SCHEMA, Shape, cases, json, lines};
use super::fixtures::{Data, compile, graph, head, rows};
use super::reference::Reference;
use crate::topology::TraversalMode;

/// Graphs that are tried, and most queries on each.
const CASES: u32 = 24;
const QUERIES: usize = 40;

/// Zeros of both signs are one value.
fn unsigned_zero(value: Json) -> Json {
    match value.as_f64() {
        Some(0.0) if value.is_f64() => 0.0.into(),
        _ => value,
    }
}

fn unsigned_zeros(rows: impl IntoIterator<Item = Vec<Json>>) -> Vec<Vec<Json>> {
    rows.into_iter().map(|row| row.into_iter().map(unsigned_zero).collect()).collect()
}

/// Runs the queries of a case; returns how many had rows.
async fn check(case: &Case) -> Result<usize, TestCaseError> {
    let data = case.data();
    let graph = graph(SCHEMA, &data, case.commits).await;
    let snapshot = head(&graph).await;
    let mut fruitful = 0;
    for shape in &case.queries {
        fruitful += usize::from(check_query(&data, &snapshot, shape).await?);
    }
    Ok(fruitful)
}

/// Compares the two answers to a query; tells whether it has rows.
async fn check_query(data: &Data, snapshot: &Snapshot, shape: &Shape) -> Result<bool, TestCaseError> {
    let text = shape.text();
    let mut query = compile(snapshot, &text);
    let Body::Read(read) = &mut query.body else { unreachable!() };
    // What the text cannot say at every place, or would have to say twice.
    if shape.distinct && !read.grouped {
        read.distinct = true;
        read.order.retain(|o| matches!(o.key, SortKey::Column(_)));
    }
    read.offset = shape.offset.unwrap_or(read.offset);
    let aggregates = read.projections.iter_mut().filter_map(|projection| match &mut projection.value {
        Output::Aggregate { function, distinct, .. } => Some((function, distinct)),
        _ => None,
    });
    for ((function, distinct), count_distinct) in aggregates.zip(shape.count_distinct) {
        if matches!(function, Aggregate::Count) {
            *distinct = count_distinct;
        }
    }
    let read = read.clone();
    let all = Reference { data, read: &read, params: &[] }.rows();
    let all = unsigned_zeros(all.iter().map(|row| row.iter().map(json).collect()));
    let from = (read.offset as usize).min(all.len());
    let kept = read.limit.map_or(all.len() - from, |limit| (all.len() - from).min(limit as usize));
    let ordered = !read.order.is_empty();
    for mode in [TraversalMode::Csr, TraversalMode::Indexed, TraversalMode::Adaptive] {
        let failed = |answer: String| {
            TestCaseError::fail(format!(
                "{SCHEMA}\n{}\n{text}\ndistinct {}, offset {}, traversal {mode:?}\n\
                 expected {kept} rows {} {all:?}\nanswer {answer}",
                lines(data),
                read.distinct,
                read.offset,
                if ordered { "from the offset of" } else { "out of" },
            ))
        };
        let found = rows(snapshot, &query, &[], mode).await.map_err(|e| failed(e.to_string()))?;
        let found = unsigned_zeros(found);
        let agree = if ordered {
            found == all[from..from + kept]
        } else {
            found.len() == kept && is_part(&found, &all)
        };
        if !agree {
            return Err(failed(format!("{found:?}")));
        }
    }
    Ok(!all.is_empty())
}

/// Tells whether the rows are among others, each as often at most.
fn is_part(rows: &[Vec<Json>], all: &[Vec<Json>]) -> bool {
    let mut pool: Vec<&Vec<Json>> = all.iter().collect();
    rows.iter().all(|row| {
        let at = pool.iter().position(|other| *other == row);
        at.map(|at| pool.swap_remove(at)).is_some()
    })
}

#[test]
fn random_queries_agree_with_the_naive_interpreter() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cases_wanted =
        if std::env::var_os("PROPTEST_CASES").is_some() { Config::default().cases } else { CASES };
    let config = Config {
        cases: cases_wanted,
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..Config::default()
    };
    let (queries, fruitful) = (Cell::new(0), Cell::new(0));
    let outcome = TestRunner::new(config).run(&cases(QUERIES), |case| {
        fruitful.set(fruitful.get() + runtime.block_on(check(&case))?);
        queries.set(queries.get() + case.queries.len());
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let (queries, fruitful) = (queries.get(), fruitful.get());
    // About a third has rows; in the few cases of a usual run chance takes a good part of that.
    assert!(fruitful > queries / 8, "only {fruitful} of {queries} queries had rows");
}
