//! What a write does to the entities of each type: the one form in which loads, mutations and merges hand over their
//! effect.
//!
//! A [`Delta`] says, for each type, which stored entities go and which rows come. Rows are complete images and stay in
//! their spools. Nothing is checked here: [`super::validate`] judges the image of the graph after the delta, and
//! [`super::prepare`] turns a delta that passes into changes of tables.

use std::collections::BTreeMap;

use omnigraph_compiler::catalog::TypeKey;
use roaring::RoaringTreemap;

use super::spool::Spool;
use crate::error::Unit;

/// What a row means whose id a stored entity already has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OnExisting {
    /// Refused with a key conflict.
    Reject,
    /// The stored entity is replaced by the row.
    Replace,
    /// The request has settled it: ids in its rows are distinct, and the stored entities that share one of them are
    /// exactly these, all of them in [`TypeDelta::remove`]. No stored id is looked up.
    Resolved {
        /// Addresses of the stored entities that rows replace.
        replaced: RoaringTreemap,
    },
}

/// What two rows of one delta with the same id mean. Rows of a keyed node type are always refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnDuplicate {
    /// Refused with a key conflict.
    Reject,
    /// The last row counts, the others are dropped.
    LastWins,
}

/// The effect on the entities of one type.
#[derive(Clone)]
pub(crate) struct TypeDelta {
    /// Complete images of added and changed entities: the table's columns, then the line column.
    pub(crate) rows: Option<Spool>,
    /// Addresses of stored entities that are removed, or replaced by one of the rows.
    pub(crate) remove: RoaringTreemap,
    /// Whether every stored entity is removed, whatever `remove` says.
    pub(crate) replace_all: bool,
    /// What a row means whose id is stored already.
    pub(crate) on_existing: OnExisting,
    /// What two rows with one id mean.
    pub(crate) on_duplicate: OnDuplicate,
}

/// The effect on the graph: at most one entry per type.
#[derive(Clone, Default)]
pub(crate) struct Delta {
    /// Effects by type.
    pub(crate) types: BTreeMap<TypeKey, TypeDelta>,
    /// What the line column of the rows counts, if refusals are to name it.
    pub(crate) unit: Option<Unit>,
}
