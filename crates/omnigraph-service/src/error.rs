//! The error answer (status, code, detail, text) that belongs to each error of the engine.

use std::borrow::Cow;

use omnigraph::OmniError;
use omnigraph::error::{ManifestDetails, ManifestErrorKind, MergeConflict, MergeConflictKind};
use omnigraph_api::{
    BlobRangeOutput, ChangeDiffRefusalOutput, ChangeDiffRefusalReason, ChangeErrorDetail, ChangeErrorReply,
    ChangeFeedGapOutput, ErrorCode, ErrorDetail, ErrorReply, ExternalBlobSourceOutput, KeyConflictOutput,
    MergeConflictKindOutput, MergeConflictOutput, ReadSetConflictOutput, RecoveryRequiredOutput,
    ResourceLimitOutput,
};
use omnigraph_compiler::diagnostics::Diagnostics;

use crate::convert;

/// Returns the error answer of an engine error. Failures of the store show no location; their cause belongs into the log.
pub fn reply(error: &OmniError) -> ErrorReply {
    if let Some(detail) = detail(error) {
        return detailed(error, detail);
    }
    let code = code(error);
    if code == ErrorCode::Internal {
        return ErrorReply::new(code, internal_text(error));
    }
    match error {
        OmniError::BranchNotFound { branch, .. } => ErrorReply::branch_not_found(branch),
        OmniError::DataFusion(cause) => ErrorReply::new(code, format!("query: {cause}")),
        OmniError::QueryKind { name, mutation: true } => ErrorReply::new(
            code,
            format!(
                "query '{name}' contains mutations and cannot run as a read; run it with `omnigraph mutate`, or send it \
                 to POST /mutate"
            ),
        ),
        OmniError::QueryKind { name, mutation: false } => ErrorReply::new(
            code,
            format!("query '{name}' is a read; run it with `omnigraph query`, or send it to POST /query"),
        ),
        other => ErrorReply::new(code, other.to_string()),
    }
}

/// As [`reply`]; what is wrong with the text of the request is told with its places.
pub fn reply_about(error: &OmniError, text: &str) -> ErrorReply {
    match error {
        OmniError::Compiler(diagnostics) => {
            ErrorReply::new(ErrorCode::BadRequest, located(diagnostics, text))
        }
        other => reply(other),
    }
}

/// Findings that the text of an answer lists.
const SHOWN_FINDINGS: usize = 5;

/// Words diagnostics with the lines and columns they speak about, and their cures.
pub fn located(diagnostics: &Diagnostics, text: &str) -> String {
    let shown = diagnostics.0.iter().take(SHOWN_FINDINGS).map(|finding| {
        let (line, column) = finding.line_column(text);
        let hint = finding.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{finding} (line {line}, column {column}){hint}")
    });
    let mut words = shown.collect::<Vec<_>>().join("; ");
    if let Some(more @ 1..) = diagnostics.0.len().checked_sub(SHOWN_FINDINGS) {
        words += &format!("; and {more} more");
    }
    words
}

fn detailed(error: &OmniError, detail: ErrorDetail) -> ErrorReply {
    match (error, detail) {
        (OmniError::PreconditionFailed { branch, expected, actual }, _) => {
            ErrorReply::precondition_failed(branch, expected, Some(actual))
        }
        // The wire's own text names what it has members for; the engine's adds key columns and the place.
        (OmniError::KeyConflict { at: Some(_), .. }, detail) => {
            ErrorReply::detailed(detail, error.to_string())
        }
        (_, detail) => detail.into(),
    }
}

/// Returns the coarse class of an error that has no detail.
fn code(error: &OmniError) -> ErrorCode {
    match error {
        OmniError::Compiler(_)
        | OmniError::Param(_)
        | OmniError::DataFusion(_)
        | OmniError::QueryKind { .. }
        | OmniError::ChangeCursorRejected { .. }
        | OmniError::ExternalBlobPolicy { .. } => ErrorCode::BadRequest,
        OmniError::Manifest(error) => match error.kind {
            ManifestErrorKind::BadRequest => ErrorCode::BadRequest,
            ManifestErrorKind::NotFound => ErrorCode::NotFound,
            ManifestErrorKind::Conflict => ErrorCode::Conflict,
            ManifestErrorKind::Internal => ErrorCode::Internal,
        },
        OmniError::AlreadyInitialized { .. } => ErrorCode::Conflict,
        OmniError::BranchNotFound { .. } => ErrorCode::NotFound,
        OmniError::Policy(error) if error.is_denial() => ErrorCode::Forbidden,
        OmniError::Embedding(error) if !error.is_retryable() => ErrorCode::BadRequest,
        _ => ErrorCode::Internal,
    }
}

/// Returns the detail that the wire has for an error.
pub fn detail(error: &OmniError) -> Option<ErrorDetail> {
    Some(match error {
        OmniError::MergeConflicts(conflicts) => {
            ErrorDetail::MergeConflicts(conflicts.iter().map(merge_conflict).collect())
        }
        OmniError::KeyConflict { type_key, entity_id, .. } => ErrorDetail::KeyConflict(KeyConflictOutput {
            entity_kind: convert::kind(type_key.kind),
            type_name: type_key.name.clone(),
            entity_id: Some(entity_id.clone()),
        }),
        OmniError::ResourceLimitExceeded { resource, limit, actual } => {
            let resource = resource.clone();
            ErrorDetail::ResourceLimit(ResourceLimitOutput { resource, limit: *limit, actual: *actual })
        }
        OmniError::BlobRangeNotSatisfiable { start, end, length } => {
            ErrorDetail::BlobRange(BlobRangeOutput { start: *start, end: *end, length: *length })
        }
        OmniError::ExternalBlobSource { uri, reason } => {
            let (uri, reason) = (uri.clone(), reason.clone());
            ErrorDetail::ExternalBlobSource(ExternalBlobSourceOutput { uri, reason })
        }
        OmniError::RecoveryRequired { operation_id, .. } => {
            ErrorDetail::RecoveryRequired(RecoveryRequiredOutput { operation_id: operation_id.clone() })
        }
        OmniError::PreconditionFailed { expected, actual, .. } => {
            ErrorDetail::PreconditionFailure(omnigraph_api::PreconditionFailureOutput {
                expected: expected.clone(),
                actual: Some(actual.clone()),
            })
        }
        OmniError::ChangeFeedGap { cursor, first_unreadable_commit_id } => {
            ErrorDetail::ChangeFeedGap(ChangeFeedGapOutput {
                cursor: cursor.clone(),
                first_unreadable_commit_id: first_unreadable_commit_id.clone(),
            })
        }
        OmniError::CommitHasNoParent { graph_commit_id } => {
            ErrorDetail::ChangeDiffRefusal(ChangeDiffRefusalOutput {
                reason: ChangeDiffRefusalReason::ParentlessCommit,
                graph_commit_id: graph_commit_id.clone(),
                type_name: None,
            })
        }
        OmniError::ChangeSchemaBoundary { graph_commit_id, type_name } => {
            ErrorDetail::ChangeDiffRefusal(ChangeDiffRefusalOutput {
                reason: ChangeDiffRefusalReason::SchemaBoundary,
                graph_commit_id: graph_commit_id.clone(),
                type_name: Some(type_name.clone()),
            })
        }
        OmniError::Manifest(error) => match &error.details {
            Some(ManifestDetails::ReadSetChanged { member, expected, actual }) => {
                ErrorDetail::ReadSetConflict(ReadSetConflictOutput {
                    member: member.clone(),
                    expected: Some(expected.clone()),
                    actual: Some(actual.clone()),
                })
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn merge_conflict(conflict: &MergeConflict) -> MergeConflictOutput {
    MergeConflictOutput {
        entity_kind: convert::kind(conflict.type_key.kind),
        type_name: conflict.type_key.name.clone(),
        entity_id: conflict.entity_id.clone(),
        kind: match conflict.kind {
            MergeConflictKind::DivergentInsert => MergeConflictKindOutput::DivergentInsert,
            MergeConflictKind::DivergentUpdate => MergeConflictKindOutput::DivergentUpdate,
            MergeConflictKind::DeleteVsUpdate => MergeConflictKindOutput::DeleteVsUpdate,
            MergeConflictKind::OrphanEdge => MergeConflictKindOutput::OrphanEdge,
            MergeConflictKind::UniqueViolation => MergeConflictKindOutput::UniqueViolation,
            MergeConflictKind::CardinalityViolation => MergeConflictKindOutput::CardinalityViolation,
            MergeConflictKind::ValueConstraintViolation => MergeConflictKindOutput::ValueConstraintViolation,
        },
        message: conflict.message.clone(),
    }
}

/// Words a failure without the place where the graph is stored.
fn internal_text(error: &OmniError) -> Cow<'static, str> {
    match error {
        OmniError::Storage(failure) => format!("storage failure ({}); try again later", failure.kind).into(),
        OmniError::Io { .. } => "a file of the server cannot be read or written".into(),
        OmniError::BlobIntegrity { .. } => "a stored blob is damaged".into(),
        OmniError::Embedding(_) => "the embedding provider failed; try again later".into(),
        OmniError::HistoricalVersionReclaimed { .. } | OmniError::Policy(_) => error.to_string().into(),
        OmniError::TableMissing { type_key, .. } => {
            format!("the data of {} type {} is missing", type_key.kind, type_key.name).into()
        }
        OmniError::Manifest(error) => format!("internal error: {}", error.message).into(),
        _ => "internal error".into(),
    }
}

/// Returns the error answer of a change route, which tells less.
pub fn change_reply(error: &OmniError) -> ChangeErrorReply {
    match error {
        OmniError::ChangeCursorRejected { .. } => {
            ChangeErrorReply::refused(ErrorCode::BadRequest, error.to_string())
        }
        OmniError::BranchNotFound { branch, .. } => {
            ChangeErrorReply::refused(ErrorCode::NotFound, format!("branch '{branch}' not found"))
        }
        OmniError::Policy(denial) if denial.is_denial() => {
            ChangeErrorReply::refused(ErrorCode::Forbidden, denial.to_string())
        }
        // About what the caller sent: the name of a branch.
        OmniError::Manifest(refusal) if refusal.kind == ManifestErrorKind::BadRequest => {
            ChangeErrorReply::refused(ErrorCode::BadRequest, refusal.message.clone())
        }
        OmniError::ResourceLimitExceeded { resource, limit, actual } => {
            let resource = resource.clone();
            let limit = ResourceLimitOutput { resource, limit: *limit, actual: *actual };
            ChangeErrorDetail::ResourceLimit(limit).into()
        }
        _ => match detail(error) {
            Some(ErrorDetail::ChangeFeedGap(gap)) => ChangeErrorDetail::ChangeFeedGap(gap).into(),
            Some(ErrorDetail::ChangeDiffRefusal(refusal)) => {
                ChangeErrorDetail::ChangeDiffRefusal(refusal).into()
            }
            Some(ErrorDetail::RecoveryRequired(recovery)) => {
                ChangeErrorDetail::RecoveryRequired(recovery).into()
            }
            _ => ChangeErrorReply::failed(),
        },
    }
}
