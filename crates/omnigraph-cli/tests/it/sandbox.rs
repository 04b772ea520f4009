//! An empty folder with the fixture files, and the command running in it.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const SCHEMA: &str = "\
node Person {
    name: String @key
    age: I32?
    @range(age, 0..150)
}
node Company {
    name: String @key
}
edge Knows: Person -> Person {
    since: Date?
}
edge WorksAt: Person -> Company
";

const ROWS: &str = r#"{"type":"Person","data":{"name":"Alice","age":30}}
{"type":"Person","data":{"name":"Bob","age":25}}
{"type":"Person","data":{"name":"Charlie","age":35}}
{"type":"Person","data":{"name":"Diana","age":28}}
{"type":"Company","data":{"name":"Acme"}}
{"type":"Company","data":{"name":"Globex"}}
{"edge":"Knows","from":"Alice","to":"Bob","data":{"since":"2024-06-01"}}
{"edge":"Knows","from":"Alice","to":"Charlie"}
{"edge":"Knows","from":"Bob","to":"Diana"}
{"edge":"WorksAt","from":"Alice","to":"Acme"}
{"edge":"WorksAt","from":"Bob","to":"Globex"}
"#;

const QUERIES: &str = "\
query people() {
    match { $p: Person }
    return { $p.name, $p.age }
    order { $p.name }
}
query reach($name: String) {
    match { $p: Person { name: $name }  $p knows{1,3} $q }
    return { $q.name }
    order { $q.name }
}
query insert_person($name: String, $age: I32?) {
    insert Person { name: $name, age: $age }
}
query remove_person($name: String) {
    delete Person where name = $name
}
";

/// A temporary folder holding `schema.pg`, `rows.jsonl` and `queries.gq`.
pub(crate) struct Sandbox {
    directory: TempDir,
}

/// What one run printed.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    /// Only the files.
    pub(crate) fn empty() -> Sandbox {
        let sandbox = Sandbox { directory: tempfile::tempdir().unwrap() };
        sandbox.write("schema.pg", SCHEMA);
        sandbox.write("rows.jsonl", ROWS);
        sandbox.write("queries.gq", QUERIES);
        sandbox
    }

    /// The files and a loaded graph `g`.
    pub(crate) fn with_graph() -> Sandbox {
        let sandbox = Sandbox::empty();
        sandbox.ok(&["init", "g", "--schema", "schema.pg"]);
        sandbox.ok(&["load", "g", "--data", "rows.jsonl", "--mode", "append"]);
        sandbox
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.directory.path().join(name).exists()
    }

    /// Makes a path in the folder for use outside the command.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs the command with its stdout closed at once, as a pager that is quit does; returns exit code and stderr.
    pub(crate) fn run_into_closed_pipe(&self, arguments: &[&str]) -> (i32, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_omnigraph"))
            .args(arguments)
            .current_dir(self.directory.path())
            .env_remove("OMNIGRAPH_STORE")
            .env_remove("OMNIGRAPH_PROFILE")
            .env("OMNIGRAPH_HOME", self.path("home"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
    }

    /// Runs the command.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    /// Runs the command with environment variables.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_omnigraph"))
            .args(arguments)
            .current_dir(self.directory.path())
            .env_remove("OMNIGRAPH_STORE")
            .env_remove("OMNIGRAPH_PROFILE")
            .env_remove("OMNIGRAPH_BEARER_TOKEN")
            .env("OMNIGRAPH_HOME", self.path("home"))
            .env_remove("OPENROUTER_API_KEY")
            .env_remove("OPENAI_API_KEY")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        Run {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// Runs the command, which must succeed, and returns its stdout.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments:?} failed: {}", run.stderr);
        run.stdout
    }

    /// Runs the command, which must succeed, and parses its stdout.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    /// Runs the command, which must fail with exit code 1 and print nothing on stdout; returns its stderr.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, 1, "{arguments:?} printed {} {}", run.stdout, run.stderr);
        assert_eq!(run.stdout, "", "{arguments:?}");
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        assert!(!run.stderr.contains('\u{1b}'), "no colour off a terminal: {}", run.stderr);
        run.stderr
    }
}
