//! A fleet of writers in several processes, on several branches, killed and restarted at random moments.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use omnigraph::Omnigraph;
use omnigraph::db::{CommitPage, JsonRows, Mutate, ParamMap, SnapshotId, row_objects};

use crate::support::{item_names, text, worker};

const SCHEMA: &str = "node Item { name: String @key  n: I64 }\nnode Twin { name: String @key }\n";
const BRANCHES: [&str; 8] = ["main", "b1", "b2", "b3", "b4", "b5", "b6", "b7"];
/// Writers of each process.
const WRITERS: [u64; 3] = [6, 5, 5];

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// One process of the fleet, and the thread that drains its output.
struct WriterProcess {
    child: Child,
    lines: JoinHandle<Vec<String>>,
}

impl WriterProcess {
    fn start(root: &str, process: usize, start: u64, seed: u64) -> WriterProcess {
        let prefix = format!("p{process}s{start}");
        let (writers, seed) =
            (WRITERS[process].to_string(), (seed ^ (start << 8 | process as u64)).to_string());
        let mut child = worker(&[
            "fleet",
            "--graph",
            root,
            "--prefix",
            &prefix,
            "--writers",
            &writers,
            "--branches",
            &BRANCHES.join(","),
            "--seed",
            &seed,
        ]);
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let lines = std::thread::spawn(move || {
            let (mut lines, mut line) = (Vec::new(), String::new());
            // A line without its end was cut by the kill and tells nothing.
            while stdout.read_line(&mut line).expect("output is text") > 0 && line.ends_with('\n') {
                lines.push(line.trim_end().to_owned());
                line.clear();
            }
            lines
        });
        WriterProcess { child, lines }
    }

    /// Kills the process, which must still be at work, and returns what it printed.
    fn kill(mut self) -> Vec<String> {
        let ended = self.child.try_wait().expect("the process can be asked");
        self.child.kill().expect("the process can be killed");
        let output = self.child.wait_with_output().expect("the process ends");
        assert!(ended.is_none(), "a process gave up: {}", String::from_utf8_lossy(&output.stderr));
        self.lines.join().expect("output is drained")
    }
}

/// Runs the fleet, killing and restarting its processes; returns all lines and the number of kills in flight.
fn run_fleet(root: &str, seed: u64, seconds: u64) -> (Vec<String>, u64) {
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut fleet: Vec<WriterProcess> =
        (0..WRITERS.len()).map(|process| WriterProcess::start(root, process, 0, seed)).collect();
    let (mut lines, mut kills) = (Vec::new(), 0);
    while Instant::now() < until {
        let mixed = (seed ^ (kills + 1)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31);
        std::thread::sleep(Duration::from_millis(300 + mixed % 1200));
        kills += 1;
        let process = usize::try_from((mixed >> 32) % WRITERS.len() as u64).expect("a small number");
        lines.extend(fleet.remove(process).kill());
        fleet.insert(process, WriterProcess::start(root, process, kills, seed));
    }
    fleet.into_iter().for_each(|process| lines.extend(process.kill()));
    (lines, kills)
}

/// What the lines say about the names of one branch.
#[derive(Default)]
struct Expected {
    items: BTreeSet<String>,
    maybe_items: BTreeSet<String>,
    twins: BTreeSet<String>,
    maybe_twins: BTreeSet<String>,
}

/// Replays the lines; lines of one name are in order, as one writer printed them.
fn expect(lines: &[String]) -> BTreeMap<&str, Expected> {
    let mut branches: BTreeMap<&str, Expected> = BTreeMap::new();
    for line in lines {
        let words: Vec<&str> = line.splitn(5, ' ').collect();
        let (word, action, branch, name) = (words[0], words[1], words[2], words[3].to_owned());
        assert_ne!(word, "bad", "an error that no race explains: {line}");
        let Expected { items, maybe_items, twins, maybe_twins } = branches.entry(branch).or_default();
        let paired = matches!(action, "pair" | "side");
        match (word, action) {
            ("try", "delete") => {
                items.remove(&name);
                maybe_items.insert(name);
            }
            ("ok", "delete") => drop(maybe_items.remove(&name)),
            ("no", "delete") => {
                maybe_items.remove(&name);
                items.insert(name);
            }
            ("try", _) => {
                maybe_items.insert(name.clone());
                if paired {
                    maybe_twins.insert(name);
                }
            }
            ("ok" | "no", "add" | "cond" | "pair" | "side") => {
                maybe_items.remove(&name);
                maybe_twins.remove(&name);
                if word == "ok" {
                    items.insert(name.clone());
                    if paired {
                        twins.insert(name);
                    }
                }
            }
            _ => {}
        }
    }
    branches
}

async fn names(graph: &Omnigraph, branch: &str, of: &str) -> BTreeSet<String> {
    let query = format!("query names() {{ match {{ $i: {of} }} return {{ $i.name }} }}");
    let answer = graph.query(branch, &query, None, &ParamMap::new()).await.unwrap();
    let rows = answer.batches.iter().flat_map(|batch| row_objects(batch, &answer.columns, JsonRows::Exact));
    let listed: Vec<String> = rows.map(|row| row["i.name"].as_str().unwrap().to_owned()).collect();
    let distinct: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(distinct.len(), listed.len(), "{branch}: {of} has a key twice");
    distinct
}

fn assert_between(what: &str, found: &BTreeSet<String>, sure: &BTreeSet<String>, maybe: &BTreeSet<String>) {
    let lost: Vec<_> = sure.difference(found).collect();
    assert!(lost.is_empty(), "{what}: acknowledged but absent: {lost:?}");
    let phantoms: Vec<_> = found.iter().filter(|n| !sure.contains(*n) && !maybe.contains(*n)).collect();
    assert!(phantoms.is_empty(), "{what}: present but deleted, refused or never tried: {phantoms:?}");
}

/// Checks the first-parent chain of a branch and the counts of each commit; returns the number of commits.
async fn assert_linear_and_whole(graph: &Omnigraph, branch: &str) -> usize {
    // The list also has what merges brought in; the branch itself is the chain of first parents from its head.
    let listed = graph.list_commits(branch, &CommitPage::default()).await.unwrap();
    let head = graph.snapshot_of(branch).await.unwrap().commit().graph_commit_id;
    assert_eq!(listed[0].graph_commit_id, head, "{branch}: the head is listed first");
    let mut by_id: BTreeMap<_, _> = listed.into_iter().map(|c| (c.graph_commit_id.clone(), c)).collect();
    let (mut commits, mut next) = (Vec::new(), Some(head));
    while let Some(id) = next {
        let commit = by_id.remove(&id).unwrap_or_else(|| panic!("{branch}: {id} is missing or met twice"));
        next = commit.parent_commit_id.clone();
        commits.push(commit);
    }
    let mut after: Option<(u64, u64)> = None;
    for (index, commit) in commits.iter().enumerate() {
        let parent = commits.get(index + 1);
        let expected = parent.map_or(0, |p| p.graph_manifest_version) + 1;
        assert_eq!(commit.graph_manifest_version, expected, "{branch}: sequence numbers are dense from 1");
        let snapshot = graph.snapshot_of(SnapshotId::new(&commit.graph_commit_id)).await.unwrap();
        let count = |key| snapshot.dataset(key).expect("the type is in every commit").entity_count;
        let (items, twins) = (count("node:Item"), count("node:Twin"));
        if let Some((later_items, later_twins)) = after {
            let child = &commits[index - 1].graph_commit_id;
            match later_twins.checked_sub(twins).expect("twins are never deleted") {
                0 => assert!(later_items.abs_diff(items) <= 1, "{branch}: {child} holds several writes"),
                1 => assert_eq!(later_items, items + 1, "{branch}: {child} holds half a pair"),
                more => panic!("{branch}: {child} adds {more} twins"),
            }
        }
        after = Some((items, twins));
    }
    assert_eq!(after, Some((0, 0)), "{branch}: the first commit is empty");
    commits.len()
}

fn intents(root: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(root.join("__recovery")) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // Temporary names of writes that were killed half-way are no intents.
    names.filter(|name| name.ends_with(".json")).collect()
}

#[tokio::test]
async fn a_fleet_that_is_killed_at_random_loses_nothing_and_invents_nothing() {
    let seed = setting("OMNIGRAPH_FLEET_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let seconds = setting("OMNIGRAPH_FLEET_SECONDS").unwrap_or(5);
    println!("OMNIGRAPH_FLEET_SEED={seed}");
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("graph");
    let graph = Omnigraph::init(text(&root), SCHEMA).await.unwrap();
    for branch in &BRANCHES[1..] {
        graph.branch_create(branch).await.unwrap();
    }
    graph.close().await;

    let path = text(&root).to_owned();
    let (lines, kills) = tokio::task::spawn_blocking(move || run_fleet(&path, seed, seconds)).await.unwrap();
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for line in &lines {
        let kind = line.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
        *outcomes.entry(kind).or_default() += 1;
    }
    println!("{kills} kills, then all; {outcomes:?}");

    let graph = Omnigraph::open(text(&root)).await.unwrap();
    assert_eq!(intents(&root), Vec::<String>::new(), "opening settles every intent");
    let live: BTreeSet<String> = graph.branch_list().await.unwrap().into_iter().collect();
    for gone in lines.iter().filter_map(|line| line.strip_prefix("ok gone ")) {
        let branch = gone.split(' ').next().unwrap();
        assert!(!live.contains(branch), "{branch} is back");
    }
    let expected = expect(&lines);
    for done in ["ok add", "ok pair"] {
        assert!(outcomes.contains_key(done), "the fleet did nothing that had to be kept: {outcomes:?}");
    }
    let mut commits = 0;
    for branch in BRANCHES {
        let nothing = Expected::default();
        let Expected { items, maybe_items, twins, maybe_twins } = expected.get(branch).unwrap_or(&nothing);
        let (found_items, found_twins) =
            (names(&graph, branch, "Item").await, names(&graph, branch, "Twin").await);
        // A failure is understood from what the writer said of the name, so that is shown first.
        let sure_or_maybe = |n: &String| items.contains(n) || maybe_items.contains(n);
        let phantoms = found_items.iter().filter(|n| !sure_or_maybe(n));
        for name in items.difference(&found_items).chain(phantoms) {
            lines.iter().filter(|l| l.split(' ').any(|w| w == name)).for_each(|l| println!("{branch}: {l}"));
        }
        assert_between(&format!("{branch} items"), &found_items, items, maybe_items);
        assert_between(&format!("{branch} twins"), &found_twins, twins, maybe_twins);
        let halves: Vec<_> = found_twins.difference(&found_items).collect();
        assert!(halves.is_empty(), "{branch}: a twin without its item: {halves:?}");
        let halves: Vec<_> =
            maybe_twins.iter().filter(|n| found_items.contains(*n) != found_twins.contains(*n)).collect();
        assert!(halves.is_empty(), "{branch}: half of a pair: {halves:?}");
        commits += assert_linear_and_whole(&graph, branch).await;
    }
    println!("{commits} commits on {} branches", BRANCHES.len());
    for branch in BRANCHES {
        let source = r#"query last() { insert Item { name: "last", n: 1 } insert Twin { name: "last" } }"#;
        graph.mutate(Mutate::new(branch, source)).await.unwrap();
    }
    assert!(item_names(&graph).await.contains(&"last".to_owned()));
}
