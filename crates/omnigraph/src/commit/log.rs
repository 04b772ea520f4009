//! The log of a branch: its commit records, one object each, and the put that publishes one.
//!
//! Owns `__manifest/log/<branch uid>/<seq>.json`.
//!
//! Invariants: (1) a record that exists is never rewritten; (2) the log of a live branch is dense from its first place:
//! a record is created only after the one before it was seen, and cleanup reclaims table versions, never records;
//! (3) ids ascend with places.
//! Cost: one request per record not cached. [`Log::append`] is one conditional put, plus one read per lost race or lost
//! acknowledgement.
//! Cancellation: dropping an append leaves the record or nothing; reading its place tells which.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::failpoints;
use super::format::{self, MANIFEST};
use super::ids::{BranchUid, CommitId, Seq};
use super::record::CommitRecord;
use crate::error::{OmniError, Result};
use crate::storage::{Created, Root};

/// Bytes of records kept per handle, estimated.
const CACHED_BYTES: u64 = 32 << 20;
/// Places of commits kept per handle.
const CACHED_IDS: u64 = 65_536;
/// Puts of one record whose acknowledgement got lost, before the outcome is left to recovery.
const PUTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Name of a record: whose log, which place.
pub(crate) type Place = (BranchUid, Seq);

/// What came of publishing a record.
#[derive(Debug)]
pub(crate) enum Append {
    /// It stands at its place.
    Published(Arc<CommitRecord>),
    /// The record of another operation stands there.
    Lost,
}

/// The logs of one root.
#[derive(Clone)]
pub(crate) struct Log {
    root: Root,
    records: Cache<Place, Arc<CommitRecord>>,
    places: Cache<CommitId, Place>,
}

impl Log {
    /// Makes an empty cache over a root.
    pub(crate) fn new(root: Root) -> Log {
        let weigh = |_: &Place, record: &Arc<CommitRecord>| {
            let tables: usize = record.tables.iter().map(|pin| 256 + 64 * pin.indexes.len()).sum();
            u32::try_from(512 + tables).unwrap_or(u32::MAX)
        };
        Log {
            root,
            records: Cache::builder().max_capacity(CACHED_BYTES).weigher(weigh).build(),
            places: Cache::new(CACHED_IDS),
        }
    }

    /// Reads the record at a place; absent means that the log has not got that far.
    pub(crate) async fn get(&self, uid: BranchUid, seq: Seq) -> Result<Option<Arc<CommitRecord>>> {
        if let Some(record) = self.records.get(&(uid, seq)) {
            return Ok(Some(record));
        }
        let path = path(uid, seq);
        let Some(bytes) = self.root.get(&path).await? else {
            return Ok(None);
        };
        let record: CommitRecord = format::decode(&self.root, &path, &bytes)?;
        if (record.branch_uid, record.seq) != (uid, seq) {
            return Err(OmniError::internal(format!("{path} holds the record of another place")));
        }
        Ok(Some(self.remember(Arc::new(record))))
    }

    /// Tells whether the record at a place is in memory.
    pub(crate) fn is_cached(&self, uid: BranchUid, seq: Seq) -> bool {
        self.records.contains_key(&(uid, seq))
    }

    /// Returns the place of a commit that was met before.
    pub(crate) fn place_of(&self, id: CommitId) -> Option<Place> {
        self.places.get(&id)
    }

    /// Publishes a record at the place it names.
    ///
    /// # Errors
    /// Any failure leaves the outcome open: the record may be there, or still arrive.
    pub(crate) async fn append(&self, record: CommitRecord) -> Result<Append> {
        let record = Arc::new(record);
        let bytes = format::encode(&*record);
        let path = path(record.branch_uid, record.seq);
        let mut pause = FIRST_PAUSE;
        for put in 1.. {
            let failure = match self.put(&path, bytes.clone()).await {
                Ok(Created::Yes) => return Ok(Append::Published(self.remember(record))),
                Ok(Created::AlreadyExists) => None,
                Err(error) => Some(error),
            };
            match (self.get(record.branch_uid, record.seq).await, failure) {
                (Ok(Some(found)), _) if found.operation_id == record.operation_id => {
                    return Ok(Append::Published(found));
                }
                (Ok(Some(_)), _) => return Ok(Append::Lost),
                (Ok(None), None) => {
                    return Err(OmniError::internal(format!("{path} was there and is gone")));
                }
                (Ok(None), Some(error)) | (Err(_), Some(error)) | (Err(error), None) => {
                    if put == PUTS {
                        return Err(error);
                    }
                    tracing::warn!(%error, path, "publication not acknowledged; looking again");
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the loop ends at the last put")
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
pub(crate) fn path(uid: BranchUid, seq: Seq) -> String {
    format!("{MANIFEST}/log/{uid}/{:020}.json", seq.0)
}
