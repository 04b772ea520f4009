//! What commits changed: of one commit, and as the feed of a branch.

use std::fmt;
use std::str::FromStr;

use omnigraph_api::{ChangeFeedOutput, ChangeOpOutput, CommitChangesOutput, EntityKindOutput, Operation};

use super::connection::Call;
use super::error::ClientError;
use super::graph::GraphClient;

/// Which changes are asked for. Values of one member are alternatives; the members combine with "and"; an empty one
/// asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Kinds of entities.
    pub kinds: Vec<EntityKindOutput>,
    /// Names of types.
    pub types: Vec<String>,
    /// What happened.
    pub ops: Vec<ChangeOpOutput>,
}

/// Where a poll without cursor starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FeedStart {
    /// At the head of the branch: nothing is delivered but a cursor.
    #[default]
    Now,
    /// At the begin of history.
    Beginning,
    /// After the commit with this id.
    After(String),
}

/// A text names no start of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("start must be now | beginning | after:<commit_id>")]
pub struct FeedStartError;

impl FromStr for FeedStart {
    type Err = FeedStartError;

    fn from_str(text: &str) -> Result<FeedStart, FeedStartError> {
        match (text, text.strip_prefix("after:")) {
            ("now", _) => Ok(FeedStart::Now),
            ("beginning", _) => Ok(FeedStart::Beginning),
            (_, Some(commit)) if !commit.trim().is_empty() => Ok(FeedStart::After(commit.to_owned())),
            _ => Err(FeedStartError),
        }
    }
}

impl fmt::Display for FeedStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FeedStart::Now => f.write_str("now"),
            FeedStart::Beginning => f.write_str("beginning"),
            FeedStart::After(commit) => write!(f, "after:{commit}"),
        }
    }
}

/// Where a poll goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedPosition {
    /// Without cursor.
    Start(FeedStart),
    /// After what a cursor covers.
    Cursor(String),
    /// On the next page of a poll that ended inside a commit.
    Page(String),
}

impl Default for FeedPosition {
    fn default() -> FeedPosition {
        FeedPosition::Start(FeedStart::Now)
    }
}

impl GraphClient {
    /// Returns a page of the changes of one commit against its first parent. `limit` is the most changes of a page.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn commit_changes(
        &self,
        id: &str,
        filter: &ChangeFilter,
        limit: Option<u64>,
        page_token: Option<&str>,
    ) -> Result<CommitChangesOutput, ClientError> {
        let limit = limit.map(|limit| limit.to_string());
        let call = self
            .connection
            .call(Operation::GetCommitChanges, &[id])?
            .query("page_token", page_token)
            .query("limit", limit.as_deref());
        filtered(call, filter).json().await
    }

    /// Returns a page of the commits of a branch (`main` without), oldest first. `limit` is the most changes of a page.
    ///
    /// # Errors
    /// When the server refuses: with a `change_feed_gap` when history is gone and a new baseline is needed.
    pub async fn poll_changes(
        &self,
        branch: Option<&str>,
        position: &FeedPosition,
        filter: &ChangeFilter,
        limit: Option<u64>,
    ) -> Result<ChangeFeedOutput, ClientError> {
        let limit = limit.map(|limit| limit.to_string());
        let call = self.connection.call(Operation::PollChanges, &[])?.query("branch", branch);
        let call = match position {
            FeedPosition::Start(start) => call.query("start", Some(&start.to_string())),
            FeedPosition::Cursor(cursor) => call.query("cursor", Some(cursor)),
            FeedPosition::Page(token) => call.query("page_token", Some(token)),
        };
        filtered(call.query("limit", limit.as_deref()), filter).json().await
    }
}

fn filtered<'a>(mut call: Call<'a>, filter: &ChangeFilter) -> Call<'a> {
    for kind in &filter.kinds {
        call = call.query("kind", Some(kind.as_str()));
    }
    for name in &filter.types {
        call = call.query("type", Some(name));
    }
    for op in &filter.ops {
        call = call.query("op", Some(op.as_str()));
    }
    call
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_reads_as_it_is_written() {
        for text in ["now", "beginning", "after:01J"] {
            assert_eq!(text.parse::<FeedStart>().unwrap().to_string(), text);
        }
        for text in ["", "Now", "after:", "after: ", "01J"] {
            assert_eq!(
                text.parse::<FeedStart>().unwrap_err().to_string(),
                "start must be now | beginning | after:<commit_id>"
            );
        }
    }
}
