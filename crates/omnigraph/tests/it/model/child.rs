//! Other processes: this very test program, told to run one ignored test of this module or of its parent.

use std::path::Path;
use std::process::{Command, Output};

use omnigraph::Omnigraph;
use omnigraph::failpoints::{VARIABLE, arm_from_environment};

use super::action::{Action, Answer, Refused, perform};
use super::world::options;

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
    let Ok(uri) = std::env::var(URI) else { return };
    arm_from_environment().unwrap();
    let action: Action = serde_json::from_str(&std::env::var(ACTION).unwrap()).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let graph = Omnigraph::open_with(&uri, &options()).await.unwrap();
        let answer = perform(&graph, &action).await;
        graph.close().await;
        std::fs::write(std::env::var(ANSWER).unwrap(), serde_json::to_vec(&answer).unwrap()).unwrap();
    });
}

/// Runs an ignored test in a process of its own.
pub(crate) fn run_alone(test: &str) {
    let output = program(test).env(ALONE, "1").output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
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
