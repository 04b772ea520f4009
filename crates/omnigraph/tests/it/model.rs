//! Random programs on a graph beside a small model of it.
//!
//! A program takes steps over several branches through two handles of one root: loads, mutations, branches made and
//! removed, merges in any direction, schema changes, maintenance, handles reopened, faults. After every step the engine
//! must show what the model holds, and at the end so must every branch and old commits. The model is in `state` (content and merge) and `history`
//! (commits, merge bases, what cleanup must leave); `step` turns random numbers into requests.

mod action;
mod child;
mod faults;
mod history;
mod schema;
mod state;
mod step;
mod world;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use tempfile::TempDir;

use self::step::{Turn, programs};
use self::world::{Hazard, Tally, World};
use crate::skip::skipped;

/// Takes the steps; a failure tells the requests and answers up to it.
fn play(uri: &str, hazard: Hazard, turns: &[Turn], tally: &RefCell<Tally>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut told = Vec::new();
    let run = AssertUnwindSafe(|| {
        runtime.block_on(async {
            let mut world = World::new(uri, hazard).await;
            for turn in turns {
                world.turn(turn, &mut told).await;
            }
            world.finish().await
        })
    });
    let counted = catch_unwind(run).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        TestCaseError::fail(format!("{}\n{text}", told.join("\n")))
    })?;
    for (what, count) in counted {
        *tally.borrow_mut().entry(what).or_default() += count;
    }
    Ok(())
}

/// Plays random programs; a root is made for each by `root`.
///
/// Prints what was asked and answered how often, and the seed. `PROPTEST_CASES` plays more programs than `cases`,
/// `OMNIGRAPH_MODEL_SEED` repeats the choices of an earlier run.
fn play_many<R: AsRef<str>>(
    cases: u32,
    hazard: Hazard,
    programs: impl Strategy<Value = Vec<Turn>>,
    root: impl Fn() -> R,
) {
    let asked = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
    let cases = asked("PROPTEST_CASES").map_or(cases, |cases| u32::try_from(cases).unwrap());
    let seed = asked("OMNIGRAPH_MODEL_SEED").unwrap_or_else(rand::random);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let tally = RefCell::new(Tally::new());
    let started = Instant::now();
    let result = TestRunner::new_with_rng(config, rng)
        .run(&programs, |turns| play(root().as_ref(), hazard, &turns, &tally));
    for (what, count) in tally.borrow().iter() {
        println!("{count:8} {what}");
    }
    let steps: u64 = tally.borrow().values().sum();
    println!("{cases} programs, {steps} steps, seed {seed}, {} s", started.elapsed().as_secs());
    if let Err(error) = result {
        panic!("seed {seed}: {error}");
    }
    check_done(&tally.borrow(), steps);
}

/// Steps from which on some must have been done: a few may all be refused by chance.
const SOME_STEPS: u64 = 50;
/// Steps from which on every frequent kind of request must have been done once.
const MANY_STEPS: u64 = 500;

/// Checks that the programs did something: when every request is refused, any engine agrees with the model.
fn check_done(tally: &Tally, steps: u64) {
    let done = tally.iter().filter_map(|(what, count)| {
        let (request, answer) = what.split_once(": ")?;
        let is_done = matches!(answer, "done" | "UpToDate" | "FastForward" | "Merged");
        is_done.then(|| (request.split(' ').next().unwrap_or(request), *count))
    });
    let done: Vec<(&str, u64)> = done.collect();
    let total: u64 = done.iter().map(|(_, count)| count).sum();
    assert!(total * 10 >= steps || steps < SOME_STEPS, "{total} of {steps} steps were done: {tally:#?}");
    for frequent in ["load", "mutate", "create", "merge", "apply"] {
        let there = done.iter().any(|(request, _)| *request == frequent);
        assert!(there || steps < MANY_STEPS, "no {frequent} was done: {tally:#?}");
    }
}

fn memory() -> String {
    static GRAPHS: AtomicU64 = AtomicU64::new(0);
    format!("memory://model-{}", GRAPHS.fetch_add(1, Ordering::Relaxed))
}

/// A root on disk, removed when this is dropped.
struct Local {
    uri: String,
    #[expect(dead_code, reason = "removes the directory when dropped")]
    directory: TempDir,
}

impl Local {
    fn new() -> Local {
        let directory = TempDir::new().unwrap();
        Local { uri: directory.path().join("graph").to_str().unwrap().to_owned(), directory }
    }
}

impl AsRef<str> for Local {
    fn as_ref(&self) -> &str {
        &self.uri
    }
}

#[test]
fn programs_do_what_the_model_does() {
    play_many(64, Hazard::Nothing, programs(60, 0), memory);
}

#[test]
fn programs_with_faults_do_what_the_model_does() {
    child::run_alone("model::programs_with_faults");
}

/// Fault points are those of the whole process.
#[test]
#[ignore = "another test runs it in a process of its own"]
fn programs_with_faults() {
    if child::is_alone() {
        play_many(48, Hazard::Fault, programs(40, 40), memory);
    } else {
        skipped("`programs_with_faults_do_what_the_model_does` starts a process for it");
    }
}

#[test]
fn programs_with_processes_that_die_do_what_the_model_does() {
    play_many(6, Hazard::Kill, programs(30, 25), Local::new);
}
