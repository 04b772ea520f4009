//! Wire types of Omnigraph's HTTP API: one Rust type per component of the API document, shared by the server and by
//! its clients.
//!
//! # On the wire
//! - Members are written in the order of the fields.
//! - An `Option` without further attribute is always written, as `null` when there is nothing. One that is skipped when
//!   `None` is left out instead, and read from `null` too.
//! - Unknown members are ignored, which lets server and client be of different releases. [`ExportRequest`] alone is
//!   closed.
//! - Numbers have all their digits. Values that pass through keep the order of their members; parameters, which a
//!   client may write in any way, pass as text: see [`RawJson`].
//!
//! # Errors
//! A server answers with an [`ErrorReply`], a client reads an [`ErrorOutput`]; see [`errors`].
//!
//! # Operations and the API document
//! [`Operation`] is the table of methods and paths. [`document`] describes them all, and [`components`] returns the
//! schema of every type by name.
//!
//! # Durations
//! [`duration`] reads and writes the durations of flags and settings, alike in all front ends.
//!
//! The crate does no I/O and knows neither a web framework nor the engine.

mod blobs;
mod branches;
mod changes;
mod commits;
mod decode;
mod document;
pub mod duration;
mod entity;
pub mod errors;
mod export;
pub mod headers;
mod health;
pub mod legacy;
mod openapi;
mod operation;
mod queries;
mod raw;
mod reads;
mod schema;
mod writes;

pub use blobs::BlobEntityKind;
pub use branches::{
    BranchCreateOutput, BranchCreateRequest, BranchDeleteOutput, BranchListOutput, BranchMergeOutcome,
    BranchMergeOutput, BranchMergeRequest,
};
pub use changes::{
    ChangeBaselineOutput, ChangeBaselineRecord, ChangeBaselineRequest, ChangeBlockOutput, ChangeCauseOutput,
    ChangeEndpointsOutput, ChangeFeedOutput, ChangeImageOutput, ChangeOpOutput, ChangeTypeOutput,
    CommitChangesOutput, EntityChangeOutput,
};
pub use commits::{CommitListOutput, CommitOutput};
pub use decode::{BodyError, decode_request};
pub use document::{Form, document, document_json};
pub use entity::EntityKindOutput;
pub use errors::{
    BlobRangeOutput, ChangeDiffRefusalOutput, ChangeDiffRefusalReason, ChangeErrorDetail, ChangeErrorOutput,
    ChangeErrorReply, ChangeFeedGapOutput, ErrorCode, ErrorDetail, ErrorOutput, ErrorReply,
    ExternalBlobSourceOutput, KeyConflictOutput, MergeConflictKindOutput, MergeConflictOutput,
    PreconditionFailureOutput, PublishedDatasetVersionConflictOutput, ReadSetConflictOutput,
    RecoveryRequiredOutput, Reply, ResourceLimitOutput, WireCode,
};
pub use export::ExportRequest;
pub use health::{GraphInfo, GraphListResponse, HealthOutput};
pub use openapi::components;
pub use operation::{Method, Operation, Scope, graph_base_path};
pub use queries::{
    InvocationBodyError, InvokeStoredQueryRequest, InvokeStoredQueryResponse, ParamDescriptor, ParamKind,
    QueriesCatalogOutput, QueryCatalogEntry,
};
pub use raw::RawJson;
pub use reads::{
    LegacyReadOutput, QueryRequest, ReadOutput, ReadRequest, ReadTargetOutput, SnapshotDatasetOutput,
    SnapshotOutput,
};
pub use schema::{SchemaApplyOutput, SchemaApplyRequest, SchemaOutput};
pub use writes::{
    ChangeOutput, ChangeRequest, GraphBatchDeclarationOutput, GraphBatchLoadOutput, IngestOutput,
    IngestRequest, LoadMode,
};
