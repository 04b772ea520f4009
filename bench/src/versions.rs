//! Branches, merges, differences and history, at sizes that tell whether a cost grows with the graph.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use comfy_table::Table;
use omnigraph::Omnigraph;
use omnigraph::changes::ChangeFilter;
use omnigraph::db::{
    CommitPage, Durability, Load, LoadMode, LoadSource, MergeBranches, Mutate, OpenOptions, ParamMap,
    SnapshotId,
};

use crate::measure::{Samples, TaskResult, show};

/// Repetitions of a cheap operation.
const CHEAP: usize = 50;
/// Repetitions of a merge or a difference.
const HEAVY: usize = 7;

/// How large the graphs are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Live branches beside which the last branch is created.
    pub(crate) branches: usize,
    /// Commits of the long history.
    pub(crate) commits: usize,
    /// Rows of the large table.
    pub(crate) rows: usize,
}

struct Report(Table);

impl Report {
    fn row(&mut self, name: &str, samples: &Samples) {
        self.0.add_row([name, &show(samples.quantile(0.5)), &show(samples.quantile(0.95))]);
    }
}

/// Runs every measurement and prints one table.
pub(crate) async fn run(sizes: Sizes) -> TaskResult {
    let scratch = tempfile::tempdir()?;
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["measurement", "median", "p95"]);
    let mut report = Report(table);
    branches(&mut report, scratch.path(), sizes.branches).await?;
    adoption(&mut report, scratch.path()).await?;
    changes(&mut report, scratch.path(), sizes.rows).await?;
    history(&mut report, scratch.path(), sizes.commits).await?;
    println!("{}", report.0);
    Ok(())
}

fn schema(types: usize) -> String {
    (0..types).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "node T{n} {{ name: String @key  n: I64? }}");
        text
    })
}

async fn create(path: &Path, schema: &str) -> TaskResult<Omnigraph> {
    // What is timed is the engine's work; `debian` measures durable writes.
    let options = OpenOptions { durability: Durability::Relaxed, ..OpenOptions::default() };
    Ok(Omnigraph::init_with(&path.to_string_lossy(), schema, &options).await?)
}

async fn branches(report: &mut Report, dir: &Path, many: usize) -> TaskResult {
    for types in [10, 1000] {
        let graph = create(&dir.join(format!("types-{types}")), &schema(types)).await?;
        let mut samples = Samples::new();
        for n in 0..CHEAP {
            let started = Instant::now();
            graph.branch_create(&format!("b{n}")).await?;
            samples.add(started);
        }
        report.row(&format!("create a branch, {types} types"), &samples);
    }
    let graph = create(&dir.join("many"), &schema(10)).await?;
    for (from, to) in [(0, 10), (10, many)] {
        for n in from..to {
            graph.branch_create(&format!("b{n}")).await?;
        }
        let mut samples = Samples::new();
        for n in 0..CHEAP {
            let name = format!("timed-{to}-{n}");
            let started = Instant::now();
            graph.branch_create(&name).await?;
            samples.add(started);
        }
        report.row(&format!("create a branch beside {to} others"), &samples);
    }
    Ok(())
}

async fn adoption(report: &mut Report, dir: &Path) -> TaskResult {
    let graph = create(&dir.join("adoption"), &schema(31)).await?;
    let mut samples = Samples::new();
    for round in 0..HEAVY {
        let branch = format!("side-{round}");
        graph.branch_create(&branch).await?;
        let inserts = (0..30).fold(String::new(), |mut text, n| {
            let _ = writeln!(text, "insert T{n} {{ name: \"r{round}\" }}");
            text
        });
        graph.mutate(Mutate::new(&branch, &format!("query add() {{ {inserts} }}"))).await?;
        let own = format!("query own() {{ insert T30 {{ name: \"r{round}\" }} }}");
        graph.mutate(Mutate::new("main", &own)).await?;
        let started = Instant::now();
        let merged = graph.branch_merge(MergeBranches::new(&branch, "main")).await?;
        samples.add(started);
        assert_eq!(merged.adopted.len(), 30);
    }
    report.row("merge that takes 30 tables by reference", &samples);
    Ok(())
}

async fn changes(report: &mut Report, dir: &Path, rows: usize) -> TaskResult {
    let graph = create(&dir.join("large"), &schema(1)).await?;
    let data = (0..rows).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "{{\"type\":\"T0\",\"data\":{{\"name\":\"p{n:08}\",\"n\":{n}}}}}");
        text
    });
    graph.load(Load::new("main", LoadSource::Text(data), LoadMode::Append)).await?;
    let (mut merges, mut differences) = (Samples::new(), Samples::new());
    for round in 0..HEAVY {
        let branch = format!("side-{round}");
        graph.branch_create(&branch).await?;
        for (branch, offset) in [(branch.as_str(), 0), ("main", 500)] {
            // Every thousandth row, another set on either side.
            let step = (rows / 1000).max(1);
            let changed = (0..1000).fold(String::new(), |mut text, n| {
                let at = (n * step + offset + round) % rows;
                let _ =
                    writeln!(text, "{{\"type\":\"T0\",\"data\":{{\"name\":\"p{at:08}\",\"n\":-{round}}}}}");
                text
            });
            graph.load(Load::new(branch, LoadSource::Text(changed), LoadMode::Merge)).await?;
        }
        let before = graph.snapshot_of("main").await?.commit().graph_commit_id;
        let started = Instant::now();
        graph.branch_merge(MergeBranches::new(&branch, "main")).await?;
        merges.add(started);
        let started = Instant::now();
        let difference =
            graph.diff_between(SnapshotId::new(before), "main", &ChangeFilter::default()).await?;
        differences.add(started);
        assert!(difference.changes.len() <= 1000);
    }
    report.row(&format!("merge of 1 000 changed rows on either side, {rows} rows"), &merges);
    report.row("net difference of that merge", &differences);
    Ok(())
}

async fn history(report: &mut Report, dir: &Path, commits: usize) -> TaskResult {
    let graph = create(&dir.join("history"), &schema(1)).await?;
    let mut first = String::new();
    for n in 0..commits {
        let text = format!("query add() {{ insert T0 {{ name: \"p{n}\" }} }}");
        let receipt = graph.mutate(Mutate::new("main", &text)).await?;
        if n == 10 {
            first = receipt.commit.map(|commit| commit.graph_commit_id).unwrap_or_default();
        }
    }
    let uri = graph.uri().to_owned();
    graph.close().await;
    let (mut lists, mut travels) = (Samples::new(), Samples::new());
    let count = "query n() { match { $t: T0 } return { count($t) as n } }";
    for _ in 0..CHEAP {
        let cold = Omnigraph::open_read_only(&uri).await?;
        let started = Instant::now();
        let page = CommitPage { limit: Some(50), ..CommitPage::default() };
        assert_eq!(cold.list_commits("main", &page).await?.len(), 50);
        lists.add(started);
        let cold = Omnigraph::open_read_only(&uri).await?;
        let started = Instant::now();
        cold.query(SnapshotId::new(&first), count, None, &ParamMap::new()).await?;
        travels.add(started);
    }
    report.row(&format!("list the last 50 of {commits} commits, new handle"), &lists);
    report.row("read of an early commit by id, new handle", &travels);
    Ok(())
}
