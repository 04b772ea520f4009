//! The command line of `omnigraph-server`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  omnigraph-server ./atlas.omni --unauthenticated
  omnigraph-server --config omnigraph.yaml --bind 0.0.0.0:8080
  omnigraph-server --config omnigraph.yaml --target atlas --log-format json
  omnigraph-server --cluster s3://acme-graphs/cluster --require-all-graphs

Keys of the config file that stand for flags (a flag wins over its variable, a variable over its key):
  server:
    bind: 0.0.0.0:8443
    tls: { cert: tls/server.pem, key: tls/server.key }
    cors: { origins: ['https://console.example.org'] }
    request_timeout: 30s
    client_timeout: 1m
    memory: 4GiB
    log: { format: json }
    jwt:
      jwks: https://id.example.org/.well-known/jwks.json
      issuer: https://id.example.org/
      audience: [omnigraph]
      actor_claim: email          # default: sub
      algorithms: [RS256, ES256]  # default: all asymmetric ones
      leeway: 30s                 # default: 60s

Environment: OMNIGRAPH_CONFIG, OMNIGRAPH_UNAUTHENTICATED and OMNIGRAPH_REQUIRE_ALL_GRAPHS stand for their flags.
Bearer tokens come from OMNIGRAPH_SERVER_BEARER_TOKEN, …_TOKENS_FILE or …_TOKENS_JSON. Writes are limited by
OMNIGRAPH_PER_ACTOR_INFLIGHT_MAX and OMNIGRAPH_PER_ACTOR_BYTES_MAX. RUST_LOG filters the log, which goes to stderr.";

/// What a user may type.
///
/// Values are as typed; [`crate::settings::load_server_settings`] gives them their meaning.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "omnigraph-server", version, about = "Serves Omnigraph graphs over HTTP", long_about = None, after_long_help = EXAMPLES)]
pub struct Args {
    /// The graph to serve: a path, file://… or s3://bucket/prefix
    #[arg(value_name = "URI", value_parser = NonEmptyStringValueParser::new())]
    pub uri: Option<String>,

    /// Serve the one graph graphs.NAME of the config file
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub target: Option<String>,

    /// The config file [env: OMNIGRAPH_CONFIG] [default: ./omnigraph.yaml if it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Serve the graphs of a cluster: its directory or the URI of its storage root
    #[arg(long, value_name = "DIR|URI", value_parser = NonEmptyStringValueParser::new())]
    pub cluster: Option<String>,

    /// Listen address; port 0 is any free port [default: server.bind, else 127.0.0.1:8080]
    #[arg(long, value_name = "IP:PORT")]
    pub bind: Option<SocketAddr>,

    /// Consent to run with neither tokens nor policy [env: OMNIGRAPH_UNAUTHENTICATED]
    #[arg(long)]
    pub unauthenticated: bool,

    /// Abort startup when a graph of the cluster cannot be served [env: OMNIGRAPH_REQUIRE_ALL_GRAPHS]
    #[arg(long)]
    pub require_all_graphs: bool,

    /// Certificate chain in PEM; serves HTTPS [env: OMNIGRAPH_SERVER_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Private key in PEM for --tls-cert [env: OMNIGRAPH_SERVER_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Origin that browsers may call from, or *; repeatable [env: OMNIGRAPH_SERVER_CORS_ORIGINS, by commas]
    #[arg(long = "cors-origin", value_name = "ORIGIN")]
    pub cors_origins: Vec<String>,

    /// Longest time of a request, such as 500ms, 30s, 2m or 1h; none by default [env: OMNIGRAPH_SERVER_REQUEST_TIMEOUT]
    #[arg(long, value_name = "DURATION")]
    pub request_timeout: Option<String>,

    /// Longest time that a client may stand still [default: 30s while it sends, 2m while it reads]
    /// [env: OMNIGRAPH_SERVER_CLIENT_TIMEOUT]
    #[arg(long, value_name = "DURATION")]
    pub client_timeout: Option<String>,

    /// Bytes that caches, sorts and loads may hold, such as 512MiB [default: 1GiB] [env: OMNIGRAPH_SERVER_MEMORY]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,

    /// Compute the `@embed` vectors that writes leave out [env: OMNIGRAPH_EMBED_ON_WRITE]
    #[arg(long)]
    pub embed_on_write: bool,

    /// Form of the log lines on stderr [default: text] [env: OMNIGRAPH_SERVER_LOG_FORMAT]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// Keys that sign JWT bearer tokens: a JWKS file or URL [env: OMNIGRAPH_SERVER_JWT_JWKS]
    #[arg(long, value_name = "FILE|URL")]
    pub jwt_jwks: Option<String>,

    /// Issuer that a JWT must name [env: OMNIGRAPH_SERVER_JWT_ISSUER]
    #[arg(long, value_name = "ISSUER")]
    pub jwt_issuer: Option<String>,

    /// Audience that a JWT must name; repeatable, one of them is enough [env: OMNIGRAPH_SERVER_JWT_AUDIENCE, by commas]
    #[arg(long = "jwt-audience", value_name = "AUDIENCE")]
    pub jwt_audiences: Vec<String>,

    /// Claim that holds the actor [default: sub] [env: OMNIGRAPH_SERVER_JWT_ACTOR_CLAIM]
    #[arg(long, value_name = "CLAIM")]
    pub jwt_actor_claim: Option<String>,

    /// Signature algorithm to accept; repeatable; asymmetric ones only [env: OMNIGRAPH_SERVER_JWT_ALGORITHMS, by commas]
    #[arg(long = "jwt-algorithm", value_name = "ALG")]
    pub jwt_algorithms: Vec<String>,

    /// Clock difference that the times of a JWT may show, at most 10m [default: 60s] [env: OMNIGRAPH_SERVER_JWT_LEEWAY]
    #[arg(long, value_name = "DURATION")]
    pub jwt_leeway: Option<String>,
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One readable line per event.
    #[default]
    Text,
    /// One JSON object per event.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(words: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once(&"omnigraph-server").chain(words))
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_flag_is_read() {
        let args = parse(&[
            "./g",
            "--target",
            "t",
            "--config",
            "c.yaml",
            "--bind",
            "[::1]:0",
            "--unauthenticated",
            "--require-all-graphs",
            "--cors-origin",
            "https://a",
            "--cors-origin",
            "https://b",
            "--log-format",
            "json",
            "--jwt-audience",
            "x",
        ])
        .unwrap();
        assert_eq!(args.uri.as_deref(), Some("./g"));
        assert_eq!(args.target.as_deref(), Some("t"));
        assert_eq!(args.bind, Some("[::1]:0".parse().unwrap()));
        assert!(args.unauthenticated && args.require_all_graphs);
        assert_eq!(args.cors_origins, ["https://a", "https://b"]);
        assert_eq!(args.log_format, Some(LogFormat::Json));
        assert_eq!(args.jwt_audiences, ["x"]);
    }

    #[test]
    fn syntax_errors_exit_with_2() {
        for words in [
            &["--bind", "8080"][..],
            &["--nope"],
            &["a", "b"],
            &[""],
            &["--target", ""],
            &["--log-format", "xml"],
        ] {
            assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }

    #[test]
    fn help_and_version_exit_with_0_and_help_shows_the_config_keys() {
        assert_eq!(parse(&["--version"]).unwrap_err().exit_code(), 0);
        let help = parse(&["--help"]).unwrap_err();
        assert_eq!(help.kind(), ErrorKind::DisplayHelp);
        let text = help.to_string();
        assert!(!text.contains("crate::"), "{text}");
        for word in ["request_timeout: 30s", "OMNIGRAPH_SERVER_JWT_JWKS", "--cluster"] {
            assert!(text.contains(word), "{word} is not in:\n{text}");
        }
    }
}
