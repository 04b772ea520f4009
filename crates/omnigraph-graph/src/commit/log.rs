//! The log of a branch: its commit records, one object each, and the put that publishes one.
//!
//! Owns `__manifest/log/<branch uid>/<seq>.json`. Old records are read from [`super::pack`]s.
//!
//! Invariants: (1) a record that exists is never rewritten; (2) the log of a live branch is dense from its first place:
//! a record is created only after the one before it was seen, and cleanup may pack records, but never drops one;
//! (3) ids ascend with places.
//! Cost: one request per record not cached, two if it is packed. [`Log::append`] is one conditional put, plus one read
//! for a lost race or a lost acknowledgement.
//! Cancellation: dropping an append leaves the record or nothing; reading its place tells which.

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
/// Bytes of that budget per place of a commit that a handle keeps.
const BYTES_PER_PLACE: u64 = 32 << 10;
/// What every handle may keep.
const FEWEST_BYTES: u64 = 1 << 20;
const FEWEST_PLACES: u64 = 1024;

/// Name of a record: whose log, which place.
pub type Place = (BranchUid, Seq);

/// What came of publishing a record.
#[derive(Debug)]
pub enum Append {
    /// It stands at its place.
    Published(Arc<CommitRecord>),
    /// The record of another operation stands there.
    Lost,
}

/// The logs of one root.
#[derive(Clone)]
pub struct Log {
    root: Root,
    records: Cache<Place, Arc<CommitRecord>>,
    places: Cache<CommitId, Place>,
    packs: Packs,
}

impl Log {
    /// Makes an empty cache over a root.
    pub fn new(root: Root) -> Log {
        let weigh = |_: &Place, record: &Arc<CommitRecord>| {
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
            places: Cache::new((budget / BYTES_PER_PLACE).max(FEWEST_PLACES)),
        }
    }

    /// Reads the record at a place; absent means that the log has not got that far.
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

    /// Reads the record at a place above an existing one; absent means that the log has not got that far.
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

    /// Reads the pack that would hold a place.
    pub async fn pack_at(&self, place: Place) -> Result<Option<Arc<Pack>>> {
        self.packs.at(place).await
    }

    /// Reads a record from its own object.
    async fn get_own(&self, uid: BranchUid, seq: Seq) -> Result<Option<Arc<CommitRecord>>> {
        let Some(bytes) = self.root.get(&path(uid, seq)).await? else {
            return Ok(None);
        };
        self.accept((uid, seq), &bytes).map(Some)
    }

    /// Decodes and remembers the record that was read at a place.
    fn accept(&self, place: Place, bytes: &[u8]) -> Result<Arc<CommitRecord>> {
        let path = path(place.0, place.1);
        let record: CommitRecord = format::decode(&self.root, &path, bytes)?;
        if (record.branch_uid, record.seq) != place {
            return Err(GraphError::internal(format!("{path} holds the record of another place")));
        }
        Ok(self.remember(Arc::new(record)))
    }

    /// Tells whether the record at a place is in memory.
    pub(crate) fn is_cached(&self, uid: BranchUid, seq: Seq) -> bool {
        self.records.contains_key(&(uid, seq))
    }

    /// Returns the place of a commit that was met before.
    pub(crate) fn place_of(&self, id: CommitId) -> Option<Place> {
        self.places.get(&id)
    }

    /// Drops a record from memory, so that the next look tells whether it still exists.
    pub(crate) fn forget(&self, record: &CommitRecord) {
        self.places.invalidate(&record.id);
        self.records.invalidate(&(record.branch_uid, record.seq));
    }

    /// Publishes a record at the place it names.
    ///
    /// # Errors
    /// Any failure leaves the outcome open: the record may be there, or still arrive.
    pub async fn append(&self, record: CommitRecord) -> Result<Append> {
        let record = Arc::new(record);
        let bytes = format::encode(&*record);
        let path = path(record.branch_uid, record.seq);
        // The place of a packed record is free, and taken all the same.
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
        let place = (record.branch_uid, record.seq);
        self.places.insert(record.id, place);
        self.records.insert(place, record.clone());
        record
    }
}

/// Returns the object of a place.
pub fn path(uid: BranchUid, seq: Seq) -> String {
    format!("{MANIFEST}/log/{uid}/{:020}.json", seq.0)
}
