//! Terms of a dictionary within a number of edits of a given term.
//!
//! An edit inserts, deletes or replaces one character (Unicode scalar value); there is no transposition. Up to
//! [`AUTOMATON_EDITS`] edits are found by a Levenshtein automaton (Schulz and Mihov, "Fast string correction with
//! Levenshtein automata", 2002) that runs over the front-coded dictionary: the states of a shared prefix are kept, and
//! once a prefix is hopeless its terms, and whole groups of them, are passed over. The size of such an automaton grows
//! exponentially with the edits, so beyond that every term is compared by itself.

use std::sync::OnceLock;

use levenshtein_automata::{DFA, Distance, LevenshteinAutomatonBuilder, SINK_STATE};

use crate::dictionary::{Dictionary, Entry};

/// The most edits for which there is an automaton.
const AUTOMATON_EDITS: usize = 3;

/// Tells which terms are near a given one.
pub(crate) enum Matcher {
    /// Only the term itself.
    Equal(String),
    /// An automaton that accepts the near terms.
    Automaton(DFA),
    /// The characters of the term and the most edits.
    Bounded(Vec<char>, usize),
}

/// The part of an automaton that depends on the edits only. It takes a while to make, once.
fn builder(edits: usize) -> &'static LevenshteinAutomatonBuilder {
    static BUILDERS: [OnceLock<LevenshteinAutomatonBuilder>; AUTOMATON_EDITS + 1] =
        [const { OnceLock::new() }; AUTOMATON_EDITS + 1];
    BUILDERS[edits].get_or_init(|| LevenshteinAutomatonBuilder::new(edits as u8, false))
}

impl Matcher {
    /// A matcher of the terms within `max_edits` edits of `term`.
    pub(crate) fn new(term: &str, max_edits: usize) -> Self {
        match max_edits {
            0 => Self::Equal(term.to_owned()),
            1..=AUTOMATON_EDITS => Self::Automaton(builder(max_edits).build_dfa(term)),
            _ => Self::Bounded(term.chars().collect(), max_edits),
        }
    }

    /// Gives the entries of the near terms of `dictionary` to `sink`, in order.
    pub(crate) fn entries(&self, dictionary: &Dictionary, mut sink: impl FnMut(&Entry)) {
        match self {
            Self::Equal(term) => dictionary.get(term).iter().for_each(sink),
            Self::Automaton(dfa) => run(dfa, dictionary, sink),
            Self::Bounded(term, max_edits) => {
                let mut rows = Rows::default();
                let mut walk = dictionary.walk();
                while let Some(entry) = walk.next() {
                    // The terms of a dictionary are UTF-8.
                    if std::str::from_utf8(walk.term())
                        .is_ok_and(|other| rows.within(term, other, *max_edits))
                    {
                        sink(&entry);
                    }
                }
            }
        }
    }
}

fn run(dfa: &DFA, dictionary: &Dictionary, mut sink: impl FnMut(&Entry)) {
    // The state after each prefix of the term at hand, from the empty one.
    let mut states = vec![dfa.initial_state()];
    let mut hopeless: Vec<u8> = Vec::new();
    for group in 0..dictionary.groups() {
        // Sorted terms between two that begin with a hopeless prefix begin with it too.
        if !hopeless.is_empty() && dictionary.first_of(group + 1).starts_with(&hopeless) {
            continue;
        }
        states.truncate(1);
        hopeless.clear();
        let mut walk = dictionary.walk_group(group);
        while let Some(entry) = walk.next() {
            let (term, shared) = (walk.term(), walk.shared());
            if !hopeless.is_empty() && shared >= hopeless.len() {
                continue;
            }
            hopeless.clear();
            states.truncate(shared + 1);
            let mut state = states.last().copied().unwrap_or_else(|| dfa.initial_state());
            for at in shared..term.len() {
                state = dfa.transition(state, term[at]);
                if state == SINK_STATE {
                    hopeless.extend_from_slice(&term[..=at]);
                    break;
                }
                states.push(state);
            }
            if hopeless.is_empty() && matches!(dfa.distance(state), Distance::Exact(_)) {
                sink(&entry);
            }
        }
    }
}

/// Two rows of the table of distances between prefixes, kept between comparisons.
#[derive(Debug, Default)]
struct Rows {
    other: Vec<char>,
    above: Vec<usize>,
    row: Vec<usize>,
}

impl Rows {
    /// Whether `max_edits` edits make `term` of `other`.
    fn within(&mut self, term: &[char], other: &str, max_edits: usize) -> bool {
        self.other.clear();
        self.other.extend(other.chars());
        let (longer, shorter) = (term.len().max(self.other.len()), term.len().min(self.other.len()));
        if longer <= max_edits || longer - shorter > max_edits {
            return longer <= max_edits;
        }
        self.above.clear();
        self.above.extend(0..=term.len());
        for (i, &c) in self.other.iter().enumerate() {
            self.row.clear();
            let (mut left, mut least) = (i + 1, i + 1);
            self.row.push(left);
            for (j, &t) in term.iter().enumerate() {
                let replaced = self.above[j] + usize::from(c != t);
                left = replaced.min(self.above[j + 1] + 1).min(left + 1);
                least = least.min(left);
                self.row.push(left);
            }
            if least > max_edits {
                return false;
            }
            std::mem::swap(&mut self.above, &mut self.row);
        }
        self.above[term.len()] <= max_edits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dictionary::DictionaryWriter;

    fn found(terms: &[&str], near: &str, max_edits: usize) -> Vec<u32> {
        let mut writer = DictionaryWriter::default();
        for (i, term) in terms.iter().enumerate() {
            writer.push(term, i as u32 + 1, 0);
        }
        let mut found = Vec::new();
        Matcher::new(near, max_edits).entries(&writer.finish(), |entry| found.push(entry.docs - 1));
        found
    }

    #[test]
    fn edits_insert_delete_and_replace() {
        let terms = ["cart", "cat", "cats", "cut", "cuts", "dog"];
        assert_eq!(found(&terms, "cat", 0), [1]);
        assert_eq!(found(&terms, "cat", 1), [0, 1, 2, 3]);
        assert_eq!(found(&terms, "cat", 2), [0, 1, 2, 3, 4]);
        assert_eq!(found(&terms, "cat", 3), [0, 1, 2, 3, 4, 5]);
        assert_eq!(found(&terms, "elephant", 4), Vec::<u32>::new());
        assert_eq!(found(&terms, "elephant", usize::MAX), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_transposition_is_two_edits() {
        for max_edits in [1, 2] {
            assert_eq!(found(&["ab"], "ba", max_edits).len(), max_edits - 1);
        }
    }

    #[test]
    fn a_character_of_many_bytes_is_one_edit() {
        assert_eq!(found(&["мосвка", "москва"], "москва", 1), [1]);
        assert_eq!(found(&["москwа", "москв", "москва"], "москва", 1), [0, 1, 2]);
        assert_eq!(found(&["東京"], "東", 1), [0]);
    }

    #[test]
    fn a_hopeless_prefix_hides_no_later_term() {
        let zeros: Vec<String> = (0..100).map(|i| format!("aaaaaaaa{i:03}")).collect();
        let mut terms: Vec<&str> = zeros.iter().map(String::as_str).collect();
        terms.extend(["aab", "b", "ba"]);
        assert_eq!(found(&terms, "bb", 1), [101, 102]);
        assert_eq!(found(&terms, "aa", 1), [100, 102]);
    }
}
