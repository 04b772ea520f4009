//! The meaning of the single settings: addresses, files, origins, times, sizes. Each is read from whichever source wins, and
//! refused with the name of that source.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};

use omnigraph::db::OpenOptions;

use super::SettingsError;
use super::file::Sourced;
use super::sources::{CLIENT_TIMEOUT, CORS_ORIGINS, LOG_FORMAT, MEMORY, REQUEST_TIMEOUT, Sources};
use crate::args::LogFormat;
use crate::client_timeouts::ClientTimeouts;

/// Certificate and key of HTTPS, both PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain, the server's own certificate first.
    pub cert: PathBuf,
    /// Private key of the first certificate.
    pub key: PathBuf,
}

/// From where browsers may call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsOrigins {
    /// From the server's own origin only.
    #[default]
    None,
    /// From everywhere.
    Any,
    /// From these origins, such as `https://console.example.org`.
    List(Vec<HeaderValue>),
}

/// Returns the listen address.
pub(super) fn bind(sources: &Sources<'_>) -> Result<SocketAddr, SettingsError> {
    match (&sources.args.bind, &sources.server.bind) {
        (Some(address), _) => Ok(*address),
        (None, Some(text)) => text.value.trim().parse().map_err(|_| SettingsError::Value {
            origin: text.origin.clone(),
            problem: format!("'{}' is not a listen address; write ip:port", text.value),
        }),
        (None, None) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
    }
}

/// Returns certificate and key, if HTTPS is wanted.
pub(super) fn tls(sources: &Sources<'_>) -> Result<Option<TlsFiles>, SettingsError> {
    let Sources { args, env, server } = sources;
    let path = |flag: &Option<PathBuf>,
                name: &str,
                key: &Option<PathBuf>|
     -> Result<Option<PathBuf>, SettingsError> {
        Ok(flag.clone().or(env.get(name)?.map(PathBuf::from)).or_else(|| key.clone()))
    };
    let cert = path(&args.tls_cert, "OMNIGRAPH_SERVER_TLS_CERT", &server.tls_cert)?;
    let key = path(&args.tls_key, "OMNIGRAPH_SERVER_TLS_KEY", &server.tls_key)?;
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
        (Some(_), None) => Err(SettingsError::IncompleteTls {
            missing: "--tls-key (OMNIGRAPH_SERVER_TLS_KEY, server.tls.key)",
        }),
        (None, Some(_)) => Err(SettingsError::IncompleteTls {
            missing: "--tls-cert (OMNIGRAPH_SERVER_TLS_CERT, server.tls.cert)",
        }),
    }
}

/// Returns the origins that browsers may call from.
pub(super) fn cors(sources: &Sources<'_>) -> Result<CorsOrigins, SettingsError> {
    let Some(Sourced { value, origin }) = CORS_ORIGINS.of(sources)? else { return Ok(CorsOrigins::None) };
    if value.iter().any(|item| item.trim() == "*") {
        if value.len() > 1 {
            let problem = "'*' allows every origin; give it alone".to_owned();
            return Err(SettingsError::Value { origin, problem });
        }
        return Ok(CorsOrigins::Any);
    }
    let origins = value
        .iter()
        .map(|text| {
            web_origin(text.trim()).ok_or_else(|| SettingsError::Value {
                origin: origin.clone(),
                problem: format!(
                    "'{text}' is not an origin; write scheme://host[:port], such as https://example.org"
                ),
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(if origins.is_empty() { CorsOrigins::None } else { CorsOrigins::List(origins) })
}

/// Reads an origin as browsers send it: scheme and host in lower case, the port unless it is the scheme's own,
/// no path (WHATWG HTML, "serialization of an origin").
fn web_origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let authority = uri.authority()?;
    if authority.as_str().contains('@') || text.contains(['?', '#']) || !matches!(uri.path(), "" | "/") {
        return None;
    }
    let host = authority.host().to_ascii_lowercase();
    let port = authority.port_u16().filter(|port| *port != if scheme == "https" { 443 } else { 80 });
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    HeaderValue::from_str(&format!("{scheme}://{host}{port}")).ok()
}

/// Returns the longest time of a request, if there is one.
pub(super) fn request_timeout(sources: &Sources<'_>) -> Result<Option<Duration>, SettingsError> {
    REQUEST_TIMEOUT
        .duration(sources)?
        .map(|time| above_zero(time, "a request needs some time; leave it out for no timeout"))
        .transpose()
}

/// Returns how long clients may stand still.
pub(super) fn client_timeouts(sources: &Sources<'_>) -> Result<ClientTimeouts, SettingsError> {
    let Some(time) = CLIENT_TIMEOUT.duration(sources)? else { return Ok(ClientTimeouts::default()) };
    Ok(ClientTimeouts::uniform(above_zero(time, "a client needs some time; leave it out for the default")?))
}

fn above_zero(time: Sourced<Duration>, problem: &str) -> Result<Duration, SettingsError> {
    match time.value {
        Duration::ZERO => Err(SettingsError::Value { origin: time.origin, problem: problem.to_owned() }),
        time => Ok(time),
    }
}

/// Returns how graphs are opened: a server lives, so it compacts in the background.
pub(super) fn engine(sources: &Sources<'_>) -> Result<OpenOptions, SettingsError> {
    let mut options = OpenOptions {
        embed_on_write: sources.args.embed_on_write || sources.env.truthy("OMNIGRAPH_EMBED_ON_WRITE")?,
        compact_in_background: true,
        ..OpenOptions::default()
    };
    if let Some(text) = MEMORY.of(sources)? {
        options.memory_budget = size(&text)?;
    }
    Ok(options)
}

/// Reads a number of bytes: a whole number and one of `KiB`, `MiB`, `GiB`, or none of them.
fn size(text: &Sourced<String>) -> Result<u64, SettingsError> {
    let trimmed = text.value.trim();
    let digits = trimmed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match trimmed[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => 0,
    };
    let bytes = digits.trim_end().parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| SettingsError::Value {
        origin: text.origin.clone(),
        problem: format!(
            "'{}' is not a size; write a number and KiB, MiB or GiB, such as 512MiB",
            text.value
        ),
    })
}

/// Returns the form of the log lines.
pub(super) fn log_format(sources: &Sources<'_>) -> Result<LogFormat, SettingsError> {
    if let Some(format) = sources.args.log_format {
        return Ok(format);
    }
    let Some(Sourced { value, origin }) = LOG_FORMAT.of(sources)? else { return Ok(LogFormat::default()) };
    match value.trim() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(SettingsError::Value {
            origin,
            problem: format!("'{value}' is no log format; write text or json"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use crate::env::Env;
    use crate::fixtures::env_of;
    use crate::settings::file::ServerBlock;

    /// Calls `read` with nothing but an environment.
    fn with_env<T>(
        lookup: &dyn Fn(&str) -> Option<std::ffi::OsString>,
        read: impl FnOnce(&Sources<'_>) -> T,
    ) -> T {
        let (args, server) = (Args::default(), ServerBlock::default());
        read(&Sources { args: &args, env: &Env::new(lookup), server: &server })
    }

    fn sourced(value: &str) -> Sourced<String> {
        Sourced { value: value.into(), origin: "the key".into() }
    }

    #[test]
    fn sizes_are_bytes() {
        for (text, bytes) in [("1024", 1024), ("512MiB", 512 << 20), (" 2 gib ", 2 << 30), ("1KiB", 1024)] {
            assert_eq!(size(&sourced(text)).unwrap(), bytes, "{text}");
        }
        for text in ["", "0", "1GB", "GiB", "-1", "1.5GiB", "99999999999GiB"] {
            let message = size(&sourced(text)).unwrap_err().to_string();
            assert!(message.contains("the key") && message.contains("not a size"), "{message}");
        }
    }

    #[test]
    fn times_of_zero_are_refused() {
        let lookup =
            env_of(&[("OMNIGRAPH_SERVER_REQUEST_TIMEOUT", "0s"), ("OMNIGRAPH_SERVER_CLIENT_TIMEOUT", "0ms")]);
        let refused = |error: SettingsError| error.to_string();
        let error = with_env(&lookup, |sources| request_timeout(sources).map_err(refused)).unwrap_err();
        assert!(error.starts_with("OMNIGRAPH_SERVER_REQUEST_TIMEOUT: "), "{error}");
        let error = with_env(&lookup, |sources| client_timeouts(sources).map_err(refused)).unwrap_err();
        assert!(error.starts_with("OMNIGRAPH_SERVER_CLIENT_TIMEOUT: "), "{error}");
    }

    #[test]
    fn the_patience_is_given_or_the_default() {
        let (none, given) = (env_of(&[]), env_of(&[("OMNIGRAPH_SERVER_CLIENT_TIMEOUT", "250ms")]));
        assert_eq!(with_env(&none, client_timeouts).unwrap(), ClientTimeouts::default());
        let client_timeouts = with_env(&given, client_timeouts).unwrap();
        assert_eq!(
            (client_timeouts.sending, client_timeouts.reading),
            (Duration::from_millis(250), Duration::from_millis(250))
        );
    }

    #[test]
    fn certificate_and_key_come_together() {
        let (none, key) = (env_of(&[]), env_of(&[("OMNIGRAPH_SERVER_TLS_KEY", "k.pem")]));
        let args = Args { tls_cert: Some("c.pem".into()), ..Args::default() };
        let server = ServerBlock::default();
        let missing = tls(&Sources { args: &args, env: &Env::new(&none), server: &server }).unwrap_err();
        assert!(missing.to_string().contains("--tls-key"), "{missing}");
        let files = tls(&Sources { args: &args, env: &Env::new(&key), server: &server }).unwrap().unwrap();
        assert_eq!(files, TlsFiles { cert: "c.pem".into(), key: "k.pem".into() });
        let missing = with_env(&key, tls).unwrap_err().to_string();
        assert!(missing.contains("--tls-cert"), "{missing}");
        assert_eq!(with_env(&none, tls).unwrap(), None);
    }

    #[test]
    fn origins_are_kept_as_browsers_send_them() {
        let origins = |list: &str| {
            let lookup = env_of(&[("OMNIGRAPH_SERVER_CORS_ORIGINS", list)]);
            with_env(&lookup, cors)
        };
        let CorsOrigins::List(list) =
            origins("https://Console.Example.org:443/, http://localhost:3000,https://[::1]:9").unwrap()
        else {
            panic!()
        };
        assert_eq!(list, ["https://console.example.org", "http://localhost:3000", "https://[::1]:9"]);
        assert_eq!(origins(" * ").unwrap(), CorsOrigins::Any);
        assert_eq!(origins(",").unwrap(), CorsOrigins::None);
        for bad in [
            "example.org",
            "ftp://x",
            "https://x/path",
            "https://u@x",
            "https://x?y",
            "*,https://x",
            "https://",
        ] {
            assert!(matches!(origins(bad), Err(SettingsError::Value { .. })), "{bad}");
        }
    }

    #[test]
    fn the_log_format_is_text_or_json() {
        let format = |text: &str| {
            let lookup = env_of(&[("OMNIGRAPH_SERVER_LOG_FORMAT", text)]);
            with_env(&lookup, log_format)
        };
        assert_eq!(format("").unwrap(), LogFormat::Text);
        assert_eq!(format(" json").unwrap(), LogFormat::Json);
        assert!(format("xml").is_err());
    }

    #[test]
    fn a_bad_address_in_the_file_names_its_key() {
        let server = ServerBlock { bind: Some(sourced("8080")), ..ServerBlock::default() };
        let (lookup, args) = (env_of(&[]), Args::default());
        let error = bind(&Sources { args: &args, env: &Env::new(&lookup), server: &server }).unwrap_err();
        assert!(error.to_string().starts_with("the key: '8080'"), "{error}");
        assert_eq!(with_env(&lookup, bind).unwrap().to_string(), "127.0.0.1:8080");
    }
}
