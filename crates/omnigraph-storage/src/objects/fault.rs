//! The named fault points of staging and reshaping, one per durable step, and the passing of points everywhere. They exist
//! with the crate feature `failpoints` only.
//!
//! Action `return` makes a point fail with a bad request `injected failpoint triggered: <name>`; `panic` models a crash,
//! `pause` parks the writer. Whatever is durable at a point is garbage unless a commit record names it later.

use crate::Root;
use crate::error::Result;

/// Nothing of this change is durable.
pub const STAGE_BEGIN: &str = "stage.begin";
/// Data files are written (not yet synced); no version names them.
pub const STAGE_DATA_WRITTEN: &str = "stage.post_data_files";
/// Data and deletion files are written (not yet synced); no version names them.
pub const STAGE_DELETIONS_WRITTEN: &str = "stage.post_deletion_files";
/// The detached version is written (not yet synced); no commit names it.
pub const STAGE_VERSION_WRITTEN: &str = "stage.post_version";
/// The detached version and all its files are durable; no commit names it.
pub const STAGE_SYNCED: &str = "stage.post_sync";
/// A detached version with another column list is written (not yet synced); no commit names it.
pub const RESHAPE_VERSION_WRITTEN: &str = "schema_apply.post_table_commit";

/// Every point of staging and reshaping, for the tests that walk them all.
#[cfg(feature = "failpoints")]
pub const ALL: [&str; 6] = [
    STAGE_BEGIN,
    STAGE_DATA_WRITTEN,
    STAGE_DELETIONS_WRITTEN,
    STAGE_VERSION_WRITTEN,
    STAGE_SYNCED,
    RESHAPE_VERSION_WRITTEN,
];

/// Passes a fault point in work on a root.
///
/// # Errors
/// What the point is armed with, for this root or for all; nothing without the feature.
pub fn hit(root: &Root, name: &'static str) -> Result<()> {
    #[cfg(feature = "failpoints")]
    if !scope::holds(name, root.uri()) {
        return Ok(());
    }
    fail::fail_point!(name, |_| Err(crate::error::StorageError::bad_request(format!(
        "injected failpoint triggered: {name}"
    ))));
    let _ = (root, name);
    Ok(())
}

/// Points that are armed for one root only: the registry of points is shared by everything in the process.
#[cfg(feature = "failpoints")]
pub mod scope {
    use std::collections::BTreeMap;
    use std::sync::LazyLock;

    use parking_lot::RwLock;

    static ROOTS: LazyLock<RwLock<BTreeMap<&'static str, String>>> = LazyLock::new(RwLock::default);

    /// Limits a point to the root with this URI.
    pub fn limit(name: &'static str, uri: &str) {
        ROOTS.write().insert(name, uri.to_owned());
    }

    /// Lets a point be passed by work on any root.
    pub fn lift(name: &'static str) {
        ROOTS.write().remove(name);
    }

    /// Tells whether work on a root passes the point.
    pub fn holds(name: &'static str, uri: &str) -> bool {
        ROOTS.read().get(name).is_none_or(|only| only == uri)
    }
}
