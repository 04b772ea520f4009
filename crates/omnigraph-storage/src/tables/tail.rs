//! Decides which small fragments a change folds into the fragment it writes. Pure.
//!
//! Fragments are tiers of a log-structured table: level n holds 8ⁿ to 8ⁿ⁺¹ − 1 live rows, up to [`FULL_ROWS`] rows or
//! [`FULL_BYTES`], beyond which a fragment is left alone. A change whose new fragment would be the eighth of its level
//! folds that level and all below it, and so on upwards: each fold moves a row up at least one level, so a row is
//! rewritten at most once per level, and each level keeps at most seven fragments. A fragment more than half deleted is
//! folded too, which its deletions have paid for.

/// Live rows from which a fragment is never folded.
pub(crate) const FULL_ROWS: u64 = 128 << 10;
/// Bytes of live rows from which a fragment is never folded.
pub(crate) const FULL_BYTES: u64 = 32 << 20;

const FAN_OUT: usize = 8;

/// A fragment as it will be once the change's deletions are applied; it has at least one live row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FragmentSize {
    /// Fragment id.
    pub(crate) id: u64,
    /// Rows stored.
    pub(crate) physical: u64,
    /// Rows alive.
    pub(crate) live: u64,
    /// Bytes stored.
    pub(crate) bytes: u64,
}

impl FragmentSize {
    /// Tells whether the fragment is left alone.
    pub(crate) fn full(&self) -> bool {
        let live_bytes = u128::from(self.bytes) * u128::from(self.live) / u128::from(self.physical.max(1));
        self.live >= FULL_ROWS || live_bytes >= u128::from(FULL_BYTES)
    }

    fn sparse(&self) -> bool {
        (self.physical - self.live) * 2 > self.physical
    }
}

/// Returns the ids of the fragments to fold, ascending, when a change appends `appended` rows to `sizes`.
///
/// A change too large to fold states [`FULL_ROWS`] or more.
pub(crate) fn fold(sizes: &[FragmentSize], appended: u64) -> Vec<u64> {
    let (mut chosen, mut rest): (Vec<&FragmentSize>, Vec<&FragmentSize>) =
        sizes.iter().filter(|size| !size.full()).partition(|size| size.sparse());
    let mut rows = appended + chosen.iter().map(|size| size.live).sum::<u64>();
    while rows > 0 && rows < FULL_ROWS {
        let top = level(rows);
        if rest.iter().filter(|size| level(size.live) == top).count() + 1 < FAN_OUT {
            break;
        }
        let (below, above): (Vec<&FragmentSize>, Vec<&FragmentSize>) =
            rest.into_iter().partition(|size| level(size.live) <= top);
        rows += below.iter().map(|size| size.live).sum::<u64>();
        chosen.extend(below);
        rest = above;
    }
    let mut ids: Vec<u64> = chosen.into_iter().map(|size| size.id).collect();
    ids.sort_unstable();
    ids
}

fn level(rows: u64) -> u32 {
    rows.max(1).ilog2() / 3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A table under the rule: fragments as they stand, and what it cost to keep them few.
    #[derive(Default)]
    struct Model {
        sizes: Vec<FragmentSize>,
        next: u64,
        written: u64,
    }

    impl Model {
        fn change(&mut self, removed: &[usize], appended: u64) {
            let mut offset = 0;
            for size in &mut self.sizes {
                let end = offset + size.live as usize;
                size.live -= removed.iter().filter(|row| (offset..end).contains(*row)).count() as u64;
                offset = end;
            }
            self.sizes.retain(|size| size.live > 0);
            let folded = fold(&self.sizes, appended);
            let gone = |size: &FragmentSize| folded.contains(&size.id);
            let rows =
                appended + self.sizes.iter().filter(|size| gone(size)).map(|size| size.live).sum::<u64>();
            self.sizes.retain(|size| !gone(size));
            if rows > 0 {
                self.sizes.push(FragmentSize {
                    id: self.next,
                    physical: rows,
                    live: rows,
                    bytes: rows * 100,
                });
                self.next += 1;
                self.written += rows;
            }
        }

        fn rows(&self) -> u64 {
            self.sizes.iter().map(|size| size.live).sum()
        }
    }

    #[test]
    fn one_row_appends_leave_tens_of_fragments_at_bounded_cost() {
        let mut model = Model::default();
        for n in 1..=10_000_u64 {
            model.change(&[], 1);
            assert_eq!(model.rows(), n);
        }
        assert!(model.sizes.len() <= 35, "{} fragments", model.sizes.len());
        assert!(model.written <= 6 * 10_000, "{} rows written", model.written);
    }

    #[test]
    fn updating_one_row_for_ever_keeps_one_fragment_for_it() {
        let mut model = Model::default();
        model.change(&[], 100);
        for _ in 0..10_000 {
            let last = model.rows() as usize - 1;
            model.change(&[last], 1);
        }
        assert_eq!(model.rows(), 100);
        assert!(model.sizes.len() <= 2, "{:?}", model.sizes);
    }

    #[test]
    fn full_fragments_and_large_changes_are_left_alone() {
        let full = |id| FragmentSize { id, physical: FULL_ROWS, live: FULL_ROWS, bytes: 1 };
        let wide = |id| FragmentSize { id, physical: 10, live: 10, bytes: FULL_BYTES };
        let small = |id| FragmentSize { id, physical: 10, live: 10, bytes: 10 };
        assert!(fold(&(0..20).map(full).collect::<Vec<_>>(), 1).is_empty());
        assert!(fold(&(0..20).map(wide).collect::<Vec<_>>(), 10).is_empty());
        assert!(fold(&(0..7).map(small).collect::<Vec<_>>(), FULL_ROWS).is_empty());
        assert_eq!(fold(&(0..7).map(small).collect::<Vec<_>>(), 10), [0, 1, 2, 3, 4, 5, 6]);
        assert!(fold(&(0..6).map(small).collect::<Vec<_>>(), 10).is_empty());
    }

    #[test]
    fn a_mostly_deleted_fragment_is_folded_even_by_a_deletion() {
        let sizes = [
            FragmentSize { id: 3, physical: 100, live: 49, bytes: 1 },
            FragmentSize { id: 4, physical: 100, live: 50, bytes: 1 },
        ];
        assert_eq!(fold(&sizes, 0), [3]);
    }

    proptest! {
        #[test]
        fn fragments_stay_few_and_rewrites_stay_paid(
            changes in prop::collection::vec((prop::collection::vec(0_usize..3_000, 0..6), 0_u64..60), 1..400)
        ) {
            let mut model = Model::default();
            let (mut appended, mut removed) = (0, 0);
            for (remove, append) in changes {
                let before = model.rows();
                let mut remove: Vec<usize> = remove.into_iter().filter(|row| (*row as u64) < before).collect();
                remove.sort_unstable();
                remove.dedup();
                model.change(&remove, append);
                prop_assert_eq!(model.rows(), before - remove.len() as u64 + append);
                appended += append;
                removed += remove.len() as u64;
            }
            let levels = 1 + u64::from(level(appended.max(1)));
            prop_assert!(model.sizes.len() as u64 <= 8 * levels);
            prop_assert!(model.written <= (levels + 1) * appended + (levels + 9) * removed);
        }
    }
}
