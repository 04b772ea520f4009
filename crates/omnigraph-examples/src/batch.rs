//! Writes a strict graph batch: one JSON object a line, nodes and edges.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use crate::error::ConvertError;

/// Number of lines written for one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// `node` or `edge`.
    pub kind: &'static str,
    /// The type's name.
    pub name: &'static str,
    /// Lines.
    pub lines: u64,
}

/// A graph batch being written.
pub struct Batch<W: Write> {
    path: String,
    out: W,
    counts: Vec<Count>,
}

#[derive(Serialize)]
struct NodeLine<'a, T> {
    #[serde(rename = "type")]
    ty: &'a str,
    data: &'a T,
}

#[derive(Serialize)]
struct EdgeLine<'a, T> {
    edge: &'a str,
    from: &'a str,
    to: &'a str,
    data: &'a T,
}

impl Batch<Box<dyn Write>> {
    /// Creates the file, or writes to stdout for `-`.
    pub fn create(path: &Path) -> Result<Self, ConvertError> {
        let name = path.display().to_string();
        if name == "-" {
            return Ok(Self::new("stdout", Box::new(BufWriter::new(io::stdout()))));
        }
        match File::create(path) {
            Ok(file) => Ok(Self::new(&name, Box::new(BufWriter::with_capacity(1 << 16, file)))),
            Err(source) => Err(ConvertError::Write { path: name, source }),
        }
    }
}

impl<W: Write> Batch<W> {
    /// Writes to `out`; `path` names it in errors.
    pub fn new(path: &str, out: W) -> Self {
        Self { path: path.to_owned(), out, counts: Vec::new() }
    }

    /// Writes one node.
    pub fn node(&mut self, ty: &'static str, data: &impl Serialize) -> Result<(), ConvertError> {
        self.line("node", ty, &NodeLine { ty, data })
    }

    /// Writes one edge between the nodes with these ids.
    pub fn edge(
        &mut self,
        edge: &'static str,
        from: &str,
        to: &str,
        data: &impl Serialize,
    ) -> Result<(), ConvertError> {
        self.line("edge", edge, &EdgeLine { edge, from, to, data })
    }

    /// Flushes and returns the lines per type, in order of first appearance, and the writer.
    pub fn finish(mut self) -> Result<(Vec<Count>, W), ConvertError> {
        match self.out.flush() {
            Ok(()) => Ok((self.counts, self.out)),
            Err(source) => Err(ConvertError::Write { path: self.path, source }),
        }
    }

    fn line(
        &mut self,
        kind: &'static str,
        name: &'static str,
        line: &impl Serialize,
    ) -> Result<(), ConvertError> {
        let written = serde_json::to_writer(&mut self.out, line).map_err(io::Error::from);
        written
            .and_then(|()| self.out.write_all(b"\n"))
            .map_err(|source| ConvertError::Write { path: self.path.clone(), source })?;
        match self.counts.iter_mut().find(|c| c.kind == kind && c.name == name) {
            Some(count) => count.lines += 1,
            None => self.counts.push(Count { kind, name, lines: 1 }),
        }
        Ok(())
    }
}
