//! `omnigraph cleanup`.

use std::time::Duration;

use omnigraph::Omnigraph;
use omnigraph::db::{CleanupPolicyOptions, DatasetCleanupStats};
use serde::Serialize;

use crate::address;
use crate::args::Global;
use crate::args::maintenance::Cleanup;
use crate::consent;
use crate::echo;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Document<'a> {
    uri: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<bool>,
    keep_versions: Option<u32>,
    older_than_secs: Option<u64>,
    datasets: &'a [DatasetCleanupStats],
}

/// Removes old versions, or shows what would be removed.
pub(crate) async fn run(args: &Cleanup, global: &Global) -> Result<(), Failure> {
    let uri = &address::storage(args.uri.given(), global)?;
    if args.keep.is_none() && args.older_than.is_none() {
        return Err(Failure::usage(
            "cleanup needs --keep or --older-than, or both",
            "try `--keep 10 --older-than 30d`: a version goes when neither keeps it",
        ));
    }
    let policy = policy(args.keep, args.older_than);
    let options = CleanupPolicyOptions {
        keep_versions: args.keep,
        older_than: args.older_than,
        dry_run: !args.confirm,
        grace: args.grace,
        ..CleanupPolicyOptions::default()
    };
    if !args.confirm {
        return preview(args, uri, &policy, options, global).await;
    }
    consent::require("cleanup", uri, address::is_local(uri), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, false)).await?;
    echo::storage_write("cleanup", uri, global);
    let stats = graph.cleanup(options).await?;
    graph.close().await;
    if global.json {
        return output::json(&document(args, uri, None, &stats));
    }
    let cleaned = stats.iter().filter(|dataset| dataset.error.is_none()).count();
    output::line(&format!(
        "cleanup {uri} ({policy}) — removed {} across {cleaned} datasets",
        amount(&stats)
    ))?;
    let failed: Vec<&str> =
        stats.iter().filter(|d| d.error.is_some()).map(|dataset| dataset.type_key.as_str()).collect();
    if !failed.is_empty() {
        output::line(&format!(
            "  {} failed: {}; the next cleanup retries them",
            failed.len(),
            failed.join(", ")
        ))?;
    }
    Ok(())
}

/// Shows what would be removed: as text on stderr, since stdout is for results, or with `--json` as a document.
async fn preview(
    args: &Cleanup,
    uri: &str,
    policy: &str,
    options: CleanupPolicyOptions,
    global: &Global,
) -> Result<(), Failure> {
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let stats = graph.cleanup(options).await?;
    if global.json {
        return output::json(&document(args, uri, Some(true), &stats));
    }
    eprintln!("cleanup is destructive: it would remove {} from {uri} ({policy})", amount(&stats));
    for dataset in stats.iter().filter(|dataset| dataset.bytes_removed > 0) {
        eprintln!(
            "  {:<40}{} versions, {} bytes",
            dataset.type_key, dataset.old_versions_removed, dataset.bytes_removed
        );
    }
    eprintln!("nothing was removed; rerun with --confirm");
    Ok(())
}

fn document<'a>(
    args: &Cleanup,
    uri: &'a str,
    preview: Option<bool>,
    datasets: &'a [DatasetCleanupStats],
) -> Document<'a> {
    let older_than_secs = args.older_than.map(|age| age.as_secs());
    Document { uri, preview, keep_versions: args.keep, older_than_secs, datasets }
}

fn amount(stats: &[DatasetCleanupStats]) -> String {
    let versions: u64 = stats.iter().map(|dataset| dataset.old_versions_removed).sum();
    let bytes: u64 = stats.iter().map(|dataset| dataset.bytes_removed).sum();
    format!("{versions} versions ({bytes} bytes)")
}

fn policy(keep: Option<u32>, older_than: Option<Duration>) -> String {
    let keep = keep.map(|n| format!("keep {n}"));
    let older_than = older_than.map(|age| format!("older than {}s", age.as_secs()));
    keep.into_iter().chain(older_than).collect::<Vec<_>>().join(", ")
}
