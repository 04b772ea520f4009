//! The command line as a user meets it: files in an empty folder, and what comes back on both streams.

mod arguments;
mod changing;
mod reading;
mod sandbox;
mod schemas;
