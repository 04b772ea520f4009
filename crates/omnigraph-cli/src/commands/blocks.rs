//! Change blocks on stdout. Each is printed as its pages arrive, so that memory does not grow with the answer.

use std::io::{BufWriter, Stdout, Write};

use omnigraph_api::{ChangeBlockOutput, ChangeCauseOutput, ChangeImageOutput, EntityChangeOutput};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// Buffered stdout, whose failures say so.
pub(crate) struct StdoutWriter(BufWriter<Stdout>);

impl StdoutWriter {
    pub(crate) fn new() -> StdoutWriter {
        StdoutWriter(BufWriter::with_capacity(64 << 10, std::io::stdout()))
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.0.write_all(text.as_bytes()).map_err(failed)
    }

    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.0, value).map_err(|error| failed(error.into()))
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(failed)
    }
}

fn failed(error: std::io::Error) -> Failure {
    Failure::io("writing to stdout", error)
}

/// How blocks are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// For people.
    Text,
    /// Objects, separated by commas.
    Json,
}

/// Prints blocks; one that arrives in several parts is printed as one.
pub(crate) struct Blocks {
    pub(crate) out: StdoutWriter,
    pub(crate) style: Style,
    /// The commit of the block that is open.
    open: Option<String>,
    /// Whether the open block has a change already.
    has_changes: bool,
}

impl Blocks {
    pub(crate) fn new(style: Style) -> Blocks {
        Blocks { out: StdoutWriter::new(), style, open: None, has_changes: false }
    }

    /// Tells whether a block was printed.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_none()
    }

    /// Prints a block or its next part.
    pub(crate) fn print(&mut self, block: &ChangeBlockOutput) -> Result<(), Failure> {
        if self.open.as_deref() != Some(&block.cause.graph_commit_id) {
            self.begin(&block.cause)?;
        }
        for change in &block.changes {
            match self.style {
                Style::Text => self.out.text(&change_text(change))?,
                Style::Json => {
                    self.out.text(if self.has_changes { ",\n    " } else { "\n    " })?;
                    self.out.json(change)?;
                }
            }
            self.has_changes = true;
        }
        Ok(())
    }

    /// Ends the last block.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        if self.open.is_some() && self.style == Style::Json {
            self.out.text(if self.has_changes { "\n  ]}" } else { "]}" })?;
        }
        Ok(())
    }

    fn begin(&mut self, cause: &ChangeCauseOutput) -> Result<(), Failure> {
        self.end()?;
        let is_first = self.open.replace(cause.graph_commit_id.clone()).is_none();
        self.has_changes = false;
        match self.style {
            Style::Text if is_first => self.out.text(&cause_text(cause)),
            Style::Text => self.out.text(&format!("\n{}", cause_text(cause))),
            Style::Json => {
                self.out.text(if is_first { "{\"cause\":" } else { ",\n  {\"cause\":" })?;
                self.out.json(cause)?;
                self.out.text(",\"changes\":[")
            }
        }
    }
}

fn cause_text(cause: &ChangeCauseOutput) -> String {
    let mut lines =
        vec![format!("commit: {}", cause.graph_commit_id), format!("branch: {}", cause.authored_branch)];
    lines.extend(cause.parent_commit_id.iter().map(|id| format!("parent: {id}")));
    lines.extend(cause.merged_parent_commit_id.iter().map(|id| format!("merged_parent: {id}")));
    lines.extend(cause.actor_id.iter().map(|actor| format!("actor: {actor}")));
    lines.push(format!("authored_at: {}\n", cause.authored_at));
    lines.join("\n")
}

fn change_text(change: &EntityChangeOutput) -> String {
    let (op, kind, name) = (change.op.as_str(), change.kind, &change.entity_type.name);
    let mut text = format!("{op} {kind} {name} {}\n", change.id);
    images_text(&mut text, change.before.as_ref(), change.after.as_ref());
    text
}

/// Appends a line per difference of two images of an entity.
pub(crate) fn images_text(
    text: &mut String,
    before: Option<&ChangeImageOutput>,
    after: Option<&ChangeImageOutput>,
) {
    let endpoints = |image: Option<&ChangeImageOutput>| {
        let endpoints = image.and_then(|image| image.endpoints.as_ref())?;
        Some(format!("{} -> {}", endpoints.from, endpoints.to))
    };
    match (endpoints(before), endpoints(after)) {
        (Some(before), Some(after)) if before != after => *text += &format!("  {before} => {after}\n"),
        (Some(unchanged), _) | (None, Some(unchanged)) => *text += &format!("  {unchanged}\n"),
        (None, None) => {}
    }
    let none = Map::new();
    let (old, new) = (properties(before, &none), properties(after, &none));
    for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
        let (was, is) = (shown(old.get(key)), shown(new.get(key)));
        match (before, after) {
            (None, _) => *text += &format!("  + {key}: {is}\n"),
            (_, None) => *text += &format!("  - {key}: {was}\n"),
            (Some(_), Some(_)) if old.get(key) != new.get(key) => {
                *text += &format!("  {key}: {was} -> {is}\n");
            }
            (Some(_), Some(_)) => {}
        }
    }
}

fn properties<'a>(
    image: Option<&'a ChangeImageOutput>,
    none: &'a Map<String, Value>,
) -> &'a Map<String, Value> {
    image.map_or(none, |image| &image.properties)
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "<absent>".to_owned(),
        Some(Value::Null) => "<null>".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
