//! Sets of keys that may be larger than memory: exact maps from byte strings, filled one hash partition at a time.
//!
//! A pass starts with [`Partition::WHOLE`]. When the map of a pass outgrows its share of memory the pass is given up and
//! the partition split, so small writes take one pass and large ones as many as they need. Keys are kept as bytes, so a
//! hash collision never looks like a match.
//! Memory: key bytes plus about 48 bytes per key and the value.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// A slice of all keys, by hash. Partitions of one family cover every key exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::write) struct Partition {
    index: u64,
    of: u64,
}

/// How often a partition is halved at most; further ones would only cost passes.
const MAX_PARTITIONS: u64 = 1 << 16;

impl Partition {
    /// All keys.
    pub(in crate::write) const WHOLE: Partition = Partition { index: 0, of: 1 };

    /// Tells whether a key with this hash belongs here.
    pub(in crate::write) fn holds(self, hash: u64) -> bool {
        (hash >> 40) % self.of == self.index
    }

    /// Returns two partitions that together hold the same keys, or nothing when this one is as small as they get.
    pub(in crate::write) fn split(self) -> Option<[Partition; 2]> {
        let of = self.of * 2;
        (of <= MAX_PARTITIONS)
            .then(|| [Partition { index: self.index, of }, Partition { index: self.index + self.of, of }])
    }
}

/// Partitions still to be processed.
pub(in crate::write) struct Passes(Vec<Partition>);

impl Passes {
    pub(in crate::write) fn new() -> Passes {
        Passes(vec![Partition::WHOLE])
    }

    pub(in crate::write) fn next(&mut self) -> Option<Partition> {
        self.0.pop()
    }

    /// Schedules the halves of a partition whose keys need too much memory; false when it must be processed as it is.
    pub(in crate::write) fn split(&mut self, partition: Partition) -> bool {
        match partition.split() {
            Some(halves) => {
                self.0.extend(halves);
                true
            }
            None => false,
        }
    }
}

/// Hashes keys, the same way for all maps and partitions of one check.
pub(in crate::write) struct KeyHash(RandomState);

impl KeyHash {
    pub(in crate::write) fn new() -> KeyHash {
        KeyHash(RandomState::new())
    }

    pub(in crate::write) fn of(&self, key: &[u8]) -> u64 {
        self.0.hash_one(key)
    }
}

/// Passes a finished hash through.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys of this map are hashes")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// An exact map from byte strings.
pub(in crate::write) struct KeyMap<V> {
    /// First entry of each hash.
    heads: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    entries: Vec<Entry<V>>,
    /// All keys, one after the other.
    keys: Vec<u8>,
}

struct Entry<V> {
    /// Where its key ends; it starts where the previous one ends.
    end: usize,
    /// The next entry of the same hash.
    next: Option<u32>,
    value: V,
}

impl<V> KeyMap<V> {
    pub(in crate::write) fn new() -> KeyMap<V> {
        KeyMap { heads: HashMap::default(), entries: Vec::new(), keys: Vec::new() }
    }

    /// Bytes held.
    pub(in crate::write) fn memory(&self) -> usize {
        self.keys.len() + self.entries.len() * (size_of::<Entry<V>>() + 2 * size_of::<(u64, u32)>())
    }

    pub(in crate::write) fn get(&self, hash: u64, key: &[u8]) -> Option<&V> {
        self.find(hash, key).map(|at| &self.entries[at].value)
    }

    /// Returns the value of a key and whether the call added it, with `value`.
    pub(in crate::write) fn entry(&mut self, hash: u64, key: &[u8], value: V) -> (&mut V, bool) {
        if let Some(at) = self.find(hash, key) {
            return (&mut self.entries[at].value, false);
        }
        let at = self.entries.len();
        let number = u32::try_from(at).expect("a map outgrows its memory share long before 2^32 entries");
        let next = self.heads.insert(hash, number);
        self.keys.extend_from_slice(key);
        self.entries.push(Entry { end: self.keys.len(), next, value });
        (&mut self.entries[at].value, true)
    }

    /// Returns every key with its value, in order of arrival.
    pub(in crate::write) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        (0..self.entries.len()).map(|at| (self.key(at), &self.entries[at].value))
    }

    fn key(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.entries[at - 1].end };
        &self.keys[start..self.entries[at].end]
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let mut next = self.heads.get(&hash).copied();
        while let Some(number) = next {
            let at = number as usize;
            if self.key(at) == key {
                return Some(at);
            }
            next = self.entries[at].next;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_covers_every_key_exactly_once() {
        let mut passes = Passes::new();
        let mut leaves = Vec::new();
        while let Some(partition) = passes.next() {
            if partition.of >= 8 || !passes.split(partition) {
                leaves.push(partition);
            }
        }
        assert_eq!(leaves.len(), 8);
        let hash = KeyHash::new();
        for n in 0..1_000_u32 {
            let h = hash.of(&n.to_le_bytes());
            assert_eq!(leaves.iter().filter(|p| p.holds(h)).count(), 1);
        }
    }

    #[test]
    fn keys_with_equal_hashes_stay_apart() {
        let mut map = KeyMap::new();
        assert!(map.entry(7, b"a", 1).1);
        assert!(map.entry(7, b"", 2).1);
        assert!(map.entry(7, b"ab", 3).1);
        assert_eq!(map.entry(7, b"", 9), (&mut 2, false));
        assert_eq!(map.get(7, b"ab"), Some(&3));
        assert_eq!(map.get(7, b"b"), None);
        assert_eq!(map.get(8, b"a"), None);
        assert_eq!(
            map.iter().map(|(k, v)| (k.to_vec(), *v)).collect::<Vec<_>>(),
            [(b"a".to_vec(), 1), (b"".to_vec(), 2), (b"ab".to_vec(), 3)]
        );
    }
}
