//! `omnigraph diff`, `commit changes`, `changes poll` and `changes baseline`.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use futures::TryStreamExt;
use omnigraph::Omnigraph;
use omnigraph::changes::{
    ChangeBaseline, ChangeFeedPosition, ChangeFeedRequest, ChangeFeedScope, ChangeOp, ChangeStats,
    Continuation,
};
use omnigraph::db::{ReadTarget, SnapshotId};
use serde::Serialize;

use super::blocks::{Blocks, Style, images_text};
use crate::address;
use crate::args::{self, Baseline, CommitChanges, Diff, Global, Poll};
use crate::failure::Failure;
use crate::output;

/// Length of a commit id.
const ID_LENGTH: usize = 26;

/// Prints the net difference of two states.
pub(crate) async fn diff(args: &Diff, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.as_deref(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let filter = args.scope.filter(args.values);
    if args.json {
        return output::json(&graph.diff_between(target(&args.from), target(&args.to), &filter).await?);
    }
    let mut difference = graph.diff_stream(target(&args.from), target(&args.to), &filter).await?;
    let mut stats = ChangeStats::default();
    while let Some(change) = difference.changes.try_next().await? {
        let op = match change.op {
            ChangeOp::Insert => "insert",
            ChangeOp::Update => "update",
            ChangeOp::Delete => "delete",
        };
        let mut text = format!("{op} {} {} {}\n", change.kind, change.type_name, change.id);
        if args.values {
            images_text(&mut text, change.before.as_ref(), change.after.as_ref());
        } else if let Some(ends) = &change.endpoints {
            text += &format!("  {} -> {}\n", ends.src, ends.dst);
        }
        output::bytes(text.as_bytes())?;
        stats.count(&change);
    }
    output::line(&format!("{} inserts, {} updates, {} deletes", stats.inserts, stats.updates, stats.deletes))
}

/// Reads a commit id or a branch name.
fn target(text: &str) -> ReadTarget {
    let id = text.len() == ID_LENGTH && text.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
    if id { ReadTarget::Snapshot(SnapshotId::new(text)) } else { ReadTarget::Branch(text.to_owned()) }
}

/// Prints the changes of one commit: all of them, or the page of a token.
pub(crate) async fn commit(args: &CommitChanges, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.as_deref(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let scope = args.scope.feed();
    if let Some(token) = &args.page_token {
        let page = graph.commit_changes_page(&args.id, &scope, Some(token), args.limit, None).await?;
        if args.json {
            return output::json(&page);
        }
        let mut blocks = Blocks::new(Style::Text);
        blocks.print(&page.block)?;
        if let Some(next) = &page.next_page_token {
            blocks.out.text(&format!("next_page_token: {next}\n"))?;
        }
        return blocks.out.flush();
    }
    let mut blocks = Blocks::new(if args.json { Style::Json } else { Style::Text });
    let mut token = None;
    loop {
        let page = graph.commit_changes_page(&args.id, &scope, token.as_deref(), args.limit, None).await?;
        blocks.print(&page.block)?;
        token = page.next_page_token;
        if token.is_none() {
            break;
        }
    }
    blocks.end()?;
    if args.json {
        blocks.out.text("\n")?;
    }
    blocks.out.flush()
}

/// Polls or captures.
pub(crate) async fn run(args: &args::Changes, global: &Global) -> Result<(), Failure> {
    match args {
        args::Changes::Poll(args) => poll(args, global).await,
        args::Changes::Baseline(args) => baseline(args, global).await,
    }
}

async fn poll(args: &Poll, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.as_deref(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let position = match &args.cursor {
        Some(cursor) => ChangeFeedPosition::Cursor(cursor.clone()),
        None => ChangeFeedPosition::Start(args.start.clone()),
    };
    let mut request = ChangeFeedRequest {
        branch: Some(args.branch.clone()),
        scope: args.scope.feed(),
        max_changes: args.limit,
        ..ChangeFeedRequest::new(position)
    };
    let mut blocks = Blocks::new(if args.json { Style::Json } else { Style::Text });
    // The first page is read before anything is printed, so that a refused poll leaves stdout empty.
    let mut page = graph.poll_change_feed(&request).await?;
    if args.json {
        blocks.out.text("{\"blocks\":[")?;
    }
    loop {
        for block in &page.blocks {
            blocks.print(block)?;
        }
        match page.continuation {
            Continuation::MidBlock { page_token } => {
                request.position = ChangeFeedPosition::PageToken(page_token);
                page = graph.poll_change_feed(&request).await?;
            }
            Continuation::AtBlockBoundary { cursor, caught_up } => {
                blocks.end()?;
                return finish(blocks, args.json, &cursor, caught_up);
            }
        }
    }
}

fn finish(mut blocks: Blocks, json: bool, cursor: &str, caught_up: bool) -> Result<(), Failure> {
    if json {
        blocks.out.text("],\"cursor\":")?;
        blocks.out.json(&cursor)?;
        blocks.out.text(&format!(",\"caught_up\":{caught_up}}}\n"))?;
    } else {
        if blocks.is_empty() {
            blocks.out.text("(no new commits)\n")?;
        }
        blocks.out.text(&format!("\ncursor: {cursor}\ncaught_up: {caught_up}\n"))?;
    }
    blocks.out.flush()
}

#[derive(Serialize)]
struct Captured<'a> {
    snapshot_commit_id: &'a str,
    resume_cursor: &'a str,
}

async fn baseline(args: &Baseline, global: &Global) -> Result<(), Failure> {
    let uri = address::resolve(args.uri.as_deref(), global)?;
    let graph = Omnigraph::open_with(uri, &address::options(global, true)).await?;
    let captured = install(&graph, &args.branch, &args.scope.feed(), &args.out).await?;
    if args.json {
        return output::json(&Captured {
            snapshot_commit_id: &captured.snapshot_commit_id,
            resume_cursor: &captured.resume_cursor,
        });
    }
    output::line(&format!(
        "snapshot: {}\nsnapshot_commit_id: {}\nresume_cursor: {}",
        args.out.display(),
        captured.snapshot_commit_id,
        captured.resume_cursor
    ))
}

/// Writes the data beside `path` and moves it there; when this returns, the file is durable under its name.
async fn install(
    graph: &Omnigraph,
    branch: &str,
    scope: &ChangeFeedScope,
    path: &Path,
) -> Result<ChangeBaseline, Failure> {
    let shown = path.display();
    let failed = |what: &str| {
        let context = format!("{what} '{shown}'");
        move |error: std::io::Error| Failure::io(context, error)
    };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        Failure::usage(format!("'{shown}' names no file"), "give the path of a file to write")
    })?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let lock = File::create(directory.join(format!("{name}.lock"))).map_err(failed("locking"))?;
    lock.lock().map_err(failed("locking"))?;

    let temporary = Temporary(directory.join(format!(".{name}.{}.tmp", std::process::id())));
    let file = File::create(&temporary.0).map_err(failed("writing"))?;
    let mut out = BufWriter::new(file);
    let captured = graph.capture_change_baseline(branch, scope, &mut out).await?;
    let file = out.into_inner().map_err(|error| failed("writing")(error.into_error()))?;
    file.sync_all().map_err(failed("writing"))?;
    std::fs::rename(&temporary.0, path).map_err(failed("installing"))?;
    File::open(&directory).and_then(|directory| directory.sync_all()).map_err(failed("installing"))?;
    let mine = file.metadata().map_err(failed("installing"))?;
    let there = std::fs::metadata(path).map_err(failed("installing"))?;
    if !same_file(&mine, &there) {
        return Err(Failure::usage(
            format!("another writer replaced '{shown}' meanwhile"),
            "capture again; the cursor of this capture is not printed",
        ));
    }
    Ok(captured)
}

#[cfg(unix)]
fn same_file(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same_file(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    a.len() == b.len()
}

/// A file that is removed unless it was moved away.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone when it was installed.
        let _ = std::fs::remove_file(&self.0);
    }
}
