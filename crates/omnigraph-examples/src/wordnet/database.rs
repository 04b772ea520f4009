//! The database: reads its eight files and checks that they fit together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::line;
use super::model::{Meaning, Part, Relation, Synset, SynsetId, Synsets, WordRelation};
use crate::error::{ConvertError, Problem};
use crate::input::Lines;

/// A word in one of its meanings.
pub(super) type Sense = (String, SynsetId);

/// The whole database.
#[derive(Debug, Default)]
pub struct Database {
    pub(super) synsets: Synsets,
    /// Pairs of synsets by relation; symmetric ones once, from the smaller id.
    pub(super) relations: BTreeMap<Relation, BTreeSet<(SynsetId, SynsetId)>>,
    /// Pairs of senses by relation; symmetric ones once, from the smaller sense.
    pub(super) word_relations: BTreeMap<WordRelation, BTreeSet<(Sense, Sense)>>,
}

impl Database {
    /// Reads `data.*` and `index.*` from a folder.
    pub fn open(folder: &Path) -> Result<Self, ConvertError> {
        let lines = |kind: &str, part: Part| Lines::open(&folder.join(format!("{kind}.{}", part.file())));
        let mut database = Self::default();
        for part in Part::ALL {
            database.read_data(part, lines("data", part)?)?;
        }
        for part in Part::ALL {
            database.read_index(part, lines("index", part)?)?;
        }
        database.link(&folder.display().to_string())?;
        Ok(database)
    }

    pub(super) fn read_data(&mut self, part: Part, mut lines: Lines) -> Result<(), ConvertError> {
        while let Some(text) = lines.advance()? {
            // The licence stands in front of the data, indented.
            if text.starts_with(' ') || text.is_empty() {
                continue;
            }
            match line::data(text, part) {
                Ok((id, synset)) => drop(self.synsets.insert(id, synset)),
                Err(problem) => return Err(lines.malformed(problem)),
            }
        }
        Ok(())
    }

    /// Ranks the meanings of each word.
    pub(super) fn read_index(&mut self, part: Part, mut lines: Lines) -> Result<(), ConvertError> {
        while let Some(text) = lines.advance()? {
            if text.starts_with(' ') || text.is_empty() {
                continue;
            }
            let (lemma, offsets) = line::index(text).map_err(|problem| lines.malformed(problem))?;
            for (rank, offset) in (1..).zip(offsets) {
                let id = SynsetId { part, offset };
                let Some(synset) = self.synsets.get_mut(&id) else {
                    return Err(lines.malformed(Problem::Dangling { what: "synset", target: id.to_string() }));
                };
                for member in synset.members.iter_mut().filter(|m| m.lemma() == lemma) {
                    member.rank = rank;
                }
            }
        }
        Ok(())
    }

    /// Turns pointers into pairs. `path` names the database in errors.
    pub(super) fn link(&mut self, path: &str) -> Result<(), ConvertError> {
        let dangling = |what: &'static str, target: String| ConvertError::Inconsistent {
            path: path.to_owned(),
            problem: Problem::Dangling { what, target },
        };
        for (&id, synset) in &self.synsets {
            for pointer in &synset.pointers {
                let Some(target) = self.synsets.get(&pointer.target) else {
                    return Err(dangling("synset", pointer.target.to_string()));
                };
                let word = |synset: &Synset, number: usize, id: SynsetId| {
                    let member = number.checked_sub(1).and_then(|n| synset.members.get(n));
                    member.map(|m| (m.lemma(), id)).ok_or_else(|| dangling("word", format!("{id}/{number}")))
                };
                let senses = || {
                    let from = word(synset, pointer.words.0, id)?;
                    Ok((from, word(target, pointer.words.1, pointer.target)?))
                };
                let (relation, pair) = match pointer.meaning {
                    Meaning::Forward(relation) => (relation, (id, pointer.target)),
                    Meaning::Backward(relation) => (relation, (pointer.target, id)),
                    Meaning::Both(relation) => (relation, ascending(id, pointer.target)),
                    Meaning::Word(relation) => {
                        self.word_relations.entry(relation).or_default().insert(senses()?);
                        continue;
                    }
                    Meaning::WordBoth(relation) => {
                        let (a, b) = senses()?;
                        self.word_relations.entry(relation).or_default().insert(ascending(a, b));
                        continue;
                    }
                };
                self.relations.entry(relation).or_default().insert(pair);
            }
        }
        Ok(())
    }

    /// Meanings by word.
    pub(super) fn words(&self) -> HashMap<String, Vec<SynsetId>> {
        let mut words: HashMap<String, Vec<SynsetId>> = HashMap::new();
        for (id, synset) in &self.synsets {
            for member in &synset.members {
                words.entry(member.lemma()).or_default().push(*id);
            }
        }
        words
    }
}

fn ascending<T: Ord>(a: T, b: T) -> (T, T) {
    if a <= b { (a, b) } else { (b, a) }
}
