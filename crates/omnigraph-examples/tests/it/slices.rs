//! Checks of the slices against their schemas: names, kinds of values, keys and endpoints.

use std::collections::{BTreeMap, BTreeSet};

use omnigraph_compiler::catalog::{NodeType, Property};
use omnigraph_compiler::types::{Kind, Scalar};
use serde_json::{Map, Value};

use crate::EXAMPLES;

const LARGEST_BYTES: usize = 600 << 10;

#[test]
fn slices_are_graphs_of_their_schemas() {
    for example in EXAMPLES {
        let catalog = example.catalog();
        let mut ids: BTreeSet<(String, String)> = BTreeSet::new();
        let mut ends = Vec::new();
        for (number, line) in (1..).zip(example.slice.lines()) {
            let place = format!("{}/slice.jsonl:{number}", example.name);
            let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{place}: {e}"));
            let data = line["data"].as_object().unwrap_or_else(|| panic!("{place}: no data"));
            if let Some(name) = line["type"].as_str() {
                let ty = catalog.nodes.get(name).unwrap_or_else(|| panic!("{place}: {name}"));
                check_values(&place, &ty.properties, data, &[]);
                assert!(ids.insert((name.to_owned(), id(ty, data))), "{place}: the key is taken");
            } else {
                let name = line["edge"].as_str().unwrap_or_else(|| panic!("{place}: no type"));
                let ty = catalog.edges.get(name).unwrap_or_else(|| panic!("{place}: {name}"));
                check_values(&place, &ty.properties, data, &["id"]);
                for (end, node) in [("from", &ty.from), ("to", &ty.to)] {
                    ends.push((place.clone(), (node.clone(), text(&line[end]))));
                }
                let id = (format!("edge {name}"), text(&data["id"]));
                assert!(ids.insert(id), "{place}: the id is taken");
            }
        }
        for (place, end) in ends {
            assert!(ids.contains(&end), "{place}: {end:?} is not in the slice");
        }
    }
}

#[test]
fn slices_stay_small_and_cover_their_schemas() {
    for example in EXAMPLES {
        assert!(example.slice.len() <= LARGEST_BYTES, "{}: {} bytes", example.name, example.slice.len());
        let catalog = example.catalog();
        let mut found: BTreeMap<String, u32> = BTreeMap::new();
        for line in example.slice.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            *found.entry(text(line.get("type").unwrap_or(&line["edge"]))).or_default() += 1;
        }
        for name in catalog.nodes.keys().chain(catalog.edges.keys()) {
            assert!(found.contains_key(name), "{}: no {name}", example.name);
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

fn id(ty: &NodeType, data: &Map<String, Value>) -> String {
    let key = ty.key().unwrap_or_else(|| panic!("{} has no key", ty.name));
    let values: Vec<String> = key.iter().map(|p| text(&data[&p.name])).collect();
    match values.as_slice() {
        [only] => only.clone(),
        several => serde_json::to_string(several).expect("strings are JSON"),
    }
}

fn check_values(place: &str, properties: &[Property], data: &Map<String, Value>, also: &[&str]) {
    for name in data.keys() {
        let known = also.contains(&name.as_str()) || properties.iter().any(|p| p.name == *name);
        assert!(known, "{place}: {name}");
    }
    for property in properties {
        match data.get(&property.name) {
            None => assert!(property.ty.nullable, "{place}: no {}", property.name),
            Some(value) => {
                assert!(fits(&property.ty.kind, value), "{place}: {} is {value}", property.name);
            }
        }
    }
}

fn fits(kind: &Kind, value: &Value) -> bool {
    match kind {
        Kind::Scalar(Scalar::String) => value.is_string(),
        Kind::Scalar(Scalar::Bool) => value.is_boolean(),
        Kind::Scalar(scalar) if scalar.is_integer() => value.is_i64(),
        Kind::Enum(values) => value.as_str().is_some_and(|v| values.iter().any(|known| known == v)),
        Kind::List(item) => {
            value.as_array().is_some_and(|items| items.iter().all(|i| fits(&Kind::Scalar(*item), i)))
        }
        other => panic!("{other:?} is not used by the examples"),
    }
}
