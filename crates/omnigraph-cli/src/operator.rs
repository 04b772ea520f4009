//! The operator's configuration, read once.

use std::sync::OnceLock;

use omnigraph_client::BearerToken;
use omnigraph_client::operator::{OperatorConfig, OperatorDir, ProcessEnv, token_for};

use crate::args::Global;
use crate::failure::Failure;

/// What the operator's directory says.
#[derive(Debug)]
pub(crate) struct Operator {
    /// The configuration; empty when there is none.
    pub(crate) config: OperatorConfig,
    /// The directory, which need not exist.
    pub(crate) dir: Option<OperatorDir>,
}

static OPERATOR: OnceLock<Operator> = OnceLock::new();

/// Reads the configuration, the first time with a warning for each unknown key.
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

/// Returns who direct writes are recorded for: `--as`, else the operator's actor if the configuration has been read.
pub(crate) fn actor(global: &Global) -> Option<&str> {
    let usual = || OPERATOR.get().and_then(|operator| operator.config.operator.actor.as_deref());
    global.actor.as_deref().or_else(usual)
}

impl Operator {
    /// Returns the token that goes with a URL.
    pub(crate) fn token(&self, url: &str) -> Result<Option<BearerToken>, Failure> {
        Ok(token_for(url, &self.config, self.dir.as_ref(), &ProcessEnv)?)
    }
}
