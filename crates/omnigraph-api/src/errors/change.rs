//! Error answers of the change routes, which tell less.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::code::{ErrorCode, WireCode};
use super::detail::{
    ChangeDiffRefusalOutput, ChangeFeedGapOutput, ErrorDetail, RecoveryRequiredOutput, ResourceLimitOutput,
};
use super::lenient;
use super::reply::Reply;
use crate::decode::BodyError;

/// Bounds whose names the change routes may tell. Any other would show how changes are found.
const TOLD_LIMITS: [&str; 6] = [
    "commit_changes_page_changes",
    "commit_changes_page_bytes",
    "change_feed_commits_per_poll",
    "change_continuation_token_encoded_bytes",
    "stream_export_slots",
    "stream_export_transport_bytes",
];

/// Body of an error answer of the change routes. It has at most one detail, which is every member but the first two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[non_exhaustive]
pub struct ChangeErrorOutput {
    /// What is wrong, in one line for people; not to be parsed.
    pub error: String,
    /// Coarse class; some statuses have none.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ErrorCode>)]
    pub code: Option<WireCode>,
    /// A bound was exceeded.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub resource_limit: Option<ResourceLimitOutput>,
    /// Recovery is needed first.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub recovery_required: Option<RecoveryRequiredOutput>,
    /// History was reclaimed.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub change_feed_gap: Option<ChangeFeedGapOutput>,
    /// A commit cannot be compared with its parent.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "Option::is_none")]
    pub change_diff_refusal: Option<ChangeDiffRefusalOutput>,
}

/// A detail that the change routes may tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeErrorDetail {
    /// A bound was exceeded.
    ResourceLimit(ResourceLimitOutput),
    /// Recovery is needed first.
    RecoveryRequired(RecoveryRequiredOutput),
    /// History was reclaimed.
    ChangeFeedGap(ChangeFeedGapOutput),
    /// A commit cannot be compared with its parent.
    ChangeDiffRefusal(ChangeDiffRefusalOutput),
}

impl From<ChangeErrorDetail> for ErrorDetail {
    fn from(detail: ChangeErrorDetail) -> ErrorDetail {
        match detail {
            ChangeErrorDetail::ResourceLimit(d) => ErrorDetail::ResourceLimit(d),
            ChangeErrorDetail::RecoveryRequired(d) => ErrorDetail::RecoveryRequired(d),
            ChangeErrorDetail::ChangeFeedGap(d) => ErrorDetail::ChangeFeedGap(d),
            ChangeErrorDetail::ChangeDiffRefusal(d) => ErrorDetail::ChangeDiffRefusal(d),
        }
    }
}

/// An error answer of a change route.
///
/// Texts are fixed or made of what the caller sent and may see; the cause of anything else belongs into the log. What
/// is refused before the route is reached (credentials, graph, media type, length) is an
/// [`ErrorReply`](super::ErrorReply) without detail, whose body has the same members.
pub type ChangeErrorReply = Reply<ChangeErrorOutput>;

impl Reply<ChangeErrorOutput> {
    /// An error that the caller made, without detail: authorization, a parameter, a name.
    ///
    /// A failure of the server becomes [`Reply::failed`], whatever the text.
    pub fn refused(code: ErrorCode, error: impl Into<String>) -> ChangeErrorReply {
        match code {
            ErrorCode::Internal => ChangeErrorReply::failed(),
            _ => Reply { status: code.status(), body: bare(Some(code), error.into()) },
        }
    }

    /// An error with a detail, which decides status and code, and a text of its own.
    ///
    /// The text about a needed recovery is fixed. Bounds that the change routes do not tell become
    /// [`Reply::failed`].
    pub fn detailed(detail: ChangeErrorDetail, error: impl Into<String>) -> ChangeErrorReply {
        let general = ErrorDetail::from(detail.clone());
        let (status, mut body) = (general.status(), bare(general.code(), error.into()));
        match detail {
            ChangeErrorDetail::ResourceLimit(d) if !TOLD_LIMITS.contains(&d.resource.as_str()) => {
                return ChangeErrorReply::failed();
            }
            ChangeErrorDetail::ResourceLimit(d) => body.resource_limit = Some(d),
            ChangeErrorDetail::RecoveryRequired(d) => {
                body.error = "recovery required before changes can be read".to_owned();
                body.recovery_required = Some(d);
            }
            ChangeErrorDetail::ChangeFeedGap(d) => body.change_feed_gap = Some(d),
            ChangeErrorDetail::ChangeDiffRefusal(d) => body.change_diff_refusal = Some(d),
        }
        Reply { status, body }
    }

    /// 500 with a fixed text: the cause must not be told.
    pub fn failed() -> ChangeErrorReply {
        let code = ErrorCode::Internal;
        let error = "internal error while reading changes".to_owned();
        Reply { status: code.status(), body: bare(Some(code), error) }
    }
}

fn bare(code: Option<ErrorCode>, error: String) -> ChangeErrorOutput {
    ChangeErrorOutput {
        error,
        code: code.map(WireCode::from),
        resource_limit: None,
        recovery_required: None,
        change_feed_gap: None,
        change_diff_refusal: None,
    }
}

/// The detail with the text of its `Display`.
impl From<ChangeErrorDetail> for ChangeErrorReply {
    fn from(detail: ChangeErrorDetail) -> ChangeErrorReply {
        let error = ErrorDetail::from(detail.clone()).to_string();
        ChangeErrorReply::detailed(detail, error)
    }
}

/// 400: the body of a request is wrong.
impl From<BodyError> for ChangeErrorReply {
    fn from(error: BodyError) -> ChangeErrorReply {
        ChangeErrorReply::refused(ErrorCode::BadRequest, format!("invalid request body: {error}"))
    }
}
