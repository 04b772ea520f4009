//! What to serve and how: command line, environment and config file, checked before anything is opened.

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
