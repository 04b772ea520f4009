//! Values of the engine, converted to the wire types that tell them.

use std::collections::BTreeMap;

use omnigraph::changes::{
    ChangeCause, ChangeFeedPage, ChangeOp, CommitChangesPage, Continuation, EntityImage, GraphChangeBlock,
    GraphEntityChange,
};
use omnigraph::db::{
    DatasetEntry, GraphCommit, LoadMode as EngineLoadMode, MergeOutcome, MergeReceipt, MutationReceipt,
    SchemaApplyResult,
};
use omnigraph_api::{
    BranchMergeOutcome, BranchMergeOutput, ChangeBlockOutput, ChangeCauseOutput, ChangeEndpointsOutput,
    ChangeFeedOutput, ChangeImageOutput, ChangeOpOutput, ChangeOutput, ChangeTypeOutput, CommitChangesOutput,
    CommitOutput, EntityChangeOutput, EntityKindOutput, GraphBatchDeclarationOutput, LoadMode,
    SchemaApplyOutput, SnapshotDatasetOutput,
};
use omnigraph_compiler::catalog::{EntityKind, TypeKey};
use serde_json::Value;

/// Makes the wire form of a kind.
pub fn kind(kind: EntityKind) -> EntityKindOutput {
    match kind {
        EntityKind::Node => EntityKindOutput::Node,
        EntityKind::Edge => EntityKindOutput::Edge,
    }
}

/// Makes the engine's form of a kind.
pub fn entity_kind(kind: EntityKindOutput) -> EntityKind {
    match kind {
        EntityKindOutput::Node => EntityKind::Node,
        EntityKindOutput::Edge => EntityKind::Edge,
    }
}

/// Makes the wire form of a commit.
pub fn commit(commit: GraphCommit) -> CommitOutput {
    CommitOutput {
        graph_commit_id: commit.graph_commit_id,
        graph_branch: commit.graph_branch,
        graph_manifest_version: commit.graph_manifest_version,
        parent_commit_id: commit.parent_commit_id,
        merged_parent_commit_id: commit.merged_parent_commit_id,
        actor_id: commit.actor_id,
        created_at: commit.created_at,
    }
}

/// Makes the wire form of a type's entry in a snapshot. Tables have no branches of their own here, so none is named.
pub fn dataset(entry: DatasetEntry) -> SnapshotDatasetOutput {
    let key = TypeKey::parse(&entry.type_key);
    let (entity_kind, type_name) = match key {
        Some(TypeKey { kind: of, name }) => (kind(of), name),
        None => (EntityKindOutput::Node, entry.type_key),
    };
    SnapshotDatasetOutput {
        entity_kind,
        type_name,
        dataset_path: entry.dataset_path,
        published_dataset_version: entry.published_dataset_version,
        native_dataset_branch: None,
        entity_count: entry.entity_count,
    }
}

/// Makes the receipt of a mutation.
pub fn mutation(receipt: MutationReceipt, branch: &str, actor: Option<&str>) -> ChangeOutput {
    ChangeOutput {
        branch: branch.to_owned(),
        query_name: receipt.query_name,
        affected_nodes: count(receipt.result.affected_nodes),
        affected_edges: count(receipt.result.affected_edges),
        actor_id: actor.map(str::to_owned),
        commit: receipt.commit.map(commit),
    }
}

/// Makes the list of loaded types from lines by type name.
pub fn loaded(counts: BTreeMap<String, u64>) -> Vec<GraphBatchDeclarationOutput> {
    let entry = |(name, lines)| GraphBatchDeclarationOutput { name, entities_loaded: count(lines) };
    counts.into_iter().map(entry).collect()
}

/// Makes the engine's form of a load mode.
pub fn load_mode(mode: LoadMode) -> EngineLoadMode {
    match mode {
        LoadMode::Overwrite => EngineLoadMode::Overwrite,
        LoadMode::Append => EngineLoadMode::Append,
        LoadMode::Merge => EngineLoadMode::Merge,
    }
}

/// Makes the receipt of a schema change.
pub fn schema_apply(result: SchemaApplyResult, uri: &str) -> SchemaApplyOutput {
    // A step is a tagged union of texts and numbers, which always has a JSON form.
    let step = |step| serde_json::to_value(step).unwrap_or(Value::Null);
    SchemaApplyOutput {
        uri: uri.to_owned(),
        supported: result.supported,
        applied: result.applied,
        step_count: result.steps.len(),
        graph_manifest_version: result.graph_manifest_version,
        steps: result.steps.iter().map(step).collect(),
    }
}

/// Makes the receipt of a merge.
pub fn merge(receipt: MergeReceipt, source: &str, target: &str, actor: Option<&str>) -> BranchMergeOutput {
    BranchMergeOutput {
        source: source.to_owned(),
        target: target.to_owned(),
        outcome: match receipt.outcome {
            MergeOutcome::AlreadyUpToDate => BranchMergeOutcome::AlreadyUpToDate,
            MergeOutcome::FastForward => BranchMergeOutcome::FastForward,
            MergeOutcome::Merged => BranchMergeOutcome::Merged,
        },
        actor_id: actor.map(str::to_owned),
        branch_deleted: None,
        branch_delete_error: None,
        commit: receipt.commit.map(commit),
    }
}

/// Makes the wire form of a page of one commit's changes.
pub fn commit_changes(page: CommitChangesPage) -> CommitChangesOutput {
    let ChangeBlockOutput { cause, changes } = block(page.block);
    CommitChangesOutput { cause, changes, next_page_token: page.next_page_token }
}

/// Makes the wire form of a page of a feed.
pub fn feed(page: ChangeFeedPage) -> ChangeFeedOutput {
    let blocks = page.blocks.into_iter().map(block).collect();
    match page.continuation {
        Continuation::AtBlockBoundary { cursor, caught_up } => ChangeFeedOutput {
            blocks,
            next_page_token: None,
            cursor: Some(cursor),
            caught_up: Some(caught_up),
        },
        Continuation::MidBlock { page_token } => {
            ChangeFeedOutput { blocks, next_page_token: Some(page_token), cursor: None, caught_up: None }
        }
    }
}

fn block(block: GraphChangeBlock) -> ChangeBlockOutput {
    ChangeBlockOutput {
        cause: cause(block.cause),
        changes: block.changes.into_iter().map(entity_change).collect(),
    }
}

fn cause(cause: ChangeCause) -> ChangeCauseOutput {
    ChangeCauseOutput {
        graph_commit_id: cause.graph_commit_id,
        parent_commit_id: cause.parent_commit_id,
        merged_parent_commit_id: cause.merged_parent_commit_id,
        authored_branch: cause.authored_branch.unwrap_or_else(|| "main".to_owned()),
        actor_id: cause.actor_id,
        authored_at: cause.authored_at,
    }
}

fn entity_change(change: GraphEntityChange) -> EntityChangeOutput {
    EntityChangeOutput {
        kind: kind(change.kind),
        entity_type: ChangeTypeOutput { id: change.entity_type.id, name: change.entity_type.name },
        id: change.id,
        op: match change.op {
            ChangeOp::Insert => ChangeOpOutput::Insert,
            ChangeOp::Update => ChangeOpOutput::Update,
            ChangeOp::Delete => ChangeOpOutput::Delete,
        },
        before: change.before.map(image),
        after: change.after.map(image),
    }
}

fn image(image: EntityImage) -> ChangeImageOutput {
    let ends = image.endpoints.map(|ends| ChangeEndpointsOutput { from: ends.from, to: ends.to });
    ChangeImageOutput { properties: image.properties, endpoints: ends }
}

/// Narrows a count of things that are in memory or were, as the wire has them.
fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
