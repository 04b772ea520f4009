//! A graph beside its model: takes the turns of a program on both, and compares.

use std::collections::BTreeMap;
use std::rc::Rc;

use omnigraph::Omnigraph;
use omnigraph::db::{Durability, GraphCommit, OpenOptions, ReadTarget, SnapshotId};
use serde_json::Value as Json;

use super::action::{Action, Answer, MergeKind, Refused, perform, refused};
use super::child;
use super::faults::{self, Armed};
use super::history::{Commit, Expected, History, MAIN};
use super::schema::KEY;
use super::state::{Conflict, ConflictKind, Pins, Refusal, Shown, State, View};
use super::step::{Request, Step, Turn, walks, with_value};
use crate::fixtures::rows;

/// What can go wrong during a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hazard {
    Nothing,
    /// A fault point of this process fails once. No other test may run in the process meanwhile.
    Fault,
    /// The step is taken by another process, which is killed at a point. The root must be local.
    Kill,
}

/// How often what was asked and how it ended.
pub(crate) type Tally = BTreeMap<String, u64>;

/// A graph with two handles, and its model.
pub(crate) struct World {
    tally: Tally,
    uri: String,
    hazard: Hazard,
    handles: [Option<Omnigraph>; 2],
    history: History,
}

/// What the engine shows of a commit.
struct Seen {
    commit: GraphCommit,
    schema: String,
    view: View,
    pins: Vec<(String, (String, u64))>,
    counts: Vec<(String, u64)>,
}

pub(crate) fn options() -> OpenOptions {
    OpenOptions { durability: Durability::Relaxed, ..OpenOptions::default() }
}

impl World {
    /// Makes a graph.
    pub(crate) async fn new(uri: &str, hazard: Hazard) -> World {
        let state = State::empty();
        let first = Omnigraph::init_with(uri, &state.schema.text, &options()).await.unwrap();
        let second = Omnigraph::open_with(uri, &options()).await.unwrap();
        let seen = observe(&first, MAIN).await.unwrap();
        let pins = History::pins(&state.schema, seen.pins.into_iter());
        let commit = Commit::of(&seen.commit, state, pins);
        let history = History::new(seen.commit.graph_commit_id, commit);
        World {
            tally: Tally::new(),
            uri: uri.to_owned(),
            hazard,
            handles: [Some(first), Some(second)],
            history,
        }
    }

    /// Takes a turn on the graph and the model, and compares them; tells what it asked and what the answer was.
    pub(crate) async fn turn(&mut self, turn: &Turn, told: &mut Vec<String>) {
        let fault = turn.fault.filter(|_| self.hazard != Hazard::Nothing);
        let Some(request) = turn.step.request(&self.history) else {
            if let Step::Reopen { cleanly } = &turn.step {
                told.push(format!("reopen {}", turn.handle));
                *self.tally.entry("reopen".to_owned()).or_default() += 1;
                self.reopen(turn.handle, *cleanly, fault).await;
            }
            return;
        };
        told.push(format!("{} asks {:?}", turn.handle, request.action));
        let (answer, open) = match (self.hazard, fault) {
            (Hazard::Nothing, _) | (_, None) => (self.ask(turn.handle, &request.action).await, false),
            (Hazard::Fault, Some(fault)) => {
                let point = faults::of(&request.action, fault);
                told.push(format!("    with a fault at {point}"));
                let armed = Armed::new(point);
                let answer = perform(self.graph(turn.handle), &request.action).await;
                self.close(turn.handle, fault % 2 == 0).await;
                drop(armed);
                // Whoever finds the graph as the fault left it settles it, also when that fails at first.
                self.reopen(turn.handle, true, Some(fault)).await;
                (answer, true)
            }
            (Hazard::Kill, Some(fault)) => {
                // Some steps of the other process end as they should.
                let point = (fault % 4 != 0).then(|| faults::of(&request.action, fault / 4));
                told.push(format!("    in another process, killed at {point:?}"));
                let answer = child::ask(&self.uri, &request.action, point).await;
                self.reopen(turn.handle, true, None).await;
                (answer, true)
            }
        };
        told.push(format!("    {answer:?}"));
        *self.tally.entry(format!("{}: {}", request.action.name(), answer.name())).or_default() += 1;
        self.settle(turn.handle, request, answer, open).await;
    }

    async fn ask(&self, handle: usize, action: &Action) -> Answer {
        let graph = self.graph(handle);
        if let Action::Merge { source, target, resolution, .. } = action {
            // What would happen is what happens.
            let dry = Action::Merge {
                source: source.clone(),
                target: target.clone(),
                resolution: *resolution,
                dry_run: true,
            };
            let before = perform(graph, &dry).await;
            let after = perform(graph, action).await;
            match (&before, &after) {
                (Answer::Merged { commit, base, kind }, Answer::Merged { base: b, kind: k, .. }) => {
                    assert_eq!((commit, base, kind), (&None, b, k));
                }
                (_, Answer::Refused(Refused::Fault)) | (Answer::Refused(Refused::Fault), _) => {}
                _ => assert_eq!(before, after),
            }
            return after;
        }
        perform(graph, action).await
    }

    fn graph(&self, handle: usize) -> &Omnigraph {
        self.handles[handle].as_ref().expect("a handle is open between turns")
    }

    async fn close(&mut self, handle: usize, cleanly: bool) {
        if let Some(graph) = self.handles[handle].take()
            && cleanly
        {
            graph.close().await;
        }
    }

    /// Replaces a handle; with a fault, the first attempt may fail.
    async fn reopen(&mut self, handle: usize, cleanly: bool, fault: Option<u8>) {
        self.close(handle, cleanly).await;
        if let (Some(fault), Hazard::Fault) = (fault, self.hazard) {
            let armed = Armed::new(faults::of_recovery(fault));
            if let Err(error) = Omnigraph::open_with(&self.uri, &options()).await {
                assert_eq!(refused(&error), Refused::Fault, "{error}");
            }
            drop(armed);
        }
        self.handles[handle] = Some(Omnigraph::open_with(&self.uri, &options()).await.unwrap());
    }

    /// Compares the answer and the graph with what was expected, and takes the result over. `open` tells that the request
    /// may have been cut short: then all of it has happened or nothing.
    async fn settle(&mut self, handle: usize, request: Request, answer: Answer, open: bool) {
        let cut = open && answer == Answer::Refused(Refused::Fault);
        let Request { action, expected } = &request;
        if !cut {
            judge(expected, &answer, action);
        }
        let done = !matches!(answer, Answer::Refused(_));
        match action {
            Action::Create { name, .. } => {
                let live = self.live(handle).await.contains(name);
                if let Expected::Branch { head, .. } = expected {
                    assert!(cut || live == done, "{action:?}: {answer:?}");
                    if live {
                        self.history.create(name, head.clone());
                        let (head, state) = self.see(handle, name, self.history.state(name).clone()).await;
                        assert_eq!(
                            (head.as_str(), &state),
                            (self.history.head(name), self.history.state(name))
                        );
                    }
                }
            }
            Action::Delete { name } => {
                let live = self.live(handle).await.contains(name);
                if self.history.has(name) {
                    assert!(cut || live != done, "{action:?}: {answer:?}");
                    if !live {
                        self.history.branches.remove(name);
                    }
                }
            }
            Action::Tag { commit, .. } => {
                self.history.count_tag();
                if done {
                    self.history.tag(commit);
                }
            }
            Action::Cleanup { .. } => {
                if done || cut {
                    self.history.sweep();
                }
                for branch in self.history.branches.clone().into_keys() {
                    self.compare(handle, &branch, &Expected::Unchanged, None, false).await;
                }
            }
            Action::Load { branch, .. }
            | Action::Mutate { branch, .. }
            | Action::Merge { target: branch, .. }
            | Action::Optimize { branch }
            | Action::Apply { branch, .. } => {
                let commit = match &answer {
                    Answer::Done(commit) | Answer::Merged { commit, .. } => Some(commit.clone()),
                    Answer::Refused(_) => None,
                };
                self.compare(handle, branch, expected, commit, cut).await;
                if let Action::Apply { hard: true, .. } = action {
                    self.history.sweep();
                }
            }
        }
        let names: Vec<String> = self.live(handle).await;
        let mut wanted: Vec<String> =
            self.history.branches.keys().filter(|name| *name != MAIN).cloned().collect();
        wanted.insert(0, MAIN.to_owned());
        assert_eq!(names, wanted, "{action:?}");
    }

    async fn live(&self, handle: usize) -> Vec<String> {
        self.graph(1 - handle).branch_list().await.unwrap()
    }

    /// Compares a branch, as the other handle sees it, with what is expected of a request, and takes a new head over.
    ///
    /// `answered` is the commit that the engine says it made; none when it refused. When the request was `cut`, the branch
    /// may be as before whatever is expected.
    async fn compare(
        &mut self,
        handle: usize,
        branch: &str,
        expected: &Expected,
        answered: Option<Option<String>>,
        cut: bool,
    ) {
        let before = self.history.head(branch).to_owned();
        let after = match expected {
            Expected::State(state) | Expected::Merge { result: Ok(state), .. } => (**state).clone(),
            _ => self.history.state(branch).clone(),
        };
        let seen = observe(self.graph(1 - handle), branch).await.unwrap();
        let head = seen.commit.graph_commit_id.clone();
        if let Some(Some(commit)) = &answered {
            assert_eq!(*commit, head, "{branch}: an acknowledged commit is the head");
        }
        if head == before {
            let same = self.history.state(branch);
            check(&seen, same, branch);
            let needed = !cut && answered.is_some() && after.view() != same.view();
            assert!(!needed, "{branch}: nothing happened, expected {expected:#?}");
            return;
        }
        let may_commit = match expected {
            Expected::State(_) | Expected::Unchanged => true,
            Expected::Merge { kind, result, .. } => result.is_ok() && *kind != MergeKind::UpToDate,
            _ => false,
        };
        assert!(
            may_commit && (cut || answered.is_some()),
            "{branch}: a commit that nothing explains: {expected:#?}"
        );
        let state = after.named(&seen.view);
        check(&seen, &state, branch);
        assert_eq!(seen.commit.parent_commit_id.as_ref(), Some(&before), "{branch}");
        let source = match expected {
            Expected::Merge { source, .. } => Some(source),
            _ => None,
        };
        assert_eq!(seen.commit.merged_parent_commit_id.as_ref(), source, "{branch}");
        let pins = History::pins(&state.schema, seen.pins.into_iter());
        self.history.advance(branch, head, Commit::of(&seen.commit, state, pins));
    }

    async fn see(&self, handle: usize, branch: &str, state: State) -> (String, State) {
        let seen = observe(self.graph(1 - handle), branch).await.unwrap();
        let state = state.named(&seen.view);
        check(&seen, &state, branch);
        (seen.commit.graph_commit_id, state)
    }

    /// Compares all branches through both handles, and some old commits; ends the program and tells how often each
    /// request was answered how.
    pub(crate) async fn finish(mut self) -> Tally {
        for handle in [0, 1] {
            for branch in self.history.branches.keys() {
                let graph = self.graph(handle);
                let seen = observe(graph, branch.as_str()).await.unwrap();
                assert_eq!(seen.commit.graph_commit_id, self.history.head(branch), "{branch}");
                let state = self.history.state(branch);
                check(&seen, state, branch);
                assert_eq!(walked(graph, branch).await, walks(state), "{branch}");
                for value in 0..4 {
                    assert_eq!(
                        found(graph, branch, value).await,
                        with_value(state, value),
                        "{branch}: {value}"
                    );
                }
            }
        }
        for id in self.history.sample() {
            match observe(self.graph(0), SnapshotId::new(id)).await {
                Ok(seen) => check(&seen, &self.history.commit(id).state, id),
                Err(error) => {
                    assert!(!self.history.is_safe(id), "{id}: {error}");
                    let gone = matches!(refused(&error), Refused::Reclaimed | Refused::NotFound);
                    assert!(gone, "{id}: {error}");
                }
            }
        }
        for handle in &mut self.handles {
            if let Some(graph) = handle.take() {
                graph.close().await;
            }
        }
        self.tally
    }
}

impl Commit {
    fn of(commit: &GraphCommit, state: State, pins: Pins) -> Commit {
        let parents = commit.parent_commit_id.iter().chain(&commit.merged_parent_commit_id);
        Commit {
            state: Rc::new(state),
            pins,
            parents: parents.cloned().collect(),
            seq: commit.graph_manifest_version,
            created_at: commit.created_at,
        }
    }
}

/// Checks that an answer is one of those expected.
fn judge(expected: &Expected, answer: &Answer, action: &Action) {
    let fits = match (expected, answer) {
        (Expected::State(_) | Expected::Unchanged | Expected::Gone, Answer::Done(_)) => true,
        (Expected::Refused { taken, .. }, Answer::Refused(Refused::KeyConflict)) => *taken,
        (Expected::Refused { violated, .. }, Answer::Refused(Refused::Violation)) => *violated,
        (Expected::Branch { .. } | Expected::Tag { .. }, Answer::Done(_)) => true,
        (
            Expected::Branch { must, .. } | Expected::Tag { must } | Expected::Merge { must, .. },
            Answer::Refused(Refused::Reclaimed),
        ) => !must,
        (Expected::Branch { must, .. } | Expected::Tag { must }, Answer::Refused(Refused::NotFound)) => !must,
        (Expected::Exists, Answer::Refused(Refused::Conflict(_))) => true,
        (Expected::NotFound, Answer::Refused(Refused::NotFound)) => true,
        (
            Expected::Merge { base, kind, result: Ok(_), .. },
            Answer::Merged { base: found, kind: how, commit },
        ) => base == found && kind == how && commit.is_some() == (*how != MergeKind::UpToDate),
        (Expected::Merge { result: Err(Refusal::Schema), .. }, Answer::Refused(Refused::Schemas)) => true,
        (Expected::Merge { result: Err(Refusal::Lifetime), .. }, Answer::Refused(Refused::Lifetimes)) => true,
        (
            Expected::Merge { result: Err(Refusal::Conflicts(expected)), .. },
            Answer::Refused(Refused::Conflicts(found)),
        ) => same_conflicts(expected, found),
        _ => false,
    };
    assert!(fits, "{action:#?}\nexpected {expected:#?}\nanswered {answer:#?}");
}

/// Tells whether the engine reports what the model found: each cause once. Of entities that share a unique value it names
/// all but the first, and the cause of a cardinality conflict only in words.
fn same_conflicts(expected: &std::collections::BTreeSet<Conflict>, found: &[Conflict]) -> bool {
    let exact =
        |conflict: &&Conflict| !matches!(conflict.2, ConflictKind::Unique | ConflictKind::Cardinality);
    let wanted: Vec<&Conflict> = expected.iter().filter(exact).collect();
    let mut told: Vec<&Conflict> = found.iter().filter(exact).collect();
    told.sort();
    let kinds = |conflicts: &mut dyn Iterator<Item = &Conflict>| -> Vec<(String, ConflictKind)> {
        let kinds: std::collections::BTreeSet<_> =
            conflicts.map(|(key, _, kind)| (key.clone(), *kind)).collect();
        kinds.into_iter().collect()
    };
    wanted == told
        && kinds(&mut expected.iter()) == kinds(&mut found.iter())
        && found.iter().all(|conflict| expected.contains(conflict))
}

/// Checks that the engine shows a state.
fn check(seen: &Seen, state: &State, target: &str) {
    assert_eq!(seen.schema, state.schema.text, "{target}");
    let wanted = state.view();
    if seen.view != wanted {
        let only = |a: &View, b: &View| -> View {
            a.iter().filter(|(k, v)| b.get(*k) != Some(*v)).map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        panic!(
            "{target} at {}: shown but not expected {:#?}\nexpected but not shown {:#?}",
            seen.commit.graph_commit_id,
            only(&seen.view, &wanted),
            only(&wanted, &seen.view)
        );
    }
    for (key, count) in &seen.counts {
        let wanted = wanted.keys().filter(|(of, _)| of == key).count();
        assert_eq!(usize::try_from(*count).unwrap(), wanted, "{target}: entities of {key}");
    }
    assert_eq!(seen.counts.len(), state.schema.types.len(), "{target}");
}

/// Reads everything of a target.
async fn observe(graph: &Omnigraph, target: impl Into<ReadTarget>) -> omnigraph::Result<Seen> {
    let target = target.into();
    let snapshot = graph.snapshot_of(target.clone()).await?;
    let mut out = Vec::new();
    graph.export(target, &[], &mut out).await?;
    let mut view = View::new();
    for line in String::from_utf8(out).unwrap().lines() {
        let (key, shown) = shown(line);
        assert!(view.insert(key.clone(), shown).is_none(), "{key:?} is exported twice");
    }
    let datasets = snapshot.datasets();
    let pins = datasets.iter().map(|it| (it.type_key.clone(), (it.dataset_path.clone(), it.table_version)));
    let counts = datasets.iter().map(|it| (it.type_key.clone(), it.entity_count));
    Ok(Seen {
        commit: snapshot.commit(),
        schema: snapshot.schema_source().to_owned(),
        view,
        pins: pins.collect(),
        counts: counts.collect(),
    })
}

/// Reads a line of an export.
fn shown(line: &str) -> ((String, String), Shown) {
    let line: Json = serde_json::from_str(line).unwrap();
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let (key, ends) = match line.get("edge") {
        Some(name) => (format!("edge:{}", text(name)), Some((text(&line["from"]), text(&line["to"])))),
        None => (format!("node:{}", text(&line["type"])), None),
    };
    let data = line["data"].as_object().unwrap();
    let id = text(&data["id"]);
    if ends.is_none() {
        assert_eq!(data[KEY], data["id"]);
    }
    let values = data.iter().filter(|(name, value)| !value.is_null() && *name != "id" && *name != KEY);
    let values = values.map(|(name, value)| (name.clone(), value.clone())).collect();
    ((key, id), Shown { ends, values })
}

/// Walks the edges that are there from the start, by a query.
async fn walked(graph: &Omnigraph, branch: &str) -> Vec<(String, String)> {
    let text =
        format!("query q() {{ match {{ $a: P  $a k $b }} return {{ $a.{KEY} as a, $b.{KEY} as b }} }}");
    let text_of = |value: &Json| value.as_str().unwrap().to_owned();
    let mut pairs: Vec<_> =
        rows(graph, branch, &text).await.iter().map(|row| (text_of(&row["a"]), text_of(&row["b"]))).collect();
    pairs.sort();
    pairs
}

/// Finds persons by a value, by a query.
async fn found(graph: &Omnigraph, branch: &str, value: u8) -> Vec<String> {
    let text = format!("query q() {{ match {{ $p: P {{ n: {value} }} }} return {{ $p.{KEY} as p }} }}");
    let mut ids: Vec<_> =
        rows(graph, branch, &text).await.iter().map(|row| row["p"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}
