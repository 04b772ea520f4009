//! YAML files that people write for Omnigraph.
//!
//! Owns the one dialect of all such files, trees of values that know their positions, the typed reading of them, and
//! problems with their position and cure ("did you mean"). No I/O; no text panics.
//!
//! [`parse`] makes a tree of a text. [`Reader`] takes typed values out of a tree and collects everything
//! that does not fit. [`from_str`] fills a type of `serde`
//! instead, under the same bounds, and stops at the first misfit.
//!
//! One dialect for all files: YAML 1.2 booleans only (`yes` is text); a key given twice is an error, as is a second
//! document; merge keys (`<<`) are ordinary keys; aliases work. Nesting, aliases and size are bounded.
//!
//! ```
//! use omnigraph_yaml::{Misfit, Reader, parse};
//!
//! let root = parse("name: atlas\ncolor: red\n").map_err(|problems| problems[0].to_string())?;
//! let mut reader = Reader::<Misfit>::default();
//! let fields = reader.map(&root, "", &["name", "colour"]).ok_or("not a map")?;
//! assert_eq!(reader.required_text(&fields, "name").as_deref(), Some("atlas"));
//! let problem = &reader.problems()[0];
//! assert_eq!(problem.position.map(|at| at.line), Some(2));
//! assert_eq!(problem.to_string(), "unknown key 'color'; did you mean 'colour'?");
//! # Ok::<(), String>(())
//! ```

mod dialect;
mod path;
mod problem;
mod reader;
mod tree;

pub use dialect::from_str;
pub use path::{item, join};
pub use problem::{Cure, Misfit, Position, Problem, suggestion};
pub use reader::{Fields, Positions, Reader, SimilarKey};
pub use tree::{Node, Value, parse};
