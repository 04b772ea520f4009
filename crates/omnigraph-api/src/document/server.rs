//! Descriptions of the operations of the server.

use super::entry::Entry;
use crate::{GraphListResponse, HealthOutput};

pub(super) fn health() -> Entry {
    Entry::server(
        "Tell that the process serves",
        "Answers as long as the process serves, whatever the state of its graphs. Credentials are not looked at.",
    )
    .ok::<HealthOutput>("The process serves.")
}

pub(super) fn list_graphs() -> Entry {
    Entry::server(
        "List the graphs",
        "Lists the graphs that are served, by id. The list is only told when the policy of the server grants it, also \
         where no credentials are asked for.",
    )
    .ok::<GraphListResponse>("The graphs.")
    .errors(&[401, 403, 500])
    .error(405, "The server has one graph, which is served without a list.")
}
