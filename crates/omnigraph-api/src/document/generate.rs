//! Puts the API document together: its head, its groups, its schemas, and each operation of the table.

use utoipa::openapi::path::{HttpMethod, PathItem, Paths, PathsBuilder};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{
    Components, ComponentsBuilder, Info, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder,
};

use super::entry::Entry;
use super::form::{BEARER, Form};
use super::{changes, reads, server, writes};
use crate::openapi::components;
use crate::{Method, Operation};

/// Licenses of the server, as an SPDX expression.
const LICENSE: &str = env!("CARGO_PKG_LICENSE");

/// Groups of operations, in the order of the reference.
const TAGS: [(&str, &str); 10] = [
    ("health", "Whether the process serves."),
    ("management", "What the process serves."),
    ("snapshots", "What a branch consists of."),
    ("blobs", "Bytes that entities hold or refer to."),
    ("queries", "Reads in the query language, stored queries, and exports."),
    ("mutations", "Writes in the query language, loads, and migrations."),
    ("schema", "The schema of a graph."),
    ("branches", "Forks of a graph, and their merges."),
    ("commits", "The history of a graph."),
    ("changes", "What commits changed, entity by entity, for consumers that follow a graph."),
];

const DESCRIPTION: &str = "\
Omnigraph is a typed property graph with branches and commits. Every write is one atomic commit over the whole graph; \
a write that was answered with 200 is durable and visible to every later read.

**Paths.** Operations of a graph stand under `/graphs/{graph_id}`. A server of one graph also serves them without that \
prefix, and its graph has the id `default`. Values in paths are percent-encoded, one segment each: the branch \
`review/7` is `review%2F7`.

**Errors.** A body names the error in `error`, for people, and its class in `code`. The set of codes is closed; what \
needs to be told beyond it stands in one further member. Clients should ignore members that they do not know.

**Requests.** A request may bring an id in the header `X-Request-Id`, or gets one. Every answer has it, and the log of \
the server has the request under it.

**Streams.** An NDJSON answer that cannot be completed breaks the connection: only a clean end means that everything \
was sent.";

/// Returns the API document of a server.
pub fn document(form: Form) -> OpenApi {
    OpenApiBuilder::new()
        .info(info())
        .tags(Some(TAGS.map(tag)))
        .paths(paths(form))
        .components(Some(document_components(form)))
        .build()
}

/// Returns the API document as JSON, indented by two spaces, with a newline at its end. The text is the same on every
/// call.
pub fn document_json(form: Form) -> String {
    let text = serde_json::to_string_pretty(&document(form));
    // Its maps have texts for keys and its numbers are finite, which is all that can fail.
    let mut text = text.expect("an API document can be written as JSON");
    text.push('\n');
    text
}

fn info() -> Info {
    InfoBuilder::new()
        .title("Omnigraph API")
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name(LICENSE).identifier(Some(LICENSE)).build()))
        .version(env!("CARGO_PKG_VERSION"))
        .build()
}

fn tag((name, description): (&str, &str)) -> Tag {
    TagBuilder::new().name(name).description(Some(description)).build()
}

fn document_components(form: Form) -> Components {
    let components = ComponentsBuilder::new().schemas_from_iter(components());
    match form {
        Form::Authenticated => {
            let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
            components.security_scheme(BEARER, bearer).build()
        }
        Form::Open => components.build(),
    }
}

fn paths(form: Form) -> Paths {
    let add = |paths: PathsBuilder, operation: Operation| {
        let described = entry(operation).build(operation, form);
        paths.path(operation.nested_path(), PathItem::new(http_method(operation.method()), described))
    };
    Operation::ALL.into_iter().fold(PathsBuilder::new(), add).build()
}

fn http_method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Head => HttpMethod::Head,
        Method::Post => HttpMethod::Post,
        Method::Delete => HttpMethod::Delete,
    }
}

/// Returns the description of an operation.
fn entry(operation: Operation) -> Entry {
    match operation {
        Operation::Health => server::health(),
        Operation::ListGraphs => server::list_graphs(),
        Operation::GetSnapshot => reads::get_snapshot(),
        Operation::GetBlob => reads::get_blob(),
        Operation::HeadBlob => reads::head_blob(),
        Operation::Query => reads::query(),
        Operation::Read => reads::read(),
        Operation::Export => reads::export(),
        Operation::ListQueries => reads::list_queries(),
        Operation::InvokeQuery => writes::invoke_query(),
        Operation::InvokeQueryIfGraphCommit => writes::invoke_query_if_graph_commit(),
        Operation::Mutate => writes::mutate(),
        Operation::MutateIfGraphCommit => writes::mutate_if_graph_commit(),
        Operation::Change => writes::change(),
        Operation::Load => writes::load(),
        Operation::LoadNdjson => writes::load_ndjson(),
        Operation::Ingest => writes::ingest(),
        Operation::GetSchema => reads::get_schema(),
        Operation::ApplySchema => writes::apply_schema(),
        Operation::ListBranches => reads::list_branches(),
        Operation::CreateBranch => writes::create_branch(),
        Operation::DeleteBranch => writes::delete_branch(),
        Operation::MergeBranches => writes::merge_branches(),
        Operation::ListCommits => reads::list_commits(),
        Operation::GetCommit => reads::get_commit(),
        Operation::GetCommitChanges => changes::get_commit_changes(),
        Operation::PollChanges => changes::poll_changes(),
        Operation::CaptureChangeBaseline => changes::capture_change_baseline(),
    }
}
