//! A run of steps on a graph over a store that misbehaves, checked against the model after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use omnigraph::changes::{
    ChangeFeedPosition, ChangeFeedRequest, ChangeFilter, ChangeOp, Continuation, FeedStart, GraphEntityChange,
};
use omnigraph::db::{
    CleanupPolicyOptions, JsonRows, Load, LoadMode, LoadSource, MergeBranches, Mutate, ParamMap,
    RecoveryKind, row_objects,
};
use omnigraph::error::{ManifestErrorKind, OmniError, StorageFailureKind};
use omnigraph::{Omnigraph, Result, failpoints};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value as Json;

use super::model::{Change, View, Worlds};
use crate::unreliable::{Rates, Unreliable};

const SCHEMA: &str = "node Person { name: String @key  age: I64? }\nedge Knows: Person -> Person";
const NEXT_SCHEMA: &str = "node Person { name: String @key  age: I64?  city: String? }
    edge Knows: Person -> Person
    node Tag { name: String @key }";
const PEOPLE: &str = "query q() { match { $p: Person } return { $p.name as name, $p.age as age } }";
const KNOWS: &str =
    "query q() { match { $a: Person  $a knows $b } return { $a.name as a, $b.name as b } order { a, b } }";
const MOST_BRANCHES: usize = 3;

pub(super) async fn open(store: &Unreliable) -> Result<Omnigraph> {
    failpoints::open_in(Arc::new(store.clone())).await
}

/// Creates a graph, however often it takes.
pub(super) async fn create_with_retries(store: &Unreliable) -> Omnigraph {
    loop {
        match failpoints::init_in(Arc::new(store.clone()), SCHEMA).await {
            Ok(graph) => return graph,
            // An earlier try made the graph and did not hear of it.
            Err(OmniError::AlreadyInitialized { .. }) => return open_with_retries(store).await,
            Err(error) => assert!(is_outage(&error), "init: {error:?}"),
        }
    }
}

/// Opens a graph, however often it takes.
pub(super) async fn open_with_retries(store: &Unreliable) -> Omnigraph {
    loop {
        match open(store).await {
            Ok(graph) => return graph,
            Err(error) => assert!(is_outage(&error), "open: {error:?}"),
        }
    }
}

/// Tells whether an error is what a misbehaving store may lead to, whatever the request.
pub(super) fn is_outage(error: &OmniError) -> bool {
    matches!(error, OmniError::Storage(failure) if failure.kind == StorageFailureKind::Transient)
}

pub(super) async fn insert(graph: &Omnigraph, branch: &str, people: &[(String, i64)]) -> Result<()> {
    let nodes = people.iter().map(|(name, age)| format!("insert Person {{ name: \"{name}\", age: {age} }} "));
    let pairs = people.windows(2);
    let edges =
        pairs.map(|pair| format!("insert Knows {{ from: \"{}\", to: \"{}\" }} ", pair[0].0, pair[1].0));
    run(graph, branch, &nodes.chain(edges).collect::<String>()).await
}

async fn run(graph: &Omnigraph, branch: &str, statements: &str) -> Result<()> {
    graph.mutate(Mutate::new(branch, &format!("query q() {{ {statements} }}"))).await.map(drop)
}

async fn load(graph: &Omnigraph, branch: &str, people: &[(String, i64)]) -> Result<()> {
    let nodes = people.iter().map(|(name, age)| {
        format!("{{\"type\":\"Person\",\"data\":{{\"name\":\"{name}\",\"age\":{age}}}}}\n")
    });
    let edges = people
        .windows(2)
        .map(|pair| format!("{{\"edge\":\"Knows\",\"from\":\"{}\",\"to\":\"{}\"}}\n", pair[0].0, pair[1].0));
    let text = nodes.chain(edges).collect();
    graph.load(Load::new(branch, LoadSource::Text(text), LoadMode::Append)).await.map(drop)
}

/// Reads a branch.
pub(super) async fn view(graph: &Omnigraph, branch: &str) -> Result<View> {
    let rows = async |text: &str| {
        let result = graph.query(branch, text, None, &ParamMap::new()).await?;
        let objects = |batch| row_objects(batch, &result.columns, JsonRows::Exact);
        Ok::<_, OmniError>(result.batches.iter().flat_map(objects).collect::<Vec<_>>())
    };
    let text = |row: &serde_json::Map<String, Json>, key: &str| row[key].as_str().unwrap().to_owned();
    let (people, knows) = (rows(PEOPLE).await?, rows(KNOWS).await?);
    let catalog = graph.catalog(branch).await?;
    Ok(View {
        people: people.iter().map(|row| (text(row, "name"), row["age"].as_i64().unwrap())).collect(),
        knows: knows.iter().map(|row| (text(row, "a"), text(row, "b"))).collect(),
        tags: catalog.nodes.contains_key("Tag"),
    })
}

/// One run.
pub(super) struct Run {
    store: Unreliable,
    rates: Rates,
    graph: Omnigraph,
    worlds: Worlds,
    generator: StdRng,
    names: u32,
    /// Operations whose outcome was left to recovery.
    left_open: Vec<String>,
    /// What was done, for the message of a failure.
    steps: Vec<String>,
    /// How often each kind of step was done.
    pub(super) done: BTreeMap<&'static str, usize>,
    pub(super) failed: usize,
}

impl Run {
    /// Creates the graph while the store misbehaves.
    pub(super) async fn begin(store: Unreliable, rates: Rates, seed: u64) -> Run {
        store.misbehave(rates);
        let graph = create_with_retries(&store).await;
        let generator = StdRng::seed_from_u64(seed);
        Run {
            store,
            rates,
            graph,
            worlds: Worlds::new(),
            generator,
            names: 0,
            left_open: Vec::new(),
            steps: Vec::new(),
            done: BTreeMap::new(),
            failed: 0,
        }
    }

    /// Takes steps while the store misbehaves.
    pub(super) async fn take(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step().await;
        }
    }

    fn new_people(&mut self) -> Vec<(String, i64)> {
        let count = self.generator.random_range(1..=3);
        let people = (0..count).map(|n| (format!("p{}", self.names + n), i64::from(n)));
        let people = people.collect();
        self.names += count;
        people
    }

    /// Chooses a branch that is there unless a step failed.
    fn branch(&mut self) -> String {
        let branches = self.worlds.any().branches();
        branches[self.generator.random_range(0..branches.len())].clone()
    }

    /// Chooses a person whose only branch is `branch`, so that merges never conflict.
    fn own_person(&mut self, branch: &str) -> Option<String> {
        let people = &self.worlds.any().view(branch)?.people;
        let only_here = |name: &&String| self.worlds.homes(name).iter().all(|home| home == branch);
        let own: Vec<&String> = people.keys().filter(only_here).collect();
        (!own.is_empty()).then(|| own[self.generator.random_range(0..own.len())].clone())
    }

    async fn step(&mut self) {
        match self.generator.random_range(0..100) {
            0..30 => self.insert_some().await,
            30..42 => self.change_one().await,
            42..55 => self.branch_control().await,
            55..63 => self.merge_one().await,
            63..66 => self.change_schema().await,
            66..70 => {
                let done = self.graph.optimize().await.map(drop);
                self.maintained("optimize", done);
            }
            70..75 => self.clean_up().await,
            75..80 => self.compare().await,
            80..84 => self.open_again().await,
            84..88 => {
                let done = self.graph.refresh().await;
                self.maintained("refresh", done);
            }
            _ => self.look().await,
        }
    }

    async fn insert_some(&mut self) {
        let (branch, people) = (self.branch(), self.new_people());
        let done = if self.generator.random_bool(0.5) {
            insert(&self.graph, &branch, &people).await
        } else {
            load(&self.graph, &branch, &people).await
        };
        self.wrote(Change::Insert { branch, people }, done);
    }

    async fn change_one(&mut self) {
        let branch = self.branch();
        let Some(name) = self.own_person(&branch) else { return };
        if self.generator.random_bool(0.6) {
            let age = self.generator.random_range(10..99);
            let text = format!("update Person set {{ age: {age} }} where name = \"{name}\"");
            let done = run(&self.graph, &branch, &text).await;
            self.wrote(Change::Age { branch, name, age }, done);
        } else {
            let text = format!("delete Person where name = \"{name}\"");
            let done = run(&self.graph, &branch, &text).await;
            self.wrote(Change::Delete { branch, name }, done);
        }
    }

    async fn branch_control(&mut self) {
        let branches = self.worlds.any().branches();
        if branches.len() < MOST_BRANCHES && self.generator.random_bool(0.7) {
            let name = format!("b{}", self.names);
            self.names += 1;
            let done = self.graph.branch_create(&name).await;
            self.controlled(&Change::Fork { name: name.clone() }, done);
            self.list_until_seen(&name).await;
        } else if let Some(name) = branches.into_iter().find(|name| name != "main") {
            let done = self.graph.branch_delete(&name).await;
            self.controlled(&Change::Drop { name: name.clone() }, done);
            self.list_until_seen(&name).await;
        }
    }

    /// Learns what became of a branch; states multiply otherwise.
    async fn list_until_seen(&mut self, name: &str) {
        self.store.quiet().await;
        loop {
            match self.graph.branch_list().await {
                Ok(branches) => {
                    let there = branches.iter().any(|branch| branch == name);
                    let (may, may_not) = self.worlds.has(name);
                    assert!(if there { may } else { may_not }, "{name} in {branches:?}\n{}", self.story());
                    return self.worlds.learn(name, there);
                }
                Err(error) => assert!(is_outage(&error), "list: {error:?}\n{}", self.story()),
            }
        }
    }

    async fn merge_one(&mut self) {
        let Some(source) = self.worlds.any().branches().into_iter().find(|name| name != "main") else {
            return;
        };
        let done = self.graph.branch_merge(MergeBranches::new(&source, "main")).await.map(drop);
        self.wrote(Change::Merge { source }, done);
    }

    /// Only while there is no other branch: what a merge makes of two schemas is not the matter here.
    async fn change_schema(&mut self) {
        if self.worlds.any().branches().len() == 1 {
            let done = self.graph.apply_schema(NEXT_SCHEMA).await.map(drop);
            self.wrote(Change::Schema, done);
        }
    }

    /// Removes what no commit names at once, as nothing else writes.
    async fn clean_up(&mut self) {
        let options = CleanupPolicyOptions {
            keep_versions: Some(1_000),
            grace: Duration::ZERO,
            ..CleanupPolicyOptions::default()
        };
        let done = self.graph.cleanup(options).await.map(drop);
        self.maintained("cleanup", done);
    }

    async fn open_again(&mut self) {
        match open(&self.store).await {
            Ok(graph) => {
                // What the old handle did in the background ends beside the new one.
                self.graph = graph;
                self.worlds.settle();
                self.note("open", "open", None);
            }
            Err(error) => {
                assert!(is_outage(&error), "open: {error:?}\n{}", self.story());
                self.note("open", "open", Some(&error));
            }
        }
    }

    /// Compares a branch with `main`.
    async fn compare(&mut self) {
        let branch = self.branch();
        match self.graph.diff_between("main", branch.as_str(), &ChangeFilter::default()).await {
            Ok(_) => self.note("diff", "diff", None),
            Err(error) if is_absent(&error) && self.worlds.has(&branch).1 => {
                self.note("diff", "diff", Some(&error))
            }
            Err(error) => {
                assert!(is_outage(&error), "diff: {error:?}\n{}", self.story());
                self.note("diff", "diff", Some(&error));
            }
        }
    }

    /// Reads a branch: what is seen is possible, whatever fails around it.
    async fn look(&mut self) {
        let branch = self.branch();
        match view(&self.graph, &branch).await {
            Ok(seen) => {
                let before = self.worlds.clone();
                assert!(
                    self.worlds.saw(&branch, Some(&seen)),
                    "{branch} shows {seen:#?}\npossible: {before:#?}\n{}",
                    self.story()
                );
                self.note("read", &format!("read {branch}"), None);
            }
            Err(error) if is_absent(&error) && self.worlds.has(&branch).1 => {
                self.worlds.learn(&branch, false);
                self.note("read", &format!("read {branch}"), Some(&error));
            }
            Err(error) => {
                assert!(is_outage(&error), "read: {error:?}\n{}", self.story());
                self.note("read", &format!("read {branch}"), Some(&error));
            }
        }
    }

    /// Takes the answer of a write.
    fn wrote(&mut self, change: Change, done: Result<()>) {
        let text = format!("{change:?}");
        self.note(change.kind(), &text, done.as_ref().err());
        match done {
            Ok(()) => self.worlds.done(&change),
            Err(OmniError::RecoveryRequired { operation_id, .. }) => {
                self.left_open.push(operation_id);
                self.worlds.left_open(change);
            }
            // Nothing has happened.
            Err(error) if is_outage(&error) => {}
            Err(error) if is_absent(&error) => {
                let branch = match &change {
                    Change::Insert { branch, .. }
                    | Change::Age { branch, .. }
                    | Change::Delete { branch, .. } => branch.clone(),
                    Change::Merge { source } => source.clone(),
                    Change::Fork { .. } | Change::Drop { .. } | Change::Schema => "main".to_owned(),
                };
                assert!(self.worlds.has(&branch).1, "{text}: {error:?}\n{}", self.story());
                self.worlds.learn(&branch, false);
            }
            Err(error) => panic!("{text}: {error:?}\n{}", self.story()),
        }
    }

    /// Takes the answer of the creation or deletion of a branch.
    fn controlled(&mut self, change: &Change, done: Result<()>) {
        let text = format!("{change:?}");
        self.note(change.kind(), &text, done.as_ref().err());
        match done {
            Ok(()) => match change {
                // A deletion settles nothing.
                Change::Drop { .. } => self.worlds.done_beside(change),
                _ => self.worlds.done(change),
            },
            Err(error) if is_outage(&error) => self.worlds.perhaps(change),
            Err(error) => match change {
                Change::Drop { name } if is_absent(&error) && self.worlds.has(name).1 => {
                    self.worlds.learn(name, false);
                }
                Change::Fork { name } if is_conflict(&error) && self.worlds.has(name).0 => {
                    self.worlds.learn(name, true);
                }
                _ => panic!("{text}: {error:?}\n{}", self.story()),
            },
        }
    }

    /// Takes the answer of what changes nothing that is seen.
    fn maintained(&mut self, step: &'static str, done: Result<()>) {
        self.note(step, step, done.as_ref().err());
        match done {
            Ok(()) if step == "refresh" => self.worlds.settle(),
            Ok(()) => {}
            Err(OmniError::RecoveryRequired { operation_id, .. }) if step == "optimize" => {
                self.worlds.settle();
                self.left_open.push(operation_id);
            }
            // An earlier write is not settled.
            Err(error) if step != "refresh" && is_conflict(&error) => {}
            Err(error) => assert!(is_outage(&error), "{step}: {error:?}\n{}", self.story()),
        }
    }

    fn note(&mut self, kind: &'static str, step: &str, error: Option<&OmniError>) {
        match error {
            Some(_) => self.failed += 1,
            None => *self.done.entry(kind).or_default() += 1,
        }
        self.steps.push(match error {
            Some(error) => format!("{step}: {error}"),
            None => step.to_owned(),
        });
    }

    fn story(&self) -> String {
        format!("{:?}\n{}", self.rates, self.steps.join("\n"))
    }

    /// Ends the outage: everything is settled, nothing is lost, and the graph goes on.
    pub(super) async fn end(mut self) {
        self.store.heal().await;
        self.graph.clone().close().await;
        self.graph = open(&self.store).await.unwrap();
        self.graph.refresh().await.unwrap();
        self.worlds.settle();
        assert_eq!(self.store.objects("__recovery").await, [], "{}", self.story());

        let branches: BTreeSet<String> = self.graph.branch_list().await.unwrap().into_iter().collect();
        for branch in self.worlds.all_branches() {
            let seen = match branches.contains(&branch) {
                true => Some(view(&self.graph, &branch).await.unwrap()),
                false => None,
            };
            let before = self.worlds.clone();
            assert!(
                self.worlds.saw(&branch, seen.as_ref()),
                "{branch} ended as {seen:#?}\npossible: {before:#?}\n{}",
                self.story()
            );
        }
        self.check_recoveries().await;
        self.go_on().await;
        self.check_feed().await;
    }

    /// No operation was published twice; what was left open and is published has an audit, and what was rolled back is
    /// not published.
    async fn check_recoveries(&self) {
        let mut published = BTreeSet::new();
        for (path, record) in self.store.objects("__manifest/log").await {
            let record: Json = serde_json::from_slice(&record).unwrap();
            let operation = record["operation_id"].as_str().unwrap().to_owned();
            assert!(published.insert(operation), "{path} is published twice\n{}", self.story());
        }
        let audits = self.graph.recovery_list().await.unwrap();
        let outcomes: BTreeMap<String, RecoveryKind> =
            audits.into_iter().map(|audit| (audit.operation_id, audit.recovery_kind)).collect();
        for operation in self.left_open.iter().filter(|operation| published.contains(*operation)) {
            assert!(outcomes.contains_key(operation), "{operation} has no audit\n{}", self.story());
        }
        for (operation, outcome) in outcomes {
            let undone = outcome == RecoveryKind::RolledBack;
            assert!(!undone || !published.contains(&operation), "{operation}: {outcome:?}\n{}", self.story());
        }
    }

    /// Every kind of request works again.
    async fn go_on(&mut self) {
        let people = self.new_people();
        insert(&self.graph, "main", &people).await.unwrap();
        self.worlds.done(&Change::Insert { branch: "main".to_owned(), people });
        for source in self.worlds.any().branches().into_iter().filter(|name| name != "main") {
            let people = self.new_people();
            load(&self.graph, &source, &people).await.unwrap();
            self.worlds.done(&Change::Insert { branch: source.clone(), people });
            self.graph.branch_merge(MergeBranches::new(&source, "main")).await.unwrap();
            self.worlds.done(&Change::Merge { source: source.clone() });
            self.graph.branch_delete(&source).await.unwrap();
            self.worlds.done(&Change::Drop { name: source });
        }
        self.graph.apply_schema(NEXT_SCHEMA).await.unwrap();
        self.worlds.done(&Change::Schema);
        self.graph.optimize().await.unwrap();
        let options = CleanupPolicyOptions {
            keep_versions: Some(1_000),
            grace: Duration::ZERO,
            ..CleanupPolicyOptions::default()
        };
        let cleaned = self.graph.cleanup(options).await.unwrap();
        assert!(cleaned.iter().all(|table| table.error.is_none()), "{cleaned:?}\n{}", self.story());
        let reopened = open(&self.store).await.unwrap();
        let seen = view(&reopened, "main").await.unwrap();
        assert!(self.worlds.saw("main", Some(&seen)), "{seen:#?}\n{:#?}\n{}", self.worlds, self.story());
    }

    /// A feed from the beginning rebuilds what is there.
    async fn check_feed(&self) {
        let mut position = ChangeFeedPosition::Start(FeedStart::Beginning);
        let mut people: BTreeMap<String, i64> = BTreeMap::new();
        loop {
            let page = match self.graph.poll_change_feed(&ChangeFeedRequest::new(position)).await {
                Ok(page) => page,
                // A change of the schema is not delivered; here it changes no entity.
                Err(OmniError::ChangeSchemaBoundary { graph_commit_id, .. }) => {
                    position = ChangeFeedPosition::Start(FeedStart::AfterCommit(graph_commit_id));
                    continue;
                }
                Err(error) => panic!("{error:?}\n{}", self.story()),
            };
            for change in page.blocks.iter().flat_map(|block| &block.changes) {
                if change.entity_type.name == "Person" {
                    apply(&mut people, change);
                }
            }
            position = match page.continuation {
                Continuation::AtBlockBoundary { caught_up: true, .. } => break,
                Continuation::AtBlockBoundary { cursor, .. } => ChangeFeedPosition::Cursor(cursor),
                Continuation::MidBlock { page_token } => ChangeFeedPosition::PageToken(page_token),
            };
        }
        let seen = view(&self.graph, "main").await.unwrap();
        assert_eq!(people, seen.people, "{}", self.story());
    }
}

fn apply(people: &mut BTreeMap<String, i64>, change: &GraphEntityChange) {
    match (change.op, &change.after) {
        (ChangeOp::Delete, _) | (_, None) => drop(people.remove(&change.id)),
        (_, Some(image)) => drop(people.insert(change.id.clone(), image.properties["age"].as_i64().unwrap())),
    }
}

fn is_absent(error: &OmniError) -> bool {
    matches!(error, OmniError::BranchNotFound { .. }) || is_manifest(error, ManifestErrorKind::NotFound)
}

pub(super) fn is_conflict(error: &OmniError) -> bool {
    is_manifest(error, ManifestErrorKind::Conflict)
}

fn is_manifest(error: &OmniError, kind: ManifestErrorKind) -> bool {
    matches!(error, OmniError::Manifest(refused) if refused.kind == kind)
}
