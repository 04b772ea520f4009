//! The operator config, read at most once in a run.

use std::sync::OnceLock;

use omnigraph_client::BearerToken;
use omnigraph_client::operator::{OperatorConfig, OperatorDir, ProcessEnv, token_for};

use crate::args::Global;
use crate::failure::Failure;

/// The operator config, and the directory that it and the credentials are in.
#[derive(Debug)]
pub(crate) struct Operator {
    /// The config; empty when there is no file.
    pub(crate) config: OperatorConfig,
    /// The directory, which need not exist.
    pub(crate) dir: Option<OperatorDir>,
}

static OPERATOR: OnceLock<Operator> = OnceLock::new();

/// Returns the operator config. The first call reads it, and warns about each key that it does not know.
pub(crate) fn load() -> Result<&'static Operator, Failure> {
    if let Some(operator) = OPERATOR.get() {
        return Ok(operator);
    }
    let dir = OperatorDir::find(&ProcessEnv);
    let loaded = OperatorConfig::load(dir.as_ref())?;
    for key in &loaded.unknown_keys {
        eprintln!("warning: unknown key `{key}` in the operator config");
    }
    Ok(OPERATOR.get_or_init(|| Operator { config: loaded.config, dir }))
}

/// Returns the author of writes to storage: `--as`, else `operator.actor` if the config has been read.
pub(crate) fn actor(global: &Global) -> Option<&str> {
    let configured = || OPERATOR.get().and_then(|operator| operator.config.operator.actor.as_deref());
    global.actor.as_deref().or_else(configured)
}

impl Operator {
    /// Returns the token that goes with a URL.
    pub(crate) fn token(&self, url: &str) -> Result<Option<BearerToken>, Failure> {
        Ok(token_for(url, &self.config, self.dir.as_ref(), &ProcessEnv)?)
    }
}
