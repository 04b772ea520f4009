//! Cleanup: removes what no live branch, tag or retention rule needs.
//!
//! First all commits are read, to mark what is kept ([`super::mark`]). Then each table is swept: of its files those go
//! that only unmarked versions name ([`omnigraph_storage::tables::reclaim`]). Last go the commit objects of deleted
//! branches. Versions that commits named go at once; files that no commit ever named go when they are older than the
//! grace period, as a write in flight makes such files before it publishes.
//!
//! Invariants: (1) nothing is removed unless every live branch could be read; (2) a failure in one table does not touch
//! the others, and leaves what it did not remove to the next cleanup; (3) commit objects go after the files they
//! account for, and only when those are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{FutureExt, StreamExt, stream};
use omnigraph_graph::commit::pack::PACKED_AFTER;
use omnigraph_graph::commit::{BranchName, Graph, Snapshot};
use omnigraph_storage::objects::root::ObjectInfo;
use omnigraph_storage::tables::reclaim::{self, Versions};
use serde::Serialize;

use super::retention::{KeptTable, Retention};
use super::{MANIFEST_KEY, failpoints, packing};
use crate::error::{OmniError, Result};

/// How long files that no commit names are left alone: longer than the longest load takes from its first file to its
/// commit, and short enough that the garbage of a crash costs little.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// Tables swept at the same time.
const TABLES_AT_ONCE: usize = 8;
const TABLE_DIRECTORIES: [&str; 2] = ["nodes", "edges"];
const ACTION: &str = "cleanup";

/// What to keep, and how careful to be. At least one of the first two is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicyOptions {
    /// Keep so many of the newest versions of each table on each live branch; the current one is always kept.
    pub keep_versions: Option<u32>,
    /// Keep what commits younger than this name.
    pub older_than: Option<Duration>,
    /// Report what would be removed, and remove nothing.
    pub dry_run: bool,
    /// Leave files that no commit names alone until they are so old; default one day. It must be longer than any write
    /// takes, as a write stages its files before it publishes.
    pub grace: Duration,
    /// Put the records of commits that are so old, and older than `grace`, into packs, many in one object; default one
    /// day. Shorter only while nobody else has the graph open: a handle elsewhere would not see what follows a younger
    /// commit.
    pub pack_after: Duration,
}

impl Default for CleanupPolicyOptions {
    fn default() -> Self {
        CleanupPolicyOptions {
            keep_versions: None,
            older_than: None,
            dry_run: false,
            grace: GRACE,
            pack_after: PACKED_AFTER,
        }
    }
}

/// What cleanup removed of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DatasetCleanupStats {
    /// `node:T`, `edge:T`, or `__manifest` for commits of deleted branches and what no commit names.
    pub type_key: String,
    /// Bytes of all files.
    pub bytes_removed: u64,
    /// Versions.
    pub old_versions_removed: u64,
    /// Why the table could not be cleaned up; the next cleanup tries again.
    pub error: Option<String>,
}

/// Removes what is not to be kept. Statistics hold every table that a live branch names.
///
/// # Errors
/// Bad request without a rule, or on a handle opened for reading; a conflict while an interrupted write is not settled,
/// another cleanup runs, or a live branch cannot be read; `Storage`. Nothing is removed in these cases.
pub(crate) async fn cleanup(
    graph: &Graph,
    options: CleanupPolicyOptions,
) -> Result<Vec<DatasetCleanupStats>> {
    if options.keep_versions.is_none() && options.older_than.is_none() {
        return Err(OmniError::bad_request("cleanup requires at least one of keep_versions and older_than"));
    }
    if options.dry_run {
        return run(graph, options).await;
    }
    graph.ensure_writable()?;
    let cleaning = graph.begin_cleanup().await?;
    let result = run(graph, options).await;
    cleaning.end().await;
    result
}

async fn run(graph: &Graph, options: CleanupPolicyOptions) -> Result<Vec<DatasetCleanupStats>> {
    super::settled::require_settled(graph, ACTION).await?;
    failpoints::hit(graph.root(), failpoints::CLEANUP_CHECKED)?;
    super::settled::require_settled(graph, ACTION).await?;

    let now = Utc::now();
    let rule = Retention {
        versions: options.keep_versions,
        since: options.older_than.map(|age| before(now, age).timestamp_micros()),
    };
    let marked = super::mark::mark(graph, rule).await?;
    let sweep = Sweep { graph: graph.clone(), before: before(now, options.grace), dry_run: options.dry_run };

    let mut report = Report::default();
    let mut jobs = Vec::new();
    let mut listed = list_tables(graph).await?;
    let head = graph.head(&BranchName::main()).await?;
    for known in &marked.kept.tables {
        let job = job(known, &head, &mut listed);
        if !known.current.is_empty() {
            report.entry(&job.key);
        }
        jobs.push(job);
    }
    let unnamed = listed.into_iter().map(|(path, objects)| Job {
        key: MANIFEST_KEY.to_owned(),
        path,
        objects,
        versions: Versions::default(),
    });
    jobs.extend(unnamed);

    let sweeping: Vec<_> = jobs.into_iter().map(|job| sweep.table(job).boxed()).collect();
    let mut sweeping = stream::iter(sweeping).buffer_unordered(tables_at_once());
    while let Some((key, outcome)) = sweeping.next().await {
        report.add(key, outcome);
    }
    drop(sweeping);
    if !report.failed {
        let outcome = sweep.commits(marked.garbage(graph, sweep.before).await).await;
        report.add(MANIFEST_KEY.to_owned(), outcome);
        let packed = packing::pack(
            graph,
            &marked,
            before(now, options.pack_after.max(options.grace)),
            options.dry_run,
        )
        .await;
        let packed = packed.map(|bytes| Removed { versions: 0, bytes });
        report.add(MANIFEST_KEY.to_owned(), packed);
    }
    Ok(report.finish())
}

/// Removes at once what the tables at these paths hold for older commits only: every version that is neither a live
/// branch's current one nor a tag's. Other tables and all commits stay.
///
/// # Errors
/// As [`cleanup`]; a later cleanup removes what this one left.
pub(crate) async fn reclaim_dropped(graph: &Graph, paths: &BTreeSet<String>) -> Result<()> {
    let cleaning = graph.begin_cleanup().await?;
    let result = reclaim_older(graph, paths).await;
    cleaning.end().await;
    result
}

async fn reclaim_older(graph: &Graph, paths: &BTreeSet<String>) -> Result<()> {
    super::settled::require_settled(graph, ACTION).await?;
    let marked = super::mark::mark(graph, Retention { versions: None, since: None }).await?;
    let sweep = Sweep { graph: graph.clone(), before: before(Utc::now(), GRACE), dry_run: false };
    let mut listed = list_tables(graph).await?;
    let head = graph.head(&BranchName::main()).await?;
    for known in marked.kept.tables.iter().filter(|known| paths.contains(&known.table.path)) {
        sweep.table(job(known, &head, &mut listed)).await.1?;
    }
    Ok(())
}

/// Makes the job of a table that commits name, under the name it has on main, or had last.
fn job(known: &KeptTable, head: &Snapshot, listed: &mut BTreeMap<String, Vec<ObjectInfo>>) -> Job {
    let pinned = head.record().tables.iter().find(|pin| pin.path == known.table.path);
    Job {
        key: pinned.map_or_else(|| known.table.key.clone(), |pin| pin.key()).to_string(),
        objects: listed.remove(&known.table.path).unwrap_or_default(),
        path: known.table.path.clone(),
        versions: Versions {
            current: known.current.clone(),
            keep: known.keep.clone(),
            published: known.published.clone(),
        },
    }
}

/// Returns how many tables are swept at the same time: `OMNIGRAPH_MAINTENANCE_CONCURRENCY`, or [`TABLES_AT_ONCE`].
fn tables_at_once() -> usize {
    let configured = std::env::var("OMNIGRAPH_MAINTENANCE_CONCURRENCY").ok();
    configured.and_then(|text| text.trim().parse().ok()).filter(|n| *n > 0).unwrap_or(TABLES_AT_ONCE)
}

fn before(now: DateTime<Utc>, age: Duration) -> DateTime<Utc> {
    let earliest = DateTime::<Utc>::UNIX_EPOCH;
    TimeDelta::from_std(age).ok().and_then(|age| now.checked_sub_signed(age)).unwrap_or(earliest)
}

/// Lists the objects of every table directory, by the path of the table.
async fn list_tables(graph: &Graph) -> Result<BTreeMap<String, Vec<ObjectInfo>>> {
    let mut tables: BTreeMap<String, Vec<ObjectInfo>> = BTreeMap::new();
    for directory in TABLE_DIRECTORIES {
        for object in graph.root().list(directory).await? {
            let mut parts = object.path.splitn(3, '/');
            if let (Some(directory), Some(table), Some(_)) = (parts.next(), parts.next(), parts.next()) {
                tables.entry(format!("{directory}/{table}")).or_default().push(object);
            }
        }
    }
    Ok(tables)
}

/// A table to sweep.
struct Job {
    key: String,
    path: String,
    objects: Vec<ObjectInfo>,
    versions: Versions,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default)]
struct Removed {
    versions: u64,
    bytes: u64,
}

struct Sweep {
    graph: Graph,
    before: DateTime<Utc>,
    dry_run: bool,
}

impl Sweep {
    async fn table(&self, job: Job) -> (String, Result<Removed>) {
        let orphan = job.versions.current.is_empty();
        let point = if orphan { failpoints::CLEANUP_ORPHAN } else { failpoints::CLEANUP_TABLE };
        let Job { key, path, objects, versions } = job;
        let outcome = match failpoints::hit(self.graph.root(), point) {
            Ok(()) => self.reclaim(&path, objects, &versions).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = &outcome {
            tracing::warn!(%error, path, "left a table to the next cleanup");
        }
        (key, outcome)
    }

    async fn reclaim(&self, path: &str, objects: Vec<ObjectInfo>, versions: &Versions) -> Result<Removed> {
        let root = self.graph.root();
        let garbage = reclaim::garbage(root, path, objects, versions, self.before).await?;
        let removed = Removed { versions: garbage.versions(), bytes: garbage.bytes() };
        if !self.dry_run {
            garbage.remove(root).await?;
        }
        Ok(removed)
    }

    async fn commits(&self, garbage: Result<Vec<ObjectInfo>>) -> Result<Removed> {
        let garbage = garbage?;
        let bytes = garbage.iter().map(|object| object.size).sum();
        if !self.dry_run {
            self.graph.root().delete_all(garbage.into_iter().map(|object| object.path).collect()).await?;
        }
        Ok(Removed { versions: 0, bytes })
    }
}

/// Statistics in the making.
#[derive(Default)]
struct Report {
    entries: BTreeMap<String, DatasetCleanupStats>,
    failed: bool,
}

impl Report {
    fn entry(&mut self, key: &str) -> &mut DatasetCleanupStats {
        self.entries.entry(key.to_owned()).or_insert_with(|| DatasetCleanupStats {
            type_key: key.to_owned(),
            ..DatasetCleanupStats::default()
        })
    }

    fn add(&mut self, key: String, outcome: Result<Removed>) {
        match outcome {
            Ok(Removed { versions: 0, bytes: 0 }) => {}
            Ok(removed) => {
                let entry = self.entry(&key);
                entry.bytes_removed += removed.bytes;
                entry.old_versions_removed += removed.versions;
            }
            Err(error) => {
                self.failed = true;
                self.entry(&key).error.get_or_insert(error.to_string());
            }
        }
    }

    /// Returns the entries: nodes, edges, then what belongs to no type.
    fn finish(self) -> Vec<DatasetCleanupStats> {
        let mut entries: Vec<DatasetCleanupStats> = self.entries.into_values().collect();
        let rank = |key: &str| (!key.starts_with("node:"), key == MANIFEST_KEY);
        entries.sort_by(|a, b| (rank(&a.type_key), &a.type_key).cmp(&(rank(&b.type_key), &b.type_key)));
        entries
    }
}
