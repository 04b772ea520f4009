//! One graph addressed in three ways: by its storage, as the graph of a server, and by its id on a server. Each way has
//! a copy of the graph of its own, so that all of them see the same history.

use std::path::Path;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

use crate::sandbox::{Run, Sandbox};
use crate::server::Server;

/// Stands in arguments for a file that each side has of its own.
pub(crate) const OUT: &str = "OUT";

/// What every run may tell otherwise: ids of commits, entities and datasets, and what is made of them.
static MADE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?P<id>\b(?:[0-9A-HJKMNP-TV-Z]{26}|01[0-9a-hjkmnp-tv-z]{24})\b)",
        r"|(?P<token>\beyJ[A-Za-z0-9_-]{20,}={0,2})",
        r#"|(?P<tag>"[0-9a-f]{32}\\?")"#,
        r#"|(?P<time>\b(?:created_at|authored_at)"?: ?)[0-9]{16}\b"#,
        r#"|(?P<version>"table_version": )[0-9]+\b"#,
    ))
    .unwrap()
});

/// A stand-in for something made, as the sides tell it: `<id 3>`.
static STAND_IN: LazyLock<Regex> = LazyLock::new(|| Regex::new("<(?:id|token) ([0-9]+)>").unwrap());

/// The place of a mistake in a text, and what was meant.
static PLACE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r" \(line [0-9]+, column [0-9]+\)|; did you mean [^?]+\?").unwrap());

/// The same graph on all sides. Differences are gathered, and fail the test at its end.
pub(crate) struct Sides {
    pub(crate) sandbox: Sandbox,
    sides: Vec<Side>,
    differences: Vec<String>,
}

/// A way to address a graph, with what it has shown so far.
struct Side {
    name: &'static str,
    address: Address,
    /// What was made, in the order in which it appeared: [`STAND_IN`] counts from here.
    made: Vec<String>,
}

enum Address {
    /// The folder of the graph.
    Storage(String),
    /// The flat routes of a server.
    Flat(Server),
    /// An id on a server.
    Named(Server),
}

/// What a command did, free of what may differ between the sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    /// The first line that tells an error, or the error object.
    pub(crate) error: String,
    /// Warnings and notes.
    pub(crate) notes: Vec<String>,
    /// Content of the file that the command was to write.
    pub(crate) file: Option<String>,
}

impl Sides {
    /// Copies the graph `g` of a sandbox, and serves the copies.
    pub(crate) fn of(sandbox: Sandbox) -> Sides {
        let copy = |name: &str| {
            copy_folder(&sandbox.path("g"), &sandbox.path(name));
            Server::open(&sandbox.path(name))
        };
        let (flat, named) = (copy("flat"), copy("named"));
        let side = |name, address| Side { name, address, made: Vec::new() };
        let sides = vec![
            side("storage", Address::Storage("g".to_owned())),
            side("flat", Address::Flat(flat)),
            side("named", Address::Named(named)),
        ];
        Sides { sandbox, sides, differences: Vec::new() }
    }

    /// Runs a command on all sides, which must do the same; returns what they did.
    pub(crate) fn same(&mut self, words: &[&str]) -> Outcome {
        self.compare(words, |_| {})
    }

    /// Runs a command on all sides, which must do the same once `allow` has taken away what may differ.
    pub(crate) fn compare(&mut self, words: &[&str], allow: impl Fn(&mut Outcome)) -> Outcome {
        let mut outcomes = self.each(words);
        for (_, outcome) in &mut outcomes {
            outcome.error = common_error(&outcome.error);
            allow(outcome);
        }
        let (_, first) = outcomes.remove(0);
        for (name, outcome) in outcomes {
            if outcome != first {
                let (first, outcome) = (shown(&first), shown(&outcome));
                let words = words.join(" ");
                self.differences
                    .push(format!("`{words}` differs\n--- storage\n{first}\n--- {name}\n{outcome}"));
            }
        }
        first
    }

    /// Runs a command on all sides, which must succeed and do the same; returns its stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&mut self, words: &[&str]) -> Value {
        let outcome = self.same(words);
        assert_eq!(outcome.code, 0, "{words:?}: {}", outcome.error);
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    /// Runs a command on all sides, which must succeed and do the same; returns its stdout.
    #[track_caller]
    pub(crate) fn ok(&mut self, words: &[&str]) -> String {
        let outcome = self.same(words);
        assert_eq!(outcome.code, 0, "{words:?}: {}", outcome.error);
        outcome.stdout
    }

    /// Runs a command on all sides, which must fail in the same way; returns the error.
    #[track_caller]
    pub(crate) fn refused(&mut self, words: &[&str]) -> String {
        let outcome = self.same(words);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{words:?}: {}", outcome.error);
        outcome.error
    }

    /// Runs a command on all sides, which must fail with this in their texts; as JSON all but the text must be the same.
    #[track_caller]
    pub(crate) fn refused_with(&mut self, words: &[&str], text: &str) {
        for (name, outcome) in self.each(words) {
            assert_eq!(
                (outcome.code, outcome.stdout.as_str()),
                (1, ""),
                "{name} {words:?}: {}",
                outcome.error
            );
            assert!(outcome.error.contains(text), "{name} {words:?}: {}", outcome.error);
        }
        self.compare(&[words, &["--json"]].concat(), |outcome| {
            let mut object: Value = serde_json::from_str(&outcome.error).unwrap();
            object["error"].take();
            outcome.error = object.to_string();
        });
    }

    /// Runs a command on all sides; returns what each did, under its name.
    pub(crate) fn each(&mut self, words: &[&str]) -> Vec<(&'static str, Outcome)> {
        let sandbox = &self.sandbox;
        self.sides.iter_mut().map(|side| (side.name, side.run(sandbox, words))).collect()
    }
}

impl Drop for Sides {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.differences.is_empty(), "{}", self.differences.join("\n\n"));
        }
    }
}

impl Side {
    fn run(&mut self, sandbox: &Sandbox, words: &[&str]) -> Outcome {
        let out = format!("{}.out", self.name);
        let _ = std::fs::remove_file(sandbox.path(&out));
        let mut arguments: Vec<String> =
            words.iter().map(|word| if *word == OUT { out.clone() } else { self.made_of(word) }).collect();
        arguments.extend(self.address.arguments(words));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let home = sandbox.path("no-home").display().to_string();
        let Run { code, stdout, stderr } = sandbox.run_with(&arguments, &[("OMNIGRAPH_HOME", &home)]);
        let file = sandbox.exists(&out).then(|| self.told(&sandbox.read(&out), &out));
        let (stdout, stderr) = (self.told(&stdout, &out), self.told(&stderr, &out));
        let lines = |begin: &[&str]| -> Vec<String> {
            let found = stderr.lines().filter(|line| begin.iter().any(|begin| line.starts_with(begin)));
            found.map(str::to_owned).collect()
        };
        let error = match stderr.find("{\n") {
            Some(at) => stderr[at..].to_owned(),
            None => lines(&["error"]).into_iter().next().unwrap_or_default(),
        };
        Outcome { code, stdout, error, notes: lines(&["warning", "note"]), file }
    }

    /// Puts what this side made in the place of its stand-ins.
    fn made_of(&self, word: &str) -> String {
        let made = |found: &Captures<'_>| self.made[found[1].parse::<usize>().unwrap()].clone();
        STAND_IN.replace_all(word, made).into_owned()
    }

    /// Puts stand-ins in the place of what this side made, and takes its address away.
    fn told(&mut self, text: &str, out: &str) -> String {
        let text = text.replace(out, OUT);
        let text = self.address.without(&text);
        let mut stand_in = |kind: &str, made: &str| {
            let known = self.made.iter().position(|known| known == made);
            let index = known.unwrap_or_else(|| {
                self.made.push(made.to_owned());
                self.made.len() - 1
            });
            format!("<{kind} {index}>")
        };
        let told = |found: &Captures<'_>| {
            for kind in ["id", "token", "tag"] {
                if let Some(made) = found.name(kind) {
                    return stand_in(kind, made.as_str());
                }
            }
            let kept = found.name("time").or(found.name("version")).unwrap().as_str();
            format!("{kept}0")
        };
        MADE.replace_all(&text, told).into_owned()
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

/// Takes away what only one side can tell of an error:
///
/// - The place of a mistake in a query or a schema, and a suggestion: a graph in storage shows both with an excerpt below
///   the text, a server has them in the text.
/// - Members of the error object that the HTTP API does not have.
fn common_error(error: &str) -> String {
    let Ok(Value::Object(mut object)) = serde_json::from_str(error) else {
        return PLACE.replace_all(error, "").into_owned();
    };
    for member in ["diagnostics", "hint", "input"] {
        object.shift_remove(member);
    }
    if let Some(Value::String(text)) = object.get_mut("error") {
        *text = PLACE.replace_all(text, "").into_owned();
    }
    Value::Object(object).to_string()
}

fn shown(outcome: &Outcome) -> String {
    let Outcome { code, stdout, error, notes, file } = outcome;
    format!("exit {code}\nstdout: {stdout}\nstderr: {error}\nnotes: {notes:?}\nfile: {file:?}")
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
