//! The errors of the public API: one enum, told apart by what the caller can do.

use std::fmt;

use datafusion::error::DataFusionError;
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_compiler::diagnostics::Diagnostics;
use omnigraph_compiler::query::params::ParamError;
use omnigraph_embed::EmbedError;
use omnigraph_graph::GraphError;
use omnigraph_graph::commit::PlanError;
use omnigraph_policy::PolicyError;
use omnigraph_query::QueryError;
use omnigraph_storage::StorageError;
use omnigraph_storage::error::carried;
pub use omnigraph_storage::{StorageFailure, StorageFailureKind};

/// Result of every fallible engine operation.
pub type Result<T> = std::result::Result<T, OmniError>;

/// Everything that can go wrong, with the fields a front end needs to map it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OmniError {
    /// Schema or query text was refused; nothing has happened.
    #[error("{0}")]
    Compiler(#[from] Diagnostics),
    /// A parameter was missing or has the wrong type; nothing has happened.
    #[error("{0}")]
    Param(#[from] ParamError),
    /// A read was to be run as a mutation, or the reverse; nothing has happened.
    #[error(
        "query '{name}' is a {}; run it with `{}`",
        if *.mutation { "mutation" } else { "read" },
        if *.mutation { "mutate" } else { "query" }
    )]
    QueryKind {
        /// The query.
        name: String,
        /// Whether it is a mutation.
        mutation: bool,
    },
    /// The object store or the table format failed.
    #[error("storage failure ({}): {}", .0.kind, .0.message)]
    Storage(StorageFailure),
    /// A query plan failed to execute.
    #[error("query execution failed: {0}")]
    DataFusion(#[source] DataFusionError),
    /// A text of a query, or of a write that embeds, could not be embedded.
    #[error("embedding failed: {0}")]
    Embedding(#[from] EmbedError),
    /// A local file or stream outside the graph could not be read or written.
    #[error("{context}: {source}")]
    Io {
        /// What was attempted, with the path.
        context: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The request was refused: invalid input, an absent thing, a conflict, or a broken invariant.
    #[error("{0}")]
    Manifest(Box<ManifestError>),
    /// A strict insert met an existing id.
    #[error("{}{} type {} already has an entity with id '{entity_id}'{}{}", prefix(.at), .type_key.kind,
        .type_key.name, key_columns(.key), suffix(.first_at))]
    KeyConflict {
        /// The type.
        type_key: TypeKey,
        /// The id.
        entity_id: String,
        /// The property or, as `(a, b)`, the properties whose value the id is; absent for types without key.
        key: Option<String>,
        /// Where the refused row stands, if it came from a file.
        at: Option<Place>,
        /// Where the row that has the id stands, if the same input has it twice.
        first_at: Option<Place>,
    },
    /// A bound was exceeded; nothing has happened.
    #[error("resource limit exceeded for {resource}: actual {actual}, limit {limit}")]
    ResourceLimitExceeded {
        /// Name of the bound.
        resource: String,
        /// Its value.
        limit: u64,
        /// What was asked for.
        actual: u64,
    },
    /// The named branch does not exist.
    #[error("branch '{branch}' not found{}", hint(.did_you_mean))]
    BranchNotFound {
        /// The name asked for.
        branch: String,
        /// A live branch with a similar name.
        did_you_mean: Option<String>,
    },
    /// What two branches did cannot be brought together; the target is as it was.
    #[error("merge conflicts: {}", joined(.0))]
    MergeConflicts(Vec<MergeConflict>),
    /// The outcome of this or an overlapping earlier write is owned by an intent.
    #[error("operation {operation_id} needs recovery: {reason}")]
    RecoveryRequired {
        /// The intent.
        operation_id: String,
        /// Why.
        reason: String,
    },
    /// A conditional write found another head; final, never retried.
    #[error("branch '{branch}' is at {actual}, expected {expected}; read again and retry")]
    PreconditionFailed {
        /// The branch.
        branch: String,
        /// The commit the caller expected.
        expected: String,
        /// The commit found.
        actual: String,
    },
    /// Policy denies, a policy is installed and no actor was given, or the policy cannot decide; nothing has happened.
    #[error("{0}")]
    Policy(#[from] PolicyError),
    /// `init` found a graph at the root.
    #[error(
        "a graph already exists at '{uri}': it is already initialized and stays as it is; choose another place"
    )]
    AlreadyInitialized {
        /// The root.
        uri: String,
    },
    /// `init` made the graph and failed after that: it opens, reads and writes.
    #[error("the graph at '{uri}' exists, though its creation failed afterwards: {source}; open it")]
    InitializationCommitted {
        /// The root.
        uri: String,
        /// The failure.
        #[source]
        source: Box<OmniError>,
    },
    /// `init` cannot tell whether it made the graph: the store neither acknowledged nor answered.
    #[error(
        "creating the graph at '{uri}' failed ({source}) and whether it exists cannot be read ({probe}); open it, or \
         create it again"
    )]
    InitializationIndeterminate {
        /// The root.
        uri: String,
        /// Why the creation failed.
        #[source]
        source: Box<OmniError>,
        /// Why it could not be looked for.
        probe: Box<OmniError>,
    },
    /// No graph was found at the root.
    #[error("no graph at '{uri}'; create one with `omnigraph init`")]
    NotAGraph {
        /// The root.
        uri: String,
    },
    /// The graph was written by a newer release.
    #[error(
        "the graph at '{uri}' has storage format {found}; this release reads up to {supported}: upgrade omnigraph"
    )]
    UnsupportedFormat {
        /// The root.
        uri: String,
        /// The stamp found.
        found: u32,
        /// The newest stamp this release reads.
        supported: u32,
    },
    /// A cursor or page token of the change views was refused.
    #[error("change cursor rejected: {reason}")]
    ChangeCursorRejected {
        /// Why.
        reason: CursorRejection,
    },
    /// A commit can no longer be read as a change, as cleanup reclaimed data it needs.
    #[error(
        "commit {first_unreadable_commit_id} can no longer be read: its data was reclaimed; capture a new baseline"
    )]
    ChangeFeedGap {
        /// The caller's own cursor, for feeds.
        cursor: Option<String>,
        /// The first commit that cannot be read.
        first_unreadable_commit_id: String,
    },
    /// The first commit of a graph is a change against nothing.
    #[error("commit {graph_commit_id} has no parent to compare with; export it instead")]
    CommitHasNoParent {
        /// The commit.
        graph_commit_id: String,
    },
    /// The two sides of a comparison do not share one schema of a type.
    #[error(
        "commit {graph_commit_id} changes the schema of '{type_name}', so its entities cannot be compared; capture a new baseline"
    )]
    ChangeSchemaBoundary {
        /// The commit, or the later side of a comparison.
        graph_commit_id: String,
        /// The type.
        type_name: String,
    },
    /// A reference to bytes outside the graph is not allowed; nothing has happened.
    #[error("{}external blob URI '{uri}' is not allowed: {reason}", prefix(.at))]
    ExternalBlobPolicy {
        /// The URI, without credentials.
        uri: String,
        /// Why.
        reason: String,
        /// Where the row stands that holds it.
        at: Option<Place>,
    },
    /// Bytes outside the graph that a write refers to cannot be read; nothing has happened.
    #[error("external blob source '{uri}' is unavailable: {reason}")]
    ExternalBlobSource {
        /// The URI, without credentials.
        uri: String,
        /// Why.
        reason: String,
    },
    /// A stored blob contradicts itself.
    #[error("a stored blob is damaged: {reason}")]
    BlobIntegrity {
        /// What is wrong.
        reason: String,
    },
    /// A range of a blob lies outside it.
    #[error("range {start}..{end} of a blob of {length} bytes is not satisfiable")]
    BlobRangeNotSatisfiable {
        /// First byte.
        start: u64,
        /// The byte after the last.
        end: u64,
        /// The length of the blob.
        length: u64,
    },
    /// The table version that an earlier commit names is gone, as nothing that is live needs it.
    #[error(
        "table version {published_dataset_version} of {} type {} was reclaimed by cleanup; read a newer commit",
        .type_key.kind, .type_key.name
    )]
    HistoricalVersionReclaimed {
        /// The type.
        type_key: TypeKey,
        /// The table version counter users see.
        published_dataset_version: u64,
    },
    /// The data of a live table is gone, which nothing but damage can do.
    #[error(
        "the data of {} type {}, table version {published_dataset_version}, is missing: restore '{path}' of the graph \
         from a backup; the other types can still be read and exported",
        .type_key.kind, .type_key.name
    )]
    TableMissing {
        /// The type.
        type_key: TypeKey,
        /// The table version counter users see.
        published_dataset_version: u64,
        /// The table's directory, relative to the root.
        path: String,
    },
}

/// What the parts of an input are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Physical lines of a strict file.
    Line,
    /// JSON values of a permissive stream.
    Record,
    /// Statements of a mutation.
    Statement,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Line => "line",
            Unit::Record => "record",
            Unit::Statement => "statement",
        })
    }
}

/// Where in an input something stands. Displays as `line 3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What is counted.
    pub unit: Unit,
    /// The number, from 1.
    pub number: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.unit, self.number)
    }
}

/// One reason why two branches do not merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeConflict {
    /// `node:T` or `edge:T`.
    pub type_key: TypeKey,
    /// The entity; absent for conflicts about values and cardinality, which their message names.
    pub entity_id: Option<String>,
    /// What kind.
    pub kind: MergeConflictKind,
    /// What is wrong, for people.
    pub message: String,
}

/// Kind of a [`MergeConflict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeConflictKind {
    /// Both sides inserted the id, with different images.
    DivergentInsert,
    /// Both sides changed the entity, to different images.
    DivergentUpdate,
    /// One side deleted what the other changed.
    DeleteVsUpdate,
    /// An edge of the result ends at a node that is not in the result.
    OrphanEdge,
    /// Two entities of the result hold one unique tuple.
    UniqueViolation,
    /// A node of the result has too few or too many edges.
    CardinalityViolation,
    /// A value of the result is outside what the schema allows.
    ValueConstraintViolation,
}

impl fmt::Display for MergeConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MergeConflictKind::DivergentInsert => "divergent_insert",
            MergeConflictKind::DivergentUpdate => "divergent_update",
            MergeConflictKind::DeleteVsUpdate => "delete_vs_update",
            MergeConflictKind::OrphanEdge => "orphan_edge",
            MergeConflictKind::UniqueViolation => "unique_violation",
            MergeConflictKind::CardinalityViolation => "cardinality_violation",
            MergeConflictKind::ValueConstraintViolation => "value_constraint_violation",
        })
    }
}

impl fmt::Display for MergeConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.type_key)?;
        if let Some(id) = &self.entity_id {
            write!(f, ", entity id '{id}'")?;
        }
        write!(f, " ({}): {}", self.kind, self.message)
    }
}

fn joined(conflicts: &[MergeConflict]) -> String {
    conflicts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Why a cursor or page token of the change views was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorRejection {
    /// It was not made here, or was cut or edited.
    #[error("it is no token of this release or was altered")]
    Malformed,
    /// A page token was given as a cursor, or the reverse.
    #[error("it is a token of another kind")]
    WrongKind,
    /// It belongs to another graph.
    #[error("it belongs to another graph")]
    OtherGraph,
    /// It belongs to another branch, or to one of the same name that was deleted.
    #[error("it belongs to another branch, or to an earlier branch of that name")]
    OtherBranch,
    /// It belongs to another commit.
    #[error("it belongs to another commit")]
    OtherCommit,
    /// It was made with other filters.
    #[error("it was made with other filters")]
    OtherScope,
    /// The commit it starts after is not on the branch.
    #[error("the commit it starts after is not on the branch")]
    NotOnBranch,
}

/// Names the holders of a unique value; two rows of one key have one id.
fn holders(first: &str, second: &str, first_at: &Option<Place>) -> String {
    match first_at {
        _ if first == second => format!("two rows '{first}'{}", suffix(first_at)),
        Some(place) => format!("'{first}' ({place}) and '{second}'"),
        None => format!("'{first}' and '{second}'"),
    }
}

fn prefix(at: &Option<Place>) -> String {
    at.map(|place| format!("{place}: ")).unwrap_or_default()
}

fn suffix(first_at: &Option<Place>) -> String {
    first_at.map(|place| format!(", first on {place}")).unwrap_or_default()
}

fn key_columns(key: &Option<String>) -> String {
    key.as_ref().map(|columns| format!(" (@key {columns})")).unwrap_or_default()
}

fn hint(did_you_mean: &Option<String>) -> String {
    did_you_mean.as_ref().map(|name| format!("; did you mean '{name}'?")).unwrap_or_default()
}

/// Who is at fault in a [`ManifestError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestErrorKind {
    /// The caller: invalid input.
    BadRequest,
    /// The thing named does not exist.
    NotFound,
    /// The state of the graph refuses it.
    Conflict,
    /// The engine: a broken invariant.
    Internal,
}

/// A refused request.
#[derive(Debug)]
pub struct ManifestError {
    /// Who is at fault.
    pub kind: ManifestErrorKind,
    /// Human text, derived from `details` where those exist.
    pub message: String,
    /// Structure.
    pub details: Option<ManifestDetails>,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Structure of a [`ManifestError`].
#[derive(Clone, Debug, PartialEq)]
pub enum ManifestDetails {
    /// Something the plan depended on moved.
    ReadSetChanged {
        /// What moved.
        member: String,
        /// Its state when captured.
        expected: String,
        /// Its state found.
        actual: String,
    },
    /// Publication lost its race more often than the retry budget allows.
    RowLevelCasContention {
        /// Attempts made.
        attempts: u32,
    },
    /// A constraint is violated.
    Violation {
        /// Which, by what.
        violation: Violation,
        /// Where the row at fault stands; absent when it did not come from a file.
        at: Option<Place>,
    },
    /// A record of the input is invalid.
    Input {
        /// What `line` counts.
        unit: Unit,
        /// Physical line (strict), record (permissive) or statement, from 1.
        line: u64,
        /// The type, if it was recognised.
        type_key: Option<TypeKey>,
        /// The property, if one is at fault.
        property: Option<String>,
    },
    /// A schema change has a step that no migration covers.
    UnsupportedSchemaChange {
        /// What cannot change: `kind:T`, `kind:T.p` or `schema`.
        entity: String,
        /// The stable code, if the change has one.
        code: Option<String>,
    },
}

/// A violated constraint. Displays the contractual text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Violation {
    /// A required property has no value.
    #[error("missing required property '{property}' of {type_name} ('{property}' is non-nullable)")]
    Required {
        /// Type name.
        type_name: String,
        /// Property.
        property: String,
    },
    /// A value outside an enum's set.
    #[error("invalid enum value '{value}' for {type_name}.{property}; allowed: {}", .allowed.join(", "))]
    Enum {
        /// Type name.
        type_name: String,
        /// Property.
        property: String,
        /// The value.
        value: String,
        /// The declared set.
        allowed: Vec<String>,
    },
    /// A value outside `@range`.
    #[error("@range violation on {type_name}.{property}: {value} is not in {bounds} (id '{id}')")]
    Range {
        /// Type name.
        type_name: String,
        /// Property.
        property: String,
        /// The value.
        value: String,
        /// The declared bounds, as written.
        bounds: String,
        /// The entity.
        id: String,
    },
    /// A text in which the `@check` pattern does not occur.
    #[error("@check violation on {type_name}.{property}: '{value}' does not match '{pattern}' (id '{id}')")]
    Check {
        /// Type name.
        type_name: String,
        /// Property.
        property: String,
        /// The value.
        value: String,
        /// The declared pattern.
        pattern: String,
        /// The entity.
        id: String,
    },
    /// Two entities share a unique or key tuple.
    #[error("@unique violation on {type_name}.{columns}: value {value} is held by {}", holders(.first, .second, .first_at))]
    Unique {
        /// Type name.
        type_name: String,
        /// The column, or `(a, b)` with members sorted.
        columns: String,
        /// The value, as text.
        value: String,
        /// One holder.
        first: String,
        /// The other.
        second: String,
        /// Where the first holder stands, if it is a row of the same file.
        first_at: Option<Place>,
    },
    /// An edge whose source node does not exist.
    #[error("src '{id}' not found in {node_type} (edge {edge_type} '{edge_id}')")]
    Source {
        /// Missing id.
        id: String,
        /// Endpoint type.
        node_type: String,
        /// Edge type.
        edge_type: String,
        /// The edge.
        edge_id: String,
    },
    /// An edge whose target node does not exist.
    #[error("dst '{id}' not found in {node_type} (edge {edge_type} '{edge_id}')")]
    Target {
        /// Missing id.
        id: String,
        /// Endpoint type.
        node_type: String,
        /// Edge type.
        edge_type: String,
        /// The edge.
        edge_id: String,
    },
    /// A source node with too few or too many edges.
    #[error("@card violation on edge {edge_type}: source '{source_id}' has {count} edges ({bound})")]
    Cardinality {
        /// Edge type.
        edge_type: String,
        /// The source node.
        source_id: String,
        /// Edges it would have.
        count: u64,
        /// `max n` or `min n`.
        bound: String,
    },
}

impl OmniError {
    /// Makes an invalid-input error.
    pub fn bad_request(message: impl Into<String>) -> OmniError {
        OmniError::manifest(ManifestErrorKind::BadRequest, message, None)
    }

    /// Makes an absent-thing error.
    pub fn not_found(message: impl Into<String>) -> OmniError {
        OmniError::manifest(ManifestErrorKind::NotFound, message, None)
    }

    /// Makes a broken-invariant error.
    pub fn internal(message: impl Into<String>) -> OmniError {
        OmniError::manifest(ManifestErrorKind::Internal, message, None)
    }

    /// Makes a conflict with structure.
    pub fn conflict(message: impl Into<String>, details: ManifestDetails) -> OmniError {
        OmniError::manifest(ManifestErrorKind::Conflict, message, Some(details))
    }

    /// Makes a conflict that its text explains.
    pub fn refused(message: impl Into<String>) -> OmniError {
        OmniError::manifest(ManifestErrorKind::Conflict, message, None)
    }

    /// Makes a storage failure.
    pub fn storage(kind: StorageFailureKind, message: impl Into<String>) -> OmniError {
        OmniError::Storage(StorageFailure { kind, message: message.into() })
    }

    /// Wraps a local I/O error with what was attempted.
    pub fn io(context: impl Into<String>, source: std::io::Error) -> OmniError {
        OmniError::Io { context: context.into(), source }
    }

    /// Makes an invalid-record error; the text starts with `line N: ` (or `record N: `, by `unit`).
    pub fn input(
        unit: Unit,
        line: u64,
        type_key: Option<TypeKey>,
        property: Option<String>,
        message: impl fmt::Display,
    ) -> OmniError {
        OmniError::manifest(
            ManifestErrorKind::BadRequest,
            format!("{unit} {line}: {message}"),
            Some(ManifestDetails::Input { unit, line, type_key, property }),
        )
    }

    fn manifest(
        kind: ManifestErrorKind,
        message: impl Into<String>,
        details: Option<ManifestDetails>,
    ) -> OmniError {
        OmniError::Manifest(Box::new(ManifestError { kind, message: message.into(), details }))
    }

    /// Returns the violated constraint, if that is what this is.
    pub fn violation(&self) -> Option<&Violation> {
        match self {
            OmniError::Manifest(error) => match &error.details {
                Some(ManifestDetails::Violation { violation, .. }) => Some(violation),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns where in the input the refused record or row stands, if that is known.
    pub fn place(&self) -> Option<Place> {
        match self {
            OmniError::KeyConflict { at, .. } | OmniError::ExternalBlobPolicy { at, .. } => *at,
            OmniError::Manifest(error) => match &error.details {
                Some(ManifestDetails::Violation { at, .. }) => *at,
                Some(ManifestDetails::Input { unit, line, .. }) => Some(Place { unit: *unit, number: *line }),
                _ => None,
            },
            _ => None,
        }
    }

    /// Makes a constraint error; the text starts with the place, if there is one.
    pub(crate) fn violated(violation: Violation, at: Option<Place>) -> OmniError {
        OmniError::manifest(
            ManifestErrorKind::BadRequest,
            format!("{}{violation}", prefix(&at)),
            Some(ManifestDetails::Violation { violation, at }),
        )
    }
}

impl From<StorageError> for OmniError {
    fn from(error: StorageError) -> Self {
        OmniError::from(GraphError::from(error))
    }
}

impl From<GraphError> for OmniError {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Storage(failure) => OmniError::Storage(failure),
            GraphError::BadRequest(message) => OmniError::bad_request(message),
            GraphError::NotFound(message) => OmniError::not_found(message),
            GraphError::Refused(message) => OmniError::refused(message),
            GraphError::Internal(message) => OmniError::internal(message),
            GraphError::DataFusion(error) => OmniError::from(QueryError::from(GraphError::DataFusion(error))),
            GraphError::Contention { attempts, .. } => {
                OmniError::conflict(error.to_string(), ManifestDetails::RowLevelCasContention { attempts })
            }
            GraphError::BranchNotFound { branch, did_you_mean } => {
                OmniError::BranchNotFound { branch, did_you_mean }
            }
            GraphError::RecoveryRequired { operation_id, reason } => {
                OmniError::RecoveryRequired { operation_id, reason }
            }
            GraphError::PreconditionFailed { branch, expected, actual } => {
                OmniError::PreconditionFailed { branch, expected, actual }
            }
            GraphError::AlreadyInitialized { uri } => OmniError::AlreadyInitialized { uri },
            GraphError::InitializationCommitted { uri, source } => {
                OmniError::InitializationCommitted { uri, source: Box::new(OmniError::from(*source)) }
            }
            GraphError::InitializationIndeterminate { uri, source, probe } => {
                OmniError::InitializationIndeterminate {
                    uri,
                    source: Box::new(OmniError::from(*source)),
                    probe: Box::new(OmniError::from(*probe)),
                }
            }
            GraphError::NotAGraph { uri } => OmniError::NotAGraph { uri },
            GraphError::UnsupportedFormat { uri, found, supported } => {
                OmniError::UnsupportedFormat { uri, found, supported }
            }
            GraphError::HistoricalVersionReclaimed { type_key, published_dataset_version } => {
                OmniError::HistoricalVersionReclaimed { type_key, published_dataset_version }
            }
            GraphError::TableMissing { type_key, published_dataset_version, path } => {
                OmniError::TableMissing { type_key, published_dataset_version, path }
            }
            GraphError::BlobIntegrity { reason } => OmniError::BlobIntegrity { reason },
        }
    }
}

impl PlanError for OmniError {
    fn is_gone(&self) -> bool {
        match self {
            OmniError::HistoricalVersionReclaimed { .. } => true,
            OmniError::Storage(failure) => failure.kind == StorageFailureKind::NotFound,
            _ => false,
        }
    }
}

impl From<QueryError> for OmniError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Graph(error) => OmniError::from(error),
            QueryError::BadRequest(message) => OmniError::bad_request(message),
            QueryError::Internal(message) => OmniError::internal(message),
            QueryError::Compiler(error) => OmniError::from(error),
            QueryError::Embedding(error) => OmniError::Embedding(error),
            QueryError::DataFusion(error) => carried(error).unwrap_or_else(OmniError::DataFusion),
        }
    }
}

impl From<DataFusionError> for OmniError {
    /// Unwraps an error of these crates that travelled through a plan or a stream.
    fn from(error: DataFusionError) -> Self {
        carried::<OmniError>(error).unwrap_or_else(|other| OmniError::from(QueryError::from(other)))
    }
}

impl From<arrow_schema::ArrowError> for OmniError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        OmniError::DataFusion(DataFusionError::ArrowError(Box::new(error), None))
    }
}
