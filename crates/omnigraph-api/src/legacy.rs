//! Members that older clients read, added to the answers of the flat routes only.
//!
//! [`Flat::flat`] turns an answer into what the flat route of a server of one graph sends: the same members in the same
//! order, then the older ones. The nested routes and the API document know nothing of them.

use serde::Serialize;

use crate::{
    BranchMergeOutcome, BranchMergeOutput, ChangeOutput, CommitListOutput, CommitOutput, EntityKindOutput,
    ErrorOutput, GraphBatchDeclarationOutput, GraphBatchLoadOutput, IngestOutput, LoadMode,
    MergeConflictOutput, SchemaApplyOutput, SnapshotOutput,
};

/// An answer that has older members on the flat routes.
pub trait Flat {
    /// The answer with them.
    type Output: Serialize;

    /// Adds them.
    fn flat(self) -> Self::Output;
}

fn table_key(kind: EntityKindOutput, type_name: &str) -> String {
    format!("{kind}:{type_name}")
}

/// A commit with its older members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyCommitOutput {
    #[serde(flatten)]
    commit: CommitOutput,
    manifest_branch: Option<String>,
    manifest_version: u64,
}

impl Flat for CommitOutput {
    type Output = LegacyCommitOutput;

    fn flat(self) -> LegacyCommitOutput {
        LegacyCommitOutput {
            manifest_branch: self.graph_branch.clone(),
            manifest_version: self.graph_manifest_version,
            commit: self,
        }
    }
}

/// A list of commits with their older members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyCommitListOutput {
    commits: Vec<LegacyCommitOutput>,
}

impl Flat for CommitListOutput {
    type Output = LegacyCommitListOutput;

    fn flat(self) -> LegacyCommitListOutput {
        LegacyCommitListOutput { commits: self.commits.into_iter().map(Flat::flat).collect() }
    }
}

/// A type of a branch's head under its older names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct LegacySnapshotTable {
    table_key: String,
    table_path: String,
    table_version: u64,
    table_branch: Option<String>,
    row_count: u64,
}

/// A branch's head with its older members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacySnapshotOutput {
    #[serde(flatten)]
    snapshot: SnapshotOutput,
    branch: String,
    manifest_version: u64,
    tables: Vec<LegacySnapshotTable>,
}

impl Flat for SnapshotOutput {
    type Output = LegacySnapshotOutput;

    fn flat(self) -> LegacySnapshotOutput {
        let table = |dataset: &crate::SnapshotDatasetOutput| LegacySnapshotTable {
            table_key: table_key(dataset.entity_kind, &dataset.type_name),
            table_path: dataset.dataset_path.clone(),
            table_version: dataset.published_dataset_version,
            table_branch: dataset.native_dataset_branch.clone(),
            row_count: dataset.entity_count,
        };
        LegacySnapshotOutput {
            branch: self.graph_branch.clone(),
            manifest_version: self.graph_manifest_version,
            tables: self.datasets.iter().map(table).collect(),
            snapshot: self,
        }
    }
}

/// A mutation's receipt with the older members of its commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyChangeOutput {
    branch: String,
    query_name: String,
    affected_nodes: usize,
    affected_edges: usize,
    actor_id: Option<String>,
    commit: Option<LegacyCommitOutput>,
}

impl Flat for ChangeOutput {
    type Output = LegacyChangeOutput;

    fn flat(self) -> LegacyChangeOutput {
        LegacyChangeOutput {
            branch: self.branch,
            query_name: self.query_name,
            affected_nodes: self.affected_nodes,
            affected_edges: self.affected_edges,
            actor_id: self.actor_id,
            commit: self.commit.map(Flat::flat),
        }
    }
}

/// What was loaded of a type, under its older names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct LegacyLoadedTable {
    table_key: String,
    rows_loaded: usize,
}

/// Lists types of both kinds together, by key.
fn loaded_tables(
    nodes: &[GraphBatchDeclarationOutput],
    edges: &[GraphBatchDeclarationOutput],
) -> Vec<LegacyLoadedTable> {
    let table = |kind| {
        move |loaded: &GraphBatchDeclarationOutput| LegacyLoadedTable {
            table_key: table_key(kind, &loaded.name),
            rows_loaded: loaded.entities_loaded,
        }
    };
    let edges = edges.iter().map(table(EntityKindOutput::Edge));
    let nodes = nodes.iter().map(table(EntityKindOutput::Node));
    let mut tables: Vec<_> = edges.chain(nodes).collect();
    tables.sort();
    tables
}

/// A raw batch load's receipt with its older members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyGraphBatchLoadOutput {
    branch: String,
    base_branch: Option<String>,
    branch_created: bool,
    mode: LoadMode,
    nodes: Vec<GraphBatchDeclarationOutput>,
    edges: Vec<GraphBatchDeclarationOutput>,
    total_entities: usize,
    actor_id: Option<String>,
    commit: Option<LegacyCommitOutput>,
    tables: Vec<LegacyLoadedTable>,
}

impl Flat for GraphBatchLoadOutput {
    type Output = LegacyGraphBatchLoadOutput;

    fn flat(self) -> LegacyGraphBatchLoadOutput {
        LegacyGraphBatchLoadOutput {
            tables: loaded_tables(&self.nodes, &self.edges),
            branch: self.branch,
            base_branch: self.base_branch,
            branch_created: self.branch_created,
            mode: self.mode,
            nodes: self.nodes,
            edges: self.edges,
            total_entities: self.total_entities,
            actor_id: self.actor_id,
            commit: self.commit.map(Flat::flat),
        }
    }
}

/// A load's receipt with its older members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyIngestOutput {
    uri: String,
    #[serde(flatten)]
    load: LegacyGraphBatchLoadOutput,
}

impl Flat for IngestOutput {
    type Output = LegacyIngestOutput;

    fn flat(self) -> LegacyIngestOutput {
        let load = GraphBatchLoadOutput {
            branch: self.branch,
            base_branch: self.base_branch,
            branch_created: self.branch_created,
            mode: self.mode,
            nodes: self.nodes,
            edges: self.edges,
            total_entities: self.total_entities,
            actor_id: self.actor_id,
            commit: self.commit,
        };
        LegacyIngestOutput { uri: self.uri, load: load.flat() }
    }
}

/// A migration's receipt with its older member.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LegacySchemaApplyOutput {
    #[serde(flatten)]
    apply: SchemaApplyOutput,
    manifest_version: u64,
}

impl Flat for SchemaApplyOutput {
    type Output = LegacySchemaApplyOutput;

    fn flat(self) -> LegacySchemaApplyOutput {
        LegacySchemaApplyOutput { manifest_version: self.graph_manifest_version, apply: self }
    }
}

/// A merge's receipt with the older members of its commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyBranchMergeOutput {
    source: String,
    target: String,
    outcome: BranchMergeOutcome,
    actor_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch_deleted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch_delete_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<LegacyCommitOutput>,
}

impl Flat for BranchMergeOutput {
    type Output = LegacyBranchMergeOutput;

    fn flat(self) -> LegacyBranchMergeOutput {
        LegacyBranchMergeOutput {
            source: self.source,
            target: self.target,
            outcome: self.outcome,
            actor_id: self.actor_id,
            branch_deleted: self.branch_deleted,
            branch_delete_error: self.branch_delete_error,
            commit: self.commit.map(Flat::flat),
        }
    }
}

/// A merge conflict with its older members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct LegacyMergeConflictOutput {
    #[serde(flatten)]
    conflict: MergeConflictOutput,
    table_key: String,
    row_id: Option<String>,
}

/// An error with the older members of its merge conflicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyErrorOutput {
    /// Without its conflicts, which would otherwise stand there twice. They are the only detail, so they come last.
    #[serde(flatten)]
    error: ErrorOutput,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    merge_conflicts: Vec<LegacyMergeConflictOutput>,
}

impl Flat for ErrorOutput {
    type Output = LegacyErrorOutput;

    fn flat(mut self) -> LegacyErrorOutput {
        let conflict = |conflict: MergeConflictOutput| LegacyMergeConflictOutput {
            table_key: table_key(conflict.entity_kind, &conflict.type_name),
            row_id: conflict.entity_id.clone(),
            conflict,
        };
        let merge_conflicts = std::mem::take(&mut self.merge_conflicts).into_iter().map(conflict).collect();
        LegacyErrorOutput { error: self, merge_conflicts }
    }
}

/// Answer of `GET /runs`: there are no runs; branches and merges replaced them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LegacyRunListOutput {
    runs: [(); 0],
}
