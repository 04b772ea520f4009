//! Converters from public data to graph batches (JSONL) for `omnigraph load`.
//!
//! Owns the readers of Debian package lists ([`debian`]) and of the WordNet database ([`wordnet`]), and the writers of the
//! graphs that the schemas in `examples/` describe. Knows the format of batches, not the engine.
//!
//! ```
//! use std::io::Cursor;
//!
//! use omnigraph_examples::batch::Batch;
//! use omnigraph_examples::{debian, input::Lines};
//!
//! let list = "Package: hello\nVersion: 2.10-3\nArchitecture: amd64\nDepends: libc6 (>= 2.34)\n";
//! let mut archive = debian::Archive::default();
//! archive.read_packages(Lines::new("list", Cursor::new(list))?)?;
//! let mut batch = Batch::new("memory", Vec::new());
//! debian::write(&archive, &mut batch)?;
//! let (counts, jsonl) = batch.finish()?;
//! assert_eq!(counts.iter().find(|count| count.name == "Depends").map(|count| count.lines), Some(1));
//! assert!(String::from_utf8(jsonl)?.contains(r#""from":"hello","to":"libc6""#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants: (1) equal input gives equal output, byte for byte; (2) every endpoint of an edge is a node of the same
//! output; (3) every edge carries an id that follows from the input, so that loading twice with `merge` adds nothing.
//! Cost: the input is read as a stream and kept parsed (a few hundred MB for all of Debian); output is streamed.

pub mod batch;
pub mod debian;
pub mod error;
pub mod input;
pub mod wordnet;

pub use error::{ConvertError, Problem};
