//! The schema of the model: types and properties with an identity that outlives their names.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};

/// Identity of a type lifetime or of a property.
///
/// A counter of the schema hands them out, so that two branches which made the same changes in the same order agree on
/// them, as the engine's do.
pub(crate) type Id = u64;

/// The property that every node type has as its key.
pub(crate) const KEY: &str = "k";
/// Text values of properties; number `n` of a property with numbers is `n` itself.
const TEXTS: [&str; 4] = ["", "red", "green", "blue sky"];
const ADDED_PROPERTIES: [&str; 3] = ["x", "y", "z"];
const ADDED_NODES: [&str; 2] = ["T", "U"];
const ADDED_EDGES: [&str; 3] = ["E", "F", "G"];
/// The types that are never dropped.
pub(crate) const PERSON: Id = 0;
pub(crate) const KNOWS: Id = 1;

/// A nullable property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Property {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) text: bool,
    pub(crate) unique: bool,
}

impl Property {
    /// Returns one of few values, so that equal ones are common.
    pub(crate) fn value(&self, choice: u8) -> Json {
        if self.unique {
            return json!(format!("c{}", choice % 8));
        }
        let choice = usize::from(choice) % TEXTS.len();
        if self.text { json!(TEXTS[choice]) } else { json!(choice) }
    }
}

/// A node type, or an edge type when it has ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) ends: Option<(Id, Id)>,
    /// The most edges one source may have.
    pub(crate) most: Option<usize>,
    /// Properties beside the key, by name.
    pub(crate) properties: BTreeMap<String, Property>,
}

impl Type {
    /// Returns the key that the engine uses for the type.
    pub(crate) fn key(&self) -> String {
        format!("{}:{}", if self.ends.is_some() { "edge" } else { "node" }, self.name)
    }
}

/// Types by identity, with the text that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schema {
    pub(crate) types: BTreeMap<Id, Type>,
    next: Id,
    pub(crate) text: String,
}

/// A declaration that continues another one: the new name of a type, or of a property of it, and the old name.
struct Hint<'a> {
    of: (Id, Option<&'a str>),
    former: &'a str,
}

impl Schema {
    /// The schema that every program starts with.
    pub(crate) fn initial() -> Schema {
        let property = |id, name: &str, unique| {
            (name.to_owned(), Property { id, name: name.to_owned(), text: unique, unique })
        };
        let person = Type {
            name: "P".to_owned(),
            ends: None,
            most: None,
            properties: BTreeMap::from([property(2, "c", true), property(3, "n", false)]),
        };
        let knows = Type {
            name: "K".to_owned(),
            ends: Some((PERSON, PERSON)),
            most: Some(3),
            properties: BTreeMap::from([property(4, "w", false)]),
        };
        let types = BTreeMap::from([(PERSON, person), (KNOWS, knows)]);
        let mut schema = Schema { types, next: 5, text: String::new() };
        schema.text = schema.source(None);
        schema
    }

    /// Finds a type by its key in the engine.
    pub(crate) fn find(&self, key: &str) -> Option<Id> {
        self.types.iter().find(|(_, ty)| ty.key() == key).map(|(id, _)| *id)
    }

    /// Returns a node or edge type; the choice wraps around.
    pub(crate) fn pick(&self, choice: u8) -> Id {
        let ids: Vec<Id> = self.types.keys().copied().collect();
        // The first two types are chosen half of the time, as they meet on every branch.
        if choice.is_multiple_of(2) {
            ids[usize::from(choice / 2) % 2]
        } else {
            ids[usize::from(choice / 2) % ids.len()]
        }
    }

    /// Takes one change; none when the choice fits nothing here. The result has the text to apply.
    pub(crate) fn changed(&self, (kind, which, other): (u8, u8, u8)) -> Option<Schema> {
        let mut next = self.clone();
        let ids: Vec<Id> = self.types.keys().copied().collect();
        let at = ids[usize::from(which) % ids.len()];
        let ty = next.types.get_mut(&at)?;
        let free = |used: &dyn Fn(&str) -> bool, names: &[&'static str], from: u8| {
            let free: Vec<&str> = names.iter().copied().filter(|name| !used(name)).collect();
            (!free.is_empty()).then(|| free[usize::from(from) % free.len()])
        };
        let added: Vec<String> =
            ty.properties.keys().filter(|name| ADDED_PROPERTIES.contains(&name.as_str())).cloned().collect();
        let picked = (!added.is_empty()).then(|| added[usize::from(other) % added.len()].clone());
        let free_property = free(&|name| ty.properties.contains_key(name), &ADDED_PROPERTIES, other);
        let named = |name: &str| self.types.values().any(|ty| ty.name == name);
        let text = match kind % 8 {
            0 | 1 => {
                let name = free_property?.to_owned();
                let property = Property {
                    id: self.next,
                    name: name.clone(),
                    text: other.is_multiple_of(2),
                    unique: false,
                };
                ty.properties.insert(name, property);
                next.next += 1;
                next.source(None)
            }
            2 => {
                ty.properties.remove(&picked?)?;
                next.source(None)
            }
            3 => {
                let (former, name) = (picked?, free_property?);
                let property = ty.properties.remove(&former)?;
                ty.properties.insert(name.to_owned(), Property { name: name.to_owned(), ..property });
                next.source(Some(&Hint { of: (at, Some(name)), former: &former }))
            }
            4 | 5 => {
                let (node, edge) = (free(&named, &ADDED_NODES, which)?, free(&named, &ADDED_EDGES, other)?);
                next.add_types(node, edge, other.is_multiple_of(2));
                next.source(None)
            }
            _ => {
                // Types that are not there from the start, renamed or dropped with their edges.
                let nodes: Vec<Id> =
                    ids.into_iter().filter(|id| *id != PERSON && self.types[id].ends.is_none()).collect();
                let node = *nodes.get(usize::from(which) % nodes.len().max(1))?;
                match free(&named, &ADDED_NODES, which) {
                    Some(name) if other.is_multiple_of(2) => {
                        let ty = next.types.get_mut(&node)?;
                        let former = std::mem::replace(&mut ty.name, name.to_owned());
                        next.source(Some(&Hint { of: (node, None), former: &former }))
                    }
                    _ => {
                        next.types.retain(|id, ty| {
                            *id != node && ty.ends.is_none_or(|(from, to)| from != node && to != node)
                        });
                        next.source(None)
                    }
                }
            }
        };
        next.text = text;
        Some(next)
    }

    /// Adds a node type and an edge type to it from a person, or the other way round.
    fn add_types(&mut self, node: &str, edge: &str, to_node: bool) {
        let first = self.next;
        let property = |id, name: &str, text| {
            BTreeMap::from([(name.to_owned(), Property { id, name: name.to_owned(), text, unique: false })])
        };
        let ends = if to_node { (PERSON, first) } else { (first, PERSON) };
        let node_type = Type {
            name: node.to_owned(),
            ends: None,
            most: None,
            properties: property(first + 2, "s", true),
        };
        let edge_type = Type {
            name: edge.to_owned(),
            ends: Some(ends),
            most: None,
            properties: property(first + 3, "w", false),
        };
        self.types.extend([(first, node_type), (first + 1, edge_type)]);
        // The engine counts two types, three properties and two lifetimes.
        self.next += 7;
    }

    /// Writes the schema; the hint tells what was renamed.
    fn source(&self, hint: Option<&Hint<'_>>) -> String {
        let hint = |of: (Id, Option<&str>)| {
            hint.filter(|hint| hint.of == of)
                .map_or_else(String::new, |hint| format!(" @rename_from(\"{}\")", hint.former))
        };
        let mut text = String::new();
        for (id, ty) in &self.types {
            let name = &ty.name;
            let head = match ty.ends {
                None => format!("node {name}{} {{\n  {KEY}: String @key\n", hint((*id, None))),
                Some((from, to)) => {
                    let most = ty.most.map_or_else(String::new, |most| format!(" @card(0..{most})"));
                    let (from, to) = (&self.types[&from].name, &self.types[&to].name);
                    format!("edge {name}: {from} -> {to}{most} {{\n")
                }
            };
            text.push_str(&head);
            for property in ty.properties.values() {
                let Property { name, text: is_text, unique, .. } = property;
                let scalar = if *is_text { "String" } else { "I64" };
                let unique = if *unique { " @unique" } else { "" };
                let hint = hint((*id, Some(name.as_str())));
                writeln!(text, "  {name}: {scalar}?{unique}{hint}").unwrap();
            }
            text.push_str("}\n");
        }
        text
    }
}
