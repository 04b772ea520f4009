//! Error answers: the envelope, its machine-readable details, and the HTTP status that belongs to each.
//!
//! A server makes an [`ErrorReply`], which keeps status, code and detail together; a client reads an [`ErrorOutput`]
//! with [`ErrorOutput::decode`]. The change routes have an envelope of their own, [`ChangeErrorOutput`], which has no
//! place for what those routes must not tell; every such body is readable as an [`ErrorOutput`] too.
//!
//! ```
//! use omnigraph_api::{ErrorOutput, ErrorReply};
//!
//! let (status, body) = ErrorReply::precondition_failed("main", "01HA", Some("01HB")).into_parts();
//! let sent = serde_json::to_vec(&body)?;
//!
//! let received = ErrorOutput::decode(&sent).expect("an error object");
//! assert_eq!(status, 412);
//! assert_eq!(received.precondition_failure.and_then(|lost| lost.actual).as_deref(), Some("01HB"));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod change;
mod code;
mod detail;
mod lenient;
mod output;
mod reply;
mod text;

pub use change::{ChangeErrorDetail, ChangeErrorOutput, ChangeErrorReply};
pub use code::{ErrorCode, WireCode};
pub use detail::{
    BlobRangeOutput, ChangeDiffRefusalOutput, ChangeDiffRefusalReason, ChangeFeedGapOutput, ErrorDetail,
    ExternalBlobSourceOutput, KeyConflictOutput, MergeConflictKindOutput, MergeConflictOutput,
    PreconditionFailureOutput, PublishedDatasetVersionConflictOutput, ReadSetConflictOutput,
    RecoveryRequiredOutput, ResourceLimitOutput,
};
pub use output::ErrorOutput;
pub use reply::{ErrorReply, Reply};
