//! A topology that was changed from version to version is the one that is built afresh.

use std::collections::BTreeMap;
use std::sync::Arc;

use omnigraph_compiler::catalog::TypeKey;
use omnigraph_compiler::types::Value;
use omnigraph_graph::commit::Graph;
use proptest::prelude::*;

use super::build::{EdgeTables, build, load_at};
use super::csr::Topology;
use super::patch::patch;
use crate::cache::Caches;
use crate::tests::fixtures::{
    Change, Data, Entity, MEMORY_BUDGET, head, init, open, remove_other_versions, write,
};

const SCHEMA: &str = "
node Person { name: String @key  n: I64? }
node City { name: String @key  n: I64? }
edge Knows: Person -> Person
edge Lives: Person -> City
";
/// Reading a row for a patch costs nothing here, so that small topologies are patched too.
const READ_COST: u64 = 0;

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

/// A graph, and the entities that it holds.
struct ChangingGraph {
    graph: Graph,
    entities: BTreeMap<TypeKey, BTreeMap<String, Entity>>,
    /// Edges that were made so far, which number the next.
    made: u64,
}

impl ChangingGraph {
    async fn new(uri: &str) -> ChangingGraph {
        ChangingGraph { graph: init(uri, SCHEMA).await, entities: BTreeMap::new(), made: 0 }
    }

    fn has(&self, key: &TypeKey, id: &str) -> bool {
        self.entities.get(key).is_some_and(|known| known.contains_key(id))
    }

    /// Adds entities of one type in a commit; those that are there are updated.
    async fn put(&mut self, key: TypeKey, entities: Vec<Entity>) {
        let known = self.entities.entry(key.clone()).or_default();
        let updated: Vec<String> =
            entities.iter().map(|entity| entity.id.clone()).filter(|id| known.contains_key(id)).collect();
        known.extend(entities.iter().map(|entity| (entity.id.clone(), entity.clone())));
        let remove =
            if updated.is_empty() { BTreeMap::new() } else { BTreeMap::from([(key.clone(), updated)]) };
        write(&self.graph, &Change::Rows { remove, append: Data::from([(key, entities)]) }).await;
    }

    async fn put_nodes(&mut self, ty: &str, ids: &[u8], n: Option<u8>) {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let node = |id: &u8| Entity {
            id: id.to_string(),
            endpoints: None,
            values: BTreeMap::from([
                ("name".to_owned(), Value::String(id.to_string())),
                ("n".to_owned(), n.map_or(Value::Null, |n| Value::Int(i64::from(n)))),
            ]),
        };
        self.put(TypeKey::node(ty), ids.iter().map(node).collect()).await;
    }

    /// Adds an edge, if its nodes are there.
    async fn put_edge(&mut self, ty: &str, (from, to): (u8, u8)) {
        let target = if ty == "Knows" { "Person" } else { "City" };
        let endpoints = (from.to_string(), to.to_string());
        if self.has(&TypeKey::node("Person"), &endpoints.0) && self.has(&TypeKey::node(target), &endpoints.1)
        {
            let id = format!("e{}", self.made);
            self.made += 1;
            let edge = Entity { id, endpoints: Some(endpoints), values: BTreeMap::new() };
            self.put(TypeKey::edge(ty), vec![edge]).await;
        }
    }

    /// Removes entities, in a commit, if there are any that are meant.
    async fn remove(&mut self, meant: impl Fn(&TypeKey, &Entity) -> bool) {
        let mut remove: BTreeMap<TypeKey, Vec<String>> = BTreeMap::new();
        for (key, known) in &mut self.entities {
            known.retain(|id, entity| {
                let gone = meant(key, entity);
                if gone {
                    remove.entry(key.clone()).or_default().push(id.clone());
                }
                !gone
            });
        }
        if !remove.is_empty() {
            write(&self.graph, &Change::Rows { remove, append: Data::new() }).await;
        }
    }

    /// Removes a node and its edges.
    async fn remove_node(&mut self, ty: &str, id: u8) {
        let (node, id) = (TypeKey::node(ty), id.to_string());
        self.remove(|key, entity| match &entity.endpoints {
            None => *key == node && entity.id == id,
            Some((from, to)) => match ty {
                "City" => *key == TypeKey::edge("Lives") && *to == id,
                _ => *from == id || (*key == TypeKey::edge("Knows") && *to == id),
            },
        })
        .await;
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::People(ids) => self.put_nodes("Person", ids, None).await,
            Step::Cities(ids) => self.put_nodes("City", ids, None).await,
            Step::Knows(pairs) => {
                for pair in pairs {
                    self.put_edge("Knows", *pair).await;
                }
            }
            Step::Lives(pairs) => {
                for pair in pairs {
                    self.put_edge("Lives", *pair).await;
                }
            }
            Step::Update(id) => {
                if self.has(&TypeKey::node("Person"), &id.to_string()) {
                    self.put_nodes("Person", &[*id], Some(*id)).await;
                }
            }
            Step::Delete(id) => self.remove_node("Person", *id).await,
            Step::DeleteCity(id) => self.remove_node("City", *id).await,
            Step::Part(id) => {
                let (knows, id) = (TypeKey::edge("Knows"), id.to_string());
                self.remove(|key, edge| {
                    *key == knows && edge.endpoints.as_ref().is_some_and(|(from, _)| *from == id)
                })
                .await;
            }
            Step::Optimize => write(&self.graph, &Change::Compaction).await,
            Step::Look => {}
        }
    }
}

async fn edge_tables(graph: &Graph, edge: &str) -> EdgeTables {
    let snapshot = head(graph).await;
    let target = if edge == "Knows" { "Person" } else { "City" };
    EdgeTables {
        edge: snapshot.table(&TypeKey::edge(edge)).await.unwrap(),
        source: snapshot.table(&TypeKey::node("Person")).await.unwrap(),
        target: snapshot.table(&TypeKey::node(target)).await.unwrap(),
        same_type: edge == "Knows",
    }
}

async fn afresh(caches: &Caches, tables: &EdgeTables) -> Topology {
    build(&caches.addresses, caches.topology_bytes, tables).await.unwrap().unwrap()
}

async fn play(steps: &[Step]) {
    let uri = format!("memory://topology-{}", ulid::Ulid::new());
    let mut changing = ChangingGraph::new(&uri).await;
    let graph = open(&uri).await;
    let caches = Caches::of(MEMORY_BUDGET).unwrap();
    let everybody: Vec<u8> = (0..20).collect();
    changing.put_nodes("Person", &everybody, None).await;
    changing.put_nodes("City", &everybody, None).await;
    let mut known = Vec::new();
    for edge in ["Knows", "Lives"] {
        let tables = edge_tables(&graph, edge).await;
        known.push((edge, Arc::new(afresh(&caches, &tables).await), tables));
    }
    for step in steps.iter().chain([&Step::Look]) {
        changing.take(step).await;
        let Step::Look = step else { continue };
        for (edge, base, before) in &mut known {
            let now = edge_tables(&graph, edge).await;
            let patched = patch(&caches.addresses, base, before, &now, READ_COST).await.unwrap();
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
    let mut changing = ChangingGraph::new(&uri).await;
    let graph = open(&uri).await;
    let caches = Caches::of(MEMORY_BUDGET).unwrap();
    changing.put_nodes("Person", &[0, 1, 2, 3], None).await;
    let edges = [(0, 1), (1, 2), (2, 3)].map(|(from, to): (u8, u8)| Entity {
        id: format!("{from}{to}"),
        endpoints: Some((from.to_string(), to.to_string())),
        values: BTreeMap::new(),
    });
    changing.put(TypeKey::edge("Knows"), edges.to_vec()).await;
    let before = edge_tables(&graph, "Knows").await;
    let base = load_at(&caches, &before, READ_COST).await.unwrap().unwrap();
    changing.take(&Step::Delete(3)).await;
    changing.take(&Step::Optimize).await;
    let now = edge_tables(&graph, "Knows").await;
    remove_other_versions(&changing.graph, &[&now.edge, &now.source]).await;
    let patched = patch(&caches.addresses, &base, &before, &now, READ_COST).await;
    assert!(patched.is_err(), "nothing was taken");
    let loaded = load_at(&caches, &now, READ_COST).await.unwrap().unwrap();
    assert_eq!(*loaded, afresh(&caches, &now).await);
}
