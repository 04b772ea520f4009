//! What a graph may look like while its store misbehaves: every state that the answers so far allow.

use std::collections::{BTreeMap, BTreeSet};

/// What one branch shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct View {
    /// Ages by name.
    pub(super) people: BTreeMap<String, i64>,
    /// Ends of edges.
    pub(super) knows: BTreeSet<(String, String)>,
    /// Whether the schema has been changed.
    pub(super) tags: bool,
}

/// A branch, and what it was when it last agreed with `main`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Branch {
    now: View,
    base: View,
}

/// A state of the graph.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct World(BTreeMap<String, Branch>);

/// A change of a graph. On a branch that is not there it does nothing.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Persons of these names and ages, each the acquaintance of the one before.
    Insert {
        branch: String,
        people: Vec<(String, i64)>,
    },
    Age {
        branch: String,
        name: String,
        age: i64,
    },
    Delete {
        branch: String,
        name: String,
    },
    Fork {
        name: String,
    },
    Drop {
        name: String,
    },
    Merge {
        source: String,
    },
    Schema,
}

impl Change {
    /// Names the kind of change, for counts.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Change::Insert { .. } => "insert",
            Change::Age { .. } => "update",
            Change::Delete { .. } => "delete",
            Change::Fork { .. } => "fork",
            Change::Drop { .. } => "drop",
            Change::Merge { .. } => "merge",
            Change::Schema => "schema",
        }
    }
}

impl World {
    pub(super) fn empty() -> World {
        World([("main".to_owned(), Branch::default())].into())
    }

    pub(super) fn branches(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub(super) fn view(&self, branch: &str) -> Option<&View> {
        self.0.get(branch).map(|branch| &branch.now)
    }

    fn after(&self, change: &Change) -> World {
        let mut world = self.clone();
        let main = &self.0["main"].now;
        match change {
            Change::Insert { branch, people } => world.on(branch, |view| {
                view.people.extend(people.iter().cloned());
                let pairs = people.windows(2).map(|pair| (pair[0].0.clone(), pair[1].0.clone()));
                view.knows.extend(pairs);
            }),
            Change::Age { branch, name, age } => world.on(branch, |view| {
                if let Some(found) = view.people.get_mut(name) {
                    *found = *age;
                }
            }),
            Change::Delete { branch, name } => world.on(branch, |view| {
                view.people.remove(name);
                view.knows.retain(|(a, b)| a != name && b != name);
            }),
            Change::Fork { name } => {
                let fork = Branch { now: main.clone(), base: main.clone() };
                world.0.entry(name.clone()).or_insert(fork);
            }
            Change::Drop { name } => {
                world.0.remove(name);
            }
            Change::Merge { source } => {
                if let Some(source) = world.0.get_mut(source) {
                    let merged = merge(&source.base, &source.now, main);
                    source.base = source.now.clone();
                    world.on("main", |view| *view = merged);
                }
            }
            Change::Schema => world.on("main", |view| view.tags = true),
        }
        world
    }

    fn on(&mut self, branch: &str, change: impl FnOnce(&mut View)) {
        if let Some(branch) = self.0.get_mut(branch) {
            change(&mut branch.now);
        }
    }
}

/// Brings what `theirs` did since `base` to `ours`; both never change one person.
fn merge(base: &View, theirs: &View, ours: &View) -> View {
    let mut merged = ours.clone();
    for name in base.people.keys().chain(theirs.people.keys()) {
        match (base.people.get(name), theirs.people.get(name)) {
            (before, after) if before == after => {}
            (_, Some(age)) => drop(merged.people.insert(name.clone(), *age)),
            (_, None) => drop(merged.people.remove(name)),
        }
    }
    merged.knows.extend(theirs.knows.difference(&base.knows).cloned());
    for gone in base.knows.difference(&theirs.knows) {
        merged.knows.remove(gone);
    }
    merged
}

/// Every state the graph may be in.
#[derive(Clone, Debug)]
pub(super) struct Worlds {
    possible: BTreeSet<World>,
    /// The last write whose outcome was left to recovery.
    open: Option<Change>,
}

impl Worlds {
    pub(super) fn new() -> Worlds {
        Worlds { possible: [World::empty()].into(), open: None }
    }

    /// Returns one of the states.
    pub(super) fn any(&self) -> &World {
        self.possible.first().expect("a graph is in some state")
    }

    /// Returns the branches of all states.
    pub(super) fn all_branches(&self) -> BTreeSet<String> {
        self.possible.iter().flat_map(World::branches).collect()
    }

    /// Returns the branches on which a person is in some state.
    pub(super) fn homes(&self, name: &str) -> BTreeSet<String> {
        let settled = {
            let mut worlds = self.clone();
            worlds.settle();
            worlds.possible
        };
        let at = |world: &World| {
            let there = world.0.iter().filter(|(_, branch)| branch.now.people.contains_key(name));
            there.map(|(branch, _)| branch.clone()).collect::<Vec<_>>()
        };
        settled.iter().flat_map(at).collect()
    }

    /// Tells whether the graph may, and whether it may not, have a branch.
    pub(super) fn has(&self, branch: &str) -> (bool, bool) {
        let has = |world: &World| world.view(branch).is_some();
        (self.possible.iter().any(has), !self.possible.iter().all(has))
    }

    /// Keeps the states in which a branch is there, or is not.
    pub(super) fn learn(&mut self, branch: &str, there: bool) {
        self.possible.retain(|world| world.view(branch).is_some() == there);
    }

    /// A change was acknowledged. A write settles what an earlier one left open before it begins.
    pub(super) fn done(&mut self, change: &Change) {
        self.settle();
        self.done_beside(change);
    }

    /// A change that settles nothing was acknowledged.
    pub(super) fn done_beside(&mut self, change: &Change) {
        self.possible = self.possible.iter().map(|world| world.after(change)).collect();
    }

    /// A change may or may not have happened, and will not happen later.
    pub(super) fn perhaps(&mut self, change: &Change) {
        let changed: Vec<World> = self.possible.iter().map(|world| world.after(change)).collect();
        self.possible.extend(changed);
    }

    /// A write got as far as its intent, so it settled what an earlier one left open; its own outcome is open.
    pub(super) fn left_open(&mut self, change: Change) {
        self.settle();
        self.open = Some(change);
    }

    /// What was left open is settled, one way or the other.
    pub(super) fn settle(&mut self) {
        if let Some(open) = self.open.take() {
            self.perhaps(&open);
        }
    }

    /// A branch was read. Returns whether some possible state shows that, and forgets those that do not.
    pub(super) fn saw(&mut self, branch: &str, seen: Option<&View>) -> bool {
        let mut kept = BTreeSet::new();
        for world in &self.possible {
            if world.view(branch) == seen {
                kept.insert(world.clone());
            }
            if let Some(open) = &self.open {
                let after = world.after(open);
                if after.view(branch) == seen {
                    // Whether the write is settled is not known, but to repeat it changes nothing.
                    kept.insert(after);
                }
            }
        }
        self.possible = kept;
        !self.possible.is_empty()
    }
}
