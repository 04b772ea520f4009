//! The keys of one immutable fragment: column values, and row offsets sorted by the hash of their tuple. Pure.
//!
//! Cost: 12 bytes a row beside the values; a probe is one interpolated jump into the sorted hashes.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_ord::ord::{DynComparator, make_comparator};
use arrow_schema::{DataType, SortOptions};
use datafusion::common::hash_utils::{RandomState, create_hashes};

use crate::error::Result;

/// The keys of a fragment, by physical offset; rows that are deleted later are still in it.
pub(crate) struct Postings {
    keys: Vec<ArrayRef>,
    hashes: Vec<u64>,
    offsets: Vec<u32>,
}

/// Tuples to look up.
pub(crate) struct Probes {
    keys: Vec<ArrayRef>,
    /// Hash of each tuple; `None` for a tuple with a null, which matches nothing.
    hashes: Vec<Option<u64>>,
}

impl Postings {
    /// Sorts the rows of `keys` (one array per column, equal lengths); rows with a null in any column are left out.
    pub(crate) fn build(keys: Vec<ArrayRef>) -> Result<Postings> {
        let Probes { keys, hashes } = Probes::new(keys)?;
        let mut entries: Vec<(u64, u32)> = Vec::with_capacity(hashes.len());
        for (offset, hash) in (0_u32..).zip(hashes) {
            entries.extend(hash.map(|hash| (hash, offset)));
        }
        entries.sort_unstable();
        let (hashes, offsets) = entries.into_iter().unzip();
        Ok(Postings { keys, hashes, offsets })
    }

    /// Returns the keys of all rows, one array per column.
    pub(crate) fn keys(&self) -> &[ArrayRef] {
        &self.keys
    }

    /// Returns the memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let keys: usize = self.keys.iter().map(|key| key.get_array_memory_size()).sum();
        keys + self.hashes.capacity() * size_of::<u64>() + self.offsets.capacity() * size_of::<u32>()
    }

    /// Calls `found(probe, offset)` for every pair of equal tuples.
    pub(crate) fn probe(&self, probes: &Probes, mut found: impl FnMut(u32, u32)) -> Result<()> {
        if self.hashes.is_empty() {
            return Ok(());
        }
        let pairs = probes.keys.iter().zip(&self.keys);
        let compare = pairs.map(|(left, right)| make_comparator(left, right, SortOptions::default()));
        let compare = compare.collect::<std::result::Result<Vec<DynComparator>, _>>()?;
        for (probe, hash) in probes.hashes.iter().enumerate() {
            let Some(hash) = *hash else { continue };
            let mut at = self.first(hash);
            while at < self.hashes.len() && self.hashes[at] == hash {
                let offset = self.offsets[at];
                if compare.iter().all(|compare| compare(probe, offset as usize).is_eq()) {
                    found(u32::try_from(probe).expect("a lookup has at most u32::MAX probes"), offset);
                }
                at += 1;
            }
        }
        Ok(())
    }

    /// Returns the position of the first entry whose hash is not below `hash`.
    fn first(&self, hash: u64) -> usize {
        // Hashes are uniform, so their value tells about where they are; doubling steps from there bound the search.
        let len = self.hashes.len();
        let guess = ((u128::from(hash) * len as u128) >> 64) as usize;
        let (mut low, mut high, mut step) = (guess, guess, 8);
        while low > 0 && self.hashes[low] >= hash {
            low = low.saturating_sub(step);
            step *= 2;
        }
        step = 8;
        while high < len && self.hashes[high] < hash {
            high = (high + step).min(len);
            step *= 2;
        }
        low + self.hashes[low..high].partition_point(|held| *held < hash)
    }
}

impl Probes {
    /// Hashes tuples, one array per column.
    pub(crate) fn new(keys: Vec<ArrayRef>) -> Result<Probes> {
        let keys = normalized(&keys);
        let rows = keys.first().map_or(0, |key| key.len());
        let mut raw = vec![0_u64; rows];
        create_hashes(keys.iter().map(|key| key.as_ref()), &RandomState::with_seed(SEED), &mut raw)?;
        let null = |row: usize| keys.iter().any(|key| key.is_null(row));
        let hashes =
            raw.into_iter().enumerate().map(|(row, hash)| (!null(row)).then(|| mixed(hash))).collect();
        Ok(Probes { keys, hashes })
    }

    /// Returns the normal forms of the values, one array per column.
    pub(crate) fn keys(&self) -> &[ArrayRef] {
        &self.keys
    }

    /// Tells whether no value of a tuple is null.
    pub(crate) fn has_value(&self, tuple: usize) -> bool {
        self.hashes[tuple].is_some()
    }

    /// Returns the number of tuples.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }
}

const SEED: u64 = 0x6f6d_6e69;

/// Spreads entropy over all bits (the finalizer of SplitMix64), so that positions can be interpolated.
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Gives the values of key columns their normal forms: equal ones are equal bits, and in the row format equal bytes.
pub(crate) fn normalized(keys: &[ArrayRef]) -> Vec<ArrayRef> {
    keys.iter().map(normal).collect()
}

/// Gives equal keys equal bits: both zeros of a float are one value, and so are all NaNs.
fn normal(key: &ArrayRef) -> ArrayRef {
    match key.data_type() {
        DataType::Float32 => {
            let same = |x: f32| if x.is_nan() { f32::NAN } else { x + 0.0 };
            Arc::new(key.as_primitive::<Float32Type>().unary::<_, Float32Type>(same))
        }
        DataType::Float64 => {
            let same = |x: f64| if x.is_nan() { f64::NAN } else { x + 0.0 };
            Arc::new(key.as_primitive::<Float64Type>().unary::<_, Float64Type>(same))
        }
        _ => key.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float64Array, Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    fn pairs(postings: &Postings, probes: &Probes) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        postings.probe(probes, |probe, offset| found.push((probe, offset))).unwrap();
        found.sort_unstable();
        found
    }

    #[test]
    fn floats_match_by_value_and_nulls_never() {
        let held: ArrayRef =
            Arc::new(Float64Array::from(vec![Some(0.0), Some(-0.0), None, Some(1.5), Some(f64::NAN)]));
        let asked: ArrayRef = Arc::new(Float64Array::from(vec![Some(-0.0), None, Some(-f64::NAN)]));
        let found = pairs(&Postings::build(vec![held]).unwrap(), &Probes::new(vec![asked]).unwrap());
        assert_eq!(found, [(0, 0), (0, 1), (2, 4)]);
    }

    proptest! {
        #[test]
        fn probing_finds_exactly_what_a_nested_loop_finds(
            held in prop::collection::vec((prop::option::of(0_i64..20), prop::option::of("[ab]{0,2}")), 0..300),
            asked in prop::collection::vec((prop::option::of(0_i64..25), prop::option::of("[abc]{0,2}")), 0..60),
        ) {
            let arrays = |rows: &[(Option<i64>, Option<String>)]| -> Vec<ArrayRef> {
                vec![
                    Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
                    Arc::new(rows.iter().map(|row| row.1.as_deref()).collect::<StringArray>()),
                ]
            };
            let mut naive = Vec::new();
            for (probe, a) in asked.iter().enumerate() {
                for (offset, h) in held.iter().enumerate() {
                    if a == h && a.0.is_some() && a.1.is_some() {
                        naive.push((probe as u32, offset as u32));
                    }
                }
            }
            let found = pairs(&Postings::build(arrays(&held)).unwrap(), &Probes::new(arrays(&asked)).unwrap());
            prop_assert_eq!(found, naive);
        }
    }
}
