//! Merges, as a caller sees them: the truth table, the conflicts, and random histories against a model.

use std::cell::Cell;
use std::collections::BTreeMap;

use omnigraph::db::{Load, LoadMode, LoadSource, MergeBranches, MergeOutcome, Mutate, Preferred};
use omnigraph::error::{MergeConflict, MergeConflictKind, OmniError};
use omnigraph::{Omnigraph, Result};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::fixtures::{fresh, lines};

const SCHEMA: &str = "
    node Person { name: String @key  age: I32?  city: String? }
    node Tag { label: String @key  code: String? @unique }
    edge Knows: Person -> Person @card(0..3)
    edge Tagged: Person -> Tag
";

async fn mutate(graph: &Omnigraph, branch: &str, body: &str) {
    let text = format!("query change() {{ {body} }}");
    graph.mutate(Mutate::new(branch, &text)).await.unwrap_or_else(|error| panic!("{body}: {error}"));
}

async fn load(graph: &Omnigraph, branch: &str, text: &str) {
    let source = LoadSource::Text(text.to_owned());
    graph.load(Load::new(branch, source, LoadMode::Append)).await.unwrap();
}

/// A graph with Alice, Bob, Carol, Dan, one edge from Bob to Carol, and a branch `left` at that state.
async fn fixture() -> Omnigraph {
    let graph = fresh(SCHEMA).await;
    let data = r#"
{"type":"Person","data":{"name":"Alice","age":30}}
{"type":"Person","data":{"name":"Bob","age":25}}
{"type":"Person","data":{"name":"Carol","age":35}}
{"type":"Person","data":{"name":"Dan","age":28}}
{"edge":"Knows","from":"Bob","to":"Carol"}
"#;
    load(&graph, "main", data).await;
    graph.branch_create("left").await.unwrap();
    graph
}

async fn merge(graph: &Omnigraph, source: &str, target: &str) -> Result<MergeOutcome> {
    graph.branch_merge(MergeBranches::new(source, target)).await.map(|receipt| receipt.outcome)
}

fn conflicts(result: Result<MergeOutcome>) -> Vec<MergeConflict> {
    match result {
        Err(OmniError::MergeConflicts(conflicts)) => conflicts,
        other => panic!("expected conflicts, got {other:?}"),
    }
}

/// Does one operation of the truth table; ages differ by side, so that both setting one is a conflict.
async fn operate(graph: &Omnigraph, branch: &str, operation: &str, age: u32) {
    let add_edge = r#"insert Knows { from: "Alice", to: "Carol" }"#;
    match operation {
        "noop" => {}
        "addNode" => {
            mutate(graph, branch, &format!(r#"insert Person {{ name: "Eve", age: {} }}"#, age - 10)).await
        }
        "removeNode" => mutate(graph, branch, r#"delete Person where name = "Alice""#).await,
        "addEdge" => mutate(graph, branch, add_edge).await,
        "removeEdge" => mutate(graph, branch, r#"delete Knows where from = "Bob""#).await,
        "setProp" => {
            mutate(graph, branch, &format!(r#"update Person set {{ age: {age} }} where name = "Alice""#))
                .await;
        }
        "netZero" => {
            mutate(graph, branch, add_edge).await;
            mutate(graph, branch, r#"delete Knows where from = "Alice""#).await;
        }
        other => panic!("{other}"),
    }
}

/// Rows of both sides: left operation, then the result for each right operation in the order of the columns.
const TRUTH: [(&str, [&str; 7]); 7] = [
    ("noop", ["UTD", "UTD", "UTD", "UTD", "UTD", "UTD", "UTD"]),
    ("addNode", ["FF", "divergent_insert", "M", "M", "M", "M", "M"]),
    ("removeNode", ["FF", "M", "M", "orphan_edge", "M", "delete_vs_update", "M"]),
    ("addEdge", ["FF", "M", "orphan_edge", "M", "M", "M", "M"]),
    ("removeEdge", ["FF", "M", "M", "M", "M", "M", "M"]),
    ("setProp", ["FF", "M", "delete_vs_update", "M", "M", "divergent_update", "M"]),
    ("netZero", ["FF", "M", "M", "M", "M", "M", "M"]),
];

#[tokio::test]
async fn the_truth_table_holds() {
    let columns = TRUTH.map(|(name, _)| name);
    for (left, expected) in TRUTH {
        for (right, expected) in columns.iter().zip(expected) {
            let graph = fixture().await;
            operate(&graph, "left", left, 31).await;
            operate(&graph, "main", right, 32).await;
            let head = graph.snapshot_of("main").await.unwrap().commit().graph_commit_id;
            let before = (lines(&graph, "main").await, head);
            let source = lines(&graph, "left").await;
            let outcome = merge(&graph, "left", "main").await;
            let cell = format!("{left} | {right}");
            assert_eq!(lines(&graph, "left").await, source, "{cell}");
            match outcome {
                Ok(outcome) => {
                    let short = match outcome {
                        MergeOutcome::AlreadyUpToDate => "UTD",
                        MergeOutcome::FastForward => "FF",
                        MergeOutcome::Merged => "M",
                    };
                    assert_eq!(short, expected, "{cell}");
                    let head = graph.snapshot_of("main").await.unwrap().commit();
                    if outcome != MergeOutcome::AlreadyUpToDate {
                        assert!(head.merged_parent_commit_id.is_some(), "{cell}");
                        assert_eq!(head.parent_commit_id.as_ref(), Some(&before.1), "{cell}");
                    }
                    let mut model = Model::fixture();
                    model.apply(left, 31);
                    model.apply(right, 32);
                    assert_eq!(Model::of(&graph, "main").await, model, "{cell}");
                    assert_eq!(
                        merge(&graph, "left", "main").await.unwrap(),
                        MergeOutcome::AlreadyUpToDate,
                        "{cell}"
                    );
                }
                refused => {
                    let found = conflicts(refused);
                    assert_eq!(found.len(), 1, "{cell}: {found:?}");
                    assert_eq!(found[0].kind.to_string(), expected, "{cell}");
                    assert!(found[0].entity_id.is_some(), "{cell}");
                    assert_eq!(lines(&graph, "main").await, before.0, "{cell}");
                    let head = graph.snapshot_of("main").await.unwrap().commit().graph_commit_id;
                    assert_eq!(head, before.1, "{cell}");
                }
            }
        }
    }
}

/// Persons with their ages, and edges counted by their ends.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    persons: BTreeMap<String, Option<i64>>,
    knows: BTreeMap<(String, String), u32>,
}

impl Model {
    fn fixture() -> Model {
        let ages = [("Alice", 30), ("Bob", 25), ("Carol", 35), ("Dan", 28)];
        Model {
            persons: ages.into_iter().map(|(name, age)| (name.to_owned(), Some(age))).collect(),
            knows: BTreeMap::from([(("Bob".to_owned(), "Carol".to_owned()), 1)]),
        }
    }

    fn apply(&mut self, operation: &str, age: i64) {
        let edge = ("Alice".to_owned(), "Carol".to_owned());
        match operation {
            "addNode" => {
                self.persons.insert("Eve".to_owned(), Some(age - 10));
            }
            "removeNode" => {
                self.persons.remove("Alice");
                self.knows.retain(|(from, to), _| from != "Alice" && to != "Alice");
            }
            "addEdge" => *self.knows.entry(edge).or_default() += 1,
            "removeEdge" => {
                self.knows.remove(&("Bob".to_owned(), "Carol".to_owned()));
            }
            "setProp" => {
                self.persons.insert("Alice".to_owned(), Some(age));
            }
            _ => {}
        }
    }

    async fn of(graph: &Omnigraph, branch: &str) -> Model {
        let mut model = Model::default();
        for line in lines(graph, branch).await {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            if line["type"] == "Person" {
                model.persons.insert(text(&line["data"]["name"]), line["data"]["age"].as_i64());
            } else if line["edge"] == "Knows" {
                *model.knows.entry((text(&line["from"]), text(&line["to"]))).or_default() += 1;
            }
        }
        model
    }
}

#[tokio::test]
async fn equal_changes_on_both_sides_are_no_conflict() {
    let graph = fixture().await;
    for branch in ["left", "main"] {
        mutate(&graph, branch, r#"update Person set { age: 40 } where name = "Alice""#).await;
        mutate(&graph, branch, r#"insert Person { name: "Eve", age: 20 }"#).await;
        mutate(&graph, branch, r#"delete Person where name = "Dan""#).await;
    }
    let before = lines(&graph, "main").await;
    assert_eq!(merge(&graph, "left", "main").await.unwrap(), MergeOutcome::Merged);
    assert_eq!(lines(&graph, "main").await, before);
}

#[tokio::test]
async fn tables_changed_on_one_side_are_taken_by_reference() {
    let graph = fixture().await;
    mutate(&graph, "left", r#"insert Tag { label: "x" }"#).await;
    mutate(&graph, "main", r#"insert Person { name: "Eve" }"#).await;
    let path = async |branch: &str| {
        let entry = graph.snapshot_of(branch).await.unwrap().dataset("node:Tag").unwrap();
        (entry.dataset_path, entry.table_version)
    };
    let receipt = graph.branch_merge(MergeBranches::new("left", "main")).await.unwrap();
    assert_eq!((receipt.adopted, receipt.merged), (vec!["node:Tag".to_owned()], vec![]));
    assert_eq!(path("left").await, path("main").await);
}

#[tokio::test]
async fn constraints_of_the_merged_whole_are_checked_and_all_conflicts_reported() {
    let graph = fixture().await;
    mutate(&graph, "left", r#"insert Tag { label: "x", code: "1" } insert Tag { label: "y", code: "2" }"#)
        .await;
    mutate(&graph, "main", r#"insert Tag { label: "p", code: "1" } insert Tag { label: "q", code: "2" }"#)
        .await;
    let mut found = conflicts(merge(&graph, "left", "main").await);
    found.sort_by(|a, b| a.entity_id.cmp(&b.entity_id));
    let ids: Vec<_> = found.iter().map(|c| (c.kind, c.entity_id.clone().unwrap())).collect();
    let unique = |id: &str| (MergeConflictKind::UniqueViolation, id.to_owned());
    assert_eq!(ids, [unique("x"), unique("y")]);

    let graph = fixture().await;
    for name in ["Alice", "Carol"] {
        mutate(&graph, "left", &format!(r#"insert Knows {{ from: "Dan", to: "{name}" }}"#)).await;
        mutate(&graph, "main", &format!(r#"insert Knows {{ from: "Dan", to: "{name}" }}"#)).await;
    }
    let found = conflicts(merge(&graph, "left", "main").await);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, &found[0].entity_id), (MergeConflictKind::CardinalityViolation, &None));
    assert!(found[0].message.contains("'Dan'"), "{}", found[0].message);
    let text = OmniError::MergeConflicts(found).to_string();
    assert!(text.contains("edge:Knows (cardinality_violation): "), "{text}");
}

#[tokio::test]
async fn structural_conflicts_of_all_types_are_reported_together() {
    let graph = fixture().await;
    for (branch, age) in [("left", 1), ("main", 2)] {
        mutate(&graph, branch, &format!(r#"update Person set {{ age: {age} }} where name = "Alice""#)).await;
        mutate(&graph, branch, &format!(r#"update Person set {{ age: {age} }} where name = "Bob""#)).await;
        mutate(&graph, branch, &format!(r#"insert Tag {{ label: "t", code: "{age}" }}"#)).await;
    }
    let found = conflicts(merge(&graph, "left", "main").await);
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(shown[0].starts_with("node:Person, entity id 'Alice' (divergent_update): "), "{shown:?}");
    assert!(shown[2].starts_with("node:Tag, entity id 't' (divergent_insert): "), "{shown:?}");
}

#[tokio::test]
async fn conflicts_are_resolved_as_asked() {
    let contested = async || {
        let graph = fixture().await;
        mutate(&graph, "left", r#"update Person set { age: 31 } where name = "Alice""#).await;
        mutate(&graph, "main", r#"update Person set { city: "Rome" } where name = "Alice""#).await;
        mutate(&graph, "left", r#"update Person set { age: 41 } where name = "Bob""#).await;
        mutate(&graph, "main", r#"update Person set { age: 42 } where name = "Bob""#).await;
        mutate(&graph, "left", r#"delete Person where name = "Dan""#).await;
        mutate(&graph, "main", r#"update Person set { age: 52 } where name = "Dan""#).await;
        graph
    };
    let graph = contested().await;
    let request = MergeBranches { combine_properties: true, ..MergeBranches::new("left", "main") };
    let found = conflicts(graph.branch_merge(request).await.map(|receipt| receipt.outcome));
    let ids: Vec<_> = found.iter().map(|conflict| conflict.entity_id.clone().unwrap()).collect();
    assert_eq!(ids, ["Bob", "Dan"]);

    for (prefer, bob, dan) in [(Preferred::Ours, Some(42), Some(52)), (Preferred::Theirs, Some(41), None)] {
        let graph = contested().await;
        let request = MergeBranches {
            combine_properties: true,
            prefer: Some(prefer),
            ..MergeBranches::new("left", "main")
        };
        let dry = graph.branch_merge(MergeBranches { dry_run: true, ..request }).await.unwrap();
        assert_eq!((dry.outcome, dry.commit), (MergeOutcome::Merged, None));
        assert_eq!(graph.branch_merge(request).await.unwrap().outcome, MergeOutcome::Merged);
        let persons = Model::of(&graph, "main").await.persons;
        assert_eq!(persons["Alice"], Some(31));
        assert_eq!((persons["Bob"], persons.get("Dan").copied().flatten()), (bob, dan));
        assert!(lines(&graph, "main").await.iter().any(|line| line.contains("Rome")));
    }
}

#[tokio::test]
async fn branches_that_merged_the_same_change_do_not_conflict_on_it() {
    let graph = fixture().await;
    graph.branch_create("right").await.unwrap();
    graph.branch_create("shared").await.unwrap();
    mutate(&graph, "shared", r#"update Person set { age: 99 } where name = "Alice""#).await;
    for branch in ["left", "right"] {
        merge(&graph, "shared", branch).await.unwrap();
        mutate(&graph, branch, &format!(r#"insert Person {{ name: "{branch}" }}"#)).await;
    }
    mutate(&graph, "left", r#"update Person set { age: 100 } where name = "Alice""#).await;
    assert_eq!(merge(&graph, "left", "right").await.unwrap(), MergeOutcome::Merged);
    let persons = Model::of(&graph, "right").await.persons;
    assert_eq!(persons["Alice"], Some(100));
    assert_eq!(persons.len(), 6);
    assert_eq!(merge(&graph, "right", "left").await.unwrap(), MergeOutcome::FastForward);
    assert_eq!(lines(&graph, "left").await, lines(&graph, "right").await);
}

#[tokio::test]
async fn a_branch_is_not_merged_into_itself() {
    let graph = fixture().await;
    let error = merge(&graph, "main", " main").await.unwrap_err().to_string();
    assert!(error.contains("distinct source and target"), "{error}");
    assert!(matches!(merge(&graph, "none", "main").await, Err(OmniError::BranchNotFound { .. })));
}

/// One step of a random program over three branches.
#[derive(Clone, Debug)]
enum Step {
    Put { branch: usize, person: u8, age: i64 },
    Remove { branch: usize, person: u8 },
    Tie { branch: usize, from: u8, to: u8 },
    Untie { branch: usize, from: u8 },
    Merge { from: usize, into: usize },
}

const BRANCHES: [&str; 3] = ["main", "a", "b"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (branch, person) = (0..3_usize, 0..6_u8);
    let step = prop_oneof![
        4 => (branch.clone(), person.clone(), 0..4_i64).prop_map(|(branch, person, age)| Step::Put { branch, person, age }),
        2 => (branch.clone(), person.clone()).prop_map(|(branch, person)| Step::Remove { branch, person }),
        3 => (branch.clone(), person.clone(), person.clone())
            .prop_map(|(branch, from, to)| Step::Tie { branch, from, to }),
        1 => (branch.clone(), person).prop_map(|(branch, from)| Step::Untie { branch, from }),
        3 => (branch.clone(), branch).prop_map(|(from, into)| Step::Merge { from, into }),
    ];
    proptest::collection::vec(step, 1..30)
}

/// The state of one branch: persons, and edges by id.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    persons: BTreeMap<String, i64>,
    edges: BTreeMap<String, (String, String)>,
}

impl State {
    async fn of(graph: &Omnigraph, branch: &str) -> State {
        let mut state = State::default();
        for line in lines(graph, branch).await {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            if line["type"] == "Person" {
                state.persons.insert(text(&line["data"]["name"]), line["data"]["age"].as_i64().unwrap());
            } else {
                state.edges.insert(text(&line["data"]["id"]), (text(&line["from"]), text(&line["to"])));
            }
        }
        state
    }
}

/// Merges maps three ways; none when an entry diverges.
fn merge_maps<V: Clone + PartialEq>(
    base: &BTreeMap<String, V>,
    source: &BTreeMap<String, V>,
    target: &BTreeMap<String, V>,
) -> Option<BTreeMap<String, V>> {
    let mut merged = target.clone();
    for key in base.keys().chain(source.keys()) {
        let (b, s, t) = (base.get(key), source.get(key), target.get(key));
        if s == b || s == t {
            continue;
        }
        if t != b {
            return None;
        }
        match s {
            Some(value) => merged.insert(key.clone(), value.clone()),
            None => merged.remove(key),
        };
    }
    Some(merged)
}

/// The merge as a pure function; none when there is a conflict.
fn merge_states(base: &State, source: &State, target: &State) -> Option<State> {
    let merged = State {
        persons: merge_maps(&base.persons, &source.persons, &target.persons)?,
        edges: merge_maps(&base.edges, &source.edges, &target.edges)?,
    };
    let whole = merged
        .edges
        .values()
        .all(|(from, to)| merged.persons.contains_key(from) && merged.persons.contains_key(to));
    let degree = |person: &String| merged.edges.values().filter(|(from, _)| from == person).count();
    (whole && merged.persons.keys().all(|person| degree(person) <= 3)).then_some(merged)
}

/// Steps that did something: writes, and merges without a conflict.
#[derive(Default)]
struct Done {
    writes: Cell<usize>,
    merges: Cell<usize>,
}

async fn play(steps: &[Step], done: &Done) {
    let graph = fresh(SCHEMA).await;
    for branch in &BRANCHES[1..] {
        graph.branch_create(branch).await.unwrap();
    }
    let mut states = vec![State::default(); 3];
    let name = |person: &u8| format!("p{person}");
    for step in steps {
        let (branch, text) = match step {
            Step::Put { branch, person, age } => {
                (*branch, format!(r#"insert Person {{ name: "{}", age: {age} }}"#, name(person)))
            }
            Step::Remove { branch, person } => {
                (*branch, format!(r#"delete Person where name = "{}""#, name(person)))
            }
            Step::Tie { branch, from, to } => {
                (*branch, format!(r#"insert Knows {{ from: "{}", to: "{}" }}"#, name(from), name(to)))
            }
            Step::Untie { branch, from } => {
                (*branch, format!(r#"delete Knows where from = "{}""#, name(from)))
            }
            Step::Merge { from, into } if from == into => continue,
            Step::Merge { from, into } => {
                let (source, target) = (BRANCHES[*from], BRANCHES[*into]);
                let dry = graph
                    .branch_merge(MergeBranches { dry_run: true, ..MergeBranches::new(source, target) })
                    .await;
                let found = graph.branch_merge(MergeBranches::new(source, target)).await;
                assert_eq!(dry.is_ok(), found.is_ok());
                let Ok(receipt) = found else {
                    assert!(matches!(found, Err(OmniError::MergeConflicts(_))), "{found:?}");
                    assert_eq!(State::of(&graph, target).await, states[*into]);
                    let base = dry.map(|receipt| receipt.base_commit_id);
                    assert!(base.is_err());
                    continue;
                };
                let base = omnigraph::db::SnapshotId::new(receipt.base_commit_id);
                let base = state_at(&graph, base).await;
                let expected = merge_states(&base, &states[*from], &states[*into]);
                assert_eq!(Some(State::of(&graph, target).await), expected);
                states[*into] = expected.unwrap();
                done.merges.set(done.merges.get() + 1);
                continue;
            }
        };
        let text = format!("query change() {{ {text} }}");
        match graph.mutate(Mutate::new(BRANCHES[branch], &text)).await {
            Ok(_) => done.writes.set(done.writes.get() + 1),
            // A dangling edge or too many edges; the state stays.
            Err(error) => {
                assert!(error.violation().is_some(), "{step:?}: {error}");
                assert_eq!(State::of(&graph, BRANCHES[branch]).await, states[branch], "{step:?}");
            }
        }
        states[branch] = State::of(&graph, BRANCHES[branch]).await;
    }
    for (branch, state) in BRANCHES.iter().zip(&states) {
        assert_eq!(&State::of(&graph, branch).await, state);
    }
}

async fn state_at(graph: &Omnigraph, commit: omnigraph::db::SnapshotId) -> State {
    graph.branch_create_from(commit, "base-of-a-merge").await.unwrap();
    let state = State::of(graph, "base-of-a-merge").await;
    graph.branch_delete("base-of-a-merge").await.unwrap();
    state
}

#[test]
fn merges_are_the_pure_function_of_their_three_states() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let done = Done::default();
    let played = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(play(&steps, &done));
        Ok(())
    });
    played.unwrap();
    let (writes, merges) = (done.writes.get(), done.merges.get());
    assert!(writes > 0 && merges > 0, "{writes} writes and {merges} merges were done");
}

/// A merge of a branch that parted long ago makes old commits near; they are still no base, as newer ones are shared.
#[tokio::test]
async fn what_was_deleted_does_not_come_back_by_merging_an_old_branch() {
    let graph = fixture().await;
    graph.branch_create("ancient").await.unwrap();
    mutate(&graph, "ancient", r#"insert Tag { label: "ancient" }"#).await;
    mutate(&graph, "main", r#"insert Person { name: "Eve" }"#).await;
    graph.branch_create("side").await.unwrap();
    mutate(&graph, "side", r#"insert Person { name: "Sid" }"#).await;
    mutate(&graph, "main", r#"delete Person where name = "Eve""#).await;
    for n in 0..8 {
        mutate(&graph, "main", &format!(r#"insert Tag {{ label: "t{n}" }}"#)).await;
    }
    merge(&graph, "ancient", "main").await.unwrap();
    assert_eq!(merge(&graph, "side", "main").await.unwrap(), MergeOutcome::Merged);
    let persons = Model::of(&graph, "main").await.persons;
    assert!(!persons.contains_key("Eve") && persons.contains_key("Sid"), "{persons:?}");
}
