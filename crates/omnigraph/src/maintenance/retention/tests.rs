//! The rule against a plain reading of it, on random graphs of commits.

use proptest::prelude::*;
use ulid::Ulid;

use super::*;

#[derive(Clone, Debug)]
struct Record {
    position: LogPosition,
    parents: Vec<usize>,
    created_at: i64,
    pins: BTreeMap<u32, TableVersion>,
}

#[derive(Debug)]
struct Branch {
    uid: BranchUid,
    inherited: Vec<Segment>,
    head: usize,
    own: Option<Seq>,
    live: bool,
}

impl Branch {
    fn lineage(&self) -> Lineage {
        Lineage::new(&self.inherited, self.uid, self.own)
    }
}

/// A graph of commits as a list, with everything spelled out.
#[derive(Debug, Default)]
struct World {
    records: Vec<Record>,
    branches: Vec<Branch>,
    tags: Vec<usize>,
    history: Archive,
    next_version: u64,
}

impl World {
    fn new() -> World {
        let mut world = World::default();
        for table in 0..3 {
            world.history.table(&format!("nodes/{table}"), TypeKey::node("T"));
        }
        let uid = BranchUid::mint();
        world.branches.push(Branch { uid, inherited: Vec::new(), head: 0, own: None, live: true });
        world.commit(0, None, 1);
        world
    }

    fn commit(&mut self, branch: usize, merged: Option<usize>, changes: u8) {
        let number = self.records.len();
        let first = number > 0;
        let branch_head = self.branches[branch].head;
        let mut pins = if first { self.records[branch_head].pins.clone() } else { BTreeMap::new() };
        for table in 0..3 {
            match changes >> (table * 2) & 3 {
                1 => {
                    self.next_version += 1;
                    pins.insert(table, TableVersion(self.next_version));
                }
                2 => drop(pins.remove(&table)),
                3 => {
                    if let Some(pin) = merged.and_then(|merged| self.records[merged].pins.get(&table)) {
                        pins.insert(table, *pin);
                    }
                }
                _ => {}
            }
        }
        let parents: Vec<usize> = first.then_some(branch_head).into_iter().chain(merged).collect();
        let seq = if first { self.records[branch_head].position.1.next() } else { Seq::FIRST };
        let position = (self.branches[branch].uid, seq);
        let created_at = number as i64;
        let id = CommitId::from_text(&Ulid::from(number as u128 + 1).to_string()).unwrap();
        let entry = Entry {
            seq,
            id,
            created_at,
            parents: parents.iter().map(|parent| self.records[*parent].position).collect(),
        };
        let listed: Vec<_> = pins.iter().map(|(table, version)| (*table, *version)).collect();
        self.history.add(position.0, entry, &listed);
        self.records.push(Record { position, parents, created_at, pins });
        self.branches[branch].head = number;
        self.branches[branch].own = Some(seq);
    }

    fn fork(&mut self, from: usize, back: usize) {
        let mut at = self.branches[from].head;
        for _ in 0..back {
            at = self.records[at].parents.first().copied().unwrap_or(at);
        }
        let seq = self.records[at].position.1;
        let mut inherited = Vec::new();
        for run in self.branches[from].lineage().runs() {
            if run.first <= seq {
                inherited.push(Segment { branch_uid: run.uid, last: run.last.min(seq) });
            }
        }
        self.branches.push(Branch { uid: BranchUid::mint(), inherited, head: at, own: None, live: true });
    }

    fn apply(&mut self, (op, a, b, c): (u8, usize, usize, u8)) {
        let live: Vec<usize> = (0..self.branches.len()).filter(|b| self.branches[*b].live).collect();
        let (a, b) = (live[a % live.len()], live[b % live.len()]);
        match op {
            0..=4 => self.commit(a, None, c),
            5 => self.fork(a, usize::from(c % 4)),
            6 => self.commit(a, Some(self.branches[b].head), c),
            7 if a != 0 => self.branches[a].live = false,
            8 => self.tags.push(self.branches[a].head),
            _ => {}
        }
    }

    fn live_heads(&self) -> Vec<usize> {
        self.branches.iter().filter(|branch| branch.live).map(|branch| branch.head).collect()
    }

    fn kept(&self, rule: Retention) -> Kept {
        let live: Vec<Lineage> =
            self.branches.iter().filter(|branch| branch.live).map(Branch::lineage).collect();
        let tags: Vec<LogPosition> = self.tags.iter().map(|tag| self.records[*tag].position).collect();
        keep(&self.history, &live, &tags, rule)
    }

    fn first_parents(&self, head: usize) -> Vec<usize> {
        let parent = |record: &usize| self.records[*record].parents.first().copied();
        std::iter::successors(Some(head), parent).collect()
    }

    fn ancestors(&self, head: usize) -> BTreeSet<usize> {
        let (mut found, mut waiting) = (BTreeSet::new(), vec![head]);
        while let Some(record) = waiting.pop() {
            if found.insert(record) {
                waiting.extend(&self.records[record].parents);
            }
        }
        found
    }

    /// Reads the rule aloud.
    fn expected(&self, rule: Retention) -> BTreeSet<(u32, TableVersion)> {
        let (heads, mut kept) = (self.live_heads(), BTreeSet::new());
        let pins = |record: usize| self.records[record].pins.clone().into_iter();
        for head in &heads {
            kept.extend(pins(*head));
            let history = self.first_parents(*head);
            for (table, _) in pins(*head) {
                let mut versions = BTreeSet::new();
                for version in history.iter().filter_map(|record| self.records[*record].pins.get(&table)) {
                    if versions.len() < rule.versions.unwrap_or(0) as usize {
                        versions.insert(*version);
                    }
                }
                kept.extend(versions.into_iter().map(|version| (table, version)));
            }
            if let Some(since) = rule.since {
                kept.extend(
                    history.iter().filter(|r| self.records[**r].created_at >= since).flat_map(|r| pins(*r)),
                );
            }
        }
        kept.extend(self.tags.iter().flat_map(|tag| pins(*tag)));
        for (number, a) in heads.iter().enumerate() {
            for b in &heads[number + 1..] {
                let common: BTreeSet<usize> =
                    self.ancestors(*a).intersection(&self.ancestors(*b)).copied().collect();
                let below: BTreeSet<usize> = common
                    .iter()
                    .flat_map(|record| &self.records[*record].parents)
                    .flat_map(|parent| self.ancestors(*parent))
                    .collect();
                kept.extend(common.difference(&below).flat_map(|base| pins(*base)));
            }
        }
        kept
    }
}

fn world() -> impl Strategy<Value = World> {
    proptest::collection::vec((0..9_u8, 0..8_usize, 0..8_usize, 0..64_u8), 0..60).prop_map(|ops| {
        let mut world = World::new();
        ops.into_iter().for_each(|op| world.apply(op));
        world
    })
}

proptest! {
    #[test]
    fn exactly_what_the_rule_names_is_kept(
        world in world(),
        versions in proptest::option::of(0..4_u32),
        since in proptest::option::of(0..60_i64),
    ) {
        let rule = Retention { versions, since };
        let kept = world.kept(rule);
        let found: BTreeSet<(u32, TableVersion)> = kept
            .tables
            .iter()
            .enumerate()
            .flat_map(|(table, kept)| kept.keep.iter().map(move |version| (table as u32, *version)))
            .collect();
        prop_assert_eq!(found, world.expected(rule));
        for (table, kept) in kept.tables.iter().enumerate() {
            prop_assert!(kept.current.is_subset(&kept.keep));
            prop_assert!(kept.keep.is_subset(&kept.published));
            let all: BTreeSet<TableVersion> =
                world.records.iter().filter_map(|record| record.pins.get(&(table as u32)).copied()).collect();
            prop_assert_eq!(&kept.published, &all);
        }
    }

    #[test]
    fn every_log_with_an_ancestor_of_a_live_head_or_tag_is_kept(world in world()) {
        let logs = world.kept(Retention::default()).logs;
        let wanted = world.live_heads().into_iter().chain(world.tags.iter().copied());
        let wanted: BTreeSet<BranchUid> = wanted
            .flat_map(|head| world.ancestors(head))
            .map(|record| world.records[record].position.0)
            .collect();
        prop_assert_eq!(logs, wanted);
    }
}

#[test]
fn a_gap_in_a_log_is_noticed() {
    let mut world = World::new();
    (0..3).for_each(|_| world.commit(0, None, 1));
    let uid = world.branches[0].uid;
    let run = |first, last| Run { uid, first: Seq(first), last: Seq(last) };
    assert!(world.history.has_run(run(1, 4)));
    assert!(!world.history.has_run(run(1, 5)));
    world.history.logs.get_mut(&uid).unwrap().entries.remove(1);
    assert!(!world.history.has_run(run(1, 4)));
    assert!(world.history.has_run(run(3, 4)));
}
