//! Settings: what to serve and how, from command line, environment and config file, checked before anything is opened.
//!
//! `yaml` reads values of the config file, `file` the keys that count; `sources` says which of flag, variable and key wins, and
//! `options` what the values mean; `graph_id` and `location` are the checked forms of names and locations of graphs; `boot` chooses
//! the graphs; `load` puts it all together. `error` has every refusal.

mod boot;
mod error;
mod file;
mod graph_id;
mod load;
mod location;
mod options;
mod sources;
#[cfg(test)]
mod tests;
mod yaml;

pub use boot::{BootSource, ClusterSource, GraphSource};
pub use error::{ConfigError, SettingsError};
pub use file::QueryEntry;
pub use graph_id::{GraphId, InvalidGraphId};
pub use load::{ServerConfig, load_server_settings};
pub use location::GraphUri;
pub use options::{CorsOrigins, TlsFiles};
