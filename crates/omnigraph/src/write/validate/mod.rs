//! Constraint validation: judges the image of the graph after a write.
//!
//! Owns the checks, one module each, in the order in which they run:
//! [`values`] (enum, `@range`, `@check`), [`ids`] (existing and repeated ids), [`unique`], [`endpoints`],
//! [`cardinality`]. [`image`] is the state judged: a snapshot plus a delta. Required properties, widths and types are
//! settled before, when rows are built.
//!
//! Invariants: (1) a check sees the final image only: rows that a later row of the same input supersedes count only for
//! repeated unique values; (2) the same input gives the same first violation: by check, then type key, then id; (3) stored
//! entities are found through key indexes, never by scanning, except those of a type whose content is replaced whole.
//! Cost: a few passes over the delta's spools and one index probe per row and constraint. Key sets that outgrow their
//! share of the memory budget are processed in hash partitions, each a further pass over the spool.

mod cardinality;
pub(in crate::write) mod compare;
mod endpoints;
mod ids;
mod image;
pub(in crate::write) mod keymap;
#[cfg(test)]
mod tests;
mod unique;
mod values;
mod violations;

pub(in crate::write) use image::{Change, Image, strings};

use violations::Extent;
pub(in crate::write) use violations::Refusal;

use crate::error::Result;

/// Checks everything, resolving on the way which stored entities the rows replace.
///
/// # Errors
/// The first violation or key conflict; storage failures.
pub(super) async fn check(image: &mut Image) -> Result<()> {
    image.extent = Extent::First;
    match refusals(image).await?.into_iter().next() {
        Some(refusal) => Err(refusal.error),
        None => Ok(()),
    }
}

/// As [`check`], and returns every violation and key conflict, in the order of the checks.
///
/// # Errors
/// Storage failures.
pub(in crate::write) async fn check_all(image: &mut Image) -> Result<Vec<Refusal>> {
    image.extent = Extent::All;
    refusals(image).await
}

async fn refusals(image: &mut Image) -> Result<Vec<Refusal>> {
    let conflicts = ids::resolve(image).await?;
    let mut refused = Vec::new();
    values::check(image, &mut refused).await?;
    if !image.knows_enough(&refused) {
        unique::check(image, conflicts, &mut refused).await?;
    }
    if !image.knows_enough(&refused) {
        endpoints::check(image, &mut refused).await?;
    }
    if !image.knows_enough(&refused) {
        cardinality::check(image, &mut refused).await?;
    }
    Ok(refused)
}
