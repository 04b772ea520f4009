//! Differences and feeds.

use std::io::Write;

use futures::future::BoxFuture;
use omnigraph_graph::commit::{BranchName, CommitId};

use super::handle::Omnigraph;
use super::types::{ReadTarget, SnapshotId};
use crate::changes::{
    ChangeBaseline, ChangeFeedPage, ChangeFeedRequest, ChangeFeedScope, ChangeFilter, ChangeSet,
    ChangeStream, CommitChangesPage,
};
use crate::error::Result;
use crate::feed::page::{self, Budget};
use crate::feed::{baseline, net, poll};
use crate::write::export::ExportStream;

impl Omnigraph {
    /// Returns the net difference of two states. An entity that changed several times shows once, one that changed
    /// back not at all.
    ///
    /// # Errors
    /// [`OmniError::BranchNotFound`](crate::OmniError::BranchNotFound), not found for an unknown commit,
    /// [`OmniError::ChangeSchemaBoundary`](crate::OmniError::ChangeSchemaBoundary) when both sides have a type with
    /// different properties.
    pub fn diff_between<'a>(
        &'a self,
        from: impl Into<ReadTarget>,
        to: impl Into<ReadTarget>,
        filter: &'a ChangeFilter,
    ) -> BoxFuture<'a, Result<ChangeSet>> {
        self.diff_between_boxed(from.into(), to.into(), filter)
    }

    fn diff_between_boxed<'a>(
        &'a self,
        from: ReadTarget,
        to: ReadTarget,
        filter: &'a ChangeFilter,
    ) -> BoxFuture<'a, Result<ChangeSet>> {
        Box::pin(async move { self.diff_stream(from, to, filter).await?.collect().await })
    }

    /// Returns the net difference of two commits.
    ///
    /// # Errors
    /// As [`Omnigraph::diff_between`].
    pub fn diff_commits<'a>(
        &'a self,
        from: &'a str,
        to: &'a str,
        filter: &'a ChangeFilter,
    ) -> BoxFuture<'a, Result<ChangeSet>> {
        Box::pin(async move { self.diff_between(SnapshotId::new(from), SnapshotId::new(to), filter).await })
    }

    /// Returns the net difference of two states as it is computed, so that it may exceed memory.
    ///
    /// # Errors
    /// As [`Omnigraph::diff_between`]; later failures arrive in the stream.
    pub fn diff_stream<'a>(
        &'a self,
        from: impl Into<ReadTarget>,
        to: impl Into<ReadTarget>,
        filter: &'a ChangeFilter,
    ) -> BoxFuture<'a, Result<ChangeStream>> {
        self.diff_stream_boxed(from.into(), to.into(), filter)
    }

    fn diff_stream_boxed<'a>(
        &'a self,
        from: ReadTarget,
        to: ReadTarget,
        filter: &'a ChangeFilter,
    ) -> BoxFuture<'a, Result<ChangeStream>> {
        Box::pin(async move {
            let from = self.resolve(&from).await?;
            let to = self.resolve(&to).await?;
            net::difference(&from, &to, filter)
        })
    }

    /// Returns a page of the changes of one commit against its first parent. Pages joined are the whole block.
    ///
    /// # Errors
    /// [`OmniError::CommitHasNoParent`](crate::OmniError::CommitHasNoParent),
    /// [`OmniError::ChangeSchemaBoundary`](crate::OmniError::ChangeSchemaBoundary),
    /// [`OmniError::ChangeFeedGap`](crate::OmniError::ChangeFeedGap),
    /// [`OmniError::ChangeCursorRejected`](crate::OmniError::ChangeCursorRejected),
    /// [`OmniError::ResourceLimitExceeded`](crate::OmniError::ResourceLimitExceeded); not found for an unknown commit.
    pub fn commit_changes_page<'a>(
        &'a self,
        commit_id: &'a str,
        scope: &'a ChangeFeedScope,
        page_token: Option<&'a str>,
        max_changes: Option<usize>,
        max_bytes: Option<u64>,
    ) -> BoxFuture<'a, Result<CommitChangesPage>> {
        Box::pin(async move {
            let budget = Budget::new(max_changes, max_bytes)?;
            let commit = CommitId::parse(commit_id)?;
            page::commit_page(&self.graph, &self.readers, &commit, scope, page_token, budget).await
        })
    }

    /// Reads the next page of the feed of a branch: the commits after a position, oldest first.
    ///
    /// # Errors
    /// As [`Omnigraph::commit_changes_page`], and
    /// [`OmniError::BranchNotFound`](crate::OmniError::BranchNotFound). A commit that cannot be read is reported only
    /// when it is the first of the page.
    pub fn poll_change_feed<'a>(
        &'a self,
        request: &'a ChangeFeedRequest,
    ) -> BoxFuture<'a, Result<ChangeFeedPage>> {
        Box::pin(async move { poll::poll(&self.graph, &self.readers, request).await })
    }

    /// Writes the head of a branch as a strict graph batch, and returns the cursor behind it. The operations of the
    /// scope bind only the cursor.
    ///
    /// # Errors
    /// As [`Omnigraph::export`]; no cursor is returned then. Store the data durably before the cursor.
    pub fn capture_change_baseline<'a>(
        &'a self,
        branch: &'a str,
        scope: &'a ChangeFeedScope,
        out: &'a mut (impl Write + Send),
    ) -> BoxFuture<'a, Result<ChangeBaseline>> {
        Box::pin(async move { baseline::capture(&self.graph, &BranchName::parse(branch)?, scope, out).await })
    }

    /// Returns what [`Omnigraph::capture_change_baseline`] writes as it is read, and the cursor behind it. The cursor
    /// counts only once the stream has ended without failure.
    ///
    /// # Errors
    /// [`OmniError::BranchNotFound`](crate::OmniError::BranchNotFound),
    /// [`OmniError::Storage`](crate::OmniError::Storage); later failures arrive in the stream.
    pub fn change_baseline_stream<'a>(
        &'a self,
        branch: &'a str,
        scope: &'a ChangeFeedScope,
    ) -> BoxFuture<'a, Result<(ExportStream, ChangeBaseline)>> {
        Box::pin(
            async move { baseline::capture_stream(&self.graph, &BranchName::parse(branch)?, scope).await },
        )
    }
}
