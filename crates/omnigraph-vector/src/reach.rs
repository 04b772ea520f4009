//! How far the nearest vectors found so far reach.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Rows that are held at most.
const LARGEST: usize = 64 << 10;

/// The upper bounds of the nearest vectors found so far, shared by all who search: what is farther than as many others as
/// are wanted cannot be among these.
pub struct Reach {
    best: Option<usize>,
    /// Distances, as numbers in their order, and the rows that have them.
    nearest: Mutex<BTreeSet<(i64, u64)>>,
    /// The greatest of these once there are enough.
    bound: AtomicI64,
}

impl Reach {
    /// Starts a search for the nearest `best`. When none are wanted, or more than 65 536, everything is in reach.
    pub fn new(best: usize) -> Reach {
        let best = Some(best).filter(|best| (1..=LARGEST).contains(best));
        Reach { best, nearest: Mutex::default(), bound: AtomicI64::new(i64::MAX) }
    }

    /// Returns how many are wanted; none when everything is in reach.
    pub(crate) fn best(&self) -> Option<usize> {
        self.best
    }

    /// Returns the distance that so many vectors do not exceed for certain; none until they are found.
    pub(crate) fn bound(&self) -> Option<f64> {
        let bound = self.bound.load(Ordering::Relaxed);
        (bound < i64::MAX).then(|| number(bound))
    }

    /// Counts a row that is at most so far away. The same row may come again, with the same bound.
    pub(crate) fn meet(&self, row: u64, at_most: f64) {
        let order = order(at_most);
        let Some(best) = self.best else { return };
        if at_most == f64::INFINITY || order >= self.bound.load(Ordering::Relaxed) {
            return;
        }
        let mut nearest = self.nearest.lock().unwrap_or_else(PoisonError::into_inner);
        nearest.insert((order, row));
        if nearest.len() > best {
            nearest.pop_last();
        }
        if nearest.len() == best
            && let Some((last, _)) = nearest.last()
        {
            self.bound.store(*last, Ordering::Relaxed);
        }
    }
}

/// Turns a number into one that is ordered as IEEE 754's total order has it.
fn order(number: f64) -> i64 {
    let bits = number.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn number(order: i64) -> f64 {
    f64::from_bits((order ^ (((order >> 63) as u64) >> 1) as i64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_that_of_the_last_of_the_nearest() {
        let reach = Reach::new(3);
        for (row, at_most) in [(1, 5.0), (2, -1.0), (2, -1.0), (4, f64::INFINITY)] {
            reach.meet(row, at_most);
            assert_eq!(reach.bound(), None);
        }
        for (row, at_most, bound) in [(5, 7.5, 7.5), (6, 9.0, 7.5), (7, -0.0, 5.0), (8, -3.5, -0.0)] {
            reach.meet(row, at_most);
            assert_eq!(reach.bound(), Some(bound));
        }
        let none = Reach::new(0);
        none.meet(1, 1.0);
        assert_eq!(none.bound(), None);
    }
}
