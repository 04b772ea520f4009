//! Baselines: the data of a branch as of one commit, and the cursor from which its changes continue.

use omnigraph_api::{ChangeBaselineOutput, ChangeBaselineRecord, ChangeBaselineRequest, Operation};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::error::ClientError;
use super::graph::{GraphClient, STREAMED};
use super::stream::ByteStream;

/// The longest line that may close a baseline. Longer ones are data and are passed on before they end; a cursor has
/// at most 4 KiB.
const CLOSING_BYTES: usize = 64 << 10;

impl GraphClient {
    /// Writes the data of a branch as of one commit to `out`, one JSON object per line, and returns the cursor that
    /// goes on from that commit. The data is written as it arrives, the closing record is not. `out` is flushed.
    ///
    /// # Errors
    /// [`ClientError::NoCursor`] when the data did not come to its end: what was written is of no use then. When the
    /// server refuses, or `out` cannot be written.
    pub async fn capture_baseline(
        &self,
        request: &ChangeBaselineRequest,
        out: &mut (impl AsyncWrite + Unpin),
    ) -> Result<ChangeBaselineOutput, ClientError> {
        let call =
            self.connection.call(Operation::CaptureChangeBaseline, &[])?.json_body(request)?.accept(STREAMED);
        let url = call.url();
        let mut stream = ByteStream::of(call.answer().await?, url)?;
        let mut lines = Lines::default();
        let mut ready = Vec::new();
        loop {
            let chunk = stream.next_chunk().await.map_err(|source| ClientError::NoCursor {
                problem: source.to_string(),
                source: Some(Box::new(source)),
            })?;
            match &chunk {
                Some(chunk) => lines.push(chunk, &mut ready)?,
                None => lines.end(&mut ready)?,
            }
            out.write_all(&ready).await.map_err(ClientError::Output)?;
            ready.clear();
            if chunk.is_none() {
                break;
            }
        }
        let baseline =
            lines.baseline.ok_or_else(|| no_cursor("the answer ended without the closing record"))?;
        out.flush().await.map_err(ClientError::Output)?;
        Ok(baseline)
    }
}

/// Tells the closing record from data while lines arrive in pieces.
#[derive(Default)]
struct Lines {
    /// The begin of a line that is not known to be data.
    pending: Vec<u8>,
    /// Whether the rest of the line is data.
    passing: bool,
    baseline: Option<ChangeBaselineOutput>,
}

impl Lines {
    /// Takes bytes and moves what is known to be data to `ready`.
    fn push(&mut self, bytes: &[u8], ready: &mut Vec<u8>) -> Result<(), ClientError> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = piece.ends_with(b"\n");
            if self.passing {
                ready.extend_from_slice(piece);
                self.passing = !ends;
                continue;
            }
            self.pending.extend_from_slice(piece);
            if ends {
                self.line(ready)?;
            } else if self.pending.len() > CLOSING_BYTES {
                self.data(ready)?;
                self.passing = true;
            }
        }
        Ok(())
    }

    /// Takes the end, which ends the last line too.
    fn end(&mut self, ready: &mut Vec<u8>) -> Result<(), ClientError> {
        if self.pending.is_empty() { Ok(()) } else { self.line(ready) }
    }

    fn line(&mut self, ready: &mut Vec<u8>) -> Result<(), ClientError> {
        if !is_closing(&self.pending) {
            return self.data(ready);
        }
        if self.baseline.is_some() {
            return Err(no_cursor("the answer has two closing records"));
        }
        let record: ChangeBaselineRecord = serde_json::from_slice(&self.pending)
            .map_err(|error| no_cursor(&format!("the closing record cannot be read: {error}")))?;
        self.baseline = Some(record.baseline);
        self.pending.clear();
        Ok(())
    }

    fn data(&mut self, ready: &mut Vec<u8>) -> Result<(), ClientError> {
        if self.baseline.is_some() && !self.pending.trim_ascii().is_empty() {
            return Err(no_cursor("data follows the closing record"));
        }
        if self.baseline.is_none() {
            ready.append(&mut self.pending);
        }
        self.pending.clear();
        Ok(())
    }
}

/// Tells whether a line has the top-level member that no data has. Lines without the word need not be parsed.
fn is_closing(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Closing {
        #[serde(rename = "baseline")]
        _baseline: IgnoredAny,
    }
    const WORD: &[u8] = b"\"baseline\"";
    line.trim_ascii_start().first() == Some(&b'{')
        && line.windows(WORD.len()).any(|window| window == WORD)
        && serde_json::from_slice::<Closing>(line).is_ok()
}

fn no_cursor(problem: &str) -> ClientError {
    ClientError::NoCursor { problem: problem.to_owned(), source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSING: &str = r#"{"baseline":{"snapshot_commit_id":"01J","resume_cursor":"c1"}}"#;

    /// Feeds a text in pieces of a size.
    fn run(text: &str, size: usize) -> Result<(String, Option<String>), String> {
        let (mut lines, mut ready) = (Lines::default(), Vec::new());
        for piece in text.as_bytes().chunks(size) {
            lines.push(piece, &mut ready).map_err(|error| error.to_string())?;
        }
        lines.end(&mut ready).map_err(|error| error.to_string())?;
        Ok((String::from_utf8(ready).unwrap(), lines.baseline.map(|baseline| baseline.resume_cursor)))
    }

    #[test]
    fn data_passes_and_the_closing_record_is_taken_off_however_the_pieces_fall() {
        let data = "{\"type\":\"A\",\"data\":{\"s\":\"\\\"baseline\\\"\",\"baseline\":{\"resume_cursor\":\"x\"}}}\n\
                    {\"type\":\"baseline\",\"data\":{}}\n\n{\"edge\":\"B\",\"from\":\"baseline\",\"to\":\"ä\"}\n";
        for end in ["\n", "", "\n\n \n"] {
            let text = format!("{data}{CLOSING}{end}");
            for size in 1..=text.len() {
                assert_eq!(run(&text, size), Ok((data.to_owned(), Some("c1".to_owned()))), "{size} {end:?}");
            }
        }
    }

    #[test]
    fn without_closing_record_there_is_no_cursor() {
        let data = "{\"type\":\"A\",\"data\":{\"baseline\":{}}}\n";
        assert_eq!(run(data, 7), Ok((data.to_owned(), None)));
        assert_eq!(run("", 1), Ok((String::new(), None)));
    }

    #[test]
    fn a_wrong_closing_record_is_refused() {
        for text in [
            format!("{CLOSING}\n{CLOSING}\n"),
            format!("{CLOSING}\n{{\"type\":\"A\"}}\n"),
            "{\"baseline\":null}\n".to_owned(),
            "{\"baseline\":{\"snapshot_commit_id\":\"01J\"}}\n".to_owned(),
        ] {
            let error = run(&text, 10).unwrap_err();
            assert!(error.starts_with("no usable cursor: "), "{error}");
        }
    }

    #[test]
    fn long_lines_pass_before_they_end() {
        let long = format!("{{\"type\":\"A\",\"data\":\"{}", "x".repeat(CLOSING_BYTES));
        let (mut lines, mut ready) = (Lines::default(), Vec::new());
        lines.push(long.as_bytes(), &mut ready).unwrap();
        assert_eq!(ready, long.as_bytes());
        let rest = format!("\"}}\n{CLOSING}\n");
        lines.push(rest.as_bytes(), &mut ready).unwrap();
        lines.end(&mut ready).unwrap();
        assert_eq!(String::from_utf8(ready).unwrap(), format!("{long}\"}}\n"));
        assert_eq!(lines.baseline.unwrap().resume_cursor, "c1");
    }
}
