//! Other processes: this very test program, told to run one ignored test of this module or of its parent.

use std::path::Path;
use std::process::{Command, Output};

use omnigraph::Omnigraph;
use omnigraph::db::{Mutate, ParamMap, SnapshotId};
use omnigraph::error::OmniError;
use omnigraph::failpoints::{VARIABLE, arm_from_environment};

use super::action::{Action, Answer, Refused, perform};
use super::world::options;
use crate::fixtures::rows;
use crate::skip::skipped;

const URI: &str = "OMNIGRAPH_MODEL_URI";
const ACTION: &str = "OMNIGRAPH_MODEL_ACTION";
/// Names a file for the answer.
const ANSWER: &str = "OMNIGRAPH_MODEL_ANSWER";
/// Set for tests that need a process of their own.
const ALONE: &str = "OMNIGRAPH_MODEL_ALONE";

/// Lets another process make a request, and kills it when it passes `point`.
pub(crate) async fn ask(uri: &str, action: &Action, point: Option<&str>) -> Answer {
    let answer = format!("{uri}.answer");
    let mut command = program("model::child::makes_one_request");
    command.env(URI, uri).env(ACTION, serde_json::to_string(action).unwrap()).env(ANSWER, &answer);
    if let Some(point) = point {
        command.env(VARIABLE, format!("{point}=kill"));
    }
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    if output.status.success() {
        let text = std::fs::read(&answer).unwrap();
        std::fs::remove_file(&answer).unwrap();
        return serde_json::from_slice(&text).unwrap();
    }
    assert!(output.status.code().is_none() && point.is_some(), "{}", shown(&output));
    assert!(!Path::new(&answer).exists());
    Answer::Refused(Refused::Fault)
}

#[test]
#[ignore = "other tests run it in a process of its own"]
fn makes_one_request() {
    let Ok(uri) = std::env::var(URI) else {
        return skipped("other tests start a process for it");
    };
    arm_from_environment().unwrap();
    let action: Action = serde_json::from_str(&std::env::var(ACTION).unwrap()).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let graph = Omnigraph::open_with(&uri, &options()).await.unwrap();
        let answer = perform(&graph, &action).await;
        graph.close().await;
        std::fs::write(std::env::var(ANSWER).unwrap(), serde_json::to_vec(&answer).unwrap()).unwrap();
    });
}

/// The caches of this process know nothing of what another one removes.
#[tokio::test]
async fn a_commit_that_another_process_reclaimed_is_told_as_such() {
    let directory = tempfile::TempDir::new().unwrap();
    let uri = directory.path().join("graph").to_str().unwrap().to_owned();
    let graph = Omnigraph::init_with(&uri, "node Person { name: String @key }", &options()).await.unwrap();
    let text = "query q() { match { $p: Person } return { $p.name } }";
    let mut commits = Vec::new();
    for name in ["Ada", "Bob"] {
        let insert = format!("query add() {{ insert Person {{ name: \"{name}\" }} }}");
        let receipt = graph.mutate(Mutate::new("main", &insert)).await.unwrap();
        commits.push(SnapshotId::new(receipt.commit.unwrap().graph_commit_id));
        assert_eq!(rows(&graph, commits[0].clone(), text).await.len(), 1);
    }
    assert_eq!(ask(&uri, &Action::Cleanup { keep: 0 }, None).await, Answer::Done(None));
    let old = graph.query(commits[0].clone(), text, None, &ParamMap::new()).await;
    assert!(matches!(old, Err(OmniError::HistoricalVersionReclaimed { .. })), "{old:?}");
    assert_eq!(rows(&graph, commits[1].clone(), text).await.len(), 2);
}

/// Runs an ignored test in a process of its own.
pub(crate) fn run_alone(test: &str) {
    let output = program(test).env(ALONE, "1").output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    // A name that no test has is no failure of the test program.
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{}", shown(&output));
}

/// Tells whether this process was started by [`run_alone`].
pub(crate) fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

fn program(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    command
}

fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr))
}
