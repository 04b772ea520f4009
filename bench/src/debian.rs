//! The Debian package graph: loads, lookups, traversals, an aggregate join, one-row inserts and opening.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use comfy_table::Table;
use omnigraph::Omnigraph;
use omnigraph::db::{Mutate, ParamMap};
use serde_json::{Value, json};

use crate::measure::{Samples, TaskResult, show};

const SCHEMA: &str = include_str!("../../examples/debian/schema.pg");

/// Repetitions of a read whose median is reported.
const READS: usize = 200;
/// Repetitions of a heavy read.
const HEAVY_READS: usize = 15;
/// One-row inserts timed at each history length.
const INSERTS: usize = 200;

const LOOKUP: &str = "query q($name: String) { match { $p: Package { name: $name } } return { $p.name, $p.summary, $p.installed_kib } }";
const HOPS: [&str; 3] = [
    "query q($name: String) { match { $p: Package { name: $name }  $p depends $q } return { count($q) as n } }",
    "query q($name: String) { match { $p: Package { name: $name }  $p depends{1,2} $q } return { count($q) as n } }",
    "query q($name: String) { match { $p: Package { name: $name }  $p depends{1,3} $q } return { count($q) as n } }",
];
const REACH: &str = "query q($name: String) { match { $p: Package { name: $name }  $p <depends>{1,3} $q } \
    return { count($q) as n } }";
const JOIN: &str = "query q() { match { $p: Package  $p maintainedBy $m  $p depends $q  $q inSection $s } \
    return { $s.name as section, count($p) as n, avg($q.installed_kib) as kib } order { n desc } limit 10 }";
const FILTER: &str = "query q() { match { $p: Package  $p.installed_kib >= 100000  $p.summary contains \"library\" } \
    return { $p.name, $p.installed_kib } order { $p.installed_kib desc } limit 20 }";

/// Packages with many and with few dependencies.
const STARTS: [&str; 8] =
    ["git", "bash", "python3", "gnome", "libreoffice", "nginx", "vim", "build-essential"];

struct Report(Table);

impl Report {
    fn new() -> Report {
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header(["measurement", "median", "p95", "note"]);
        Report(table)
    }

    fn row(&mut self, name: &str, samples: &Samples, note: &str) {
        self.0.add_row([name, &show(samples.quantile(0.5)), &show(samples.quantile(0.95)), note]);
    }

    fn fact(&mut self, name: &str, value: &str, note: &str) {
        self.0.add_row([name, value, "", note]);
    }
}

/// Runs every measurement and prints one table.
pub(crate) async fn run(data: &Path, dir: Option<&Path>, history: &[u64]) -> TaskResult {
    let scratch = tempfile::tempdir()?;
    let dir = dir.map_or_else(|| scratch.path().to_path_buf(), Path::to_path_buf);
    let mut report = Report::new();
    let graph = dir.join("debian.graph");
    let schema = scratch.path().join("schema.pg");
    std::fs::write(&schema, SCHEMA)?;
    load(&mut report, &schema, data, &graph)?;
    reads(&mut report, &graph).await?;
    opening(&mut report, &graph).await?;
    inserts(&mut report, &dir, history).await?;
    println!("{}", report.0);
    Ok(())
}

/// Loads in a process of its own, whose peak memory is that of the load.
fn load(report: &mut Report, schema: &Path, data: &Path, graph: &Path) -> TaskResult {
    let output = Command::new(std::env::current_exe()?)
        .args(["load", "--schema"])
        .arg(schema)
        .arg("--data")
        .arg(data)
        .arg("--graph")
        .arg(graph)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let result: Value = serde_json::from_slice(&output.stdout)?;
    let number = |name: &str| result[name].as_f64().unwrap_or(f64::NAN);
    let (seconds, entities) = (number("seconds"), number("entities"));
    let rate = format!("{:.0} entities/s", entities / seconds);
    let note = format!("{entities:.0} entities, {:.1} MB of JSONL", number("input_bytes") / 1e6);
    report.fact("load the full graph, one commit", &show(Duration::from_secs_f64(seconds)), &note);
    report.fact("load throughput", &rate, "");
    report.fact("load peak memory", &format!("{:.0} MiB", number("peak_bytes") / f64::from(1 << 20)), "");
    Ok(())
}

fn params(name: &str) -> ParamMap {
    ParamMap::from_iter([("name".to_owned(), json!(name))])
}

async fn timed(graph: &Omnigraph, query: &str, runs: usize, named: bool) -> TaskResult<(Samples, usize)> {
    let mut samples = Samples::new();
    let mut rows = 0;
    for run in 0..runs + STARTS.len() {
        let name = STARTS[run % STARTS.len()];
        let params = if named { params(name) } else { ParamMap::new() };
        let started = Instant::now();
        let answer = graph.query("main", query, None, &params).await?;
        // The first round warms the caches of each start.
        if run >= STARTS.len() {
            samples.add(started);
        }
        rows = answer.row_count();
    }
    Ok((samples, rows))
}

async fn reads(report: &mut Report, path: &Path) -> TaskResult {
    let graph = Omnigraph::open(&path.to_string_lossy()).await?;
    let (samples, _) = timed(&graph, LOOKUP, READS, true).await?;
    report.row("key lookup, three properties", &samples, "warm handle");
    for (hops, query) in HOPS.iter().enumerate() {
        let (samples, _) = timed(&graph, query, READS, true).await?;
        report.row(
            &format!("traversal, up to {} steps, counted", hops + 1),
            &samples,
            "warm handle, 8 starts",
        );
    }
    let (samples, _) = timed(&graph, REACH, HEAVY_READS, true).await?;
    report.row("traversal, either way, up to 3 steps", &samples, "warm handle, 8 starts");
    let (samples, _) = timed(&graph, FILTER, HEAVY_READS, false).await?;
    report.row("filter on number and text, top 20", &samples, "scan of all packages");
    let (samples, rows) = timed(&graph, JOIN, HEAVY_READS, false).await?;
    report.row("aggregate over a three-edge join", &samples, &format!("{rows} groups kept"));
    Ok(())
}

async fn opening(report: &mut Report, path: &Path) -> TaskResult {
    let mut open = Samples::new();
    let mut first = Samples::new();
    for run in 0..9 {
        // A process of its own: nothing is cached.
        let started = Instant::now();
        let output = Command::new(std::env::current_exe()?)
            .args(["probe", "--graph", &path.to_string_lossy(), "--name", STARTS[run % STARTS.len()]])
            .output()?;
        first.add(started);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        let micros: u64 = String::from_utf8_lossy(&output.stdout).trim().parse()?;
        open.push(Duration::from_micros(micros));
    }
    report.row("cold open", &open, "inside a new process");
    report.row("new process: open, key lookup, exit", &first, "");
    Ok(())
}

/// Opens a graph, prints the microseconds that took, and looks a package up.
pub(crate) async fn probe(graph: &str, name: &str) -> TaskResult {
    let started = Instant::now();
    let graph = Omnigraph::open_read_only(graph).await?;
    println!("{}", started.elapsed().as_micros());
    graph.query("main", LOOKUP, None, &params(name)).await?;
    Ok(())
}

async fn inserts(report: &mut Report, dir: &Path, history: &[u64]) -> TaskResult {
    let path: PathBuf = dir.join("items.graph");
    let schema = "node Item { name: String @key  n: I64 }";
    let graph = Omnigraph::init(&path.to_string_lossy(), schema).await?;
    let mut medians = Vec::new();
    for &length in history {
        let mut commits = graph.snapshot_of("main").await?.graph_manifest_version();
        while commits < length {
            insert(&graph, commits).await?;
            commits += 1;
        }
        settle_disk();
        let mut samples = Samples::new();
        for run in 0..INSERTS as u64 {
            let started = Instant::now();
            insert(&graph, commits + run).await?;
            samples.add(started);
        }
        let snapshot = graph.snapshot_of("main").await?;
        let fragments = snapshot.dataset("node:Item").map_or(0, |d| d.fragments);
        let note = format!("mean {}, {fragments} fragments", show(samples.mean()));
        report.row(&format!("one-row durable insert at commit {length}"), &samples, &note);
        medians.push(samples.mean().as_secs_f64());
    }
    if let (Some(first), Some(last)) = (medians.first(), medians.last()) {
        report.fact("ratio of the last to the first mean", &format!("{:.2}", last / first), "");
    }
    Ok(())
}

/// Waits until what was written before is on disk, so that its write-back does not slow what is measured.
fn settle_disk() {
    if let Err(error) = std::process::Command::new("sync").status() {
        eprintln!("note: `sync` is not there ({error}); write-back of earlier steps may disturb the figures");
    }
}

async fn insert(graph: &Omnigraph, number: u64) -> TaskResult {
    let source = "query add($name: String, $n: I64) { insert Item { name: $name, n: $n } }";
    let mut request = Mutate::new("main", source);
    request.params.insert("name".to_owned(), json!(format!("item-{number}")));
    request.params.insert("n".to_owned(), json!(number));
    graph.mutate(request).await?;
    Ok(())
}
