//! A small part of the database in which every chain of hypernyms is whole.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::database::Database;
use super::model::{Relation, SynsetId};
use crate::error::ConvertError;

/// Where a slice starts unless told otherwise.
pub const DEFAULT_ROOTS: &str = "karate malted dog wolf oak water hot cold happy sleep buy teach music paris";

/// Keeps at most `limit` synsets: the meanings of the roots, then what they are related to, breadth first, each with
/// all its hypernyms; a synset that does not fit with its hypernyms is passed over. Only the relations between what is
/// kept remain.
pub fn slice(database: &mut Database, roots: &[String], limit: usize) -> Result<(), ConvertError> {
    let words = database.words();
    let default: Vec<String> = DEFAULT_ROOTS.split_whitespace().map(str::to_owned).collect();
    let roots = if roots.is_empty() { &default } else { roots };
    let mut starts = Vec::new();
    for name in roots {
        match words.get(&name.to_lowercase()) {
            Some(synsets) => starts.extend(synsets),
            None => return Err(ConvertError::UnknownRoot { name: name.clone() }),
        }
    }
    let kept = select(database, &starts, limit);
    database.synsets.retain(|id, _| kept.contains(id));
    for pairs in database.relations.values_mut() {
        pairs.retain(|(from, to)| kept.contains(from) && kept.contains(to));
    }
    for pairs in database.word_relations.values_mut() {
        pairs.retain(|((_, from), (_, to))| kept.contains(from) && kept.contains(to));
    }
    Ok(())
}

fn select(database: &Database, starts: &[SynsetId], limit: usize) -> BTreeSet<SynsetId> {
    let mut neighbours: BTreeMap<SynsetId, Vec<SynsetId>> = BTreeMap::new();
    let synset_pairs = database.relations.values().flatten().copied();
    let word_pairs = database.word_relations.values().flatten().map(|(from, to)| (from.1, to.1));
    for (from, to) in synset_pairs.chain(word_pairs) {
        neighbours.entry(from).or_default().push(to);
        neighbours.entry(to).or_default().push(from);
    }
    let mut parents: BTreeMap<SynsetId, Vec<SynsetId>> = BTreeMap::new();
    for relation in [Relation::Hypernym, Relation::InstanceOf] {
        for (from, to) in database.relations.get(&relation).into_iter().flatten() {
            parents.entry(*from).or_default().push(*to);
        }
    }
    let mut kept = BTreeSet::new();
    let mut queue: VecDeque<SynsetId> = starts.iter().copied().collect();
    let mut seen: BTreeSet<SynsetId> = queue.iter().copied().collect();
    while let Some(id) = queue.pop_front() {
        let added = ancestry(&parents, &kept, id);
        if kept.len() + added.len() > limit {
            continue;
        }
        kept.extend(added);
        queue.extend(neighbours.get(&id).into_iter().flatten().copied().filter(|n| seen.insert(*n)));
    }
    kept
}

/// Returns what has to join `kept` with this synset.
fn ancestry(
    parents: &BTreeMap<SynsetId, Vec<SynsetId>>,
    kept: &BTreeSet<SynsetId>,
    start: SynsetId,
) -> BTreeSet<SynsetId> {
    let mut added = BTreeSet::new();
    let mut open = vec![start];
    while let Some(id) = open.pop() {
        if !kept.contains(&id) && added.insert(id) {
            open.extend(parents.get(&id).into_iter().flatten());
        }
    }
    added
}
