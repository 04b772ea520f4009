//! Details of errors: what machines are told beyond the code.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::code::ErrorCode;
use crate::EntityKindOutput;

/// Kind of a merge conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeConflictKindOutput {
    /// Both sides inserted the id, with different content.
    DivergentInsert,
    /// Both sides changed the entity, to different content.
    DivergentUpdate,
    /// One side deleted what the other changed.
    DeleteVsUpdate,
    /// An edge of the result ends at a node that is not in it.
    OrphanEdge,
    /// Two entities of the result hold one unique value.
    UniqueViolation,
    /// A node of the result has too few or too many edges.
    CardinalityViolation,
    /// A value of the result is outside what the schema allows.
    ValueConstraintViolation,
}

impl MergeConflictKindOutput {
    /// Returns the word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            MergeConflictKindOutput::DivergentInsert => "divergent_insert",
            MergeConflictKindOutput::DivergentUpdate => "divergent_update",
            MergeConflictKindOutput::DeleteVsUpdate => "delete_vs_update",
            MergeConflictKindOutput::OrphanEdge => "orphan_edge",
            MergeConflictKindOutput::UniqueViolation => "unique_violation",
            MergeConflictKindOutput::CardinalityViolation => "cardinality_violation",
            MergeConflictKindOutput::ValueConstraintViolation => "value_constraint_violation",
        }
    }
}

/// One reason why two branches do not merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MergeConflictOutput {
    /// Kind of the entity.
    pub entity_kind: EntityKindOutput,
    /// Its type.
    pub type_name: String,
    /// Its id; null when the conflict is not about one entity.
    pub entity_id: Option<String>,
    /// What kind of conflict.
    pub kind: MergeConflictKindOutput,
    /// What is wrong, for people.
    pub message: String,
}

/// A type moved on since the write was prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishedDatasetVersionConflictOutput {
    /// Kind of the type.
    pub entity_kind: EntityKindOutput,
    /// The type.
    pub type_name: String,
    /// The version the write was prepared on.
    pub expected_published_dataset_version: u64,
    /// The version found.
    pub actual_published_dataset_version: u64,
}

/// Something that a write had read changed before it was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadSetConflictOutput {
    /// What was read, such as `graph_head:main`.
    pub member: String,
    /// What the write had read; null when there was nothing.
    pub expected: Option<String>,
    /// What is there now; null when there is nothing.
    pub actual: Option<String>,
}

/// A strict insert met an id that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyConflictOutput {
    /// Kind of the entity.
    pub entity_kind: EntityKindOutput,
    /// Its type.
    pub type_name: String,
    /// Its id, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
}

/// A bound was exceeded; nothing has happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceLimitOutput {
    /// Name of the bound.
    pub resource: String,
    /// Its value.
    pub limit: u64,
    /// What was asked for, more than the limit.
    pub actual: u64,
}

/// A range of a blob lies outside it. The range is half-open, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlobRangeOutput {
    /// First byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
    /// Length of the blob.
    pub length: u64,
}

/// Bytes outside the graph that a write refers to cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExternalBlobSourceOutput {
    /// Where they should be, without credentials.
    pub uri: String,
    /// Why they cannot be read, without credentials.
    pub reason: String,
}

/// An earlier operation must be recovered first; whether the write happened is not known until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryRequiredOutput {
    /// The operation.
    pub operation_id: String,
}

/// A conditional write found another head; nothing has happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreconditionFailureOutput {
    /// The commit that the caller named.
    pub expected: String,
    /// The head found; left out when the branch has no commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
}

/// History that a change route needs was reclaimed; a new baseline is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeFeedGapOutput {
    /// The caller's own cursor, on the feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The first commit that cannot be read.
    pub first_unreadable_commit_id: String,
}

/// Why a commit cannot be compared with its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeDiffRefusalReason {
    /// It is the first commit.
    ParentlessCommit,
    /// It changes the schema of a type.
    SchemaBoundary,
    /// Any other reason, also one that this release has no word for.
    #[serde(other)]
    Unknown,
}

/// A commit cannot be compared with its parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeDiffRefusalOutput {
    /// Why.
    pub reason: ChangeDiffRefusalReason,
    /// The commit.
    pub graph_commit_id: String,
    /// The type whose schema changed, at a schema boundary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
}

/// The one detail of an error. It decides status and code; its `Display` is a text for people that says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorDetail {
    /// Two branches do not merge; at least one conflict.
    MergeConflicts(Vec<MergeConflictOutput>),
    /// A type moved on.
    PublishedDatasetVersionConflict(PublishedDatasetVersionConflictOutput),
    /// What was read changed.
    ReadSetConflict(ReadSetConflictOutput),
    /// An id exists.
    KeyConflict(KeyConflictOutput),
    /// A bound was exceeded.
    ResourceLimit(ResourceLimitOutput),
    /// A range lies outside a blob.
    BlobRange(BlobRangeOutput),
    /// Bytes outside the graph cannot be read.
    ExternalBlobSource(ExternalBlobSourceOutput),
    /// Recovery is needed first.
    RecoveryRequired(RecoveryRequiredOutput),
    /// The head is another one.
    PreconditionFailure(PreconditionFailureOutput),
    /// History was reclaimed.
    ChangeFeedGap(ChangeFeedGapOutput),
    /// A commit cannot be compared with its parent.
    ChangeDiffRefusal(ChangeDiffRefusalOutput),
}

impl ErrorDetail {
    /// Returns the HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            ErrorDetail::MergeConflicts(_)
            | ErrorDetail::PublishedDatasetVersionConflict(_)
            | ErrorDetail::ReadSetConflict(_)
            | ErrorDetail::KeyConflict(_)
            | ErrorDetail::ChangeDiffRefusal(_) => 409,
            ErrorDetail::ChangeFeedGap(_) => 410,
            ErrorDetail::PreconditionFailure(_) => 412,
            ErrorDetail::ResourceLimit(_) => 413,
            ErrorDetail::BlobRange(_) => 416,
            ErrorDetail::ExternalBlobSource(_) => 424,
            ErrorDetail::RecoveryRequired(_) => 503,
        }
    }

    /// Returns the code. Statuses that no code of the closed set fits have none.
    pub fn code(&self) -> Option<ErrorCode> {
        match self.status() {
            409 => Some(ErrorCode::Conflict),
            413 | 416 => Some(ErrorCode::BadRequest),
            _ => None,
        }
    }
}
