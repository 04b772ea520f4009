//! The feed of a branch: a walk along first parents from a position to the head, one block per commit.
//!
//! The head is captured once, when a poll starts; a page token keeps that cut for the pages that follow. Cost follows
//! the commits examined, not the history behind them or the backlog ahead.

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use omnigraph_graph::commit::{BranchName, CommitId, Graph, Seq, Snapshot, failpoints};
use omnigraph_graph::{GraphError, branch};

use super::block::BlockReader;
use super::model::{ChangeCause, ChangeFeedPage, Continuation, GraphChangeBlock};
use super::page::{Budget, Part, fill, identity, unreadable, within};
use super::reader_cache::ReaderCache;
use super::request::{
    ChangeFeedPosition, ChangeFeedRequest, DEFAULT_POLL_COMMITS, FeedStart, MAX_POLL_COMMITS,
};
use super::scope::ChangeFeedScope;
use super::token::{BlockOffset, CommitPosition, Feed, Token, rejected};
use crate::error::{CursorRejection, OmniError, Result};

/// Records read at the same time.
const PREFETCH: usize = 8;

/// Reads the next page of a feed.
///
/// # Errors
/// [`OmniError::BranchNotFound`], [`OmniError::ChangeCursorRejected`], [`OmniError::ChangeFeedGap`] and
/// [`OmniError::ChangeSchemaBoundary`] for the first commit of the page; bad request when the branch was deleted and
/// created again meanwhile.
pub(crate) async fn poll(
    graph: &Graph,
    readers: &ReaderCache,
    request: &ChangeFeedRequest,
) -> Result<ChangeFeedPage> {
    let budget = Budget::new(request.max_changes, request.max_bytes)?;
    let commits =
        within("change_feed_commits_per_poll", request.max_commits, DEFAULT_POLL_COMMITS, MAX_POLL_COMMITS)?;
    let branch = match &request.branch {
        Some(name) => BranchName::parse(name)?,
        None => BranchName::main(),
    };
    let head = graph.head(&branch).await?;
    failpoints::hit(graph.root(), failpoints::FEED_CAPTURED)?;
    let feed = feed_of(graph, &head, &request.scope).await?;
    let walk = Walk { graph, readers, branch, scope: &request.scope, feed, head: at(&head) };
    let span = walk.span(&request.position).await?;
    walk.page(&request.position, span, budget, commits).await
}

/// Makes the cursor behind a commit of a branch.
pub(crate) async fn cursor_behind(
    graph: &Graph,
    at_commit: &Snapshot,
    scope: &ChangeFeedScope,
) -> Result<String> {
    let feed = feed_of(graph, at_commit, scope).await?;
    Ok(Token::Cursor { feed, after: at(at_commit) }.encode())
}

async fn feed_of(graph: &Graph, snapshot: &Snapshot, scope: &ChangeFeedScope) -> Result<Feed> {
    Ok(Feed { graph: identity(graph).await?, branch: snapshot.branch_target().uid, scope: scope.digest() })
}

fn at(snapshot: &Snapshot) -> CommitPosition {
    CommitPosition { seq: snapshot.record().seq, id: snapshot.record().id }
}

/// What a page covers.
struct Span {
    /// The last commit already delivered completely.
    after: CommitPosition,
    /// Where in the block of the next commit to begin; at its start without one.
    offset: Option<BlockOffset>,
    /// The last commit of the poll.
    cut: CommitPosition,
}

struct Walk<'a> {
    graph: &'a Graph,
    readers: &'a ReaderCache,
    branch: BranchName,
    scope: &'a ChangeFeedScope,
    feed: Feed,
    head: CommitPosition,
}

/// The blocks of a page as they are gathered.
struct Gathered {
    blocks: Vec<GraphChangeBlock>,
    /// The last complete commit.
    after: CommitPosition,
    /// The block that goes on, with its reader.
    open: Option<(CommitPosition, BlockOffset, BlockReader)>,
}

impl Walk<'_> {
    async fn span(&self, position: &ChangeFeedPosition) -> Result<Span> {
        let from = |after| Span { after, offset: None, cut: self.head };
        match position {
            ChangeFeedPosition::Start(FeedStart::Now) => Ok(from(self.head)),
            ChangeFeedPosition::Start(FeedStart::Beginning) => Ok(from(at(&self.commit(Seq::FIRST).await?))),
            ChangeFeedPosition::Start(FeedStart::AfterCommit(id)) => Ok(from(self.on_branch(id).await?)),
            ChangeFeedPosition::Cursor(text) => {
                let Token::Cursor { feed, after } = Token::decode(text)? else {
                    return Err(rejected(CursorRejection::WrongKind));
                };
                self.feed.ensure_same(&feed)?;
                Ok(from(after))
            }
            ChangeFeedPosition::PageToken(text) => {
                let Token::FeedPage { feed, cut, open, offset } = Token::decode(text)? else {
                    return Err(rejected(CursorRejection::WrongKind));
                };
                self.feed.ensure_same(&feed)?;
                let before = self.commit(Seq(open.seq.0.saturating_sub(1))).await?;
                Ok(Span { after: at(&before), offset: Some(offset), cut })
            }
        }
    }

    /// Finds a commit that the feed is to start after.
    async fn on_branch(&self, id: &str) -> Result<CommitPosition> {
        let not_on_branch = || rejected(CursorRejection::NotOnBranch);
        let id = CommitId::parse(id).map_err(|_| not_on_branch())?;
        let found = branch::at_commit(self.graph, &id).await.map_err(|error| match error {
            GraphError::NotFound(_) => not_on_branch(),
            other => other.into(),
        })?;
        let wanted = at(&found);
        if wanted.seq > self.head.seq || at(&self.commit(wanted.seq).await?) != wanted {
            return Err(not_on_branch());
        }
        Ok(wanted)
    }

    /// Reads a commit of the branch, making sure that it is still the same branch.
    async fn commit(&self, seq: Seq) -> Result<Snapshot> {
        let snapshot = self.graph.at_seq(&self.branch, seq).await?;
        if snapshot.branch_target().uid != self.feed.branch {
            return Err(OmniError::bad_request(format!(
                "the native-branch incarnation witness of '{}' changed: the branch was deleted and created again \
                 during the poll",
                self.branch
            )));
        }
        Ok(snapshot)
    }

    async fn page(
        &self,
        position: &ChangeFeedPosition,
        span: Span,
        mut budget: Budget,
        commits: usize,
    ) -> Result<ChangeFeedPage> {
        let first = span.after.seq.0 + 1;
        let last = span.cut.seq.0.min(span.after.seq.0.saturating_add(commits as u64));
        let mut gathered = Gathered { blocks: Vec::new(), after: span.after, open: None };
        if first <= last {
            let mut before = self.commit(span.after.seq).await?;
            let reading = (first..=last).map(|seq| self.commit(Seq(seq)).boxed());
            let mut snapshots = stream::iter(reading).buffered(PREFETCH);
            while gathered.open.is_none()
                && (gathered.blocks.is_empty() || budget.has_room())
                && let Some(after) = snapshots.try_next().await?
            {
                let begin = if gathered.blocks.is_empty() {
                    span.offset.as_ref().map(|offset| (position, offset))
                } else {
                    None
                };
                match self.block(&before, &after, begin, &mut budget).await {
                    Ok((part, reader)) => {
                        if !gathered.add(&after, part, reader) {
                            break;
                        }
                    }
                    Err(error) if is_boundary(&error) && !gathered.blocks.is_empty() => break,
                    Err(error) => {
                        let cursor = match position {
                            ChangeFeedPosition::Cursor(text) => Some(text.as_str()),
                            ChangeFeedPosition::Start(_) | ChangeFeedPosition::PageToken(_) => None,
                        };
                        return Err(unreadable(error, &after, cursor));
                    }
                }
                before = after;
            }
        }
        // Rows were read under the name of the branch's commits; they count only if it is still the same branch.
        self.commit(Seq::FIRST).await?;
        Ok(self.finish(gathered, span.cut))
    }

    async fn block(
        &self,
        before: &Snapshot,
        after: &Snapshot,
        begin: Option<(&ChangeFeedPosition, &BlockOffset)>,
        budget: &mut Budget,
    ) -> Result<(Part, BlockReader)> {
        failpoints::hit(self.graph.root(), failpoints::FEED_READ)?;
        let kept = match begin {
            Some((ChangeFeedPosition::PageToken(token), _)) => self.readers.take(token),
            Some(_) | None => None,
        };
        let mut reader = match (kept, begin) {
            (Some(reader), _) => reader,
            (None, begin) => {
                let mut reader = BlockReader::new(before, after, self.scope)?;
                if let Some((_, offset)) = begin {
                    reader.resume(offset).await?;
                }
                reader
            }
        };
        let part = fill(&mut reader, budget).await?;
        Ok((part, reader))
    }

    fn finish(&self, gathered: Gathered, cut: CommitPosition) -> ChangeFeedPage {
        let continuation = match gathered.open {
            Some((open, offset, reader)) => {
                let page_token = Token::FeedPage { feed: self.feed.clone(), cut, open, offset }.encode();
                self.readers.put(&page_token, reader);
                Continuation::MidBlock { page_token }
            }
            None => Continuation::AtBlockBoundary {
                cursor: Token::Cursor { feed: self.feed.clone(), after: gathered.after }.encode(),
                caught_up: gathered.after == cut && cut == self.head,
            },
        };
        ChangeFeedPage { blocks: gathered.blocks, continuation }
    }
}

impl Gathered {
    /// Adds what was read of a commit; false when not even its first change fitted, so that it waits.
    fn add(&mut self, commit: &Snapshot, part: Part, reader: BlockReader) -> bool {
        match (part.is_complete, part.offset) {
            (true, _) => self.after = at(commit),
            (false, Some(offset)) => self.open = Some((at(commit), offset, reader)),
            (false, None) => return false,
        }
        self.blocks
            .push(GraphChangeBlock { cause: ChangeCause::from(commit.record()), changes: part.changes });
        true
    }
}

/// Tells whether a commit cannot be delivered, now or later.
fn is_boundary(error: &OmniError) -> bool {
    matches!(error, OmniError::ChangeSchemaBoundary { .. } | OmniError::HistoricalVersionReclaimed { .. })
}
