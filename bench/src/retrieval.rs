//! Vector, full-text, hybrid and graph reads over described documents: the rows that the comparison with other engines
//! puts side by side (`bench/peers`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use omnigraph::Omnigraph;
use omnigraph::db::{JsonRows, ParamMap, row_objects};
use serde_json::{Value, json};

use crate::measure::{Samples, TaskResult, cpu_seconds, load_average, peak_memory};

/// Queries asked before any is timed.
const WARM_UP: usize = 50;
const K: usize = 10;

const KEY: &str = "query q($key: String) { match { $d: Doc { name: $key } } return { $d.name as id } }";
const SCAN: &str = "query q() { match { $d: Doc } return { $d.section as id, count($d) as n } }";
const JOIN: &str = "query q() { match { $a: Doc  $a depends $b } \
    return { $a.section as id, $b.section as to, count($a) as n } order { n desc } limit 10 }";
const HOPS: &str = "query q($hub: String) { match { $d: Doc { name: $hub }  $d depends{1,2} $x } return { count($x) as id } }";
const KNN: &str = "query q($vector: Vector(384)) { match { $d: Doc } return { $d.name as id } \
    order { nearest($d.embedding, $vector) } limit 10 }";
const KNN_FILTERED: &str = "query q($vector: Vector(384), $section: String) { match { $d: Doc { section: $section } } \
    return { $d.name as id } order { nearest($d.embedding, $vector) } limit 10 }";
const TEXT: &str = "query q($text: String) { match { $d: Doc } return { $d.name as id } \
    order { bm25($d.text, $text) } limit 10 }";
const HYBRID: &str = "query q($vector: Vector(384), $text: String) { match { $d: Doc } return { $d.name as id } \
    order { rrf(nearest($d.embedding, $vector), bm25($d.text, $text)) } limit 10 }";
const HOP: &str = "query q($found: [String]) { match { $d: Doc  $d.name in $found  $d depends $x } \
    return distinct { $x.name as id } }";

/// A measure: its name, its query, and whether it asks the same whatever the question.
const MEASURES: [(&str, &str, bool); 9] = [
    ("key", KEY, false),
    ("scan", SCAN, true),
    ("join", JOIN, true),
    ("hops", HOPS, false),
    ("knn", KNN, false),
    ("knn_filtered", KNN_FILTERED, false),
    ("text", TEXT, false),
    ("hybrid", HYBRID, false),
    ("hybrid_hop", HYBRID, false),
];

/// What to measure, and with what.
pub(crate) struct Task {
    /// Directory with `graph.pg` and `graph.jsonl`.
    pub(crate) data: PathBuf,
    /// Where the graph is put.
    pub(crate) dir: PathBuf,
    /// One JSON object per line: text, section, vector, key, hub.
    pub(crate) queries: PathBuf,
    /// How long clients ask when throughput is measured.
    pub(crate) seconds: f64,
    /// How many ask at once.
    pub(crate) clients: usize,
}

/// Measures each in a process of its own, and prints a JSON list.
pub(crate) fn run(task: &Task) -> TaskResult {
    let mut rows = vec![load(task)?];
    for (measure, ..) in MEASURES {
        eprintln!("{measure} …");
        let output = Command::new(std::env::current_exe()?)
            .args(["retrieval-measure", "--measure", measure])
            .args(["--seconds", &task.seconds.to_string(), "--clients", &task.clients.to_string()])
            .arg("--graph")
            .arg(graph(task))
            .arg("--queries")
            .arg(&task.queries)
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        rows.push(serde_json::from_slice(&output.stdout)?);
    }
    println!("{}", Value::Array(rows));
    Ok(())
}

fn graph(task: &Task) -> PathBuf {
    task.dir.join("docs.graph")
}

fn load(task: &Task) -> TaskResult<Value> {
    eprintln!("load …");
    std::fs::create_dir_all(&task.dir)?;
    let output = Command::new(std::env::current_exe()?)
        .arg("load")
        .arg("--schema")
        .arg(task.data.join("graph.pg"))
        .arg("--data")
        .arg(task.data.join("graph.jsonl"))
        .arg("--graph")
        .arg(graph(task))
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let result: Value = serde_json::from_slice(&output.stdout)?;
    let peak = result["peak_bytes"].as_f64().unwrap_or(f64::NAN);
    Ok(json!({
        "measure": "load",
        "version": env!("CARGO_PKG_VERSION"),
        "load_average": load_average(),
        "seconds": result["seconds"],
        "index_seconds": result["index_seconds"],
        "rss_mib": peak / f64::from(1 << 20),
        "disk_mib": disk(&task.dir)? as f64 / f64::from(1 << 20),
    }))
}

fn disk(path: &Path) -> TaskResult<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { disk(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

/// Asks one kind of question, and prints latency, throughput and answers.
pub(crate) async fn measure(
    graph: &Path,
    queries: &Path,
    measure: &str,
    seconds: f64,
    clients: usize,
) -> TaskResult {
    let found = MEASURES.iter().find(|(name, ..)| *name == measure);
    let (_, query, same) = found.ok_or_else(|| format!("no measure '{measure}'"))?;
    let questions: Vec<Value> =
        std::fs::read_to_string(queries)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let questions: Vec<ParamMap> =
        questions.iter().take(if *same { 20 } else { usize::MAX }).map(params).collect();
    let graph = Arc::new(Omnigraph::open_read_only(&graph.to_string_lossy()).await?);
    let ask = Arc::new(Ask { graph, measure: measure.to_owned(), query });

    let started = Instant::now();
    ask.of(&questions[questions.len() - 1]).await?;
    let first = started.elapsed();
    let limit = Duration::from_secs_f64(seconds);
    for question in questions.iter().rev().take(WARM_UP) {
        ask.of(question).await?;
        if started.elapsed() > limit {
            break;
        }
    }
    let (mut samples, mut answers) = (Samples::new(), Vec::new());
    let busy = cpu_seconds();
    let started = Instant::now();
    for question in &questions {
        let begin = Instant::now();
        answers.push(ask.of(question).await?);
        samples.add(begin);
        if started.elapsed() > 3 * limit {
            break;
        }
    }
    let busy = cpu_seconds() - busy;
    let questions = Arc::new(questions);
    let started = Instant::now();
    let tasks = (0..clients.max(1)).map(|client| {
        let (ask, questions) = (ask.clone(), questions.clone());
        tokio::spawn(async move {
            let mut done = 0_u64;
            // Each client starts elsewhere, so that they do not ask the same at the same time.
            let start = questions.len() * client / clients.max(1);
            for question in questions.iter().cycle().skip(start) {
                ask.of(question).await.map_err(|error| error.to_string())?;
                done += 1;
                if started.elapsed() > limit {
                    break;
                }
            }
            Ok::<u64, String>(done)
        })
    });
    let mut done = 0;
    for task in tasks.collect::<Vec<_>>() {
        done += task.await??;
    }
    let millis = |q| samples.quantile(q).as_secs_f64() * 1e3;
    println!(
        "{}",
        json!({
            "measure": measure,
            "version": env!("CARGO_PKG_VERSION"),
            "first_ms": first.as_secs_f64() * 1e3,
            "queries": answers.len(),
            "p50_ms": millis(0.5),
            "p95_ms": millis(0.95),
            "cpu_ms": busy * 1e3 / answers.len() as f64,
            "load_average": load_average(),
            "qps": done as f64 / started.elapsed().as_secs_f64(),
            "clients": clients,
            "rss_mib": peak_memory() as f64 / f64::from(1 << 20),
            "answers": answers,
        })
    );
    Ok(())
}

fn params(question: &Value) -> ParamMap {
    ["text", "section", "vector", "key", "hub"]
        .into_iter()
        .map(|name| (name.to_owned(), question[name].clone()))
        .collect()
}

struct Ask {
    graph: Arc<Omnigraph>,
    measure: String,
    query: &'static str,
}

impl Ask {
    /// Returns the names found, or a count where the measure counts.
    async fn of(&self, question: &ParamMap) -> TaskResult<Vec<Value>> {
        let found = self.ask(self.query, question).await?;
        if self.measure != "hybrid_hop" {
            return Ok(if self.measure == "scan" { vec![json!(found.len())] } else { found });
        }
        let found: Vec<Value> = found.into_iter().take(K).collect();
        self.ask(HOP, &ParamMap::from_iter([("found".to_owned(), Value::Array(found))])).await
    }

    async fn ask(&self, query: &str, question: &ParamMap) -> TaskResult<Vec<Value>> {
        let result = self.graph.query("main", query, None, question).await?;
        let column = if self.measure == "join" { "n" } else { "id" };
        let rows =
            result.batches.iter().flat_map(|batch| row_objects(batch, &result.columns, JsonRows::Exact));
        Ok(rows.map(|row| row.get(column).cloned().unwrap_or_default()).collect())
    }
}
