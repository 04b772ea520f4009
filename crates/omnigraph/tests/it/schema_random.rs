//! Random histories of schema changes and writes: after each step the export equals a model.

use std::collections::BTreeMap;

use omnigraph::Omnigraph;
use omnigraph::db::{Load, LoadMode, LoadSource, ReadTarget, SnapshotId};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// One step, as numbers that choose among what is possible when it is taken.
type Choice = (u8, u8, u8);

/// A property of the model: what was stored stays with it, whatever it is called.
#[derive(Clone)]
struct Property {
    name: String,
    text: bool,
    former: Option<String>,
    values: BTreeMap<u8, Json>,
}

/// A type of the model; its entities are named by numbers.
#[derive(Clone)]
struct Type {
    name: String,
    former: Option<String>,
    ids: Vec<u8>,
    properties: Vec<Property>,
}

#[derive(Clone, Default)]
struct Model {
    types: Vec<Type>,
}

const TYPES: [&str; 3] = ["Ant", "Bee", "Cat"];
const PROPERTIES: [&str; 4] = ["a", "b", "y", "z"];

impl Model {
    /// Writes the schema; hints tell what was renamed in this step.
    fn schema(&self) -> String {
        let hint = |former: &Option<String>| {
            former.as_ref().map_or_else(String::new, |name| format!(" @rename_from(\"{name}\")"))
        };
        let types = self.types.iter().map(|ty| {
            let properties = ty.properties.iter().map(|property| {
                let scalar = if property.text { "String" } else { "I64" };
                format!("  {}: {scalar}?{}\n", property.name, hint(&property.former))
            });
            let properties: String = properties.collect();
            format!("node {}{} {{\n  key: String @key\n{properties}}}\n", ty.name, hint(&ty.former))
        });
        types.collect()
    }

    /// Writes what an export must hold, sorted.
    fn lines(&self) -> Vec<Json> {
        let mut lines = Vec::new();
        for ty in &self.types {
            for id in &ty.ids {
                let mut data = json!({"key": format!("k{id}")});
                for property in &ty.properties {
                    if let Some(value) = property.values.get(id) {
                        data[&property.name] = value.clone();
                    }
                }
                lines.push(json!({"type": ty.name, "data": data}));
            }
        }
        lines.sort_by_key(entity_key);
        lines
    }

    /// Takes a step that changes the schema.
    fn change(&mut self, (kind, which, other): Choice) {
        let free = |used: Vec<&str>, names: &[&'static str]| {
            let free: Vec<&'static str> = names.iter().copied().filter(|name| !used.contains(name)).collect();
            (!free.is_empty()).then(|| free[usize::from(other) % free.len()].to_owned())
        };
        let names = self.types.iter().map(|ty| ty.name.as_str()).collect();
        let free_type = free(names, &TYPES);
        let count = self.types.len();
        if kind % 6 == 0 || count == 0 {
            if let Some(name) = free_type {
                self.types.push(Type { name, former: None, ids: Vec::new(), properties: Vec::new() });
            }
            return;
        }
        let at = usize::from(which) % count;
        if kind % 6 == 1 && other % 4 == 0 && count > 1 {
            self.types.remove(at);
            return;
        }
        let ty = &mut self.types[at];
        let free_property =
            free(ty.properties.iter().map(|property| property.name.as_str()).collect(), &PROPERTIES);
        let property = (!ty.properties.is_empty()).then(|| usize::from(other) % ty.properties.len().max(1));
        match (kind % 6, property, free_property) {
            (1 | 2, _, Some(name)) => {
                let text = which.is_multiple_of(2);
                ty.properties.push(Property { name, text, former: None, values: BTreeMap::new() });
            }
            (3, Some(index), _) => {
                ty.properties.remove(index);
            }
            (4, Some(index), Some(name)) => {
                let property = &mut ty.properties[index];
                property.former = Some(std::mem::replace(&mut property.name, name));
            }
            (5, ..) => {
                if let Some(name) = free_type {
                    ty.former = Some(std::mem::replace(&mut ty.name, name));
                }
            }
            _ => {}
        }
    }

    fn forget_former_names(&mut self) {
        for ty in &mut self.types {
            ty.former = None;
            ty.properties.iter_mut().for_each(|property| property.former = None);
        }
    }

    /// Stores an entity; returns the line that loads it.
    fn store(&mut self, (which, id, seed): Choice) -> Option<String> {
        let count = self.types.len();
        let ty = self.types.get_mut(usize::from(which) % count.max(1))?;
        let id = id % 12;
        if !ty.ids.contains(&id) {
            ty.ids.push(id);
        }
        let mut data = json!({"key": format!("k{id}")});
        for (index, property) in (0_u8..).zip(&mut ty.properties) {
            property.values.remove(&id);
            if (seed >> (index % 8)) & 1 == 1 {
                let value = if property.text { json!(format!("v{seed}")) } else { json!(seed) };
                data[&property.name] = value.clone();
                property.values.insert(id, value);
            }
        }
        Some(json!({"type": ty.name, "data": data}).to_string())
    }
}

/// Tells where a line sorts: by type and key.
fn entity_key(line: &Json) -> String {
    format!("{} {}", line["type"], line["data"]["key"])
}

/// Reads an export as the model writes it: without nulls, and without the id, which is the key.
async fn exported(graph: &Omnigraph, target: impl Into<ReadTarget>) -> Vec<Json> {
    let mut out = Vec::new();
    graph.export(target, &[], &mut out).await.unwrap();
    let lines = String::from_utf8(out).unwrap();
    let lines = lines.lines().map(|line| {
        let mut line: Json = serde_json::from_str(line).unwrap();
        if let Some(data) = line["data"].as_object_mut() {
            assert_eq!(data.remove("id").as_ref(), data.get("key"));
            data.retain(|_, value| !value.is_null());
        }
        json!({"type": line["type"], "data": line["data"]})
    });
    let mut lines: Vec<Json> = lines.collect();
    lines.sort_by_key(entity_key);
    lines
}

async fn check(steps: Vec<(bool, Choice)>, case: u64) {
    let mut model = Model::default();
    model.change((0, 0, 0));
    let graph = Omnigraph::init(&format!("memory://schema-random-{case}"), &model.schema()).await.unwrap();
    let mut past: Vec<(String, Vec<Json>)> = Vec::new();
    for (load, choice) in steps {
        let before = graph.snapshot_of("main").await.unwrap().commit().graph_commit_id;
        past.push((before, model.lines()));
        if load {
            let Some(line) = model.store(choice) else { continue };
            graph.load(Load::new("main", LoadSource::Text(line), LoadMode::Merge)).await.unwrap();
        } else {
            model.change(choice);
            let schema = model.schema();
            let result = graph.apply_schema(&schema).await;
            assert!(result.is_ok(), "{schema}\n{result:?}");
            model.forget_former_names();
        }
        assert_eq!(exported(&graph, "main").await, model.lines());
    }
    for (commit, lines) in past {
        assert_eq!(exported(&graph, ReadTarget::Snapshot(SnapshotId::new(commit))).await, lines);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_history_of_schemas_keeps_the_data(
        steps in vec((any::<bool>(), any::<Choice>()), 1..24),
    ) {
        static CASES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let case = CASES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tokio::runtime::Runtime::new().unwrap().block_on(check(steps, case));
    }
}
