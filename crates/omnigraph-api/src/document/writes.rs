//! Descriptions of the operations that write a graph, and of stored queries, which may.

use super::entry::Entry;
use super::parameters;
use crate::{
    BranchCreateOutput, BranchCreateRequest, BranchDeleteOutput, BranchMergeOutput, BranchMergeRequest,
    ChangeOutput, ChangeRequest, GraphBatchLoadOutput, IngestOutput, IngestRequest, InvokeStoredQueryRequest,
    InvokeStoredQueryResponse, LoadMode, SchemaApplyOutput, SchemaApplyRequest,
};

const NO_BRANCH: &str = "There is no such branch, or the graph is not served.";
const NO_STORED_QUERY: &str = "There is no such stored query, the caller may not run it, or the branch, snapshot or graph does not exist.";
const LOST: &str = "A concurrent write won, or an entity exists: `read_set_conflict`, \
                    `published_dataset_version_conflict` or `key_conflict` tells which. Nothing happened.";
const STALE: &str = "The commit is not the head of the branch: `precondition_failure`. Nothing happened. The error \
                     has no code.";
const TOO_MUCH: &str = "The body is longer than 1 MiB, or the request exceeds a bound: `resource_limit`.";
const LOAD_TOO_LARGE: &str = "The body is longer than 32 MiB, or the load exceeds a bound: `resource_limit`.";
const BAD_MUTATION: &str =
    "The body, the mutation's text or its parameters are invalid, or the result breaks a constraint.";
const BAD_LOAD: &str =
    "The body, a line of the data or a parameter is invalid, or the result breaks a constraint.";
const NO_LOAD_BRANCH: &str = "There is no such branch and `from` is not given, or the graph is not served.";

/// Describes a write whose data may come from outside and may meet that of others.
fn data(entry: Entry) -> Entry {
    entry.errors(&[424]).error(409, LOST)
}

fn invocation(summary: &'static str, description: &'static str) -> Entry {
    data(Entry::write(summary, description))
        .optional_body::<InvokeStoredQueryRequest>(
            "Parameters and target. No body, or null, means defaults throughout; the header `Content-Type` is not \
             looked at.",
        )
        .error(404, NO_STORED_QUERY)
        .error(413, TOO_MUCH)
}

pub(super) fn invoke_query() -> Entry {
    invocation(
        "Run a stored query",
        "Runs a stored query by its name, whether it reads or writes. A query that the caller may not run is answered \
         as one that does not exist.",
    )
    .ok::<InvokeStoredQueryResponse>("The rows of a read, or the receipt of a mutation.")
    .error(400, "The body or the parameters are invalid, or `expect_mutation` differs from what the query is.")
}

pub(super) fn invoke_query_if_graph_commit() -> Entry {
    invocation(
        "Run a stored mutation while a commit is the head",
        "Runs a stored mutation by its name, only while the commit in the header is the effective head of the branch.",
    )
    .parameter(parameters::if_graph_commit())
    .ok::<ChangeOutput>("The receipt of the mutation.")
    .error(400, "The header, the body or the parameters are invalid, or the query reads.")
    .error(412, STALE)
}

fn mutation(summary: &'static str, description: &'static str) -> Entry {
    data(Entry::write(summary, description))
        .body::<ChangeRequest>()
        .ok::<ChangeOutput>("The receipt of the mutation.")
        .error(400, BAD_MUTATION)
        .error(404, NO_BRANCH)
        .error(413, TOO_MUCH)
}

pub(super) fn mutate() -> Entry {
    mutation(
        "Run a mutation",
        "Runs one declaration of a query text that writes, in one commit. Nothing is published when nothing changes.",
    )
}

pub(super) fn mutate_if_graph_commit() -> Entry {
    mutation(
        "Run a mutation while a commit is the head",
        "Runs a mutation only while the commit in the header is the effective head of the branch. The commit comes \
         from `graph_commit_id` of a query or from the receipt of a write.",
    )
    .parameter(parameters::if_graph_commit())
    .error(
        400,
        "The header, the body, the mutation's text or its parameters are invalid, or the result breaks a constraint.",
    )
    .error(412, STALE)
}

pub(super) fn change() -> Entry {
    mutation("Run a mutation, older form", "Does what `POST /mutate` does. Use that instead.")
}

fn tolerant_load(summary: &'static str, description: &'static str) -> Entry {
    data(Entry::write(summary, description))
        .body::<IngestRequest>()
        .ok::<IngestOutput>("The receipt of the load.")
        .error(400, BAD_LOAD)
        .error(404, NO_LOAD_BRANCH)
        .error(413, LOAD_TOO_LARGE)
}

pub(super) fn load() -> Entry {
    tolerant_load(
        "Load entities",
        "Loads lines of JSON in one commit, tolerating older forms of lines. A branch that does not exist is forked \
         from `from` first.",
    )
}

pub(super) fn load_ndjson() -> Entry {
    data(Entry::write(
        "Load a raw batch of entities",
        "Loads lines of JSON in one commit, strictly: an invalid line means that nothing is loaded. A branch that does \
         not exist is forked from `from` first. Without permission the body is not read.",
    ))
    .parameter(parameters::text("branch", "Branch to load into; `main` when left out."))
    .parameter(parameters::text("from", "Branch to fork when the branch does not exist."))
    .parameter(parameters::word::<LoadMode>("mode", "What happens to ids that exist; `merge` when left out."))
    .ndjson_body(
        "One object per line: `{\"type\":\"City\",\"data\":{…}}` for a node, \
         `{\"edge\":\"Road\",\"from\":\"oslo\",\"to\":\"bergen\",\"data\":{…}}` for an edge.",
    )
    .ok::<GraphBatchLoadOutput>("The receipt of the load.")
    .error(400, BAD_LOAD)
    .error(404, NO_LOAD_BRANCH)
    .error(413, LOAD_TOO_LARGE)
    .error(415, "The header `Content-Type` is not `application/x-ndjson`.")
}

pub(super) fn ingest() -> Entry {
    tolerant_load("Load entities, older form", "Does what `POST /load` does. Use that instead.")
}

pub(super) fn apply_schema() -> Entry {
    Entry::write(
        "Migrate to a schema",
        "Brings the graph to a schema in one commit, or explains what is not supported. Nothing is published when the \
         schema is the same, or when a stored query would no longer hold.",
    )
    .body::<SchemaApplyRequest>()
    .ok::<SchemaApplyOutput>("What was done.")
    .error(400, "The schema is invalid, a change is not supported, or a stored query would no longer hold.")
    .error(
        409,
        "The state of the graph is in the way, or its schema belongs to a cluster and is changed there.",
    )
    .error(413, TOO_MUCH)
}

pub(super) fn create_branch() -> Entry {
    Entry::write("Fork a branch", "Makes a branch whose head is that of another. No data is copied.")
        .body::<BranchCreateRequest>()
        .ok::<BranchCreateOutput>("The branch.")
        .error(400, "The body is invalid, or the name is malformed or reserved.")
        .error(404, "There is no branch to fork from, or the graph is not served.")
        .error(409, "The name is taken.")
}

pub(super) fn delete_branch() -> Entry {
    Entry::write("Delete a branch", "Deletes a branch. Its commits stay where other branches reach them.")
        .ok::<BranchDeleteOutput>("The branch is gone.")
        .error(400, "The branch is `main`, or its name is malformed or reserved.")
        .error(404, NO_BRANCH)
        .error(409, "Other branches depend on it.")
}

pub(super) fn merge_branches() -> Entry {
    data(Entry::write(
        "Merge a branch into another",
        "Merges all changes of a branch into another, or none. When the source is to be deleted afterwards and cannot \
         be, the merge still holds, and the receipt tells why.",
    ))
    .body::<BranchMergeRequest>()
    .ok::<BranchMergeOutput>("The receipt of the merge.")
    .error(400, "The body is invalid, or the result breaks a constraint.")
    .error(404, "A branch does not exist, or the graph is not served.")
    .error(
        409,
        "The branches changed the same entities differently: `merge_conflicts`; or a concurrent write won. The target \
         is as it was.",
    )
    .error(413, TOO_MUCH)
}
