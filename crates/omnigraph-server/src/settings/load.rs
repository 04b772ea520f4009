//! Puts the settings together: from command line and environment to a checked [`ServerConfig`].

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use omnigraph::db::OpenOptions;

use super::SettingsError;
use super::boot::{self, BootSource};
use super::options::{self, CorsOrigins, TlsFiles};
use super::sources::{
    JWT_ACTOR_CLAIM, JWT_ALGORITHMS, JWT_AUDIENCES, JWT_ISSUER, JWT_JWKS, JWT_LEEWAY, Sources,
};
use crate::args::Args;
use crate::auth::{ServerRuntimeState, TokenStore, classify_server_runtime_state};
use crate::client_timeouts::ClientTimeouts;
use crate::env::Env;
use crate::jwt::{JwtOptions, JwtSettings};
use crate::logging::LogSettings;
use crate::workload::WorkloadLimits;

/// Everything a server needs to know before it opens its first graph. Holds no token, only digests.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// What to open.
    pub source: BootSource,
    /// Where to listen; port 0 is any free port.
    pub bind: SocketAddr,
    /// The operator's consent to neither tokens nor policy.
    pub unauthenticated: bool,
    /// HTTPS, if wanted.
    pub tls: Option<TlsFiles>,
    /// From where browsers may call.
    pub cors: CorsOrigins,
    /// Longest time of a request; none if absent.
    pub request_timeout: Option<Duration>,
    /// How long clients may stand still.
    pub client_timeouts: ClientTimeouts,
    /// The log.
    pub log: LogSettings,
    /// Static bearer tokens.
    pub tokens: TokenStore,
    /// JWT bearer tokens, if wanted.
    pub jwt: Option<JwtSettings>,
    /// What one actor may have under way.
    pub workload: WorkloadLimits,
    /// How graphs are opened.
    pub engine: OpenOptions,
    /// What the operator should know, for the log once it is on.
    pub warnings: Vec<String>,
}

impl ServerConfig {
    /// Decides how requests are judged.
    ///
    /// # Errors
    /// [`SettingsError::Classifier`] if tokens, policy and consent do not fit;
    /// [`SettingsError::ClusterUnsupported`] for a cluster.
    pub fn classify(&self) -> Result<ServerRuntimeState, SettingsError> {
        let has_tokens = !self.tokens.is_empty() || self.jwt.is_some();
        let has_policy = self.source.has_policy()?;
        Ok(classify_server_runtime_state(has_tokens, has_policy, self.unauthenticated)?)
    }
}

/// Reads and checks all settings, tokens included. Opens no graph and reads no policy or query file.
///
/// `cwd` is the absolute working directory, against which the positional URI and the config file resolve.
///
/// # Errors
/// [`SettingsError`] for the first refusal, in this order: boot source, options, tokens, [`ServerConfig::classify`].
pub fn load_server_settings(args: &Args, env: &Env<'_>, cwd: &Path) -> Result<ServerConfig, SettingsError> {
    let boot = boot::choose(args, env, cwd)?;
    let sources = Sources { args, env, server: &boot.config.server };
    let mut warnings = boot.warnings;
    let (workload, limit_warnings) = WorkloadLimits::from_env(env)?;
    warnings.extend(limit_warnings);
    let jwt = jwt(&sources)?;
    if jwt.as_ref().is_some_and(|jwt| jwt.jwks.is_unprotected()) {
        warnings.push(
            "the JWT keys come over http: who can change that traffic can be anyone; use https".to_owned(),
        );
    }
    let mut config = ServerConfig {
        bind: options::bind(&sources)?,
        unauthenticated: args.unauthenticated || env.truthy("OMNIGRAPH_UNAUTHENTICATED")?,
        tls: options::tls(&sources)?,
        cors: options::cors(&sources)?,
        request_timeout: options::request_timeout(&sources)?,
        client_timeouts: options::client_timeouts(&sources)?,
        log: LogSettings { format: options::log_format(&sources)?, filter: env.get("RUST_LOG")? },
        tokens: TokenStore::load(env)?,
        engine: options::engine(&sources)?,
        source: boot.source,
        jwt,
        workload,
        warnings,
    };
    if config.classify()? != ServerRuntimeState::Open {
        let bare = config.source.graphs().iter().filter(|graph| graph.policy.is_none());
        config.warnings.extend(bare.map(|graph| {
            format!("graph '{}' has no policy: its callers may read and nothing else", graph.label)
        }));
    }
    Ok(config)
}

fn jwt(sources: &Sources<'_>) -> Result<Option<JwtSettings>, SettingsError> {
    Ok(JwtSettings::new(JwtOptions {
        leeway: JWT_LEEWAY.duration(sources)?.map(|time| time.value),
        jwks: JWT_JWKS.value(sources)?,
        issuer: JWT_ISSUER.value(sources)?,
        audiences: JWT_AUDIENCES.values(sources)?,
        actor_claim: JWT_ACTOR_CLAIM.value(sources)?,
        algorithms: JWT_ALGORITHMS.values(sources)?,
    })?)
}
