//! The body of an error answer, as servers write and clients read it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::code::{ErrorCode, WireCode};
use super::detail::{
    BlobRangeOutput, ChangeDiffRefusalOutput, ChangeFeedGapOutput, ErrorDetail, ExternalBlobSourceOutput,
    KeyConflictOutput, MergeConflictOutput, PreconditionFailureOutput, PublishedDatasetVersionConflictOutput,
    ReadSetConflictOutput, RecoveryRequiredOutput, ResourceLimitOutput,
};
use super::lenient;

/// Body of an error answer. It has at most one detail, which is every member but the first two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[non_exhaustive]
pub struct ErrorOutput {
    /// What is wrong, in one line for people; not to be parsed.
    pub error: String,
    /// Coarse class; some statuses have none.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ErrorCode>)]
    pub code: Option<WireCode>,
    /// All conflicts of a refused merge.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Vec::is_empty")]
    pub merge_conflicts: Vec<MergeConflictOutput>,
    /// A type moved on since the write was prepared.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub published_dataset_version_conflict: Option<PublishedDatasetVersionConflictOutput>,
    /// What the write had read changed.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub read_set_conflict: Option<ReadSetConflictOutput>,
    /// An id exists.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub key_conflict: Option<KeyConflictOutput>,
    /// A bound was exceeded.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub resource_limit: Option<ResourceLimitOutput>,
    /// A range lies outside a blob.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub blob_range: Option<BlobRangeOutput>,
    /// Bytes outside the graph cannot be read.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub external_blob_source: Option<ExternalBlobSourceOutput>,
    /// Recovery is needed first.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub recovery_required: Option<RecoveryRequiredOutput>,
    /// The head of the branch is not the one that the write asked for.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub precondition_failure: Option<PreconditionFailureOutput>,
    /// History was reclaimed.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub change_feed_gap: Option<ChangeFeedGapOutput>,
    /// A commit cannot be compared with its parent.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub change_diff_refusal: Option<ChangeDiffRefusalOutput>,
}

impl ErrorOutput {
    /// Makes a body without detail.
    pub fn new(code: ErrorCode, error: impl Into<String>) -> ErrorOutput {
        ErrorOutput { code: Some(code.into()), ..ErrorOutput::empty(error.into()) }
    }

    /// Makes a body with a detail, which decides the code.
    pub fn detailed(detail: ErrorDetail, error: impl Into<String>) -> ErrorOutput {
        let mut output =
            ErrorOutput { code: detail.code().map(Into::into), ..ErrorOutput::empty(error.into()) };
        match detail {
            ErrorDetail::MergeConflicts(all) => output.merge_conflicts = all,
            ErrorDetail::PublishedDatasetVersionConflict(d) => {
                output.published_dataset_version_conflict = Some(d);
            }
            ErrorDetail::ReadSetConflict(d) => output.read_set_conflict = Some(d),
            ErrorDetail::KeyConflict(d) => output.key_conflict = Some(d),
            ErrorDetail::ResourceLimit(d) => output.resource_limit = Some(d),
            ErrorDetail::BlobRange(d) => output.blob_range = Some(d),
            ErrorDetail::ExternalBlobSource(d) => output.external_blob_source = Some(d),
            ErrorDetail::RecoveryRequired(d) => output.recovery_required = Some(d),
            ErrorDetail::PreconditionFailure(d) => output.precondition_failure = Some(d),
            ErrorDetail::ChangeFeedGap(d) => output.change_feed_gap = Some(d),
            ErrorDetail::ChangeDiffRefusal(d) => output.change_diff_refusal = Some(d),
        }
        output
    }

    /// Reads the body of an answer; `None` when it is no error object.
    ///
    /// A code that this release does not know is kept as text; details it cannot read, and members it does not know,
    /// are left out.
    pub fn decode(body: &[u8]) -> Option<ErrorOutput> {
        crate::decode_request(body).ok()
    }

    /// Returns the code when it is one of the closed set.
    pub fn known_code(&self) -> Option<ErrorCode> {
        self.code.as_ref().and_then(WireCode::known)
    }

    fn empty(error: String) -> ErrorOutput {
        ErrorOutput {
            error,
            code: None,
            merge_conflicts: Vec::new(),
            published_dataset_version_conflict: None,
            read_set_conflict: None,
            key_conflict: None,
            resource_limit: None,
            blob_range: None,
            external_blob_source: None,
            recovery_required: None,
            precondition_failure: None,
            change_feed_gap: None,
            change_diff_refusal: None,
        }
    }
}
