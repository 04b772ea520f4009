//! Expressions over batches of bindings.
//!
//! Owns the meaning of comparisons, membership and string predicates: three-valued logic, numbers compared by
//! mathematical value across all widths. `lower` turns the typed form of the compiler into [`Scalar`] with parameters
//! and `now()` resolved; `eval` computes it; `physical` lets DataFusion's operators carry it; `value` converts
//! constants and `cell` compares single values.

mod cell;
mod eval;
mod lower;
mod physical;
mod value;

pub(crate) use eval::predicate;
pub(crate) use lower::{Env, Scalar, among, variables};
pub(crate) use physical::GraphExpr;
pub(crate) use value::{exact_array, spell};

#[cfg(test)]
pub(super) use value::to_array;
