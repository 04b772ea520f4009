//! Decides which table versions a cleanup keeps. Pure: records in, versions out.
//!
//! A commit record pins one version of each table. Kept are, for every live branch, the pins of its head, the newest
//! versions of each of those tables, and all pins of records that are young enough; further the pins of tagged records,
//! and of every merge base of two live branches, so that a cleanup never makes a merge impossible.
//!
//! An [`Archive`] holds, for each log, the parents of each record and where the pin of each table changes. Memory:
//! about 100 bytes per record and 24 per change of a pin. Cost: the sum of those, plus, for each record at which
//! histories part, the number of live branches that have it.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use omnigraph_compiler::catalog::TypeKey;
use omnigraph_graph::commit::ids::BranchUid;
use omnigraph_graph::commit::log::LogPosition;
use omnigraph_graph::commit::refs::Segment;
use omnigraph_graph::commit::{CommitId, CommitRecord, Seq};
use omnigraph_storage::TableVersion;
use roaring::RoaringBitmap;

/// What to keep beyond what live branches need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retention {
    /// So many of the newest versions of each table, on each live branch.
    pub(crate) versions: Option<u32>,
    /// Everything that commits since this moment name, in microseconds since the epoch.
    pub(crate) since: Option<i64>,
}

/// The first parent before the others.
type Parents = Vec<LogPosition>;

/// A record, as far as retention depends on it.
#[derive(Clone, Debug)]
struct Entry {
    seq: Seq,
    id: CommitId,
    created_at: i64,
    parents: Parents,
}

/// Number of a table in a [`Archive`].
type TableIndex = u32;

/// A table that some record names.
#[derive(Clone, Debug)]
pub(crate) struct NamedTable {
    /// Its path.
    pub(crate) path: String,
    /// The type it belonged to, as last seen.
    pub(crate) key: TypeKey,
}

/// The records of one log, in order.
#[derive(Debug, Default)]
struct LogHistory {
    entries: Vec<Entry>,
    /// Per table, where its pin changes; none where the table is named no more.
    changes: BTreeMap<TableIndex, Vec<(Seq, Option<TableVersion>)>>,
    /// Tables that the last record names.
    last: BTreeSet<TableIndex>,
}

impl LogHistory {
    fn entry(&self, seq: Seq) -> Option<&Entry> {
        self.entries.binary_search_by_key(&seq, |entry| entry.seq).ok().map(|index| &self.entries[index])
    }

    /// Returns the pins of the record at a position.
    fn pins(&self, seq: Seq) -> impl Iterator<Item = (TableIndex, TableVersion)> + '_ {
        self.changes.iter().filter_map(move |(table, changes)| {
            let after = changes.partition_point(|(at, _)| *at <= seq);
            let version = changes[..after].last()?.1?;
            Some((*table, version))
        })
    }
}

/// The records of a graph.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    tables: Vec<NamedTable>,
    by_path: HashMap<String, TableIndex>,
    logs: BTreeMap<BranchUid, LogHistory>,
}

impl Archive {
    /// Adds the next record of a log.
    pub(crate) fn push(&mut self, record: &CommitRecord, parents: Parents) {
        let pins: Vec<(TableIndex, TableVersion)> =
            record.tables.iter().map(|pin| (self.table(&pin.path, pin.key()), pin.version)).collect();
        let entry = Entry { seq: record.seq, id: record.id, created_at: record.created_at, parents };
        self.add(record.branch_uid, entry, &pins);
    }

    fn add(&mut self, uid: BranchUid, entry: Entry, pins: &[(TableIndex, TableVersion)]) {
        let (log, seq) = (self.logs.entry(uid).or_default(), entry.seq);
        let named: BTreeSet<TableIndex> = pins.iter().map(|(table, _)| *table).collect();
        let gone: Vec<TableIndex> = log.last.difference(&named).copied().collect();
        for table in gone {
            log.changes.entry(table).or_default().push((seq, None));
        }
        for (table, version) in pins {
            let changes = log.changes.entry(*table).or_default();
            if changes.last().is_none_or(|(_, last)| *last != Some(*version)) {
                changes.push((seq, Some(*version)));
            }
        }
        log.last = named;
        log.entries.push(entry);
    }

    fn table(&mut self, path: &str, key: TypeKey) -> TableIndex {
        if let Some(index) = self.by_path.get(path) {
            self.tables[*index as usize].key = key;
            return *index;
        }
        let index = TableIndex::try_from(self.tables.len()).expect("a graph has fewer tables than that");
        self.tables.push(NamedTable { path: path.to_owned(), key });
        self.by_path.insert(path.to_owned(), index);
        index
    }

    /// Returns the last position of a log.
    pub(crate) fn last(&self, uid: BranchUid) -> Option<Seq> {
        self.logs.get(&uid)?.entries.last().map(|entry| entry.seq)
    }

    /// Tells whether a record of another log has a parent in this one, or one of `positions` is in it.
    pub(crate) fn leads_to(&self, uid: BranchUid, positions: &[LogPosition]) -> bool {
        let others = self.logs.iter().filter(|(log, _)| **log != uid).map(|(_, log)| log);
        let parents = others.flat_map(|log| &log.entries).flat_map(|entry| &entry.parents);
        parents.chain(positions).any(|position| position.0 == uid)
    }

    /// Tells whether every record of a run is here.
    pub(crate) fn has_run(&self, run: Run) -> bool {
        let Some(log) = self.logs.get(&run.uid) else { return run.is_empty() };
        let from = log.entries.partition_point(|entry| entry.seq < run.first);
        let to = log.entries.partition_point(|entry| entry.seq <= run.last);
        run.is_empty() || (to - from) as u64 == run.last.0 - run.first.0 + 1
    }

    fn entry(&self, position: LogPosition) -> Option<&Entry> {
        self.logs.get(&position.0)?.entry(position.1)
    }

    fn pins(&self, position: LogPosition) -> impl Iterator<Item = (TableIndex, TableVersion)> + '_ {
        self.logs.get(&position.0).into_iter().flat_map(move |log| log.pins(position.1))
    }
}

/// A stretch of one log; empty when `first` is above `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Whose log.
    pub(crate) uid: BranchUid,
    /// The first position.
    pub(crate) first: Seq,
    /// The last position.
    pub(crate) last: Seq,
}

impl Run {
    fn is_empty(self) -> bool {
        self.first > self.last
    }
}

/// The first-parent history of a live branch: runs of logs, oldest first, without empty ones.
#[derive(Clone, Debug)]
pub(crate) struct Lineage(Vec<Run>);

impl Lineage {
    /// Joins what a branch inherits with its own records, the last of which is at `last`.
    pub(crate) fn new(inherited: &[Segment], uid: BranchUid, last: Option<Seq>) -> Lineage {
        let mut runs = Vec::new();
        let mut first = Seq::FIRST;
        let own = last.map(|last| Segment { branch_uid: uid, last });
        for segment in inherited.iter().copied().chain(own) {
            runs.push(Run { uid: segment.branch_uid, first, last: segment.last });
            first = first.max(segment.last.next());
        }
        runs.retain(|run| !run.is_empty());
        Lineage(runs)
    }

    /// Returns the runs.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.0
    }

    /// Returns the position of the newest record.
    pub(crate) fn head(&self) -> Option<LogPosition> {
        self.0.last().map(|run| (run.uid, run.last))
    }
}

/// What is known about the versions of a table.
#[derive(Clone, Debug)]
pub(crate) struct KeptTable {
    /// The table.
    pub(crate) table: NamedTable,
    /// What heads of live branches name.
    pub(crate) current: BTreeSet<TableVersion>,
    /// What is kept, the current ones included.
    pub(crate) keep: BTreeSet<TableVersion>,
    /// What any record names.
    pub(crate) published: BTreeSet<TableVersion>,
}

/// What to keep.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Every table that any record names.
    pub(crate) tables: Vec<KeptTable>,
    /// Logs that hold an ancestor of a live head or of a tagged commit.
    pub(crate) logs: BTreeSet<BranchUid>,
}

/// Decides what live branches, tags and the retention rule keep.
pub(crate) fn keep(archive: &Archive, branches: &[Lineage], tags: &[LogPosition], rule: Retention) -> Kept {
    let describe = |table: &NamedTable| KeptTable {
        table: table.clone(),
        current: BTreeSet::new(),
        keep: BTreeSet::new(),
        published: BTreeSet::new(),
    };
    let mut tables: Vec<KeptTable> = archive.tables.iter().map(describe).collect();
    for log in archive.logs.values() {
        for (table, changes) in &log.changes {
            tables[*table as usize].published.extend(changes.iter().filter_map(|(_, version)| *version));
        }
    }
    for lineage in branches {
        let Some(head) = lineage.head() else { continue };
        for (table, version) in archive.pins(head) {
            let kept = &mut tables[table as usize];
            kept.current.insert(version);
            kept.keep.insert(version);
            kept.keep.extend(newest(archive, lineage, table, rule.versions.unwrap_or(0)));
        }
    }
    if let Some(since) = rule.since {
        keep_young(archive, branches, since, &mut tables);
    }
    let (bases, logs) = walk(archive, branches, tags);
    for position in bases.into_iter().chain(tags.iter().copied()) {
        for (table, version) in archive.pins(position) {
            tables[table as usize].keep.insert(version);
        }
    }
    Kept { tables, logs }
}

/// Returns the newest distinct versions of a table along a branch, `count` at most.
fn newest(archive: &Archive, lineage: &Lineage, table: TableIndex, count: u32) -> BTreeSet<TableVersion> {
    let mut found = BTreeSet::new();
    for run in lineage.runs().iter().rev() {
        let Some(changes) = archive.logs.get(&run.uid).and_then(|log| log.changes.get(&table)) else {
            continue;
        };
        // What the record before the run named is in force in the run until the first change.
        let from = changes.partition_point(|(seq, _)| *seq <= run.first).saturating_sub(1);
        let to = changes.partition_point(|(seq, _)| *seq <= run.last);
        for (_, version) in changes[from.min(to)..to].iter().rev() {
            if found.len() >= count as usize {
                return found;
            }
            found.extend(*version);
        }
    }
    found
}

/// Keeps the pins of the records of live branches that are not older than `since`.
fn keep_young(archive: &Archive, branches: &[Lineage], since: i64, tables: &mut [KeptTable]) {
    let mut bounds: BTreeMap<BranchUid, Seq> = BTreeMap::new();
    for run in branches.iter().flat_map(|lineage| lineage.runs()) {
        let bound = bounds.entry(run.uid).or_insert(run.last);
        *bound = run.last.max(*bound);
    }
    for (uid, bound) in bounds {
        let Some(log) = archive.logs.get(&uid) else { continue };
        let young = log.entries.iter().filter(|entry| entry.seq <= bound && entry.created_at >= since);
        let young: Vec<Seq> = young.map(|entry| entry.seq).collect();
        for (table, changes) in &log.changes {
            for (index, (from, version)) in changes.iter().enumerate() {
                let next = young.get(young.partition_point(|seq| seq < from));
                let until = changes.get(index + 1).map(|(seq, _)| seq);
                if next.is_some_and(|seq| until.is_none_or(|until| seq < until)) {
                    tables[*table as usize].keep.extend(*version);
                }
            }
        }
    }
}

/// Walks all ancestors of live heads and tags; returns the merge bases of pairs of heads, and the logs met.
fn walk(
    archive: &Archive,
    branches: &[Lineage],
    tags: &[LogPosition],
) -> (Vec<LogPosition>, BTreeSet<BranchUid>) {
    // Ids ascend from parents to children, so taking the greatest first meets every child before its parents. Per record
    // one set per child and head: the numbers of the branches that have the record through it.
    let mut waiting: BinaryHeap<(CommitId, LogPosition)> = BinaryHeap::new();
    let mut reached: HashMap<LogPosition, Vec<RoaringBitmap>> = HashMap::new();
    let meet = |waiting: &mut BinaryHeap<(CommitId, LogPosition)>,
                reached: &mut HashMap<LogPosition, Vec<RoaringBitmap>>,
                position,
                reach| {
        let Some(entry) = archive.entry(position) else { return };
        reached.entry(position).or_insert_with(|| {
            waiting.push((entry.id, position));
            Vec::new()
        });
        reached.entry(position).or_default().push(reach);
    };
    for (number, lineage) in (0_u32..).zip(branches) {
        if let Some(head) = lineage.head() {
            meet(&mut waiting, &mut reached, head, RoaringBitmap::from_iter([number]));
        }
    }
    for tag in tags {
        meet(&mut waiting, &mut reached, *tag, RoaringBitmap::new());
    }
    let (mut bases, mut logs) = (Vec::new(), BTreeSet::new());
    while let Some((_, position)) = waiting.pop() {
        let through = reached.remove(&position).unwrap_or_default();
        logs.insert(position.0);
        let mut all = RoaringBitmap::new();
        for reach in &through {
            all |= reach;
        }
        if through.len() > 1 && parts_a_pair(&through, &all) {
            bases.push(position);
        }
        for parent in archive.entry(position).into_iter().flat_map(|entry| &entry.parents) {
            meet(&mut waiting, &mut reached, *parent, all.clone());
        }
    }
    (bases, logs)
}

/// Tells whether two branches have a record in common without sharing any child of it.
fn parts_a_pair(through: &[RoaringBitmap], all: &RoaringBitmap) -> bool {
    all.iter().any(|branch| {
        let mut together = RoaringBitmap::from_iter([branch]);
        for reach in through.iter().filter(|reach| reach.contains(branch)) {
            together |= reach;
        }
        !all.is_subset(&together)
    })
}

#[cfg(test)]
mod tests;
