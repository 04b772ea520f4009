//! Decides which fragments a compaction rewrites. Pure.
//!
//! Writes keep the tail of small fragments short ([`crate::tables::tail`]); a compaction goes further: it rewrites every fragment
//! with more than a tenth of its rows deleted, together with all fragments that are not full, into full ones. At most one
//! fragment that is not full remains, so a second compaction finds nothing to do.

use crate::tables::table::{self, Table};
use crate::tables::tail::FragmentSize;

/// A fragment is rewritten when more than one in this many of its rows is deleted.
const SPARSE: u64 = 10;

/// Returns the ids of the fragments to rewrite, ascending.
pub(crate) fn choose(sizes: &[FragmentSize]) -> Vec<u64> {
    let (sparse, dense): (Vec<&FragmentSize>, Vec<&FragmentSize>) =
        sizes.iter().partition(|size| (size.physical - size.live) * SPARSE > size.physical);
    let small: Vec<&FragmentSize> = dense.into_iter().filter(|size| !size.full()).collect();
    // A lone small fragment would only be copied.
    if sparse.is_empty() && small.len() < 2 {
        return Vec::new();
    }
    let mut ids: Vec<u64> = sparse.into_iter().chain(small).map(|size| size.id).collect();
    ids.sort_unstable();
    ids
}

impl Table {
    /// Returns the number of fragments that a compaction would rewrite; 0 when it would change nothing.
    pub fn fragments_to_compact(&self) -> u64 {
        choose(&sizes(self)).len() as u64
    }
}

/// A fragment is compacted in the background when at least one in this many of its rows is deleted: then the rows written
/// anew are fewer than this many times those deleted.
const HOLLOW: u64 = 3;

impl Table {
    /// Tells whether a good part of a fragment that is worth an index is deleted.
    pub fn is_sparse(&self) -> bool {
        let least = self.root().tuning().index_from_rows;
        self.dataset().fragments().iter().any(|fragment| {
            let (physical, live) = (table::physical_rows(fragment), table::live_rows(fragment));
            physical >= least && (physical - live) * HOLLOW >= physical
        })
    }
}

/// Describes the fragments of a table.
pub(crate) fn sizes(table: &Table) -> Vec<FragmentSize> {
    let describe = |fragment: &lance_table::format::Fragment| FragmentSize {
        id: fragment.id,
        physical: table::physical_rows(fragment),
        live: table::live_rows(fragment),
        bytes: table::data_bytes(fragment),
    };
    table.dataset().fragments().iter().map(describe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::tail::FULL_ROWS;

    fn size(id: u64, physical: u64, live: u64) -> FragmentSize {
        FragmentSize { id, physical, live, bytes: physical }
    }

    #[test]
    fn small_fragments_are_rewritten_together_and_full_ones_stay() {
        let sizes = [size(0, FULL_ROWS, FULL_ROWS), size(1, 5, 5), size(2, 7, 7)];
        assert_eq!(choose(&sizes), [1, 2]);
    }

    #[test]
    fn a_lone_small_fragment_stays() {
        assert_eq!(choose(&[size(0, FULL_ROWS, FULL_ROWS), size(1, 5, 5)]), [0; 0]);
        assert_eq!(choose(&[]), [0; 0]);
    }

    #[test]
    fn more_than_a_tenth_deleted_is_rewritten() {
        let full = FULL_ROWS * 10;
        assert_eq!(choose(&[size(0, full, full - full / 10)]), [0; 0]);
        assert_eq!(choose(&[size(0, full, full - full / 10 - 1)]), [0]);
        assert_eq!(choose(&[size(0, full, full / 2), size(3, 4, 4)]), [0, 3]);
    }

    #[test]
    fn what_a_compaction_leaves_needs_none() {
        // Full fragments and one rest.
        let after = [size(7, 1 << 20, 1 << 20), size(8, 1 << 20, 1 << 20), size(9, 3, 3)];
        assert_eq!(choose(&after), [0; 0]);
    }
}
