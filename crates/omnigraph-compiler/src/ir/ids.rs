//! Indexes that stand for variables and parameters of a query.

use serde::{Deserialize, Serialize};

/// Index of a variable in [`Read::variables`](super::Read::variables).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VarId(pub usize);

/// Index of a parameter in [`Query::params`](super::Query::params).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ParamId(pub usize);
