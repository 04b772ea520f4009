//! `omnigraph diff`, `commit changes`, `changes poll` and `changes baseline`.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use omnigraph::Omnigraph;
use omnigraph::changes::{
    ChangeFeedPosition, ChangeFeedRequest, ChangeOp, ChangeStats, EntityImage, FeedStart,
};
use omnigraph::db::{ReadTarget, SnapshotId};
use omnigraph_api::{
    ChangeBlockOutput, ChangeEndpointsOutput, ChangeFeedOutput, ChangeImageOutput, CommitChangesOutput,
};
use omnigraph_client::http::{self, GraphClient};
use omnigraph_service as service;

use super::baseline;
use super::blocks::{Blocks, Style, images_text};
use super::type_names::{self, UnseenNames};
use crate::address::{self, Access, Target};
use crate::args::Global;
use crate::args::changes::{Changes, CommitChanges, Diff, Poll};
use crate::failure::Failure;
use crate::output;

/// Length of a commit id.
const ID_LENGTH: usize = 26;

/// Prints the net difference of two states.
pub(crate) async fn diff(args: &Diff, global: &Global) -> Result<(), Failure> {
    let uri = address::storage(args.uri.as_deref(), global)?;
    let graph = address::open(&uri, global, Access::Read).await?;
    warn_of_types(args, &graph).await?;
    let filter = args.scope.filter(args.values);
    if global.json {
        return output::json(&graph.diff_between(target(&args.from), target(&args.to), &filter).await?);
    }
    let mut difference = graph.diff_stream(target(&args.from), target(&args.to), &filter).await?;
    let mut stats = ChangeStats::default();
    while let Some(change) = difference.changes.try_next().await? {
        stats.count(&change);
        let op = match change.op {
            ChangeOp::Insert => "insert",
            ChangeOp::Update => "update",
            ChangeOp::Delete => "delete",
        };
        let mut text = format!("{op} {} {} {}\n", change.kind, change.type_name, change.id);
        if args.values {
            images_text(&mut text, change.before.map(image).as_ref(), change.after.map(image).as_ref());
        } else if let Some(endpoints) = &change.endpoints {
            text += &format!("  {} -> {}\n", endpoints.src, endpoints.dst);
        }
        output::bytes(text.as_bytes())?;
    }
    output::line(&format!("{} inserts, {} updates, {} deletes", stats.inserts, stats.updates, stats.deletes))
}

/// Warns about names in the filter that neither state has a type for.
async fn warn_of_types(args: &Diff, graph: &Omnigraph) -> Result<(), Failure> {
    let names = args.scope.types();
    if names.is_empty() {
        return Ok(());
    }
    let mut known = BTreeSet::new();
    for side in [&args.from, &args.to] {
        known.extend(graph.catalog(target(side)).await?.type_keys().map(|key| key.name));
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    type_names::warn(names.iter().map(String::as_str), &known, &format!("'{}' or '{}'", args.from, args.to));
    Ok(())
}

/// Reads a commit id or a branch name.
fn target(text: &str) -> ReadTarget {
    let id = text.len() == ID_LENGTH && text.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
    if id { ReadTarget::Snapshot(SnapshotId::new(text)) } else { ReadTarget::Branch(text.to_owned()) }
}

/// Returns an image as a wire type.
fn image(image: EntityImage) -> ChangeImageOutput {
    let endpoints = image.endpoints.map(|e| ChangeEndpointsOutput { from: e.from, to: e.to });
    ChangeImageOutput { properties: image.properties, endpoints }
}

/// A graph whose changes are read page by page.
enum Source {
    Direct(Omnigraph),
    Served(GraphClient),
}

impl Source {
    async fn open(own: Option<&str>, global: &Global) -> Result<Source, Failure> {
        Ok(match address::target(own, global, Access::Read).await? {
            Target::Served(graph) => Source::Served(graph),
            Target::Direct(uri) => Source::Direct(address::open(&uri, global, Access::Read).await?),
        })
    }

    async fn commit_page(
        &self,
        args: &CommitChanges,
        token: Option<&str>,
    ) -> Result<CommitChangesOutput, Failure> {
        Ok(match self {
            Source::Direct(graph) => {
                service::commit_changes(graph, &args.id, &args.scope.feed(), token, args.limit).await?
            }
            Source::Served(graph) => {
                let limit = args.limit.map(|limit| limit as u64);
                graph.commit_changes(&args.id, &args.scope.served(), limit, token).await?
            }
        })
    }

    /// Returns a page of a feed: the one of a token, or the first one.
    async fn feed_page(&self, args: &Poll, token: Option<&str>) -> Result<ChangeFeedOutput, Failure> {
        match self {
            Source::Direct(graph) => {
                let position = match (token, &args.cursor) {
                    (Some(token), _) => ChangeFeedPosition::PageToken(token.to_owned()),
                    (None, Some(cursor)) => ChangeFeedPosition::Cursor(cursor.clone()),
                    (None, None) => ChangeFeedPosition::Start(args.start.clone()),
                };
                let request = ChangeFeedRequest {
                    branch: Some(args.branch.clone()),
                    scope: args.scope.feed(),
                    max_changes: args.limit,
                    ..ChangeFeedRequest::new(position)
                };
                Ok(service::poll_changes(graph, &request).await?)
            }
            Source::Served(graph) => {
                let position = match (token, &args.cursor) {
                    (Some(token), _) => http::FeedPosition::Page(token.to_owned()),
                    (None, Some(cursor)) => http::FeedPosition::Cursor(cursor.clone()),
                    (None, None) => http::FeedPosition::Start(match &args.start {
                        FeedStart::Now => http::FeedStart::Now,
                        FeedStart::Beginning => http::FeedStart::Beginning,
                        FeedStart::AfterCommit(id) => http::FeedStart::After(id.clone()),
                    }),
                };
                let limit = args.limit.map(|limit| limit as u64);
                Ok(graph.poll_changes(Some(&args.branch), &position, &args.scope.served(), limit).await?)
            }
        }
    }
}

impl Source {
    /// Warns about names that no type of a branch has. Without access to the branch there is nothing to compare with.
    async fn warn(&self, unseen: &UnseenNames<'_>, branch: &str) {
        if unseen.is_empty() {
            return;
        }
        let found = match self {
            Source::Direct(graph) => service::snapshot(graph, branch).await.ok(),
            Source::Served(graph) => graph.snapshot(Some(branch)).await.ok(),
        };
        if let Some(found) = found {
            unseen.warn(&found);
        }
    }
}

/// Refuses empty pages, with the text of servers.
fn check_limit(limit: Option<usize>) -> Result<(), Failure> {
    match limit {
        Some(0) => Err(Failure::Usage { message: "limit must be at least 1".to_owned(), hint: None }),
        _ => Ok(()),
    }
}

/// Prints the changes of one commit: all of them, or the page of a token.
pub(crate) async fn commit(args: &CommitChanges, global: &Global) -> Result<(), Failure> {
    check_limit(args.limit)?;
    let source = Source::open(args.uri.as_deref(), global).await?;
    let mut unseen = UnseenNames::of(args.scope.types());
    if let Some(token) = &args.page_token {
        let page = source.commit_page(args, Some(token)).await?;
        unseen.remove_seen(&page.changes);
        let branch = page.cause.authored_branch.clone();
        if global.json {
            output::json(&page)?;
        } else {
            let CommitChangesOutput { cause, changes, next_page_token } = page;
            let mut blocks = Blocks::new(Style::Text);
            blocks.print(&ChangeBlockOutput { cause, changes })?;
            if let Some(next) = next_page_token {
                blocks.out.text(&format!("next_page_token: {next}\n"))?;
            }
            blocks.out.flush()?;
        }
        source.warn(&unseen, &branch).await;
        return Ok(());
    }
    let mut blocks = Blocks::new(if global.json { Style::Json } else { Style::Text });
    let mut token = None;
    let branch = loop {
        let CommitChangesOutput { cause, changes, next_page_token } =
            source.commit_page(args, token.as_deref()).await?;
        unseen.remove_seen(&changes);
        let block = ChangeBlockOutput { cause, changes };
        blocks.print(&block)?;
        token = next_page_token;
        if token.is_none() {
            break block.cause.authored_branch;
        }
    };
    blocks.end()?;
    if global.json {
        blocks.out.text("\n")?;
    }
    blocks.out.flush()?;
    source.warn(&unseen, &branch).await;
    Ok(())
}

/// Polls a feed, or captures a baseline.
pub(crate) async fn run(args: &Changes, global: &Global) -> Result<(), Failure> {
    match args {
        Changes::Poll(args) => poll(args, global).await,
        Changes::Baseline(args) => baseline::run(args, global).await,
    }
}

async fn poll(args: &Poll, global: &Global) -> Result<(), Failure> {
    check_limit(args.limit)?;
    let source = Source::open(args.uri.as_deref(), global).await?;
    let mut unseen = UnseenNames::of(args.scope.types());
    let mut blocks = Blocks::new(if global.json { Style::Json } else { Style::Text });
    // The first page is read before anything is printed, so that a refused poll leaves stdout empty.
    let mut page = source.feed_page(args, None).await?;
    if global.json {
        blocks.out.text("{\"blocks\":[")?;
    }
    loop {
        for block in &page.blocks {
            unseen.remove_seen(&block.changes);
            blocks.print(block)?;
        }
        match page.next_page_token {
            Some(token) => page = source.feed_page(args, Some(&token)).await?,
            None => break,
        }
    }
    blocks.end()?;
    finish(blocks, page.cursor.as_deref(), page.caught_up)?;
    source.warn(&unseen, &args.branch).await;
    Ok(())
}

/// Ends the output of a poll with the cursor of its last page.
fn finish(mut blocks: Blocks, cursor: Option<&str>, caught_up: Option<bool>) -> Result<(), Failure> {
    if blocks.style == Style::Json {
        blocks.out.text("]")?;
        if let Some(cursor) = cursor {
            blocks.out.text(",\"cursor\":")?;
            blocks.out.json(&cursor)?;
        }
        if let Some(caught_up) = caught_up {
            blocks.out.text(&format!(",\"caught_up\":{caught_up}"))?;
        }
        blocks.out.text("}\n")?;
        return blocks.out.flush();
    }
    if blocks.is_empty() {
        blocks.out.text("(no new commits)\n")?;
    }
    blocks.out.text("\n")?;
    if let Some(cursor) = cursor {
        blocks.out.text(&format!("cursor: {cursor}\n"))?;
    }
    if let Some(caught_up) = caught_up {
        blocks.out.text(&format!("caught_up: {caught_up}\n"))?;
    }
    blocks.out.flush()
}
