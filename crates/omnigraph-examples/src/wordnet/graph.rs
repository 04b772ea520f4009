//! Writes a database as the graph of `examples/wordnet/schema.pg`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde::Serialize;

use super::database::Database;
use super::model::{Relation, SynsetId, WordRelation};
use crate::batch::Batch;
use crate::error::ConvertError;

impl Relation {
    /// The edge type in the schema.
    pub fn edge(self) -> &'static str {
        match self {
            Self::Hypernym => "Hypernym",
            Self::InstanceOf => "InstanceOf",
            Self::PartOf => "PartOf",
            Self::MemberOf => "MemberOf",
            Self::SubstanceOf => "SubstanceOf",
            Self::Entails => "Entails",
            Self::Causes => "Causes",
            Self::VerbGroup => "VerbGroup",
            Self::SimilarTo => "SimilarTo",
            Self::ValueOf => "ValueOf",
            Self::SeeAlso => "SeeAlso",
            Self::InTopic => "InTopic",
            Self::InRegion => "InRegion",
            Self::InUsage => "InUsage",
        }
    }
}

impl WordRelation {
    /// The edge type in the schema.
    pub fn edge(self) -> &'static str {
        match self {
            Self::Antonym => "Antonym",
            Self::Derivation => "Derivation",
            Self::PertainsTo => "PertainsTo",
            Self::ParticipleOf => "ParticipleOf",
        }
    }
}

#[derive(Serialize)]
struct Word<'a> {
    lemma: &'a str,
    parts_of_speech: Vec<&'a str>,
}

#[derive(Serialize)]
struct Synset<'a> {
    code: String,
    label: &'a str,
    part_of_speech: &'a str,
    topic: &'a str,
    definition: &'a str,
    examples: &'a [String],
}

#[derive(Serialize)]
struct SenseData<'a> {
    id: String,
    rank: u32,
    place: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    spelling: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<&'a str>,
}

#[derive(Serialize)]
struct Plain {
    id: String,
}

#[derive(Serialize)]
struct BetweenWords {
    id: String,
    from_synset: String,
    to_synset: String,
}

/// Writes all nodes, then all edges, each type sorted by its ids or by its sources.
pub fn write(database: &Database, batch: &mut Batch<impl Write>) -> Result<(), ConvertError> {
    let mut words: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (id, synset) in &database.synsets {
        for member in &synset.members {
            words.entry(member.lemma()).or_default().insert(id.part.name());
        }
    }
    for (lemma, parts) in &words {
        batch.node("Word", &Word { lemma, parts_of_speech: parts.iter().copied().collect() })?;
    }
    for (id, synset) in &database.synsets {
        let data = Synset {
            code: id.to_string(),
            label: synset.members.first().map_or("", |m| &m.spelling),
            part_of_speech: synset.part_of_speech,
            topic: synset.topic,
            definition: &synset.definition,
            examples: &synset.examples,
        };
        batch.node("Synset", &data)?;
    }
    write_senses(database, batch)?;
    for (relation, pairs) in &database.relations {
        for (from, to) in pairs {
            let data = Plain { id: format!("{from}>{to}") };
            batch.edge(relation.edge(), &from.to_string(), &to.to_string(), &data)?;
        }
    }
    for (relation, pairs) in &database.word_relations {
        for ((from, from_synset), (to, to_synset)) in pairs {
            let data = BetweenWords {
                id: format!("{from}/{from_synset}>{to}/{to_synset}"),
                from_synset: from_synset.to_string(),
                to_synset: to_synset.to_string(),
            };
            batch.edge(relation.edge(), from, to, &data)?;
        }
    }
    Ok(())
}

/// Writes which word has which meaning. A word that stands twice in a synset, spelled differently, counts once.
fn write_senses(database: &Database, batch: &mut Batch<impl Write>) -> Result<(), ConvertError> {
    let mut senses: BTreeMap<(String, SynsetId), SenseData<'_>> = BTreeMap::new();
    for (id, synset) in &database.synsets {
        for (place, member) in (1..).zip(&synset.members) {
            let lemma = member.lemma();
            let data = SenseData {
                id: format!("{lemma}/{id}"),
                rank: member.rank,
                place,
                spelling: Some(member.spelling.as_str()).filter(|s| *s != lemma),
                position: member.position,
            };
            senses.entry((lemma, *id)).or_insert(data);
        }
    }
    for ((lemma, id), data) in &senses {
        batch.edge("Sense", lemma, &id.to_string(), data)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::{Part, slice};
    use super::*;
    use crate::input::Lines;

    const NOUNS: &str = "  1 licence\n\
        00001740 03 n 01 entity 0 002 ~ 00001930 n 0000 ~ 00002000 n 0000 | that which is\n\
        00001930 03 n 02 hot_dog 0 Hotdog 1 001 @ 00001740 n 0000 | a sausage; \"eat one\"\n\
        00002000 06 n 01 heat 0 002 @ 00001740 n 0000 = 00000100 a 0000 | warmth\n";
    const ADJECTIVES: &str = "00000100 00 a 01 hot(a) 0 003 = 00002000 n 0000 ! 00000200 a 0101 + 00002000 n 0101 | warm\n\
        00000200 00 a 01 cold 0 001 ! 00000100 a 0101 | not warm\n";
    const NOUN_INDEX: &str = "entity n 1 1 ~ 1 0 00001740\nhot_dog n 1 1 @ 1 0 00001930\n";

    fn lines(text: &'static str) -> Lines {
        Lines::new("memory", Cursor::new(text)).unwrap()
    }

    fn database() -> Database {
        let mut database = Database::default();
        database.read_data(Part::Noun, lines(NOUNS)).unwrap();
        database.read_data(Part::Adjective, lines(ADJECTIVES)).unwrap();
        database.read_index(Part::Noun, lines(NOUN_INDEX)).unwrap();
        database.link("memory").unwrap();
        database
    }

    fn written(database: &Database) -> String {
        let mut batch = Batch::new("memory", Vec::new());
        write(database, &mut batch).unwrap();
        String::from_utf8(batch.finish().unwrap().1).unwrap()
    }

    #[test]
    fn pointers_from_both_ends_make_one_edge() {
        let text = written(&database());
        let edges: Vec<&str> =
            text.lines().filter(|l| l.starts_with("{\"edge\"") && !l.contains("Sense")).collect();
        assert_eq!(
            edges,
            [
                r#"{"edge":"Hypernym","from":"n00001930","to":"n00001740","data":{"id":"n00001930>n00001740"}}"#,
                r#"{"edge":"Hypernym","from":"n00002000","to":"n00001740","data":{"id":"n00002000>n00001740"}}"#,
                r#"{"edge":"ValueOf","from":"a00000100","to":"n00002000","data":{"id":"a00000100>n00002000"}}"#,
                r#"{"edge":"Antonym","from":"cold","to":"hot","data":{"id":"cold/a00000200>hot/a00000100","from_synset":"a00000200","to_synset":"a00000100"}}"#,
                r#"{"edge":"Derivation","from":"heat","to":"hot","data":{"id":"heat/n00002000>hot/a00000100","from_synset":"n00002000","to_synset":"a00000100"}}"#,
            ]
        );
    }

    #[test]
    fn words_are_lower_case_and_senses_keep_the_spelling() {
        let text = written(&database());
        for line in [
            r#"{"type":"Word","data":{"lemma":"hotdog","parts_of_speech":["noun"]}}"#,
            r#"{"type":"Synset","data":{"code":"n00001930","label":"hot dog","part_of_speech":"noun","topic":"Tops","definition":"a sausage","examples":["eat one"]}}"#,
            r#"{"edge":"Sense","from":"hotdog","to":"n00001930","data":{"id":"hotdog/n00001930","rank":0,"place":2,"spelling":"Hotdog"}}"#,
            r#"{"edge":"Sense","from":"hot dog","to":"n00001930","data":{"id":"hot dog/n00001930","rank":1,"place":1}}"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\nnot in\n{text}");
        }
    }

    #[test]
    fn a_slice_holds_the_hypernyms() {
        let mut database = database();
        slice(&mut database, &["hotdog".to_owned()], 2).unwrap();
        let kept: Vec<String> = database.synsets.keys().map(ToString::to_string).collect();
        assert_eq!(kept, ["n00001740", "n00001930"]);
    }

    #[test]
    fn a_pointer_without_target_is_an_error() {
        let mut database = Database::default();
        database.read_data(Part::Adjective, lines(ADJECTIVES)).unwrap();
        let error = database.link("memory").unwrap_err();
        assert_eq!(error.to_string(), "memory: synset 'n00002000' is not in the database");
    }
}
