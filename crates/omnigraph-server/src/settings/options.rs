//! Flags that may also be variables or keys of the config file, and the reading of their values.
//!
//! A flag wins over its variable, a variable over its key.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};

use omnigraph::db::OpenOptions;

use super::SettingsError;
use super::file::{ServerBlock, Sourced};
use crate::args::{Args, LogFormat};
use crate::env::Env;

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

/// Returns the value that wins, and where it came from.
pub(super) fn pick(
    flag: (&str, Option<&String>),
    env: (&Env<'_>, &str),
    key: Option<&Sourced<String>>,
) -> Result<Option<Sourced<String>>, SettingsError> {
    if let Some(value) = flag.1 {
        return Ok(Some(Sourced { value: value.clone(), origin: flag.0.to_owned() }));
    }
    if let Some(value) = env.0.get(env.1)? {
        return Ok(Some(Sourced { value, origin: env.1.to_owned() }));
    }
    Ok(key.cloned())
}

/// Returns the list that wins: a repeated flag, a variable separated by commas, or a key.
pub(super) fn pick_list(
    flag: (&str, &[String]),
    env: (&Env<'_>, &str),
    key: Option<&Sourced<Vec<String>>>,
) -> Result<Option<Sourced<Vec<String>>>, SettingsError> {
    if !flag.1.is_empty() {
        return Ok(Some(Sourced { value: flag.1.to_vec(), origin: flag.0.to_owned() }));
    }
    if let Some(text) = env.0.get(env.1)? {
        let value =
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect();
        return Ok(Some(Sourced { value, origin: env.1.to_owned() }));
    }
    Ok(key.cloned())
}

/// Returns the listen address.
pub(super) fn bind(args: &Args, server: &ServerBlock) -> Result<SocketAddr, SettingsError> {
    match (&args.bind, &server.bind) {
        (Some(address), _) => Ok(*address),
        (None, Some(text)) => text.value.trim().parse().map_err(|_| SettingsError::Value {
            origin: text.origin.clone(),
            problem: format!("'{}' is not a listen address; write ip:port", text.value),
        }),
        (None, None) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
    }
}

/// Returns certificate and key, if HTTPS is wanted.
pub(super) fn tls(
    args: &Args,
    env: &Env<'_>,
    server: &ServerBlock,
) -> Result<Option<TlsFiles>, SettingsError> {
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
pub(super) fn cors(args: &Args, env: &Env<'_>, server: &ServerBlock) -> Result<CorsOrigins, SettingsError> {
    let list = pick_list(
        ("--cors-origin", &args.cors_origins),
        (env, "OMNIGRAPH_SERVER_CORS_ORIGINS"),
        server.cors_origins.as_ref(),
    )?;
    let Some(Sourced { value, origin }) = list else { return Ok(CorsOrigins::None) };
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
pub(super) fn request_timeout(
    args: &Args,
    env: &Env<'_>,
    server: &ServerBlock,
) -> Result<Option<Duration>, SettingsError> {
    let text = pick(
        ("--request-timeout", args.request_timeout.as_ref()),
        (env, "OMNIGRAPH_SERVER_REQUEST_TIMEOUT"),
        server.request_timeout.as_ref(),
    )?;
    text.map(|text| match duration(&text)? {
        Duration::ZERO => Err(SettingsError::Value {
            origin: text.origin,
            problem: "a request needs some time; leave it out for no timeout".to_owned(),
        }),
        timeout => Ok(timeout),
    })
    .transpose()
}

/// Returns how graphs are opened: a server lives, so it compacts in the background.
pub(super) fn engine(args: &Args, env: &Env<'_>, server: &ServerBlock) -> Result<OpenOptions, SettingsError> {
    let mut options = OpenOptions {
        embed_on_write: args.embed_on_write || env.truthy("OMNIGRAPH_EMBED_ON_WRITE")?,
        compact_in_background: true,
        ..OpenOptions::default()
    };
    let memory =
        pick(("--memory", args.memory.as_ref()), (env, "OMNIGRAPH_SERVER_MEMORY"), server.memory.as_ref())?;
    if let Some(text) = memory {
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
pub(super) fn log_format(
    args: &Args,
    env: &Env<'_>,
    server: &ServerBlock,
) -> Result<LogFormat, SettingsError> {
    if let Some(format) = args.log_format {
        return Ok(format);
    }
    let text =
        pick(("--log-format", None), (env, "OMNIGRAPH_SERVER_LOG_FORMAT"), server.log_format.as_ref())?;
    let Some(Sourced { value, origin }) = text else { return Ok(LogFormat::default()) };
    match value.trim() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(SettingsError::Value {
            origin,
            problem: format!("'{value}' is no log format; write text or json"),
        }),
    }
}

/// Reads a duration: a whole number and one of `ms`, `s`, `m`.
pub(super) fn duration(text: &Sourced<String>) -> Result<Duration, SettingsError> {
    let trimmed = text.value.trim();
    let digits = trimmed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let duration = digits.parse::<u32>().ok().and_then(|number| match &trimmed[digits.len()..] {
        "ms" => Some(Duration::from_millis(number.into())),
        "s" => Some(Duration::from_secs(number.into())),
        "m" => Some(Duration::from_secs(u64::from(number) * 60)),
        _ => None,
    });
    duration.ok_or_else(|| SettingsError::Value {
        origin: text.origin.clone(),
        problem: format!("'{}' is not a duration; write a number and ms, s or m, such as 30s", text.value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::env_of;

    fn sourced(value: &str) -> Sourced<String> {
        Sourced { value: value.into(), origin: "the key".into() }
    }

    #[test]
    fn a_flag_wins_over_a_variable_and_a_variable_over_a_key() {
        let (with, without) = (env_of(&[("V", "env")]), env_of(&[]));
        let (flag, key) = ("flag".to_owned(), sourced("key"));
        let value = |flag: Option<&String>, env: &Env<'_>| {
            pick(("--f", flag), (env, "V"), Some(&key)).unwrap().map(|picked| picked.value)
        };
        assert_eq!(value(Some(&flag), &Env::new(&with)).as_deref(), Some("flag"));
        assert_eq!(value(None, &Env::new(&with)).as_deref(), Some("env"));
        assert_eq!(value(None, &Env::new(&without)).as_deref(), Some("key"));
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
    fn durations_have_a_unit() {
        for (text, millis) in [("500ms", 500), ("30s", 30_000), (" 2m ", 120_000), ("0s", 0)] {
            assert_eq!(duration(&sourced(text)).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in ["30", "s", "-1s", "1.5s", "1h", "99999999999s", "1 s", ""] {
            let message = duration(&sourced(text)).unwrap_err().to_string();
            assert!(message.starts_with("the key: "), "{message}");
        }
    }

    #[test]
    fn a_timeout_of_zero_is_refused() {
        let lookup = env_of(&[("OMNIGRAPH_SERVER_REQUEST_TIMEOUT", "0s")]);
        let error =
            request_timeout(&Args::default(), &Env::new(&lookup), &ServerBlock::default()).unwrap_err();
        assert!(error.to_string().starts_with("OMNIGRAPH_SERVER_REQUEST_TIMEOUT: "), "{error}");
    }

    #[test]
    fn certificate_and_key_come_together() {
        let (none, key) = (env_of(&[]), env_of(&[("OMNIGRAPH_SERVER_TLS_KEY", "k.pem")]));
        let args = Args { tls_cert: Some("c.pem".into()), ..Args::default() };
        let server = ServerBlock::default();
        let missing = tls(&args, &Env::new(&none), &server).unwrap_err().to_string();
        assert!(missing.contains("--tls-key"), "{missing}");
        let files = tls(&args, &Env::new(&key), &server).unwrap().unwrap();
        assert_eq!(files, TlsFiles { cert: "c.pem".into(), key: "k.pem".into() });
        let missing = tls(&Args::default(), &Env::new(&key), &server).unwrap_err().to_string();
        assert!(missing.contains("--tls-cert"), "{missing}");
        assert_eq!(tls(&Args::default(), &Env::new(&none), &server).unwrap(), None);
    }

    #[test]
    fn origins_are_kept_as_browsers_send_them() {
        let origins = |list: &str| {
            let lookup = env_of(&[("OMNIGRAPH_SERVER_CORS_ORIGINS", list)]);
            cors(&Args::default(), &Env::new(&lookup), &ServerBlock::default())
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
            log_format(&Args::default(), &Env::new(&lookup), &ServerBlock::default())
        };
        assert_eq!(format("").unwrap(), LogFormat::Text);
        assert_eq!(format(" json").unwrap(), LogFormat::Json);
        assert!(format("xml").is_err());
    }

    #[test]
    fn a_bad_address_in_the_file_names_its_key() {
        let server = ServerBlock { bind: Some(sourced("8080")), ..ServerBlock::default() };
        assert!(bind(&Args::default(), &server).unwrap_err().to_string().starts_with("the key: '8080'"));
        let default = bind(&Args::default(), &ServerBlock::default()).unwrap();
        assert_eq!(default.to_string(), "127.0.0.1:8080");
    }
}
