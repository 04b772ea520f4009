//! Descriptions of the operations about changes. Their texts speak of graphs only, as the answers do: where something is stored
//! is not told.

use super::entry::Entry;
use super::parameters;
use super::schemas::reference;
use crate::{ChangeBaselineRecord, ChangeBaselineRequest, ChangeFeedOutput, CommitChangesOutput};

const INVALID: &str =
    "A parameter is unknown, malformed or repeated, or the page token or cursor belongs to another request.";
const REFUSED: &str = "A commit cannot be compared with its parent: `change_diff_refusal`.";
const RECLAIMED: &str =
    "History was reclaimed: `change_feed_gap`. A new baseline is needed. The error has no code.";
const TOO_MUCH: &str =
    "A page cannot have that many changes, or a single change is too large: `resource_limit`.";

fn filtered(entry: Entry) -> Entry {
    parameters::change_filter().into_iter().fold(entry, Entry::parameter)
}

pub(super) fn get_commit_changes() -> Entry {
    let entry = Entry::changes(
        "Read what a commit changed",
        "Compares a commit with its first parent: nodes first, then by type, id and operation. A commit that the \
         caller may not read is answered as one that does not exist.",
    )
    .parameter(parameters::text("page_token", "Where the page begins, from the page before."));
    filtered(entry)
        .ok::<CommitChangesOutput>("The changes, or a page of them.")
        .error(400, INVALID)
        .never(403)
        .error(404, "There is no such commit, or the graph is not served.")
        .error(409, REFUSED)
        .error(410, RECLAIMED)
        .error(413, TOO_MUCH)
}

pub(super) fn poll_changes() -> Entry {
    let entry = Entry::changes(
        "Read what changed on a branch",
        "Reads the commits of a branch since a position, oldest first. The position is at most one of `cursor`, \
         `start` and `page_token`. A page ends after a commit, with a cursor to save together with the data, or within \
         one, with a page token to continue from. Delivery is at least once: a commit may be seen again.",
    )
    .parameter(parameters::text("branch", "The branch; `main` when left out."))
    .parameter(parameters::text("cursor", "Where to continue: the cursor of an earlier page or of a baseline."))
    .parameter(parameters::text(
        "start",
        "Where to begin without a cursor: `now`, which is the default, `beginning`, or `after:<commit id>`.",
    ))
    .parameter(parameters::text("page_token", "Where the page begins, from the page before."));
    filtered(entry)
        .ok::<ChangeFeedOutput>("The changes by commit, and where to continue.")
        .error(400, INVALID)
        .error(404, "There is no such branch, or the graph is not served.")
        .error(409, REFUSED)
        .error(410, RECLAIMED)
        .error(413, TOO_MUCH)
}

pub(super) fn capture_change_baseline() -> Entry {
    Entry::changes(
        "Write out a branch to follow it",
        "Writes the entities of one commit as `POST /export` does, then one line with the cursor that continues from \
         it. A stream without that line is unusable. Polling with the cursor and the same filter gives every later \
         commit and no earlier one.",
    )
    .body::<ChangeBaselineRequest>()
    .ok_ndjson(
        "Lines of JSON: entities, then one record of this schema.",
        Some(reference::<ChangeBaselineRecord>()),
    )
    .error(400, "The body or the graph's id is malformed, or a type is not in the schema.")
    .error(404, "There is no such branch, or the graph is not served.")
    .error(413, "The body is too long, or too many streams are open: `resource_limit`.")
}
