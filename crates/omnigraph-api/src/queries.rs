//! Stored queries: their catalog and their invocation.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::decode::{BodyError, decode_request};
use crate::{ChangeOutput, RawJson, ReadOutput};

/// Kind of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParamKind {
    /// A text, and any type that cannot be resolved.
    String,
    /// A truth value.
    Bool,
    /// An integer of 32 bits.
    Int,
    /// An integer of 64 bits.
    BigInt,
    /// A floating-point number.
    Float,
    /// A date.
    Date,
    /// An instant.
    DateTime,
    /// The URI of a blob.
    Blob,
    /// An array of numbers, of fixed length.
    Vector,
    /// An array.
    List,
}

/// One parameter of a stored query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParamDescriptor {
    /// Its name, without `$`.
    pub name: String,
    /// Its kind.
    pub kind: ParamKind,
    /// Kind of the elements, for lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_kind: Option<ParamKind>,
    /// Number of elements, for vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector_dim: Option<u32>,
    /// Whether null, or nothing, may be given.
    pub nullable: bool,
}

/// One stored query. Its text is never told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryCatalogEntry {
    /// Its name, by which it is invoked.
    pub name: String,
    /// Its name as a tool.
    pub tool_name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How to use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// Whether it writes.
    pub mutation: bool,
    /// Its parameters, in declaration order.
    pub params: Vec<ParamDescriptor>,
}

/// The stored queries of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueriesCatalogOutput {
    /// The queries, by name.
    pub queries: Vec<QueryCatalogEntry>,
}

/// Request of a stored-query invocation. The body may be absent or null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvokeStoredQueryRequest {
    /// Parameters: an object by name, without `$`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    pub params: Option<RawJson>,
    /// Branch to read or change; `main` when neither branch nor snapshot is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Commit to read, in place of a branch; not for mutations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Whether the caller takes the query for a mutation; refused when it is not so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect_mutation: Option<bool>,
}

/// A stored-query invocation has a body that is no invocation.
#[derive(Debug, thiserror::Error)]
#[error("invalid stored-query invocation body: {0}")]
pub struct InvocationBodyError(#[from] BodyError);

impl InvokeStoredQueryRequest {
    /// Reads the body of an invocation. Without body, and for `null`, everything is left out.
    ///
    /// # Errors
    /// When the body is anything else than a JSON object with these members.
    pub fn from_body(body: &[u8]) -> Result<InvokeStoredQueryRequest, InvocationBodyError> {
        match body.trim_ascii() {
            b"" | b"null" => Ok(InvokeStoredQueryRequest::default()),
            body => Ok(decode_request(body)?),
        }
    }
}

/// Result of a stored query: of a read, which has `rows`, or of a mutation, which has `affected_nodes`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum InvokeStoredQueryResponse {
    /// The query reads.
    Read(ReadOutput),
    /// The query writes.
    Change(ChangeOutput),
}

impl<'de> Deserialize<'de> for InvokeStoredQueryResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let decoded = if value.get("rows").is_some() {
            serde_json::from_value(value).map(InvokeStoredQueryResponse::Read)
        } else if value.get("affected_nodes").is_some() {
            serde_json::from_value(value).map(InvokeStoredQueryResponse::Change)
        } else {
            return Err(D::Error::custom("expected the result of a read or of a mutation"));
        };
        decoded.map_err(D::Error::custom)
    }
}
