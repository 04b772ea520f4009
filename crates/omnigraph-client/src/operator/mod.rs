//! The operator's directory, `$OMNIGRAPH_HOME` or `~/.omnigraph`: what it says about servers, clusters, profiles and
//! defaults, the tokens it keeps, and which graph a command line means with it.
//!
//! ```no_run
//! use omnigraph_client::http::{GraphClient, graph_base};
//! use omnigraph_client::operator::{
//!     AddressFlags, Capability, OperatorConfig, OperatorDir, ProcessEnv, Scope, resolve, token_for,
//! };
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = OperatorDir::find(&ProcessEnv);
//! let loaded = OperatorConfig::load(dir.as_ref())?;
//! for key in &loaded.unknown_keys {
//!     eprintln!("warning: unknown key `{key}` in the operator config");
//! }
//! let flags = AddressFlags { server: Some("prod"), graph: Some("kb"), ..AddressFlags::default() };
//! match resolve(Capability::Data, &flags, &loaded.config, &ProcessEnv)? {
//!     Scope::Server { base, graph, .. } => {
//!         let url = match &graph {
//!             Some(id) => graph_base(&base, id)?,
//!             None => base,
//!         };
//!         let token = token_for(&url, &loaded.config, dir.as_ref(), &ProcessEnv)?;
//!         println!("{}", GraphClient::new(&url, token)?.base());
//!     }
//!     Scope::Store { uri } => println!("{uri}"),
//!     Scope::Cluster { root, .. } => println!("{root}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The environment is looked up through [`Env`] alone. Nothing here makes a connection.

mod config;
mod credentials;
mod env;
mod error;
mod format;
mod home;
mod keys;
mod profiles;
mod scope;
mod session;
mod tokens;

pub use config::{
    Alias, CellLayout, ClusterEntry, Defaults, LoadedConfig, Operator, OperatorConfig, OutputFormat, Profile,
    ServerEntry,
};
pub use credentials::CredentialsFile;
pub use env::{Env, ProcessEnv};
pub use error::OperatorError;
pub use format::{TableStyle, output_format, table_style};
pub use home::OperatorDir;
pub use profiles::{ProfileEntry, ProfileShow, list_profiles, show_profile};
pub use scope::{
    AddressFlags, Capability, Origin, ProfileProblem, Scope, ScopeError, is_local, resolve, server_base,
};
pub use session::{LoginOutput, LogoutOutput, login, logout};
pub use tokens::{token_for, token_variable};
