//! The named fault points of staging and reshaping: one per durable step. They exist with the crate feature `failpoints` only.
//!
//! Action `return` makes a point fail with a bad request `injected failpoint triggered: <name>`; `panic` models a crash,
//! `pause` parks the writer. Whatever is durable at a point is garbage unless a commit record names it later.

use crate::error::Result;

/// Nothing of this change is durable.
pub(crate) const STAGE_BEGIN: &str = "stage.begin";
/// Data files are written (not yet synced); no version names them.
pub(crate) const STAGE_DATA_WRITTEN: &str = "stage.post_data_files";
/// Data and deletion files are written (not yet synced); no version names them.
pub(crate) const STAGE_DELETIONS_WRITTEN: &str = "stage.post_deletion_files";
/// The detached version is written (not yet synced); no commit names it.
pub(crate) const STAGE_VERSION_WRITTEN: &str = "stage.post_version";
/// The detached version and all its files are durable; no commit names it.
pub(crate) const STAGE_SYNCED: &str = "stage.post_sync";
/// A detached version with another column list is written (not yet synced); no commit names it.
pub(crate) const RESHAPE_VERSION_WRITTEN: &str = "schema_apply.post_table_commit";

/// Every point of staging, for the test that walks them all.
#[cfg(all(test, feature = "failpoints"))]
pub(crate) const ALL: [&str; 5] =
    [STAGE_BEGIN, STAGE_DATA_WRITTEN, STAGE_DELETIONS_WRITTEN, STAGE_VERSION_WRITTEN, STAGE_SYNCED];

/// Passes a fault point.
///
/// # Errors
/// What the point is armed with; nothing without the feature.
pub(crate) fn hit(name: &'static str) -> Result<()> {
    fail::fail_point!(name, |_| Err(crate::error::OmniError::bad_request(format!(
        "injected failpoint triggered: {name}"
    ))));
    let _ = name;
    Ok(())
}
