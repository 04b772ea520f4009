//! The stored form of a Blob cell: bytes that the graph holds, or a reference to bytes outside it.
//!
//! One byte that says what follows, then the bytes or the URI. A third kind, a reference that is requested but not
//! admitted yet, exists only in the rows of a write that is being planned; no table holds one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{GraphError, Result};

const MANAGED: u8 = 0;
const EXTERNAL: u8 = 1;
const REQUESTED: u8 = 2;

/// What a Blob cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blob<'a> {
    /// The bytes themselves.
    Managed(&'a [u8]),
    /// All bytes at a URI, which was admitted.
    External(&'a str),
    /// All bytes at a URI, which is still to be admitted.
    Requested(&'a str),
}

impl<'a> Blob<'a> {
    /// Reads a stored cell.
    ///
    /// # Errors
    /// [`GraphError::BlobIntegrity`] when it is none.
    pub fn read(stored: &'a [u8]) -> Result<Blob<'a>> {
        let damaged = |reason: &str| GraphError::BlobIntegrity { reason: reason.to_owned() };
        let (tag, rest) = stored.split_first().ok_or_else(|| damaged("a stored blob has no tag"))?;
        let uri = || std::str::from_utf8(rest).map_err(|_| damaged("a stored blob URI is not UTF-8"));
        match *tag {
            MANAGED => Ok(Blob::Managed(rest)),
            EXTERNAL => Ok(Blob::External(uri()?)),
            REQUESTED => Ok(Blob::Requested(uri()?)),
            tag => Err(damaged(&format!("a stored blob has the unknown tag {tag}"))),
        }
    }

    /// Returns the form to store.
    pub fn stored(self) -> Vec<u8> {
        let (tag, rest) = match self {
            Blob::Managed(bytes) => (MANAGED, bytes),
            Blob::External(uri) => (EXTERNAL, uri.as_bytes()),
            Blob::Requested(uri) => (REQUESTED, uri.as_bytes()),
        };
        let mut stored = Vec::with_capacity(1 + rest.len());
        stored.push(tag);
        stored.extend_from_slice(rest);
        stored
    }

    /// Returns the text of the load format: `base64:…`, or the URI.
    pub fn text(self) -> String {
        match self {
            Blob::Managed(bytes) => format!("base64:{}", STANDARD.encode(bytes)),
            Blob::External(uri) | Blob::Requested(uri) => uri.to_owned(),
        }
    }
}

/// Tells whether a stored cell is a reference that is still to be admitted.
pub fn is_requested(stored: &[u8]) -> bool {
    stored.first() == Some(&REQUESTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_back_and_nothing_else_is_a_blob() {
        for blob in
            [Blob::Managed(b""), Blob::Managed(b"\x00hi"), Blob::External("s3://b/k"), Blob::Requested("")]
        {
            assert_eq!(Blob::read(&blob.stored()).unwrap(), blob);
        }
        for damaged in [&b""[..], b"\x09", b"\x01\xFF"] {
            assert!(matches!(Blob::read(damaged), Err(GraphError::BlobIntegrity { .. })), "{damaged:?}");
        }
        assert!(is_requested(&Blob::Requested("x").stored()) && !is_requested(&Blob::External("x").stored()));
    }
}
