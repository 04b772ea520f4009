//! Prints a failure on stderr, as text or as the error object of the HTTP API, and chooses the exit code.
//!
//! The text is a message, its causes, the line of the input that was refused, and a hint what to do.

use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use omnigraph::OmniError;
use omnigraph::error::{ManifestDetails, Place, StorageFailureKind};
use omnigraph_api::{ErrorCode, ErrorOutput, ErrorReply};
use omnigraph_client::http::{BlobFailure, ClientError};
use omnigraph_embed::EmbedError;
use omnigraph_service as service;
use serde_json::{Map, Value, json};

use crate::address;
use crate::failure::Failure;

/// Exit code of a conditional write whose branch moved.
const PRECONDITION_FAILED: u8 = 4;

/// Hint for a conditional write whose branch moved.
const HEAD_MOVED: &str = "read again and repeat the write with the new head";

/// How many causes the text of a failure lists.
const SHOWN_CAUSES: usize = 3;

/// Prints a failure and returns the exit code that belongs to it.
pub(crate) fn print(failure: &Failure, as_json: bool) -> ExitCode {
    let code = exit_code(failure);
    let head_moved = code == PRECONDITION_FAILED;
    // Nothing more can be done when stderr is gone.
    let _ = if as_json && head_moved {
        writeln!(std::io::stdout(), "{:#}", error_object(failure))
    } else if as_json {
        writeln!(std::io::stderr(), "{:#}", error_object(failure))
    } else {
        print_text(failure)
    };
    ExitCode::from(code)
}

fn exit_code(failure: &Failure) -> u8 {
    match failure {
        Failure::Engine(OmniError::PreconditionFailed { .. }) => PRECONDITION_FAILED,
        Failure::Client(error) if error.precondition_failure().is_some() => PRECONDITION_FAILED,
        _ => 1,
    }
}

fn print_text(failure: &Failure) -> std::io::Result<()> {
    let mut stderr = anstream::stderr();
    if let Failure::Text { label, source_text, diagnostics } = failure {
        let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        return writeln!(stderr, "{}", diagnostics.render(label, source_text, color));
    }
    let style = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
    writeln!(stderr, "{style}error{style:#}: {}", message(failure))?;
    for cause in causes(failure).iter().take(SHOWN_CAUSES) {
        writeln!(stderr, "  caused by: {cause}")?;
    }
    if let Failure::Data { path, line, excerpt, .. } = failure {
        let gutter = " ".repeat(line.to_string().len());
        writeln!(stderr, "{gutter}--> {path}:{line}")?;
        if let Some(excerpt) = excerpt {
            writeln!(stderr, "{gutter} |\n{line} | {excerpt}\n{gutter} |")?;
        }
    }
    if let Some(hint) = hint(failure) {
        let style = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Cyan.into()));
        writeln!(stderr, "{style}hint{style:#}: {hint}")?;
    }
    Ok(())
}

fn message(failure: &Failure) -> String {
    server_answer(failure).map_or_else(|| failure.to_string(), |output| output.error)
}

/// Returns the error object of a server for the same failure, so that a refused request has one text and one code
/// however the graph is addressed.
///
/// There is none for internal errors: a server hides paths and causes, and the command line has to show them.
fn server_answer(failure: &Failure) -> Option<ErrorOutput> {
    if let Failure::BranchNotFound { branch, .. } = failure {
        return Some(ErrorReply::branch_to_load_not_found(branch).into_parts().1);
    }
    let error = failure.engine()?;
    let reply = service::error::reply(error);
    if reply.status() == ErrorCode::Internal.status() {
        return None;
    }
    let mut output = reply.into_parts().1;
    // A server must not reveal branches that its caller may not read. Whoever opens the storage can read them all, so
    // the text may suggest a similar name.
    if let OmniError::BranchNotFound { .. } = error {
        output.error = error.to_string();
    }
    Some(output)
}

/// Returns the causes that the message does not include.
fn causes(failure: &Failure) -> Vec<String> {
    let conflicts = match failure {
        Failure::Client(error) | Failure::Indeterminate(error) => {
            error.error_output().map(|output| output.merge_conflicts.clone()).unwrap_or_default()
        }
        Failure::Engine(OmniError::RecoveryRequired { reason, .. }) => return vec![reason.clone()],
        other => server_answer(other).map(|output| output.merge_conflicts).unwrap_or_default(),
    };
    conflicts.iter().map(|conflict| format!("{conflict}: {}", conflict.message)).collect()
}

fn hint(failure: &Failure) -> Option<String> {
    match failure {
        Failure::Usage { hint, .. } => hint.clone(),
        Failure::BranchNotFound { did_you_mean: Some(name), .. } => Some(format!("did you mean '{name}'?")),
        Failure::BranchNotFound { did_you_mean: None, .. } => {
            Some("`--from main` forks it from main".to_owned())
        }
        Failure::Engine(OmniError::PreconditionFailed { .. }) => Some(HEAD_MOVED.to_owned()),
        Failure::Client(error) if error.precondition_failure().is_some() => Some(HEAD_MOVED.to_owned()),
        Failure::Indeterminate(_) => {
            Some("the write may have taken place all the same: look before you repeat it".to_owned())
        }
        Failure::Client(error) if error.code() == Some(ErrorCode::Unauthorized) => {
            Some("store a token with `omnigraph login`, or set OMNIGRAPH_BEARER_TOKEN".to_owned())
        }
        Failure::Blob { hint, .. } => hint.clone(),
        Failure::Engine(OmniError::KeyConflict { first_at, .. }) => Some(merge_hint(*first_at)),
        Failure::Data { error, .. } => match &**error {
            OmniError::KeyConflict { first_at, .. } => Some(merge_hint(*first_at)),
            _ => None,
        },
        Failure::Engine(OmniError::Storage(failure))
            if failure.kind == StorageFailureKind::Configuration
                && failure.message.contains("Permission denied") =>
        {
            Some("ask for access to the graph's directory, or use another one".to_owned())
        }
        Failure::Engine(OmniError::NotAGraph { uri }) => address::local_path(uri)
            .filter(|root| root.join("__manifest").is_dir())
            .map(|_| "`__manifest` is there without format.json: restore it from a backup".to_owned()),
        Failure::Engine(OmniError::MergeConflicts(_)) => Some(
            "resolve with `--resolve properties`, `ours` or `theirs`, or change one of the branches; --json lists all conflicts"
                .to_owned(),
        ),
        Failure::Engine(OmniError::CommitHasNoParent { .. }) => Some("export it instead".to_owned()),
        Failure::Engine(OmniError::BranchNotFound { .. }) => {
            Some("`omnigraph snapshot` without --branch reads main".to_owned())
        }
        _ => None,
    }
}

/// Says how `--mode merge` treats the repeated id, which is in the graph or earlier in the input.
fn merge_hint(first_at: Option<Place>) -> String {
    match first_at {
        None => "load with --mode merge to replace entities that exist".to_owned(),
        Some(_) => "load with --mode merge to keep the last of several rows with one id".to_owned(),
    }
}

/// Returns the error object of the HTTP interface.
fn error_object(failure: &Failure) -> Value {
    if let Failure::Client(error) | Failure::Indeterminate(error) = failure {
        return served_object(error);
    }
    let mut object = match server_answer(failure).map(serde_json::to_value) {
        Some(Ok(Value::Object(object))) => object,
        _ => {
            let mut object = Map::from_iter([("error".to_owned(), Value::String(message(failure)))]);
            object.extend(code(failure).map(|code| ("code".to_owned(), Value::from(code))));
            object
        }
    };
    if let Some(OmniError::Manifest(error)) = failure.engine()
        && let Some(ManifestDetails::Input { unit, line, type_key, property }) = &error.details
    {
        let input = json!({
            unit.to_string(): line,
            "type_key": type_key.as_ref().map(ToString::to_string),
            "property": property,
        });
        object.insert("input".to_owned(), input);
    }
    if let Failure::Data { path, line, .. } = failure {
        let input = object.entry("input").or_insert_with(|| json!({"line": line}));
        input["path"] = Value::String(path.clone());
    }
    if let Failure::Text { label, source_text, diagnostics } = failure {
        let list: Vec<Value> = diagnostics
            .0
            .iter()
            .map(|d| {
                let (line, column) = d.line_column(source_text);
                json!({
                    "message": d.to_string(),
                    "path": label,
                    "line": line,
                    "column": column,
                    "span": {"start": d.span.start, "end": d.span.end},
                    "hint": d.hint,
                })
            })
            .collect();
        object.insert("diagnostics".to_owned(), Value::Array(list));
    }
    if let Failure::Policy(failure) = failure {
        let list = failure.diagnostics();
        if !list.is_empty() {
            object.insert("diagnostics".to_owned(), Value::Array(list));
        }
    }
    // A conditional write that lost is a result on stdout, with exactly the members that the spec lists.
    let hint = hint(failure).filter(|_| exit_code(failure) != PRECONDITION_FAILED);
    if let Some(hint) = hint {
        object.insert("hint".to_owned(), Value::String(hint));
    }
    Value::Object(object)
}

/// Returns the error object that a server sent, or one with the text alone when it sent none.
fn served_object(error: &ClientError) -> Value {
    let object = error.error_output().and_then(|output| serde_json::to_value(output).ok());
    object.unwrap_or_else(|| json!({"error": error.to_string()}))
}

/// Returns the code of a failure for which a server has no error object.
fn code(failure: &Failure) -> Option<&'static str> {
    match failure {
        Failure::Text { .. } | Failure::Usage { .. } | Failure::Pipeline(_) => Some("bad_request"),
        Failure::Policy(failure) => Some(failure.code()),
        Failure::Embed(error) => Some(embedding_code(error)),
        Failure::Scope(_) | Failure::Operator(_) => Some("bad_request"),
        Failure::Blob { failure, .. } => Some(blob_code(*failure)),
        Failure::Client(_) | Failure::Indeterminate(_) => None,
        Failure::Io { source, .. } => Some(io_code(source)),
        Failure::BranchNotFound { .. } => Some("not_found"),
        Failure::Engine(_) | Failure::Data { .. } => Some(match failure.engine()? {
            OmniError::NotAGraph { .. } => "not_found",
            OmniError::Policy(_) => "forbidden",
            OmniError::Io { source, .. } => io_code(source),
            _ => "internal",
        }),
    }
}

fn blob_code(failure: BlobFailure) -> &'static str {
    match failure {
        BlobFailure::NotFound => "not_found",
        BlobFailure::Forbidden => "forbidden",
        BlobFailure::Unauthorized => "unauthorized",
        BlobFailure::Changed => "conflict",
        BlobFailure::Selector | BlobFailure::Range | BlobFailure::Limit => "bad_request",
        _ => "internal",
    }
}

/// Distinguishes a configuration that the user can correct from a provider that fails.
fn embedding_code(error: &EmbedError) -> &'static str {
    if error.is_retryable() { "internal" } else { "bad_request" }
}

/// Distinguishes a wrong path from a failing machine.
fn io_code(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "not_found",
        ErrorKind::PermissionDenied => "forbidden",
        ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::InvalidData
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidFilename => "bad_request",
        _ => "internal",
    }
}
