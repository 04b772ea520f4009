//! Dense numbers for the rows of one table version.
//!
//! Row addresses ascend but have gaps (fragments, deleted rows). Runs of consecutive addresses are stored, so a table
//! without deletions costs a few bytes per fragment. Lookups are a binary search over the runs.

use std::ops::Range;

/// A bijection between the row addresses of a table version and `0..len`, both ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AddressMap {
    runs: Vec<Run>,
    len: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    address: u64,
    ordinal: u32,
    len: u32,
}

impl AddressMap {
    /// Appends addresses, which continue in ascending order. Returns `false`, and stops, when the table has more rows
    /// than ordinals.
    pub(crate) fn extend(&mut self, addresses: &[u64]) -> bool {
        for &address in addresses {
            if self.len == u32::MAX {
                return false;
            }
            match self.runs.last_mut() {
                Some(run) if run.address + u64::from(run.len) == address => run.len += 1,
                _ => self.runs.push(Run { address, ordinal: self.len, len: 1 }),
            }
            self.len += 1;
        }
        true
    }

    /// Appends a range of addresses, which continue in ascending order, as [`AddressMap::extend`] does.
    pub(super) fn push(&mut self, range: Range<u64>) -> bool {
        let len =
            u32::try_from(range.end - range.start).ok().filter(|len| self.len.checked_add(*len).is_some());
        let Some(len) = len else { return false };
        match self.runs.last_mut() {
            Some(run) if run.address + u64::from(run.len) == range.start => run.len += len,
            _ => self.runs.push(Run { address: range.start, ordinal: self.len, len }),
        }
        self.len += len;
        true
    }

    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns the number of a row.
    pub(crate) fn ordinal(&self, address: u64) -> Option<u32> {
        let at = self.runs.partition_point(|run| run.address <= address).checked_sub(1)?;
        let run = self.runs[at];
        let offset = address - run.address;
        (offset < u64::from(run.len)).then(|| run.ordinal + offset as u32)
    }

    /// Returns the address of a row.
    ///
    /// # Panics
    /// When the ordinal is not below [`AddressMap::len`].
    pub(crate) fn address(&self, ordinal: u32) -> u64 {
        assert!(ordinal < self.len, "ordinals come from this map");
        let at = self.runs.partition_point(|run| run.ordinal <= ordinal) - 1;
        let run = self.runs[at];
        run.address + u64::from(ordinal - run.ordinal)
    }

    /// Returns all addresses, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.runs.iter().flat_map(|run| run.address..run.address + u64::from(run.len))
    }

    /// Returns the memory it holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Run>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_ordinals_map_onto_each_other() {
        let addresses = [0, 1, 2, 5, 6, 1 << 32, (1 << 32) + 1, (3 << 32) + 7];
        let mut map = AddressMap::default();
        assert!(map.extend(&addresses[..3]) && map.extend(&addresses[3..]));
        assert_eq!((map.len(), map.runs.len()), (8, 4));
        for (ordinal, &address) in addresses.iter().enumerate() {
            assert_eq!(map.ordinal(address), Some(ordinal as u32));
            assert_eq!(map.address(ordinal as u32), address);
        }
        for absent in [3, 4, 7, (1 << 32) + 2, (3 << 32) + 6, u64::MAX] {
            assert_eq!(map.ordinal(absent), None);
        }
    }
}
