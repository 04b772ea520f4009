//! Descriptions of the operations that read a graph.

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Content, Response};

use super::entry::{Entry, add_headers};
use super::headers::{self, Named};
use super::parameters;
use crate::{
    BlobEntityKind, BranchListOutput, CommitListOutput, CommitOutput, ExportRequest, LegacyReadOutput,
    QueriesCatalogOutput, QueryRequest, ReadOutput, ReadRequest, SchemaOutput, SnapshotOutput,
};

const NO_BRANCH: &str = "There is no such branch, or the graph is not served.";
const NO_TARGET: &str = "There is no such branch or snapshot, or the graph is not served.";
const NO_QUERY: &str = "The body, the query's text or its parameters are invalid, or the text contains mutations, \
                        which go to `POST /mutate`.";
const RESULT_TOO_LARGE: &str =
    "The body is longer than 1 MiB, or the result exceeds a bound: `resource_limit`.";

pub(super) fn get_snapshot() -> Entry {
    Entry::graph("Describe the head of a branch", "Lists the types of a branch's head with their sizes.")
        .parameter(parameters::text("branch", "The branch; `main` when left out."))
        .ok::<SnapshotOutput>("The head.")
        .error(404, NO_BRANCH)
}

pub(super) fn query() -> Entry {
    Entry::graph(
        "Run a query",
        "Runs one declaration of a query text that reads. It sees exactly one snapshot, whose head the result names.",
    )
    .body::<QueryRequest>()
    .ok::<ReadOutput>("The rows.")
    .error(400, NO_QUERY)
    .error(404, NO_TARGET)
    .error(413, RESULT_TOO_LARGE)
}

pub(super) fn read() -> Entry {
    Entry::graph(
        "Run a query, older form",
        "Does what `POST /query` does, with older names. Use that instead.",
    )
    .body::<ReadRequest>()
    .ok::<LegacyReadOutput>("The rows.")
    .error(400, NO_QUERY)
    .error(404, NO_TARGET)
    .error(413, RESULT_TOO_LARGE)
}

pub(super) fn export() -> Entry {
    Entry::graph(
        "Write out a branch",
        "Writes the entities of one commit, one object per line: edge types first, then by type and id. The lines can \
         be loaded again. Unknown members of the body are refused.",
    )
    .body::<ExportRequest>()
    .ok_ndjson("Lines of JSON, one per entity.", None)
    .error(400, "The body is invalid, or names a type that is not in the schema.")
    .error(404, NO_BRANCH)
    .errors(&[409])
    .error(413, "The body is longer than 1 MiB, or too many exports are open: `resource_limit`.")
}

pub(super) fn list_queries() -> Entry {
    Entry::graph(
        "List the stored queries",
        "Lists the stored queries of the graph, by name, without their texts. That one is listed does not mean that \
         the caller may run it.",
    )
    .ok::<QueriesCatalogOutput>("The queries.")
}

pub(super) fn get_schema() -> Entry {
    Entry::graph("Read the schema", "Returns the text of the schema that `main` has.")
        .ok::<SchemaOutput>("The schema.")
}

pub(super) fn list_branches() -> Entry {
    Entry::graph("List the branches", "Lists the branches of the graph, by name.")
        .ok::<BranchListOutput>("The branches.")
}

pub(super) fn list_commits() -> Entry {
    Entry::graph(
        "List the commits of a branch",
        "Lists everything that the head of a branch reaches, newest first.",
    )
    .parameter(parameters::text("branch", "The branch; `main` when left out."))
    .ok::<CommitListOutput>("The commits.")
    .error(404, NO_BRANCH)
}

pub(super) fn get_commit() -> Entry {
    Entry::graph("Read a commit", "Looks for a commit on every branch.")
        .ok::<CommitOutput>("The commit.")
        .error(404, "There is no such commit, or the graph is not served.")
}

pub(super) fn get_blob() -> Entry {
    let range = parameters::header("Range", "One range of bytes. Any other form is answered with all bytes.");
    let if_range = parameters::header("If-Range", "Strong entity tag under which `Range` counts.");
    blob(Entry::graph(
        "Read a blob",
        "Returns the bytes of a property, or redirects to where they are outside the graph. Conditions and ranges are \
         those of RFC 9110. The bytes are those of one snapshot, whatever is written meanwhile.",
    ))
    .parameter(range)
    .parameter(if_range)
    .answer(200, bytes("All bytes.", whole("Number of bytes.")))
    .answer(
        206,
        bytes("The bytes of the range.", {
            let mut headers = whole("Number of bytes in the range.");
            headers.push(headers::content_range("The range and the length of the blob: `bytes first-last/length`."));
            headers
        }),
    )
    .error_with(416, "The range lies outside the blob: `blob_range`.", {
        let mut headers = tagged();
        headers.push(headers::content_range("The length of the blob: `bytes */length`."));
        headers
    })
}

pub(super) fn head_blob() -> Entry {
    let range = parameters::header("Range", "Is ignored: a description is always of all bytes.");
    let if_range = parameters::header("If-Range", "Is ignored, as `Range` is.");
    blob(Entry::graph(
        "Describe a blob",
        "Returns the headers that reading the blob would have, without reading it. Errors have no body either.",
    ))
    .parameter(range)
    .parameter(if_range)
    .answer(200, bytes("The headers of all bytes, without the bytes.", whole("Number of bytes.")))
    .errors_without_body()
}

/// Describes what reading a blob and describing it share.
fn blob(entry: Entry) -> Entry {
    let selector = [
        parameters::required(parameters::word::<BlobEntityKind>(
            "entity",
            "Kind of the entity that holds the blob.",
        )),
        parameters::required(parameters::text("type", "Type of the entity.")),
        parameters::required(parameters::text("id", "Id of the entity.")),
        parameters::required(parameters::text("property", "Property of the entity; its type is `Blob`.")),
        parameters::text("branch", "Branch to read; `main` when neither branch nor snapshot is given."),
        parameters::text("snapshot", "Commit to read, in place of a branch."),
        parameters::header("If-Match", "Strong entity tags, or `*`: when none matches, nothing is read."),
        parameters::header(
            "If-None-Match",
            "Entity tags, or `*`: when one matches, the bytes are not sent again.",
        ),
    ];
    selector
        .into_iter()
        .fold(entry, Entry::parameter)
        .answer(
            302,
            without_body(
                "The bytes are outside the graph.",
                vec![headers::location(), headers::cache_control(), headers::snapshot_id()],
            ),
        )
        .answer(304, without_body("The caller has the bytes already.", whole("Number of bytes.")))
        .error(
            400,
            "The parameters are invalid, or the type or property is not in the schema or holds no blobs.",
        )
        .error(
            404,
            "There is no such entity, its blob is null, or the branch, snapshot or graph does not exist.",
        )
        .error_with(412, "No entity tag of `If-Match` matches.", tagged())
}

/// Headers of answers about the bytes.
fn tagged() -> Vec<Named> {
    vec![headers::accept_ranges(), headers::etag(), headers::snapshot_id()]
}

/// Headers of answers about the bytes that tell a length.
fn whole(length: &str) -> Vec<Named> {
    let mut headers = tagged();
    headers.push(headers::content_length(length));
    headers
}

fn without_body(text: &str, headers: Vec<Named>) -> Response {
    let mut response = Response::new(text);
    add_headers(&mut response, headers);
    response
}

fn bytes(text: &str, headers: Vec<Named>) -> Response {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
    let mut response = without_body(text, headers);
    response.content.insert("application/octet-stream".to_owned(), Content::new(Some(schema)).into());
    response
}
