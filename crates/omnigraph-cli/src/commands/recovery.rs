//! `omnigraph recovery list`.

use omnigraph::Omnigraph;
use omnigraph::db::{RecoveryKind, RecoveryRecord};
use serde::Serialize;

use crate::address;
use crate::args::Global;
use crate::args::maintenance::{Recovery, RecoveryList};
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Document<'a> {
    uri: &'a str,
    recoveries: &'a [RecoveryRecord],
}

/// Lists recoveries.
pub(crate) async fn run(args: &Recovery, global: &Global) -> Result<(), Failure> {
    match args {
        Recovery::List(args) => list(args, global).await,
    }
}

async fn list(args: &RecoveryList, global: &Global) -> Result<(), Failure> {
    let uri = &address::storage(args.uri.given(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let recoveries = graph.recovery_list().await?;
    if global.json {
        return output::json(&Document { uri, recoveries: &recoveries });
    }
    for recovery in &recoveries {
        let kind = match recovery.recovery_kind {
            RecoveryKind::RolledForward => "rolled forward",
            RecoveryKind::RolledBack => "rolled back",
            RecoveryKind::OrphanedBranchDiscarded => "discarded with its branch",
        };
        let actor = recovery.actor_id.as_ref().map(|actor| format!(" actor={actor}")).unwrap_or_default();
        let commit = recovery.graph_commit_id.as_ref().map(|id| format!(" commit={id}")).unwrap_or_default();
        output::line(&format!("{} {} {kind}{actor}{commit}", recovery.operation_id, recovery.writer_kind))?;
    }
    Ok(())
}
