//! How much storage a history of small commits leaves behind, against a fresh load of the same rows.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use omnigraph::Omnigraph;
use omnigraph::db::{CleanupPolicyOptions, Load, LoadMode, LoadSource, OpenOptions};

use crate::measure::{self, TaskResult};

const SCHEMA: &str = include_str!("../../examples/debian/schema.pg");
/// Rows of this type are committed one by one.
const TYPE: &str = r#"{"type":"Package""#;

/// Makes `commits` one-row commits of packages, optimizes, cleans up, and prints bytes and times beside those of a load.
pub(crate) async fn run(data: &Path, commits: usize) -> TaskResult {
    let rows = packages(data, commits)?;
    let (grown, fresh) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let graph = create(grown.path()).await?;
    for row in &rows {
        graph.load(Load::new("main", LoadSource::Text(row.clone()), LoadMode::Append)).await?;
    }
    let before = bytes(grown.path())?;
    let started = Instant::now();
    graph.optimize().await?;
    let optimized = started.elapsed();
    let started = Instant::now();
    // Nobody else is here, so nothing needs a grace period.
    let options = CleanupPolicyOptions {
        keep_versions: Some(1),
        grace: Duration::ZERO,
        pack_after: Duration::ZERO,
        ..CleanupPolicyOptions::default()
    };
    graph.cleanup(options).await?;
    let cleaned = started.elapsed();

    let loaded = create(fresh.path()).await?;
    loaded.load(Load::new("main", LoadSource::Text(rows.join("\n")), LoadMode::Append)).await?;

    let (after, reference) = (bytes(grown.path())?, bytes(fresh.path())?);
    println!("{} one-row commits: {before}", rows.len());
    println!("after optimize and cleanup: {after}");
    for part in ["nodes", "__manifest/log", "__manifest/packs"] {
        println!("  of which {part}: {}", bytes(&grown.path().join(part))?);
    }
    println!("fresh load of the same rows: {reference}; ratio {:.2}", after.apparent / reference.apparent);
    println!("optimize {}, cleanup {}", measure::show(optimized), measure::show(cleaned));
    Ok(())
}

/// Reads the first package rows of a strict graph batch.
fn packages(data: &Path, count: usize) -> TaskResult<Vec<String>> {
    let lines = BufReader::new(std::fs::File::open(data)?).lines();
    let rows: Vec<String> = lines
        .filter(|line| line.as_ref().map_or(true, |line| line.starts_with(TYPE)))
        .take(count)
        .collect::<Result<_, _>>()?;
    if rows.len() < count {
        return Err(format!("{} holds only {} packages", data.display(), rows.len()).into());
    }
    Ok(rows)
}

async fn create(path: &Path) -> TaskResult<Omnigraph> {
    let path = path.to_str().ok_or("the temporary directory has no UTF-8 name")?;
    Ok(Omnigraph::init_with(path, SCHEMA, &OpenOptions::default()).await?)
}

/// What the files of a directory take.
#[derive(Clone, Copy, Debug, Default)]
struct Bytes {
    /// Their lengths.
    apparent: f64,
    /// How many they are.
    files: u64,
}

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} MB in {} files", self.apparent / 1e6, self.files)
    }
}

fn bytes(directory: &Path) -> TaskResult<Bytes> {
    let mut total = Bytes::default();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let part = if entry.file_type()?.is_dir() {
            bytes(&entry.path())?
        } else {
            Bytes { apparent: entry.metadata()?.len() as f64, files: 1 }
        };
        total = Bytes { apparent: total.apparent + part.apparent, files: total.files + part.files };
    }
    Ok(total)
}
