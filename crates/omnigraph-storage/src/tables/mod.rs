//! Immutable table versions: reading them, making the next one, and removing what nothing names.
//!
//! Reading: [`table`], [`scan`], [`sorted`], [`values`], [`difference`], one file of rows at a time ([`fragment`]). Changing:
//! [`stage`], which folds small fragments ([`tail`], [`compact`]), and [`reshape`] for another column list. [`reclaim`] removes
//! versions and files.

pub(crate) mod compact;
pub mod difference;
pub(crate) mod fragment;
pub mod reclaim;
pub mod reshape;
pub mod scan;
pub mod sorted;
pub mod stage;
pub mod table;
pub(crate) mod tail;
pub mod values;
