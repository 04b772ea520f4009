//! Waiting until no write is unsettled, before maintenance begins.
//!
//! A write keeps an intent in the store from its first file to its commit. One that is running does so for
//! milliseconds, so it is waited for; one that a crash left behind stays until recovery settles it, so maintenance is
//! refused at once.
//! Cost: one listing, and one read per intent found, at each look.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use omnigraph_graph::GraphError;
use omnigraph_graph::commit::Graph;
use omnigraph_graph::commit::intent::{self, Liveness};

use crate::error::{OmniError, Result};

/// How long running writes are waited for.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Time between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Returns once every intent that exists now is gone.
///
/// # Errors
/// A conflict (`requires a clean recovery state`) when one stays; `action` is what the message says is refused.
pub(crate) async fn require_settled(graph: &Graph, action: &str) -> Result<()> {
    let started = Instant::now();
    let mut unsettled = intents(graph).await?;
    loop {
        for (path, operation) in &unsettled {
            let waits = match intent::load(graph.root(), path).await {
                Ok(None) => true,
                Ok(Some(intent)) => intent
                    .writer
                    .is_some_and(|writer| writer.liveness(intent.operation_id) != Liveness::Ended),
                Err(GraphError::RecoveryRequired { .. }) => false,
                Err(error) => return Err(error.into()),
            };
            if !waits || started.elapsed() > TIMEOUT {
                return Err(OmniError::refused(format!(
                    "{action} requires a clean recovery state: write {operation} is not settled; reopen the \
                     graph read-write for recovery to settle it, and retry"
                )));
            }
        }
        let now = intents(graph).await?;
        unsettled.retain(|path, _| now.contains_key(path));
        if unsettled.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Lists the operations with an intent, by the path of it.
async fn intents(graph: &Graph) -> Result<BTreeMap<String, String>> {
    let objects = intent::list(graph.root()).await?;
    let named = objects.into_iter().filter_map(|object| {
        let operation = object.path.rsplit('/').next()?.strip_suffix(".json")?.to_owned();
        Some((object.path, operation))
    });
    Ok(named.collect())
}
