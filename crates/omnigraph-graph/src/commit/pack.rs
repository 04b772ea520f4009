//! Packs: the old records of a log, many in one object.
//!
//! Owns `__manifest/packs/<branch uid>/<block>.zst`. A log is divided into blocks of [`BLOCK`] positions; a pack holds
//! all records of one block, byte for byte as they were published, as lines of a zstd frame. Cleanup creates a pack and
//! then removes the objects it stands for, so a record is always in one of the two, and moves in one direction only.
//!
//! Invariants: (1) a pack is created once and never changed; (2) the head of a log is never packed; (3) only what is
//! older than [`PACKED_AFTER`] is packed, so what follows a record that [`is_young`] has an object of its own: looking
//! for the head of a graph in use costs nothing more. Clocks of machines may differ by half of that time.
//! Cost: one request and one decompression per block read, and the size of the records in memory per pack held.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use omnigraph_storage::{Root, StorageFailureKind};

use super::format::{self, MANIFEST};
use super::ids::{BranchUid, CommitId, Seq};
use super::log::LogPosition;
use super::record::CommitRecord;
use crate::error::{GraphError, Result};

/// Places of a block.
pub const BLOCK: u64 = 256;
/// How old a record must be. A write takes less from the look at the head to its publication.
pub const PACKED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// Directory of all packs.
pub const DIRECTORY: &str = "__manifest/packs/";

/// Part of the memory budget that the packs held by a handle may have, in bytes of their text.
const PACK_SHARE: u64 = 128;
/// What every handle may hold.
const FEWEST_BYTES: u64 = 4 << 20;
const LEVEL: i32 = 9;

/// The records of a block.
#[derive(Debug)]
pub struct Pack {
    records: Vec<CommitRecord>,
}

impl Pack {
    /// Returns the records in order.
    pub fn records(&self) -> &[CommitRecord] {
        &self.records
    }

    fn get(&self, seq: Seq) -> Option<&CommitRecord> {
        self.records.binary_search_by_key(&seq, |record| record.seq).ok().map(|index| &self.records[index])
    }
}

/// The packs of one root.
#[derive(Clone)]
pub(super) struct Packs {
    root: Root,
    read: Cache<(BranchUid, u64), (Arc<Pack>, u32)>,
}

impl Packs {
    /// Makes an empty cache over a root.
    pub(super) fn new(root: Root) -> Packs {
        let weigh = |_: &(BranchUid, u64), (_, bytes): &(Arc<Pack>, u32)| *bytes;
        let capacity = (root.memory_budget() / PACK_SHARE).max(FEWEST_BYTES);
        Packs { root, read: Cache::builder().max_capacity(capacity).weigher(weigh).build() }
    }

    /// Reads the pack that would hold a position.
    ///
    /// # Errors
    /// A permanent storage failure when it is damaged.
    pub(super) async fn at(&self, (uid, seq): LogPosition) -> Result<Option<Arc<Pack>>> {
        let key = (uid, block_of(seq));
        if let Some((pack, _)) = self.read.get(&key) {
            return Ok(Some(pack));
        }
        let path = path(uid, key.1);
        let Some(bytes) = self.root.get(&path).await? else { return Ok(None) };
        let text = zstd::decode_all(&*bytes).map_err(|error| {
            let text = format!("{}/{path} is damaged: {error}", self.root.uri());
            GraphError::storage(StorageFailureKind::Permanent, text)
        })?;
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let records = lines.map(|line| format::decode(&self.root, &path, line)).collect::<Result<_>>()?;
        let pack = Arc::new(Pack { records });
        // Decoded records take about as much memory as their text.
        self.read.insert(key, (pack.clone(), u32::try_from(text.len()).unwrap_or(u32::MAX)));
        Ok(Some(pack))
    }

    /// Returns a packed record, if its pack is held.
    pub(super) fn held(&self, (uid, seq): LogPosition) -> Option<CommitRecord> {
        self.read.get(&(uid, block_of(seq)))?.0.get(seq).cloned()
    }

    /// Reads a packed record.
    pub(super) async fn get(&self, position: LogPosition) -> Result<Option<CommitRecord>> {
        Ok(self.at(position).await?.and_then(|pack| pack.get(position.1).cloned()))
    }
}

/// Returns the block of a position.
pub fn block_of(seq: Seq) -> u64 {
    seq.0 / BLOCK
}

/// Tells whether nothing after a commit can be packed yet.
pub(crate) fn is_young(commit: CommitId) -> bool {
    let half = TimeDelta::from_std(PACKED_AFTER / 2).expect("half a day");
    commit.minted_at() > Utc::now() - half
}

/// Tells whether a commit is old enough to be packed by a cleanup that packs what is older than `before`.
pub fn is_old(commit: CommitId, before: DateTime<Utc>) -> bool {
    commit.minted_at() < before
}

/// Encodes the stored records of a block, in order.
pub fn encode(records: &[Bytes]) -> Result<Bytes> {
    let text = records.join(&b'\n');
    let packed = zstd::encode_all(&*text, LEVEL)
        .map_err(|error| GraphError::internal(format!("compressing commits: {error}")))?;
    Ok(packed.into())
}

/// Returns the object of a block.
pub fn path(uid: BranchUid, block: u64) -> String {
    format!("{MANIFEST}/packs/{uid}/{block:020}.zst")
}

/// Reads the name of a pack.
pub fn parse(path: &str) -> Option<(BranchUid, u64)> {
    let (uid, name) = path.strip_prefix(DIRECTORY)?.split_once('/')?;
    Some((BranchUid::from_text(uid)?, name.strip_suffix(".zst")?.parse().ok()?))
}
