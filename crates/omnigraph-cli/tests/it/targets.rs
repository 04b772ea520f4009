//! One graph addressed in three ways: by its storage, as the graph of a server, and by its id on a server.
//!
//! Each target has a copy of the graph of its own, so that all of them see the same history. A command runs on all
//! targets, and what may differ between them (ids, times, addresses) is replaced before the results are compared.

use std::path::Path;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

use crate::sandbox::{Run, Sandbox};
use crate::server::Server;

/// Placeholder in arguments for the output file of a target.
pub(crate) const OUT: &str = "OUT";

/// Generated values, which differ between runs: ids of commits, entities and datasets, times, and tokens made of them.
static GENERATED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?P<id>\b(?:[0-9A-HJKMNP-TV-Z]{26}|01[0-9a-hjkmnp-tv-z]{24})\b)",
        r"|(?P<token>\beyJ[A-Za-z0-9_-]{20,}={0,2})",
        r#"|(?P<tag>"[0-9a-f]{32}\\?")"#,
        r#"|(?P<time>\b(?:created_at|authored_at)"?: ?)[0-9]{16}\b"#,
        r#"|(?P<version>"table_version": )[0-9]+\b"#,
    ))
    .unwrap()
});

/// The placeholder of a generated value in results and arguments, such as `<id 3>`.
static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| Regex::new("<(?:id|token) ([0-9]+)>").unwrap());

/// The location of a mistake in a text, and a suggestion.
static LOCATION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r" \(line [0-9]+, column [0-9]+\)|; did you mean [^?]+\?").unwrap());

/// The same graph on all targets. Differences are collected, and fail the test when this is dropped.
pub(crate) struct Targets {
    pub(crate) sandbox: Sandbox,
    targets: Vec<Target>,
    differences: Vec<String>,
}

/// A way to address the graph.
struct Target {
    name: &'static str,
    address: Address,
    /// Generated values in the order in which they appeared. The number of a [`PLACEHOLDER`] is an index here.
    generated: Vec<String>,
}

enum Address {
    /// The folder of the graph.
    Storage(String),
    /// The flat routes of a server.
    Flat(Server),
    /// An id on a server.
    Named(Server),
}

/// What a command did, with placeholders for what may differ between the targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommandResult {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    /// The first line of the error, or the error object.
    pub(crate) error: String,
    /// Warnings and notes.
    pub(crate) notes: Vec<String>,
    /// Content of the file that the command was to write.
    pub(crate) file: Option<String>,
}

impl Targets {
    /// Copies the graph `g` of a sandbox, and serves the copies.
    pub(crate) fn of(sandbox: Sandbox) -> Targets {
        let copy = |name: &str| {
            copy_folder(&sandbox.path("g"), &sandbox.path(name));
            Server::open(&sandbox.path(name))
        };
        let (flat, named) = (copy("flat"), copy("named"));
        let target = |name, address| Target { name, address, generated: Vec::new() };
        let targets = vec![
            target("storage", Address::Storage("g".to_owned())),
            target("flat", Address::Flat(flat)),
            target("named", Address::Named(named)),
        ];
        Targets { sandbox, targets, differences: Vec::new() }
    }

    /// Runs a command on all targets, which must do the same; returns what they did.
    pub(crate) fn same(&mut self, words: &[&str]) -> CommandResult {
        self.compare(words, |_| {})
    }

    /// Runs a command on all targets, which must do the same once `allow` has taken away what may differ.
    pub(crate) fn compare(&mut self, words: &[&str], allow: impl Fn(&mut CommandResult)) -> CommandResult {
        let mut results = self.each(words);
        for (_, result) in &mut results {
            result.error = common_error(&result.error);
            allow(result);
        }
        let (_, first) = results.remove(0);
        for (name, result) in results {
            if result != first {
                let (first, result) = (shown(&first), shown(&result));
                let words = words.join(" ");
                self.differences
                    .push(format!("`{words}` differs\n--- storage\n{first}\n--- {name}\n{result}"));
            }
        }
        first
    }

    /// Runs a command on all targets, which must succeed and do the same; returns its stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&mut self, words: &[&str]) -> Value {
        let result = self.same(words);
        assert_eq!(result.code, 0, "{words:?}: {}", result.error);
        serde_json::from_str(&result.stdout).unwrap()
    }

    /// Runs a command on all targets, which must succeed and do the same; returns its stdout.
    #[track_caller]
    pub(crate) fn ok(&mut self, words: &[&str]) -> String {
        let result = self.same(words);
        assert_eq!(result.code, 0, "{words:?}: {}", result.error);
        result.stdout
    }

    /// Runs a command on all targets, which must fail in the same way; returns the error.
    #[track_caller]
    pub(crate) fn refused(&mut self, words: &[&str]) -> String {
        let result = self.same(words);
        assert_eq!((result.code, result.stdout.as_str()), (1, ""), "{words:?}: {}", result.error);
        result.error
    }

    /// Runs a command on all targets, which must fail with this in their texts; as JSON all but the text must be the same.
    #[track_caller]
    pub(crate) fn refused_with(&mut self, words: &[&str], text: &str) {
        for (name, result) in self.each(words) {
            assert_eq!((result.code, result.stdout.as_str()), (1, ""), "{name} {words:?}: {}", result.error);
            assert!(result.error.contains(text), "{name} {words:?}: {}", result.error);
        }
        self.compare(&[words, &["--json"]].concat(), |result| {
            let mut object: Value = serde_json::from_str(&result.error).unwrap();
            object["error"].take();
            result.error = object.to_string();
        });
    }

    /// Runs a command on all targets; returns what each did, under its name.
    pub(crate) fn each(&mut self, words: &[&str]) -> Vec<(&'static str, CommandResult)> {
        let sandbox = &self.sandbox;
        self.targets.iter_mut().map(|target| (target.name, target.run(sandbox, words))).collect()
    }
}

impl Drop for Targets {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.differences.is_empty(), "{}", self.differences.join("\n\n"));
        }
    }
}

impl Target {
    fn run(&mut self, sandbox: &Sandbox, words: &[&str]) -> CommandResult {
        let out = format!("{}.out", self.name);
        let _ = std::fs::remove_file(sandbox.path(&out));
        let mut arguments: Vec<String> =
            words.iter().map(|word| if *word == OUT { out.clone() } else { self.filled_in(word) }).collect();
        arguments.extend(self.address.arguments(words));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let home = sandbox.path("no-home").display().to_string();
        let Run { code, stdout, stderr } = sandbox.run_with(&arguments, &[("OMNIGRAPH_HOME", &home)]);
        let file = sandbox.exists(&out).then(|| self.normalized(&sandbox.read(&out), &out));
        let (stdout, stderr) = (self.normalized(&stdout, &out), self.normalized(&stderr, &out));
        let lines = |begin: &[&str]| -> Vec<String> {
            let found = stderr.lines().filter(|line| begin.iter().any(|begin| line.starts_with(begin)));
            found.map(str::to_owned).collect()
        };
        let error = match stderr.find("{\n") {
            Some(at) => stderr[at..].to_owned(),
            None => lines(&["error"]).into_iter().next().unwrap_or_default(),
        };
        CommandResult { code, stdout, error, notes: lines(&["warning", "note"]), file }
    }

    /// Replaces placeholders by the values of this target.
    fn filled_in(&self, word: &str) -> String {
        let value = |found: &Captures<'_>| self.generated[found[1].parse::<usize>().unwrap()].clone();
        PLACEHOLDER.replace_all(word, value).into_owned()
    }

    /// Replaces generated values by placeholders, and the address of this target by `URI`.
    fn normalized(&mut self, text: &str, out: &str) -> String {
        let text = text.replace(out, OUT);
        let text = self.address.without(&text);
        let mut placeholder = |kind: &str, value: &str| {
            let known = self.generated.iter().position(|known| known == value);
            let index = known.unwrap_or_else(|| {
                self.generated.push(value.to_owned());
                self.generated.len() - 1
            });
            format!("<{kind} {index}>")
        };
        let replaced = |found: &Captures<'_>| {
            for kind in ["id", "token", "tag"] {
                if let Some(value) = found.name(kind) {
                    return placeholder(kind, value.as_str());
                }
            }
            let kept = found.name("time").or(found.name("version")).unwrap().as_str();
            format!("{kept}0")
        };
        GENERATED.replace_all(&text, replaced).into_owned()
    }
}

impl Address {
    /// Returns the arguments that address the graph, in the form that the command has for its own.
    fn arguments(&self, words: &[&str]) -> Vec<String> {
        let form: &[&str] = match (self, words) {
            (Address::Flat(server), _) => &["--server", &server.base],
            (Address::Named(server), _) => &["--server", &server.base, "--graph", "default"],
            (Address::Storage(folder), words) => match words {
                ["load" | "ingest" | "snapshot" | "export", ..] | ["commit", "list", ..] | ["schema", ..] => {
                    &[folder]
                }
                ["commit" | "branch" | "changes", ..] => &["--uri", folder],
                _ => &["--store", folder],
            },
        };
        form.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Takes the address out of a text.
    fn without(&self, text: &str) -> String {
        match self {
            Address::Named(server) => text.replace(&format!("{}/graphs/default", server.base), "URI"),
            Address::Flat(server) => text.replace(&server.base, "URI"),
            Address::Storage(folder) => text
                .replace(&format!("\"uri\": \"{folder}\""), "\"uri\": \"URI\"")
                .replace(&format!("loaded {folder} on"), "loaded URI on")
                .replace(&format!("entities from {folder} into"), "entities from URI into")
                .replace(&format!("schema apply for {folder}\n"), "schema apply for URI\n"),
        }
    }
}

/// Removes what only one target shows of an error:
///
/// - The place of a mistake in a query or a schema, and a suggestion: a graph in storage shows both with an excerpt below
///   the text, a server has them in the text.
/// - Members of the error object that the HTTP API does not have.
fn common_error(error: &str) -> String {
    let Ok(Value::Object(mut object)) = serde_json::from_str(error) else {
        return LOCATION.replace_all(error, "").into_owned();
    };
    for member in ["diagnostics", "hint", "input"] {
        object.shift_remove(member);
    }
    if let Some(Value::String(text)) = object.get_mut("error") {
        *text = LOCATION.replace_all(text, "").into_owned();
    }
    Value::Object(object).to_string()
}

fn shown(result: &CommandResult) -> String {
    let CommandResult { code, stdout, error, notes, file } = result;
    format!("exit {code}\nstdout: {stdout}\nstderr: {error}\nnotes: {notes:?}\nfile: {file:?}")
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copy = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &copy);
        } else {
            std::fs::copy(entry.path(), copy).unwrap();
        }
    }
}
