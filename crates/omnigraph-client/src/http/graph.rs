//! The client of one graph: reads, queries and writes.

use omnigraph_api::headers::{IF_GRAPH_COMMIT, NDJSON};
use omnigraph_api::{
    BranchCreateOutput, BranchCreateRequest, BranchDeleteOutput, BranchListOutput, BranchMergeOutput,
    BranchMergeRequest, ChangeOutput, ChangeRequest, CommitListOutput, CommitOutput, ExportRequest,
    GraphBatchLoadOutput, IngestOutput, IngestRequest, InvokeStoredQueryRequest, InvokeStoredQueryResponse,
    LoadMode, Operation, QueriesCatalogOutput, QueryRequest, ReadOutput, SchemaApplyOutput,
    SchemaApplyRequest, SchemaOutput, SnapshotOutput,
};
use reqwest::Body;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::connection::{Call, Connection};
use super::error::ClientError;
use super::stream::ByteStream;
use crate::token::BearerToken;

/// Media types of streamed answers and of their errors.
pub(super) const STREAMED: &str = "application/x-ndjson, application/json";

/// A client of one served graph. Clones share their connections.
///
/// Every operation is one request: nothing is retried, and redirects are not followed. A call that is dropped gives up
/// on the answer; a write may take place all the same.
#[derive(Clone, Debug)]
pub struct GraphClient {
    pub(super) connection: Connection,
}

impl GraphClient {
    /// Makes a client of the graph at a base URL: `https://host/graphs/<id>`, or `https://host` when the server serves
    /// one graph without id. No connection is made yet.
    ///
    /// # Errors
    /// When the base is no `http` or `https` URL, or has a query or a fragment; [`ClientError::Setup`].
    pub fn new(base: &str, token: Option<BearerToken>) -> Result<GraphClient, ClientError> {
        Ok(GraphClient { connection: Connection::new(base, token)? })
    }

    /// Returns the base URL, without trailing `/`, user and password.
    pub fn base(&self) -> String {
        self.connection.base()
    }

    /// Returns what the head of a branch consists of; of `main` without branch.
    ///
    /// # Errors
    /// When the server refuses or cannot be understood, as with all operations.
    pub async fn snapshot(&self, branch: Option<&str>) -> Result<SnapshotOutput, ClientError> {
        self.connection.call(Operation::GetSnapshot, &[])?.query("branch", branch).json().await
    }

    /// Runs a query given as text.
    ///
    /// # Errors
    /// When the server refuses, as for a mutation.
    pub async fn query(&self, request: &QueryRequest) -> Result<ReadOutput, ClientError> {
        self.connection.call(Operation::Query, &[])?.json_body(request)?.json().await
    }

    /// Returns the catalog of stored queries.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn queries(&self) -> Result<QueriesCatalogOutput, ClientError> {
        self.connection.call(Operation::ListQueries, &[])?.json().await
    }

    /// Runs a stored query. With `if_commit`, it must be a mutation, and runs only while that commit is the branch's
    /// head.
    ///
    /// # Errors
    /// When the server refuses: a lost condition has a [`ClientError::precondition_failure`].
    /// [`ClientError::NoConditionalWrites`] when the server does not know conditions.
    pub async fn invoke(
        &self,
        name: &str,
        request: &InvokeStoredQueryRequest,
        if_commit: Option<&str>,
    ) -> Result<InvokeStoredQueryResponse, ClientError> {
        match if_commit {
            None => self.connection.call(Operation::InvokeQuery, &[name])?.json_body(request)?.json().await,
            Some(commit) => {
                let call =
                    self.connection.call(Operation::InvokeQueryIfGraphCommit, &[name])?.json_body(request)?;
                only_if(call, commit)?.json().await
            }
        }
    }

    /// Runs a mutation given as text; with `if_commit` only while that commit is the branch's head.
    ///
    /// # Errors
    /// As [`GraphClient::invoke`].
    pub async fn mutate(
        &self,
        request: &ChangeRequest,
        if_commit: Option<&str>,
    ) -> Result<ChangeOutput, ClientError> {
        match if_commit {
            None => self.connection.call(Operation::Mutate, &[])?.json_body(request)?.json().await,
            Some(commit) => {
                let call = self.connection.call(Operation::MutateIfGraphCommit, &[])?.json_body(request)?;
                only_if(call, commit)?.json().await
            }
        }
    }

    /// Loads a strict batch of entities, one JSON object per line, in one commit, into `branch` or `main`. A branch
    /// that does not exist is forked from `from`.
    ///
    /// The body is sent as it is read; [`file_body`](super::file_body) makes one of a file.
    ///
    /// # Errors
    /// When the server refuses, as for a body beyond its limit (32 MiB unless it says otherwise).
    pub async fn load_ndjson(
        &self,
        branch: Option<&str>,
        from: Option<&str>,
        mode: LoadMode,
        body: impl Into<Body>,
    ) -> Result<GraphBatchLoadOutput, ClientError> {
        self.connection
            .call(Operation::LoadNdjson, &[])?
            .query("branch", branch)
            .query("mode", Some(mode.as_str()))
            .query("from", from)
            .header(CONTENT_TYPE, HeaderValue::from_static(NDJSON))
            .body(body.into())
            .json()
            .await
    }

    /// Loads entities in the tolerant format, in one commit. Deprecated on the server.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn ingest(&self, request: &IngestRequest) -> Result<IngestOutput, ClientError> {
        self.connection.call(Operation::Ingest, &[])?.json_body(request)?.json().await
    }

    /// Returns the accepted schema of `main`.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn schema(&self) -> Result<SchemaOutput, ClientError> {
        self.connection.call(Operation::GetSchema, &[])?.json().await
    }

    /// Migrates the graph to a schema.
    ///
    /// # Errors
    /// When the server refuses, as for a change that is not supported, or on a server that serves a cluster.
    pub async fn apply_schema(&self, request: &SchemaApplyRequest) -> Result<SchemaApplyOutput, ClientError> {
        self.connection.call(Operation::ApplySchema, &[])?.json_body(request)?.json().await
    }

    /// Lists the branches.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn branches(&self) -> Result<BranchListOutput, ClientError> {
        self.connection.call(Operation::ListBranches, &[])?.json().await
    }

    /// Forks a branch.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create_branch(
        &self,
        request: &BranchCreateRequest,
    ) -> Result<BranchCreateOutput, ClientError> {
        self.connection.call(Operation::CreateBranch, &[])?.json_body(request)?.json().await
    }

    /// Deletes a branch.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn delete_branch(&self, name: &str) -> Result<BranchDeleteOutput, ClientError> {
        self.connection.call(Operation::DeleteBranch, &[name])?.json().await
    }

    /// Merges a branch into another. Whether a deletion that was asked for came about is told in the answer.
    ///
    /// # Errors
    /// When the server refuses; conflicts are in the error object.
    pub async fn merge_branches(
        &self,
        request: &BranchMergeRequest,
    ) -> Result<BranchMergeOutput, ClientError> {
        self.connection.call(Operation::MergeBranches, &[])?.json_body(request)?.json().await
    }

    /// Lists the commits that the head of a branch (`main` without) reaches, newest first.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn commits(&self, branch: Option<&str>) -> Result<CommitListOutput, ClientError> {
        self.connection.call(Operation::ListCommits, &[])?.query("branch", branch).json().await
    }

    /// Returns one commit.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn commit(&self, id: &str) -> Result<CommitOutput, ClientError> {
        self.connection.call(Operation::GetCommit, &[id])?.json().await
    }

    /// Streams the entities of a branch as of one commit, one JSON object per line.
    ///
    /// # Errors
    /// When the server refuses. Failures after that end the stream with an error.
    pub async fn export(&self, request: &ExportRequest) -> Result<ByteStream, ClientError> {
        let call = self.connection.call(Operation::Export, &[])?.json_body(request)?.accept(STREAMED);
        let url = call.url();
        ByteStream::of(call.answer().await?, url)
    }
}

/// Makes a write conditional on the head of its branch.
fn only_if<'a>(call: Call<'a>, commit: &str) -> Result<Call<'a>, ClientError> {
    let value = HeaderValue::from_str(commit)
        .map_err(|error| ClientError::Request { what: "the expected commit", problem: error.to_string() })?;
    let name = HeaderName::from_bytes(IF_GRAPH_COMMIT.as_bytes())
        .map_err(|error| ClientError::Request { what: IF_GRAPH_COMMIT, problem: error.to_string() })?;
    Ok(call.header(name, value).conditional())
}
