//! Picks the violation that is reported: the one that comes first by type key, then id.

use omnigraph_compiler::catalog::TypeKey;

/// Keeps the first of the violations it is offered. Ties of type and id are broken by rank, then by arrival.
pub(super) struct First<V>(Option<Held<V>>);

struct Held<V> {
    key: TypeKey,
    id: String,
    rank: usize,
    violation: V,
}

impl<V> First<V> {
    pub(super) fn new() -> First<V> {
        First(None)
    }

    /// Keeps the violation if it comes before the one held; builds it only then.
    pub(super) fn offer(&mut self, key: &TypeKey, id: &str, rank: usize, violation: impl FnOnce() -> V) {
        let later =
            self.0.as_ref().is_some_and(|held| (&held.key, held.id.as_str(), held.rank) <= (key, id, rank));
        if !later {
            self.0 = Some(Held { key: key.clone(), id: id.to_owned(), rank, violation: violation() });
        }
    }

    /// Returns the first violation offered, with the id it is reported under.
    pub(super) fn into_inner(self) -> Option<(String, V)> {
        self.0.map(|held| (held.id, held.violation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_by_type_then_id_then_rank_is_kept_whatever_the_order() {
        let offers = [("B", "a", 0), ("A", "z", 0), ("A", "b", 2), ("A", "b", 1), ("A", "b", 1)];
        for rotation in 0..offers.len() {
            let mut first = First::new();
            let mut order = offers;
            order.rotate_left(rotation);
            for (name, id, rank) in order {
                first.offer(&TypeKey::node(name), id, rank, || (name, rank));
            }
            assert_eq!(first.into_inner(), Some(("b".to_owned(), ("A", 1))));
        }
    }
}
