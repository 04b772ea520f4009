//! Mutations: the statements of one query, run in order on a pending image of the graph.
//!
//! [`planner`] runs statements; [`overlay`] is the pending state of one type over its table; [`images`] writes that
//! state out as a delta; [`predicate`] decides which entities a statement means. Constraints are not judged here but by
//! `write::delta` on the final image.
//!
//! Invariants: (1) a statement sees the effects of all earlier ones and the committed image only of entities that none of
//! them touched; (2) every entity has at most one image in the delta; (3) the same statements, parameters and instant on
//! the same snapshot have the same effect, generated ids aside.
//! Cost: key and endpoint equality go through key indexes, any other predicate streams its one column. Memory holds the
//! inserted entities, which the query text spells out, and compressed address sets; images of updated ones are spooled.

mod images;
mod overlay;
pub(crate) mod planner;
mod predicate;
#[cfg(test)]
mod tests;

pub(crate) use planner::Mutation;
