//! The content of one commit, its constraints, and the three-way merge as a pure function.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::schema::{Id, Schema, Type};

/// A node, or an edge when it has ends. Absent values are null.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entity {
    pub(crate) ends: Option<(String, String)>,
    pub(crate) values: BTreeMap<Id, Json>,
}

impl Entity {
    /// Keeps what a type of another schema knows.
    fn seen_by(&self, ty: &Type) -> Entity {
        let known: BTreeSet<Id> = ty.properties.values().map(|property| property.id).collect();
        let values = self.values.iter().filter(|(id, _)| known.contains(id));
        Entity { ends: self.ends.clone(), values: values.map(|(id, value)| (*id, value.clone())).collect() }
    }
}

/// The complete content: entities by type lifetime and id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) schema: Schema,
    pub(crate) entities: BTreeMap<(Id, String), Entity>,
}

/// Kind of a conflict, as the engine names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum ConflictKind {
    DivergentInsert,
    DivergentUpdate,
    DeleteVsUpdate,
    OrphanEdge,
    Unique,
    Cardinality,
    Value,
}

/// One reason why two states do not merge, or why a state is not allowed: the type's key, the entity, the kind.
pub(crate) type Conflict = (String, Option<String>, ConflictKind);

impl State {
    pub(crate) fn empty() -> State {
        State { schema: Schema::initial(), entities: BTreeMap::new() }
    }

    /// Returns the entities of a type.
    pub(crate) fn of(&self, ty: Id) -> impl Iterator<Item = (&str, &Entity)> {
        self.entities
            .iter()
            .filter(move |((of, _), _)| *of == ty)
            .map(|((_, id), entity)| (id.as_str(), entity))
    }

    /// Removes an entity, and with a node every edge that ends there.
    pub(crate) fn remove(&mut self, ty: Id, id: &str) {
        self.entities.remove(&(ty, id.to_owned()));
        let ends: BTreeMap<Id, (Id, Id)> =
            self.schema.types.iter().filter_map(|(id, ty)| Some((*id, ty.ends?))).collect();
        self.entities.retain(|(of, _), entity| match (ends.get(of), &entity.ends) {
            (Some(types), Some(at)) => !(types.0 == ty && at.0 == id || types.1 == ty && at.1 == id),
            _ => true,
        });
    }

    /// Returns the state under another schema: what it does not know is gone.
    pub(crate) fn under(&self, schema: Schema) -> State {
        let mut entities = BTreeMap::new();
        for ((ty, id), entity) in &self.entities {
            if let Some(known) = schema.types.get(ty) {
                entities.insert((*ty, id.clone()), entity.seen_by(known));
            }
        }
        State { schema, entities }
    }

    /// Returns every violated constraint. Of entities that share a unique value, all are named.
    pub(crate) fn violations(&self) -> BTreeSet<Conflict> {
        let mut found = BTreeSet::new();
        for (lifetime, ty) in &self.schema.types {
            let mut sources: BTreeMap<&str, usize> = BTreeMap::new();
            for (id, entity) in self.of(*lifetime) {
                let (Some(types), Some((from, to))) = (ty.ends, &entity.ends) else { continue };
                let there = |ty: Id, id: &String| self.entities.contains_key(&(ty, id.clone()));
                if !there(types.0, from) || !there(types.1, to) {
                    found.insert((ty.key(), Some(id.to_owned()), ConflictKind::OrphanEdge));
                }
                *sources.entry(from).or_default() += 1;
            }
            if ty.most.is_some_and(|most| sources.values().any(|count| *count > most)) {
                found.insert((ty.key(), None, ConflictKind::Cardinality));
            }
            for property in ty.properties.values().filter(|property| property.unique) {
                let mut holders: BTreeMap<String, Vec<&str>> = BTreeMap::new();
                for (id, entity) in self.of(*lifetime) {
                    if let Some(value) = entity.values.get(&property.id) {
                        holders.entry(value.to_string()).or_default().push(id);
                    }
                }
                let shared = holders.into_values().filter(|ids| ids.len() > 1).flatten();
                found.extend(shared.map(|id| (ty.key(), Some(id.to_owned()), ConflictKind::Unique)));
            }
        }
        found
    }
}

/// Which of two contested images to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Side {
    Target,
    Source,
}

/// What to do about entities that both sides changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resolution {
    pub(crate) properties: bool,
    pub(crate) prefer: Option<Side>,
}

/// Where the image of a type lies, by type lifetime: the table and its version.
pub(crate) type Pins = BTreeMap<Id, (String, u64)>;

/// Why a merge is refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// Both sides changed the schema.
    Schema,
    /// One side dropped a type that the other one wrote to, or both created it.
    Lifetime,
    Conflicts(BTreeSet<Conflict>),
}

/// A state with its pins.
pub(crate) type Pinned<'a> = (&'a State, &'a Pins);

/// Merges three states.
pub(crate) fn merge(
    base: Pinned<'_>,
    source: Pinned<'_>,
    target: Pinned<'_>,
    resolution: Resolution,
) -> Result<State, Refusal> {
    let schema = |side: Pinned<'_>| side.0.schema.clone();
    // The ground is the side whose schema the result has.
    let (ground, other, side) = if schema(source) == schema(base) || schema(source) == schema(target) {
        (target, source, Side::Target)
    } else if schema(target) == schema(base) {
        (source, target, Side::Source)
    } else {
        return Err(Refusal::Schema);
    };
    if !lifetimes_agree(base.1, ground.1, other.1) {
        return Err(Refusal::Lifetime);
    }
    let mut merged = State { schema: schema(ground), entities: BTreeMap::new() };
    let mut conflicts = BTreeSet::new();
    let entities = Entities { base: base.0, ground: ground.0, other: other.0, side, resolution };
    for (lifetime, ty) in &ground.0.schema.types {
        let ids: BTreeSet<&str> = [base, ground, other]
            .into_iter()
            .flat_map(|side| side.0.of(*lifetime).map(|(id, _)| id))
            .collect();
        for id in ids {
            match entities.merge(*lifetime, ty, id) {
                Ok(Some(entity)) => {
                    merged.entities.insert((*lifetime, id.to_owned()), entity);
                }
                Ok(None) => {}
                Err(kind) => {
                    conflicts.insert((ty.key(), Some(id.to_owned()), kind));
                }
            }
        }
    }
    if conflicts.is_empty() {
        conflicts = merged.violations();
    }
    if conflicts.is_empty() { Ok(merged) } else { Err(Refusal::Conflicts(conflicts)) }
}

/// Tells whether each type that the other side wrote to is one table, which the ground still has.
fn lifetimes_agree(base: &Pins, ground: &Pins, other: &Pins) -> bool {
    let lifetimes: BTreeSet<&Id> = base.keys().chain(ground.keys()).chain(other.keys()).collect();
    lifetimes.into_iter().all(|lifetime| {
        let (b, g, o) = (base.get(lifetime), ground.get(lifetime), other.get(lifetime));
        b == o
            || g == o
            || (g.is_some() && o.is_some() && (b == g || b.is_some()))
            || (g.is_none() && o.is_none())
    })
}

/// The entities of three states.
struct Entities<'a> {
    base: &'a State,
    ground: &'a State,
    other: &'a State,
    side: Side,
    resolution: Resolution,
}

impl Entities<'_> {
    /// Merges one entity by the table of the specification; `ty` is its type in the result.
    fn merge(&self, lifetime: Id, ty: &Type, id: &str) -> Result<Option<Entity>, ConflictKind> {
        let key = (lifetime, id.to_owned());
        let image = |state: &State| state.entities.get(&key).cloned();
        let (b, g, o) = (image(self.base), image(self.ground), image(self.other));
        let seen = |entity: &Option<Entity>| entity.as_ref().map(|entity| entity.seen_by(ty));
        let other_changed = self.other.schema.types.get(&lifetime).is_some_and(|own| changed(&b, &o, own));
        if !other_changed {
            return Ok(g);
        }
        if !changed(&b, &g, ty) {
            return Ok(seen(&o));
        }
        let o = seen(&o);
        if g == o {
            return Ok(g);
        }
        if let (Some(b), Some(g), Some(o), true) = (seen(&b), &g, &o, self.resolution.properties)
            && let Some(combined) = combine(&b, g, o)
        {
            return Ok(Some(combined));
        }
        match self.resolution.prefer {
            Some(side) if side == self.side => Ok(g),
            Some(_) => Ok(o),
            None if b.is_none() => Err(ConflictKind::DivergentInsert),
            None if g.is_none() || o.is_none() => Err(ConflictKind::DeleteVsUpdate),
            None => Err(ConflictKind::DivergentUpdate),
        }
    }
}

/// Tells whether an image differs from the base in what its own type knows.
fn changed(base: &Option<Entity>, image: &Option<Entity>, ty: &Type) -> bool {
    base.as_ref().map(|entity| entity.seen_by(ty)) != *image
}

/// Takes from each side what it changed; none when both changed one thing differently.
fn combine(b: &Entity, g: &Entity, o: &Entity) -> Option<Entity> {
    fn one<T: PartialEq>(b: T, g: T, o: T) -> Option<T> {
        if g == o || o == b {
            Some(g)
        } else if g == b {
            Some(o)
        } else {
            None
        }
    }
    let ends = match (&b.ends, &g.ends, &o.ends) {
        (Some(b), Some(g), Some(o)) => Some((one(&b.0, &g.0, &o.0)?.clone(), one(&b.1, &g.1, &o.1)?.clone())),
        _ => None,
    };
    let mut values = BTreeMap::new();
    let ids: BTreeSet<Id> = [b, g, o].iter().flat_map(|entity| entity.values.keys().copied()).collect();
    for id in ids {
        if let Some(value) = one(b.values.get(&id), g.values.get(&id), o.values.get(&id))? {
            values.insert(id, value.clone());
        }
    }
    Some(Entity { ends, values })
}

/// An entity under the names that its schema gives to things: the form in which the engine shows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) ends: Option<(String, String)>,
    pub(crate) values: BTreeMap<String, Json>,
}

/// What the engine shows of a state: entities by the key of their type and their id.
pub(crate) type View = BTreeMap<(String, String), Shown>;

/// How ids begin that only the engine knows.
const UNNAMED: char = '?';

impl State {
    /// Returns a stand-in for an id that the engine will choose.
    pub(crate) fn unnamed(number: usize) -> String {
        format!("{UNNAMED}{number}")
    }

    /// Returns what the engine is to show.
    pub(crate) fn view(&self) -> View {
        let mut view = View::new();
        for ((lifetime, id), entity) in &self.entities {
            let ty = &self.schema.types[lifetime];
            let values = ty.properties.values().filter_map(|property| {
                entity.values.get(&property.id).map(|value| (property.name.clone(), value.clone()))
            });
            let shown = Shown { ends: entity.ends.clone(), values: values.collect() };
            view.insert((ty.key(), id.clone()), shown);
        }
        view
    }

    /// Takes over the ids that the engine chose, by what the entities hold.
    pub(crate) fn named(mut self, seen: &View) -> State {
        let shown = self.view();
        let mut news: Vec<_> = seen.iter().filter(|(key, _)| !shown.contains_key(*key)).collect();
        let unnamed: Vec<(Id, String)> =
            self.entities.keys().filter(|(_, id)| id.starts_with(UNNAMED)).cloned().collect();
        for unnamed in unnamed {
            let (lifetime, stand_in) = &unnamed;
            let key = self.schema.types[lifetime].key();
            let expected = &shown[&(key.clone(), stand_in.clone())];
            let found = news.iter().position(|((of, _), shown)| *of == key && *shown == expected);
            if let Some(found) = found {
                let ((_, id), _) = news.swap_remove(found);
                let entity = self.entities.remove(&unnamed).unwrap();
                self.entities.insert((unnamed.0, id.clone()), entity);
            }
        }
        self
    }
}
