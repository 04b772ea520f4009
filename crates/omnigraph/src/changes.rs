//! What changed: values of the methods [`Omnigraph::diff_between`], [`Omnigraph::commit_changes_page`],
//! [`Omnigraph::poll_change_feed`] and [`Omnigraph::capture_change_baseline`].
//!
//! [`ChangeSet`] is a net difference of two states. The others are exact and made for replication: a consumer writes a
//! baseline, stores its cursor, and from then on polls, applies each [`GraphChangeBlock`] and stores the cursor that
//! came with it.
//!
//! [`Omnigraph::diff_between`]: crate::Omnigraph::diff_between
//! [`Omnigraph::commit_changes_page`]: crate::Omnigraph::commit_changes_page
//! [`Omnigraph::poll_change_feed`]: crate::Omnigraph::poll_change_feed
//! [`Omnigraph::capture_change_baseline`]: crate::Omnigraph::capture_change_baseline

pub use crate::error::CursorRejection;
pub use crate::feed::model::{
    ChangeBaseline, ChangeCause, ChangeFeedPage, ChangeOp, ChangedType, CommitChangesPage, Continuation,
    EntityImage, GraphChangeBlock, GraphEntityChange, ImageEndpoints,
};
pub use crate::feed::net::{ChangeSet, ChangeSides, ChangeStats, ChangeStream, EdgeEndpoints, EntityChange};
pub use crate::feed::request::{
    ChangeFeedPosition, ChangeFeedRequest, DEFAULT_PAGE_BYTES, DEFAULT_PAGE_CHANGES, DEFAULT_POLL_COMMITS,
    FeedStart, MAX_PAGE_BYTES, MAX_PAGE_CHANGES, MAX_POLL_COMMITS,
};
pub use crate::feed::scope::{ChangeFeedScope, ChangeFilter};
pub use crate::feed::token::MAX_TOKEN_BYTES;
pub use omnigraph_compiler::catalog::EntityKind;
