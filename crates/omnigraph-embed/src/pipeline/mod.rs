//! Filling vectors into seed files: one JSON object per line in, one compact line each out.
//!
//! A row is a node, `{"type": …, "data": {…}}`; every other object passes through. The pipeline knows no schema: which
//! property is the target and which fields make the text stands in the [`EmbedSpec`].
//!
//! Invariants: (1) the output appears whole or not at all, and a failure leaves the old one; (2) a file is checked to its
//! end before the first text is embedded; (3) members keep their order and their values their exact spelling, white
//! space apart; (4) memory is bounded by the longest line and a window of 256 texts or 16 MiB,
//! however long the file.
//!
//! ```
//! use omnigraph_embed::pipeline::{self, Job, Request, Selection, Work};
//! use omnigraph_embed::{EmbeddingClient, EmbeddingConfig, Provider};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (input, output) = (folder.path().join("in.jsonl"), folder.path().join("out.jsonl"));
//! # let spec = folder.path().join("spec.json");
//! std::fs::write(&spec, r#"{"dimension": 2, "types": {"Doc": {"target": "vec", "fields": ["title"]}}}"#)?;
//! std::fs::write(&input, r#"{"type": "Doc", "data": {"title": "Ferries"}}"#)?;
//! let job = Job::from_files(&input, &output, &spec)?;
//! let client = EmbeddingClient::new(EmbeddingConfig::from_parts(Provider::Mock, None, None, None)?)?;
//! let request = Request {
//!     job: &job,
//!     selection: Selection::default(),
//!     work: Work::FillMissing(&client),
//!     cache: None,
//!     progress: None,
//! };
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let report = runtime.block_on(pipeline::run(request))?;
//! assert_eq!(report.embedded_records, 1);
//! assert!(std::fs::read_to_string(&output)?.starts_with(r#"{"type":"Doc","data":{"title":"Ferries","vec":["#));
//! # Ok(())
//! # }
//! ```

mod cache;
mod error;
mod files;
mod job;
mod manifest;
mod report;
mod row;
mod run;
mod select;
mod spec;

pub use error::{PipelineError, Result, RowProblem};
pub use job::Job;
pub use report::{Mode, Progress, Report};
pub use run::{Request, Work, run};
pub use select::{Selection, Selector};
pub use spec::{EmbedSpec, TypeSpec};
