//! A topology that was changed from version to version is the one that is built afresh.

use std::sync::Arc;

use omnigraph::Omnigraph;
use omnigraph::db::{CleanupPolicyOptions, Load, LoadMode, LoadSource, Mutate};
use omnigraph_graph::commit::{BranchName, Graph};
use omnigraph_storage::{Root, RootOptions, Tuning};
use proptest::prelude::*;

use super::build::{Ends, build};
use super::csr::Topology;
use super::patch::patch;
use crate::cache::Caches;

const SCHEMA: &str = "
node Person { name: String @key  n: I64? }
node City { name: String @key  n: I64? }
edge Knows: Person -> Person
edge Lives: Person -> City
";
const BUDGET: u64 = 256 << 20;

#[derive(Clone, Debug)]
enum Step {
    People(Vec<u8>),
    Cities(Vec<u8>),
    Knows(Vec<(u8, u8)>),
    Lives(Vec<(u8, u8)>),
    Update(u8),
    Delete(u8),
    DeleteCity(u8),
    Part(u8),
    Optimize,
    /// Changes are taken together until the next look.
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    let ids = || prop::collection::vec(0..30_u8, 1..6);
    let pairs = || prop::collection::vec((0..30_u8, 0..30_u8), 1..8);
    prop_oneof![
        3 => ids().prop_map(Step::People),
        1 => ids().prop_map(Step::Cities),
        4 => pairs().prop_map(Step::Knows),
        3 => pairs().prop_map(Step::Lives),
        2 => (0..30_u8).prop_map(Step::Update),
        2 => (0..30_u8).prop_map(Step::Delete),
        1 => (0..30_u8).prop_map(Step::DeleteCity),
        2 => (0..30_u8).prop_map(Step::Part),
        1 => Just(Step::Optimize),
        4 => Just(Step::Look),
    ]
}

async fn load(graph: &Omnigraph, lines: String) {
    // An edge whose nodes are not there is refused, and nothing happens.
    let _ = graph.load(Load::new("main", LoadSource::Text(lines), LoadMode::Merge)).await;
}

async fn mutate(graph: &Omnigraph, text: &str) {
    graph.mutate(Mutate::new("main", &format!("query q() {{ {text} }}"))).await.unwrap();
}

fn nodes(kind: &str, ids: &[u8]) -> String {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids.iter().map(|id| format!("{{\"type\":\"{kind}\",\"data\":{{\"name\":\"{id}\"}}}}\n")).collect()
}

fn edges(kind: &str, pairs: &[(u8, u8)]) -> String {
    pairs.iter().map(|(a, b)| format!("{{\"edge\":\"{kind}\",\"from\":\"{a}\",\"to\":\"{b}\"}}\n")).collect()
}

async fn take(graph: &Omnigraph, step: &Step) {
    match step {
        Step::People(ids) => load(graph, nodes("Person", ids)).await,
        Step::Cities(ids) => load(graph, nodes("City", ids)).await,
        Step::Knows(pairs) => {
            for pair in pairs {
                load(graph, edges("Knows", &[*pair])).await;
            }
        }
        Step::Lives(pairs) => {
            for pair in pairs {
                load(graph, edges("Lives", &[*pair])).await;
            }
        }
        Step::Update(id) => {
            mutate(graph, &format!("update Person set {{ n: {id} }} where name = \"{id}\"")).await;
        }
        Step::Delete(id) => mutate(graph, &format!("delete Person where name = \"{id}\"")).await,
        Step::DeleteCity(id) => mutate(graph, &format!("delete City where name = \"{id}\"")).await,
        Step::Part(id) => mutate(graph, &format!("delete Knows where from = \"{id}\"")).await,
        Step::Optimize => drop(graph.optimize().await.unwrap()),
        Step::Look => {}
    }
}

async fn ends(graph: &Graph, edge: &str) -> Ends {
    let snapshot = graph.head(&BranchName::main()).await.unwrap();
    let (key, node) =
        (omnigraph_compiler::catalog::TypeKey::edge, omnigraph_compiler::catalog::TypeKey::node);
    let target = if edge == "Knows" { "Person" } else { "City" };
    Ends {
        edge: snapshot.table(&key(edge)).await.unwrap(),
        source: snapshot.table(&node("Person")).await.unwrap(),
        target: snapshot.table(&node(target)).await.unwrap(),
        same_type: edge == "Knows",
    }
}

async fn afresh(caches: &Caches, ends: &Ends) -> Topology {
    build(&caches.addresses, caches.topology_bytes, ends).await.unwrap().unwrap()
}

async fn play(steps: &[Step]) {
    let uri = format!("memory://topology-{}", ulid::Ulid::new());
    let db = Omnigraph::init(&uri, SCHEMA).await.unwrap();
    let root = RootOptions { memory_budget: BUDGET, tuning: Tuning::small(), ..RootOptions::default() };
    let graph = Graph::open(Root::open(&uri, root).await.unwrap()).await.unwrap();
    let caches = Caches::of(BUDGET).unwrap();
    let everybody: Vec<u8> = (0..20).collect();
    load(&db, nodes("Person", &everybody) + &nodes("City", &everybody)).await;
    let mut known = Vec::new();
    for edge in ["Knows", "Lives"] {
        let ends = ends(&graph, edge).await;
        known.push((edge, Arc::new(afresh(&caches, &ends).await), ends));
    }
    for step in steps.iter().chain([&Step::Look]) {
        take(&db, step).await;
        let Step::Look = step else { continue };
        for (edge, base, before) in &mut known {
            let now = ends(&graph, edge).await;
            let patched = patch(&caches.addresses, base, before, &now).await.unwrap();
            let patched = patched.expect("versions of one table are related");
            assert_eq!(patched, afresh(&caches, &now).await);
            (*base, *before) = (Arc::new(patched), now);
        }
    }
}

#[test]
fn a_changed_topology_is_the_one_built_afresh() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..30))| {
        runtime.block_on(play(&steps));
    });
}

#[tokio::test]
async fn a_topology_is_built_afresh_when_a_cleanup_took_what_the_last_one_was_made_of() {
    let uri = format!("memory://topology-{}", ulid::Ulid::new());
    let db = Omnigraph::init(&uri, SCHEMA).await.unwrap();
    let root = RootOptions { memory_budget: BUDGET, tuning: Tuning::small(), ..RootOptions::default() };
    let graph = Graph::open(Root::open(&uri, root).await.unwrap()).await.unwrap();
    let caches = Caches::of(BUDGET).unwrap();
    load(&db, nodes("Person", &[0, 1, 2, 3])).await;
    load(&db, edges("Knows", &[(0, 1), (1, 2), (2, 3)])).await;
    let before = ends(&graph, "Knows").await;
    let base = super::build::load(&caches, &before).await.unwrap().unwrap();
    take(&db, &Step::Delete(3)).await;
    take(&db, &Step::Optimize).await;
    let policy = CleanupPolicyOptions { keep_versions: Some(0), ..CleanupPolicyOptions::default() };
    db.cleanup(policy).await.unwrap();
    let now = ends(&graph, "Knows").await;
    assert!(patch(&caches.addresses, &base, &before, &now).await.is_err(), "nothing was taken");
    let loaded = super::build::load(&caches, &now).await.unwrap().unwrap();
    assert_eq!(*loaded, afresh(&caches, &now).await);
}
