//! Packing old records: many small objects become one ([`omnigraph_graph::commit::pack`]).
//!
//! A block is packed when all its records are there, the log goes on after it, and every record is old. The pack is
//! durable before the first of the objects it stands for is removed; an interrupted packing is finished by the next.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use omnigraph_graph::commit::ids::BranchUid;
use omnigraph_graph::commit::pack::{self, Pack};
use omnigraph_graph::commit::{CommitRecord, Graph, Seq};
use omnigraph_storage::Created;
use omnigraph_storage::objects::root::ObjectInfo;

use super::mark::{LogObjects, Marked};
use crate::error::{OmniError, Result};

const READ_AT_ONCE: usize = 32;

/// Packs the records that stay and are older than `before`; returns the bytes that this saves.
///
/// # Errors
/// `Storage`; what was packed until then stays so.
pub(crate) async fn pack(
    graph: &Graph,
    marked: &Marked,
    before: DateTime<Utc>,
    dry_run: bool,
) -> Result<u64> {
    let mut saved = 0;
    for (uid, stored) in marked.logs.iter().filter(|(uid, _)| marked.stays(**uid)) {
        for (block, objects) in candidates(stored, before) {
            saved += Packing { graph, uid: *uid, block, before, dry_run }.run(stored, &objects).await?;
        }
    }
    Ok(saved)
}

/// Returns the records with objects of their own, by block, of the blocks below the one of the newest record.
fn candidates(stored: &LogObjects, before: DateTime<Utc>) -> BTreeMap<u64, Vec<(Seq, ObjectInfo)>> {
    let mut blocks: BTreeMap<u64, Vec<(Seq, ObjectInfo)>> = BTreeMap::new();
    let newest = stored.own.last().map_or(0, |(seq, _)| pack::block_of(*seq));
    for (seq, object) in &stored.own {
        let block = pack::block_of(*seq);
        if block < newest {
            blocks.entry(block).or_default().push((*seq, object.clone()));
        }
    }
    blocks.retain(|_, objects| objects.iter().all(|(_, object)| object.modified < before));
    blocks
}

struct Packing<'a> {
    graph: &'a Graph,
    uid: BranchUid,
    block: u64,
    before: DateTime<Utc>,
    dry_run: bool,
}

impl Packing<'_> {
    async fn run(&self, stored: &LogObjects, objects: &[(Seq, ObjectInfo)]) -> Result<u64> {
        let bytes = objects.iter().map(|(_, object)| object.size).sum::<u64>();
        let packed = match stored.packs.get(&self.block) {
            Some(_) => {
                let first = Seq(self.block * pack::BLOCK);
                let found = self.graph.log().pack_at((self.uid, first)).await?;
                if !found.is_some_and(|found| holds(&found, objects)) {
                    return Err(self.contradiction());
                }
                0
            }
            None => match self.create(objects).await? {
                Some(packed) => packed,
                None => return Ok(0),
            },
        };
        if !self.dry_run {
            let paths = objects.iter().map(|(_, object)| object.path.clone()).collect();
            self.graph.root().delete_all(paths).await?;
        }
        Ok(bytes.saturating_sub(packed))
    }

    /// Creates the pack and returns its size; none when the block is not complete or not old.
    async fn create(&self, objects: &[(Seq, ObjectInfo)]) -> Result<Option<u64>> {
        let records = self.read(objects).await?;
        let parsed: Vec<CommitRecord> = records
            .iter()
            .map(|bytes| serde_json::from_slice(bytes))
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| {
                OmniError::internal(format!("a commit that was read cannot be read: {error}"))
            })?;
        let starts = parsed.first().is_some_and(|first| {
            let own_parent = first.parents.first().is_some_and(|parent| parent.branch_uid == self.uid);
            !own_parent || first.seq.0 % pack::BLOCK == 0
        });
        let dense = parsed.windows(2).all(|pair| pair[0].seq.next() == pair[1].seq);
        let ends = parsed.last().is_some_and(|last| pack::block_of(last.seq.next()) > self.block);
        let old = parsed.iter().all(|record| pack::is_old(record.id, self.before));
        if !(starts && dense && ends && old) {
            return Ok(None);
        }
        let packed = pack::encode(&records)?;
        let size = packed.len() as u64;
        if !self.dry_run {
            let path = pack::path(self.uid, self.block);
            if let Created::Taken(found) = self.graph.root().create(&path, packed.clone()).await?
                && found != packed
            {
                return Err(self.contradiction());
            }
        }
        Ok(Some(size))
    }

    async fn read(&self, objects: &[(Seq, ObjectInfo)]) -> Result<Vec<Bytes>> {
        let reading: Vec<_> = objects
            .iter()
            .map(|(_, object)| {
                let (root, path) = (self.graph.root().clone(), object.path.clone());
                async move {
                    let gone = || OmniError::internal(format!("{path} was listed and is gone"));
                    root.get(&path).await?.ok_or_else(gone)
                }
                .boxed()
            })
            .collect();
        stream::iter(reading).buffered(READ_AT_ONCE).try_collect().await
    }

    fn contradiction(&self) -> OmniError {
        let path = pack::path(self.uid, self.block);
        OmniError::internal(format!(
            "{path} does not hold the commits that it stands for; nothing was removed"
        ))
    }
}

/// Tells whether a pack holds the records of all these objects.
fn holds(found: &Pack, objects: &[(Seq, ObjectInfo)]) -> bool {
    let packed = |seq: &Seq| found.records().binary_search_by_key(seq, |record| record.seq).is_ok();
    objects.iter().all(|(seq, _)| packed(seq))
}

#[cfg(test)]
mod tests;
