//! Texts of errors, for people. Clients must not parse them; some are fixed by contract all the same.

use std::fmt::{self, Display};

use super::detail::{
    ChangeDiffRefusalOutput, ChangeDiffRefusalReason, ErrorDetail, KeyConflictOutput, MergeConflictOutput,
};

/// Conflicts that the text of a refused merge lists; its member has all.
const SHOWN_CONFLICTS: usize = 3;

impl Display for MergeConflictOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} type '{}'", self.entity_kind, self.type_name)?;
        if let Some(id) = &self.entity_id {
            write!(f, ", entity id '{id}'")?;
        }
        write!(f, " ({})", self.kind.as_str())
    }
}

impl Display for KeyConflictOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} type '{}' already has ", self.entity_kind, self.type_name)?;
        match &self.entity_id {
            Some(id) => write!(f, "id '{id}'"),
            None => f.write_str("this id"),
        }
    }
}

impl Display for ChangeDiffRefusalOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "commit '{}' ", self.graph_commit_id)?;
        match (self.reason, &self.type_name) {
            (ChangeDiffRefusalReason::ParentlessCommit, _) => f.write_str("has no parent to compare with"),
            (ChangeDiffRefusalReason::SchemaBoundary, Some(name)) => {
                write!(f, "changes the schema of '{name}': take a new baseline")
            }
            (ChangeDiffRefusalReason::SchemaBoundary, None) => {
                f.write_str("changes the schema: take a new baseline")
            }
            (ChangeDiffRefusalReason::Unknown, _) => f.write_str("cannot be compared with its parent"),
        }
    }
}

impl Display for ErrorDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorDetail::MergeConflicts(conflicts) => {
                f.write_str("merge conflicts: ")?;
                for (i, conflict) in conflicts.iter().take(SHOWN_CONFLICTS).enumerate() {
                    write!(f, "{}{conflict}", if i == 0 { "" } else { "; " })?;
                }
                match conflicts.len().saturating_sub(SHOWN_CONFLICTS) {
                    0 => Ok(()),
                    more => write!(f, "; and {more} more"),
                }
            }
            ErrorDetail::PublishedDatasetVersionConflict(conflict) => write!(
                f,
                "{} type '{}' is at published dataset version {}, expected {}: read again and retry",
                conflict.entity_kind,
                conflict.type_name,
                conflict.actual_published_dataset_version,
                conflict.expected_published_dataset_version,
            ),
            ErrorDetail::ReadSetConflict(conflict) => write!(
                f,
                "'{}' changed while the write was prepared: expected {}, found {}: read again and retry",
                conflict.member,
                quoted(conflict.expected.as_deref()),
                quoted(conflict.actual.as_deref()),
            ),
            ErrorDetail::KeyConflict(conflict) => conflict.fmt(f),
            ErrorDetail::ResourceLimit(limit) => write!(
                f,
                "resource limit exceeded for {}: actual {}, limit {}",
                limit.resource, limit.actual, limit.limit
            ),
            ErrorDetail::BlobRange(range) => write!(
                f,
                "range {}..{} of a blob of {} bytes is not satisfiable",
                range.start, range.end, range.length
            ),
            ErrorDetail::ExternalBlobSource(source) => {
                write!(f, "external blob source '{}' is unavailable: {}", source.uri, source.reason)
            }
            ErrorDetail::RecoveryRequired(recovery) => {
                write!(f, "recovery required: operation {} is not finished", recovery.operation_id)
            }
            ErrorDetail::PreconditionFailure(failure) => {
                write!(f, "precondition failed: {}", heads(&failure.expected, failure.actual.as_deref()))
            }
            ErrorDetail::ChangeFeedGap(gap) => write!(
                f,
                "commit '{}' can no longer be read, as its history was reclaimed: take a new baseline",
                gap.first_unreadable_commit_id
            ),
            ErrorDetail::ChangeDiffRefusal(refusal) => refusal.fmt(f),
        }
    }
}

/// Returns what a lost conditional write says about one branch.
pub(super) fn precondition(branch: &str, expected: &str, actual: Option<&str>) -> String {
    format!("precondition failed on branch '{branch}': {}", heads(expected, actual))
}

fn heads(expected: &str, actual: Option<&str>) -> String {
    format!("expected head '{expected}' but current is {}", actual.unwrap_or("<absent>"))
}

fn quoted(text: Option<&str>) -> String {
    text.map_or_else(|| "nothing".to_owned(), |text| format!("'{text}'"))
}
