//! The commits and branches of the model, and what it expects of requests.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::action::{From, MergeKind};
use super::schema::Schema;
use super::state::{Pinned, Pins, Refusal, Resolution, State, merge};

/// The main branch.
pub(crate) const MAIN: &str = "main";

/// A commit: its content, and what only the engine knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) state: Rc<State>,
    pub(crate) pins: Pins,
    pub(crate) parents: Vec<String>,
    pub(crate) seq: u64,
    pub(crate) created_at: i64,
}

/// What must come of a request.
#[derive(Debug)]
pub(crate) enum Expected {
    /// The branch gets this content; the schema may differ.
    State(Box<State>),
    /// A load or mutation of which nothing must be left: an id is taken, or a constraint would be violated.
    Refused {
        taken: bool,
        violated: bool,
    },
    /// The branch keeps its content.
    Unchanged,
    /// A branch at this commit. When `must` is not set, cleanup may have removed what it needs.
    Branch {
        head: String,
        must: bool,
    },
    /// The name is taken.
    Exists,
    NotFound,
    /// The branch goes.
    Gone,
    Tag {
        must: bool,
    },
    Merge {
        source: String,
        base: String,
        kind: MergeKind,
        result: Result<Box<State>, Refusal>,
        must: bool,
    },
}

impl Expected {
    /// What comes of a write that makes `after` of `before`; `taken` tells that it inserts an id that is there.
    pub(crate) fn write(before: &State, after: State, taken: bool) -> Expected {
        debug_assert!(before.violations().is_empty());
        let violated = !after.violations().is_empty();
        if taken || violated {
            Expected::Refused { taken, violated }
        } else {
            Expected::State(Box::new(after))
        }
    }
}

/// All commits, the live branches with their heads, and what cleanup must have left.
#[derive(Debug)]
pub(crate) struct History {
    commits: BTreeMap<String, Commit>,
    /// Commits in the order in which they were made.
    order: Vec<String>,
    pub(crate) branches: BTreeMap<String, String>,
    tags: BTreeSet<String>,
    /// Tags that were asked for.
    tag_requests: usize,
    /// Commits that must be readable.
    safe: BTreeSet<String>,
}

impl History {
    /// Starts with the first commit.
    pub(crate) fn new(head: String, first: Commit) -> History {
        History {
            commits: BTreeMap::from([(head.clone(), first)]),
            order: vec![head.clone()],
            branches: BTreeMap::from([(MAIN.to_owned(), head.clone())]),
            tags: BTreeSet::new(),
            tag_requests: 0,
            safe: BTreeSet::from([head]),
        }
    }

    pub(crate) fn has(&self, branch: &str) -> bool {
        self.branches.contains_key(branch)
    }

    pub(crate) fn head(&self, branch: &str) -> &str {
        &self.branches[branch]
    }

    pub(crate) fn commit(&self, id: &str) -> &Commit {
        &self.commits[id]
    }

    pub(crate) fn state(&self, branch: &str) -> &State {
        &self.commit(self.head(branch)).state
    }

    /// Tells whether cleanup must have left what a commit names.
    pub(crate) fn is_safe(&self, commit: &str) -> bool {
        self.safe.contains(commit)
    }

    pub(crate) fn tag_count(&self) -> usize {
        self.tag_requests
    }

    /// Returns the commits that a program made last, and the first one.
    pub(crate) fn sample(&self) -> impl Iterator<Item = &String> {
        let recent = self.order.len().saturating_sub(6).max(1);
        self.order[..1].iter().chain(&self.order[recent..]).chain(&self.tags)
    }

    pub(crate) fn pick_branch(&self, choice: u8) -> String {
        let names: Vec<&String> = self.branches.keys().collect();
        names[usize::from(choice) % names.len()].clone()
    }

    /// Chooses a branch beside another one, if there is one.
    pub(crate) fn pick_other(&self, branch: &str, choice: u8) -> Option<String> {
        let names: Vec<&String> = self.branches.keys().filter(|name| *name != branch).collect();
        names.get(usize::from(choice) % names.len().max(1)).map(|name| (*name).clone())
    }

    pub(crate) fn pick_commit(&self, choice: u8) -> String {
        self.order[usize::from(choice) % self.order.len()].clone()
    }

    /// Notes a new head of a branch.
    pub(crate) fn advance(&mut self, branch: &str, head: String, commit: Commit) {
        if self.commits.insert(head.clone(), commit).is_none() {
            self.order.push(head.clone());
        }
        self.safe.insert(head.clone());
        self.branches.insert(branch.to_owned(), head);
    }

    pub(crate) fn create(&mut self, branch: &str, head: String) {
        self.safe.insert(head.clone());
        self.branches.insert(branch.to_owned(), head);
    }

    pub(crate) fn tag(&mut self, commit: &str) {
        self.safe.insert(commit.to_owned());
        self.tags.insert(commit.to_owned());
    }

    pub(crate) fn count_tag(&mut self) {
        self.tag_requests += 1;
    }

    /// Notes that only what is live, tagged, or a merge base of what is live must be left.
    pub(crate) fn sweep(&mut self) {
        let heads: Vec<&String> = self.branches.values().collect();
        let pairs = heads.iter().flat_map(|a| heads.iter().map(move |b| (a.as_str(), b.as_str())));
        let bases: BTreeSet<String> = pairs.map(|(a, b)| self.base(a, b)).collect();
        // What an earlier cleanup may have taken does not come back by becoming a base.
        let bases = bases.into_iter().filter(|base| self.safe.contains(base));
        self.safe = heads.into_iter().chain(&self.tags).cloned().chain(bases).collect();
    }

    pub(crate) fn expect_branch(&self, from: &From, name: &str) -> Expected {
        if self.has(name) {
            return Expected::Exists;
        }
        match from {
            From::Branch(branch) => Expected::Branch { head: self.head(branch).to_owned(), must: true },
            From::Commit(commit) => Expected::Branch { head: commit.clone(), must: self.is_safe(commit) },
        }
    }

    pub(crate) fn expect_merge(&self, source: &str, target: &str, resolution: Resolution) -> Expected {
        let (source, target) = (self.head(source), self.head(target));
        let base = self.base(source, target);
        let pinned = |id: &str| -> Pinned<'_> {
            let commit = self.commit(id);
            (&commit.state, &commit.pins)
        };
        let kind = match () {
            () if base == source => MergeKind::UpToDate,
            () if base == target => MergeKind::FastForward,
            () => MergeKind::Merged,
        };
        let result = match kind {
            MergeKind::UpToDate => Ok(self.commit(target).state.as_ref().clone()),
            _ => merge(pinned(&base), pinned(source), pinned(target), resolution),
        };
        Expected::Merge {
            source: source.to_owned(),
            must: self.is_safe(&base),
            base,
            kind,
            result: result.map(Box::new),
        }
    }

    /// Returns the ancestors of a commit with the length of the shortest way to each.
    fn ancestors(&self, of: &str) -> BTreeMap<&str, usize> {
        let mut distances = BTreeMap::new();
        let mut level: BTreeSet<&str> =
            self.commits.get_key_value(of).map(|(id, _)| id.as_str()).into_iter().collect();
        let mut distance = 0;
        while !level.is_empty() {
            let mut next = BTreeSet::new();
            for id in level {
                if !distances.contains_key(id) {
                    distances.insert(id, distance);
                    next.extend(self.commits[id].parents.iter().map(String::as_str));
                }
            }
            level = next;
            distance += 1;
        }
        distances
    }

    /// Returns the merge base: of the common ancestors that no other one descends from, the nearest, then the later.
    fn base(&self, a: &str, b: &str) -> String {
        let (of_a, of_b) = (self.ancestors(a), self.ancestors(b));
        let common: BTreeSet<&str> = of_a.keys().filter(|id| of_b.contains_key(*id)).copied().collect();
        let mut stale = BTreeSet::new();
        for id in &common {
            stale.extend(self.ancestors(id).into_keys().filter(|ancestor| ancestor != id));
        }
        let order = |id: &&&str| {
            let commit = &self.commits[**id];
            let near = std::cmp::Reverse(of_a[**id] + of_b[**id]);
            (near, commit.seq, commit.created_at, (**id).to_owned())
        };
        let best = common.iter().filter(|id| !stale.contains(**id)).max_by_key(order);
        (*best.expect("every commit descends from the first one")).to_owned()
    }

    /// Returns where the images of the types lie, by what the engine says.
    pub(crate) fn pins(schema: &Schema, seen: impl Iterator<Item = (String, (String, u64))>) -> Pins {
        seen.filter_map(|(key, pin)| Some((schema.find(&key)?, pin))).collect()
    }
}
