//! One line of a data or index file.

use super::model::{Meaning, Member, Part, Pointer, Synset, SynsetId};
use crate::error::Problem;

/// The names of the lexicographer files by number, without the part of speech.
const TOPICS: [&str; 45] = [
    "all",
    "pert",
    "all",
    "Tops",
    "act",
    "animal",
    "artifact",
    "attribute",
    "body",
    "cognition",
    "communication",
    "event",
    "feeling",
    "food",
    "group",
    "location",
    "motive",
    "object",
    "person",
    "phenomenon",
    "plant",
    "possession",
    "process",
    "quantity",
    "relation",
    "shape",
    "state",
    "substance",
    "time",
    "body",
    "change",
    "cognition",
    "communication",
    "competition",
    "consumption",
    "contact",
    "creation",
    "emotion",
    "motion",
    "perception",
    "possession",
    "social",
    "stative",
    "weather",
    "ppl",
];

struct Tokens<'a>(std::str::SplitAsciiWhitespace<'a>);

impl<'a> Tokens<'a> {
    fn text(&mut self, expected: &'static str) -> Result<&'a str, Problem> {
        self.0.next().ok_or(Problem::Unexpected { expected, found: None })
    }

    fn read<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, Problem> {
        let text = self.text(expected)?;
        read(text).ok_or_else(|| Problem::Unexpected { expected, found: Some(text.to_owned()) })
    }

    fn number(&mut self, expected: &'static str) -> Result<u32, Problem> {
        self.read(expected, |t| t.parse().ok())
    }
}

/// Reads a line of a data file:
/// `offset file kind words (word id)… pointers (symbol offset part words)… [frames] | gloss`.
pub(super) fn data(line: &str, part: Part) -> Result<(SynsetId, Synset), Problem> {
    let (line, gloss) = line.split_once('|').unwrap_or((line, ""));
    let mut tokens = Tokens(line.split_ascii_whitespace());
    let offset = tokens.number("the offset of the synset")?;
    let topic =
        tokens.read("the number of a lexicographer file", |t| TOPICS.get(t.parse::<usize>().ok()?))?;
    let part_of_speech = tokens.read("a synset type", |kind| match kind {
        "s" if part == Part::Adjective => Some("adjective_satellite"),
        kind => Part::from_letter(kind).filter(|p| *p == part).map(Part::name),
    })?;
    let words = tokens.read("the number of words in hexadecimal", |t| u32::from_str_radix(t, 16).ok())?;
    let mut members = Vec::new();
    for _ in 0..words {
        members.push(member(tokens.text("a word")?));
        tokens.text("the id of the word")?;
    }
    let mut pointers = Vec::new();
    for _ in 0..tokens.number("the number of pointers")? {
        let meaning = tokens.read("a pointer symbol", |t| Meaning::of(t, part))?;
        let offset = tokens.number("the offset of the target")?;
        let part = tokens.read("the part of speech of the target", Part::from_letter)?;
        let words = tokens.read("four hexadecimal digits", |t| {
            let number = |t| usize::from_str_radix(t, 16).ok();
            Some((number(t.get(..2)?)?, number(t.get(2..)?)?))
        })?;
        pointers.push(Pointer { meaning, target: SynsetId { part, offset }, words });
    }
    let (definition, examples) = split_gloss(gloss);
    let synset = Synset { part_of_speech, topic, members, pointers, definition, examples };
    Ok((SynsetId { part, offset }, synset))
}

/// Reads a line of an index file:
/// `lemma part synsets pointers symbol… senses tagged offset…`, the commonest meaning first.
pub(super) fn index(line: &str) -> Result<(String, Vec<u32>), Problem> {
    let mut tokens = Tokens(line.split_ascii_whitespace());
    let lemma = tokens.text("a lemma")?.replace('_', " ");
    tokens.text("a part of speech")?;
    let synsets = tokens.number("the number of synsets")?;
    for _ in 0..tokens.number("the number of pointer symbols")? {
        tokens.text("a pointer symbol")?;
    }
    tokens.number("the number of senses")?;
    tokens.number("the number of tagged senses")?;
    let offsets = (0..synsets).map(|_| tokens.number("the offset of a synset")).collect::<Result<_, _>>()?;
    Ok((lemma, offsets))
}

fn member(text: &str) -> Member {
    let (word, position) = match text.strip_suffix(')').and_then(|t| t.rsplit_once('(')) {
        Some((word, "a")) => (word, Some("attributive")),
        Some((word, "p")) => (word, Some("predicate")),
        Some((word, "ip")) => (word, Some("postnominal")),
        _ => (text, None),
    };
    Member { spelling: word.replace('_', " "), position, rank: 0 }
}

/// Splits a gloss into the definition and the quoted examples that end it.
fn split_gloss(gloss: &str) -> (String, Vec<String>) {
    let gloss = gloss.trim();
    let start = if gloss.starts_with('"') { Some(0) } else { gloss.find("; \"").map(|at| at + 2) };
    let (definition, quoted) = gloss.split_at(start.unwrap_or(gloss.len()));
    let definition = definition.trim_end().trim_end_matches(';').trim_end();
    let examples = quoted.split('"').skip(1).step_by(2).map(str::trim).filter(|e| !e.is_empty());
    (definition.to_owned(), examples.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::super::model::{Relation, WordRelation};
    use super::*;

    #[test]
    fn a_verb_line_holds_words_pointers_frames_and_a_gloss() {
        let line = "00004227 29 v 03 exhale 0 expire 0 breathe_out 0 003 @ 00001740 v 0000 + 03110611 a 0201 \
                    ! 00005041 v 0101 02 + 02 00 + 08 00 | expel air; \"Exhale when you lift the weight\"  ";
        let (id, synset) = data(line, Part::Verb).unwrap();
        assert_eq!(id.to_string(), "v00004227");
        let words: Vec<_> = synset.members.iter().map(|m| m.spelling.as_str()).collect();
        assert_eq!(words, ["exhale", "expire", "breathe out"]);
        assert_eq!((synset.part_of_speech, synset.topic), ("verb", "body"));
        let pointer =
            |meaning, part, offset, words| Pointer { meaning, target: SynsetId { part, offset }, words };
        assert_eq!(
            synset.pointers,
            [
                pointer(Meaning::Forward(Relation::Hypernym), Part::Verb, 1740, (0, 0)),
                pointer(Meaning::WordBoth(WordRelation::Derivation), Part::Adjective, 3_110_611, (2, 1)),
                pointer(Meaning::WordBoth(WordRelation::Antonym), Part::Verb, 5041, (1, 1)),
            ]
        );
        assert_eq!(synset.definition, "expel air");
        assert_eq!(synset.examples, ["Exhale when you lift the weight"]);
    }

    #[test]
    fn markers_of_adjectives_are_no_part_of_the_word() {
        let line = "00001740 00 s 02 able(p) 0 galore(ip) 0 000 | \"fit\"";
        let (_, synset) = data(line, Part::Adjective).unwrap();
        let found: Vec<_> = synset.members.iter().map(|m| (m.spelling.as_str(), m.position)).collect();
        assert_eq!(found, [("able", Some("predicate")), ("galore", Some("postnominal"))]);
        assert_eq!(synset.part_of_speech, "adjective_satellite");
    }

    #[test]
    fn what_a_line_lacks_is_named() {
        let error = data("00001740 03 n 02 entity 0", Part::Noun).unwrap_err();
        assert_eq!(error.to_string(), "expected a word, found the end of the line");
        let error = data("00001740 99 n 00 000 |", Part::Noun).unwrap_err();
        assert_eq!(error.to_string(), "expected the number of a lexicographer file, found '99'");
    }

    #[test]
    fn an_index_line_lists_meanings_by_rank() {
        let line = "abate v 2 2 @ + 2 0 00245289 00245059  ";
        assert_eq!(index(line), Ok(("abate".to_owned(), vec![245_289, 245_059])));
    }

    #[test]
    fn a_gloss_may_hold_quotes_that_are_no_example() {
        let (definition, examples) = split_gloss("a \"so called\" thing; or two; \"one\"; \"two\"");
        assert_eq!(definition, "a \"so called\" thing; or two");
        assert_eq!(examples, ["one", "two"]);
    }
}
