//! A skip that says that it skipped.

use std::io::Write;

/// Says that the test that calls this is skipped, and why: written past the capture of a test's output, as who reads the
/// result of a run must not take it for a test that passed.
pub(crate) fn skipped(reason: &str) {
    let thread = std::thread::current();
    let _ = writeln!(std::io::stderr(), "skipped {}: {reason}", thread.name().unwrap_or("a test"));
}
