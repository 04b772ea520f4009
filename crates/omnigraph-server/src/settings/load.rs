//! From command line and environment to a checked configuration.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use omnigraph::db::OpenOptions;

use super::SettingsError;
use super::boot::{self, BootSource};
use super::file::ServerBlock;
use super::options::{self, CorsOrigins, TlsFiles, pick, pick_list};
use crate::args::Args;
use crate::auth::{ServerRuntimeState, TokenStore, classify_server_runtime_state};
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
    let server = &boot.config.server;
    let mut warnings = boot.warnings;
    let (workload, limit_warnings) = WorkloadLimits::from_env(env)?;
    warnings.extend(limit_warnings);
    let jwt = jwt(args, env, server)?;
    if jwt.as_ref().is_some_and(|jwt| jwt.jwks.is_unprotected()) {
        warnings.push(
            "the JWT keys come over http: who can change that traffic can be anyone; use https".to_owned(),
        );
    }
    let mut config = ServerConfig {
        bind: options::bind(args, server)?,
        unauthenticated: args.unauthenticated || env.truthy("OMNIGRAPH_UNAUTHENTICATED")?,
        tls: options::tls(args, env, server)?,
        cors: options::cors(args, env, server)?,
        request_timeout: options::request_timeout(args, env, server)?,
        log: LogSettings { format: options::log_format(args, env, server)?, filter: env.get("RUST_LOG")? },
        tokens: TokenStore::load(env)?,
        engine: options::engine(args, env, server)?,
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

fn jwt(args: &Args, env: &Env<'_>, server: &ServerBlock) -> Result<Option<JwtSettings>, SettingsError> {
    let text = |flag, given, name, key| pick((flag, given), (env, name), key);
    let list = |flag, given, name, key| pick_list((flag, given), (env, name), key);
    let leeway = text(
        "--jwt-leeway",
        args.jwt_leeway.as_ref(),
        "OMNIGRAPH_SERVER_JWT_LEEWAY",
        server.jwt_leeway.as_ref(),
    )?;
    let options = JwtOptions {
        jwks: text("--jwt-jwks", args.jwt_jwks.as_ref(), "OMNIGRAPH_SERVER_JWT_JWKS", server.jwks.as_ref())?
            .map(|text| text.value),
        issuer: text(
            "--jwt-issuer",
            args.jwt_issuer.as_ref(),
            "OMNIGRAPH_SERVER_JWT_ISSUER",
            server.jwt_issuer.as_ref(),
        )?
        .map(|text| text.value),
        audiences: list(
            "--jwt-audience",
            args.jwt_audiences.as_slice(),
            "OMNIGRAPH_SERVER_JWT_AUDIENCE",
            server.jwt_audiences.as_ref(),
        )?
        .map_or_else(Vec::new, |list| list.value),
        actor_claim: text(
            "--jwt-actor-claim",
            args.jwt_actor_claim.as_ref(),
            "OMNIGRAPH_SERVER_JWT_ACTOR_CLAIM",
            server.jwt_actor_claim.as_ref(),
        )?
        .map(|text| text.value),
        algorithms: list(
            "--jwt-algorithm",
            args.jwt_algorithms.as_slice(),
            "OMNIGRAPH_SERVER_JWT_ALGORITHMS",
            server.jwt_algorithms.as_ref(),
        )?
        .map_or_else(Vec::new, |list| list.value),
        leeway: leeway.map(|text| options::duration(&text)).transpose()?,
    };
    Ok(JwtSettings::new(options)?)
}
