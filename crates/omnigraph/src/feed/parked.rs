//! Half-read blocks, kept for whoever asks for the next page.
//!
//! Reading a block in pages would otherwise read everything before each page again. A parked reader is taken out by
//! the token of its place and used once; without one the block is read from its start, with the same result.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;

use super::block::BlockReader;

/// Readers kept per handle; each holds sorted rows in memory or a temporary file.
const KEPT: u64 = 4;
const IDLE: Duration = Duration::from_secs(60);

type Slot = Arc<Mutex<Option<BlockReader>>>;

/// The parked readers of a handle.
#[derive(Clone)]
pub(crate) struct Parked {
    readers: Cache<String, Slot>,
}

impl Default for Parked {
    fn default() -> Self {
        Parked { readers: Cache::builder().max_capacity(KEPT).time_to_idle(IDLE).build() }
    }
}

impl Parked {
    /// Keeps a reader that stands at the place a token names.
    pub(crate) fn put(&self, token: &str, reader: BlockReader) {
        self.readers.insert(token.to_owned(), Arc::new(Mutex::new(Some(reader))));
    }

    /// Takes the reader out, if it is still there.
    pub(crate) fn take(&self, token: &str) -> Option<BlockReader> {
        self.readers.remove(token)?.lock().take()
    }
}
