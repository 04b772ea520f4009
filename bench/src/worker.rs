//! Tasks that run in a process of their own: to be measured, raced or killed.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::time::Instant;

use omnigraph::Omnigraph;
use omnigraph::db::{Load, LoadMode, LoadSource, Mutate, OpenOptions};
use serde_json::json;

use crate::measure::{self, TaskResult};

/// Loads a file into a new graph and prints one JSON line with seconds until the load was acknowledged and from then until
/// its files were indexed, entities and peak memory.
pub(crate) async fn load(graph: &str, schema: &Path, data: &Path, memory: u64) -> TaskResult {
    let options = OpenOptions { memory_budget: memory, ..OpenOptions::default() };
    let graph = Omnigraph::init_with(graph, &std::fs::read_to_string(schema)?, &options).await?;
    let file = File::open(data)?;
    let bytes = file.metadata()?.len();
    let source = LoadSource::Reader { reader: Box::new(BufReader::new(file)), bytes: Some(bytes) };
    let started = Instant::now();
    let receipt = graph.load(Load::new("main", source, LoadMode::Append)).await?;
    let acknowledged = started.elapsed();
    graph.close().await;
    let report = json!({
        "seconds": acknowledged.as_secs_f64(),
        "index_seconds": (started.elapsed() - acknowledged).as_secs_f64(),
        "entities": receipt.counts.total(),
        "input_bytes": bytes,
        "peak_bytes": measure::peak_memory(),
    });
    println!("{report}");
    Ok(())
}

/// Inserts one-row commits and prints the name of each after its acknowledgement.
pub(crate) async fn insert(graph: &str, prefix: &str, count: u64) -> TaskResult {
    let graph = Omnigraph::open(graph).await?;
    for number in 0..count {
        let name = format!("{prefix}-{number}");
        let mut request =
            Mutate::new("main", "query add($name: String, $n: I64) { insert Item { name: $name, n: $n } }");
        request.params.insert("name".to_owned(), json!(name));
        request.params.insert("n".to_owned(), json!(number));
        graph.mutate(request).await?;
        acknowledge(&name)?;
    }
    Ok(())
}

/// Loads batches of items, each linked to the next one of its batch, until it is killed.
pub(crate) async fn batches(graph: &str, prefix: &str, rows: u64) -> TaskResult {
    let graph = Omnigraph::open(graph).await?;
    for batch in 0_u64.. {
        let mut text = String::new();
        for number in 0..rows {
            let name = format!("{prefix}-{batch}-{number}");
            text.push_str(&json!({"type": "Item", "data": {"name": name, "n": number}}).to_string());
            text.push('\n');
            let next = format!("{prefix}-{batch}-{}", (number + 1) % rows);
            text.push_str(&json!({"edge": "Next", "from": name, "to": next}).to_string());
            text.push('\n');
        }
        graph.load(Load::new("main", LoadSource::Text(text), LoadMode::Append)).await?;
        acknowledge(&format!("{prefix}-{batch}"))?;
    }
    Ok(())
}

/// Prints one line and flushes it, so that it outlives the process.
pub(crate) fn acknowledge(name: &str) -> TaskResult {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{name}")?;
    stdout.flush()?;
    Ok(())
}
