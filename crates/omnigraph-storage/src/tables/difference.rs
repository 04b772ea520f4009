//! Which rows two versions of one table do not share, told from their files alone.
//!
//! Fragments are immutable, so a fragment with the same data files holds the same rows in both versions, except those
//! that a deletion file hides in one of them. Rows that were only moved, by folding or compaction, are in both results.
//! Cost: proportional to fragments and deleted rows; no data file is read.

use std::collections::HashMap;

use lance_table::format::Fragment;
use roaring::{RoaringBitmap, RoaringTreemap};

use crate::error::{Result, StorageError};
use crate::objects::failure;
use crate::tables::table::{Table, physical_rows};

/// Rows of one table version: whole fragments, and single rows of others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Fragments of which every live row is selected.
    pub fragments: Vec<u32>,
    /// Addresses of single live rows, none of them in `fragments`.
    pub addresses: RoaringTreemap,
}

/// The rows that only one of two versions may have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// Rows of the first version.
    pub before: Selection,
    /// Rows of the second version.
    pub after: Selection,
}

impl Selection {
    /// Tells whether no row is selected.
    pub fn is_empty(&self) -> bool {
        self.fragments.is_empty() && self.addresses.is_empty()
    }
}

impl Table {
    /// Selects every row.
    pub fn all_rows(&self) -> Result<Selection> {
        let fragments = self.dataset().fragments().iter().map(id).collect::<Result<_>>()?;
        Ok(Selection { fragments, addresses: RoaringTreemap::new() })
    }

    /// Returns the rows of a selection, at most: deleted rows of whole fragments count.
    pub fn selected_rows(&self, selection: &Selection) -> u64 {
        let whole = selection.fragments.iter().map(|fragment| self.physical_rows_of(*fragment));
        whole.sum::<u64>() + selection.addresses.len()
    }

    /// Returns the rows that a fragment stores, deleted ones included; none when there is no such fragment.
    pub fn physical_rows_of(&self, fragment: u32) -> u64 {
        let found = self.dataset().fragments().iter().find(|held| held.id == u64::from(fragment));
        found.map_or(0, physical_rows)
    }

    /// Compares this version with another of the same table.
    ///
    /// # Errors
    /// `Storage` when a deletion file cannot be read.
    pub async fn difference(&self, after: &Table) -> Result<Difference> {
        let mut difference = Difference::default();
        let mut unmatched: HashMap<Vec<&str>, &Fragment> =
            self.dataset().fragments().iter().map(|fragment| (files(fragment), fragment)).collect();
        for fragment in after.dataset().fragments().iter() {
            let Some(same) = unmatched.remove(&files(fragment)) else {
                difference.after.fragments.push(id(fragment)?);
                continue;
            };
            if same.deletion_file == fragment.deletion_file && same.id == fragment.id {
                continue;
            }
            let (hidden_before, hidden_after) = (self.hidden(same).await?, after.hidden(fragment).await?);
            let (old, new) = (id(same)?, id(fragment)?);
            difference.before.addresses.extend(addresses(old, &hidden_after - &hidden_before));
            difference.after.addresses.extend(addresses(new, hidden_before - hidden_after));
        }
        let gone = unmatched.into_values().map(id).collect::<Result<Vec<u32>>>()?;
        difference.before.fragments = gone;
        difference.before.fragments.sort_unstable();
        Ok(difference)
    }

    /// Returns the offsets of a fragment that are deleted.
    async fn hidden(&self, fragment: &Fragment) -> Result<RoaringBitmap> {
        if fragment.deletion_file.is_none() {
            return Ok(RoaringBitmap::new());
        }
        let unknown =
            || StorageError::internal(format!("table {} lacks fragment {}", self.path(), fragment.id));
        let number = usize::try_from(fragment.id).map_err(|_| unknown())?;
        let file = self.dataset().get_fragment(number).ok_or_else(unknown)?;
        let vector = file.get_deletion_vector().await.map_err(|error| failure::table(self.path(), error))?;
        Ok(vector.map_or_else(RoaringBitmap::new, |vector| vector.to_sorted_iter().collect()))
    }
}

/// Names the rows of a fragment by what can never change: its data files.
fn files(fragment: &Fragment) -> Vec<&str> {
    fragment.files.iter().map(|file| file.path.as_str()).collect()
}

fn id(fragment: &Fragment) -> Result<u32> {
    u32::try_from(fragment.id)
        .map_err(|_| StorageError::internal(format!("fragment {} has no row addresses", fragment.id)))
}

fn addresses(fragment: u32, offsets: RoaringBitmap) -> impl Iterator<Item = u64> {
    offsets.into_iter().map(move |offset| u64::from(fragment) << 32 | u64::from(offset))
}
