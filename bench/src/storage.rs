//! How much storage a history of small commits leaves behind, against a fresh load of the same rows.

use std::path::Path;
use std::time::{Duration, Instant};

use omnigraph::Omnigraph;
use omnigraph::db::{CleanupPolicyOptions, Load, LoadMode, LoadSource, Mutate, OpenOptions};
use serde_json::json;

use crate::measure::{self, Outcome};

const SCHEMA: &str = "node Item { name: String @key  n: I64 }";

/// Makes `commits` one-row commits, optimizes, cleans up, and prints bytes and times beside those of a load.
pub(crate) async fn run(commits: u64) -> Outcome {
    let (grown, fresh) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let graph = create(grown.path()).await?;
    let add = "query add($name: String, $n: I64) { insert Item { name: $name, n: $n } }";
    for n in 0..commits {
        let mut request = Mutate::new("main", add);
        request.params.insert("name".to_owned(), json!(format!("item-{n}")));
        request.params.insert("n".to_owned(), json!(n));
        graph.mutate(request).await?;
    }
    let before = bytes(grown.path())?;
    let started = Instant::now();
    graph.optimize().await?;
    let optimized = started.elapsed();
    let started = Instant::now();
    // No other writer is here, so nothing in flight needs a grace period.
    let options = CleanupPolicyOptions {
        keep_versions: Some(1),
        grace: Duration::ZERO,
        ..CleanupPolicyOptions::default()
    };
    graph.cleanup(options).await?;
    let cleaned = started.elapsed();

    let rows: String = (0..commits)
        .map(|n| json!({"type": "Item", "data": {"name": format!("item-{n}"), "n": n}}).to_string() + "\n")
        .collect();
    let loaded = create(fresh.path()).await?;
    loaded.load(Load::new("main", LoadSource::Text(rows), LoadMode::Append)).await?;

    let log = bytes(&grown.path().join("__manifest/log"))?;
    let (after, reference) = (bytes(grown.path())? - log, bytes(fresh.path())?);
    println!(
        "{commits} one-row commits: {before} bytes; after optimize and cleanup: {after} bytes of tables, {log} of commits"
    );
    println!(
        "fresh load of the same rows: {reference} bytes; tables are {:.2} times that",
        after as f64 / reference as f64
    );
    println!("optimize {}, cleanup {}", measure::show(optimized), measure::show(cleaned));
    Ok(())
}

async fn create(path: &Path) -> Outcome<Omnigraph> {
    let path = path.to_str().ok_or("the temporary directory has no UTF-8 name")?;
    Ok(Omnigraph::init_with(path, SCHEMA, &OpenOptions::default()).await?)
}

fn bytes(directory: &Path) -> Outcome<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        total += if entry.file_type()?.is_dir() { bytes(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(total)
}
