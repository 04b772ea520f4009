//! Which token is sent to a URL: that of the configured server it lies under, or the general one.

use super::config::OperatorConfig;
use super::credentials::CredentialsFile;
use super::env::{Env, set};
use super::error::OperatorError;
use super::home::OperatorDir;
use crate::token::BearerToken;

/// Variable with the token of servers that have none of their own.
const ANY_SERVER: &str = "OMNIGRAPH_BEARER_TOKEN";

/// Returns the variable with the token of a server: `OMNIGRAPH_TOKEN_`, its name upper-cased, `-` as `_`.
pub fn token_variable(server: &str) -> String {
    format!("OMNIGRAPH_TOKEN_{}", server.to_uppercase().replace('-', "_"))
}

/// Returns the token to send to a URL; `None` when no header is to be sent.
///
/// Of the configured servers that the URL lies under, the one with the longest URL decides: its token is that of its
/// own variable, else of the credentials. Without one, `OMNIGRAPH_BEARER_TOKEN` holds. A server's own token is never
/// sent to a URL that is not under its own.
///
/// # Errors
/// When the credentials are needed and cannot be read, or a token cannot be sent.
pub fn token_for(
    url: &str,
    config: &OperatorConfig,
    dir: Option<&OperatorDir>,
    env: &dyn Env,
) -> Result<Option<BearerToken>, OperatorError> {
    for server in servers_of(url, config) {
        if let Some(token) = of_variable(env, &token_variable(server))? {
            return Ok(Some(token));
        }
        if let Some(token) = dir.map(CredentialsFile::of).map_or(Ok(None), |file| file.token(server))? {
            return Ok(Some(token));
        }
    }
    of_variable(env, ANY_SERVER)
}

fn of_variable(env: &dyn Env, name: &str) -> Result<Option<BearerToken>, OperatorError> {
    set(env, name)
        .map(|text| BearerToken::new(&text))
        .transpose()
        .map_err(|problem| OperatorError::Token { origin: name.to_owned(), problem })
}

/// Returns the servers with the longest URL that a URL lies under: more than one only when they have the same.
fn servers_of<'a>(url: &str, config: &'a OperatorConfig) -> Vec<&'a str> {
    let mut longest = 0;
    let mut found = Vec::new();
    for (name, entry) in &config.servers {
        let base = entry.url.as_deref().unwrap_or_default().trim_end_matches('/');
        let under = url.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if base.is_empty() || !under || base.len() < longest {
            continue;
        }
        if base.len() > longest {
            found.clear();
            longest = base.len();
        }
        found.push(name.as_str());
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const SERVERS: &str = "servers: { all: { url: 'http://h:80/' }, kb-1: { url: 'http://h:80/graphs/kb' }, \
                           other: { url: 'http://h:8080' }, twin: { url: 'http://h:8080/' }, none: {} }";

    fn config() -> OperatorConfig {
        OperatorConfig::parse(Path::new("c"), SERVERS).unwrap().config
    }

    fn lookup(url: &str, vars: &[(&str, &str)], dir: Option<&OperatorDir>) -> Result<Option<String>, String> {
        let env =
            |name: &str| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        token_for(url, &config(), dir, &env)
            .map(|token| token.map(|token| token.expose().to_owned()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_longest_url_that_ends_at_a_slash_decides() {
        let config = config();
        for (url, expected) in [
            ("http://h:80", &["all"][..]),
            ("http://h:80/graphs/kb2", &["all"]),
            ("http://h:80/graphs/kb", &["kb-1"]),
            ("http://h:80/graphs/kb/query", &["kb-1"]),
            ("http://h:8080", &["other", "twin"]),
            ("http://h:8080/x", &["other", "twin"]),
            ("http://h:808", &[]),
            ("http://h", &[]),
            ("http://h:80@evil/", &[]),
            ("https://h:80", &[]),
            ("", &[]),
        ] {
            assert_eq!(servers_of(url, &config), expected, "{url}");
        }
    }

    #[test]
    fn variables_come_before_the_file_and_the_general_one_last() {
        let home = tempfile::tempdir().unwrap();
        let dir = OperatorDir::new(home.path());
        let file = CredentialsFile::of(&dir);
        file.set("kb-1", &BearerToken::new("file").unwrap()).unwrap();
        file.set("twin", &BearerToken::new("twin").unwrap()).unwrap();
        let kb = "http://h:80/graphs/kb";
        let any = ("OMNIGRAPH_BEARER_TOKEN", " any ");
        let own = ("OMNIGRAPH_TOKEN_KB_1", " own\n");
        let found = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(lookup(kb, &[own, any], Some(&dir)), found("own"));
        assert_eq!(lookup(kb, &[("OMNIGRAPH_TOKEN_KB_1", " "), any], Some(&dir)), found("file"));
        assert_eq!(lookup(kb, &[any], None), found("any"));
        assert_eq!(lookup(kb, &[], None), Ok(None));
        assert_eq!(lookup("http://h:80/x", &[own], Some(&dir)), Ok(None));
        assert_eq!(lookup("http://h:80/x", &[own, any], Some(&dir)), found("any"));
        assert_eq!(lookup("http://h:8080", &[any], Some(&dir)), found("twin"));
        assert_eq!(lookup("http://elsewhere", &[own], Some(&dir)), Ok(None));
        assert_eq!(lookup("http://elsewhere", &[own, any], Some(&dir)), found("any"));
    }

    #[test]
    fn a_variable_that_cannot_be_sent_is_named_not_shown() {
        let error = lookup("http://x", &[("OMNIGRAPH_BEARER_TOKEN", "s3cret x")], None).unwrap_err();
        assert!(error.contains("OMNIGRAPH_BEARER_TOKEN") && !error.contains("s3cret"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn an_open_file_matters_only_to_servers_that_need_it() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let dir = OperatorDir::new(home.path());
        CredentialsFile::of(&dir).set("kb-1", &BearerToken::new("file").unwrap()).unwrap();
        std::fs::set_permissions(dir.credentials_path(), std::fs::Permissions::from_mode(0o644)).unwrap();
        let kb = "http://h:80/graphs/kb";
        assert!(lookup(kb, &[], Some(&dir)).unwrap_err().contains("chmod 600"));
        assert_eq!(lookup(kb, &[("OMNIGRAPH_TOKEN_KB_1", "own")], Some(&dir)), Ok(Some("own".to_owned())));
        assert_eq!(lookup("http://h:80", &[], Some(&dir)), Ok(None));
        assert_eq!(lookup("http://elsewhere", &[], Some(&dir)), Ok(None));
    }
}
