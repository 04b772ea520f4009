//! Gathers what a check finds, and keeps what is to be reported: the violation that comes first by type key, then id, or
//! all of them in that order.

use std::collections::BTreeMap;

use omnigraph_compiler::catalog::TypeKey;

use crate::error::OmniError;

/// How many violations a caller wants to know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::write) enum Extent {
    /// The first one: a write that is refused anyhow.
    First,
    /// Every one: a merge, whose conflicts are resolved together.
    All,
}

/// An entity, or a group of them, that a constraint refuses.
#[derive(Debug)]
pub(in crate::write) struct Refusal {
    /// Its type.
    pub(in crate::write) type_key: TypeKey,
    /// Its id; for cardinality that of the source node.
    pub(in crate::write) id: String,
    /// What is wrong.
    pub(in crate::write) error: OmniError,
}

/// Violations by type, id and rank; ties are broken by arrival.
pub(super) struct Violations<V> {
    extent: Extent,
    held: BTreeMap<(TypeKey, String, usize), V>,
}

impl<V> Violations<V> {
    pub(super) fn new(extent: Extent) -> Violations<V> {
        Violations { extent, held: BTreeMap::new() }
    }

    /// Keeps the violation if it is wanted; builds it only then.
    pub(super) fn offer(&mut self, key: &TypeKey, id: &str, rank: usize, violation: impl FnOnce() -> V) {
        if self.extent == Extent::First
            && let Some((held, _)) = self.held.first_key_value()
        {
            if (&held.0, held.1.as_str(), held.2) <= (key, id, rank) {
                return;
            }
            self.held.clear();
        }
        self.held.entry((key.clone(), id.to_owned(), rank)).or_insert_with(violation);
    }

    /// Returns what was kept, in order, with the type and id it is reported under.
    pub(super) fn into_held(self) -> impl Iterator<Item = (TypeKey, String, V)> {
        self.held.into_iter().map(|((key, id, _), violation)| (key, id, violation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_by_type_then_id_then_rank_is_kept_whatever_the_order() {
        let violations = [("B", "a", 0), ("A", "z", 0), ("A", "b", 2), ("A", "b", 1), ("A", "b", 1)];
        for rotation in 0..violations.len() {
            let (mut first, mut all) = (Violations::new(Extent::First), Violations::new(Extent::All));
            let mut order = violations;
            order.rotate_left(rotation);
            for (name, id, rank) in order {
                first.offer(&TypeKey::node(name), id, rank, || (name, rank));
                all.offer(&TypeKey::node(name), id, rank, || (name, rank));
            }
            let first: Vec<_> = first.into_held().collect();
            assert_eq!(first, [(TypeKey::node("A"), "b".to_owned(), ("A", 1))]);
            let all: Vec<_> = all.into_held().map(|(_, id, violation)| (id, violation)).collect();
            let expected = [("b", ("A", 1)), ("b", ("A", 2)), ("z", ("A", 0)), ("a", ("B", 0))];
            assert_eq!(all, expected.map(|(id, violation)| (id.to_owned(), violation)));
        }
    }
}
