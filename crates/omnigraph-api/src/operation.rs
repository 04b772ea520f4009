//! The operations of the API: one table of methods, paths and names, from which a server mounts its routes and the API
//! document is generated, and a client can make its URLs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads without a body.
    Head,
    /// Everything that takes a body.
    Post,
    /// Removes.
    Delete,
}

impl Method {
    /// Returns the word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The process; its path stands as it is.
    Server,
    /// One graph; its path follows the base of the graph, which is `/graphs/{graph_id}`, or nothing on a server of one
    /// graph.
    Graph,
}

/// One operation of the API: a method on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Tells that the process serves.
    Health,
    /// Lists the graphs that are served.
    ListGraphs,
    /// Describes the head of a branch.
    GetSnapshot,
    /// Reads a blob.
    GetBlob,
    /// Describes a blob.
    HeadBlob,
    /// Runs a query that reads.
    Query,
    /// Older form of [`Operation::Query`].
    Read,
    /// Writes out a branch.
    Export,
    /// Lists the stored queries.
    ListQueries,
    /// Runs a stored query.
    InvokeQuery,
    /// Runs a stored mutation while a commit is the head.
    InvokeQueryIfGraphCommit,
    /// Runs a mutation.
    Mutate,
    /// Runs a mutation while a commit is the head.
    MutateIfGraphCommit,
    /// Older form of [`Operation::Mutate`].
    Change,
    /// Loads entities, tolerantly.
    Load,
    /// Loads a raw batch of entities, strictly.
    LoadNdjson,
    /// Older form of [`Operation::Load`].
    Ingest,
    /// Reads the schema.
    GetSchema,
    /// Migrates to a schema.
    ApplySchema,
    /// Lists the branches.
    ListBranches,
    /// Forks a branch.
    CreateBranch,
    /// Deletes a branch.
    DeleteBranch,
    /// Merges a branch into another.
    MergeBranches,
    /// Lists the commits of a branch.
    ListCommits,
    /// Reads a commit.
    GetCommit,
    /// Reads what a commit changed.
    GetCommitChanges,
    /// Reads what changed on a branch since a position.
    PollChanges,
    /// Writes out a branch with the position that its changes continue from.
    CaptureChangeBaseline,
}

/// What the table says of an operation.
struct Row {
    method: Method,
    path: &'static str,
    operation_id: &'static str,
    tag: &'static str,
}

const fn get(path: &'static str, operation_id: &'static str, tag: &'static str) -> Row {
    Row { method: Method::Get, path, operation_id, tag }
}

const fn post(path: &'static str, operation_id: &'static str, tag: &'static str) -> Row {
    Row { method: Method::Post, path, operation_id, tag }
}

/// Bytes that a value in a path has to be encoded for: all that RFC 3986, section 2.3, does not call unreserved.
const ENCODED_IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Base of the paths of a graph.
const GRAPH_BASE: &str = "/graphs/{graph_id}";

impl Operation {
    /// All operations, in the order of the reference.
    pub const ALL: [Operation; 28] = [
        Operation::Health,
        Operation::ListGraphs,
        Operation::GetSnapshot,
        Operation::GetBlob,
        Operation::HeadBlob,
        Operation::Query,
        Operation::Read,
        Operation::Export,
        Operation::ListQueries,
        Operation::InvokeQuery,
        Operation::InvokeQueryIfGraphCommit,
        Operation::Mutate,
        Operation::MutateIfGraphCommit,
        Operation::Change,
        Operation::Load,
        Operation::LoadNdjson,
        Operation::Ingest,
        Operation::GetSchema,
        Operation::ApplySchema,
        Operation::ListBranches,
        Operation::CreateBranch,
        Operation::DeleteBranch,
        Operation::MergeBranches,
        Operation::ListCommits,
        Operation::GetCommit,
        Operation::GetCommitChanges,
        Operation::PollChanges,
        Operation::CaptureChangeBaseline,
    ];

    const fn row(self) -> Row {
        match self {
            Operation::Health => get("/healthz", "health", "health"),
            Operation::ListGraphs => get("/graphs", "listGraphs", "management"),
            Operation::GetSnapshot => get("/snapshot", "cluster_getSnapshot", "snapshots"),
            Operation::GetBlob => get("/blob", "cluster_getBlob", "blobs"),
            Operation::HeadBlob => {
                Row { method: Method::Head, path: "/blob", operation_id: "cluster_headBlob", tag: "blobs" }
            }
            Operation::Query => post("/query", "cluster_query", "queries"),
            Operation::Read => post("/read", "cluster_read", "queries"),
            Operation::Export => post("/export", "cluster_export", "queries"),
            Operation::ListQueries => get("/queries", "cluster_list_queries", "queries"),
            Operation::InvokeQuery => post("/queries/{name}", "cluster_invoke_query", "queries"),
            Operation::InvokeQueryIfGraphCommit => {
                post("/queries/{name}/if-graph-commit", "cluster_invoke_query_if_graph_commit", "queries")
            }
            Operation::Mutate => post("/mutate", "cluster_mutate", "mutations"),
            Operation::MutateIfGraphCommit => {
                post("/mutate/if-graph-commit", "cluster_mutate_if_graph_commit", "mutations")
            }
            Operation::Change => post("/change", "cluster_change", "mutations"),
            Operation::Load => post("/load", "cluster_load", "mutations"),
            Operation::LoadNdjson => post("/load/ndjson", "cluster_loadNdjson", "mutations"),
            Operation::Ingest => post("/ingest", "cluster_ingest", "mutations"),
            Operation::GetSchema => get("/schema", "cluster_getSchema", "schema"),
            Operation::ApplySchema => post("/schema/apply", "cluster_applySchema", "mutations"),
            Operation::ListBranches => get("/branches", "cluster_listBranches", "branches"),
            Operation::CreateBranch => post("/branches", "cluster_createBranch", "branches"),
            Operation::DeleteBranch => Row {
                method: Method::Delete,
                path: "/branches/{branch}",
                operation_id: "cluster_deleteBranch",
                tag: "branches",
            },
            Operation::MergeBranches => post("/branches/merge", "cluster_mergeBranches", "branches"),
            Operation::ListCommits => get("/commits", "cluster_listCommits", "commits"),
            Operation::GetCommit => get("/commits/{commit_id}", "cluster_getCommit", "commits"),
            Operation::GetCommitChanges => {
                get("/commits/{commit_id}/changes", "cluster_getCommitChanges", "changes")
            }
            Operation::PollChanges => get("/changes", "cluster_pollChanges", "changes"),
            Operation::CaptureChangeBaseline => {
                post("/changes/baseline", "cluster_captureChangeBaseline", "changes")
            }
        }
    }

    /// Returns its method.
    pub const fn method(self) -> Method {
        self.row().method
    }

    /// Returns the template of its path, as `/commits/{commit_id}/changes`: that of a graph's operation follows the
    /// base of the graph.
    pub const fn path(self) -> &'static str {
        self.row().path
    }

    /// Returns what it is about.
    pub const fn scope(self) -> Scope {
        match self {
            Operation::Health | Operation::ListGraphs => Scope::Server,
            _ => Scope::Graph,
        }
    }

    /// Returns its name in the API document.
    pub const fn operation_id(self) -> &'static str {
        self.row().operation_id
    }

    /// Returns the group that it stands in.
    pub const fn tag(self) -> &'static str {
        self.row().tag
    }

    /// Returns the operation that replaces it, when it is only kept for older clients.
    pub const fn successor(self) -> Option<Operation> {
        match self {
            Operation::Read => Some(Operation::Query),
            Operation::Change => Some(Operation::Mutate),
            Operation::Ingest => Some(Operation::Load),
            _ => None,
        }
    }

    /// Tells whether it is only kept for older clients.
    pub const fn is_deprecated(self) -> bool {
        self.successor().is_some()
    }

    /// Returns the value of the header `Link` in its answers, as `<query>; rel="successor-version"`, when it is
    /// deprecated. The reference is relative, so that it holds on every base.
    pub fn successor_link(self) -> Option<String> {
        let path = self.successor()?.path();
        Some(format!("<{}>; rel=\"successor-version\"", path.strip_prefix('/').unwrap_or(path)))
    }

    /// Returns the template of its path from the root of a server of many graphs, with `{graph_id}` for operations of a
    /// graph.
    pub fn nested_path(self) -> String {
        match self.scope() {
            Scope::Server => self.path().to_owned(),
            Scope::Graph => format!("{GRAPH_BASE}{}", self.path()),
        }
    }

    /// Returns the names of the parameters in [`Operation::path`], from left to right.
    pub fn path_parameters(self) -> impl Iterator<Item = &'static str> {
        self.path().split('/').filter_map(parameter_name)
    }

    /// Returns its path with these values instead of its parameters, from left to right, ready to follow the URL of
    /// the graph, or of the server for its own operations.
    ///
    /// Values are percent-encoded: every byte that is not unreserved by RFC 3986, section 2.3, and so `/` too. The
    /// values `.` and `..` cannot be sent in a path: URL parsers take them for steps, however they are written.
    ///
    /// # Panics
    /// When there are not as many values as parameters.
    pub fn url_path(self, values: &[&str]) -> String {
        assert_eq!(values.len(), self.path_parameters().count(), "values for the path {}", self.path());
        filled(self.path(), values)
    }
}

/// Returns the base of the paths of a graph, as `/graphs/kb`, ready to follow the URL of its server. The id is encoded
/// as the values of [`Operation::url_path`] are.
pub fn graph_base_path(id: &str) -> String {
    filled(GRAPH_BASE, &[id])
}

/// Returns a template with values instead of its parameters.
fn filled(template: &'static str, values: &[&str]) -> String {
    let mut values = values.iter();
    let mut path = String::new();
    for segment in template.split('/').skip(1) {
        path.push('/');
        match parameter_name(segment).and_then(|_| values.next()) {
            Some(value) => path.extend(utf8_percent_encode(value, ENCODED_IN_PATHS)),
            None => path.push_str(segment),
        }
    }
    path
}

/// Returns the name of the parameter that a segment of a template is.
fn parameter_name(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}
