//! The mark phase of a cleanup: reads all commits of a graph, to learn which table versions and commit objects are
//! needed.
//!
//! Which versions are kept is decided by [`super::retention`]; here is where records come from, and which of their
//! objects are garbage themselves. A log is the sequence of records of one incarnation of a branch.
//!
//! Invariants: (1) logs are listed before refs, so the branch of a record that was seen is among the refs that are
//! read, if it lives, and a branch that is created meanwhile is not mistaken for a deleted one; (2) when a live branch
//! cannot be read completely, nothing is decided.
//! Cost: one listing of all logs, and one read per pack and per record that is not packed. Memory: as
//! [`super::retention`] says.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::{FutureExt, StreamExt, stream};
use omnigraph_graph::branch::tags;
use omnigraph_graph::commit::format::MANIFEST;
use omnigraph_graph::commit::ids::BranchUid;
use omnigraph_graph::commit::log::LogPosition;
use omnigraph_graph::commit::refs::{self, BranchRef};
use omnigraph_graph::commit::{BranchName, CommitRecord, Graph, Seq, pack};
use omnigraph_storage::objects::root::ObjectInfo;

use super::failpoints;
use super::retention::{self, Archive, Kept, Lineage, Retention};
use crate::error::{OmniError, Result};

const READ_AT_ONCE: usize = 32;
/// Attempts that may find a gap in a log before it counts as one.
const ATTEMPTS: u32 = 2;

/// What the commits of a graph need, and where they are.
#[derive(Debug)]
pub(crate) struct Marked {
    /// What is kept.
    pub(crate) kept: Kept,
    /// Where the records are.
    pub(crate) logs: BTreeMap<BranchUid, LogObjects>,
    live: BTreeSet<BranchUid>,
    unreadable: BTreeSet<BranchUid>,
    /// Schemas by the log whose records name them.
    schemas: BTreeMap<BranchUid, BTreeSet<String>>,
}

/// The objects that hold the records of a log.
#[derive(Debug, Default)]
pub(crate) struct LogObjects {
    /// Packs, by block.
    pub(crate) packs: BTreeMap<u64, ObjectInfo>,
    /// Records with an object of their own, in order; some may be packed too.
    pub(crate) own: Vec<(Seq, ObjectInfo)>,
}

/// Reads all commits and decides what is kept.
///
/// # Errors
/// A conflict (`could not classify live branch`) when the history of a live branch cannot be read.
pub(crate) async fn mark(graph: &Graph, rule: Retention) -> Result<Marked> {
    for _ in 0..ATTEMPTS {
        match try_mark(graph, rule).await? {
            Ok(marked) => return Ok(marked),
            // A branch that began meanwhile at a commit made meanwhile looks the same until logs are listed again.
            Err(gap) => tracing::debug!(branch = %gap, "reading the logs again"),
        }
    }
    try_mark(graph, rule).await?.map_err(|branch| unclassified(&branch, &"its log has a gap"))
}

/// Marks once; returns a branch whose history has a gap instead, if there is one.
async fn try_mark(graph: &Graph, rule: Retention) -> Result<std::result::Result<Marked, BranchName>> {
    let logs = list_logs(graph).await?;
    let branches = live_branches(graph).await?;
    let tags = tagged_positions(graph).await?;

    let mut marked = Marked {
        kept: Kept { tables: Vec::new(), logs: BTreeSet::new() },
        live: branches.iter().map(|branch| branch.uid).collect(),
        unreadable: BTreeSet::new(),
        schemas: BTreeMap::new(),
        logs,
    };
    let mut archive = Archive::default();
    for (uid, stored) in &marked.logs {
        let (user, schemas) = (user_of(&branches, *uid), marked.schemas.entry(*uid).or_default());
        let read = read_log(graph, *uid, stored, |record| {
            schemas.insert(record.schema.clone());
            archive.push(record, parents(record));
        });
        match (read.await, user) {
            (Ok(()), _) => {}
            (Err(error), Some(branch)) => return Err(unclassified(&branch.name, &error)),
            (Err(error), None) => {
                tracing::warn!(%error, %uid, "left the log of a deleted branch alone");
                marked.unreadable.insert(*uid);
            }
        }
    }
    let mut lineages = Vec::new();
    for branch in &branches {
        let lineage = Lineage::new(&branch.inherited, branch.uid, archive.last(branch.uid));
        if lineage.head().is_none() || !lineage.runs().iter().all(|run| archive.has_run(*run)) {
            return Ok(Err(branch.name.clone()));
        }
        lineages.push(lineage);
    }
    if let Some(uid) = marked.unreadable.iter().find(|uid| archive.leads_to(**uid, &tags)) {
        return Err(OmniError::refused(format!(
            "could not read the log {uid} of a deleted branch, whose commits a live branch or a tag needs"
        )));
    }
    marked.kept = retention::keep(&archive, &lineages, &tags, rule);
    Ok(Ok(marked))
}

async fn list_logs(graph: &Graph) -> Result<BTreeMap<BranchUid, LogObjects>> {
    let directory = format!("{MANIFEST}/log/");
    let mut logs: BTreeMap<BranchUid, LogObjects> = BTreeMap::new();
    for object in graph.root().list(&directory).await? {
        let position = object.path.strip_prefix(&directory).and_then(|path| {
            let (uid, name) = path.split_once('/')?;
            Some((BranchUid::from_text(uid)?, Seq(name.strip_suffix(".json")?.parse().ok()?)))
        });
        if let Some((uid, seq)) = position {
            logs.entry(uid).or_default().own.push((seq, object));
        }
    }
    // After the logs: a record that is being packed is seen in one of the two.
    for object in graph.root().list(pack::DIRECTORY).await? {
        if let Some((uid, block)) = pack::parse(&object.path) {
            logs.entry(uid).or_default().packs.insert(block, object);
        }
    }
    for stored in logs.values_mut() {
        stored.own.sort_by_key(|(seq, _)| *seq);
    }
    Ok(logs)
}

async fn live_branches(graph: &Graph) -> Result<Vec<BranchRef>> {
    let mut branches = Vec::new();
    for object in graph.root().list(&format!("{MANIFEST}/refs/")).await? {
        let Some(stem) = object.path.rsplit('/').next().and_then(|name| name.strip_suffix(".json")) else {
            continue;
        };
        let unnamed =
            || OmniError::refused(format!("could not classify live branch '{stem}': it has no name"));
        let name = BranchName::from_escaped(stem).ok_or_else(unnamed)?;
        let loaded = match failpoints::hit(graph.root(), omnigraph_graph::commit::failpoints::CLEANUP_BRANCH)
        {
            Ok(()) => refs::load(graph.root(), &name).await,
            Err(error) => Err(error.into()),
        };
        // A ref that is gone by now was deleted meanwhile.
        branches.extend(loaded.map_err(|error| unclassified(&name, &error))?);
    }
    Ok(branches)
}

async fn tagged_positions(graph: &Graph) -> Result<Vec<LogPosition>> {
    let tags = tags::list(graph.root()).await?;
    Ok(tags.into_iter().map(|tag| (tag.commit.branch_uid, tag.commit.seq)).collect())
}

async fn read_log(
    graph: &Graph,
    uid: BranchUid,
    stored: &LogObjects,
    mut take: impl FnMut(&CommitRecord),
) -> Result<()> {
    for block in stored.packs.keys() {
        // A pack or a record that is gone by now belonged to a deleted branch that another cleanup removes.
        if let Some(pack) = graph.log().pack_at((uid, Seq(block * pack::BLOCK))).await? {
            pack.records().iter().for_each(&mut take);
        }
    }
    let unpacked = stored.own.iter().map(|(seq, _)| *seq);
    let unpacked = unpacked.filter(|seq| !stored.packs.contains_key(&pack::block_of(*seq)));
    let reading: Vec<_> = unpacked
        .map(|seq| {
            let log = graph.log().clone();
            async move { log.get(uid, seq).await }.boxed()
        })
        .collect();
    let mut reading = stream::iter(reading).buffered(READ_AT_ONCE);
    while let Some(read) = reading.next().await {
        if let Some(record) = read? {
            take(&record);
        }
    }
    Ok(())
}

impl Marked {
    /// Tells whether the records of a log stay.
    pub(crate) fn stays(&self, uid: BranchUid) -> bool {
        (self.live.contains(&uid) || self.kept.logs.contains(&uid)) && !self.unreadable.contains(&uid)
    }

    /// Returns the objects that nothing needs any more, in the order in which to remove them.
    ///
    /// Logs of branches that were deleted go with their refs, hints and records, unless a live branch or a tag has one
    /// of the records among its ancestors; schemas that no record names go. What no branch ever named goes once it is
    /// older than `before`.
    ///
    /// # Errors
    /// `Storage`.
    pub(crate) async fn garbage(&self, graph: &Graph, before: DateTime<Utc>) -> Result<Vec<ObjectInfo>> {
        let retired = by_uid(graph, "retired").await?;
        let hints = by_uid(graph, "hints").await?;
        let dead = |uid: &BranchUid| !self.live.contains(uid) && !self.kept.logs.contains(uid);
        let known = |uid: &BranchUid| retired.contains_key(uid) && !self.unreadable.contains(uid);
        // A log that no deletion accounts for may be of a graph or a branch that is being made.
        let goes =
            |uid: &BranchUid, object: &ObjectInfo| dead(uid) && (known(uid) || object.modified < before);

        // A record is found through its ref, so the ref goes first.
        let mut garbage = Vec::new();
        for objects in [&retired, &hints] {
            for (uid, objects) in objects {
                garbage.extend(objects.iter().filter(|object| goes(uid, object)).cloned());
            }
        }
        for (uid, stored) in &self.logs {
            let objects = stored.own.iter().map(|(_, object)| object).chain(stored.packs.values());
            garbage.extend(objects.filter(|object| goes(uid, object)).cloned());
        }
        if self.unreadable.is_empty() {
            let named: BTreeSet<&String> =
                self.schemas.iter().filter(|(uid, _)| !dead(uid)).flat_map(|(_, schemas)| schemas).collect();
            for object in graph.root().list(&format!("{MANIFEST}/schema/")).await? {
                let hash = object.path.rsplit('/').next().and_then(|name| name.strip_suffix(".json"));
                if hash.is_some_and(|hash| !named.contains(&hash.to_owned())) && object.modified < before {
                    garbage.push(object);
                }
            }
        }
        Ok(garbage)
    }
}

/// Lists the objects of a directory by the incarnation of a branch that they are named after.
async fn by_uid(graph: &Graph, directory: &str) -> Result<BTreeMap<BranchUid, Vec<ObjectInfo>>> {
    let directory = format!("{MANIFEST}/{directory}/");
    let mut found: BTreeMap<BranchUid, Vec<ObjectInfo>> = BTreeMap::new();
    for object in graph.root().list(&directory).await? {
        let name = object.path.strip_prefix(&directory).and_then(|path| path.split(['/', '.']).next());
        if let Some(uid) = name.and_then(BranchUid::from_text) {
            found.entry(uid).or_default().push(object);
        }
    }
    Ok(found)
}

/// Returns a live branch whose history runs through a log.
fn user_of(branches: &[BranchRef], uid: BranchUid) -> Option<&BranchRef> {
    let uses = |branch: &&BranchRef| {
        branch.uid == uid || branch.inherited.iter().any(|segment| segment.branch_uid == uid)
    };
    branches.iter().find(uses)
}

fn parents(record: &CommitRecord) -> Vec<LogPosition> {
    record.parents.iter().map(|parent| (parent.branch_uid, parent.seq)).collect()
}

fn unclassified(branch: &BranchName, cause: &dyn std::fmt::Display) -> OmniError {
    OmniError::refused(format!("could not classify live branch '{branch}': {cause}; nothing was removed"))
}
