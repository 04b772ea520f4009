//! Half-read blocks, kept for whoever asks for the next page.
//!
//! Without it, each page would read the block again from its start. A reader is kept under the token of the page that
//! follows, and taken out once; when it is gone, the block is read from its start, with the same result.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;

use super::block::BlockReader;

/// Readers kept per handle; each holds sorted rows in memory or a temporary file.
const READERS: u64 = 4;
const IDLE: Duration = Duration::from_secs(60);

type Slot = Arc<Mutex<Option<BlockReader>>>;

/// The readers that a handle keeps.
#[derive(Clone)]
pub(crate) struct ReaderCache {
    readers: Cache<String, Slot>,
}

impl Default for ReaderCache {
    fn default() -> Self {
        ReaderCache { readers: Cache::builder().max_capacity(READERS).time_to_idle(IDLE).build() }
    }
}

impl ReaderCache {
    /// Keeps a reader that stands where a token points.
    pub(crate) fn put(&self, token: &str, reader: BlockReader) {
        self.readers.insert(token.to_owned(), Arc::new(Mutex::new(Some(reader))));
    }

    /// Takes the reader out, if it is still there.
    pub(crate) fn take(&self, token: &str) -> Option<BlockReader> {
        self.readers.remove(token)?.lock().take()
    }
}
