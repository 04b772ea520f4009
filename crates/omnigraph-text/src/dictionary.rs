//! The sorted terms of a segment, each with the position of its postings.
//!
//! Terms are front-coded: an entry gives how many bytes it shares with the term before, the bytes that differ, how many
//! rows have the term, and how many bytes its postings take. Entries come in groups of [`GROUP`], of which the first
//! shares nothing, so that a term is found by binary search over groups and a walk in one. (A transducer would be
//! somewhat smaller, but cannot be checked before use.)

use std::cmp::Ordering;
use std::ops::Range;

use crate::error::FormatError;
use crate::varint;

/// Terms a group.
const GROUP: usize = 16;
/// The name of this part in errors.
const PART: &str = "dictionary";

/// Where a group begins.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// The first byte of its first entry.
    bytes: usize,
    /// The first byte of its first posting list.
    postings: usize,
}

/// What a dictionary knows of a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The rows that have the term, deleted or not.
    pub(crate) docs: u32,
    /// Its bytes among the postings of the segment.
    pub(crate) postings: Range<usize>,
}

/// Sorted terms, by their bytes.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    bytes: Vec<u8>,
    groups: Vec<Group>,
    terms: usize,
    /// The end of the last posting list.
    postings: usize,
}

/// Makes a [`Dictionary`] from terms in ascending order.
#[derive(Debug, Default)]
pub(crate) struct DictionaryWriter {
    dictionary: Dictionary,
    last: Vec<u8>,
}

impl DictionaryWriter {
    /// Appends `term`, which must be greater than the last, with `docs` postings in `postings` bytes.
    pub(crate) fn push(&mut self, term: &str, docs: u32, postings: usize) {
        let term = term.as_bytes();
        debug_assert!(self.dictionary.terms == 0 || term > self.last.as_slice());
        let Dictionary { bytes, groups, terms, postings: end } = &mut self.dictionary;
        let mut shared = 0;
        if terms.is_multiple_of(GROUP) {
            groups.push(Group { bytes: bytes.len(), postings: *end });
        } else {
            shared = term.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
        }
        varint::write(shared as u64, bytes);
        varint::write((term.len() - shared) as u64, bytes);
        bytes.extend_from_slice(&term[shared..]);
        varint::write(u64::from(docs), bytes);
        varint::write(postings as u64, bytes);
        *end += postings;
        *terms += 1;
        self.last.truncate(shared);
        self.last.extend_from_slice(&term[shared..]);
    }

    /// The dictionary of the terms pushed.
    pub(crate) fn finish(mut self) -> Dictionary {
        self.dictionary.bytes.shrink_to_fit();
        self.dictionary.groups.shrink_to_fit();
        self.dictionary
    }
}

impl Dictionary {
    /// Reads back [`Self::bytes`], checking all of it.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut dictionary = Self { bytes: bytes.to_vec(), ..Self::default() };
        let mut groups = Vec::new();
        let mut walk = Walk { rest: bytes, term: Vec::new(), postings: 0, shared: 0 };
        let (mut terms, mut last) = (0_usize, Vec::new());
        while !walk.rest.is_empty() {
            let group = Group { bytes: bytes.len() - walk.rest.len(), postings: walk.postings };
            let entry = walk.try_next().ok_or(FormatError::Truncated { part: PART })?;
            if terms.is_multiple_of(GROUP) {
                if walk.shared != 0 {
                    return Err(FormatError::malformed(PART, "the first term of a group shares bytes"));
                }
                groups.push(group);
            }
            if entry.docs == 0 {
                return Err(FormatError::malformed(PART, "a term is in no row"));
            }
            if terms > 0 && walk.term <= last {
                return Err(FormatError::malformed(PART, "terms are not in ascending order"));
            }
            if std::str::from_utf8(&walk.term).is_err() {
                return Err(FormatError::malformed(PART, "a term is not UTF-8"));
            }
            last.clone_from(&walk.term);
            terms += 1;
        }
        (dictionary.groups, dictionary.terms, dictionary.postings) = (groups, terms, walk.postings);
        Ok(dictionary)
    }

    /// The encoded entries.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of terms.
    pub(crate) fn len(&self) -> usize {
        self.terms
    }

    /// Bytes of all posting lists together.
    pub(crate) fn postings(&self) -> usize {
        self.postings
    }

    /// Bytes held on the heap.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.groups.capacity() * size_of::<Group>()
    }

    /// The number of groups.
    pub(crate) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The first term of group `index`; empty if there is no such group.
    pub(crate) fn first_of(&self, index: usize) -> &[u8] {
        let first = || {
            let mut bytes = self.bytes.get(self.groups.get(index)?.bytes..)?;
            varint::read(&mut bytes)?;
            let len = varint::read(&mut bytes)?;
            bytes.get(..usize::try_from(len).ok()?)
        };
        first().unwrap_or_default()
    }

    /// The entries of group `index`.
    pub(crate) fn walk_group(&self, index: usize) -> Walk<'_> {
        let begin = self.groups[index];
        let end = self.groups.get(index + 1).map_or(self.bytes.len(), |group| group.bytes);
        Walk { rest: &self.bytes[begin.bytes..end], term: Vec::new(), postings: begin.postings, shared: 0 }
    }

    /// All entries, in order.
    pub(crate) fn walk(&self) -> Walk<'_> {
        Walk { rest: &self.bytes, term: Vec::new(), postings: 0, shared: 0 }
    }

    /// The entry of `term`, if the dictionary has it.
    pub(crate) fn get(&self, term: &str) -> Option<Entry> {
        let (mut low, mut high) = (0, self.groups.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.first_of(middle) <= term.as_bytes() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut walk = self.walk_group(low.checked_sub(1)?);
        while let Some(entry) = walk.next() {
            match walk.term().cmp(term.as_bytes()) {
                Ordering::Less => {}
                Ordering::Equal => return Some(entry),
                Ordering::Greater => return None,
            }
        }
        None
    }
}

/// Reads entries one after another.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    rest: &'a [u8],
    term: Vec<u8>,
    postings: usize,
    shared: usize,
}

impl Walk<'_> {
    /// The next entry, whose term is then [`Self::term`]; `None` after the last.
    pub(crate) fn next(&mut self) -> Option<Entry> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.try_next();
        debug_assert!(entry.is_some(), "a dictionary is verified before use");
        entry
    }

    /// The term of the entry given last.
    pub(crate) fn term(&self) -> &[u8] {
        &self.term
    }

    /// The bytes that term has in common with the one before it in its group.
    pub(crate) fn shared(&self) -> usize {
        self.shared
    }

    fn try_next(&mut self) -> Option<Entry> {
        let mut number = || usize::try_from(varint::read(&mut self.rest)?).ok();
        let shared = number().filter(|&shared| shared <= self.term.len())?;
        let len = number()?;
        let (suffix, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        let docs = u32::try_from(varint::read(&mut self.rest)?).ok()?;
        let len = usize::try_from(varint::read(&mut self.rest)?).ok()?;
        let end = self.postings.checked_add(len)?;
        self.term.truncate(shared);
        self.term.extend_from_slice(suffix);
        self.shared = shared;
        let entry = Entry { docs, postings: self.postings..end };
        self.postings = end;
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary(terms: &[String]) -> Dictionary {
        let mut writer = DictionaryWriter::default();
        for (i, term) in terms.iter().enumerate() {
            writer.push(term, i as u32 + 1, 10);
        }
        writer.finish()
    }

    #[test]
    fn every_term_is_found_and_no_other() {
        for count in [0, 1, 15, 16, 17, 500] {
            let terms: Vec<_> = (0..count).map(|i| format!("t{:04}", i * 2)).collect();
            let dictionary = dictionary(&terms);
            assert_eq!(dictionary.len(), count);
            for (i, term) in terms.iter().enumerate() {
                let expected = Entry { docs: i as u32 + 1, postings: i * 10..(i + 1) * 10 };
                assert_eq!(dictionary.get(term), Some(expected));
                assert_eq!(dictionary.get(&format!("t{:04}", i * 2 + 1)), None);
            }
            for other in ["", "a", "t", "zz"] {
                assert_eq!(dictionary.get(other), None);
            }
        }
    }

    #[test]
    fn bytes_are_read_back() {
        let terms: Vec<_> = (0..100).map(|i| format!("{}é{i:03}", "x".repeat(i / 30))).collect();
        let mut terms = terms;
        terms.sort();
        let written = dictionary(&terms);
        let read = Dictionary::from_bytes(written.bytes()).unwrap();
        let mut walk = read.walk();
        for (i, term) in terms.iter().enumerate() {
            assert_eq!(walk.next().unwrap().docs, i as u32 + 1);
            assert_eq!(walk.term(), term.as_bytes());
        }
        assert_eq!(walk.next(), None);
        assert_eq!(read.postings(), 1000);
    }

    #[test]
    fn disorder_is_refused() {
        let mut writer = DictionaryWriter::default();
        writer.push("a", 1, 1);
        let a = writer.finish();
        let twice = [a.bytes(), a.bytes()].concat();
        let found = Dictionary::from_bytes(&twice).unwrap_err();
        assert_eq!(found, FormatError::malformed(PART, "terms are not in ascending order"));
    }
}
