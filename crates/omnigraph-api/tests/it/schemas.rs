//! The schemas of the API document say what the contract says.

use std::collections::{BTreeMap, BTreeSet};

use omnigraph_api::components;
use serde_json::{Map, Value, json};

use crate::contract::{Presence, Shape, Type, contract};

/// Names that neither the change routes nor anything they reach may have.
pub(crate) const BANNED_OF_CHANGES: [&str; 15] = [
    "table_key",
    "stable_table_id",
    "table_incarnation_id",
    "incarnation",
    "manifest_version",
    "table_version",
    "table_branch",
    "table_path",
    "row_addr",
    "_rowid",
    "fragment",
    "part",
    "commit_complete",
    "change_index",
    "max_bytes",
];

/// Names that no schema may have.
pub(crate) const BANNED: [&str; 4] = ["tables", "table_key", "table_keys", "manifest_version"];

const REFERENCE: &str = "#/components/schemas/";

fn document() -> BTreeMap<String, Value> {
    components().into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap())).collect()
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("{REFERENCE}{name}")})
}

/// Returns the schema of a member.
fn expected(ty: &Type, nullable: bool) -> Value {
    let mut schema = match ty {
        Type::Text => json!({"type": "string"}),
        Type::Bool => json!({"type": "boolean"}),
        Type::U64 => json!({"type": "integer", "format": "int64", "minimum": 0}),
        Type::Usize => json!({"type": "integer", "minimum": 0}),
        Type::U32 => json!({"type": "integer", "format": "int32", "minimum": 0}),
        Type::I64 => json!({"type": "integer", "format": "int64"}),
        Type::Any => return json!({}),
        Type::Array(item) => return json!({"type": "array", "items": expected(item, false)}),
        Type::Component(name) if nullable => return json!({"oneOf": [reference(name), {"type": "null"}]}),
        Type::Component(name) => return reference(name),
    };
    if nullable {
        schema["type"] = json!([schema["type"], "null"]);
    }
    schema
}

/// Takes the description out of a schema; that of a reference that may be null stands at the reference.
fn take_description(schema: &mut Value) -> Option<String> {
    if let Some(parts) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        let of_parts: Vec<String> = parts.iter_mut().filter_map(take_description).collect();
        if let Some(first) = of_parts.into_iter().next() {
            schema.as_object_mut()?.shift_remove("description");
            return Some(first);
        }
    }
    let text = schema.as_object_mut()?.shift_remove("description")?;
    Some(text.as_str()?.to_owned())
}

/// Calls `visit` for each object within a value.
pub(crate) fn each_map<'v>(value: &'v Value, visit: &mut impl FnMut(&'v Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            visit(map);
            map.values().for_each(|value| each_map(value, visit));
        }
        Value::Array(items) => items.iter().for_each(|value| each_map(value, visit)),
        _ => {}
    }
}

pub(crate) fn references(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    each_map(schema, &mut |map| {
        if let Some(reference) = map.get("$ref") {
            found.insert(reference.as_str().unwrap().strip_prefix(REFERENCE).unwrap().to_owned());
        }
    });
    found
}

pub(crate) fn property_names(schema: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    each_map(schema, &mut |map| {
        found.extend(
            map.get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flat_map(|p| p.keys().map(String::as_str)),
        );
    });
    found
}

#[test]
fn the_document_has_exactly_the_components_of_the_contract() {
    let (document, contract) = (document(), contract());
    let names: Vec<&str> = document.keys().map(String::as_str).collect();
    assert_eq!(names, contract.keys().copied().collect::<Vec<_>>());
}

/// Returns the schema of a component, without descriptions.
fn expected_component(shape: &Shape) -> Value {
    match shape {
        Shape::Enum(words) => json!({"type": "string", "enum": words}),
        Shape::OneOf(names) => json!({"oneOf": names.iter().map(|name| reference(name)).collect::<Vec<_>>()}),
        Shape::Object { closed, members } => {
            let mut object = json!({"type": "object", "properties": {}});
            for member in members {
                let nullable = matches!(member.presence, Presence::LeftOut | Presence::Null);
                object["properties"][member.name] = expected(&member.ty, nullable);
            }
            let required = members.iter().filter(|member| member.presence == Presence::Required);
            let required: Vec<&str> = required.map(|member| member.name).collect();
            if !required.is_empty() {
                object["required"] = json!(required);
            }
            if *closed {
                object["additionalProperties"] = json!(false);
            }
            object
        }
    }
}

#[test]
fn every_schema_is_the_one_of_its_line() {
    let mut document = document();
    let mut problems = Vec::new();
    for (name, shape) in contract() {
        let schema = document.get_mut(name).unwrap();
        if take_description(schema).is_none() {
            problems.push(format!("{name} has no description"));
        }
        for (member, schema) in
            schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
        {
            if take_description(schema).is_none() {
                problems.push(format!("{name}.{member} has no description"));
            }
        }
        let expected = expected_component(&shape);
        if *schema != expected {
            problems.push(format!("{name} is {schema}, expected {expected}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn property_counts_are_those_that_tests_of_clients_count() {
    let document = document();
    let count = |name: &str| document[name]["properties"].as_object().unwrap().len();
    let counts = [
        ("SnapshotDatasetOutput", 6),
        ("MergeConflictOutput", 5),
        ("PublishedDatasetVersionConflictOutput", 4),
        ("KeyConflictOutput", 3),
        ("GraphBatchDeclarationOutput", 2),
        ("ChangeErrorOutput", 6),
    ];
    for (name, expected) in counts {
        assert_eq!(count(name), expected, "{name}");
    }
}

#[test]
fn references_resolve() {
    let document = document();
    for (name, schema) in &document {
        for target in references(schema) {
            assert!(document.contains_key(&target), "{name} refers to {target}");
        }
    }
}

#[test]
fn no_schema_has_names_of_older_releases() {
    for (name, schema) in document() {
        for banned in BANNED {
            assert!(!property_names(&schema).contains(banned), "{name}.{banned}");
        }
    }
}

#[test]
fn what_change_routes_reach_has_words_of_graphs_only() {
    let document = document();
    let of_changes = |name: &String| {
        ["Change", "CommitChanges", "EntityChange"].iter().any(|prefix| name.starts_with(prefix))
    };
    // The two types of mutations share the prefix, and their names must do without the words too; but what they
    // reach is no part of the change routes.
    let of_mutations = |name: &str| ["ChangeRequest", "ChangeOutput"].contains(&name);
    let mut reached: BTreeSet<String> = document.keys().filter(|name| of_changes(name)).cloned().collect();
    let mut queue: Vec<String> = reached.iter().filter(|name| !of_mutations(name)).cloned().collect();
    while let Some(name) = queue.pop() {
        for target in references(&document[&name]) {
            if reached.insert(target.clone()) {
                queue.push(target);
            }
        }
    }
    assert!(reached.contains("RecoveryRequiredOutput") && !reached.contains("ErrorOutput"));
    assert!(!reached.contains("CommitOutput"));
    for name in reached {
        let text = document[&name].to_string();
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        for banned in BANNED_OF_CHANGES {
            assert!(!words.contains(banned), "{name} says {banned}");
        }
    }
}

#[test]
fn the_other_spelling_of_a_mutation_is_documented() {
    let query = &document()["ChangeRequest"]["properties"]["query"];
    assert!(query["description"].as_str().unwrap().contains("query_source"), "{query}");
}
