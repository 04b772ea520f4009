//! Objects derived from one immutable fragment, kept beside its data file so that no process has to derive them again.
//!
//! `data/<data file without extension>/og-<hash>.<form>`: a file in a directory named after a data file goes with it
//! ([`crate::tables::reclaim`]). The hash names data files, columns and part, never the place of the graph, so a copied graph
//! keeps them.
//!
//! Derived state: an object may be missing, cut short by a power failure or of an older release; whoever reads it checks
//! it, and derives anew. They are written in the background and not synced. No commit names them, so keeping one
//! publishes nothing, conflicts with nothing, and serves every branch and commit that has the fragment.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use lance_table::format::Fragment;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Result;
use crate::objects::root::Root;
use crate::tables::table::{Table, physical_rows};

const PREFIX: &str = "og-";

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Form {
    /// Keys in order ([`crate::indexes::btree`]).
    Keys,
    /// Terms of texts ([`crate::indexes::text`]).
    Terms,
    /// Runs of characters of texts ([`crate::indexes::ngram`]).
    Grams,
    /// Vectors on a grid ([`crate::indexes::vectors`]).
    Grid,
}

impl Form {
    fn extension(self) -> &'static str {
        match self {
            Form::Keys => "keys",
            Form::Terms => "terms",
            Form::Grams => "grams",
            Form::Grid => "grid",
        }
    }
}

/// Where something derived is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(String);

impl Place {
    /// Names what is derived from columns of a fragment, as [`crate::tables::fragment::columns_key`] names them, and `part` of
    /// it. None where nothing is kept of a fragment this small.
    pub(crate) fn of(
        table: &Table,
        fragment: &Fragment,
        columns: &str,
        form: Form,
        part: &str,
    ) -> Option<Place> {
        if physical_rows(fragment) < table.root().kept_rows() {
            return None;
        }
        let file = &fragment.files.first()?.path;
        let stem = file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem);
        let mut named = String::with_capacity(160);
        for text in fragment.files.iter().map(|file| file.path.as_str()).chain([columns, part]) {
            named.push_str(text);
            named.push('\0');
        }
        let hash = xxh3_64(named.as_bytes());
        Some(Place(format!("{}/data/{stem}/{PREFIX}{hash:016x}.{}", table.path(), form.extension())))
    }

    /// Returns the path below the root.
    pub(crate) fn path(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads what is kept at a place. A failure of the store is logged, and nothing is there.
pub(crate) async fn read(root: &Root, place: &Place) -> Option<Bytes> {
    match root.get(place.path()).await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(%error, %place, "deriving what could not be read");
            None
        }
    }
}

/// Returns what is kept at a place, parsed; none when nothing is there or it is damaged, which is logged.
pub(crate) async fn parsed<T, E>(
    root: &Root,
    place: Option<&Place>,
    parse: impl FnOnce(&[u8]) -> std::result::Result<T, E> + Send + 'static,
) -> Option<T>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    let place = place?;
    let bytes = read(root, place).await?;
    match crate::objects::root::blocking(move || parse(&bytes)).await {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            tracing::warn!(%error, %place, "deriving what was kept damaged");
            None
        }
    }
}

/// Sizes of what is kept of a table, by path below the root. Cost: one listing.
pub(crate) async fn list(table: &Table) -> Result<BTreeMap<String, u64>> {
    let objects = table.root().list(&format!("{}/data", table.path())).await?;
    let kept = objects
        .into_iter()
        .filter(|object| object.path.rsplit('/').next().is_some_and(|name| name.starts_with(PREFIX)));
    Ok(kept.map(|object| (object.path, object.size)).collect())
}
