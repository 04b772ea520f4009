//! The schemas of all wire types, by name, as the API document lists them.

use std::collections::BTreeMap;

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{
    BlobEntityKind, BlobRangeOutput, BranchCreateOutput, BranchCreateRequest, BranchDeleteOutput,
    BranchListOutput, BranchMergeOutcome, BranchMergeOutput, BranchMergeRequest, ChangeBaselineOutput,
    ChangeBaselineRecord, ChangeBaselineRequest, ChangeBlockOutput, ChangeCauseOutput,
    ChangeDiffRefusalOutput, ChangeDiffRefusalReason, ChangeEndpointsOutput, ChangeErrorOutput,
    ChangeFeedGapOutput, ChangeFeedOutput, ChangeImageOutput, ChangeOpOutput, ChangeOutput, ChangeRequest,
    ChangeTypeOutput, CommitChangesOutput, CommitListOutput, CommitOutput, EntityChangeOutput,
    EntityKindOutput, ErrorCode, ErrorOutput, ExportRequest, ExternalBlobSourceOutput,
    GraphBatchDeclarationOutput, GraphBatchLoadOutput, GraphInfo, GraphListResponse, HealthOutput,
    IngestOutput, IngestRequest, InvokeStoredQueryRequest, InvokeStoredQueryResponse, KeyConflictOutput,
    LegacyReadOutput, LoadMode, MergeConflictKindOutput, MergeConflictOutput, ParamDescriptor, ParamKind,
    PreconditionFailureOutput, PublishedDatasetVersionConflictOutput, QueriesCatalogOutput,
    QueryCatalogEntry, QueryRequest, ReadOutput, ReadRequest, ReadSetConflictOutput, ReadTargetOutput,
    RecoveryRequiredOutput, ResourceLimitOutput, SchemaApplyOutput, SchemaApplyRequest, SchemaOutput,
    SnapshotDatasetOutput, SnapshotOutput,
};

macro_rules! schemas {
    ($($wire:ty,)*) => {
        BTreeMap::from([$((<$wire as ToSchema>::name().into_owned(), <$wire as PartialSchema>::schema()),)*])
    };
}

/// Returns the schema of every wire type by its name in the API document.
///
/// References among them have the form `#/components/schemas/<name>`, and all resolve within the map.
pub fn components() -> BTreeMap<String, RefOr<Schema>> {
    schemas![
        BlobEntityKind,
        BlobRangeOutput,
        BranchCreateOutput,
        BranchCreateRequest,
        BranchDeleteOutput,
        BranchListOutput,
        BranchMergeOutcome,
        BranchMergeOutput,
        BranchMergeRequest,
        ChangeBaselineOutput,
        ChangeBaselineRecord,
        ChangeBaselineRequest,
        ChangeBlockOutput,
        ChangeCauseOutput,
        ChangeDiffRefusalOutput,
        ChangeDiffRefusalReason,
        ChangeEndpointsOutput,
        ChangeErrorOutput,
        ChangeFeedGapOutput,
        ChangeFeedOutput,
        ChangeImageOutput,
        ChangeOpOutput,
        ChangeOutput,
        ChangeRequest,
        ChangeTypeOutput,
        CommitChangesOutput,
        CommitListOutput,
        CommitOutput,
        EntityChangeOutput,
        EntityKindOutput,
        ErrorCode,
        ErrorOutput,
        ExportRequest,
        ExternalBlobSourceOutput,
        GraphBatchDeclarationOutput,
        GraphBatchLoadOutput,
        GraphInfo,
        GraphListResponse,
        HealthOutput,
        IngestOutput,
        IngestRequest,
        InvokeStoredQueryRequest,
        InvokeStoredQueryResponse,
        KeyConflictOutput,
        LegacyReadOutput,
        LoadMode,
        MergeConflictKindOutput,
        MergeConflictOutput,
        ParamDescriptor,
        ParamKind,
        PreconditionFailureOutput,
        PublishedDatasetVersionConflictOutput,
        QueriesCatalogOutput,
        QueryCatalogEntry,
        QueryRequest,
        ReadOutput,
        ReadRequest,
        ReadSetConflictOutput,
        ReadTargetOutput,
        RecoveryRequiredOutput,
        ResourceLimitOutput,
        SchemaApplyOutput,
        SchemaApplyRequest,
        SchemaOutput,
        SnapshotDatasetOutput,
        SnapshotOutput,
    ]
}
