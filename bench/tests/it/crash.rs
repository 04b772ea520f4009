//! A writer is killed at random moments; the graph stays whole and writable.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use omnigraph::Omnigraph;
use omnigraph::db::Mutate;

use crate::support::{SCHEMA, item_names, text, worker};

/// Items per loaded batch.
const ROWS: u64 = 50;

/// Kills; `OMNIGRAPH_CRASH_ROUNDS` sets another number.
fn rounds() -> u64 {
    std::env::var("OMNIGRAPH_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(12)
}

/// A small fixed-seed generator: the delays are repeatable, the interleavings need not be.
fn delay(round: u64) -> Duration {
    let mixed = (round + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31);
    Duration::from_millis(40 + mixed % 400)
}

/// When a worker is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kill {
    /// A while after its start, so also before it has done anything.
    AfterStart,
    /// A while after its first acknowledgement, so that there is something to lose.
    AfterFirstWrite,
}

/// Kills a worker after a while and returns what it had acknowledged.
fn kill_after(arguments: &[&str], kill: Kill, wait: Duration) -> BTreeSet<String> {
    let mut child = worker(arguments);
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let mut acknowledged = String::new();
    if kill == Kill::AfterFirstWrite {
        let read = stdout.read_line(&mut acknowledged).expect("acknowledgements are text");
        assert!(read > 0, "the worker ended without a write");
    }
    std::thread::sleep(wait);
    child.kill().expect("the worker can be killed");
    stdout.read_to_string(&mut acknowledged).expect("acknowledgements are text");
    child.wait().expect("the worker ends");
    // A line without its end may be cut; it counts as unacknowledged.
    let complete = acknowledged.rfind('\n').map_or("", |end| &acknowledged[..end]);
    complete.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_killed_writer_leaves_all_or_nothing_of_each_write() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("graph");
    drop(Omnigraph::init(text(&root), SCHEMA).await.unwrap());
    let rows = ROWS.to_string();
    let mut acknowledged_items = BTreeSet::new();
    let mut acknowledged_batches = BTreeSet::new();
    for round in 0..rounds() {
        let prefix = format!("r{round}");
        let (path, wait) = (text(&root).to_owned(), delay(round));
        let killed = tokio::task::spawn_blocking({
            let (prefix, rows) = (prefix.clone(), rows.clone());
            move || {
                let kill = if round % 4 < 2 { Kill::AfterStart } else { Kill::AfterFirstWrite };
                let common = ["--graph", &path, "--prefix", &prefix];
                match round % 2 {
                    0 => kill_after(&[&["insert"], &common[..], &["--count", "100000"]].concat(), kill, wait),
                    _ => kill_after(&[&["batches"], &common[..], &["--rows", &rows]].concat(), kill, wait),
                }
            }
        })
        .await
        .unwrap();
        match round % 2 {
            0 => acknowledged_items.extend(killed),
            _ => acknowledged_batches.extend(killed),
        }

        let graph = Omnigraph::open(text(&root)).await.unwrap();
        let names = item_names(&graph).await;
        let mut batches: BTreeMap<String, u64> = BTreeMap::new();
        for name in names.iter().filter(|name| name.matches('-').count() == 2) {
            *batches.entry(name.rsplit_once('-').unwrap().0.to_owned()).or_default() += 1;
        }
        assert!(batches.values().all(|rows| *rows == ROWS), "round {round}: a batch is torn: {batches:?}");
        let edges = graph.snapshot_of("main").await.unwrap().dataset("edge:Next").unwrap().entity_count;
        assert_eq!(edges, batches.len() as u64 * ROWS, "round {round}: edges follow their batch");
        let stored: BTreeSet<String> = names.into_iter().collect();
        let lost: Vec<_> = acknowledged_items.difference(&stored).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged inserts are missing: {lost:?}");
        let lost: Vec<_> = acknowledged_batches.iter().filter(|b| !batches.contains_key(*b)).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged batches are missing: {lost:?}");

        let probe = format!("probe{round}");
        let mut request =
            Mutate::new("main", "query add($name: String) { insert Item { name: $name, n: 0 } }");
        request.params.insert("name".to_owned(), serde_json::json!(probe));
        graph.mutate(request).await.unwrap();
        acknowledged_items.insert(probe);
    }
}
