//! A command line as a whole.
//!
//! clap checks the arguments of one level at a time, and `--json` may stand at any level. Which commands take it, and
//! that it excludes `--format`, is therefore checked here, once everything is parsed.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches};

use super::cli::{Cli, Command};
use super::global::Global;
use super::query::Format;

/// Commands whose output is no document: streams of data, and text for a shell or a person. They refuse `--json`.
const WITHOUT_JSON: [&[&str]; 4] = [&["blob", "get"], &["completions"], &["export"], &["version"]];

/// A command with the flags that hold for every command.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) command: Command,
    pub(crate) global: Global,
}

impl Invocation {
    /// Parses the words of a command line, the first of which is the name of the program.
    ///
    /// # Errors
    /// What clap prints and exits with: a mistake, or help or the version that was asked for.
    pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Invocation, clap::Error> {
        let mut grammar = grammar();
        let matches = grammar.try_get_matches_from_mut(words)?;
        let Cli { command, global, .. } =
            Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut grammar))?;
        let path = command_path(&matches);
        if global.json && WITHOUT_JSON.contains(&path.as_slice()) {
            let context = [(ContextKind::InvalidArg, "--json")];
            return Err(refusal(&mut grammar, &path, ErrorKind::UnknownArgument, &context));
        }
        if global.json && command.row_format().is_some() {
            let context = [(ContextKind::InvalidArg, "--format <FORMAT>"), (ContextKind::PriorArg, "--json")];
            return Err(refusal(&mut grammar, &path, ErrorKind::ArgumentConflict, &context));
        }
        Ok(Invocation { command, global })
    }

    /// Tells whether a failure is printed as JSON.
    pub(crate) fn json_failures(&self) -> bool {
        self.global.json || matches!(self.command.row_format(), Some(Format::Json | Format::Jsonl))
    }
}

/// Returns the grammar of command lines, in which `--json` shows in the help of those commands that take it.
pub(crate) fn grammar() -> clap::Command {
    WITHOUT_JSON.iter().fold(Cli::command(), |command, path| hide_json(command, path))
}

/// Hides `--json` of the command at a path. clap copies a global argument to all commands but those that have one of
/// its name.
fn hide_json(command: clap::Command, path: &[&str]) -> clap::Command {
    match path {
        [] => command.arg(Arg::new("json").long("json").action(ArgAction::SetTrue).hide(true)),
        [name, rest @ ..] => command.mut_subcommand(name, |inner| hide_json(inner, rest)),
    }
}

/// Returns the names that lead to the command which was matched.
fn command_path(matches: &ArgMatches) -> Vec<&str> {
    let levels = std::iter::successors(matches.subcommand(), |(_, inner)| inner.subcommand());
    levels.map(|(name, _)| name).collect()
}

/// Makes an error in clap's words, with the usage of the command at a path.
fn refusal(
    grammar: &mut clap::Command,
    path: &[&str],
    kind: ErrorKind,
    context: &[(ContextKind, &str)],
) -> clap::Error {
    let command = path.iter().fold(grammar, |command, name| {
        command.find_subcommand_mut(name).expect("a command that was matched is in the grammar")
    });
    let usage = command.render_usage();
    let mut error = clap::Error::new(kind).with_cmd(command);
    for (kind, text) in context {
        error.insert(*kind, ContextValue::String((*text).to_owned()));
    }
    error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Invocation, clap::Error> {
        Invocation::parse(["omnigraph"].iter().chain(words).map(OsString::from))
    }

    fn help(words: &[&str]) -> String {
        parse(&[words, &["--help"]].concat()).unwrap_err().to_string()
    }

    /// Puts a flag before and after the words of a command.
    fn around<'a>(flag: &'a str, words: &[&'a str]) -> [Vec<&'a str>; 2] {
        [[&[flag][..], words].concat(), [words, &[flag]].concat()]
    }

    #[test]
    fn the_grammar_is_consistent() {
        grammar().debug_assert();
    }

    #[test]
    fn json_may_stand_before_and_after_the_command() {
        for words in [
            &["snapshot", "g"][..],
            &["commit", "list", "g"],
            &["blob", "stat", "node", "Doc", "d1", "body"],
            &["query", "-e", "x"],
            &["policy", "validate"],
            &["profile", "list"],
        ] {
            assert!(!parse(words).unwrap().global.json, "{words:?}");
            for words in around("--json", words) {
                let invocation = parse(&words).unwrap();
                assert!(invocation.global.json && invocation.json_failures(), "{words:?}");
            }
        }
        assert!(help(&["commit", "list"]).contains("--json"));
    }

    #[test]
    fn commands_without_a_document_refuse_json_and_do_not_show_it() {
        for words in [
            &["blob", "get", "node", "Doc", "d1", "body"][..],
            &["completions", "bash"],
            &["export", "g"],
            &["version"],
        ] {
            for words in around("--json", words) {
                let error = parse(&words).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::UnknownArgument, "{words:?}");
                let text = error.to_string();
                assert!(text.starts_with("error: unexpected argument '--json' found\n"), "{text}");
                assert!(text.contains("\nUsage: omnigraph "), "{text}");
            }
            assert!(!parse(words).unwrap().json_failures(), "{words:?}");
            assert!(!help(words).contains("--json"), "{words:?}");
        }
        for path in WITHOUT_JSON {
            let mut command = &Cli::command();
            for name in path {
                command = command.find_subcommand(name).unwrap();
            }
        }
    }

    #[test]
    fn json_and_a_format_exclude_each_other() {
        for words in [&["query", "-e", "x", "--format", "csv"][..], &["alias", "who", "--format", "json"]] {
            for words in around("--json", words) {
                let error = parse(&words).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ArgumentConflict, "{words:?}");
                let text = error.to_string();
                assert!(text.contains("'--format <FORMAT>' cannot be used with '--json'"), "{text}");
                assert!(text.contains("\nUsage: omnigraph "), "{text}");
            }
        }
    }

    #[test]
    fn failures_are_json_where_rows_are() {
        for (format, expected) in
            [("table", false), ("kv", false), ("csv", false), ("jsonl", true), ("json", true)]
        {
            let invocation = parse(&["query", "-e", "x", "--format", format]).unwrap();
            assert_eq!(invocation.json_failures(), expected, "{format}");
        }
    }
}
