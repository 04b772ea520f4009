//! One request to the engine as data, so that this process or another one can make it, and its answer as data.

use std::collections::BTreeSet;
use std::time::Duration;

use omnigraph::Omnigraph;
use omnigraph::db::{
    CleanupPolicyOptions, Load, LoadMode, LoadSource, MergeBranches, MergeOutcome, Mutate, Preferred,
    ReadTarget, SchemaApplyOptions, SnapshotId,
};
use omnigraph::error::{ManifestDetails, ManifestErrorKind, MergeConflictKind, OmniError};
use serde::{Deserialize, Serialize};

use super::state::{Conflict, ConflictKind, Resolution, Side};

/// How the error of an armed fault point begins.
const FAULT: &str = "injected failpoint triggered";

/// How a load treats what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mode {
    Append,
    Merge,
    Overwrite,
}

/// Where a branch begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum From {
    Branch(String),
    Commit(String),
}

/// A request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Action {
    Load { branch: String, text: String, mode: Mode },
    Mutate { branch: String, text: String },
    Create { from: From, name: String },
    Delete { name: String },
    Tag { commit: String, name: String },
    Merge { source: String, target: String, resolution: Resolution, dry_run: bool },
    Apply { branch: String, schema: String, hard: bool },
    Optimize { branch: String },
    Cleanup { keep: u32 },
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Done; the commit it made, if any.
    Done(Option<String>),
    /// A merge is done, or would be.
    Merged {
        commit: Option<String>,
        base: String,
        kind: MergeKind,
    },
    Refused(Refused),
}

/// What a merge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MergeKind {
    UpToDate,
    FastForward,
    Merged,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Refused {
    KeyConflict,
    Violation,
    Conflicts(Vec<Conflict>),
    /// A merge of two schemas.
    Schemas,
    /// A merge of two lifetimes of one type.
    Lifetimes,
    /// The name is taken.
    Conflict(String),
    NotFound,
    /// Cleanup removed what is needed.
    Reclaimed,
    /// By an armed fault point, or left to recovery: the outcome is unknown.
    Fault,
    Other(String),
}

impl Action {
    /// Names the kind of request, for counts.
    pub(crate) fn name(&self) -> String {
        match self {
            Action::Load { mode, .. } => format!("load {mode:?}"),
            Action::Mutate { text, .. } if text.contains("delete") => "mutate (delete)".to_owned(),
            Action::Mutate { .. } => "mutate (write)".to_owned(),
            Action::Create { from: From::Branch(_), .. } => "create from branch".to_owned(),
            Action::Create { from: From::Commit(_), .. } => "create from commit".to_owned(),
            Action::Delete { .. } => "delete branch".to_owned(),
            Action::Tag { .. } => "tag".to_owned(),
            Action::Merge { resolution, .. } => match (resolution.properties, resolution.prefer) {
                (properties, Some(side)) => format!("merge (properties {properties}, {side:?} wins)"),
                (properties, None) => format!("merge (properties {properties})"),
            },
            Action::Apply { .. } => "apply schema".to_owned(),
            Action::Optimize { .. } => "optimize".to_owned(),
            Action::Cleanup { .. } => "cleanup".to_owned(),
        }
    }
}

impl Answer {
    /// Names the kind of answer, for counts.
    pub(crate) fn name(&self) -> String {
        match self {
            Answer::Done(_) => "done".to_owned(),
            Answer::Merged { kind, .. } => format!("{kind:?}"),
            Answer::Refused(Refused::Conflicts(conflicts)) => {
                let kinds: BTreeSet<ConflictKind> = conflicts.iter().map(|conflict| conflict.2).collect();
                format!("conflicts {kinds:?}")
            }
            Answer::Refused(Refused::Conflict(_)) => "conflict".to_owned(),
            Answer::Refused(refused) => format!("{refused:?}"),
        }
    }
}

/// Makes a request.
pub(crate) async fn perform(graph: &Omnigraph, action: &Action) -> Answer {
    match attempt(graph, action).await {
        Ok(answer) => answer,
        Err(error) => Answer::Refused(refused(&error)),
    }
}

async fn attempt(graph: &Omnigraph, action: &Action) -> omnigraph::Result<Answer> {
    Ok(match action {
        Action::Load { branch, text, mode } => {
            let mode = match mode {
                Mode::Append => LoadMode::Append,
                Mode::Merge => LoadMode::Merge,
                Mode::Overwrite => LoadMode::Overwrite,
            };
            let load = Load::new(branch, LoadSource::Text(text.clone()), mode);
            Answer::Done(Some(graph.load(load).await?.commit.graph_commit_id))
        }
        Action::Mutate { branch, text } => {
            let receipt = graph.mutate(Mutate::new(branch, text)).await?;
            Answer::Done(receipt.commit.map(|commit| commit.graph_commit_id))
        }
        Action::Create { from, name } => {
            let from = match from {
                From::Branch(branch) => ReadTarget::Branch(branch.clone()),
                From::Commit(id) => ReadTarget::Snapshot(SnapshotId::new(id)),
            };
            graph.branch_create_from(from, name).await?;
            Answer::Done(None)
        }
        Action::Delete { name } => {
            graph.branch_delete(name).await?;
            Answer::Done(None)
        }
        Action::Tag { commit, name } => {
            graph.tag_create(SnapshotId::new(commit), name, None).await?;
            Answer::Done(None)
        }
        Action::Merge { source, target, resolution, dry_run } => {
            let prefer = resolution.prefer.map(|side| match side {
                Side::Target => Preferred::Ours,
                Side::Source => Preferred::Theirs,
            });
            let request = MergeBranches {
                combine_properties: resolution.properties,
                prefer,
                dry_run: *dry_run,
                ..MergeBranches::new(source, target)
            };
            let receipt = graph.branch_merge(request).await?;
            Answer::Merged {
                commit: receipt.commit.map(|commit| commit.graph_commit_id),
                base: receipt.base_commit_id,
                kind: match receipt.outcome {
                    MergeOutcome::AlreadyUpToDate => MergeKind::UpToDate,
                    MergeOutcome::FastForward => MergeKind::FastForward,
                    MergeOutcome::Merged => MergeKind::Merged,
                },
            }
        }
        Action::Apply { branch, schema, hard } => {
            let options =
                SchemaApplyOptions { branch, allow_data_loss: *hard, ..SchemaApplyOptions::default() };
            let result = graph.apply_schema_with_options(schema, &options).await?;
            Answer::Done(result.commit.map(|commit| commit.graph_commit_id))
        }
        Action::Optimize { branch } => {
            graph.optimize_on(branch, None).await?;
            Answer::Done(None)
        }
        Action::Cleanup { keep } => {
            let options = CleanupPolicyOptions {
                keep_versions: Some(*keep),
                grace: Duration::ZERO,
                ..CleanupPolicyOptions::default()
            };
            let stats = graph.cleanup(options).await?;
            let failed: Vec<String> = stats.into_iter().filter_map(|dataset| dataset.error).collect();
            if failed.iter().any(|error| error.contains(FAULT)) {
                return Ok(Answer::Refused(Refused::Fault));
            }
            if !failed.is_empty() {
                return Ok(Answer::Refused(Refused::Other(failed.join("; "))));
            }
            Answer::Done(None)
        }
    })
}

/// Classifies an error by what its caller can tell from it.
pub(crate) fn refused(error: &OmniError) -> Refused {
    if error.violation().is_some() {
        return Refused::Violation;
    }
    // Wherever a fault struck, its text comes through.
    if error.to_string().contains(FAULT) {
        return Refused::Fault;
    }
    match error {
        OmniError::KeyConflict { .. } => Refused::KeyConflict,
        OmniError::MergeConflicts(conflicts) => Refused::Conflicts(
            conflicts
                .iter()
                .map(|conflict| {
                    (conflict.type_key.to_string(), conflict.entity_id.clone(), kind(conflict.kind))
                })
                .collect(),
        ),
        OmniError::BranchNotFound { .. } => Refused::NotFound,
        OmniError::HistoricalVersionReclaimed { .. } => Refused::Reclaimed,
        OmniError::Manifest(manifest) => match (&manifest.details, manifest.kind) {
            (Some(ManifestDetails::ReadSetChanged { member, .. }), _) if member == "branch_merge_schema" => {
                Refused::Schemas
            }
            (Some(ManifestDetails::ReadSetChanged { member, .. }), _)
                if member.starts_with("branch_merge_dataset_identity:") =>
            {
                Refused::Lifetimes
            }
            (_, ManifestErrorKind::NotFound) => Refused::NotFound,
            (_, ManifestErrorKind::Conflict) => Refused::Conflict(manifest.message.clone()),
            _ => Refused::Other(error.to_string()),
        },
        OmniError::RecoveryRequired { .. } => Refused::Fault,
        _ => Refused::Other(error.to_string()),
    }
}

fn kind(kind: MergeConflictKind) -> ConflictKind {
    match kind {
        MergeConflictKind::DivergentInsert => ConflictKind::DivergentInsert,
        MergeConflictKind::DivergentUpdate => ConflictKind::DivergentUpdate,
        MergeConflictKind::DeleteVsUpdate => ConflictKind::DeleteVsUpdate,
        MergeConflictKind::OrphanEdge => ConflictKind::OrphanEdge,
        MergeConflictKind::UniqueViolation => ConflictKind::Unique,
        MergeConflictKind::CardinalityViolation => ConflictKind::Cardinality,
        MergeConflictKind::ValueConstraintViolation => ConflictKind::Value,
    }
}
