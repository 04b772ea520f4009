//! The report of a run that has ended, and the progress of one that has not.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// What was done with the selected rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Rows without a vector got one.
    FillMissing,
    /// Rows that a selector named got a new vector.
    ReembedSelected,
    /// All rows got a new vector.
    ReembedAll,
    /// Vectors were removed.
    Clean,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::FillMissing => "fill_missing",
            Mode::ReembedSelected => "reembed_selected",
            Mode::ReembedAll => "reembed_all",
            Mode::Clean => "clean",
        })
    }
}

/// The result of a run. `Serialize` gives the summary as JSON, `Display` the line for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The file that was read.
    pub input: PathBuf,
    /// The file that was written.
    pub output: PathBuf,
    /// Lines that are not blank.
    pub records: u64,
    /// Rows that the selection took, of any type.
    pub selected_records: u64,
    /// Rows that got a vector, from the provider or from the cache.
    pub embedded_records: u64,
    /// Rows that lost a vector.
    pub cleaned_records: u64,
    /// What was done.
    pub mode: Mode,
    /// Components of the vectors.
    pub dimension: usize,
    /// The model; empty for [`Mode::Clean`].
    pub model: String,
    /// Of the embedded rows, those whose vector came from the cache.
    #[serde(skip)]
    pub cached_records: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "embedded {} records (selected {}, cleaned {}) from {} -> {} [{} {}d]",
            self.embedded_records,
            self.selected_records,
            self.cleaned_records,
            self.input.display(),
            self.output.display(),
            self.mode,
            self.dimension
        )
    }
}

/// How far a run is. The counts are those of [`Report`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Lines done.
    pub records: u64,
    /// Lines of the input; `None` when it is no regular file.
    pub total_records: Option<u64>,
    /// Rows taken by the selection.
    pub selected_records: u64,
    /// Rows that got a vector.
    pub embedded_records: u64,
    /// Rows that lost a vector.
    pub cleaned_records: u64,
    /// Vectors that came from the cache.
    pub cached_records: u64,
}
