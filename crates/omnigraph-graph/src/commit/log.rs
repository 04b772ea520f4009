//! The log of a branch: its commit records, one object each, and the put that publishes one.
//!
//! Owns `__manifest/log/<branch uid>/<seq>.json`. A record whose object cleanup has packed is read from its
//! [`super::pack`].
//!
//! Invariants: (1) a record that exists is never rewritten; (2) the log of a live branch is dense from its first position:
//! a record is created only after the one before it was seen, and cleanup may pack records, but never drops one;
//! (3) ids ascend with positions.
//! Cost: one request per record not cached, two if it is packed. [`Log::append`] is one conditional put, plus one read
//! for a lost race or a lost acknowledgement.
//! Cancellation: dropping an append leaves the record or nothing; reading its position tells which.

use std::sync::Arc;

use moka::sync::Cache;
use omnigraph_storage::{Created, Root};

use super::failpoints;
use super::format::{self, MANIFEST};
use super::ids::{BranchUid, CommitId, Seq};
use super::pack::{self, Pack, Packs};
use super::record::CommitRecord;
use crate::error::{GraphError, Result};

/// Part of the memory budget that the records kept by a handle may have, by estimate.
const RECORD_SHARE: u64 = 64;
/// Bytes of that budget per position of a commit that a handle keeps.
const BYTES_PER_POSITION: u64 = 32 << 10;
/// What every handle may keep.
const FEWEST_BYTES: u64 = 1 << 20;
const FEWEST_POSITIONS: u64 = 1024;

/// Name of a record: whose log, which position.
pub type LogPosition = (BranchUid, Seq);

/// What came of publishing a record.
#[derive(Debug)]
pub enum Append {
    /// It stands at its position.
    Published(Arc<CommitRecord>),
    /// The record of another operation stands there.
    Lost,
}

/// The logs of one root.
#[derive(Clone)]
pub struct Log {
    root: Root,
    records: Cache<LogPosition, Arc<CommitRecord>>,
    positions: Cache<CommitId, LogPosition>,
    packs: Packs,
}

impl Log {
    /// Makes an empty cache over a root.
    pub fn new(root: Root) -> Log {
        let weigh = |_: &LogPosition, record: &Arc<CommitRecord>| {
            let tables = 256 * record.tables.len();
            u32::try_from(512 + tables).unwrap_or(u32::MAX)
        };
        let budget = root.memory_budget();
        Log {
            packs: Packs::new(root.clone()),
            root,
            records: Cache::builder()
                .max_capacity((budget / RECORD_SHARE).max(FEWEST_BYTES))
                .weigher(weigh)
                .build(),
            positions: Cache::new((budget / BYTES_PER_POSITION).max(FEWEST_POSITIONS)),
        }
    }

    /// Reads the record at a position; absent means that the log has not got that far.
    pub async fn get(&self, uid: BranchUid, seq: Seq) -> Result<Option<Arc<CommitRecord>>> {
        if let Some(record) = self.records.get(&(uid, seq)) {
            return Ok(Some(record));
        }
        if let Some(record) = self.packs.held((uid, seq)) {
            return Ok(Some(self.remember(Arc::new(record))));
        }
        match self.get_own(uid, seq).await? {
            Some(record) => Ok(Some(record)),
            None => Ok(self.packs.get((uid, seq)).await?.map(|record| self.remember(Arc::new(record)))),
        }
    }

    /// Reads the record at a position above an existing one; absent means that the log has not got that far.
    pub(crate) async fn get_after(
        &self,
        below: CommitId,
        uid: BranchUid,
        seq: Seq,
    ) -> Result<Option<Arc<CommitRecord>>> {
        match self.records.get(&(uid, seq)) {
            Some(record) => Ok(Some(record)),
            None if pack::is_young(below) => self.get_own(uid, seq).await,
            None => self.get(uid, seq).await,
        }
    }

    /// Reads the pack that would hold a position.
    pub async fn pack_at(&self, position: LogPosition) -> Result<Option<Arc<Pack>>> {
        self.packs.at(position).await
    }

    /// Reads a record from its own object.
    async fn get_own(&self, uid: BranchUid, seq: Seq) -> Result<Option<Arc<CommitRecord>>> {
        let Some(bytes) = self.root.get(&path(uid, seq)).await? else {
            return Ok(None);
        };
        self.accept((uid, seq), &bytes).map(Some)
    }

    /// Decodes and remembers the record that was read at a position.
    fn accept(&self, position: LogPosition, bytes: &[u8]) -> Result<Arc<CommitRecord>> {
        let path = path(position.0, position.1);
        let record: CommitRecord = format::decode(&self.root, &path, bytes)?;
        if (record.branch_uid, record.seq) != position {
            return Err(GraphError::internal(format!("{path} holds the record of another place")));
        }
        Ok(self.remember(Arc::new(record)))
    }

    /// Tells whether the record at a position is in memory.
    pub(crate) fn is_cached(&self, uid: BranchUid, seq: Seq) -> bool {
        self.records.contains_key(&(uid, seq))
    }

    /// Returns the position of a commit that was met before.
    pub(crate) fn position_of(&self, id: CommitId) -> Option<LogPosition> {
        self.positions.get(&id)
    }

    /// Drops a record from memory, so that the next look tells whether it still exists.
    pub(crate) fn forget(&self, record: &CommitRecord) {
        self.positions.invalidate(&record.id);
        self.records.invalidate(&(record.branch_uid, record.seq));
    }

    /// Publishes a record at the position it names.
    ///
    /// # Errors
    /// Any failure leaves the outcome open: the record may be there, or still arrive.
    pub async fn append(&self, record: CommitRecord) -> Result<Append> {
        let record = Arc::new(record);
        let bytes = format::encode(&*record);
        let path = path(record.branch_uid, record.seq);
        // The position of a packed record is free, and taken all the same.
        let onto_old = record.parents.first().is_some_and(|parent| !pack::is_young(parent.id));
        if onto_old && self.packs.get((record.branch_uid, record.seq)).await?.is_some() {
            return Ok(Append::Lost);
        }
        let found = match self.put(&path, bytes).await {
            Ok(Created::Yes) => return Ok(Append::Published(self.remember(record))),
            Ok(Created::Taken(found)) => self.accept((record.branch_uid, record.seq), &found)?,
            // A last look: the answer may have got lost behind the store.
            Err(error) => match self.get(record.branch_uid, record.seq).await {
                Ok(Some(found)) => found,
                Ok(None) | Err(_) => return Err(error),
            },
        };
        let ours = found.operation_id == record.operation_id;
        Ok(if ours { Append::Published(found) } else { Append::Lost })
    }

    async fn put(&self, path: &str, bytes: bytes::Bytes) -> Result<Created> {
        let created = self.root.create(path, bytes).await?;
        failpoints::hit(&self.root, failpoints::PUBLISH_AFTER)?;
        Ok(created)
    }

    fn remember(&self, record: Arc<CommitRecord>) -> Arc<CommitRecord> {
        let position = (record.branch_uid, record.seq);
        self.positions.insert(record.id, position);
        self.records.insert(position, record.clone());
        record
    }
}

/// Returns the object of a position.
pub fn path(uid: BranchUid, seq: Seq) -> String {
    format!("{MANIFEST}/log/{uid}/{:020}.json", seq.0)
}
