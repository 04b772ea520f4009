//! The entries of the database as values: synsets, words, and the relations between them.

use std::collections::BTreeMap;
use std::fmt;

/// Part of speech: one pair of files each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Adjectives, satellites included.
    Adjective,
    /// Nouns.
    Noun,
    /// Adverbs.
    Adverb,
    /// Verbs.
    Verb,
}

impl Part {
    /// All parts, in the order of their letters.
    pub const ALL: [Self; 4] = [Self::Adjective, Self::Noun, Self::Adverb, Self::Verb];

    /// The letter in pointers and synset codes.
    pub fn letter(self) -> char {
        match self {
            Self::Adjective => 'a',
            Self::Noun => 'n',
            Self::Adverb => 'r',
            Self::Verb => 'v',
        }
    }

    /// The ending of the file names.
    pub fn file(self) -> &'static str {
        match self {
            Self::Adjective => "adj",
            Self::Noun => "noun",
            Self::Adverb => "adv",
            Self::Verb => "verb",
        }
    }

    /// The value of a word's part of speech in the schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adjective => "adjective",
            Self::Noun => "noun",
            Self::Adverb => "adverb",
            Self::Verb => "verb",
        }
    }

    /// The part with this letter; `s`, a satellite adjective, is an adjective.
    pub fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "a" | "s" => Some(Self::Adjective),
            "n" => Some(Self::Noun),
            "r" => Some(Self::Adverb),
            "v" => Some(Self::Verb),
            _ => None,
        }
    }
}

/// Names a synset: part of speech and place in the file, printed as `n02084071`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SynsetId {
    /// Part of speech.
    pub part: Part,
    /// Byte offset in the data file.
    pub offset: u32,
}

impl fmt::Display for SynsetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:08}", self.part.letter(), self.offset)
    }
}

/// A relation between synsets: an edge type of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// A kind of.
    Hypernym,
    /// A single thing or person of a kind.
    InstanceOf,
    /// Part of a whole.
    PartOf,
    /// Member of a group.
    MemberOf,
    /// What a substance makes up.
    SubstanceOf,
    /// Doing one thing includes the other.
    Entails,
    /// Doing one thing brings about the other.
    Causes,
    /// Verbs of similar meaning.
    VerbGroup,
    /// Adjectives of similar meaning.
    SimilarTo,
    /// An adjective expresses a value of a noun.
    ValueOf,
    /// Related meanings.
    SeeAlso,
    /// Belongs to a topic.
    InTopic,
    /// Used in a region.
    InRegion,
    /// Used in a manner, such as slang.
    InUsage,
}

/// A relation between words in one of their meanings: an edge type of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WordRelation {
    /// Opposites.
    Antonym,
    /// Of one stem.
    Derivation,
    /// An adjective of or about a noun, or an adverb made from an adjective.
    PertainsTo,
    /// An adjective made from a verb.
    ParticipleOf,
}

/// What a pointer symbol means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Source to target.
    Forward(Relation),
    /// Target to source.
    Backward(Relation),
    /// Both ways alike.
    Both(Relation),
    /// From word to word.
    Word(WordRelation),
    /// From word to word, both ways alike.
    WordBoth(WordRelation),
}

impl Meaning {
    pub(super) fn of(symbol: &str, source: Part) -> Option<Self> {
        Some(match symbol {
            "@" => Self::Forward(Relation::Hypernym),
            "~" => Self::Backward(Relation::Hypernym),
            "@i" => Self::Forward(Relation::InstanceOf),
            "~i" => Self::Backward(Relation::InstanceOf),
            "#p" => Self::Forward(Relation::PartOf),
            "%p" => Self::Backward(Relation::PartOf),
            "#m" => Self::Forward(Relation::MemberOf),
            "%m" => Self::Backward(Relation::MemberOf),
            "#s" => Self::Forward(Relation::SubstanceOf),
            "%s" => Self::Backward(Relation::SubstanceOf),
            "*" => Self::Forward(Relation::Entails),
            ">" => Self::Forward(Relation::Causes),
            "$" => Self::Both(Relation::VerbGroup),
            "&" => Self::Both(Relation::SimilarTo),
            "^" => Self::Forward(Relation::SeeAlso),
            "=" if source == Part::Noun => Self::Backward(Relation::ValueOf),
            "=" => Self::Forward(Relation::ValueOf),
            ";c" => Self::Forward(Relation::InTopic),
            "-c" => Self::Backward(Relation::InTopic),
            ";r" => Self::Forward(Relation::InRegion),
            "-r" => Self::Backward(Relation::InRegion),
            ";u" => Self::Forward(Relation::InUsage),
            "-u" => Self::Backward(Relation::InUsage),
            "!" => Self::WordBoth(WordRelation::Antonym),
            "+" => Self::WordBoth(WordRelation::Derivation),
            "\\" => Self::Word(WordRelation::PertainsTo),
            "<" => Self::Word(WordRelation::ParticipleOf),
            _ => return None,
        })
    }
}

/// A word in a synset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// As written, with spaces.
    pub(super) spelling: String,
    /// Where an adjective may stand.
    pub(super) position: Option<&'static str>,
    /// Rank of the meaning among those of the word, from 1; 0 until the index was read.
    pub(super) rank: u32,
}

impl Member {
    /// The word as a key: lower case.
    pub(super) fn lemma(&self) -> String {
        self.spelling.to_lowercase()
    }
}

/// A pointer as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    pub(super) meaning: Meaning,
    pub(super) target: SynsetId,
    /// Numbers of the words in source and target, from 1; 0 is the whole synset.
    pub(super) words: (usize, usize),
}

/// A set of words of one meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Synset {
    pub(super) part_of_speech: &'static str,
    pub(super) topic: &'static str,
    pub(super) members: Vec<Member>,
    pub(super) pointers: Vec<Pointer>,
    pub(super) definition: String,
    pub(super) examples: Vec<String>,
}

/// All synsets by id.
pub(super) type Synsets = BTreeMap<SynsetId, Synset>;
