//! Branches: requests to make, delete and merge them, and their answers.

use std::ops::Not;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::CommitOutput;

/// The branches of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BranchListOutput {
    /// Their names, ascending.
    pub branches: Vec<String>,
}

/// Request of a fork.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BranchCreateRequest {
    /// Name of the new branch.
    pub name: String,
    /// Branch to fork; `main` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// Receipt of a fork.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BranchCreateOutput {
    /// Location of the graph.
    pub uri: String,
    /// The branch that was forked.
    pub from: String,
    /// The new branch.
    pub name: String,
    /// Who made the request; null when the server does not ask.
    pub actor_id: Option<String>,
}

/// Receipt of a deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BranchDeleteOutput {
    /// Location of the graph.
    pub uri: String,
    /// The branch that is gone.
    pub name: String,
    /// Who made the request; null when the server does not ask.
    pub actor_id: Option<String>,
}

/// Request of a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BranchMergeRequest {
    /// Branch to merge.
    pub source: String,
    /// Branch to merge into; `main` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Whether the source is deleted once it is merged; false when left out.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub delete_branch: bool,
}

/// What a merge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BranchMergeOutcome {
    /// The target had everything already.
    AlreadyUpToDate,
    /// The target had nothing of its own and took over the source.
    FastForward,
    /// Both had changes, which are brought together.
    Merged,
}

impl BranchMergeOutcome {
    /// Returns the word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            BranchMergeOutcome::AlreadyUpToDate => "already_up_to_date",
            BranchMergeOutcome::FastForward => "fast_forward",
            BranchMergeOutcome::Merged => "merged",
        }
    }
}

/// Receipt of a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BranchMergeOutput {
    /// The branch that was merged.
    pub source: String,
    /// The branch it was merged into.
    pub target: String,
    /// What was done.
    pub outcome: BranchMergeOutcome,
    /// Who made the request; null when the server does not ask.
    pub actor_id: Option<String>,
    /// Whether the source is gone, when that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch_deleted: Option<bool>,
    /// Why the source is still there, when it should be gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch_delete_error: Option<String>,
    /// The commit that the merge published; left out when nothing had to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitOutput>,
}
