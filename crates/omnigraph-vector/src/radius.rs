//! The search radius: how far away a vector may be to be among the nearest k.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The largest k for which a radius is kept.
const MAX_K: usize = 64 << 10;

/// The upper bounds of the nearest k vectors found so far, shared by all who search: what is farther away than k others
/// cannot be among the nearest.
pub struct SearchRadius {
    k: Option<usize>,
    /// Distances, as integers in their order, and the rows that have them.
    nearest: Mutex<BTreeSet<(i64, u64)>>,
    /// The greatest of these once there are k.
    radius: AtomicI64,
}

impl SearchRadius {
    /// Starts a search for the nearest `k`. For none, or more than 65 536, the radius stays infinite.
    pub fn new(k: usize) -> SearchRadius {
        let k = Some(k).filter(|k| (1..=MAX_K).contains(k));
        SearchRadius { k, nearest: Mutex::default(), radius: AtomicI64::new(i64::MAX) }
    }

    /// Returns how many are searched for; none when the radius stays infinite.
    pub(crate) fn k(&self) -> Option<usize> {
        self.k
    }

    /// Returns the distance that k vectors do not exceed for certain; none until they are found.
    pub(crate) fn radius(&self) -> Option<f64> {
        let radius = self.radius.load(Ordering::Relaxed);
        (radius < i64::MAX).then(|| from_ordered(radius))
    }

    /// Takes note of a row and the upper bound of its distance. The same row may come again, with the same bound.
    pub(crate) fn observe(&self, row: u64, upper: f64) {
        let ordered = to_ordered(upper);
        let Some(k) = self.k else { return };
        if upper == f64::INFINITY || ordered >= self.radius.load(Ordering::Relaxed) {
            return;
        }
        let mut nearest = self.nearest.lock().unwrap_or_else(PoisonError::into_inner);
        nearest.insert((ordered, row));
        if nearest.len() > k {
            nearest.pop_last();
        }
        if nearest.len() == k
            && let Some((last, _)) = nearest.last()
        {
            self.radius.store(*last, Ordering::Relaxed);
        }
    }
}

/// Turns a number into an integer that is ordered as IEEE 754's total order has it.
fn to_ordered(number: f64) -> i64 {
    let bits = number.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn from_ordered(ordered: i64) -> f64 {
    f64::from_bits((ordered ^ (((ordered >> 63) as u64) >> 1) as i64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_radius_is_the_bound_of_the_last_of_the_nearest() {
        let radius = SearchRadius::new(3);
        for (row, upper) in [(1, 5.0), (2, -1.0), (2, -1.0), (4, f64::INFINITY)] {
            radius.observe(row, upper);
            assert_eq!(radius.radius(), None);
        }
        for (row, upper, expected) in [(5, 7.5, 7.5), (6, 9.0, 7.5), (7, -0.0, 5.0), (8, -3.5, -0.0)] {
            radius.observe(row, upper);
            assert_eq!(radius.radius(), Some(expected));
        }
    }

    #[test]
    fn a_search_for_none_has_no_radius() {
        let radius = SearchRadius::new(0);
        radius.observe(1, 1.0);
        assert_eq!(radius.radius(), None);
    }
}
