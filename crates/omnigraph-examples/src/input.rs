//! Text inputs: a file or stdin, plain or gzip, as numbered lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::error::{ConvertError, Problem};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const LZ4: [u8; 2] = [0x04, 0x22];

/// The lines of one input. Holds one line in memory.
pub struct Lines {
    path: String,
    line: u64,
    reader: Box<dyn BufRead>,
    buffer: Vec<u8>,
}

impl Lines {
    /// Opens a file, or stdin for `-`. Gzip is recognized by its first bytes.
    pub fn open(path: &Path) -> Result<Self, ConvertError> {
        let name = path.display().to_string();
        if name == "-" {
            return Self::new("stdin", BufReader::new(io::stdin()));
        }
        match File::open(path) {
            Ok(file) => Self::new(&name, BufReader::with_capacity(1 << 16, file)),
            Err(source) => Err(ConvertError::Open { path: name, source }),
        }
    }

    /// Reads from `reader`; `path` names it in errors.
    pub fn new(path: &str, mut reader: impl BufRead + 'static) -> Result<Self, ConvertError> {
        let path = path.to_owned();
        let start = match reader.fill_buf() {
            Ok(bytes) => bytes.get(..2).map(<[u8]>::to_vec),
            Err(source) => return Err(ConvertError::Open { path, source }),
        };
        let reader: Box<dyn BufRead> = match start.as_deref() {
            Some(magic) if magic == GZIP => Box::new(BufReader::new(MultiGzDecoder::new(reader))),
            Some(magic) if magic == LZ4 => return Err(ConvertError::Lz4 { path }),
            _ => Box::new(reader),
        };
        Ok(Self { path, line: 0, reader, buffer: Vec::new() })
    }

    /// Returns the next line without its end, or nothing at the end of the input.
    pub fn advance(&mut self) -> Result<Option<&str>, ConvertError> {
        self.buffer.clear();
        self.line += 1;
        match self.reader.read_until(b'\n', &mut self.buffer) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(source) => {
                return Err(ConvertError::Read { path: self.path.clone(), line: self.line, source });
            }
        }
        let (path, line) = (&self.path, self.line);
        match std::str::from_utf8(&self.buffer) {
            Ok(text) => Ok(Some(text.trim_end_matches(['\n', '\r']))),
            Err(_) => Err(ConvertError::Malformed { path: path.clone(), line, problem: Problem::NotUtf8 }),
        }
    }

    /// The input's name in errors.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Number of the line that [`Self::advance`] returned last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// An error at the line that [`Self::advance`] returned last.
    pub fn malformed(&self, problem: Problem) -> ConvertError {
        ConvertError::Malformed { path: self.path.clone(), line: self.line, problem }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn all(mut lines: Lines) -> Vec<String> {
        let mut found = Vec::new();
        while let Some(line) = lines.advance().unwrap() {
            found.push(line.to_owned());
        }
        found
    }

    #[test]
    fn gzip_reads_like_plain_text() {
        let text = "one\r\n\ntwo";
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        let packed = encoder.finish().unwrap();
        let plain = all(Lines::new("plain", Cursor::new(text)).unwrap());
        assert_eq!(plain, ["one", "", "two"]);
        assert_eq!(all(Lines::new("packed", Cursor::new(packed)).unwrap()), plain);
    }

    #[test]
    fn lz4_is_refused_with_a_cure() {
        let error = Lines::new("list.lz4", Cursor::new([0x04, 0x22, 0x4d, 0x18])).err().unwrap();
        assert!(matches!(error, ConvertError::Lz4 { .. }), "{error}");
    }

    #[test]
    fn bytes_that_are_not_text_name_the_line() {
        let mut lines = Lines::new("list", Cursor::new(b"fine\n\xff\n".as_slice())).unwrap();
        assert_eq!(lines.advance().unwrap(), Some("fine"));
        let error = lines.advance().unwrap_err();
        assert!(matches!(error, ConvertError::Malformed { line: 2, problem: Problem::NotUtf8, .. }));
    }
}
