//! Graphs over stores that misbehave: every call ends, with success or with an error that says what is known; what was
//! acknowledged stays, what failed is whole or absent, and once the store behaves everything is settled.
//!
//! `OMNIGRAPH_OUTAGE_SEEDS` is the number of runs per kind of fault (default 1), `OMNIGRAPH_OUTAGE_SEED` the first seed
//! (default 1); a failure prints the steps. The choices repeat with the seed, the interleaving need not.

mod model;
mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::memory::InMemory;
use omnigraph::Omnigraph;
use omnigraph::db::MergeBranches;
use omnigraph::error::OmniError;
use omnigraph::failpoints::ScopedFailPoint;

use self::run::{Run, create_with_retries, insert, is_conflict, is_outage, open, open_with_retries, view};
use crate::server::Server;
use crate::unreliable::{Rates, Unreliable};

const STEPS: usize = 30;
const RUNS_AT_ONCE: usize = 8;

/// Each kind of fault by itself, at a low rate everywhere and at a high one for the objects of commits; then all.
fn kinds() -> Vec<Rates> {
    let none = Rates::default();
    let kinds = |rate: f64| {
        [
            Rates { timeouts: rate, ..none },
            Rates { refusals: rate, ..none },
            Rates { lost: rate, ..none },
            Rates { late: rate, ..none },
            Rates { echoes: rate, ..none },
            Rates { conflicts: rate, ..none },
            Rates { breaks: rate, ..none },
            Rates { slow: rate, shuffled: 1.0, ..none },
        ]
    };
    let all = |rate: f64| Rates {
        timeouts: rate,
        refusals: rate,
        lost: rate,
        late: rate,
        echoes: rate,
        conflicts: rate,
        breaks: rate,
        slow: rate,
        shuffled: 0.5,
        commits_only: false,
    };
    let mut kinds: Vec<Rates> = kinds(0.05)
        .into_iter()
        .chain(kinds(0.5).map(|rates| Rates { commits_only: true, ..rates }))
        .chain([all(0.003), all(0.01)])
        .collect();
    kinds.push(Rates { commits_only: true, ..all(0.06) });
    kinds
}

fn number(variable: &str) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn seeds() -> std::ops::Range<u64> {
    let first = number("OMNIGRAPH_OUTAGE_SEED");
    first..first + number("OMNIGRAPH_OUTAGE_SEEDS")
}

/// What came of several runs: how often each kind of step was done, and how many steps failed.
#[derive(Default)]
struct Counts {
    done: BTreeMap<&'static str, usize>,
    failed: usize,
}

impl Counts {
    /// Checks that of each group some step was done: what is always refused shows nothing.
    fn check_done(&self, groups: &[&[&str]]) {
        for group in groups {
            let done = group.iter().any(|kind| self.done.contains_key(kind));
            assert!(done, "none of {group:?} was done: {:?}", self.done);
        }
    }
}

/// Takes the steps of one run; something goes wrong in each.
async fn run_one(inner: Arc<dyn ObjectStore>, rates: Rates, seed: u64, steps: usize) -> Counts {
    let store = Unreliable::new(inner, seed);
    let mut run = Run::begin(store.clone(), rates, seed).await;
    run.take(steps).await;
    let counts = Counts { done: run.done.clone(), failed: run.failed };
    run.end().await;
    assert!(store.injected() > 0, "seed {seed}: nothing went wrong with {rates:?}");
    counts
}

/// Makes runs, a few at a time.
async fn run_all(runs: Vec<(Arc<dyn ObjectStore>, Rates, u64)>, steps: usize) -> Counts {
    let permits = Arc::new(tokio::sync::Semaphore::new(RUNS_AT_ONCE));
    let running: Vec<_> = runs
        .into_iter()
        .map(|(inner, rates, seed)| {
            let permits = permits.clone();
            let run = tokio::spawn(async move {
                let _permit = permits.acquire().await.unwrap();
                run_one(inner, rates, seed, steps).await
            });
            (rates, seed, run)
        })
        .collect();
    let mut total = Counts::default();
    for (rates, seed, run) in running {
        match run.await {
            Ok(counts) => {
                total.failed += counts.failed;
                for (kind, count) in counts.done {
                    *total.done.entry(kind).or_default() += count;
                }
            }
            Err(panic) => panic!("seed {seed}, {rates:?}: {panic}"),
        }
    }
    total
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graph_survives_every_kind_of_fault() {
    let mut runs: Vec<(Arc<dyn ObjectStore>, Rates, u64)> = Vec::new();
    for seed in seeds() {
        runs.extend(kinds().into_iter().map(|rates| (Arc::new(InMemory::new()) as _, rates, seed)));
    }
    let counts = run_all(runs, STEPS).await;
    assert!(counts.failed > 0, "every fault was absorbed");
    counts.check_done(&[&["insert"], &["update", "delete"], &["fork"], &["merge"], &["read"]]);
}

/// The client of a bucket, which hands on what the server says.
fn client(server: &Server, bucket: &str) -> Arc<dyn ObjectStore> {
    let settings = server.settings();
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
    for (key, value) in settings {
        builder = builder.with_config(key.parse::<AmazonS3ConfigKey>().unwrap(), value);
    }
    Arc::new(builder.build().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graph_survives_in_an_unreliable_bucket() {
    let mut servers = Vec::new();
    let mut runs: Vec<(Arc<dyn ObjectStore>, Rates, u64)> = Vec::new();
    for seed in seeds() {
        let kinds = kinds();
        for rates in [kinds[2], kinds[10], kinds[kinds.len() - 1]] {
            let server = Server::start().await;
            runs.push((client(&server, "bucket"), rates, seed));
            servers.push(server);
        }
    }
    run_all(runs, STEPS / 2).await.check_done(&[&["insert", "update", "delete", "fork", "merge"], &["read"]]);
}

/// What became of one insert.
enum Ended {
    Acknowledged(String),
    Failed(String),
    /// Left to recovery, by operation.
    Open(String, String),
}

async fn write(graph: Omnigraph, writer: usize, rounds: usize) -> Vec<Ended> {
    let mut ended = Vec::new();
    for round in 0..rounds {
        let name = format!("w{writer}-{round}");
        ended.push(match insert(&graph, "main", &[(name.clone(), 1)]).await {
            Ok(()) => Ended::Acknowledged(name),
            Err(OmniError::RecoveryRequired { operation_id, .. }) => Ended::Open(name, operation_id),
            Err(error) if is_outage(&error) || is_conflict(&error) => Ended::Failed(name),
            Err(error) => panic!("{name}: {error:?}"),
        });
    }
    ended
}

/// Lets four writers race; returns how many of their inserts were acknowledged, and how many were not.
async fn race(rates: Rates, seed: u64) -> (usize, usize) {
    let store = Unreliable::new(Arc::new(InMemory::new()), seed);
    store.misbehave(rates);
    let first = create_with_retries(&store).await;
    let second = open_with_retries(&store).await;
    let handles = [first.clone(), first, second.clone(), second];
    let writers = handles.clone().into_iter().enumerate();
    let writers = writers.map(|(n, graph)| tokio::spawn(write(graph, n, 6)));
    let ended: Vec<Ended> =
        futures::future::join_all(writers).await.into_iter().flat_map(Result::unwrap).collect();
    store.heal().await;
    for handle in handles {
        handle.close().await;
    }
    let graph = open(&store).await.unwrap();
    graph.refresh().await.unwrap();
    assert_eq!(store.objects("__recovery").await, []);
    let seen: BTreeSet<String> = view(&graph, "main").await.unwrap().people.into_keys().collect();
    let audits = graph.recovery_list().await.unwrap();
    let audited: BTreeSet<String> = audits.into_iter().map(|audit| audit.operation_id).collect();
    let acknowledged = ended.iter().filter(|ended| matches!(ended, Ended::Acknowledged(_))).count();
    let counts = (acknowledged, ended.len() - acknowledged);
    for ended in ended {
        match ended {
            Ended::Acknowledged(name) => assert!(seen.contains(&name), "{name} is lost; {rates:?} {seed}"),
            Ended::Failed(name) => assert!(!seen.contains(&name), "{name} failed; {rates:?} {seed}"),
            Ended::Open(name, operation) => {
                assert!(!seen.contains(&name) || audited.contains(&operation), "{name}; {rates:?} {seed}");
            }
        }
    }
    insert(&graph, "main", &[("after".to_owned(), 1)]).await.unwrap();
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_writers_lose_nothing_that_was_acknowledged() {
    for seed in seeds() {
        let races: Vec<_> = kinds().into_iter().map(|rates| tokio::spawn(race(rates, seed))).collect();
        let (mut acknowledged, mut others) = (0, 0);
        for race in races {
            let counts = race.await.unwrap();
            acknowledged += counts.0;
            others += counts.1;
        }
        assert!(acknowledged > 0 && others > 0, "{acknowledged} acknowledged, {others} not");
    }
}

/// What comes after the publication may fail, but is no failure of the write.
#[tokio::test]
async fn a_published_schema_is_acknowledged_though_the_store_fails_from_then_on() {
    let store = Unreliable::new(Arc::new(InMemory::new()), 1);
    let graph = create_with_retries(&store).await;
    let (failing, thread) = (store.clone(), std::thread::current().id());
    let published = ScopedFailPoint::with_callback("schema_apply.after_manifest_commit", move || {
        // The registry is shared by all tests of the process.
        if std::thread::current().id() == thread {
            failing.misbehave(Rates { refusals: 1.0, ..Rates::default() });
        }
    });
    let applied = graph.apply_schema("node Person { name: String @key  age: I64?  city: String? }").await;
    drop(published);
    assert!(store.injected() > 0);
    store.heal().await;
    let catalog = open(&store).await.unwrap().catalog("main").await.unwrap();
    assert!(catalog.edges.is_empty(), "the change was not published");
    assert!(applied.unwrap().applied);
}

#[tokio::test]
async fn a_merge_takes_what_an_earlier_write_left_open_on_its_source() {
    let store = Unreliable::new(Arc::new(InMemory::new()), 1);
    let graph = create_with_retries(&store).await;
    graph.branch_create("b").await.unwrap();
    store.misbehave(Rates { conflicts: 1.0, ..Rates::default() });
    let error = insert(&graph, "b", &[("Ada".to_owned(), 36)]).await.unwrap_err();
    assert!(matches!(error, OmniError::RecoveryRequired { .. }), "{error}");
    store.heal().await;
    graph.branch_merge(MergeBranches::new("b", "main")).await.unwrap();
    assert_eq!(view(&graph, "main").await.unwrap(), view(&graph, "b").await.unwrap());
    assert_eq!(view(&graph, "main").await.unwrap().people.len(), 1);
}
