//! Debian package lists to a graph of packages, versions, sources, sections and maintainers.
//!
//! Input: `Packages` lists of an archive, or `apt-cache dumpavail`, and optionally `Translation-en` lists. Several
//! versions of a package may occur; each becomes a `Version`, and the newest says what the `Package` looks like and
//! depends on. A name that only occurs in relations becomes a `Package` with `virtual: true`.

mod archive;
mod control;
mod graph;
mod package;
mod relation;
mod slice;
mod version;

pub use archive::Archive;
pub use control::{Stanza, Stanzas};
pub use graph::write;
pub use package::PackageVersion;
pub use relation::{Relation, RelationKind};
pub use slice::{DEFAULT_ROOTS, slice};
pub use version::compare as compare_versions;
