//! Empty: the manifest of this crate pins one feature set of shared dependencies (see there).
