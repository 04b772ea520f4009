//! Steps of random programs: numbers that choose among what is possible when the step is taken.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::action::{Action, From, Mode};
use super::history::{Expected, History};
use super::schema::{Id, KEY, KNOWS, PERSON, Type};
use super::state::{Entity, Resolution, Side, State};

/// Names that branches get, beside `main`.
const NAMES: [&str; 3] = ["a", "b", "c/d"];
/// Ids of nodes are `p0` to `p5`, of loaded edges `e0` to `e5`.
const IDS: u8 = 6;

/// One entity to write.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    ty: u8,
    id: u8,
    from: u8,
    to: u8,
    values: u32,
}

/// Which entities a statement is about.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    ty: u8,
    by: u8,
    value: u8,
}

/// A statement of a mutation that writes.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Insert(Row),
    Update(Filter, u8, u8),
}

/// What a step does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Load {
        on: u8,
        mode: Mode,
        rows: Vec<Row>,
    },
    Write {
        on: u8,
        statements: Vec<Write>,
    },
    Delete {
        on: u8,
        filters: Vec<Filter>,
    },
    Create {
        from: u8,
        commit: Option<u8>,
        name: u8,
    },
    Drop {
        name: u8,
    },
    Tag {
        commit: u8,
    },
    Merge {
        from: u8,
        into: u8,
        properties: bool,
        prefer: Option<Side>,
    },
    Apply {
        on: u8,
        change: (u8, u8, u8),
        hard: bool,
    },
    Optimize {
        on: u8,
    },
    Cleanup {
        keep: u32,
    },
    /// Drops the handle and opens another; cleanly or not.
    Reopen {
        cleanly: bool,
    },
}

/// A step, by whom, and what goes wrong.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// Which handle.
    pub(crate) handle: usize,
    /// Picks a fault point to arm.
    pub(crate) fault: Option<u8>,
    pub(crate) step: Step,
}

fn row() -> impl Strategy<Value = Row> {
    any::<(u8, u8, u8, u8, u32)>().prop_map(|(ty, id, from, to, values)| Row { ty, id, from, to, values })
}

fn filter() -> impl Strategy<Value = Filter> {
    any::<(u8, u8, u8)>().prop_map(|(ty, by, value)| Filter { ty, by, value })
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        3 => row().prop_map(Write::Insert),
        2 => (filter(), any::<u8>(), any::<u8>()).prop_map(|(filter, what, value)| Write::Update(filter, what, value)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let on = any::<u8>;
    let mode = prop_oneof![
        2 => Just(Mode::Append),
        4 => Just(Mode::Merge),
        1 => Just(Mode::Overwrite),
    ];
    let prefer = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Side::Target)),
        1 => Just(Some(Side::Source)),
    ];
    let commit = prop_oneof![2 => Just(None), 1 => any::<u8>().prop_map(Some)];
    prop_oneof![
        16 => (on(), mode, vec(row(), 0..6)).prop_map(|(on, mode, rows)| Step::Load { on, mode, rows }),
        16 => (on(), vec(write(), 1..4)).prop_map(|(on, statements)| Step::Write { on, statements }),
        8 => (on(), vec(filter(), 1..3)).prop_map(|(on, filters)| Step::Delete { on, filters }),
        12 => (on(), commit, any::<u8>()).prop_map(|(from, commit, name)| Step::Create { from, commit, name }),
        3 => any::<u8>().prop_map(|name| Step::Drop { name }),
        1 => any::<u8>().prop_map(|commit| Step::Tag { commit }),
        22 => (on(), on(), any::<bool>(), prefer)
            .prop_map(|(from, into, properties, prefer)| Step::Merge { from, into, properties, prefer }),
        10 => (on(), any::<(u8, u8, u8)>(), prop::bool::weighted(0.2))
            .prop_map(|(on, change, hard)| Step::Apply { on, change, hard }),
        3 => on().prop_map(|on| Step::Optimize { on }),
        3 => (0..3_u32).prop_map(|keep| Step::Cleanup { keep }),
        3 => any::<bool>().prop_map(|cleanly| Step::Reopen { cleanly }),
    ]
}

/// Random programs; during `faults` of 100 steps something goes wrong.
pub(crate) fn programs(length: usize, faults: u8) -> impl Strategy<Value = Vec<Turn>> {
    // Shrinks to a step without a fault.
    let fault = (0..100_u8, any::<u8>()).prop_map(move |(n, fault)| (n >= 100 - faults).then_some(fault));
    let turn = (0..2_usize, fault, step()).prop_map(|(handle, fault, step)| Turn { handle, fault, step });
    vec(turn, 1..length)
}

/// A request that a step makes, and what must come of it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) action: Action,
    pub(crate) expected: Expected,
}

impl Step {
    /// Turns the step into a request; none when nothing fits, or when it is about the handle itself.
    pub(crate) fn request(&self, history: &History) -> Option<Request> {
        let branch = |on: &u8| history.pick_branch(*on);
        let request = |action, expected| Some(Request { action, expected });
        match self {
            Step::Load { on, mode, rows } => {
                let branch = branch(on);
                let (text, expected) = load(history.state(&branch), *mode, rows);
                request(Action::Load { branch, text, mode: *mode }, expected)
            }
            Step::Write { on, statements } => {
                let branch = branch(on);
                let (text, expected) = write_all(history.state(&branch), statements);
                request(Action::Mutate { branch, text }, expected)
            }
            Step::Delete { on, filters } => {
                let branch = branch(on);
                let (text, expected) = delete_all(history.state(&branch), filters);
                request(Action::Mutate { branch, text }, expected)
            }
            Step::Create { from, commit, name } => {
                let name = branch_name(history, *name, false);
                let from = match commit {
                    Some(commit) => From::Commit(history.pick_commit(*commit)),
                    None => From::Branch(branch(from)),
                };
                let expected = history.expect_branch(&from, &name);
                request(Action::Create { from, name }, expected)
            }
            Step::Drop { name } => {
                let name = branch_name(history, *name, true);
                let expected = if history.has(&name) { Expected::Gone } else { Expected::NotFound };
                request(Action::Delete { name }, expected)
            }
            Step::Tag { commit } => {
                let commit = history.pick_commit(*commit);
                let name = format!("t{}", history.tag_count());
                let expected = Expected::Tag { must: history.is_safe(&commit) };
                request(Action::Tag { commit, name }, expected)
            }
            Step::Merge { from, into, properties, prefer } => {
                let source = branch(from);
                let target = history.pick_other(&source, *into)?;
                let resolution = Resolution { properties: *properties, prefer: *prefer };
                let expected = history.expect_merge(&source, &target, resolution);
                request(Action::Merge { source, target, resolution, dry_run: false }, expected)
            }
            Step::Apply { on, change, hard } => {
                let branch = branch(on);
                let state = history.state(&branch);
                let schema = state.schema.changed(*change)?;
                let text = schema.text.clone();
                let expected = Expected::State(Box::new(state.under(schema)));
                request(Action::Apply { branch, schema: text, hard: *hard }, expected)
            }
            Step::Optimize { on } => request(Action::Optimize { branch: branch(on) }, Expected::Unchanged),
            Step::Cleanup { keep } => request(Action::Cleanup { keep: *keep }, Expected::Unchanged),
            Step::Reopen { .. } => None,
        }
    }
}

/// Chooses a name that is live, or free; now and then one that need not be.
fn branch_name(history: &History, choice: u8, live: bool) -> String {
    let fitting: Vec<&str> = NAMES.into_iter().filter(|name| history.has(name) == live).collect();
    let names = if fitting.is_empty() || choice >= 230 { NAMES.to_vec() } else { fitting };
    names[usize::from(choice) % names.len()].to_owned()
}

/// Chooses a node as an end: mostly one that is there.
fn end(state: &State, ty: Id, choice: u8) -> String {
    let there: Vec<&str> = state.of(ty).map(|(id, _)| id).collect();
    if there.is_empty() || choice >= 240 {
        return format!("p{}", choice % IDS);
    }
    there[usize::from(choice) % there.len()].to_owned()
}

/// Makes the values of an entity: most properties now and then, unique ones rarely.
fn values(ty: &Type, seed: u32) -> Vec<(Id, &str, Json)> {
    let mut values = Vec::new();
    for (index, property) in ty.properties.values().enumerate() {
        let bits = seed.rotate_right(u32::try_from(index).unwrap() * 7);
        let there = if property.unique { bits.is_multiple_of(3) } else { !bits.is_multiple_of(4) };
        if there {
            let choice = u8::try_from((bits >> 5) & 7).unwrap();
            values.push((property.id, property.name.as_str(), property.value(choice)));
        }
    }
    values
}

/// An entity that a row describes in a state, its id among nodes or loaded edges, and its values by name.
fn entity(state: &State, row: &Row) -> (Id, String, Entity, Map<String, Json>) {
    let lifetime = state.schema.pick(row.ty);
    let ty = &state.schema.types[&lifetime];
    let ends = ty.ends.map(|(from, to)| (end(state, from, row.from), end(state, to, row.to)));
    let id = format!("{}{}", if ends.is_some() { 'e' } else { 'p' }, row.id % IDS);
    let values = values(ty, row.values);
    let named = values.iter().map(|(_, name, value)| ((*name).to_owned(), value.clone())).collect();
    let values = values.into_iter().map(|(id, _, value)| (id, value)).collect();
    (lifetime, id, Entity { ends, values }, named)
}

fn load(before: &State, mode: Mode, rows: &[Row]) -> (String, Expected) {
    let mut after = before.clone();
    if mode == Mode::Overwrite {
        let types: BTreeSet<Id> = rows.iter().map(|row| before.schema.pick(row.ty)).collect();
        after.entities.retain(|(ty, _), _| !types.contains(ty));
    }
    let mut text = String::new();
    let mut taken = false;
    let mut seen = BTreeSet::new();
    for row in rows {
        let (lifetime, id, entity, mut data) = entity(&after, row);
        if !seen.insert((lifetime, id.clone())) {
            continue;
        }
        let name = &after.schema.types[&lifetime].name;
        let line = match &entity.ends {
            None => {
                data.insert(KEY.to_owned(), json!(id));
                json!({"type": name, "data": data})
            }
            Some((from, to)) => {
                data.insert("id".to_owned(), json!(id));
                json!({"edge": name, "from": from, "to": to, "data": data})
            }
        };
        text.push_str(&format!("{line}\n"));
        taken |= after.entities.insert((lifetime, id), entity).is_some();
    }
    let taken = taken && mode == Mode::Append;
    (text, Expected::write(before, after, taken))
}

/// A predicate as text, and whether an entity meets it.
struct Predicate {
    lifetime: Id,
    name: String,
    text: String,
    by: By,
}

enum By {
    Id(String),
    From(String),
    To(String),
    Value(Id, Json),
}

impl Predicate {
    /// Makes the predicate that a filter describes on a state; `on_edges` tells whether edges may be meant.
    fn of(state: &State, filter: &Filter, on_edges: bool) -> Predicate {
        let picked = state.schema.pick(filter.ty);
        let lifetime = if on_edges || state.schema.types[&picked].ends.is_none() { picked } else { PERSON };
        let ty = &state.schema.types[&lifetime];
        let properties: Vec<_> = ty.properties.values().collect();
        let by = match (ty.ends, filter.by % 4) {
            (None, 0 | 1) => By::Id(end(state, lifetime, filter.value)),
            (Some((from, _)), 0) => By::From(end(state, from, filter.value)),
            (Some((_, to)), 1) => By::To(end(state, to, filter.value)),
            _ => {
                let property = properties[usize::from(filter.by / 4) % properties.len()];
                By::Value(property.id, property.value(filter.value))
            }
        };
        let text = match &by {
            By::Id(id) => format!("{KEY} = {}", json!(id)),
            By::From(id) => format!("from = {}", json!(id)),
            By::To(id) => format!("to = {}", json!(id)),
            By::Value(id, value) => {
                let property = properties.iter().find(|property| property.id == *id).unwrap();
                format!("{} = {value}", property.name)
            }
        };
        Predicate { lifetime, name: ty.name.clone(), text, by }
    }

    fn matches(&self, state: &State) -> Vec<String> {
        let meets = |id: &str, entity: &Entity| match (&self.by, &entity.ends) {
            (By::Id(wanted), _) => id == wanted,
            (By::From(wanted), Some((from, _))) => from == wanted,
            (By::To(wanted), Some((_, to))) => to == wanted,
            (By::Value(property, value), _) => entity.values.get(property) == Some(value),
            _ => false,
        };
        state
            .of(self.lifetime)
            .filter(|(id, entity)| meets(id, entity))
            .map(|(id, _)| id.to_owned())
            .collect()
    }
}

fn write_all(before: &State, statements: &[Write]) -> (String, Expected) {
    let mut after = before.clone();
    let mut text = String::new();
    for (number, statement) in statements.iter().enumerate() {
        match statement {
            Write::Insert(row) => {
                let (lifetime, id, entity, named) = entity(&after, row);
                let name = after.schema.types[&lifetime].name.clone();
                let mut members: Vec<String> =
                    named.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                let id = match &entity.ends {
                    None => {
                        members.push(format!("{KEY}: {}", json!(id)));
                        id
                    }
                    Some((from, to)) => {
                        members.push(format!("from: {}, to: {}", json!(from), json!(to)));
                        // The engine gives it an id, which is known when the edge is seen.
                        State::unnamed(number)
                    }
                };
                text.push_str(&format!("insert {name} {{ {} }}\n", members.join(", ")));
                after.entities.insert((lifetime, id), entity);
            }
            Write::Update(filter, what, value) => {
                let predicate = Predicate::of(&after, filter, false);
                let properties: Vec<_> =
                    after.schema.types[&predicate.lifetime].properties.values().cloned().collect();
                let property = &properties[usize::from(*what) % properties.len()];
                let value = property.value(*value);
                let (name, set, wanted) = (&predicate.name, &property.name, &predicate.text);
                text.push_str(&format!("update {name} set {{ {set}: {value} }} where {wanted}\n"));
                for id in predicate.matches(&after) {
                    let entity = after.entities.get_mut(&(predicate.lifetime, id)).unwrap();
                    entity.values.insert(property.id, value.clone());
                }
            }
        }
    }
    (format!("query change() {{\n{text}}}"), Expected::write(before, after, false))
}

fn delete_all(before: &State, filters: &[Filter]) -> (String, Expected) {
    let mut after = before.clone();
    let mut text = String::new();
    for filter in filters {
        let predicate = Predicate::of(&after, filter, true);
        text.push_str(&format!("delete {} where {}\n", predicate.name, predicate.text));
        for id in predicate.matches(&after) {
            after.remove(predicate.lifetime, &id);
        }
    }
    (format!("query change() {{\n{text}}}"), Expected::write(before, after, false))
}

/// The pairs of nodes that the edge type of every schema connects, as a walk finds them: each once.
pub(crate) fn walks(state: &State) -> Vec<(String, String)> {
    let pairs: BTreeSet<_> = state.of(KNOWS).filter_map(|(_, entity)| entity.ends.clone()).collect();
    pairs.into_iter().collect()
}

/// The persons whose number is this.
pub(crate) fn with_value(state: &State, value: u8) -> Vec<String> {
    let number = state.schema.types[&PERSON].properties["n"].id;
    let value = json!(value);
    let holds = |entity: &Entity| entity.values.get(&number) == Some(&value);
    state.of(PERSON).filter(|(_, entity)| holds(entity)).map(|(id, _)| id.to_owned()).collect()
}
