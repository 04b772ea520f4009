//! Cuts input text into records: physical lines in the strict grammar, JSON values in the permissive one.
//!
//! Nothing is parsed here: a scanner that knows brackets and strings counts what a strict line holds, and finds where a
//! permissive value ends. Memory: one record, whose length is bounded.

use std::io::{BufRead, BufReader, Read};

use super::Grammar;
use crate::error::{OmniError, Result};

/// Longest strict line without its end, in bytes.
pub(super) const LINE_BYTES: u64 = 32 << 20;
/// Most structural characters of a strict line (`{ } [ ] , :` outside strings), plus one.
pub(super) const STRUCTURAL_SLOTS: u64 = 131_072;
/// Longest permissive record, in bytes.
pub(super) const RECORD_BYTES: u64 = 64 << 20;

/// Tolerated at the very start of the input.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One record.
pub(super) struct Record<'a> {
    /// Physical line (strict) or record number (permissive), from 1.
    pub(super) line: u64,
    /// The text of one JSON value, without line end.
    pub(super) text: &'a [u8],
}

/// Reads records one after the other.
pub(super) struct Records {
    reader: BufReader<Box<dyn Read + Send>>,
    grammar: Grammar,
    buffer: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl Records {
    /// Starts at the beginning of the input.
    pub(super) fn new(reader: Box<dyn Read + Send>, grammar: Grammar) -> Records {
        let reader = BufReader::with_capacity(1 << 20, reader);
        Records { reader, grammar, buffer: Vec::new(), number: 0, bytes: 0 }
    }

    /// Returns the bytes consumed so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the next record, or nothing at the end.
    ///
    /// # Errors
    /// [`OmniError::Io`], or a limit of the grammar.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>> {
        match self.grammar {
            Grammar::Strict => self.next_line(),
            Grammar::Permissive => self.next_value(),
        }
    }

    fn next_line(&mut self) -> Result<Option<Record<'_>>> {
        loop {
            self.buffer.clear();
            let mut limited = (&mut self.reader).take(LINE_BYTES + 2);
            let read = limited.read_until(b'\n', &mut self.buffer).map_err(reading)?;
            if read == 0 {
                return Ok(None);
            }
            self.bytes += read as u64;
            self.number += 1;
            let mut end = self.buffer.len();
            if self.buffer.ends_with(b"\n") {
                end -= 1;
            }
            if self.buffer[..end].ends_with(b"\r") {
                end -= 1;
            }
            if end as u64 > LINE_BYTES {
                return Err(limit("graph_batch_line_bytes", LINE_BYTES, end as u64));
            }
            let start = if self.number == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) { 3 } else { 0 };
            if self.buffer[start..end].iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let slots = structural_slots(&self.buffer[start..end]);
            if slots > STRUCTURAL_SLOTS {
                return Err(limit("graph_batch_json_structural_slots", STRUCTURAL_SLOTS, slots));
            }
            return Ok(Some(Record { line: self.number, text: &self.buffer[start..end] }));
        }
    }

    fn next_value(&mut self) -> Result<Option<Record<'_>>> {
        self.buffer.clear();
        let mut scanner = Scanner::default();
        let ignored = if self.number == 0 { BYTE_ORDER_MARK } else { &[] };
        loop {
            let available = self.reader.fill_buf().map_err(reading)?;
            let is_last = available.is_empty();
            let (used, is_complete) = append_value(&mut self.buffer, &mut scanner, available, ignored)?;
            self.reader.consume(used);
            self.bytes += used as u64;
            if is_complete || is_last {
                break;
            }
        }
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(Record { line: self.number, text: &self.buffer }))
    }
}

/// Moves the next bytes of a top-level value to `value`, without white space or `ignored` before it. Returns how many
/// bytes were used, and whether the value ends there.
///
/// An object or array ends where its brackets close, anything else before the next white space or opening bracket; the
/// parser refuses what is no value.
fn append_value(
    value: &mut Vec<u8>,
    scanner: &mut Scanner,
    text: &[u8],
    ignored: &[u8],
) -> Result<(usize, bool)> {
    for (used, &byte) in text.iter().enumerate() {
        let is_blank = byte.is_ascii_whitespace();
        if value.is_empty() && is_blank {
            continue;
        }
        if !value.is_empty() && scanner.is_at_top_level() && (is_blank || matches!(byte, b'{' | b'[')) {
            return Ok((used, true));
        }
        if value.len() as u64 == RECORD_BYTES {
            return Err(limit("graph_stream_record_bytes", RECORD_BYTES, RECORD_BYTES + 1));
        }
        value.push(byte);
        if scanner.read(byte) == Lexeme::Close && scanner.is_at_top_level() {
            return Ok((used + 1, true));
        }
        if value.as_slice() == ignored {
            value.clear();
        }
    }
    Ok((text.len(), false))
}

/// What a byte of JSON text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lexeme {
    /// `{` or `[`.
    Open,
    /// `}` or `]`.
    Close,
    /// `,` or `:`.
    Separator,
    /// A part of a string or of another scalar, or white space.
    Other,
}

/// Where a scan is with regard to strings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Structure,
    String,
    /// Behind a backslash.
    Escape,
}

/// Tells the structure of JSON text from what its strings hold, byte by byte, without checking that it is JSON.
#[derive(Debug, Default)]
struct Scanner {
    within: Within,
    depth: u64,
}

impl Scanner {
    fn read(&mut self, byte: u8) -> Lexeme {
        match (self.within, byte) {
            (Within::Structure, b'{' | b'[') => {
                self.depth += 1;
                return Lexeme::Open;
            }
            (Within::Structure, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                return Lexeme::Close;
            }
            (Within::Structure, b',' | b':') => return Lexeme::Separator,
            (Within::Structure, b'"') => self.within = Within::String,
            (Within::String, b'"') => self.within = Within::Structure,
            (Within::String, b'\\') => self.within = Within::Escape,
            (Within::Escape, _) => self.within = Within::String,
            (Within::Structure | Within::String, _) => {}
        }
        Lexeme::Other
    }

    /// Tells whether no bracket and no string is open.
    fn is_at_top_level(&self) -> bool {
        self.depth == 0 && self.within == Within::Structure
    }
}

/// Counts the structural characters of a line, plus one.
fn structural_slots(text: &[u8]) -> u64 {
    let mut scanner = Scanner::default();
    text.iter().fold(1, |slots, byte| slots + u64::from(scanner.read(*byte) != Lexeme::Other))
}

fn reading(source: std::io::Error) -> OmniError {
    OmniError::io("reading the input", source)
}

fn limit(resource: &str, limit: u64, actual: u64) -> OmniError {
    OmniError::ResourceLimitExceeded { resource: resource.to_owned(), limit, actual }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str, grammar: Grammar) -> Vec<(u64, String)> {
        let mut records = Records::new(Box::new(std::io::Cursor::new(text.to_owned().into_bytes())), grammar);
        let mut all = Vec::new();
        while let Some(record) = records.next().unwrap() {
            all.push((record.line, String::from_utf8(record.text.to_vec()).unwrap()));
        }
        assert_eq!(records.bytes(), text.len() as u64);
        all
    }

    #[test]
    fn strict_lines_are_numbered_with_blank_ones() {
        let expected = [(1, "{}".to_owned()), (3, "{\"a\":1}".to_owned())];
        assert_eq!(records("{}\r\n  \n{\"a\":1}", Grammar::Strict), expected);
        assert_eq!(records("\u{FEFF}{}\n", Grammar::Strict), [(1, "{}".to_owned())]);
    }

    #[test]
    fn permissive_values_span_and_share_lines() {
        assert_eq!(records("\u{FEFF}{}", Grammar::Permissive), [(1, "{}".to_owned())]);
        let text = "{\"a\":\n \"}\\\"{\"} {\"b\":[1,{}]}{} \n 5 x";
        let found: Vec<String> =
            records(text, Grammar::Permissive).into_iter().map(|(_, text)| text).collect();
        assert_eq!(found, ["{\"a\":\n \"}\\\"{\"}", "{\"b\":[1,{}]}", "{}", "5", "x"]);
    }

    #[test]
    fn a_record_without_end_is_refused_before_it_fills_the_memory() {
        let endless = |start: &'static [u8]| Box::new(start.chain(std::io::repeat(b'x')));
        let text = endless(br#"{"type":"A"} {"type":""#);
        let mut records = Records::new(text, Grammar::Permissive);
        assert_eq!(records.next().unwrap().unwrap().text, br#"{"type":"A"}"#);
        let error = records.next().err().unwrap();
        assert!(matches!(error, OmniError::ResourceLimitExceeded { resource, limit: RECORD_BYTES, .. }
            if resource == "graph_stream_record_bytes"));
        assert!(records.buffer.capacity() as u64 <= 2 * RECORD_BYTES);
    }

    #[test]
    fn a_line_beyond_the_limits_is_refused() {
        let wide = format!("[{}]", ",".repeat(STRUCTURAL_SLOTS as usize));
        let mut records = Records::new(Box::new(std::io::Cursor::new(wide.into_bytes())), Grammar::Strict);
        let error = records.next().err().unwrap();
        assert!(matches!(error, OmniError::ResourceLimitExceeded { resource, .. }
            if resource == "graph_batch_json_structural_slots"));
    }
}
