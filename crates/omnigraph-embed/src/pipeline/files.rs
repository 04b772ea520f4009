//! The files of a run: an input that is read line by line, and an output that appears whole or not at all.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufWriter};

use super::error::{PipelineError, Result, RowProblem};

/// Longest line, as the strict load of a graph accepts it, in bytes.
const LINE_BYTES: usize = 32 << 20;

/// Reads the lines of a file that are not blank.
pub(super) struct Input<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    buffer: Vec<u8>,
    position: LinePosition,
}

/// The position of a line in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LinePosition {
    /// Number of the line, from 1.
    pub(super) line: u64,
    /// Number of the record, from 1: blank lines do not count.
    pub(super) record: u64,
}

impl<'a> Input<'a> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`PipelineError::MissingInput`], [`PipelineError::Io`].
    pub(super) async fn open(path: &'a Path) -> Result<Input<'a>> {
        let file = File::open(path).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => PipelineError::MissingInput { path: path.to_owned() },
            _ => PipelineError::io("open", path)(error),
        })?;
        let reader = BufReader::with_capacity(256 << 10, file);
        Ok(Input { path, reader, buffer: Vec::new(), position: LinePosition::default() })
    }

    /// Tells whether the file can be read twice, which a pipe cannot.
    pub(super) async fn is_file(&self) -> Result<bool> {
        let metadata =
            self.reader.get_ref().metadata().await.map_err(PipelineError::io("read", self.path))?;
        Ok(metadata.is_file())
    }

    /// Returns the next line without the white space around it. Tolerates a byte order mark before the first one.
    ///
    /// # Errors
    /// [`PipelineError::Io`]; [`PipelineError::Row`] for a line that is too long or not UTF-8.
    pub(super) async fn next(&mut self) -> Result<Option<(LinePosition, &str)>> {
        loop {
            self.buffer.clear();
            let more = self.read_line().await?;
            if !more {
                return Ok(None);
            }
            self.position.line += 1;
            if self.position.line == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") {
                self.buffer.drain(..3);
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        self.position.record += 1;
        let position = self.position;
        if self.buffer.len() > LINE_BYTES {
            return Err(self.refuse(position, RowProblem::TooLong { limit: LINE_BYTES }));
        }
        match std::str::from_utf8(self.buffer.trim_ascii()) {
            Ok(text) => Ok(Some((position, text))),
            Err(_) => Err(self.refuse(position, RowProblem::NotUtf8)),
        }
    }

    /// Returns the error for a line.
    pub(super) fn refuse(&self, position: LinePosition, problem: RowProblem) -> PipelineError {
        refuse(self.path, position, problem)
    }

    /// Fills the buffer with the next line, or with a little more than the longest acceptable one.
    async fn read_line(&mut self) -> Result<bool> {
        loop {
            let chunk = self.reader.fill_buf().await.map_err(PipelineError::io("read", self.path))?;
            if chunk.is_empty() {
                return Ok(!self.buffer.is_empty());
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            self.buffer.extend_from_slice(&chunk[..end.unwrap_or(taken)]);
            self.reader.consume(taken);
            if end.is_some() || self.buffer.len() > LINE_BYTES {
                return Ok(true);
            }
        }
    }
}

/// Returns the error for a line of a file.
pub(super) fn refuse(path: &Path, position: LinePosition, problem: RowProblem) -> PipelineError {
    PipelineError::Row { path: path.to_owned(), line: position.line, record: position.record, problem }
}

/// Writes `<path>.tmp` and moves it into place at the end. Dropping it before removes the temporary file.
pub(super) struct Output<'a> {
    path: &'a Path,
    temporary: Temporary,
    writer: BufWriter<File>,
}

/// A file that is removed unless it has been moved away.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the move there is nothing to remove; a file that cannot be removed is overwritten by the next run.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl<'a> Output<'a> {
    /// Returns the path of the temporary file.
    pub(super) fn temporary_path(path: &Path) -> PathBuf {
        let mut name = OsString::from(path);
        name.push(".tmp");
        name.into()
    }

    /// Creates the temporary file, and the directories above it.
    ///
    /// # Errors
    /// [`PipelineError::Io`].
    pub(super) async fn create(path: &'a Path) -> Result<Output<'a>> {
        if let Some(parent) = path.parent() {
            tokio::fs::create_dir_all(parent).await.map_err(PipelineError::io("create", parent))?;
        }
        let name = Output::temporary_path(path);
        let file = File::create(&name).await.map_err(PipelineError::io("create", &name))?;
        Ok(Output { path, temporary: Temporary(name), writer: BufWriter::with_capacity(256 << 10, file) })
    }

    /// Appends a line from its parts.
    ///
    /// # Errors
    /// [`PipelineError::Io`].
    pub(super) async fn line(&mut self, parts: &[&str]) -> Result<()> {
        for part in parts.iter().chain(&["\n"]) {
            let written = self.writer.write_all(part.as_bytes()).await;
            written.map_err(PipelineError::io("write", &self.temporary.0))?;
        }
        Ok(())
    }

    /// Makes the lines durable and moves the file into place.
    ///
    /// # Errors
    /// [`PipelineError::Io`].
    pub(super) async fn publish(mut self) -> Result<()> {
        let temporary = &self.temporary.0;
        self.writer.flush().await.map_err(PipelineError::io("write", temporary))?;
        self.writer.get_ref().sync_all().await.map_err(PipelineError::io("write", temporary))?;
        tokio::fs::rename(temporary, self.path).await.map_err(PipelineError::io("replace", self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(bytes: &[u8]) -> Result<Vec<(u64, u64, String)>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in");
        std::fs::write(&path, bytes).unwrap();
        let mut input = Input::open(&path).await?;
        let mut lines = Vec::new();
        while let Some((position, text)) = input.next().await? {
            lines.push((position.line, position.record, text.to_owned()));
        }
        Ok(lines)
    }

    #[tokio::test]
    async fn blank_lines_count_as_lines_only() {
        let found = lines(b"\xef\xbb\xbf{}\r\n\n \t\r\n  [1] \n{}").await.unwrap();
        assert_eq!(found, [(1, 1, "{}".to_owned()), (4, 2, "[1]".to_owned()), (5, 3, "{}".to_owned())]);
        assert!(lines(b"\n\n").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_line_has_a_longest_length_and_is_utf8() {
        let mut long = b"{}\n".to_vec();
        long.resize(LINE_BYTES + 3, b'x');
        assert_eq!(lines(&long).await.unwrap().len(), 2);
        long.push(b'x');
        let Err(PipelineError::Row { line: 2, record: 2, problem, .. }) = lines(&long).await else {
            panic!("one byte too many");
        };
        assert!(matches!(problem, RowProblem::TooLong { .. }));
        let error = lines(b"{}\n\n\"\xff\"\n").await.unwrap_err();
        assert!(matches!(error, PipelineError::Row { line: 3, record: 2, problem: RowProblem::NotUtf8, .. }));
    }

    #[tokio::test]
    async fn an_output_appears_when_published_and_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/out.jsonl");
        let mut output = Output::create(&path).await.unwrap();
        output.line(&["{", "}"]).await.unwrap();
        assert!(!path.exists());
        output.publish().await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}\n");
        let mut dropped = Output::create(&path).await.unwrap();
        dropped.line(&["[]"]).await.unwrap();
        drop(dropped);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}\n");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
