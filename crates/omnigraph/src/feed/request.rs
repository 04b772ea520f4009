//! What a caller asks a feed for: where to begin, what to deliver, and how much at a time.

use super::scope::ChangeFeedScope;

/// Changes on a page when the caller does not say.
pub const DEFAULT_PAGE_CHANGES: usize = 1000;
/// The most changes a page may be asked for.
pub const MAX_PAGE_CHANGES: usize = 8192;
/// Bytes of changes on a page when the caller does not say.
pub const DEFAULT_PAGE_BYTES: u64 = 4 << 20;
/// The most bytes of changes a page may be asked for.
pub const MAX_PAGE_BYTES: u64 = 32 << 20;
/// Commits examined by a poll when the caller does not say.
pub const DEFAULT_POLL_COMMITS: usize = 128;
/// The most commits a poll may be asked to examine.
pub const MAX_POLL_COMMITS: usize = 512;

/// Where a feed that has no cursor yet begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedStart {
    /// Behind the head: only what comes.
    Now,
    /// Behind the first commit of the graph: everything.
    Beginning,
    /// Behind a commit of the branch.
    AfterCommit(String),
}

/// Where a poll begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeFeedPosition {
    /// Without earlier polls.
    Start(FeedStart),
    /// Behind the complete commits an earlier poll delivered.
    Cursor(String),
    /// In the middle of a block, where an earlier page ended.
    PageToken(String),
}

/// A poll. [`ChangeFeedRequest::new`] fills the optional fields with their defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeFeedRequest {
    /// The branch; absent means `main`.
    pub branch: Option<String>,
    /// Where to begin.
    pub position: ChangeFeedPosition,
    /// What to deliver.
    pub scope: ChangeFeedScope,
    /// At most this many changes; default [`DEFAULT_PAGE_CHANGES`].
    pub max_changes: Option<usize>,
    /// At most about this many bytes; default [`DEFAULT_PAGE_BYTES`].
    pub max_bytes: Option<u64>,
    /// At most this many commits; default [`DEFAULT_POLL_COMMITS`].
    pub max_commits: Option<usize>,
}

impl ChangeFeedRequest {
    /// A poll of everything on `main` with default limits.
    pub fn new(position: ChangeFeedPosition) -> ChangeFeedRequest {
        ChangeFeedRequest {
            branch: None,
            position,
            scope: ChangeFeedScope::default(),
            max_changes: None,
            max_bytes: None,
            max_commits: None,
        }
    }
}
