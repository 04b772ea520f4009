//! Stable diagnostic codes of schema changes: `OG-<family>-<three digits>`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a code is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Family {
    /// DS: destructive.
    Destructive,
    /// MF: may fail on existing data.
    MightFail,
    /// CD: constraint deletion.
    ConstraintDeletion,
    /// BC: backward incompatible.
    BackwardIncompatible,
    /// NM: naming.
    Naming,
    /// OW: ownership.
    Ownership,
    /// NL: non-linear history.
    NonLinear,
    /// VE: vectors.
    Vectors,
    /// ED: edges and topology.
    Edges,
    /// LK: cost and locking.
    Locking,
}

impl Family {
    /// Every family, in the order of the language definition.
    pub const ALL: [Family; 10] = [
        Family::Destructive,
        Family::MightFail,
        Family::ConstraintDeletion,
        Family::BackwardIncompatible,
        Family::Naming,
        Family::Ownership,
        Family::NonLinear,
        Family::Vectors,
        Family::Edges,
        Family::Locking,
    ];

    /// Returns the two letters that stand in codes.
    pub fn letters(self) -> &'static str {
        match self {
            Family::Destructive => "DS",
            Family::MightFail => "MF",
            Family::ConstraintDeletion => "CD",
            Family::BackwardIncompatible => "BC",
            Family::Naming => "NM",
            Family::Ownership => "OW",
            Family::NonLinear => "NL",
            Family::Vectors => "VE",
            Family::Edges => "ED",
            Family::Locking => "LK",
        }
    }
}

/// How much care a change needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Apply freely.
    Safe,
    /// Needs a scan of existing rows.
    Validated,
    /// Needs explicit consent.
    Destructive,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tier::Safe => "safe",
            Tier::Validated => "validated",
            Tier::Destructive => "destructive",
        })
    }
}

/// How a finding counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Refuses the change.
    Error,
}

/// A diagnostic code with its meaning. Displays as `OG-MF-106, destructive`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Code {
    /// The code itself; match on it, not on texts.
    pub id: &'static str,
    /// What it is about.
    pub family: Family,
    /// How much care the change needs.
    pub tier: Tier,
    /// How it counts unless configured otherwise.
    pub severity: Severity,
    /// What it says.
    pub meaning: &'static str,
    /// Whether a plan can carry it; other codes are reserved.
    pub emitted: bool,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.id, self.tier)
    }
}

const fn code(id: &'static str, family: Family, tier: Tier, meaning: &'static str, emitted: bool) -> Code {
    Code { id, family, tier, severity: Severity::Error, meaning, emitted }
}

/// Drop of a populated graph.
pub const DROP_GRAPH: Code =
    code("OG-DS-101", Family::Destructive, Tier::Destructive, "drop of a populated graph", false);
/// Drop of a populated node type.
pub const DROP_NODE: Code =
    code("OG-DS-102", Family::Destructive, Tier::Destructive, "drop of a populated node type", false);
/// Drop of a populated edge type.
pub const DROP_EDGE: Code =
    code("OG-DS-103", Family::Destructive, Tier::Destructive, "drop of a populated edge type", false);
/// Drop of a property from a populated type.
pub const DROP_PROPERTY: Code = code(
    "OG-DS-104",
    Family::Destructive,
    Tier::Destructive,
    "drop of a property from a populated type",
    false,
);
/// Drop of a populated vector property.
pub const DROP_VECTOR: Code =
    code("OG-DS-105", Family::Destructive, Tier::Destructive, "drop of a populated vector property", false);
/// Required property added to a type without a value for existing rows.
pub const ADD_REQUIRED: Code = code(
    "OG-MF-103",
    Family::MightFail,
    Tier::Validated,
    "required property added to a type without a value for existing rows",
    true,
);
/// Optional property made required.
pub const MAKE_REQUIRED: Code =
    code("OG-MF-104", Family::MightFail, Tier::Validated, "optional made required", false);
/// Property type change.
pub const CHANGE_TYPE: Code =
    code("OG-MF-106", Family::MightFail, Tier::Destructive, "property type change", true);

/// Every code, by id.
pub const ALL: [Code; 8] =
    [DROP_GRAPH, DROP_NODE, DROP_EDGE, DROP_PROPERTY, DROP_VECTOR, ADD_REQUIRED, MAKE_REQUIRED, CHANGE_TYPE];

/// Finds a code by its id.
pub fn find(id: &str) -> Option<Code> {
    ALL.into_iter().find(|code| code.id == id)
}
